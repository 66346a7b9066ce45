//! Correcting probabilities on films that the network did not learn from, so that 80 % is right 8 times in 10.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ScoredFilm, patient_indices};

/// With fewer films of its rarest label than this, nothing is fitted.
pub const FEWEST_FILMS: usize = 10;
/// Slopes beyond these ends would be answers to films that say nothing about probabilities.
const SLOPES: [f64; 2] = [1e-3, 1e3];
/// Steps of a search: enough for the last digit.
const STEPS: usize = 100;
/// How far a temperature is expected to be from 1, as a standard deviation of its logarithm.
const PRIOR: f64 = 0.5;
/// Parts of the validation films that are held out in turn to see whether a correction helps.
const PARTS: usize = 5;

/// How probabilities are corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CalibrationMethod {
    /// They are not.
    #[default]
    None,
    /// Logits over one temperature (Guo et al., ICML 2017): the ranking and the most probable label stay.
    Temperature,
    /// A logistic regression on the log odds of the positive label (Platt 1999); two labels only.
    Platt,
}

impl fmt::Display for CalibrationMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Temperature => "temperature",
            Self::Platt => "platt",
        })
    }
}

impl FromStr for CalibrationMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "temperature" => Ok(Self::Temperature),
            "platt" => Ok(Self::Platt),
            _ => Err(format!(
                "expected none, temperature or platt, found {text:?}"
            )),
        }
    }
}

/// A correction of probabilities: log odds times `slope`, plus `intercept` for the positive label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// How it was fitted; [`CalibrationMethod::None`] leaves probabilities as they are.
    pub method: CalibrationMethod,
    /// What log odds are multiplied by: 1 / temperature. Above 0.
    pub slope: f64,
    /// What is added to the log odds of the positive label; 0 but for Platt's.
    pub intercept: f64,
    /// Films that it was fitted on.
    pub films: usize,
    /// In words: what it was fitted on, or why nothing was.
    pub chosen: String,
}

impl Calibration {
    /// No correction, and why.
    pub fn none(why: impl Into<String>) -> Self {
        Self {
            method: CalibrationMethod::None,
            slope: 1.0,
            intercept: 0.0,
            films: 0,
            chosen: why.into(),
        }
    }

    /// Fits a correction to films with the probabilities that the network gave them.
    ///
    /// A temperature is drawn towards 1 where films are few; Platt's targets are his own: of the `n` films of a
    /// label, `(n + 1) / (n + 2)` are taken to have it. Nothing is fitted to fewer than [`FEWEST_FILMS`] films of the
    /// rarest label, and nothing is kept that does not lower the loss of patients that were held out of the fit.
    pub fn fit(
        method: CalibrationMethod,
        labels: &[String],
        positive: usize,
        films: &[ScoredFilm],
    ) -> Self {
        if method == CalibrationMethod::None {
            return Self::none("not asked for");
        }
        if method == CalibrationMethod::Platt && labels.len() != 2 {
            return Self::none(format!(
                "Platt's scaling is for two labels, and there are {}",
                labels.len()
            ));
        }
        let mut counts = vec![0_usize; labels.len()];
        for film in films {
            counts[film.truth] += 1;
        }
        let rarest = (0..labels.len()).min_by_key(|&label| counts[label]);
        match rarest {
            Some(rarest) if counts[rarest] >= FEWEST_FILMS => {}
            Some(_) if films.is_empty() => return Self::none("there are no validation films"),
            Some(rarest) => {
                return Self::none(format!(
                    "{} validation films of {}, and fitting needs {FEWEST_FILMS} of every label",
                    counts[rarest], labels[rarest]
                ));
            }
            None => return Self::none("there are no labels"),
        }
        let all: Vec<&ScoredFilm> = films.iter().collect();
        let Some((slope, intercept)) = coefficients(method, positive, labels.len(), &all) else {
            return Self::none("the validation films ask for no finite correction");
        };
        if !helps(method, positive, labels.len(), films) {
            return Self::none(format!(
                "{method} does not lower the loss of validation films that are held out of its fit"
            ));
        }
        // Twelve digits are written and read without loss, and say all there is to say.
        let [slope, intercept] = [slope, intercept].map(twelve_digits);
        let how = match method {
            CalibrationMethod::Platt => "Platt's scaling".to_owned(),
            _ => format!("temperature {:.3}", 1.0 / slope),
        };
        Self {
            method,
            slope,
            intercept,
            films: films.len(),
            chosen: format!("{how}, fitted on {} validation films", films.len()),
        }
    }

    /// What logits are divided by, where that is all there is to it; else 1.
    pub fn temperature(&self) -> f64 {
        match self.method {
            CalibrationMethod::Temperature => 1.0 / self.slope,
            _ => 1.0,
        }
    }

    /// Corrected probabilities, from those of the network as it is.
    pub fn apply(&self, positive: usize, probabilities: &[f64]) -> Vec<f64> {
        if self.method == CalibrationMethod::None {
            return probabilities.to_vec();
        }
        self.corrected(positive, probabilities)
    }

    fn corrected(&self, positive: usize, probabilities: &[f64]) -> Vec<f64> {
        let logits: Vec<f64> = log(probabilities)
            .enumerate()
            .map(|(label, logit)| {
                let shift = if label == positive {
                    self.intercept
                } else {
                    0.0
                };
                self.slope * logit + shift
            })
            .collect();
        softmax(&logits)
    }
}

/// The number to twelve significant digits.
pub(super) fn twelve_digits(number: f64) -> f64 {
    format!("{number:.11e}").parse().unwrap_or(number)
}

/// Logarithms, of 0 that of the smallest number.
fn log(probabilities: &[f64]) -> impl Iterator<Item = f64> {
    probabilities.iter().map(|p| p.max(f64::MIN_POSITIVE).ln())
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// Slope and intercept by a method.
fn coefficients(
    method: CalibrationMethod,
    positive: usize,
    labels: usize,
    films: &[&ScoredFilm],
) -> Option<(f64, f64)> {
    if method == CalibrationMethod::Platt {
        let mut counts = vec![0; labels];
        for film in films {
            counts[film.truth] += 1;
        }
        return platt(positive, &counts, films);
    }
    temperature(films).map(|slope| (slope, 0.0))
}

/// Whether patients that a fit has not seen lose less by it: each of [`PARTS`] parts of the patients is corrected by
/// a fit to the others.
fn helps(method: CalibrationMethod, positive: usize, labels: usize, films: &[ScoredFilm]) -> bool {
    let (patients, _) = patient_indices(films);
    let loss = |probabilities: &[f64], truth: usize| -probabilities[truth].max(f64::EPSILON).ln();
    let mut gain = 0.0;
    for part in 0..PARTS {
        let (mut held_out, mut others) = (Vec::new(), Vec::new());
        for (film, patient) in films.iter().zip(&patients) {
            if patient % PARTS == part {
                held_out.push(film);
            } else {
                others.push(film);
            }
        }
        let Some((slope, intercept)) = coefficients(method, positive, labels, &others) else {
            return false;
        };
        let fitted = Calibration {
            slope,
            intercept,
            ..Calibration::none("")
        };
        for film in held_out {
            let after = fitted.corrected(positive, &film.probabilities);
            gain += loss(&film.probabilities, film.truth) - loss(&after, film.truth);
        }
    }
    gain > 0.0
}

/// How much a film of a label is taken to have that label, and the other one (Platt 1999).
fn targets(films: usize) -> (f64, f64) {
    let all = (films + 2) as f64;
    ((films + 1) as f64 / all, 1.0 / all)
}

/// The slope of least cross-entropy and distance from 1: to the sum of the films' losses is added
/// `(ln slope / PRIOR)^2 / 2`. None where a probability is not a number.
///
/// Cross-entropy alone would ask for certainty where a few films happen to be told apart perfectly; Platt's
/// smoothed targets, for one parameter, take confidence from a network that deserves it.
fn temperature(films: &[&ScoredFilm]) -> Option<f64> {
    let rows: Vec<(Vec<f64>, usize)> = films
        .iter()
        .map(|film| (log(&film.probabilities).collect(), film.truth))
        .collect();
    // With p the probabilities at a slope, the derivative of a film's loss is the mean of its logits under p less
    // that of its label.
    let derivative = |log_slope: f64| {
        let slope = log_slope.exp();
        let films: f64 = rows
            .iter()
            .map(|(logits, truth)| {
                let scaled: Vec<f64> = logits.iter().map(|logit| slope * logit).collect();
                let mean: f64 = softmax(&scaled)
                    .iter()
                    .zip(logits)
                    .map(|(p, z)| p * z)
                    .sum();
                mean - logits[*truth]
            })
            .sum();
        slope * films + log_slope / (PRIOR * PRIOR)
    };
    let [mut low, mut high] = SLOPES.map(f64::ln);
    if derivative(0.0).is_nan() {
        return None;
    }
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if derivative(middle) > 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(f64::midpoint(low, high).exp())
}

/// Slope and intercept of least cross-entropy (Lin, Lin and Weng, Machine Learning 2007); none where the
/// slope is not positive: such scores rank the films the wrong way round, and no scaling mends that.
fn platt(positive: usize, counts: &[usize], films: &[&ScoredFilm]) -> Option<(f64, f64)> {
    let rows: Vec<(f64, f64)> = films
        .iter()
        .map(|film| {
            let logits: Vec<f64> = log(&film.probabilities).collect();
            let (own, other) = targets(counts[film.truth]);
            let target = if film.truth == positive { own } else { other };
            (logits[positive] - logits[1 - positive], target)
        })
        .collect();
    let odds = (counts[positive] as f64 + 1.0) / (counts[1 - positive] as f64 + 1.0);
    logistic(&rows, odds)
}

/// Slope and intercept by which scores, of any scale, become log odds: Platt's (1999), with his targets. None where
/// films of either kind are missing, or where the scores rank them the wrong way round.
///
/// # Panics
/// If there is not one score per film.
#[must_use]
pub fn platt_of_scores(is_positive: &[bool], scores: &[f64]) -> Option<(f64, f64)> {
    assert_eq!(is_positive.len(), scores.len(), "one score per film");
    let positives = is_positive.iter().filter(|is| **is).count();
    let negatives = is_positive.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let rows: Vec<(f64, f64)> = is_positive
        .iter()
        .zip(scores)
        .map(|(&is, &score)| {
            let target = if is {
                targets(positives).0
            } else {
                targets(negatives).1
            };
            (score, target)
        })
        .collect();
    logistic(&rows, (positives as f64 + 1.0) / (negatives as f64 + 1.0))
}

/// Newton's method on scores with their targets, from the odds of a positive film.
fn logistic(rows: &[(f64, f64)], odds: f64) -> Option<(f64, f64)> {
    let loss = |slope: f64, intercept: f64| -> f64 {
        rows.iter()
            .map(|&(x, target)| {
                let z = slope * x + intercept;
                // ln(1 + e^z) - target z, without overflow.
                z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
            })
            .sum()
    };
    let (mut slope, mut intercept) = (0.0, odds.ln());
    let mut now = loss(slope, intercept);
    for _ in 0..STEPS {
        let (mut ga, mut gb) = (0.0, 0.0);
        let (mut haa, mut hab, mut hbb) = (1e-12, 0.0, 1e-12);
        for &(x, target) in rows {
            let p = 1.0 / (1.0 + (-(slope * x + intercept)).exp());
            let (gap, weight) = (p - target, p * (1.0 - p));
            ga += gap * x;
            gb += gap;
            haa += weight * x * x;
            hab += weight * x;
            hbb += weight;
        }
        let determinant = haa * hbb - hab * hab;
        let (da, db) = (
            (hbb * ga - hab * gb) / determinant,
            (haa * gb - hab * ga) / determinant,
        );
        if !(da.is_finite() && db.is_finite()) {
            return None;
        }
        // Half steps until the loss does not rise.
        let mut size = 1.0;
        loop {
            let (a, b) = (slope - size * da, intercept - size * db);
            let next = loss(a, b);
            if next <= now || size < 1e-10 {
                (slope, intercept, now) = (a, b, next);
                break;
            }
            size /= 2.0;
        }
        if da.abs() <= 1e-12 * slope.abs().max(1e-3)
            && db.abs() <= 1e-12 * intercept.abs().max(1e-3)
        {
            break;
        }
    }
    (slope > SLOPES[0] && slope < SLOPES[1] && intercept.is_finite()).then_some((slope, intercept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: usize) -> Vec<String> {
        (0..count).map(|label| format!("label {label}")).collect()
    }

    /// Films whose log odds are `sharpness` times what they should be.
    fn overconfident(count: usize, sharpness: f64) -> Vec<ScoredFilm> {
        (0..count)
            .map(|index| {
                let place = (index as f64 + 0.5) / count as f64;
                let odds = 4.0 * (place - 0.5);
                let honest = 1.0 / (1.0 + (-odds).exp());
                // A fixed low-discrepancy draw of the truth.
                let luck = (index as f64 * 0.618_033_988_75).fract();
                let p = 1.0 / (1.0 + (-sharpness * odds).exp());
                let truth = usize::from(luck >= honest);
                ScoredFilm::alone(index.to_string(), truth, vec![p, 1.0 - p])
            })
            .collect()
    }

    #[test]
    fn overconfidence_is_found_and_undone() {
        let films = overconfident(4000, 3.0);
        for method in [CalibrationMethod::Temperature, CalibrationMethod::Platt] {
            let fitted = Calibration::fit(method, &labels(2), 0, &films);
            assert!((fitted.slope - 1.0 / 3.0).abs() < 0.03, "{fitted:?}");
            assert!(fitted.intercept.abs() < 0.1, "{fitted:?}");
            let p = 1.0 / (1.0 + (-3.0_f64).exp());
            let corrected = fitted.apply(0, &[p, 1.0 - p]);
            assert!((corrected[0] - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 0.03);
            assert!((corrected.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_perfect_ranking_does_not_ask_for_certainty() {
        let films: Vec<ScoredFilm> = (0..60)
            .map(|index| {
                let p = if index % 3 == 0 { 0.9 } else { 0.1 };
                ScoredFilm::alone(
                    index.to_string(),
                    usize::from(index % 3 != 0),
                    vec![p, 1.0 - p],
                )
            })
            .collect();
        for method in [CalibrationMethod::Temperature, CalibrationMethod::Platt] {
            let fitted = Calibration::fit(method, &labels(2), 0, &films);
            let top = fitted.apply(0, &[0.9, 0.1])[0];
            // 60 of 60 right are at most 61 in 62 to be expected of the next.
            assert!((0.95..0.992).contains(&top), "{fitted:?}: {top}");
        }
    }

    #[test]
    fn too_few_films_and_wrong_labels_fit_nothing_and_say_so() {
        let few: Vec<ScoredFilm> = (0..30)
            .map(|i| ScoredFilm::alone(i.to_string(), usize::from(i > 8), vec![0.4, 0.6]))
            .collect();
        let cases: [(CalibrationMethod, usize, &[ScoredFilm], &str); 5] = [
            (CalibrationMethod::None, 2, &few, "not asked for"),
            (
                CalibrationMethod::Temperature,
                2,
                &few,
                "9 validation films of label 0",
            ),
            (
                CalibrationMethod::Temperature,
                2,
                &[],
                "no validation films",
            ),
            (CalibrationMethod::Platt, 3, &few, "for two labels"),
            (
                CalibrationMethod::Temperature,
                3,
                &few,
                "0 validation films of label 2",
            ),
        ];
        for (method, count, films, why) in cases {
            let found = Calibration::fit(method, &labels(count), 0, films);
            assert_eq!(found.method, CalibrationMethod::None);
            assert!(found.chosen.contains(why), "{}", found.chosen);
            assert_eq!(found.apply(0, &[0.3, 0.7]), [0.3, 0.7]);
        }
        // What is as it should be is left alone, or nearly.
        let honest = Calibration::fit(
            CalibrationMethod::Temperature,
            &labels(2),
            0,
            &overconfident(400, 1.0),
        );
        assert!((honest.slope - 1.0).abs() < 0.1, "{honest:?}");
        // Scores that rank the wrong way round are not turned over.
        let wrong: Vec<ScoredFilm> = overconfident(400, -1.0);
        let found = Calibration::fit(CalibrationMethod::Platt, &labels(2), 0, &wrong);
        assert_eq!(found.method, CalibrationMethod::None);
    }
}
