//! The figures that have no closed form for their intervals, as functions of how often each patient counts.

use super::bootstrap::{Resampling, Weights};
use super::compare::FigureDifference;
use super::{
    CALIBRATION_BINS, ConfusionMatrix, Estimate, Figure, ScoredFilm, against_the_rest,
    equal_mass_bins,
};

/// The figures with their intervals.
pub(super) struct Resampled {
    pub loss: Estimate,
    pub brier: Estimate,
    pub ece: Estimate,
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

struct Sums {
    films: f64,
    loss: f64,
    brier: f64,
    surplus: [f64; CALIBRATION_BINS],
    matrix: ConfusionMatrix,
}

/// A film in descending order of a label's probability.
struct Ranked {
    patient: u32,
    positive: bool,
    /// The next film scores less.
    closes: bool,
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
        let mut sums = Sums {
            films: 0.0,
            loss: 0.0,
            brier: 0.0,
            surplus: [0.0; CALIBRATION_BINS],
            matrix: ConfusionMatrix::empty(self.labels),
        };
        for row in &self.films {
            let count = weights[row.patient as usize];
            let weight = f64::from(count);
            sums.films += weight;
            sums.loss += weight * row.loss;
            sums.brier += weight * row.brier;
            sums.surplus[row.bin as usize] += weight * row.surplus;
            sums.matrix
                .add(row.truth as usize, row.predicted as usize, count);
        }
        sums
    }

    /// In the order of [`Resampled`]; what is undefined is not a number.
    fn figures(&self, weights: &Weights) -> Vec<f64> {
        self.figures_of(&self.sums(weights), weights)
    }

    fn figures_of(&self, sums: &Sums, weights: &Weights) -> Vec<f64> {
        let Sums { films, matrix, .. } = sums;
        let gaps: f64 = sums.surplus.iter().map(|sum| sum.abs()).sum();
        let precision: Vec<f64> = self
            .rankings
            .iter()
            .map(|ranking| average_precision(ranking, weights))
            .collect();
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
    if scores.iter().any(|score| score.is_nan()) {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    (0..order.len())
        .map(|place| Ranked {
            patient: patients[order[place]] as u32,
            positive: positive[order[place]],
            closes: order
                .get(place + 1)
                .is_none_or(|&next| scores[next] != scores[order[place]]),
        })
        .collect()
}

/// [`super::average_precision`] with films counted as often as their patients.
fn average_precision(ranking: &[Ranked], weights: &Weights) -> f64 {
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
        ece: next(),
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
        let others = table.figures_of(&sums, weights);
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
    };
    let all = vec![1; patients.1];
    let [first, second] = [0, 1].map(|side| figures(&tables[side], &all));
    resampling
        .estimates()
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
