//! What calling films positive is worth among patients of whom another share has the finding.

use serde::{Deserialize, Serialize};

use super::sweep::sweep_at;
use super::{Estimate, Interval, ScoredFilm, against_the_rest};

/// Thresholds of a curve.
const POINTS: u32 = 80;
/// Thresholds that are tried for where a curve may end.
const TRIED: u32 = 200;

/// A probability among patients of whom a share of `to` has the finding, from one among patients of whom `from` has
/// it: `logit p' = logit p + logit to - logit from` (Bayes' theorem; Saerens, Latinne and Decaestecker, Neural
/// Comput 2002). What films with the finding look like must be the same in both.
pub fn at_prevalence(p: f64, from: f64, to: f64) -> f64 {
    let (with, without) = (p * to * (1.0 - from), (1.0 - p) * from * (1.0 - to));
    with / (with + without)
}

/// What a threshold is worth at a prevalence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetBenefit {
    /// The threshold as a probability at the prevalence: it calls the same films.
    pub threshold: f64,
    /// Net benefit of the network, in findings found per film ([`super::SweepPoint::net_benefit`]).
    pub by_network: Estimate,
    /// The same of calling every film positive; of calling none it is 0.
    pub call_all: f64,
}

impl NetBenefit {
    /// In words, for a threshold as the network has it.
    pub fn sentence(&self, threshold: f64, prevalence: f64) -> String {
        let ends = match self.by_network.ends() {
            Some((low, high)) => format!(" ({low:+.3} to {high:+.3})"),
            None => String::new(),
        };
        format!(
            "Net benefit at a prevalence of {:.1} %, where {threshold:.3} is a probability of {:.3}: {:+.3}{ends} findings \
             per film; {:+.3} when every film is classified as positive, 0 when none is.",
            100.0 * prevalence,
            self.threshold,
            self.by_network.value().unwrap_or(0.0),
            self.call_all
        )
    }
}

/// A point of a decision curve.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionPoint {
    /// Probability at the prevalence from which on films are classified as positive.
    pub threshold: f64,
    /// Net benefit of the network.
    pub by_network: Interval,
    /// Of calling every film positive.
    pub call_all: f64,
}

/// A decision curve (Vickers and Elkin, Med Decis Making 2006) at a prevalence.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionCurve {
    /// Thresholds ascending, from just above 0 to where nothing is gained any more.
    pub points: Vec<DecisionPoint>,
    /// The threshold in force, which the points go beyond.
    pub in_force: Option<DecisionPoint>,
}

/// The curve of films at a prevalence: their probabilities, which are for the share of films with the finding, are
/// shifted ([`at_prevalence`]), and sensitivity and specificity count as the prevalence says. `in_force` is a threshold
/// of the network's own probabilities. None unless there are films with and without the finding, every probability is
/// a number, and the prevalence is between 0 and 1.
pub fn decision_curve(
    scored: &[ScoredFilm],
    positive: usize,
    in_force: Option<f64>,
    prevalence: f64,
) -> Option<DecisionCurve> {
    let own = share_with(scored, positive, prevalence)?;
    let (truth, scores) = against_the_rest(scored, positive);
    let with = truth.iter().filter(|has| **has).count() as f64;
    let without = truth.len() as f64 - with;
    let gains = |threshold: f64| {
        let (mut found, mut alarms) = (0.0, 0.0);
        let from = at_prevalence(threshold, prevalence, own);
        for (has, score) in truth.iter().zip(&scores) {
            if *score >= from {
                *(if *has { &mut found } else { &mut alarms }) += 1.0;
            }
        }
        prevalence * found / with
            > (1.0 - prevalence) * alarms / without * threshold / (1.0 - threshold)
    };
    let last = (1..TRIED)
        .rev()
        .map(|step| f64::from(step) / f64::from(TRIED))
        .find(|&threshold| gains(threshold));
    let in_force = in_force.and_then(|threshold| {
        let at = at_prevalence(threshold, own, prevalence);
        point(scored, positive, prevalence, threshold, at)
    });
    let end = [
        Some(prevalence),
        last,
        in_force.as_ref().map(|point| point.threshold),
    ]
    .into_iter()
    .flatten()
    .fold(0.0, f64::max);
    let end = (1.2 * end).min(1.0);
    let points = (1..POINTS)
        .filter_map(|step| {
            let at = f64::from(step) / f64::from(POINTS) * end;
            let threshold = at_prevalence(at, prevalence, own);
            point(scored, positive, prevalence, threshold, at)
        })
        .collect();
    Some(DecisionCurve { points, in_force })
}

/// The share of films with the finding, where a curve can be drawn.
fn share_with(scored: &[ScoredFilm], positive: usize, prevalence: f64) -> Option<f64> {
    let with = scored.iter().filter(|film| film.truth == positive).count();
    let is_number = |film: &ScoredFilm| !film.probabilities[positive].is_nan();
    (with > 0
        && with < scored.len()
        && scored.iter().all(is_number)
        && prevalence > 0.0
        && prevalence < 1.0)
        .then(|| with as f64 / scored.len() as f64)
}

/// A threshold of the network's own probabilities, which is `at` at the prevalence; none where that is 0 or 1.
fn point(
    scored: &[ScoredFilm],
    positive: usize,
    prevalence: f64,
    threshold: f64,
    at: f64,
) -> Option<DecisionPoint> {
    if !(at > 0.0 && at < 1.0) {
        return None;
    }
    let mut found = sweep_at(scored, positive, &[threshold]).pop()?;
    found.threshold = at;
    Some(DecisionPoint {
        threshold: at,
        by_network: found.net_benefit(prevalence),
        call_all: prevalence - (1.0 - prevalence) * at / (1.0 - at),
    })
}

/// What a threshold of the network's own probabilities is worth at a prevalence, where [`decision_curve`] has it.
pub(super) fn net_benefit(
    scored: &[ScoredFilm],
    positive: usize,
    threshold: f64,
    prevalence: f64,
) -> Option<NetBenefit> {
    let at = at_prevalence(
        threshold,
        share_with(scored, positive, prevalence)?,
        prevalence,
    );
    let point = point(scored, positive, prevalence, threshold, at)?;
    Some(NetBenefit {
        threshold: point.threshold,
        by_network: point.by_network.into(),
        call_all: point.call_all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half have the finding; 160 of 200 of these are called at 0.5, and 40 of the 200 others.
    fn films() -> Vec<ScoredFilm> {
        (0..400)
            .map(|index| {
                let truth = index % 2;
                let called = (index / 2 % 5 != 0) == (truth == 0);
                let p = if called { 0.8 } else { 0.2 };
                ScoredFilm::alone(index.to_string(), truth, vec![p, 1.0 - p])
            })
            .collect()
    }

    #[test]
    fn log_odds_are_shifted_by_the_ratio_of_priors() {
        let logit = |p: f64| (p / (1.0 - p)).ln();
        for (p, from, to) in [(0.3, 0.5, 0.05), (0.9, 0.2, 0.7), (0.5, 0.4, 0.4)] {
            let found = at_prevalence(p, from, to);
            let expected = logit(p) + logit(to) - logit(from);
            assert!((logit(found) - expected).abs() < 1e-12, "{p} {from} {to}");
            assert!((at_prevalence(found, to, from) - p).abs() < 1e-12);
        }
        assert!((at_prevalence(0.5, 0.5, 0.05) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn a_threshold_is_worth_what_it_is_at_the_prevalence() {
        // By hand: 0.5 of the network is 0.05 there, so an alarm costs 0.05 / 0.95 findings.
        let found = net_benefit(&films(), 0, 0.5, 0.05).unwrap();
        assert!((found.threshold - 0.05).abs() < 1e-12);
        let expected = 0.05 * 0.8 - 0.95 * 0.2 * 0.05 / 0.95;
        assert!((found.by_network.value().unwrap() - expected).abs() < 1e-12);
        assert!((expected - 0.03).abs() < 1e-12 && found.call_all.abs() < 1e-12);
        let (low, high) = found.by_network.ends().unwrap();
        assert!(low > 0.0 && low < expected && expected < high);
        let text = found.sentence(0.5, 0.05);
        assert!(
            text.contains("0.500 is a probability of 0.050: +0.030 ("),
            "{text}"
        );
        // At the films' own prevalence nothing moves.
        let own = net_benefit(&films(), 0, 0.5, 0.5).unwrap();
        assert_eq!(own.threshold, 0.5);
        assert!((own.by_network.value().unwrap() - (0.4 - 0.1)).abs() < 1e-12);
    }

    #[test]
    fn the_shift_is_that_of_films_drawn_at_the_prevalence() {
        // One film in 19 of those with the finding is kept, so that 5 % have it, and probabilities are those of the
        // rarer finding: the same curve must come out.
        let many: Vec<ScoredFilm> = (0..3800)
            .map(|index| {
                let truth = index % 2;
                let p = 0.1 + 0.8 * (index / 2 % 100) as f64 / 99.0;
                let p = if truth == 0 { p.sqrt() } else { p * p };
                ScoredFilm::alone(index.to_string(), truth, vec![p, 1.0 - p])
            })
            .collect();
        let shifted: Vec<ScoredFilm> = many
            .iter()
            .filter(|film| film.truth == 1)
            .cloned()
            .chain(
                many.iter()
                    .filter(|film| film.truth == 0)
                    .take(100)
                    .cloned(),
            )
            .map(|mut film| {
                let p = at_prevalence(film.probabilities[0], 0.5, 0.05);
                film.probabilities = vec![p, 1.0 - p];
                film
            })
            .collect();
        for threshold in [0.3, 0.5, 0.7] {
            let found = net_benefit(&many, 0, threshold, 0.05).unwrap();
            let at = at_prevalence(threshold, 0.5, 0.05);
            let called = |truth: usize| {
                let films = shifted.iter().filter(|film| film.truth == truth);
                films
                    .filter(|film| film.probabilities[0] >= at - 1e-12)
                    .count() as f64
            };
            let expected = (called(0) - called(1) * at / (1.0 - at)) / shifted.len() as f64;
            assert!((found.by_network.value().unwrap() - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn the_threshold_in_force_is_on_the_curve() {
        for (in_force, prevalence) in [(0.5, 0.05), (0.5, 0.5), (0.99, 0.3), (0.01, 0.001)] {
            let curve = decision_curve(&films(), 0, Some(in_force), prevalence).unwrap();
            let at = curve.in_force.unwrap().threshold;
            let last = curve.points.last().unwrap().threshold;
            assert!(at < last && last < 1.0, "{at} {last}");
            assert!(
                curve
                    .points
                    .windows(2)
                    .all(|two| two[0].threshold < two[1].threshold)
            );
            assert!(
                curve
                    .points
                    .iter()
                    .all(|point| point.by_network.value.is_finite())
            );
        }
        let none = |scored: &[ScoredFilm], prevalence| decision_curve(scored, 0, None, prevalence);
        assert_eq!(none(&[], 0.5), None);
        assert_eq!(none(&films()[..1], 0.5), None);
        assert_eq!(none(&films(), 0.0), None);
        for certain in [0.0, 1.0] {
            let curve = decision_curve(&films(), 0, Some(certain), 0.5).unwrap();
            assert_eq!(curve.in_force, None);
        }
    }
}
