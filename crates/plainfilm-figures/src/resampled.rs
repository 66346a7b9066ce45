//! The figures that have no closed form for their intervals, as functions of how often each patient counts.

use rayon::prelude::*;

use super::bootstrap::{Resampling, Weights};
use super::figure_difference::FigureDifference;
use super::order::ascending;
use super::{
    CALIBRATION_BINS, ConfusionMatrix, Estimate, Figure, ScoredFilm, against_the_rest,
    equal_mass_bins,
};

/// The figures with their intervals.
pub(super) struct Resampled {
    pub loss: Estimate,
    pub brier: Estimate,
    /// Without an interval: draws of the same films are biased twice.
    pub ece: Figure,
    pub kappa: Estimate,
    pub matthews: Estimate,
    pub macro_f1: Estimate,
    pub weighted_f1: Estimate,
    pub auprc: Estimate,
    /// F1 of each label.
    pub f1: Vec<Estimate>,
    /// Average precision of each label against the rest.
    pub label_auprc: Vec<Estimate>,
}

/// What resampling needs of each film, laid out for reading in one go.
struct Table {
    labels: usize,
    /// The labels whose average precision is averaged.
    ranked: std::ops::Range<usize>,
    films: Vec<Row>,
    rankings: Vec<Vec<Ranked>>,
}

struct Row {
    patient: u32,
    truth: u32,
    predicted: u32,
    /// Bin of its confidence.
    bin: u32,
    loss: f64,
    brier: f64,
    /// 1 if right, 0 if wrong, minus the confidence.
    surplus: f64,
}

#[derive(Clone)]
struct Sums {
    films: f64,
    loss: f64,
    brier: f64,
    surplus: [f64; CALIBRATION_BINS],
    matrix: ConfusionMatrix,
}

impl Sums {
    fn none(labels: usize) -> Self {
        Self {
            films: 0.0,
            loss: 0.0,
            brier: 0.0,
            surplus: [0.0; CALIBRATION_BINS],
            matrix: ConfusionMatrix::empty(labels),
        }
    }

    /// A film, as often as it counts.
    fn add(&mut self, row: &Row, count: u32) {
        let weight = f64::from(count);
        self.films += weight;
        self.loss += weight * row.loss;
        self.brier += weight * row.brier;
        self.surplus[row.bin as usize] += weight * row.surplus;
        self.matrix
            .add(row.truth as usize, row.predicted as usize, count);
    }

    /// Other films too (`sign` 1), or those of before no longer (-1).
    fn merge(&mut self, other: &Self, sign: f64) {
        self.films += sign * other.films;
        self.loss += sign * other.loss;
        self.brier += sign * other.brier;
        for (sum, own) in self.surplus.iter_mut().zip(&other.surplus) {
            *sum += sign * own;
        }
        if sign > 0.0 {
            self.matrix.merge(&other.matrix);
        } else {
            self.matrix.remove(&other.matrix);
        }
    }
}

/// A film of a ranking with the group that its patient is in.
struct Grouped {
    group: u8,
    positive: bool,
    closes: bool,
}

/// A film in descending order of a label's probability.
pub(super) struct Ranked {
    pub patient: u32,
    pub positive: bool,
    /// The next film scores less.
    pub closes: bool,
}

impl Table {
    fn new(
        labels: usize,
        ranked: std::ops::Range<usize>,
        scored: &[ScoredFilm],
        patients: &[usize],
    ) -> Self {
        let confidences: Vec<f64> = scored
            .iter()
            .map(|film| film.probabilities[film.most_probable()])
            .collect();
        let bins = equal_mass_bins(&confidences, CALIBRATION_BINS);
        let films = scored
            .iter()
            .zip(patients)
            .enumerate()
            .map(|(index, (film, &patient))| Row {
                patient: patient as u32,
                truth: film.truth as u32,
                predicted: film.predicted() as u32,
                bin: bins.as_ref().map_or(0, |bins| bins[index] as u32),
                loss: negative_log_likelihood(film),
                brier: squared_error(film, ranked.clone()),
                surplus: f64::from(u8::from(film.most_probable() == film.truth))
                    - confidences[index],
            })
            .collect();
        let rankings = (0..labels)
            .into_par_iter()
            .map(|label| ranking(scored, label, patients))
            .collect();
        Self {
            labels,
            ranked,
            films,
            rankings,
        }
    }

    /// Sums over films and the confusion matrix, in one pass over the films: they are what takes time.
    fn sums(&self, weights: &Weights) -> Sums {
        let mut sums = Sums::none(self.labels);
        for row in &self.films {
            sums.add(row, weights[row.patient as usize]);
        }
        sums
    }

    /// The figures without each group of patients in turn: `group_of` has the group of each patient, and
    /// `groups` is how many there are. Sums are subtracted instead of added up again.
    fn without_groups(&self, group_of: &[u8], groups: usize) -> Vec<Vec<f64>> {
        let mut parts: Vec<Sums> = (0..groups).map(|_| Sums::none(self.labels)).collect();
        for row in &self.films {
            parts[usize::from(group_of[row.patient as usize])].add(row, 1);
        }
        let mut all = Sums::none(self.labels);
        for part in &parts {
            all.merge(part, 1.0);
        }
        // One byte of group a film: these passes are what is left, and they read memory.
        let rankings: Vec<Vec<Grouped>> = self
            .rankings
            .par_iter()
            .map(|ranking| {
                let films = ranking.iter();
                films
                    .map(|film| Grouped {
                        group: group_of[film.patient as usize],
                        positive: film.positive,
                        closes: film.closes,
                    })
                    .collect()
            })
            .collect();
        parts
            .par_iter()
            .enumerate()
            .map(|(group, part)| {
                let mut left = all.clone();
                left.merge(part, -1.0);
                let precision = rankings
                    .iter()
                    .map(|ranking| precision_without(ranking, group as u8))
                    .collect();
                self.figures_of(&left, precision)
            })
            .collect()
    }

    /// In the order of [`Resampled`]; what is undefined is not a number.
    fn figures(&self, weights: &Weights) -> Vec<f64> {
        self.figures_of(&self.sums(weights), self.precision(weights))
    }

    /// Average precision of each label.
    fn precision(&self, weights: &Weights) -> Vec<f64> {
        let rankings = self.rankings.iter();
        rankings
            .map(|ranking| average_precision(ranking, weights))
            .collect()
    }

    fn figures_of(&self, sums: &Sums, precision: Vec<f64>) -> Vec<f64> {
        let Sums { films, matrix, .. } = sums;
        let gaps: f64 = sums.surplus.iter().map(|sum| sum.abs()).sum();
        let mean = precision[self.ranked.clone()].iter().sum::<f64>() / self.ranked.len() as f64;
        let [macro_f1, weighted_f1] = matrix.mean_f1().map(number);
        let mut figures = vec![
            sums.loss / films,
            sums.brier / films,
            gaps / films,
            number(matrix.kappa()),
            number(matrix.matthews()),
            macro_f1,
            weighted_f1,
            mean,
        ];
        figures.extend((0..self.labels).map(|label| number(matrix.label(label).f1)));
        figures.extend(precision);
        figures
    }
}

fn number(figure: Figure) -> f64 {
    figure.value().unwrap_or(f64::NAN)
}

/// All films of one label's ranking; empty when a score is not a number, as such films have no rank.
fn ranking(scored: &[ScoredFilm], label: usize, patients: &[usize]) -> Vec<Ranked> {
    let (positive, scores) = against_the_rest(scored, label);
    ranked(&positive, &scores, patients)
}

/// Scores from high to low; none when one is not a number.
pub(super) fn ranked(positive: &[bool], scores: &[f64], patients: &[usize]) -> Vec<Ranked> {
    if scores.iter().any(|score| score.is_nan()) {
        return Vec::new();
    }
    let mut order = ascending(scores);
    order.reverse();
    let film = |place: usize| order[place] as usize;
    (0..order.len())
        .map(|place| Ranked {
            patient: patients[film(place)] as u32,
            positive: positive[film(place)],
            closes: place + 1 == order.len() || scores[film(place + 1)] != scores[film(place)],
        })
        .collect()
}

/// [`super::average_precision`] with films counted as often as their patients.
pub(super) fn average_precision(ranking: &[Ranked], weights: &Weights) -> f64 {
    let (mut sum, mut before) = (0.0, 0.0);
    let (mut found, mut above) = (0_u64, 0_u64);
    for film in ranking {
        let weight = u64::from(weights[film.patient as usize]);
        above += weight;
        found += if film.positive { weight } else { 0 };
        let now = found as f64;
        if film.closes && now > before {
            sum += (now - before) * now / above as f64;
            before = now;
        }
    }
    sum / before
}

/// [`super::average_precision`] of the films of all groups but one.
fn precision_without(ranking: &[Grouped], group: u8) -> f64 {
    let (mut sum, mut before) = (0.0, 0_u32);
    let (mut found, mut above) = (0_u32, 0_u32);
    for film in ranking {
        let counts = u32::from(film.group != group);
        above += counts;
        found += counts & u32::from(film.positive);
        if film.closes && found > before {
            sum += f64::from(found - before) * f64::from(found) / f64::from(above);
            before = found;
        }
    }
    sum / f64::from(before)
}

fn negative_log_likelihood(film: &ScoredFilm) -> f64 {
    -film.probabilities[film.truth]
        .clamp(f64::EPSILON, 1.0 - f64::EPSILON)
        .ln()
}

fn squared_error(film: &ScoredFilm, labels: std::ops::Range<usize>) -> f64 {
    let mut sum = 0.0;
    for label in labels {
        let truth = f64::from(u8::from(film.truth == label));
        sum += (film.probabilities[label] - truth).powi(2);
    }
    sum
}

/// Resamples patients. `ranked` are the labels of Brier score and mean average precision.
pub(super) fn resample(
    labels: usize,
    ranked: std::ops::Range<usize>,
    scored: &[ScoredFilm],
    patients: (&[usize], usize),
) -> Resampled {
    let table = Table::new(labels, ranked, scored, patients.0);
    let resampling = Resampling {
        patients: patients.1,
        work: scored.len() * (labels + 1),
        statistic: &|weights| table.figures(weights),
        without_groups: Some(&|group_of, groups| table.without_groups(group_of, groups)),
    };
    let mut estimates = resampling.estimates().into_iter();
    let mut next = || {
        estimates
            .next()
            .expect("the statistic returns this many figures")
    };
    Resampled {
        loss: next(),
        brier: next(),
        ece: next().value,
        kappa: next(),
        matthews: next(),
        macro_f1: next(),
        weighted_f1: next(),
        auprc: next(),
        f1: (0..labels).map(|_| next()).collect(),
        label_auprc: (0..labels).map(|_| next()).collect(),
    }
}

/// The figures of two networks on the same films, and their differences with intervals. The names are
/// those of `metrics.json`.
pub(super) fn differences(
    labels: usize,
    positive: usize,
    films: (&[ScoredFilm], &[ScoredFilm]),
    patients: (&[usize], usize),
) -> Vec<FigureDifference> {
    const NAMES: [&str; 10] = [
        "accuracy",
        "balanced_accuracy",
        "loss",
        "brier",
        "ece",
        "kappa",
        "mcc",
        "macro_f1",
        "weighted_f1",
        "auprc",
    ];
    let ranked = super::ranked_labels(labels, positive);
    let tables =
        [films.0, films.1].map(|films| Table::new(labels, ranked.clone(), films, patients.0));
    let figures = |table: &Table, weights: &Weights| {
        let sums = table.sums(weights);
        let shares = [sums.matrix.accuracy(), sums.matrix.balanced_accuracy()].map(number);
        let others = table.figures_of(&sums, table.precision(weights));
        shares
            .into_iter()
            .chain(others)
            .take(NAMES.len())
            .collect::<Vec<f64>>()
    };
    let resampling = Resampling {
        patients: patients.1,
        work: 2 * films.0.len() * (labels + 1),
        statistic: &|weights| {
            let [first, second] = [0, 1].map(|side| figures(&tables[side], weights));
            first.iter().zip(second).map(|(a, b)| a - b).collect()
        },
        without_groups: None,
    };
    let all = vec![1; patients.1];
    let [first, second] = [0, 1].map(|side| figures(&tables[side], &all));
    resampling
        .differences()
        .into_iter()
        .enumerate()
        .map(|(figure, difference)| FigureDifference {
            name: NAMES[figure],
            first: Figure::from(first[figure]),
            second: Figure::from(second[figure]),
            difference,
        })
        .collect()
}
