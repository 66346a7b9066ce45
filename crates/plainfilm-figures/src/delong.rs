//! The area under the ROC curve: its interval, its mean over labels, and the difference of two.

use statrs::distribution::{ContinuousCDF, Normal};

use super::intervals::{Interval, Z};
use super::order::ascending;
use super::{Estimate, Figure};

/// The area under the ROC curve with its interval; none unless there are positive and negative films.
///
/// The variance is DeLong's (Biometrics 1988) in one pass over the ranked films (after Sun and Xu, IEEE Signal Process Lett 2014),
/// with films of one cluster (patient) summed first (Obuchowski, Biometrics 1997), and the interval is
/// symmetric on the logit scale, so it stays within 0 to 1. `clusters[i]` is the patient of film
/// `i`, an index (memory grows with the largest); where every film has its own, Obuchowski's variance is DeLong's.
///
/// Where that variance is 0, as for a perfect ranking, the interval is Newcombe's (Stat Med 2006,
/// method 5): the areas that are no further than 1.96 of their own standard errors (Hanley and McNeil,
/// Radiology 1982, with both group sizes their mean) from the one observed, counting patients.
///
/// # Panics
/// If there is not one score and one cluster per film.
pub fn auroc_interval(positive: &[bool], scores: &[f64], clusters: &[usize]) -> Option<Interval> {
    let placements = Placements::of(positive, scores)?;
    assert_eq!(clusters.len(), scores.len(), "one cluster per film");
    let area = placements.area;
    let (variance, with_positive, with_negative) = placements.clustered_variance(clusters);
    if !(area > 0.0 && area < 1.0 && variance > 0.0) {
        let (low, high) = score_ends(area, with_positive as f64, with_negative as f64);
        return Some(Interval::new(area, low, high, "Newcombe 5"));
    }
    Some(on_logit_scale(area, variance, "DeLong, logit, by patient"))
}

/// An interval symmetric in the log odds of the area, so that it stays within 0 to 1.
fn on_logit_scale(area: f64, variance: f64, method: &str) -> Interval {
    let logit = (area / (1.0 - area)).ln();
    let half = Z * variance.sqrt() / (area * (1.0 - area));
    let back = |x: f64| 1.0 / (1.0 + (-x).exp());
    Interval::new(area, back(logit - half), back(logit + half), method)
}

/// The unweighted mean over labels of the areas of each label against the rest, with its interval;
/// undefined when a label has no films or all of them. `truths[i]` is the label of film `i`, `scores(label)` the
/// probabilities of that label.
///
/// A film's placements in all rankings are summed before its patient's are, so that what the rankings
/// share counts: the variance is `patients / (patients - 1)` times the sum of squares over patients. One
/// ranking is [`auroc_interval`].
///
/// # Panics
/// If there is not one score and one cluster per film.
pub(super) fn mean_auroc_interval(
    labels: std::ops::Range<usize>,
    truths: &[usize],
    scores: impl Fn(usize) -> Vec<f64>,
    clusters: &[usize],
) -> Estimate {
    let count = labels.len() as f64;
    let single = labels.len() == 1;
    let (mut area, mut influence) = (0.0, vec![0.0; truths.len()]);
    for label in labels {
        let positive: Vec<bool> = truths.iter().map(|&truth| truth == label).collect();
        let scores = scores(label);
        if single {
            return Estimate::or_undefined(auroc_interval(&positive, &scores, clusters));
        }
        let Some(placements) = Placements::of(&positive, &scores) else {
            return Estimate::or_undefined(None);
        };
        area += placements.area / count;
        for (sum, own) in influence.iter_mut().zip(placements.influence()) {
            *sum += own / count;
        }
    }
    let last = clusters.iter().max().map_or(0, |last| last + 1);
    let mut by_patient = vec![None; last];
    for (own, cluster) in influence.iter().zip(clusters) {
        *by_patient[*cluster].get_or_insert(0.0) += own;
    }
    let patients = by_patient.iter().flatten().count() as f64;
    let squares: f64 = by_patient.iter().flatten().map(|sum: &f64| sum * sum).sum();
    let variance = patients / (patients - 1.0) * squares;
    if !(variance > 0.0 && variance.is_finite() && area < 1.0) {
        // Nothing to estimate a spread from, and no closed form for a mean.
        let why = "no film disturbs the rankings, which leaves no spread to judge by";
        return Estimate::without_interval(Figure::from(area), why);
    }
    on_logit_scale(
        area,
        variance,
        "DeLong, logit, by patient, mean over labels",
    )
    .into()
}

/// Two rankings of the same films: the difference of their areas, first minus second.
#[derive(Debug, Clone, PartialEq)]
pub struct AreaDifference {
    /// The difference with its interval, symmetric about it.
    pub interval: Interval,
    /// Standard error.
    pub error: f64,
    /// Two-sided; 1 where both rankings are the same.
    pub p_value: f64,
}

/// DeLong's test of two rankings of the same films (Biometrics 1988), films of one patient together as
/// in [`auroc_interval`]; none unless there are positive and negative films.
///
/// # Panics
/// If there is not one score of each ranking and one cluster per film.
pub fn auroc_difference(
    positive: &[bool],
    first: &[f64],
    second: &[f64],
    clusters: &[usize],
) -> Option<AreaDifference> {
    let mut placements = Placements::of(positive, first)?;
    let other = Placements::of(positive, second)?;
    assert_eq!(clusters.len(), first.len(), "one cluster per film");
    // A difference of areas is the area of the differences of placements.
    placements.area -= other.area;
    for (value, other) in placements.values.iter_mut().zip(&other.values) {
        *value -= other;
    }
    let error = placements.clustered_variance(clusters).0.sqrt();
    let difference = placements.area;
    let p_value = match error > 0.0 {
        true => 2.0 * Normal::standard().sf((difference / error).abs()),
        false if difference == 0.0 => 1.0,
        // No spread, and yet a difference: too few patients of one group to say anything.
        false => return None,
    };
    let (low, high) = (difference - Z * error, difference + Z * error);
    Some(AreaDifference {
        interval: Interval::new(difference, low, high, "DeLong, paired, by patient"),
        error,
        p_value,
    })
}

/// For every film, the share of the other group that it beats (DeLong's structural components).
struct Placements<'a> {
    positive: &'a [bool],
    values: Vec<f64>,
    area: f64,
    positives: usize,
    negatives: usize,
}

impl<'a> Placements<'a> {
    fn of(positive: &'a [bool], scores: &[f64]) -> Option<Self> {
        assert_eq!(positive.len(), scores.len(), "one score per film");
        let positives = positive.iter().filter(|&&p| p).count();
        let negatives = positive.len() - positives;
        if positives == 0 || negatives == 0 || scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        let order = ascending(scores);
        let mut values = vec![0.0; scores.len()];
        // Films of each group that score less than the tie at hand.
        let (mut below, mut start) = ([0_usize; 2], 0);
        while start < order.len() {
            let score = scores[order[start] as usize];
            let tied = order[start..]
                .iter()
                .take_while(|&&film| scores[film as usize] == score);
            let tie = &order[start..start + tied.count()];
            let with = tie.iter().filter(|&&film| positive[film as usize]).count();
            let tied = [with, tie.len() - with];
            // A film beats those of the other group below it, and half of those beside it.
            let beats = (below[1] as f64 + tied[1] as f64 / 2.0) / negatives as f64;
            let above = (positives - below[0] - tied[0]) as f64;
            let beaten_by = (above + tied[0] as f64 / 2.0) / positives as f64;
            for &film in tie {
                let film = film as usize;
                values[film] = if positive[film] { beats } else { beaten_by };
            }
            below = [below[0] + tied[0], below[1] + tied[1]];
            start += tie.len();
        }
        let sum: f64 = (0..scores.len())
            .filter(|&film| positive[film])
            .map(|film| values[film])
            .sum();
        Some(Self {
            positive,
            values,
            area: sum / positives as f64,
            positives,
            negatives,
        })
    }

    /// How much each film moves the area: these sum to 0 in each group.
    fn influence(&self) -> impl Iterator<Item = f64> {
        let films = [self.positives as f64, self.negatives as f64];
        self.values
            .iter()
            .zip(self.positive)
            .map(move |(value, &positive)| (value - self.area) / films[usize::from(!positive)])
    }

    /// Obuchowski's variance, and the number of clusters with a positive and with a negative film.
    fn clustered_variance(&self, clusters: &[usize]) -> (f64, usize, usize) {
        #[derive(Default, Clone)]
        struct Sums {
            films: [f64; 2],
            placed: [f64; 2],
        }
        let last = clusters.iter().max().map_or(0, |last| last + 1);
        let mut sums = vec![Sums::default(); last];
        for (film, cluster) in clusters.iter().enumerate() {
            let group = usize::from(!self.positive[film]);
            let sum = &mut sums[*cluster];
            sum.films[group] += 1.0;
            sum.placed[group] += self.values[film];
        }
        sums.retain(|sum| sum.films[0] + sum.films[1] > 0.0);
        let with = [0, 1].map(|group| sums.iter().filter(|sum| sum.films[group] > 0.0).count());
        // A sum over one cluster has no spread to estimate a variance from.
        if with[0] < 2 || with[1] < 2 {
            return (0.0, with[0], with[1]);
        }
        let excess = |sum: &Sums, group: usize| sum.placed[group] - sum.films[group] * self.area;
        let films = [self.positives as f64, self.negatives as f64];
        let spread = |group: usize| {
            let squares: f64 = sums.iter().map(|sum| excess(sum, group).powi(2)).sum();
            let clusters = with[group] as f64;
            clusters / ((clusters - 1.0) * films[group]) * squares
        };
        let products: f64 = sums.iter().map(|sum| excess(sum, 0) * excess(sum, 1)).sum();
        let all = sums.len() as f64;
        let together = all / (all - 1.0) * products;
        let variance =
            spread(0) / films[0] + spread(1) / films[1] + 2.0 * together / (films[0] * films[1]);
        (variance.max(0.0), with[0], with[1])
    }
}

/// Newcombe's fifth interval for an area, by bisection.
fn score_ends(area: f64, positives: f64, negatives: f64) -> (f64, f64) {
    let mean = (positives + negatives) / 2.0;
    let is_near = |theta: f64| {
        let spread = 1.0
            + (mean - 1.0) * (1.0 - theta) / (2.0 - theta)
            + (mean - 1.0) * theta / (1.0 + theta);
        let variance = theta * (1.0 - theta) * spread / (positives * negatives);
        (area - theta).powi(2) <= Z * Z * variance
    };
    let end = |mut inside: f64, mut outside: f64| {
        for _ in 0..60 {
            let middle = (inside + outside) / 2.0;
            if is_near(middle) {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        inside
    };
    (end(area, 0.0), end(area, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_ranking_of_few_films_is_not_certain() {
        let positive: Vec<bool> = (0..20).map(|film| film < 10).collect();
        let scores: Vec<f64> = positive.iter().map(|&p| f64::from(u8::from(p))).collect();
        let films: Vec<usize> = (0..20).collect();
        let found = auroc_interval(&positive, &scores, &films).unwrap();
        assert_eq!((found.value, found.high), (1.0, 1.0));
        assert!((0.7..0.95).contains(&found.low), "{found:?}");
        // Ten films of one patient are one.
        let patients: Vec<usize> = positive.iter().map(|&p| usize::from(p)).collect();
        let one = auroc_interval(&positive, &scores, &patients).unwrap();
        assert!(one.low < 0.5, "{one:?}");
    }

    #[test]
    fn copies_of_films_do_not_narrow_the_interval_when_clustered() {
        let positive: Vec<bool> = (0..40).map(|film| film % 2 == 0).collect();
        let scores: Vec<f64> = (0..40u32)
            .map(|film| f64::from(film * 7919 % 41) + if film % 2 == 0 { 8.0 } else { 0.0 })
            .collect();
        let films: Vec<usize> = (0..40).collect();
        let once = auroc_interval(&positive, &scores, &films).unwrap();
        let twice = |values: &[f64]| [values, values].concat();
        let doubled = auroc_interval(
            &[&positive[..], &positive].concat(),
            &twice(&scores),
            &[&films[..], &films].concat(),
        )
        .unwrap();
        assert!((once.value - doubled.value).abs() < 1e-12);
        assert!(
            (once.low - doubled.low).abs() < 1e-9,
            "{once:?} {doubled:?}"
        );
        assert!((once.high - doubled.high).abs() < 1e-9);
    }

    #[test]
    fn one_label_has_no_area() {
        assert_eq!(
            auroc_interval(&[true; 3], &[0.1, 0.2, 0.3], &[0, 1, 2]),
            None
        );
        assert_eq!(auroc_interval(&[], &[], &[]), None);
    }
}
