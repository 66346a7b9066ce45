//! What the report says about films that were judged without a training: the scores of a model, or predictions that
//! any tool wrote, turned into the plain data of the page that a training has.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::cannot_show;
use super::on_any_page::{
    TEST_SAMPLES, THUMBNAIL, draw, labels_in_title, model_facts, notices_of_figures, sample,
    surest_errors,
};
use plainfilm_audit::{Audit, AuditSummary};
use plainfilm_data::{Dataset, Part, PatientOrigin, SetAside};
use plainfilm_figures::{Operation, OperationFigures, PartMetrics, ScoredFilm, Subgroups, counted};
use plainfilm_film::radiograph::Preprocessing;
use plainfilm_model::networks::NetworkSettings;
use plainfilm_report::{
    AuditSection, DataSummary, EvaluationRecord, Notice, Record, ReportFiles, ReportInput,
    Severity, TestSample, Thumbnail,
};
use plainfilm_train::TrainError;

/// Seed of the draw of films to show.
const SEED: u64 = 42;

/// Films that were judged, and what came of it.
#[derive(Debug, Clone)]
pub struct Evaluated<'a> {
    /// What gave the probabilities, such as a network's name or a table's path.
    pub judged: String,
    /// The network, where there is one: its name, settings and preprocessing.
    pub network: Option<(&'a str, &'a NetworkSettings, &'a Preprocessing)>,
    /// Where the films are from, as the user named it.
    pub origin: String,
    /// When, as text.
    pub when: String,
    /// What else is known: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// One sentence: which films were judged.
    pub which: String,
    /// One sentence: whether training may have seen the films or their patients.
    pub seen: String,
    /// What the reader must know besides what figures tell.
    pub notices: Vec<Notice>,
    /// Labels in the order of the probabilities.
    pub labels: &'a [String],
    /// Index of the positive label.
    pub positive: usize,
    /// The films with their probabilities.
    pub scored: &'a [ScoredFilm],
    /// Their figures.
    pub figures: &'a PartMetrics,
    /// How probabilities become answers, and what that does.
    pub operation: Option<(&'a Operation, &'a OperationFigures)>,
    /// Figures by group.
    pub subgroups: &'a Subgroups,
    /// What was not judged.
    pub set_aside: &'a [SetAside],
    /// How patients were found; none: every film is taken to show one of its own.
    pub patients: Option<PatientOrigin>,
    /// The judged films, by their paths, where they are at hand.
    pub films: Option<&'a Dataset>,
    /// What predicts the label of these films without the lungs.
    pub audit: Option<&'a Audit>,
}

/// Writes `report.html` and its pictures into a folder: the page that a training has, without what only a training
/// knows. Films that cannot be read any more are not shown.
///
/// # Errors
///
/// When the network's settings are of none that there is, or the page cannot be made or written.
pub fn write_report(folder: &Path, evaluated: &Evaluated<'_>) -> Result<ReportFiles, TrainError> {
    plainfilm_report::write(folder, &report_input(evaluated)?).map_err(cannot_show)
}

fn report_input(of: &Evaluated<'_>) -> Result<ReportInput, TrainError> {
    let model = of
        .network
        .map(|(name, settings, preprocessing)| model_facts(name, settings, preprocessing))
        .transpose()?;
    let name = model
        .as_ref()
        .map_or("Predictions", |model| model.name.as_str());
    let summary = match of.audit {
        Some(audit) => audit.summary(of.figures.accuracy.value()),
        None => AuditSummary::not_audited(),
    };
    let (operation, operation_on_test) = of.operation.unzip();
    let mut notices = of.notices.clone();
    notices.extend(notices_of_figures(of.figures, of.subgroups));
    if !of.set_aside.is_empty() {
        notices.push(Notice {
            severity: Severity::Note,
            text: format!(
                "{} could not be judged; they are listed below.",
                counted(of.set_aside.len(), "film")
            ),
        });
    }
    Ok(ReportInput {
        title: format!("{name}: {}", labels_in_title(of.labels)),
        labels: of.labels.to_vec(),
        positive: of.positive,
        history: Vec::new(),
        kept_epoch: None,
        metrics: vec![(Part::Test, of.figures.clone())],
        scored: of.scored.to_vec(),
        operation: operation.cloned(),
        operation_on_test: operation_on_test.cloned(),
        subgroups: of.subgroups.clone(),
        learning_curve: Vec::new(),
        elsewhere: None,
        folds: None,
        ungrouped: None,
        errors: samples(of, &surest_errors(of.scored)),
        test_samples: samples(
            of,
            &draw(of.scored.len(), TEST_SAMPLES, SEED, "test samples"),
        ),
        training_samples: Vec::new(),
        data: data_summary(of),
        notices,
        audit: AuditSection::of(summary, of.audit, of.films),
        evidence: None,
        findings: None,
        record: Record::Evaluation(EvaluationRecord {
            judged: of.judged.clone(),
            when: of.when.clone(),
            model,
            seen: of.seen.clone(),
            facts: of.facts.clone(),
        }),
    })
}

/// Those of the films that are at hand, as the page shows them.
fn samples(of: &Evaluated<'_>, positions: &[usize]) -> Vec<TestSample> {
    let Some(dataset) = of.films else {
        return Vec::new();
    };
    let by_path: HashMap<&str, usize> = dataset
        .films
        .iter()
        .enumerate()
        .map(|(place, film)| (film.path.as_str(), place))
        .collect();
    let positions = positions.iter();
    positions
        .filter_map(|&position| {
            let film = &of.scored[position];
            let place = *by_path.get(film.path.as_str())?;
            let radiograph = dataset.film(&dataset.films[place]).ok()?;
            Some(sample(film, Thumbnail::of(&radiograph, THUMBNAIL)))
        })
        .collect()
}

fn data_summary(of: &Evaluated<'_>) -> DataSummary {
    let mut counts = vec![[0; 3]; of.labels.len()];
    let mut sources = BTreeMap::<String, Vec<usize>>::new();
    for film in of.scored {
        counts[film.truth][Part::Test as usize] += 1;
        if let Some(source) = &film.source {
            sources
                .entry(source.clone())
                .or_insert_with(|| vec![0; of.labels.len()])[film.truth] += 1;
        }
    }
    let patients = of.figures.patients;
    DataSummary {
        origin: of.origin.clone(),
        counts,
        patients: [0, 0, patients],
        patients_in_all: patients,
        patient_origin: of.patients,
        sources: sources.into_iter().collect(),
        split_method: of.which.clone(),
        grouped: true,
        shared_test_films: 0,
        set_aside: of.set_aside.to_vec(),
        synthetic: of.films.is_some_and(|dataset| dataset.synthetic),
    }
}
