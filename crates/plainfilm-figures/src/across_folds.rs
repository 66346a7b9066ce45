//! How figures differ from fold to fold.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Estimate, Figure, PartMetrics};

/// The figures that folds are compared by, with their names in `metrics.json`.
type Of = fn(&PartMetrics) -> &Estimate;
const FIGURES: [(&str, Of); 9] = [
    ("accuracy", |part| &part.accuracy),
    ("balanced_accuracy", |part| &part.balanced_accuracy),
    ("auroc", |part| &part.auroc),
    ("auprc", |part| &part.auprc),
    ("loss", |part| &part.loss),
    ("brier", |part| &part.brier),
    ("ece", |part| &part.ece),
    ("kappa", |part| &part.kappa),
    ("mcc", |part| &part.mcc),
];

/// The figures of one fold's test films, or of a repeat's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldFigures {
    /// From 1.
    pub repeat: usize,
    /// From 1; none for all folds of the repeat together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// Test films.
    pub n: usize,
    /// Names and figures, as in `metrics.json`.
    pub figures: Vec<(String, Figure)>,
}

impl FoldFigures {
    /// A figure by its name, where the films define it.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let (_, figure) = self.figures.iter().find(|(known, _)| known == name)?;
        figure.value()
    }
}

/// A figure over all folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcrossFolds {
    /// Its name in `metrics.json`.
    pub name: String,
    /// Mean over folds, with the 95 % interval of the mean.
    pub mean: Estimate,
    /// Standard deviation of a fold's figure (n - 1).
    pub deviation: f64,
    /// Lowest and highest fold.
    pub range: [f64; 2],
}

/// The figures of one fold, or of a repeat where `fold` is none.
pub fn fold_figures(part: &PartMetrics, repeat: usize, fold: Option<usize>) -> FoldFigures {
    FoldFigures {
        repeat,
        fold,
        n: part.n,
        figures: FIGURES
            .iter()
            .map(|(name, of)| ((*name).to_owned(), of(part).value))
            .collect(),
    }
}

/// Mean and standard deviation (n - 1); 0 of no values.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (values.len().max(2) - 1) as f64).sqrt())
}

/// Each figure over the folds that define it. The interval of the mean is Student's t with the variance of
/// Nadeau and Bengio (Machine Learning 2003): folds share training films, so `m` of them are worth less
/// than `m`, by `1/m + test films / training films` instead of `1/m`.
pub fn across_folds(folds: &[FoldFigures], test_share: f64) -> Vec<AcrossFolds> {
    FIGURES
        .iter()
        .filter_map(|(name, _)| {
            let values: Vec<f64> = folds.iter().filter_map(|fold| fold.figure(name)).collect();
            let (first, rest) = values.split_first()?;
            let (mean, deviation) = mean_and_deviation(&values);
            let mean_figure = Figure::from(mean);
            let mean = if rest.is_empty() {
                Estimate::without_interval(mean_figure, "one fold")
            } else if values.len() < folds.len() {
                Estimate::without_interval(mean_figure, "a fold does not define the figure")
            } else if *name == "ece" {
                // Folds are small, and small sets of films raise it: a mean of raised values stays raised.
                Estimate::without_interval(mean_figure, "few films of a fold raise it")
            } else if deviation == 0.0 {
                Estimate::without_interval(mean_figure, "every fold has the same figure")
            } else {
                let count = values.len() as f64;
                let t = StudentsT::new(0.0, 1.0, count - 1.0)
                    .expect("at least one degree of freedom")
                    .inverse_cdf(0.975);
                let half = t * deviation * (1.0 / count + test_share).sqrt();
                // No figure but the loss is above 1, and only correlations are below 0.
                let most = if *name == "loss" { f64::INFINITY } else { 1.0 };
                let least = if matches!(*name, "kappa" | "mcc") {
                    -1.0
                } else {
                    0.0
                };
                Estimate {
                    value: mean_figure,
                    low: Figure::from((mean - half).max(least)),
                    high: Figure::from((mean + half).min(most)),
                    method: "Student's t over folds, Nadeau-Bengio variance".to_owned(),
                }
            };
            let extreme = |pick: fn(f64, f64) -> f64| rest.iter().copied().fold(*first, pick);
            Some(AcrossFolds {
                name: (*name).to_owned(),
                mean,
                deviation,
                range: [extreme(f64::min), extreme(f64::max)],
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(accuracy: f64) -> FoldFigures {
        FoldFigures {
            repeat: 1,
            fold: Some(1),
            n: 10,
            figures: vec![("accuracy".to_owned(), Figure::from(accuracy))],
        }
    }

    #[test]
    fn the_corrected_interval_by_hand() {
        let folds = [0.8, 0.9, 1.0, 0.9, 0.9].map(fold);
        let found = &across_folds(&folds, 0.25)[0];
        assert!((found.mean.value().unwrap() - 0.9).abs() < 1e-12);
        assert!((found.deviation - 0.005_f64.sqrt()).abs() < 1e-12);
        // t(4) = 2.776445, sqrt(0.005 (0.2 + 0.25)) = 0.0474342.
        let (low, high) = found.mean.ends().unwrap();
        assert!(
            (0.9 - low - 2.776_445 * 0.047_434_2).abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!(high, 1.0);
        assert_eq!(found.range, [0.8, 1.0]);
        let same = &across_folds(&[0.9, 0.9].map(fold), 0.25)[0];
        assert_eq!(same.mean.ends(), None);
        assert_eq!(across_folds(&[fold(f64::NAN)], 0.25), []);
        let raised = [0.1, 0.2].map(|error| FoldFigures {
            figures: vec![("ece".to_owned(), Figure::from(error))],
            ..fold(0.9)
        });
        let found = &across_folds(&raised, 0.25)[0].mean;
        assert_eq!(found.ends(), None, "{found:?}");
        assert!((found.value().unwrap() - 0.15).abs() < 1e-12);
    }
}
