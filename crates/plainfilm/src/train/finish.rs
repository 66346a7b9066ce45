//! After the last epoch: score every part with the best weights and write what the run found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::evidence;
use super::findings::{self, FindingsFigures};
use super::folds::{FoldSummary, Ungrouped};
use super::learning::LearningPoint;
use super::run_folder::RunFolder;
use super::settings::TrainSettings;
use super::story::Story;
use super::trainer::{Trained, Trainer};
use crate::report::{self, EvidenceSection};
use plainfilm_audit::{Audit, AuditSummary};
use plainfilm_data::{Dataset, Part, Split};
use plainfilm_figures::{
    CalibrationMethod, Operation, OperationFigures, OperationSettings, PartMetrics, ScoredFilm,
    Subgroups, ThresholdRule, evaluate, positive_label, subgroups,
};
use plainfilm_model::bundle::{
    DatasetRecord, ModelFile, ModelHeader, Precision, SCHEMA_VERSION, Threshold,
};
use plainfilm_model::networks::{NamedTensor, Network};
use plainfilm_model::weights::StartingWeights;

/// `metrics.json`: the figures of each part, and what they were computed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunMetrics {
    /// Labels, in the order of rows and columns.
    pub labels: Vec<String>,
    /// The label that AUPRC, Brier score and threshold are about.
    pub positive_label: String,
    /// How films were divided, in one sentence.
    pub split: String,
    /// Test films of a patient who is also in training.
    pub test_films_with_patient_in_training: usize,
    /// Epoch whose weights were evaluated, counted from 1; none for folds together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub best_epoch: Option<usize>,
    /// Training films, without augmentation; none for folds together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub train: Option<PartMetrics>,
    /// Films that chose the epoch; none when the split has no validation part.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub validation: Option<PartMetrics>,
    /// Films that chose nothing; of all folds when there are folds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test: Option<PartMetrics>,
    /// How probabilities become answers, chosen on the validation films; none for folds together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation: Option<Operation>,
    /// What that does on the test films.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operation_on_test: Option<OperationFigures>,
    /// What fewer training films reached, up to all of them; empty unless it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learning_curve: Vec<LearningPoint>,
    /// The test films by sex, age, view and source.
    #[serde(default)]
    pub subgroups: Subgroups,
    /// Each finding for itself and all together, where films may have any number of them; the other figures are
    /// then of whether a film has any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub findings: Option<FindingsFigures>,
    /// The same test films with the weights of the last epoch, as they are, where a recipe asks for both.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_epoch: Option<LastEpoch>,
    /// What the audit of the data says about these figures; none in files from before there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audit: Option<AuditSummary>,
    /// Fold by fold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folds: Option<FoldSummary>,
    /// The same cross-validation without regard to patients, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ungrouped: Option<Ungrouped>,
    /// For research and teaching only.
    pub notice: String,
}

/// What the last epoch's weights do on the test films.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastEpoch {
    /// Which one, counted from 1.
    pub epoch: usize,
    /// Its figures.
    pub test: PartMetrics,
}

impl RunMetrics {
    /// The figures of one part.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&PartMetrics> {
        match part {
            Part::Train => self.train.as_ref(),
            Part::Validation => self.validation.as_ref(),
            Part::Test => self.test.as_ref(),
            Part::LeftOut => None,
        }
    }
}

/// Evaluates the kept weights on every part and writes predictions, metrics, model and report.
/// Returns the figures and the scored test films.
pub(super) fn finish(
    trainer: &Trainer<'_>,
    trained: &Trained,
) -> Result<(RunMetrics, Vec<ScoredFilm>), TrainError> {
    let dataset = &trainer.films.dataset;
    if !dataset.findings.is_empty() {
        return findings::finish(trainer, trained);
    }
    let network_of = |tensors: &[NamedTensor]| {
        Network::from_state_dict(&trainer.settings.network(), tensors, &trainer.device)
    };
    let scored_by = |network: &Network, part| -> Result<Vec<ScoredFilm>, TrainError> {
        let indices = trainer.split.indices(part);
        let probabilities = trainer.score(network, &indices)?;
        Ok(indices
            .iter()
            .zip(probabilities)
            .map(|(&index, probabilities)| dataset.films[index].scored(probabilities))
            .collect())
    };
    let network = network_of(&trained.tensors)?;
    let last_test = match &trained.last {
        Some(last) => Some(scored_by(&network_of(last)?, Part::Test)?),
        None => None,
    };
    let Judged {
        metrics,
        test,
        operation,
    } = judge(
        trainer,
        trained,
        &|part| scored_by(&network, part),
        last_test,
    )?;
    let model = ModelFile {
        header: header(
            trainer.settings,
            dataset,
            trainer.split,
            &metrics,
            &operation,
        ),
        tensors: trained.tensors.clone(),
    };
    model.save(&trainer.folder.model_path(), Precision::F32)?;
    // A fold's network is one of several, and the report that people read is of all of them.
    let evidence = match trainer.settings.split.folds {
        None => {
            let tested = evidence::Tested {
                split: trainer.split.clone(),
                model,
            };
            evidence::look(trainer.films, trainer.settings, trainer.folder, &[tested])?
        }
        Some(_) => None,
    };
    write_report(trainer, trained, &metrics, &test, evidence)?;
    Ok((metrics, test))
}

/// What a network does on the films of a split.
pub(super) struct Judged {
    pub metrics: RunMetrics,
    /// Calibrated and called.
    pub test: Vec<ScoredFilm>,
    pub operation: Operation,
}

/// Chooses the operation on validation films and judges every part by it. `scored_by` gives the films of a
/// part with the network's own probabilities, `last_test` are the test films by the last epoch's.
pub(super) fn judge(
    trainer: &Trainer<'_>,
    trained: &Trained,
    scored_by: &dyn Fn(Part) -> Result<Vec<ScoredFilm>, TrainError>,
    last_test: Option<Vec<ScoredFilm>>,
) -> Result<Judged, TrainError> {
    let labels = &trainer.films.dataset.labels;
    let positive = positive_label(labels);
    let validation = scored_by(Part::Validation)?;
    let settings = &trainer.settings.operation;
    let operation = Operation::choose(settings, labels, positive, &validation);
    let scored = |part| -> Result<Vec<ScoredFilm>, TrainError> {
        Ok(operation.apply(positive, &scored_by(part)?))
    };
    let figures =
        |scored: &[ScoredFilm]| (!scored.is_empty()).then(|| evaluate(labels, positive, scored));
    let uncalibrated = scored_by(Part::Test)?;
    let test = operation.apply(positive, &uncalibrated);
    let test_figures = figures(&test);
    let before = (operation.calibration.method != CalibrationMethod::None)
        .then(|| figures(&uncalibrated))
        .flatten();
    let operation_on_test = (!test.is_empty()).then(|| {
        operation.judge(
            labels,
            positive,
            &test,
            before.as_ref(),
            settings.prevalence,
        )
    });
    let mut learning_curve = trainer.curve.to_vec();
    if let Some(test) = test_figures.as_ref().filter(|_| !learning_curve.is_empty()) {
        learning_curve.push(LearningPoint::of(trainer.split, test));
    }
    let metrics = RunMetrics {
        learning_curve,
        labels: labels.clone(),
        positive_label: labels[positive].clone(),
        split: trainer.split.label_text(),
        test_films_with_patient_in_training: trainer.split.shared_patients(),
        best_epoch: trained.progress.best.map(|best| best.epoch),
        train: figures(&scored(Part::Train)?),
        validation: figures(&operation.apply(positive, &validation)),
        audit: Some(audit_summary(trainer.audit, test_figures.as_ref())),
        test: test_figures,
        operation: Some(operation.clone()),
        operation_on_test,
        subgroups: subgroups(labels, positive, &test),
        findings: None,
        last_epoch: last_test
            .and_then(|test| figures(&test))
            .map(|test| LastEpoch {
                epoch: trained.progress.epochs_done,
                test,
            }),
        folds: None,
        ungrouped: None,
        notice: plainfilm_film::NOT_A_MEDICAL_DEVICE.to_owned(),
    };
    Ok(Judged {
        metrics,
        test,
        operation,
    })
}

/// Writes the report, the test films and, last, the figures.
pub(super) fn write_report(
    trainer: &Trainer<'_>,
    trained: &Trained,
    metrics: &RunMetrics,
    test: &[ScoredFilm],
    evidence: Option<EvidenceSection>,
) -> Result<(), TrainError> {
    let story = Story {
        films: trainer.films,
        audit: trainer.audit,
        settings: trainer.settings,
        split: trainer.split,
    };
    report::write(
        trainer.folder.root(),
        &story.tell(Some(&trained.progress), metrics, test, evidence)?,
    )?;
    write_tables(trainer.folder, metrics, test)
}

/// The audit's verdict beside the accuracy that it is about, or that there was none.
pub(super) fn audit_summary(audit: Option<&Audit>, test: Option<&PartMetrics>) -> AuditSummary {
    let accuracy = test.and_then(|test| test.accuracy.value());
    audit.map_or_else(AuditSummary::not_audited, |audit| audit.summary(accuracy))
}

/// What 0.5, or the threshold that was asked for, does on the films of all folds, whose networks each had an
/// operation of their own.
pub(super) fn judge_pooled(
    labels: &[String],
    pooled: &[ScoredFilm],
    settings: &OperationSettings,
) -> OperationFigures {
    let positive = positive_label(labels);
    let plain = OperationSettings {
        threshold: match settings.threshold {
            ThresholdRule::Fixed(value) => ThresholdRule::Fixed(value),
            _ => ThresholdRule::default(),
        },
        ..OperationSettings::default()
    };
    let operation = Operation::choose(&plain, labels, positive, &[]);
    let mut judged = operation.judge(labels, positive, pooled, None, settings.prevalence);
    if plain.threshold != settings.threshold {
        // Every fold chose its own: there is no threshold to judge all films by.
        judged.points.clear();
    }
    judged
}

/// Writes `predictions.csv`, then `metrics.json`, whose presence says that the run is done.
pub(super) fn write_tables(
    folder: &RunFolder,
    metrics: &RunMetrics,
    test: &[ScoredFilm],
) -> Result<(), TrainError> {
    folder.write_predictions(&metrics.labels, test)?;
    let json = serde_json::to_string_pretty(metrics)
        .expect("metrics hold only text, finite numbers and null")
        + "\n";
    folder.write("metrics.json", json.as_bytes())
}

/// What a model file says about its network.
pub(super) fn header(
    settings: &TrainSettings,
    dataset: &Dataset,
    split: &Split,
    metrics: &RunMetrics,
    operation: &Operation,
) -> ModelHeader {
    let films_per_label: BTreeMap<String, u64> = dataset
        .labels
        .iter()
        .cloned()
        .zip(
            dataset
                .films_per_label()
                .into_iter()
                .map(|films| films as u64),
        )
        .collect();
    let name = dataset
        .origin
        .file_name()
        .unwrap_or(dataset.origin.as_os_str());
    // Where the films lay is this machine's business: the same training gives the same bytes anywhere.
    let training = TrainSettings {
        data: name.into(),
        weights: settings.weights.clone().map(|weights| StartingWeights {
            path: weights.path.file_name().unwrap_or_default().into(),
            ..weights
        }),
        ..settings.clone()
    };
    let as_json = "settings and metrics hold only text and finite numbers";
    ModelHeader {
        schema_version: SCHEMA_VERSION,
        plainfilm_version: env!("CARGO_PKG_VERSION").to_owned(),
        network: settings.network(),
        labels: dataset.labels.clone(),
        preprocessing: settings.preprocessing.clone(),
        positive_label: Some(metrics.positive_label.clone()),
        threshold: Threshold {
            value: operation.threshold,
            chosen: operation.chosen.clone(),
        },
        calibration_temperature: operation.calibration.temperature(),
        operation: Some(operation.clone()),
        findings: Vec::new(),
        training: serde_json::to_value(training).expect(as_json),
        seed: settings.seed,
        dataset: DatasetRecord {
            name: name.to_string_lossy().into_owned(),
            fingerprint: dataset.fingerprint(),
            films_per_label,
            split: metrics.split.clone(),
            patients_grouped: !split.method.ignores_patients()
                && metrics.test_films_with_patient_in_training == 0,
            synthetic: dataset.synthetic,
        },
        audit: metrics.audit.clone(),
        weights: settings
            .weights
            .as_ref()
            .map(|weights| weights.record.clone()),
        metrics: serde_json::to_value(metrics).expect(as_json),
        licence: "of the films it was trained on, which differ; see the data set".to_owned(),
        intended_use: "Research and teaching: comparing methods, and showing how a data set can \
                       mislead. Not for any decision about a patient."
            .to_owned(),
        not_a_medical_device: plainfilm_film::NOT_A_MEDICAL_DEVICE.to_owned(),
    }
}
