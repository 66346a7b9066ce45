//! How a trained network does on the films of each part, and what is written of it.

use std::collections::BTreeMap;

use crate::error::TrainError;
use crate::learning_point::LearningPoint;
use crate::reporter::{FinishedRun, TestedNetwork};
use crate::run_folder::RunFolder;
use crate::run_metrics::{LastEpoch, RunMetrics};
use crate::settings::TrainSettings;
use crate::trainer::{Trained, Trainer};
use plainfilm_audit::{Audit, AuditSummary};
use plainfilm_data::Part;
use plainfilm_figures::{
    CalibrationMethod, Operation, OperationFigures, OperationSettings, PartMetrics, ScoredFilm,
    ThresholdRule, evaluate, subgroups,
};
use plainfilm_model::bundle::{
    DatasetRecord, FilmDigests, FittedFilms, ModelHeader, SCHEMA_VERSION, Threshold,
};
use plainfilm_model::weights::StartingWeights;

/// What a network does on the films of a split.
pub(crate) struct Judged {
    pub metrics: RunMetrics,
    /// Calibrated and called.
    pub test: Vec<ScoredFilm>,
    pub operation: Operation,
}

/// Chooses the operation on validation films and judges every part by it. `scored_by` gives the films of a
/// part with the network's own probabilities, `last_test` are the test films by the last epoch's.
pub(crate) fn judge(
    trainer: &Trainer<'_>,
    trained: &Trained,
    scored_by: &dyn Fn(Part) -> Result<Vec<ScoredFilm>, TrainError>,
    last_test: Option<Vec<ScoredFilm>>,
) -> Result<Judged, TrainError> {
    let labels = &trainer.films.dataset.labels;
    let positive = trainer.settings.positive_of(labels);
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
    let answered = operation.apply(positive, &validation);
    if !validation.is_empty() {
        // What calibration and threshold saw, so that both can be checked from the run alone.
        let seen = validation
            .iter()
            .zip(&answered)
            .map(|(own, answered)| ScoredFilm {
                called: answered.called,
                ..own.clone()
            });
        let seen: Vec<ScoredFilm> = seen.collect();
        trainer.folder.write_validation(labels, &seen)?;
    }
    let metrics = RunMetrics {
        learning_curve,
        elsewhere: trainer.elsewhere.cloned(),
        labels: labels.clone(),
        positive_label: labels[positive].clone(),
        split: trainer.split.label_text(),
        test_films_with_patient_in_training: trainer.split.shared_patients(),
        best_epoch: trained.progress.best.map(|best| best.epoch),
        train: figures(&scored(Part::Train)?),
        validation: figures(&answered),
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

/// Hands the run to its reporter, then writes the test films and, last, the figures.
pub(crate) fn report(
    trainer: &Trainer<'_>,
    trained: &Trained,
    metrics: &RunMetrics,
    test: &[ScoredFilm],
    networks: &[TestedNetwork],
) -> Result<(), TrainError> {
    trainer.reporter.report(&FinishedRun {
        films: trainer.films,
        settings: trainer.settings,
        split: trainer.split,
        audit: trainer.audit,
        progress: Some(&trained.progress),
        metrics,
        test,
        networks,
        permuted: trainer.permuted,
        folder: trainer.folder,
    })?;
    write_tables(trainer.folder, metrics, test)
}

/// The audit's verdict beside the accuracy that it is about, or that there was none.
pub(crate) fn audit_summary(audit: Option<&Audit>, test: Option<&PartMetrics>) -> AuditSummary {
    let accuracy = test.and_then(|test| test.accuracy.value());
    audit.map_or_else(AuditSummary::not_audited, |audit| audit.summary(accuracy))
}

/// What 0.5, or the threshold that was asked for, does on the films of all folds, whose networks each had an
/// operation of their own.
pub(crate) fn judge_pooled(
    labels: &[String],
    positive: usize,
    pooled: &[ScoredFilm],
    settings: &OperationSettings,
) -> OperationFigures {
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
pub(crate) fn write_tables(
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

/// What a model file says about its network, but for what it keeps of its films.
pub(crate) fn header(
    trainer: &Trainer<'_>,
    metrics: &RunMetrics,
    operation: &Operation,
) -> ModelHeader {
    let (settings, split) = (trainer.settings, trainer.split);
    let dataset = &trainer.films.dataset;
    let digests = |part| -> FilmDigests {
        let films = split.indices(part).into_iter();
        films.map(|film| trainer.films.film_digest(film)).collect()
    };
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
        fitted_on: Some(FittedFilms {
            training: digests(Part::Train),
            validation: digests(Part::Validation),
        }),
        likeness: None,
        test_predictions: None,
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
