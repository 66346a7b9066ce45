//! After the last epoch of a network for films with any number of findings: each finding is judged as a
//! question of its own, with everything that a network of two labels gets, and then all together.
//!
//! The run's own figures are of whether a film shows any finding, by its most probable one: that is what the
//! audit asks too.

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::results::{self, Judged};
use super::run_metrics::RunMetrics;
use super::trainer::{Trained, Trainer};
use plainfilm_audit::AuditSummary;
use plainfilm_data::{Dataset, Part, Split};
use plainfilm_figures::Presence;
use plainfilm_figures::{
    Estimate, FindingsAverages, FindingsFilm, Operation, PartMetrics, ScoredFilm, average_findings,
    evaluate,
};
use plainfilm_model::bundle::{ModelFile, ModelHeader, Precision, Threshold};
use plainfilm_model::networks::Network;

/// The test figures of all findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingsFigures {
    /// Over all findings.
    pub averages: FindingsAverages,
    /// One a finding, in the order of the network's outputs.
    pub each: Vec<FindingFigures>,
}

/// The test figures of one finding, on the films of which it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingFigures {
    /// Its name.
    pub finding: String,
    /// The folder with its own report and figures, inside the run's; none of an evaluation that wrote none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<String>,
    /// Films of which it is known.
    pub known: usize,
    /// Those that show it.
    pub present: usize,
    /// It is called from this probability on; none of folds together, whose networks have one each.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub threshold: Option<f64>,
    /// Area under the ROC curve.
    pub auroc: Estimate,
    /// Average precision.
    pub auprc: Estimate,
    /// Of the films that show it, the share that is called.
    pub sensitivity: Estimate,
    /// Of the films that do not, the share that is not.
    pub specificity: Estimate,
    /// Of the films that are called, the share that shows it.
    pub precision: Estimate,
    /// F1.
    pub f1: Estimate,
    /// Expected calibration error.
    pub ece: Estimate,
}

impl FindingsFigures {
    /// Judges the calls and probabilities of films; none without films. `operations` made the calls, one a
    /// finding, where they are one network's.
    pub fn of(
        findings: &[String],
        films: &[FindingsFilm],
        operations: Option<&[Operation]>,
    ) -> Option<Self> {
        if films.is_empty() {
            return None;
        }
        let each = findings.iter().enumerate().map(|(finding, name)| {
            let known: Vec<ScoredFilm> = films
                .iter()
                .filter(|film| film.presence[finding] != Presence::Unknown)
                .map(|film| {
                    let p = film.probabilities[finding];
                    let index = |yes: bool| usize::from(!yes);
                    let truth = index(film.presence[finding] == Presence::Present);
                    ScoredFilm {
                        patient: film.patient.clone(),
                        called: Some(index(film.called[finding])),
                        ..ScoredFilm::alone(film.path.clone(), truth, vec![p, 1.0 - p])
                    }
                })
                .collect();
            let labels = [name.clone(), format!("no {name}")];
            let threshold = operations.map(|operations| operations[finding].threshold);
            FindingFigures::of(name, &evaluate(&labels, 0, &known), threshold)
        });
        Some(Self {
            each: each.collect(),
            averages: average_findings(films),
        })
    }
}

impl FindingFigures {
    /// What two labels' figures say about the first of them.
    fn of(finding: &str, test: &PartMetrics, threshold: Option<f64>) -> Self {
        let own = &test.per_label[0].1;
        Self {
            finding: finding.to_owned(),
            folder: None,
            known: test.n,
            present: own.support as usize,
            threshold,
            auroc: own.auroc.clone(),
            auprc: own.auprc.clone(),
            sensitivity: own.sensitivity.clone(),
            specificity: own.specificity.clone(),
            precision: own.precision.clone(),
            f1: own.f1.clone(),
            ece: test.ece.clone(),
        }
    }
}

/// What the network says of every film of the split: nothing of those that are left out.
struct Table {
    rows: Vec<Option<Vec<f64>>>,
}

impl Table {
    /// The films of a part with a probability that is made of theirs, as films of two labels.
    fn question(
        &self,
        dataset: &Dataset,
        split: &Split,
        part: Part,
        probability: &dyn Fn(&[f64]) -> f64,
    ) -> Vec<ScoredFilm> {
        let films = split.indices(part).into_iter();
        films
            .filter_map(|index| {
                let p = probability(self.rows[index].as_deref()?);
                Some(dataset.films[index].scored(vec![p, 1.0 - p]))
            })
            .collect()
    }
}

/// Whether a film's answer to "any finding?" is known: it shows one, or is known to show none.
pub(super) fn any_is_known(presence: &[Presence]) -> bool {
    presence.contains(&Presence::Present) || !presence.contains(&Presence::Unknown)
}

/// The split without the films that do not count.
fn without(split: &Split, dataset: &Dataset, counts: impl Fn(&[Presence]) -> bool) -> Split {
    let mut kept = split.clone();
    for (part, film) in kept.parts.iter_mut().zip(&dataset.films) {
        if !counts(&film.findings) {
            *part = Part::LeftOut;
        }
    }
    kept
}

/// As [`results::write`], for films with findings.
pub(super) fn write(
    trainer: &Trainer<'_>,
    trained: &Trained,
) -> Result<(RunMetrics, Vec<ScoredFilm>), TrainError> {
    let dataset = &trainer.films.dataset;
    let network = Network::from_state_dict(
        &trainer.settings.network(),
        &trained.tensors,
        &trainer.device,
    )?;
    let table = table(trainer, &network)?;
    let mut operations = Vec::with_capacity(dataset.findings.len());
    for finding in 0..dataset.findings.len() {
        let films = trainer.films.of_finding(finding);
        let split = without(trainer.split, dataset, |presence| {
            presence[finding] != Presence::Unknown
        });
        let folder = trainer
            .folder
            .inside(&folder_name(&dataset.findings, finding));
        folder.create()?;
        let own = Trainer {
            films: &films,
            features: trainer.features,
            split: &split,
            audit: None,
            curve: &[],
            settings: trainer.settings,
            folder: &folder,
            device: trainer.device.clone(),
            interrupt: trainer.interrupt,
            reporter: trainer.reporter,
        };
        let scored_by =
            |part| Ok(table.question(&films.dataset, &split, part, &|row| row[finding]));
        let Judged {
            mut metrics,
            test,
            operation,
        } = results::judge(&own, trained, &scored_by, None)?;
        metrics.audit = Some(AuditSummary::of_any_finding());
        split.write_csv(&films.dataset, &folder.split_path())?;
        results::report(&own, trained, &metrics, &test, &[])?;
        operations.push(operation);
    }
    let test: Vec<FindingsFilm> = trainer
        .split
        .indices(Part::Test)
        .into_iter()
        .filter_map(|index| Some((index, table.rows[index].as_deref()?)))
        .map(|(index, row)| called(dataset, index, row, &operations))
        .collect();
    trainer.folder.write_findings(&dataset.findings, &test)?;
    let mut figures = FindingsFigures::of(&dataset.findings, &test, Some(&operations));
    for (finding, own) in figures.iter_mut().flat_map(|all| &mut all.each).enumerate() {
        own.folder = Some(folder_name(&dataset.findings, finding));
    }
    let split = without(trainer.split, dataset, any_is_known);
    let any = Trainer {
        films: trainer.films,
        features: trainer.features,
        split: &split,
        audit: trainer.audit,
        curve: trainer.curve,
        settings: trainer.settings,
        folder: trainer.folder,
        device: trainer.device.clone(),
        interrupt: trainer.interrupt,
        reporter: trainer.reporter,
    };
    let most = |row: &[f64]| row.iter().copied().fold(0.0, f64::max);
    let scored_by = |part| Ok(table.question(dataset, &split, part, &most));
    let Judged {
        mut metrics, test, ..
    } = results::judge(&any, trained, &scored_by, None)?;
    metrics.findings = figures;
    let model = ModelFile {
        header: header(trainer, &metrics, operations),
        tensors: trained.tensors.clone(),
    };
    model.save(&trainer.folder.model_path(), Precision::F32)?;
    results::report(&any, trained, &metrics, &test, &[])?;
    Ok((metrics, test))
}

fn table(trainer: &Trainer<'_>, network: &Network) -> Result<Table, TrainError> {
    let dataset = &trainer.films.dataset;
    let indices: Vec<usize> = [Part::Train, Part::Validation, Part::Test]
        .into_iter()
        .flat_map(|part| trainer.split.indices(part))
        .collect();
    let mut rows = vec![None; dataset.films.len()];
    for (&index, row) in indices.iter().zip(trainer.score(network, &indices)?) {
        rows[index] = Some(row);
    }
    Ok(Table { rows })
}

/// A test film with calibrated probabilities and its calls.
fn called(dataset: &Dataset, index: usize, row: &[f64], operations: &[Operation]) -> FindingsFilm {
    let film = &dataset.films[index];
    let probabilities: Vec<f64> = row
        .iter()
        .zip(operations)
        .map(|(&p, operation)| operation.calibration.apply(0, &[p, 1.0 - p])[0])
        .collect();
    FindingsFilm {
        path: film.path.clone(),
        patient: film.patient_id.clone(),
        presence: film.findings.clone(),
        called: probabilities
            .iter()
            .zip(operations)
            .map(|(&p, operation)| p >= operation.threshold)
            .collect(),
        probabilities,
    }
}

fn header(trainer: &Trainer<'_>, metrics: &RunMetrics, operations: Vec<Operation>) -> ModelHeader {
    let dataset = &trainer.films.dataset;
    // The operation is of "any finding?": the model file has the findings' own.
    let mut header = results::header(
        trainer.settings,
        dataset,
        trainer.split,
        metrics,
        &operations[0],
    );
    header.dataset.films_per_label = dataset
        .findings
        .iter()
        .cloned()
        .zip(dataset.films_per_output())
        .map(|(name, films)| (name, films as u64))
        .collect();
    header.labels.clone_from(&dataset.findings);
    header.positive_label = None;
    header.operation = None;
    header.calibration_temperature = 1.0;
    header.threshold = Threshold {
        value: 0.5,
        chosen: "each finding has its own".to_owned(),
    };
    header.findings = operations;
    header
}

/// `findings/<name>`, in letters that every file system takes; with a number where two become the same.
fn folder_name(findings: &[String], finding: usize) -> String {
    let plain = |name: &String| -> String {
        name.chars()
            .map(|letter| match letter.is_ascii_alphanumeric() {
                true => letter.to_ascii_lowercase(),
                false => '-',
            })
            .collect()
    };
    let own = plain(&findings[finding]);
    let same = findings[..finding].iter().filter(|name| plain(name) == own);
    match same.count() {
        0 => format!("findings/{own}"),
        more => format!("findings/{own}-{}", more + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_for_findings() {
        let names = ["Pleural Thickening", "Mass", "mass", "Mass "].map(str::to_owned);
        let folders: Vec<String> = (0..4).map(|finding| folder_name(&names, finding)).collect();
        let expected = ["pleural-thickening", "mass", "mass-2", "mass-"];
        assert_eq!(folders, expected.map(|name| format!("findings/{name}")));
    }

    #[test]
    fn any_finding_is_known_where_one_is_or_all_are() {
        use Presence::{Absent, Present, Unknown};
        for (presence, known) in [
            ([Present, Unknown], true),
            ([Absent, Absent], true),
            ([Absent, Unknown], false),
        ] {
            assert_eq!(any_is_known(&presence), known, "{presence:?}");
        }
    }
}
