//! The figures of a cross-validation, fold by fold.

use serde::{Deserialize, Serialize};

use plainfilm_figures::{AcrossFolds, FoldFigures, PartMetrics};

/// The folds of a cross-validation, one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldSummary {
    /// Test accuracy of each fold, of all repeats in order.
    pub accuracies: Vec<f64>,
    /// Mean of the folds' test accuracies.
    pub mean_accuracy: f64,
    /// Their standard deviation (n - 1).
    pub accuracy_deviation: f64,
    /// How often the films were dealt to folds anew.
    #[serde(default = "one")]
    pub repeats: usize,
    /// Every fold's figures, and how they spread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<FoldFigures>,
    /// Mean, deviation and interval of each figure over all folds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<AcrossFolds>,
    /// The pooled films' figures repeat by repeat, where there are several. The first is the run's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pooled: Vec<FoldFigures>,
}

fn one() -> usize {
    1
}

/// The same films cross-validated without regard to patients, as most papers do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ungrouped {
    /// How films were divided, in one sentence.
    pub split: String,
    /// Test films of a patient who is also in training.
    pub test_films_with_patient_in_training: usize,
    /// The figures of the first repeat's films.
    pub test: PartMetrics,
    /// The folds.
    pub folds: FoldSummary,
}
