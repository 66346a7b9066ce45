//! Cross-validation: every film is tested once, by a network that did not train on it.

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::finish::RunMetrics;
use super::observer::TrainObserver;
use super::run_folder::RunFolder;
use super::story::Story;
use super::{Run, finish};
use crate::dataset::{Part, Split};
use crate::evaluate::{ScoredFilm, evaluate, positive_label};
use crate::report;

/// The folds of a cross-validation, one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldSummary {
    /// Test accuracy of each fold.
    pub accuracies: Vec<f64>,
    /// Mean of the folds' test accuracies.
    pub mean_accuracy: f64,
    /// Their standard deviation (n - 1).
    pub accuracy_deviation: f64,
}

/// Trains every fold in its own folder `fold-1` to `fold-K` and pools the test films.
///
/// The validation share of the settings is taken out of a fold's training films; where it is 0
/// nothing chooses an epoch and the last one stands.
pub(super) fn train(
    run: &Run<'_>,
    splits: &[Split],
    folder: &RunFolder,
    observer: &mut dyn TrainObserver,
) -> Result<(RunMetrics, FoldSummary), TrainError> {
    let settings = run.settings;
    let dataset = &run.films.dataset;
    let count = splits.len();
    let mut pooled: Vec<ScoredFilm> = Vec::with_capacity(dataset.films.len());
    let (mut accuracies, mut shared) = (Vec::new(), 0);
    for (index, split) in splits.iter().enumerate() {
        observer.notice(&format!("fold {} of {count}", index + 1));
        let fold = folder.fold(index + 1);
        let (metrics, scored) = run.train_split(split, &fold, observer)?;
        accuracies.extend(metrics.test.as_ref().and_then(|test| test.accuracy.value()));
        shared += split.shared_patients();
        pooled.extend(scored);
    }
    pooled.sort_by(|a, b| a.path.cmp(&b.path));
    let labels = &dataset.labels;
    let positive = positive_label(labels);
    let mean = accuracies.iter().sum::<f64>() / accuracies.len().max(1) as f64;
    let squares: f64 = accuracies
        .iter()
        .map(|accuracy| (accuracy - mean).powi(2))
        .sum();
    let summary = FoldSummary {
        mean_accuracy: mean,
        accuracy_deviation: (squares / (accuracies.len().max(2) - 1) as f64).sqrt(),
        accuracies,
    };
    let test = evaluate(labels, positive, &pooled);
    let metrics = RunMetrics {
        labels: labels.clone(),
        positive_label: labels[positive].clone(),
        split: format!("{count} folds; {}", splits[0].label_text()),
        test_films_with_patient_in_training: shared,
        best_epoch: None,
        train: None,
        validation: None,
        audit: Some(finish::audit_summary(run.audit, Some(&test))),
        test: Some(test),
        last_epoch: None,
        folds: Some(summary.clone()),
        notice: crate::NOT_A_MEDICAL_DEVICE.to_owned(),
    };
    // Every film is a test film of one fold.
    let mut together = splits[0].clone();
    together.parts.fill(Part::Test);
    let story = Story {
        films: run.films,
        settings,
        split: &together,
        audit: run.audit,
    };
    report::write(folder.root(), &story.tell(None, &metrics, &pooled, None)?)?;
    finish::write_tables(folder, &metrics, &pooled)?;
    Ok((metrics, summary))
}
