//! One point of a learning curve.

use serde::{Deserialize, Serialize};

use plainfilm_data::{Part, Split};
use plainfilm_figures::{Estimate, PartMetrics};

/// What a training on some of the films reached on the test films.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearningPoint {
    /// Training films.
    pub films: usize,
    /// Their patients.
    pub patients: usize,
    /// As [`PartMetrics::accuracy`].
    pub accuracy: Estimate,
    /// As [`PartMetrics::auroc`].
    pub auroc: Estimate,
}

impl LearningPoint {
    pub(crate) fn of(split: &Split, test: &PartMetrics) -> Self {
        Self {
            films: split.indices(Part::Train).len(),
            patients: split.patients_in(Part::Train),
            accuracy: test.accuracy.clone(),
            auroc: test.auroc.clone(),
        }
    }
}
