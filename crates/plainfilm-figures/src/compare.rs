//! Whether one network is better than another on the same films, or only luckier.

use serde::Serialize;
use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF};

use super::figure_difference::FigureDifference;
use super::predictions::Predictions;
use super::resampled::differences;
use super::{Estimate, Figure, ScoredFilm, against_the_rest, auroc_difference, patient_indices};

/// Discordant patients below which McNemar's test is exact.
const EXACT_BELOW: u64 = 25;

/// A comparison of two networks on the same films.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the first network.
    pub first: String,
    /// Name of the second.
    pub second: String,
    /// Each figure of both, and the first minus the second with its 95 % interval.
    pub figures: Vec<FigureDifference>,
    /// Whether the areas under the ROC curves differ, with two labels (DeLong, paired).
    pub auroc_test: Test,
    /// Whether one is right on more patients than the other (McNemar).
    pub mcnemar: McNemar,
}

/// A test of no difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Test {
    /// Two-sided; undefined where the films do not define it.
    pub p_value: Figure,
    /// After Holm's correction for the number of pairs that are compared; the same with one pair.
    pub adjusted: Figure,
}

/// McNemar's test (Psychometrika 1947): of the patients on whom only one network is right, do equally many
/// speak for either? A patient with several films speaks once, for the network that is right on more of
/// them, so that films of one patient do not pass for many witnesses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct McNemar {
    /// Patients on whom the first is right more often.
    pub only_first: u64,
    /// Patients on whom the second is.
    pub only_second: u64,
    /// The test.
    pub test: Test,
    /// `exact` (binomial) with fewer than 25 such patients, else `chi-squared` with continuity correction.
    pub method: &'static str,
}

/// All comparisons of a set of networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparisons {
    /// Labels in order.
    pub labels: Vec<String>,
    /// The label that AUROC, AUPRC and Brier score are about, with two labels.
    pub positive_label: String,
    /// Films that all networks scored: only these are compared.
    pub films: usize,
    /// Patients on them.
    pub patients: usize,
    /// For each network, films that it scored and another did not.
    pub left_out: Vec<(String, usize)>,
    /// Every pair.
    pub pairs: Vec<Comparison>,
}

/// Why networks cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// Fewer than two sets of predictions.
    #[error("expected predictions of at least two networks, found {0}")]
    TooFew(usize),
    /// Their labels differ.
    #[error(
        "{second}: expected the labels of {first} ({}), found {}",
        first_ten(expected),
        first_ten(found)
    )]
    Labels {
        /// The first predictions.
        first: String,
        /// The ones that differ.
        second: String,
        /// Labels of the first.
        expected: Vec<String>,
        /// Labels found.
        found: Vec<String>,
    },
    /// One film has two true labels.
    #[error(
        "{second}: {path}: expected the true label {expected}, as in {first}, found {found}\nhint: were both scored on the same version of the data?"
    )]
    Truth {
        /// The first predictions.
        first: String,
        /// The ones that differ.
        second: String,
        /// The film.
        path: String,
        /// Label in the first.
        expected: String,
        /// Label found.
        found: String,
    },
    /// No film was scored by all of them.
    #[error("no film was scored by all of {}\nhint: score both on the same test set: plainfilm evaluate MODEL DATA --output DIR", names.join(", "))]
    NoSharedFilm {
        /// The networks.
        names: Vec<String>,
    },
}

/// Up to ten names, and how many more there are.
fn first_ten(names: &[String]) -> String {
    let shown = names[..names.len().min(10)].join(", ");
    match names.len().saturating_sub(10) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Compares every pair of networks on the films that all of them scored. Figures, tests and intervals count
/// films of one patient together; patients are those of the first predictions. `positive` is the place of the
/// label that is judged among the first network's, where it is not for the names to tell.
///
/// # Errors
///
/// When there are fewer than two, or when labels or true labels differ, or no film is shared.
pub fn compare(
    networks: &[Predictions],
    positive: Option<usize>,
) -> Result<Comparisons, CompareError> {
    let [first, others @ ..] = networks else {
        return Err(CompareError::TooFew(0));
    };
    if others.is_empty() {
        return Err(CompareError::TooFew(1));
    }
    let aligned = align(networks)?;
    let positive = positive.unwrap_or_else(|| super::positive_label(&first.labels));
    let (patients, patient_count) = patient_indices(&aligned[0]);
    let mut pairs = Vec::new();
    for (index, left) in networks.iter().enumerate() {
        for (other, right) in networks.iter().enumerate().skip(index + 1) {
            let films = (&aligned[index][..], &aligned[other][..]);
            pairs.push(Comparison {
                first: left.name.clone(),
                second: right.name.clone(),
                figures: figures(
                    first.labels.len(),
                    positive,
                    films,
                    (&patients, patient_count),
                ),
                auroc_test: auroc_test(first.labels.len(), positive, films, &patients),
                mcnemar: mcnemar_by_patient(films, &patients, patient_count),
            });
        }
    }
    correct(&mut pairs);
    Ok(Comparisons {
        positive_label: first.labels[positive].clone(),
        labels: first.labels.clone(),
        films: aligned[0].len(),
        patients: patient_count,
        left_out: networks
            .iter()
            .map(|network| (network.name.clone(), network.films.len() - aligned[0].len()))
            .collect(),
        pairs,
    })
}

/// The shared films of each network, in the order of the first, labels in the order of the first.
fn align(networks: &[Predictions]) -> Result<Vec<Vec<ScoredFilm>>, CompareError> {
    let first = &networks[0];
    let mut found: Vec<std::collections::HashMap<&str, &ScoredFilm>> = Vec::new();
    let mut orders = Vec::new();
    for network in networks {
        let order: Option<Vec<usize>> = first
            .labels
            .iter()
            .map(|label| network.labels.iter().position(|own| own == label))
            .collect();
        match order {
            Some(order) if order.len() == network.labels.len() => orders.push(order),
            _ => {
                return Err(CompareError::Labels {
                    first: first.name.clone(),
                    second: network.name.clone(),
                    expected: first.labels.clone(),
                    found: network.labels.clone(),
                });
            }
        }
        found.push(
            network
                .films
                .iter()
                .map(|film| (film.path.as_str(), film))
                .collect(),
        );
    }
    let mut aligned = vec![Vec::new(); networks.len()];
    for film in &first.films {
        let all: Option<Vec<&ScoredFilm>> = found
            .iter()
            .map(|films| films.get(film.path.as_str()).copied())
            .collect();
        let Some(all) = all else { continue };
        for (index, other) in all.into_iter().enumerate() {
            let network = &networks[index];
            let label = &network.labels[other.truth];
            if *label != first.labels[film.truth] {
                return Err(CompareError::Truth {
                    first: first.name.clone(),
                    second: network.name.clone(),
                    path: film.path.clone(),
                    expected: first.labels[film.truth].clone(),
                    found: label.clone(),
                });
            }
            let order = &orders[index];
            aligned[index].push(ScoredFilm {
                probabilities: order.iter().map(|&own| other.probabilities[own]).collect(),
                called: other
                    .called
                    .and_then(|called| order.iter().position(|&own| own == called)),
                ..film.clone()
            });
        }
    }
    if aligned[0].is_empty() {
        return Err(CompareError::NoSharedFilm {
            names: networks
                .iter()
                .map(|network| network.name.clone())
                .collect(),
        });
    }
    Ok(aligned)
}

type Pair<'a> = (&'a [ScoredFilm], &'a [ScoredFilm]);

fn figures(
    labels: usize,
    positive: usize,
    films: Pair<'_>,
    patients: (&[usize], usize),
) -> Vec<FigureDifference> {
    let mut figures = differences(labels, positive, films, patients);
    if labels == 2 {
        let (truth, first) = against_the_rest(films.0, positive);
        let second = against_the_rest(films.1, positive).1;
        let difference = auroc_difference(&truth, &first, &second, patients.0);
        figures.push(FigureDifference {
            name: "auroc",
            first: super::auroc(&truth, &first),
            second: super::auroc(&truth, &second),
            difference: Estimate::or_undefined(difference.map(|found| found.interval)),
        });
    }
    figures
}

fn auroc_test(labels: usize, positive: usize, films: Pair<'_>, patients: &[usize]) -> Test {
    let difference = (labels == 2).then(|| {
        let (truth, first) = against_the_rest(films.0, positive);
        auroc_difference(
            &truth,
            &first,
            &against_the_rest(films.1, positive).1,
            patients,
        )
    });
    let p_value = difference
        .flatten()
        .map_or(Figure::UNDEFINED, |found| Figure::from(found.p_value));
    Test {
        p_value,
        adjusted: p_value,
    }
}

fn mcnemar_by_patient(films: Pair<'_>, patients: &[usize], count: usize) -> McNemar {
    let mut ahead = vec![0_i64; count];
    for ((first, second), &patient) in films.0.iter().zip(films.1).zip(patients) {
        ahead[patient] += i64::from(first.is_correct()) - i64::from(second.is_correct());
    }
    let only_first = ahead.iter().filter(|&&films| films > 0).count() as u64;
    let only_second = ahead.iter().filter(|&&films| films < 0).count() as u64;
    let (p_value, method) = mcnemar(only_first, only_second);
    let p_value = Figure::from(p_value);
    McNemar {
        only_first,
        only_second,
        test: Test {
            p_value,
            adjusted: p_value,
        },
        method,
    }
}

/// The two-sided p-value of McNemar's test and its method, from the two discordant counts, as
/// `statsmodels.stats.contingency_tables.mcnemar`.
pub fn mcnemar(only_first: u64, only_second: u64) -> (f64, &'static str) {
    let total = only_first + only_second;
    if total < EXACT_BELOW {
        if total == 0 {
            return (1.0, "exact");
        }
        let binomial = Binomial::new(0.5, total).expect("a half is a probability");
        let tail = binomial.cdf(only_first.min(only_second));
        return ((2.0 * tail).min(1.0), "exact");
    }
    let gap = only_first.abs_diff(only_second) as f64 - 1.0;
    let chi_squared = ChiSquared::new(1.0).expect("one degree of freedom");
    (chi_squared.sf(gap * gap / total as f64), "chi-squared")
}

/// Holm's step-down correction (Scand J Stat 1979): p-values that keep the chance of any false alarm, in
/// the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let (mut adjusted, mut highest) = (vec![0.0; p_values.len()], 0.0_f64);
    for (rank, &index) in order.iter().enumerate() {
        highest = highest
            .max((p_values.len() - rank) as f64 * p_values[index])
            .min(1.0);
        adjusted[index] = highest;
    }
    adjusted
}

/// Corrects each test over all pairs.
fn correct(pairs: &mut [Comparison]) {
    let tests: [fn(&mut Comparison) -> &mut Test; 2] =
        [|pair| &mut pair.auroc_test, |pair| &mut pair.mcnemar.test];
    for of in tests {
        let (defined, p_values): (Vec<usize>, Vec<f64>) = pairs
            .iter_mut()
            .enumerate()
            .filter_map(|(index, pair)| Some((index, of(pair).p_value.value()?)))
            .unzip();
        for (index, adjusted) in defined.into_iter().zip(holm(&p_values)) {
            of(&mut pairs[index]).adjusted = Figure::from(adjusted);
        }
    }
}

#[cfg(test)]
mod tests;
