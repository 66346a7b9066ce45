//! Probabilities of every film's labels, by learners that have not seen its patient.

use crate::border::Sketch;
use crate::collect::Learned;
use crate::learner::{FOLDS, OutOfFold, Separation, Subjects, Table, kernel};
use plainfilm_figures::platt_of_scores;

/// Standard deviations within which a feature is held.
const FARTHEST: f32 = 5.0;

/// The probabilities that labels are judged by.
pub(super) struct Predicted {
    /// What the learner was shown, for a sentence.
    pub what: &'static str,
    /// For each film one probability a label; they sum to 1.
    pub probabilities: Vec<Vec<f64>>,
    /// How well its scores tell the label told best.
    pub best: Separation,
    /// The scores themselves.
    pub scores: OutOfFold,
}

/// By the learner that tells the labels best. None when a label has too few patients.
pub(super) fn predict(
    films: &[&Learned],
    subjects: &Subjects,
    seed: u64,
) -> Option<Vec<Predicted>> {
    let folds = subjects.folds(seed)?;
    let sketches: Vec<&[f32]> = films.iter().map(|film| film.stored.all_cells()).collect();
    let mut tried = vec![(
        Sketch::WHAT,
        kernel::cross_validate(&Table::from_rows(&sketches), subjects, seed)?,
    )];
    let features: Option<Vec<&[f32]>> = films.iter().map(|film| film.features.as_deref()).collect();
    if let Some(features) = features.filter(|rows| rows.iter().any(|row| !row.is_empty())) {
        let scores = kernel::cross_validate_linear(
            &Table::from_rows(&features),
            &folds,
            std::slice::from_ref(&subjects.labels),
            subjects.classes,
            FARTHEST,
        );
        tried.extend(
            scores
                .into_iter()
                .map(|scores| ("what a network sees of the films", scores)),
        );
    }
    tried
        .into_iter()
        .map(|(what, scores)| {
            Some(Predicted {
                what,
                probabilities: calibrated(&scores, subjects, &folds),
                best: scores.separation(subjects)?,
                scores,
            })
        })
        .collect()
}

/// Scores as probabilities: for each label Platt's scaling of its margin over the others, fitted to the scores of the
/// other folds; of several labels, over their sum.
fn calibrated(scores: &OutOfFold, subjects: &Subjects, folds: &[usize]) -> Vec<Vec<f64>> {
    let films = subjects.len();
    let mut probabilities = vec![vec![0.0; subjects.classes]; films];
    // Of two labels the second is what the first is not.
    let asked = if subjects.classes == 2 {
        1
    } else {
        subjects.classes
    };
    for label in 0..asked {
        let column = calibrated_label(scores, subjects, folds, label);
        for (row, p) in probabilities.iter_mut().zip(column) {
            row[label] = p;
        }
    }
    for row in &mut probabilities {
        if let [first, second] = row.as_mut_slice() {
            *second = 1.0 - *first;
            continue;
        }
        let sum: f64 = row.iter().sum();
        let labels = row.len() as f64;
        for p in row {
            *p = if sum > 0.0 { *p / sum } else { 1.0 / labels };
        }
    }
    probabilities
}

/// The probability of one label for each film, before those of the others are known.
fn calibrated_label(
    scores: &OutOfFold,
    subjects: &Subjects,
    folds: &[usize],
    label: usize,
) -> Vec<f64> {
    let films = subjects.len();
    let margins: Vec<f64> = (0..films).map(|film| scores.margin(film, label)).collect();
    let mut column = vec![0.0; films];
    for fold in 0..FOLDS {
        let others: Vec<usize> = (0..films).filter(|&film| folds[film] != fold).collect();
        let truth: Vec<bool> = others
            .iter()
            .map(|&film| subjects.labels[film] == label)
            .collect();
        let seen: Vec<f64> = others.iter().map(|&film| margins[film]).collect();
        let fitted = platt_of_scores(&truth, &seen);
        // Scores that say nothing leave the label's share.
        let share = truth.iter().filter(|is| **is).count() as f64 / truth.len().max(1) as f64;
        for film in (0..films).filter(|&film| folds[film] == fold) {
            column[film] = fitted.map_or(share, |(slope, intercept)| {
                1.0 / (1.0 + (-(slope * margins[film] + intercept)).exp())
            });
        }
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_become_probabilities_and_scores_that_say_nothing_the_share_of_the_label() {
        // Label 1 in one film of four, each film a patient.
        let labels: Vec<usize> = (0..400).map(|film| usize::from(film % 4 == 0)).collect();
        let subjects = Subjects {
            patients: (0..400).collect(),
            labels: labels.clone(),
            classes: 2,
        };
        let folds = subjects.folds(3).unwrap();
        for (gap, of_own) in [(0.4, 0.95), (0.0, 0.2)] {
            let scores = labels
                .iter()
                .map(|&label| {
                    let first = if label == 0 { gap } else { -gap };
                    vec![first, -first]
                })
                .collect();
            let found = calibrated(&OutOfFold { scores }, &subjects, &folds);
            for (row, &label) in found.iter().zip(&labels) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert!(row[label] > of_own, "gap {gap}: {row:?} of {label}");
            }
            if gap == 0.0 {
                assert!((found[0][1] - 0.25).abs() < 0.01, "{:?}", found[0]);
            }
        }
    }
}
