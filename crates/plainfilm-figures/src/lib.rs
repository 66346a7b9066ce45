//! Figures of merit, computed from scored films alone.
//!
//! Definitions follow scikit-learn, so that a number here can be checked there; `reference/metrics`
//! holds the comparison. Where scikit-learn answers 0 (or warns) for a figure that the films do not
//! define, such as the AUROC of films of one label, the answer here is "undefined": `null` in JSON and
//! `n/a` in print.

mod across_folds;
mod bootstrap;
mod calibrate;
mod calibration;
mod classification_report;
mod compare;
mod confusion;
mod curves;
mod decide;
mod decision;
mod delong;
mod effects;
mod estimate;
mod figure;
mod figure_difference;
mod findings;
mod intervals;
mod label_errors;
mod left_out;
mod luck;
mod metrics;
mod one_more;
mod operating;
mod operation;
mod order;
mod positive;
mod predictions;
mod presence;
mod reliability;
mod resampled;
mod subgroups;
mod sweep;

pub use across_folds::{AcrossFolds, FoldFigures, across_folds, fold_figures, mean_and_deviation};
pub use bootstrap::Resampling;
pub use bootstrap::{DRAWS, FEWEST_PATIENTS, bca};
pub use calibrate::{Calibration, CalibrationMethod, FEWEST_FILMS, platt_of_scores};
pub use calibration::{CALIBRATION_BINS, equal_mass_bins};
pub use classification_report::classification_report;
pub use compare::{CompareError, Comparison, Comparisons, McNemar, Test, compare, holm, mcnemar};
pub use confusion::{ConfusionMatrix, LabelFigures};
pub use curves::{
    PrecisionRecallCurve, RocCurve, auroc, average_precision, precision_recall_curve, roc_curve,
};
pub use decide::{decide, most_probable};
pub use decision::{DecisionCurve, DecisionPoint, NetBenefit, at_prevalence, decision_curve};
pub use delong::{AreaDifference, auroc_difference, auroc_interval};
pub use effects::{
    cramers_v, odds_ratio, standardised_difference, standardised_difference_of_shares,
};
pub use estimate::Estimate;
pub use figure::{Figure, counted, figure_name, thousands};
pub use findings::{FindingsAverages, FindingsFilm, average_findings};
pub use intervals::{Interval, mean_of_shares, wilson, wilson_by_patient};
pub use label_errors::{Explained, LabelErrors, LabelErrorsError, Suspect, label_errors};
pub use left_out::{Elsewhere, SourceFigures, SourceLeftOut};
pub use luck::CalibrationLuck;
pub use metrics::{LabelMetrics, PartMetrics, evaluate};
pub use metrics::{against_the_rest, ranked_labels};
pub use one_more::one_more;
pub use operating::{
    Band, Coverage, PointFigures, ThresholdRule, certainty, choose_band, choose_threshold,
    coverage_curve,
};
pub use operation::{
    Answered, ON_THESE_FILMS, OperatingPoint, Operation, OperationFigures, OperationSettings,
    PointOnFilms, Uncalibrated,
};
pub use positive::{PositiveLabel, positive_label, says_nothing_found};
pub use predictions::{Predictions, PredictionsError, read_predictions};
pub use presence::Presence;
pub use reliability::{BrierParts, ReliabilityBin, brier_parts, reliability};
pub use subgroups::{Subgroup, Subgroups, subgroups};
pub use sweep::{SweepOver, SweepPoint, sweep};

/// One film with its true label and the probabilities that a network gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredFilm {
    /// The path or archive entry that names the film.
    pub path: String,
    /// Index of the true label.
    pub truth: usize,
    /// One probability per label, in label order; they sum to 1.
    pub probabilities: Vec<f64>,
    /// The label that the operating point calls it; none: the most probable one.
    pub called: Option<usize>,
    /// The patient: films of one patient are no independent witnesses.
    pub patient: String,
    /// The hospital or collection that it is from, where known.
    pub source: Option<String>,
    /// The projection, such as `PA` or `AP`, where known.
    pub view: Option<String>,
    /// The patient's sex, where known.
    pub sex: Option<String>,
    /// The patient's age in years, where known.
    pub age: Option<f32>,
}

impl ScoredFilm {
    /// A film of which nothing else is known: it is taken to show a patient of its own.
    pub fn alone(path: impl Into<String>, truth: usize, probabilities: Vec<f64>) -> Self {
        let path = path.into();
        Self {
            patient: path.clone(),
            path,
            truth,
            probabilities,
            called: None,
            source: None,
            view: None,
            sex: None,
            age: None,
        }
    }

    /// Index of the label that it is called.
    pub fn predicted(&self) -> usize {
        self.called.unwrap_or_else(|| self.most_probable())
    }

    /// Index of the most probable label; of equals, the first.
    pub fn most_probable(&self) -> usize {
        most_probable(&self.probabilities)
    }

    /// How many labels are ranked before the true one: those more probable, and of equals those before it.
    pub fn rank_of_truth(&self) -> usize {
        let own = self.probabilities[self.truth];
        self.probabilities
            .iter()
            .enumerate()
            .filter(|&(label, &other)| other > own || (other == own && label < self.truth))
            .count()
    }

    /// Whether it is called what it is.
    pub fn is_correct(&self) -> bool {
        self.predicted() == self.truth
    }
}

/// The patient of each film as an index from 0, in order of first appearance, and how many there are.
pub fn patient_indices(scored: &[ScoredFilm]) -> (Vec<usize>, usize) {
    indices_of(scored.iter().map(|film| film.patient.as_str()))
}

/// The same of names.
fn indices_of<'a>(names: impl Iterator<Item = &'a str>) -> (Vec<usize>, usize) {
    let mut known = std::collections::HashMap::new();
    let indices = names
        .map(|name| {
            let next = known.len();
            *known.entry(name).or_insert(next)
        })
        .collect();
    (indices, known.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_label_is_predicted_and_of_equals_the_first() {
        let cases: [(&[f64], usize); 4] = [
            (&[0.2, 0.8], 1),
            (&[0.5, 0.5], 0),
            (&[0.2, 0.4, 0.4], 1),
            (&[1.0], 0),
        ];
        for (probabilities, expected) in cases {
            let film = ScoredFilm::alone("a.png", 1, probabilities.to_vec());
            assert_eq!(film.predicted(), expected, "{probabilities:?}");
            assert_eq!(film.is_correct(), expected == 1);
        }
    }
}
