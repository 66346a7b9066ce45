//! Labels that are probably wrong: confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating
//! Uncertainty in Dataset Labels", J Artif Intell Res 70, 2021).
//!
//! What probabilities of a model that has not seen a film say against its label is taken together, label by label.
//! That is evidence about labels only as far as the model is right: a film that is hard and a label that is wrong
//! look alike. [`LabelErrors::explained`] says how much would be found if every label were right as often as the
//! probabilities say, and it is for the caller to say how well the model tells the labels apart.
//!
//! As cleanlab's `compute_confident_joint` and `find_label_issues(filter_by="prune_by_noise_rate")`; `reference/label_errors`
//! holds the comparison.

mod joint;
mod suspects;

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bootstrap::{Resampling, Weights};
use super::{Estimate, counted};
use joint::{Joint, guesses, thresholds};
pub use suspects::Suspect;

use plainfilm_seed as seed;

/// Times that labels are drawn from the probabilities.
const DRAWN: u64 = 39;
/// The seed is no setting: the same probabilities give the same figures.
const SEED: u64 = 20_210_414;
/// How far a film's probabilities may sum from 1.
const SUM_TOLERANCE: f64 = 1e-6;

/// Why nothing can be said of labels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelErrorsError {
    /// Lists of different length.
    #[error("expected {expected} {what}, one for each label, found {found}")]
    Length {
        /// Of what.
        what: &'static str,
        /// Labels.
        expected: usize,
        /// As it came.
        found: usize,
    },
    /// Nothing to ask.
    #[error("expected films of two labels or more, found {}", counted(*.found, "label"))]
    OneLabel {
        /// Labels that films have.
        found: usize,
    },
    /// A label beyond the probabilities.
    #[error("film {film}: expected a label below {classes}, found {found}")]
    Label {
        /// Its row.
        film: usize,
        /// Labels.
        classes: usize,
        /// As it came.
        found: usize,
    },
    /// Numbers that are no probabilities.
    #[error("film {film}: expected {classes} probabilities that sum to 1, found {found:?}")]
    Probabilities {
        /// Its row.
        film: usize,
        /// Labels.
        classes: usize,
        /// As they came.
        found: Vec<f64>,
    },
}

/// What probabilities say of the labels that films were given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelErrors {
    /// Films.
    pub films: usize,
    /// The mean probability (`0..=1`) of each label over its own films: from there on a film counts as showing it. None
    /// for a label without films.
    pub thresholds: Vec<Option<f64>>,
    /// Films by the label that was given (rows) and the one that the probabilities are sure of (columns); a film below
    /// every threshold is in none.
    pub confident_joint: Vec<Vec<usize>>,
    /// The same scaled to all films of each given label, in whole films.
    pub calibrated_joint: Vec<Vec<usize>>,
    /// Films off the diagonal of the calibrated joint: the estimated number of wrong labels.
    pub wrong: usize,
    /// The share (`0..=1`) of wrong labels, before films are rounded, over resampled patients; the model is not fitted
    /// again.
    pub share: Estimate,
    /// The share that the same estimate finds in labels that are drawn from the probabilities, and so are right as often
    /// as the model believes.
    pub explained: Explained,
    /// The films whose label is contradicted most surely: of each pair of labels as many as are estimated to be wrong,
    /// the surest first.
    pub suspects: Vec<Suspect>,
}

/// What is found where nothing contradicts the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// The mean share (`0..=1`) over the draws.
    pub mean: f64,
    /// The largest of 39 draws: a share above it is one that chance has in 1 case of 40.
    pub most: f64,
}

impl LabelErrors {
    /// Whether more labels are contradicted than the model's own uncertainty explains.
    #[must_use]
    pub fn beyond_uncertainty(&self) -> bool {
        self.share
            .value()
            .is_some_and(|share| share > self.explained.most)
    }
}

/// What probabilities of a model that has not seen the films say of their labels. `given[i]` is the label of film `i`,
/// `probabilities[i]` one probability (`0..=1`) a label, which sum to 1, and `patients[i]` the patient, an index.
///
/// # Errors
///
/// When lists differ in length, fewer than two labels have films, or numbers are no labels or probabilities.
pub fn label_errors(
    given: &[usize],
    probabilities: &[Vec<f64>],
    patients: &[usize],
) -> Result<LabelErrors, LabelErrorsError> {
    check(given, probabilities, patients)?;
    let films = given.len();
    let classes = probabilities[0].len();
    let one_each = vec![1_u32; films];
    let thresholds = thresholds(given, probabilities, classes, &one_each);
    let guesses = guesses(probabilities, &thresholds);
    let joint = Joint::of(given, &guesses, classes, &one_each);
    let calibrated_joint = joint.calibrated_films();
    let wrong = joint::off_diagonal(&calibrated_joint);
    let suspects = suspects::find(given, probabilities, &calibrated_joint);
    let resampled = patients.iter().max().map_or(0, |last| last + 1);
    let statistic = |weights: &Weights| {
        let of_films: Vec<u32> = patients.iter().map(|&patient| weights[patient]).collect();
        vec![wrong_share(given, probabilities, classes, &of_films)]
    };
    let share = Resampling {
        patients: resampled,
        work: films * classes,
        statistic: &statistic,
        without_groups: None,
    }
    .estimates()
    .remove(0);
    Ok(LabelErrors {
        films,
        thresholds,
        confident_joint: joint.films(),
        calibrated_joint,
        wrong,
        share,
        explained: explained(probabilities, classes),
        suspects,
    })
}

/// The share of films off the diagonal of the calibrated joint, each film counted `weights[i]` times.
fn wrong_share(
    given: &[usize],
    probabilities: &[Vec<f64>],
    classes: usize,
    weights: &[u32],
) -> f64 {
    let thresholds = thresholds(given, probabilities, classes, weights);
    let guesses = guesses(probabilities, &thresholds);
    Joint::of(given, &guesses, classes, weights).wrong_share()
}

/// The estimate on labels that are drawn from the probabilities.
fn explained(probabilities: &[Vec<f64>], classes: usize) -> Explained {
    let one_each = vec![1_u32; probabilities.len()];
    let shares: Vec<f64> = (0..DRAWN)
        .into_par_iter()
        .map(|draw| {
            let mut random = seed::generator(SEED, "labels drawn from probabilities", &[draw]);
            let drawn: Vec<usize> = probabilities
                .iter()
                .map(|row| {
                    let mut left: f64 = random.random();
                    row.iter()
                        .position(|p| {
                            left -= p;
                            left < 0.0
                        })
                        .unwrap_or(classes - 1)
                })
                .collect();
            wrong_share(&drawn, probabilities, classes, &one_each)
        })
        .collect();
    Explained {
        mean: shares.iter().sum::<f64>() / DRAWN as f64,
        most: shares.into_iter().fold(0.0, f64::max),
    }
}

fn check(
    given: &[usize],
    probabilities: &[Vec<f64>],
    patients: &[usize],
) -> Result<(), LabelErrorsError> {
    for (what, found) in [
        ("rows of probabilities", probabilities.len()),
        ("patients", patients.len()),
    ] {
        if found != given.len() {
            return Err(LabelErrorsError::Length {
                what,
                expected: given.len(),
                found,
            });
        }
    }
    let classes = probabilities.first().map_or(0, Vec::len);
    for (film, (row, &label)) in probabilities.iter().zip(given).enumerate() {
        let all_within = row.iter().all(|p| (0.0..=1.0).contains(p));
        let sum: f64 = row.iter().sum();
        if row.len() != classes || !all_within || (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(LabelErrorsError::Probabilities {
                film,
                classes,
                found: row.clone(),
            });
        }
        if label >= classes {
            return Err(LabelErrorsError::Label {
                film,
                classes,
                found: label,
            });
        }
    }
    let different: std::collections::BTreeSet<usize> = given.iter().copied().collect();
    if different.len() < 2 {
        return Err(LabelErrorsError::OneLabel {
            found: different.len(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
