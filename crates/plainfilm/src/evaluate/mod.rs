//! Figures of merit, computed from scored films alone.
//!
//! Definitions follow scikit-learn, so that a number here can be checked there; `reference/metrics`
//! holds the comparison. Where scikit-learn answers 0 (or warns) for a figure that the films do not
//! define, such as the AUROC of films of one label, the answer here is "undefined": `null` in JSON and
//! `n/a` in print.

mod classification_report;
mod confusion;
mod curves;
mod effects;
mod figure;
mod intervals;
mod metrics;

pub use classification_report::classification_report;
pub use confusion::{ConfusionMatrix, LabelMetrics};
pub use curves::{
    PrecisionRecallCurve, RocCurve, auroc, average_precision, precision_recall_curve, roc_curve,
};
pub use effects::{
    cramers_v, odds_ratio, standardised_difference, standardised_difference_of_shares,
};
pub use figure::Figure;
pub use intervals::{Interval, auroc_interval, wilson};
pub(crate) use metrics::against_the_rest;
pub use metrics::{CALIBRATION_BINS, PartMetrics, evaluate, positive_label};

/// One film with its true label and the probabilities that a network gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredFilm {
    /// Path as in [`crate::dataset::Film::path`].
    pub path: String,
    /// Index of the true label.
    pub truth: usize,
    /// One probability per label, in label order; they sum to 1.
    pub probabilities: Vec<f64>,
}

impl ScoredFilm {
    /// Index of the most probable label; of equals, the first.
    pub fn predicted(&self) -> usize {
        let mut best = 0;
        for (label, probability) in self.probabilities.iter().enumerate() {
            if *probability > self.probabilities[best] {
                best = label;
            }
        }
        best
    }

    /// Whether the most probable label is the true one.
    pub fn is_correct(&self) -> bool {
        self.predicted() == self.truth
    }
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
            let film = ScoredFilm {
                path: "a.png".into(),
                truth: 1,
                probabilities: probabilities.to_vec(),
            };
            assert_eq!(film.predicted(), expected, "{probabilities:?}");
            assert_eq!(film.is_correct(), expected == 1);
        }
    }
}
