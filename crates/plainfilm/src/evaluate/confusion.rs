//! Counts of truth against prediction, and what follows from them for each label.

use serde::{Deserialize, Serialize};

use super::{Figure, ScoredFilm};

/// How often each true label (row) was predicted as each label (column), in label order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfusionMatrix(Vec<Vec<u64>>);

/// What the confusion matrix says about one label against the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelMetrics {
    /// Of the films with this label, the share predicted so (recall). Undefined without such films.
    pub sensitivity: Figure,
    /// Of the films without this label, the share predicted otherwise. Undefined without such films.
    pub specificity: Figure,
    /// Of the films predicted so, the share that has this label. Undefined when none was predicted so.
    pub precision: Figure,
    /// Harmonic mean of sensitivity and precision: 2 TP / (2 TP + FP + FN). Undefined when no film has
    /// this label and none was predicted so.
    pub f1: Figure,
    /// Films with this label.
    pub support: u64,
}

impl ConfusionMatrix {
    /// Counts films by true and most probable label.
    ///
    /// # Panics
    /// If a film's true or predicted label is not below `labels`.
    pub fn count(labels: usize, scored: &[ScoredFilm]) -> Self {
        let mut counts = vec![vec![0; labels]; labels];
        for film in scored {
            counts[film.truth][film.predicted()] += 1;
        }
        Self(counts)
    }

    /// Rows of counts: `rows()[truth][predicted]`.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.0
    }

    /// All films.
    pub fn total(&self) -> u64 {
        self.0.iter().flatten().sum()
    }

    /// Films on the diagonal: predicted as what they are.
    pub fn correct(&self) -> u64 {
        (0..self.0.len()).map(|label| self.0[label][label]).sum()
    }

    /// Films with this true label.
    pub fn support(&self, label: usize) -> u64 {
        self.0[label].iter().sum()
    }

    /// Films predicted as this label.
    pub fn predicted(&self, label: usize) -> u64 {
        self.0.iter().map(|row| row[label]).sum()
    }

    /// Correct films / all films.
    pub fn accuracy(&self) -> Figure {
        Figure::ratio(self.correct() as f64, self.total() as f64)
    }

    /// Mean sensitivity over the labels that have films, as `sklearn.metrics.balanced_accuracy_score`.
    pub fn balanced_accuracy(&self) -> Figure {
        Figure::mean(
            (0..self.0.len())
                .filter(|label| self.support(*label) > 0)
                .map(|label| self.label(label).sensitivity),
        )
    }

    /// One label against the rest.
    pub fn label(&self, label: usize) -> LabelMetrics {
        let true_positives = self.0[label][label];
        let support = self.support(label);
        let predicted = self.predicted(label);
        let without = self.total() - support;
        let true_negatives = without - (predicted - true_positives);
        LabelMetrics {
            sensitivity: Figure::ratio(true_positives as f64, support as f64),
            specificity: Figure::ratio(true_negatives as f64, without as f64),
            precision: Figure::ratio(true_positives as f64, predicted as f64),
            f1: Figure::ratio(2.0 * true_positives as f64, (support + predicted) as f64),
            support,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One published binary fold of DarkCovidNet (Ozturk et al. 2020): [[21, 3], [0, 101]].
    #[test]
    fn the_published_fold() {
        let matrix = ConfusionMatrix(vec![vec![21, 3], vec![0, 101]]);
        assert_eq!(matrix.total(), 125);
        assert_eq!(matrix.accuracy().value(), Some(122.0 / 125.0));
        assert_eq!(
            matrix.balanced_accuracy().value(),
            Some((0.875 + 1.0) / 2.0)
        );
        let covid = matrix.label(0);
        assert_eq!(covid.sensitivity.value(), Some(0.875));
        assert_eq!(covid.specificity.value(), Some(1.0));
        assert_eq!(covid.precision.value(), Some(1.0));
        assert_eq!(covid.f1.value(), Some(42.0 / 45.0));
        assert_eq!(covid.support, 24);
    }

    #[test]
    fn a_label_without_films_has_no_figures_and_does_not_count_as_zero() {
        let matrix = ConfusionMatrix(vec![vec![3, 1, 0], vec![0, 4, 0], vec![0, 0, 0]]);
        let absent = matrix.label(2);
        assert_eq!(absent.sensitivity, Figure::UNDEFINED);
        assert_eq!(absent.precision, Figure::UNDEFINED);
        assert_eq!(absent.f1, Figure::UNDEFINED);
        assert_eq!(absent.specificity.value(), Some(1.0));
        assert_eq!(matrix.balanced_accuracy().value(), Some(0.875));
    }

    #[test]
    fn no_films_at_all() {
        let matrix = ConfusionMatrix::count(2, &[]);
        assert_eq!(matrix.accuracy(), Figure::UNDEFINED);
        assert_eq!(matrix.balanced_accuracy(), Figure::UNDEFINED);
        assert_eq!(serde_json::to_string(&matrix).unwrap(), "[[0,0],[0,0]]");
    }
}
