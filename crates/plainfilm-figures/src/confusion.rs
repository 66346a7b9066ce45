//! Counts of truth against prediction, and what follows from them for each label.

use serde::{Deserialize, Serialize};

use super::{Figure, ScoredFilm};

/// How often each true label (row) was predicted as each label (column), in label order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfusionMatrix(Vec<Vec<u64>>);

/// What the confusion matrix says about one label against the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelFigures {
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
    /// Counts films by true label and the label that they are called.
    ///
    /// # Panics
    /// If a film's true or predicted label is not below `labels`.
    pub fn count(labels: usize, scored: &[ScoredFilm]) -> Self {
        let mut matrix = Self::empty(labels);
        for film in scored {
            matrix.add(film.truth, film.predicted(), 1);
        }
        matrix
    }

    /// No films yet.
    pub(super) fn empty(labels: usize) -> Self {
        Self(vec![vec![0; labels]; labels])
    }

    /// Counts a film as often as `weight` says.
    pub(super) fn add(&mut self, truth: usize, predicted: usize, weight: u32) {
        self.0[truth][predicted] += u64::from(weight);
    }

    /// Counts the films of another one too.
    pub(super) fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *own += other;
        }
    }

    /// Counts the films of another one, which is a part of this, no longer.
    pub(super) fn remove(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *own -= other;
        }
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

    /// Agreement beyond chance (Cohen, Educ Psychol Meas 1960), as `sklearn.metrics.cohen_kappa_score`:
    /// 1 is perfect, 0 what independent guessing with the same totals would reach. Undefined when guessing
    /// could not miss.
    pub fn kappa(&self) -> Figure {
        let total = self.total() as f64;
        let (_, by_chance) = self.totals();
        Figure::ratio(
            self.correct() as f64 * total - by_chance,
            total * total - by_chance,
        )
    }

    /// Matthews' correlation of truth and prediction, for any number of labels (Gorodkin, Comput Biol Chem
    /// 2004), as `sklearn.metrics.matthews_corrcoef`, from -1 to 1. Undefined when one label is all there is
    /// or all that was predicted.
    pub fn matthews(&self) -> Figure {
        let total = self.total() as f64;
        let ([truths, predictions], by_chance) = self.totals();
        let spread = ((total * total - truths) * (total * total - predictions)).sqrt();
        Figure::ratio(self.correct() as f64 * total - by_chance, spread)
    }

    /// Sums over labels: of the squares of true and of predicted counts, and of the products of both.
    fn totals(&self) -> ([f64; 2], f64) {
        let (mut squares, mut products) = ([0.0; 2], 0.0);
        for label in 0..self.0.len() {
            let (truth, predicted) = (self.support(label) as f64, self.predicted(label) as f64);
            squares[0] += truth * truth;
            squares[1] += predicted * predicted;
            products += truth * predicted;
        }
        (squares, products)
    }

    /// Mean F1 over the labels that define it: each counting once, and each by its films.
    pub fn mean_f1(&self) -> [Figure; 2] {
        let (mut sums, mut weights) = ([0.0; 2], [0.0; 2]);
        for label in 0..self.0.len() {
            let figures = self.label(label);
            if let Some(f1) = figures.f1.value() {
                for (average, weight) in [1.0, figures.support as f64].into_iter().enumerate() {
                    sums[average] += weight * f1;
                    weights[average] += weight;
                }
            }
        }
        [0, 1].map(|average| Figure::ratio(sums[average], weights[average]))
    }

    /// One label against the rest.
    pub fn label(&self, label: usize) -> LabelFigures {
        let true_positives = self.0[label][label];
        let support = self.support(label);
        let predicted = self.predicted(label);
        let without = self.total() - support;
        let true_negatives = without - (predicted - true_positives);
        LabelFigures {
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
        // 122 of 125 agree, (24 * 21 + 101 * 104) / 125² would by chance.
        let chance = (24.0 * 21.0 + 101.0 * 104.0) / 15_625.0;
        let kappa = (0.976 - chance) / (1.0 - chance);
        assert!((matrix.kappa().value().unwrap() - kappa).abs() < 1e-12);
        // (TP TN - FP FN) / sqrt of the four totals.
        let matthews = 21.0 * 101.0 / (24.0_f64 * 101.0 * 21.0 * 104.0).sqrt();
        assert!((matrix.matthews().value().unwrap() - matthews).abs() < 1e-12);
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
        assert_eq!(matrix.kappa(), Figure::UNDEFINED);
        assert_eq!(matrix.matthews(), Figure::UNDEFINED);
        assert_eq!(serde_json::to_string(&matrix).unwrap(), "[[0,0],[0,0]]");
    }
}
