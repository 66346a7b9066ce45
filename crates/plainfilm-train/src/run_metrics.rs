//! The figures of a run, as `metrics.json` holds them.

use serde::{Deserialize, Serialize};

use super::elsewhere::ElsewhereEstimate;
use super::findings_figures::FindingsFigures;
use super::fold_summary::{FoldSummary, Ungrouped};
use super::learning_point::LearningPoint;
use plainfilm_audit::AuditSummary;
use plainfilm_data::Part;
use plainfilm_figures::{Operation, OperationFigures, PartMetrics, Subgroups};

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
    /// What the same training reaches on sources that it has not seen; none in files from before that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<ElsewhereEstimate>,
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
