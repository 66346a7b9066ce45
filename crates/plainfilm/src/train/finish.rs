//! After the last epoch: score every part with the best weights and write what the run found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::evidence;
use super::folds::FoldSummary;
use super::run_folder::RunFolder;
use super::settings::TrainSettings;
use super::story::Story;
use super::trainer::{Trained, Trainer};
use crate::audit::{Audit, AuditSummary};
use crate::bundle::{DatasetRecord, ModelFile, ModelHeader, Precision, SCHEMA_VERSION, Threshold};
use crate::dataset::{Dataset, Part, Split, SplitMethod};
use crate::evaluate::{PartMetrics, ScoredFilm, evaluate, positive_label};
use crate::model::{NamedTensor, Network};
use crate::report;
use crate::weights::StartingWeights;

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
    /// The same test films with the weights of the last epoch, where a recipe asks for both.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_epoch: Option<LastEpoch>,
    /// What the audit of the data says about these figures; none in files from before there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audit: Option<AuditSummary>,
    /// Fold by fold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folds: Option<FoldSummary>,
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
    let labels = &dataset.labels;
    let positive = positive_label(labels);
    let network_of = |tensors: &[NamedTensor]| {
        Network::from_state_dict(&trainer.settings.network(), tensors, &trainer.device)
    };
    let scored_by = |network: &Network, part| -> Result<Vec<ScoredFilm>, TrainError> {
        let indices = trainer.split.indices(part);
        let probabilities = trainer.score(network, &indices)?;
        Ok(indices
            .iter()
            .zip(probabilities)
            .map(|(&index, probabilities)| ScoredFilm::of(&dataset.films[index], probabilities))
            .collect())
    };
    let network = network_of(&trained.tensors)?;
    let scored = |part| scored_by(&network, part);
    let figures =
        |scored: &[ScoredFilm]| (!scored.is_empty()).then(|| evaluate(labels, positive, scored));
    let test = scored(Part::Test)?;
    let test_figures = figures(&test);
    let last_test = match &trained.last {
        Some(last) => figures(&scored_by(&network_of(last)?, Part::Test)?),
        None => None,
    };
    let metrics = RunMetrics {
        labels: labels.clone(),
        positive_label: labels[positive].clone(),
        split: trainer.split.label_text(),
        test_films_with_patient_in_training: trainer.split.shared_patients(),
        best_epoch: trained.progress.best.map(|best| best.epoch),
        train: figures(&scored(Part::Train)?),
        validation: figures(&scored(Part::Validation)?),
        audit: Some(audit_summary(trainer.audit, test_figures.as_ref())),
        test: test_figures,
        last_epoch: last_test.map(|test| LastEpoch {
            epoch: trained.progress.epochs_done,
            test,
        }),
        folds: None,
        notice: crate::NOT_A_MEDICAL_DEVICE.to_owned(),
    };
    let model = ModelFile {
        header: header(trainer.settings, dataset, trainer.split, &metrics)?,
        tensors: trained.tensors.clone(),
    };
    model.save(&trainer.folder.model_path(), Precision::F32)?;
    let story = Story {
        films: trainer.films,
        audit: trainer.audit,
        settings: trainer.settings,
        split: trainer.split,
    };
    // A fold's network is one of several, and the report that people read is of all of them.
    let evidence = match trainer.settings.split.folds {
        None => evidence::look(trainer, &model)?,
        Some(_) => None,
    };
    report::write(
        trainer.folder.root(),
        &story.tell(Some(&trained.progress), &metrics, &test, evidence)?,
    )?;
    write_tables(trainer.folder, &metrics, &test)?;
    Ok((metrics, test))
}

/// The audit's verdict beside the accuracy that it is about, or that there was none.
pub(super) fn audit_summary(audit: Option<&Audit>, test: Option<&PartMetrics>) -> AuditSummary {
    let accuracy = test.and_then(|test| test.accuracy.value());
    audit.map_or_else(AuditSummary::not_audited, |audit| audit.summary(accuracy))
}

/// Writes `predictions.csv`, then `metrics.json`, whose presence says that the run is done.
pub(super) fn write_tables(
    folder: &RunFolder,
    metrics: &RunMetrics,
    test: &[ScoredFilm],
) -> Result<(), TrainError> {
    folder.write_predictions(&metrics.labels, test, &ScoredFilm::predicted)?;
    let json = serde_json::to_string_pretty(metrics)
        .expect("metrics hold only text, finite numbers and null")
        + "\n";
    folder.write("metrics.json", json.as_bytes())
}

fn header(
    settings: &TrainSettings,
    dataset: &Dataset,
    split: &Split,
    metrics: &RunMetrics,
) -> Result<ModelHeader, TrainError> {
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
    Ok(ModelHeader {
        schema_version: SCHEMA_VERSION,
        plainfilm_version: env!("CARGO_PKG_VERSION").to_owned(),
        network: settings.network(),
        labels: dataset.labels.clone(),
        preprocessing: settings.preprocessing.clone(),
        positive_label: Some(metrics.positive_label.clone()),
        threshold: Threshold {
            value: 0.5,
            chosen: "default".to_owned(),
        },
        calibration_temperature: 1.0,
        training: serde_json::to_value(training).expect(as_json),
        seed: settings.seed,
        dataset: DatasetRecord {
            name: name.to_string_lossy().into_owned(),
            fingerprint: dataset.fingerprint(),
            films_per_label,
            split: metrics.split.clone(),
            patients_grouped: split.method != SplitMethod::Random
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
        not_a_medical_device: crate::NOT_A_MEDICAL_DEVICE.to_owned(),
    })
}
