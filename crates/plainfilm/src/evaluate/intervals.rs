//! How far a figure may be from the truth by the luck of the films: 95 % intervals.

use serde::{Deserialize, Serialize};

/// The 97.5th percentile of the standard normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How the ends were found.
    pub method: String,
}

impl Interval {
    /// An interval by a named method.
    pub fn new(value: f64, low: f64, high: f64, method: &str) -> Self {
        Self {
            value,
            low,
            high,
            method: method.to_owned(),
        }
    }
}

/// Wilson's score interval for a proportion (Wilson, J Am Stat Assoc 1927; Brown, Cai and DasGupta,
/// Stat Sci 2001); none when there is nothing to count.
pub fn wilson(successes: usize, total: usize) -> Option<Interval> {
    if total == 0 {
        return None;
    }
    let (n, p) = (total as f64, successes as f64 / total as f64);
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // The ends are exactly 0 and 1 there; rounding would leave them a hair off.
    let low = if successes == 0 { 0.0 } else { centre - half };
    let high = if successes == total {
        1.0
    } else {
        centre + half
    };
    Some(Interval::new(p, low, high, "Wilson"))
}

/// The area under the ROC curve with its interval; none unless there are positive and negative films.
///
/// The variance is DeLong's (Biometrics 1988) by midranks (Sun and Xu, IEEE Signal Process Lett 2014),
/// with films of one cluster (patient) summed first (Obuchowski, Biometrics 1997), and the interval is
/// symmetric on the logit scale, so it stays within 0 to 1. `clusters[i]` names the patient of film
/// `i`; where every film has its own, Obuchowski's variance is DeLong's.
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
    let degenerate = !(area > 0.0 && area < 1.0 && variance > 0.0);
    if degenerate {
        let (low, high) = score_ends(area, with_positive as f64, with_negative as f64);
        return Some(Interval::new(area, low, high, "Newcombe 5"));
    }
    let logit = (area / (1.0 - area)).ln();
    let half = Z * variance.sqrt() / (area * (1.0 - area));
    let back = |x: f64| 1.0 / (1.0 + (-x).exp());
    Some(Interval::new(
        area,
        back(logit - half),
        back(logit + half),
        "DeLong, logit, by patient",
    ))
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
        let all: Vec<usize> = (0..scores.len()).collect();
        let overall = midranks(&all, scores);
        let mut values = vec![0.0; scores.len()];
        for truth in [true, false] {
            let group: Vec<usize> = all
                .iter()
                .copied()
                .filter(|&film| positive[film] == truth)
                .collect();
            let others = (scores.len() - group.len()) as f64;
            for (&film, within) in group.iter().zip(midranks(&group, scores)) {
                let beaten = (overall[film] - within) / others;
                values[film] = if truth { beaten } else { 1.0 - beaten };
            }
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

    /// Obuchowski's variance, and the number of clusters with a positive and with a negative film.
    fn clustered_variance(&self, clusters: &[usize]) -> (f64, usize, usize) {
        #[derive(Default, Clone)]
        struct Sums {
            films: [f64; 2],
            placed: [f64; 2],
        }
        let mut sums: std::collections::BTreeMap<usize, Sums> = std::collections::BTreeMap::new();
        for (film, cluster) in clusters.iter().enumerate() {
            let group = usize::from(!self.positive[film]);
            let sum = sums.entry(*cluster).or_default();
            sum.films[group] += 1.0;
            sum.placed[group] += self.values[film];
        }
        let with = [0, 1].map(|group| sums.values().filter(|sum| sum.films[group] > 0.0).count());
        // A sum over one cluster has no spread to estimate a variance from.
        if with[0] < 2 || with[1] < 2 {
            return (0.0, with[0], with[1]);
        }
        let excess = |sum: &Sums, group: usize| sum.placed[group] - sum.films[group] * self.area;
        let films = [self.positives as f64, self.negatives as f64];
        let spread = |group: usize| {
            let squares: f64 = sums.values().map(|sum| excess(sum, group).powi(2)).sum();
            let clusters = with[group] as f64;
            clusters / ((clusters - 1.0) * films[group]) * squares
        };
        let products: f64 = sums
            .values()
            .map(|sum| excess(sum, 0) * excess(sum, 1))
            .sum();
        let all = sums.len() as f64;
        let together = all / (all - 1.0) * products;
        let variance =
            spread(0) / films[0] + spread(1) / films[1] + 2.0 * together / (films[0] * films[1]);
        (variance.max(0.0), with[0], with[1])
    }
}

/// Ranks from 1 among `films`, equal scores sharing the mean of theirs, in the order of `films`.
fn midranks(films: &[usize], scores: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..films.len()).collect();
    order.sort_by(|&a, &b| scores[films[a]].total_cmp(&scores[films[b]]));
    let mut ranks = vec![0.0; films.len()];
    let mut start = 0;
    while start < order.len() {
        let score = scores[films[order[start]]];
        let mut end = start + 1;
        while end < order.len() && scores[films[order[end]]] == score {
            end += 1;
        }
        // Ranks start + 1 to end.
        let rank = (start + end + 1) as f64 / 2.0;
        for &place in &order[start..end] {
            ranks[place] = rank;
        }
        start = end;
    }
    ranks
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
    fn wilson_at_the_ends_and_in_between() {
        // Brown, Cai and DasGupta's formula by hand.
        let cases = [
            (0, 10, 0.0, 0.277_533),
            (10, 10, 0.722_467, 1.0),
            (5, 10, 0.236_593, 0.763_407),
        ];
        for (successes, total, low, high) in cases {
            let found = wilson(successes, total).unwrap();
            assert!((found.low - low).abs() < 1e-5, "{found:?}");
            assert!((found.high - high).abs() < 1e-5, "{found:?}");
        }
        assert_eq!(wilson(0, 0), None);
    }

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
