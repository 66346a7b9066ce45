//! Ranking: ROC and precision-recall curves and the areas under them.
//!
//! Everything here looks at one label against the rest: `positive[i]` says whether film `i` has the
//! label, `scores[i]` is its probability.

use std::cmp::Ordering;

use super::Figure;

/// Points of a receiver operating characteristic, from (0, 0) to (1, 1).
#[derive(Debug, Clone, PartialEq)]
pub struct RocCurve {
    /// 1 - specificity, ascending.
    pub false_positive_rate: Vec<f64>,
    /// Sensitivity, ascending.
    pub true_positive_rate: Vec<f64>,
    /// A film counts as positive from this score on; the first is infinite (no film does).
    pub thresholds: Vec<f64>,
}

/// Points of a precision-recall curve, from the lowest threshold to the closing point (recall 0,
/// precision 1), which has no threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct PrecisionRecallCurve {
    /// Positive predictive value.
    pub precision: Vec<f64>,
    /// Sensitivity, descending.
    pub recall: Vec<f64>,
    /// One fewer than the points, ascending.
    pub thresholds: Vec<f64>,
}

/// At one threshold, how many films score at least as much.
struct Step {
    threshold: f64,
    true_positives: f64,
    false_positives: f64,
}

/// Cumulative counts at every distinct score, highest first. Empty when a score is not a number, as
/// such films have no rank.
fn steps(positive: &[bool], scores: &[f64]) -> Vec<Step> {
    assert_eq!(positive.len(), scores.len(), "one score per film");
    if scores.iter().any(|score| score.is_nan()) {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| {
        scores[*b]
            .partial_cmp(&scores[*a])
            .unwrap_or(Ordering::Equal)
    });
    let mut steps: Vec<Step> = Vec::new();
    let (mut true_positives, mut false_positives) = (0.0, 0.0);
    for index in order {
        if positive[index] {
            true_positives += 1.0;
        } else {
            false_positives += 1.0;
        }
        let threshold = scores[index];
        match steps.last_mut() {
            Some(last) if last.threshold == threshold => {
                last.true_positives = true_positives;
                last.false_positives = false_positives;
            }
            _ => steps.push(Step {
                threshold,
                true_positives,
                false_positives,
            }),
        }
    }
    steps
}

/// The ROC curve as `sklearn.metrics.roc_curve` gives it, without the points that lie on a straight
/// line between their neighbours; `None` unless there are positive and negative films.
///
/// # Panics
/// If there is not one score per film.
pub fn roc_curve(positive: &[bool], scores: &[f64]) -> Option<RocCurve> {
    let mut steps = steps(positive, scores);
    let last = steps.last()?;
    let (positives, negatives) = (last.true_positives, last.false_positives);
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let turns: Vec<bool> = (0..steps.len())
        .map(|i| {
            if i == 0 || i + 1 == steps.len() {
                return true;
            }
            let (before, here, after) = (&steps[i - 1], &steps[i], &steps[i + 1]);
            after.true_positives - here.true_positives
                != here.true_positives - before.true_positives
                || after.false_positives - here.false_positives
                    != here.false_positives - before.false_positives
        })
        .collect();
    let mut turn = turns.into_iter();
    steps.retain(|_| turn.next().unwrap_or(true));

    let mut curve = RocCurve {
        false_positive_rate: vec![0.0],
        true_positive_rate: vec![0.0],
        thresholds: vec![f64::INFINITY],
    };
    for step in steps {
        curve
            .false_positive_rate
            .push(step.false_positives / negatives);
        curve
            .true_positive_rate
            .push(step.true_positives / positives);
        curve.thresholds.push(step.threshold);
    }
    Some(curve)
}

/// The precision-recall curve as `sklearn.metrics.precision_recall_curve` gives it; `None` when
/// there are no positive films.
///
/// # Panics
/// If there is not one score per film.
pub fn precision_recall_curve(positive: &[bool], scores: &[f64]) -> Option<PrecisionRecallCurve> {
    let steps = steps(positive, scores);
    let positives = steps.last()?.true_positives;
    if positives == 0.0 {
        return None;
    }
    let mut curve = PrecisionRecallCurve {
        precision: Vec::with_capacity(steps.len() + 1),
        recall: Vec::with_capacity(steps.len() + 1),
        thresholds: Vec::with_capacity(steps.len()),
    };
    for step in steps.iter().rev() {
        curve
            .precision
            .push(step.true_positives / (step.true_positives + step.false_positives));
        curve.recall.push(step.true_positives / positives);
        curve.thresholds.push(step.threshold);
    }
    curve.precision.push(1.0);
    curve.recall.push(0.0);
    Some(curve)
}

/// Area under the ROC curve: the chance that a positive film scores higher than a negative one,
/// equal scores counting half (Mann-Whitney U by midranks; Hanley and McNeil, Radiology 1982).
/// Undefined unless there are positive and negative films.
///
/// # Panics
/// If there is not one score per film.
pub fn auroc(positive: &[bool], scores: &[f64]) -> Figure {
    let steps = steps(positive, scores);
    let (mut wins, mut before_true, mut before_false) = (0.0, 0.0, 0.0);
    for step in &steps {
        let tied_true = step.true_positives - before_true;
        let tied_false = step.false_positives - before_false;
        // Positives above these negatives win outright; those level with them, half.
        wins += tied_false * (before_true + tied_true / 2.0);
        (before_true, before_false) = (step.true_positives, step.false_positives);
    }
    Figure::ratio(wins, before_true * before_false)
}

/// Average precision, the area under the precision-recall curve without interpolation: the sum over
/// thresholds of (gain in recall) x precision. Undefined when there are no positive films.
///
/// # Panics
/// If there is not one score per film.
pub fn average_precision(positive: &[bool], scores: &[f64]) -> Figure {
    let steps = steps(positive, scores);
    let (mut sum, mut before) = (0.0, 0.0);
    for step in &steps {
        let precision = step.true_positives / (step.true_positives + step.false_positives);
        sum += (step.true_positives - before) * precision;
        before = step.true_positives;
    }
    Figure::ratio(sum, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_small_cases_by_hand() {
        type Case = (&'static [bool], &'static [f64], Option<f64>, Option<f64>);
        let cases: [Case; 6] = [
            (
                &[false, false, true, true],
                &[0.4, 0.4, 0.8, 0.4],
                Some(0.75),
                Some(0.75),
            ),
            (&[true, false], &[0.5, 0.5], Some(0.5), Some(0.5)),
            (&[true, false], &[0.1, 0.9], Some(0.0), Some(0.5)),
            (&[true, true], &[0.1, 0.9], None, Some(1.0)),
            (&[false, false], &[0.1, 0.9], None, None),
            (&[], &[], None, None),
        ];
        for (positive, scores, area, precision) in cases {
            assert_eq!(
                auroc(positive, scores).value(),
                area,
                "{positive:?} {scores:?}"
            );
            assert_eq!(
                average_precision(positive, scores).value(),
                precision,
                "{positive:?} {scores:?}"
            );
        }
    }

    #[test]
    fn a_score_that_is_not_a_number_leaves_the_curves_undefined() {
        let (positive, scores) = ([true, false], [f64::NAN, 0.5]);
        assert_eq!(auroc(&positive, &scores), Figure::UNDEFINED);
        assert_eq!(average_precision(&positive, &scores), Figure::UNDEFINED);
        assert_eq!(roc_curve(&positive, &scores), None);
        assert_eq!(precision_recall_curve(&positive, &scores), None);
    }

    #[test]
    fn the_roc_curve_runs_from_corner_to_corner() {
        let curve = roc_curve(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]).unwrap();
        assert_eq!(curve.false_positive_rate, [0.0, 0.0, 0.5, 0.5, 1.0]);
        assert_eq!(curve.true_positive_rate, [0.0, 0.5, 0.5, 1.0, 1.0]);
        assert_eq!(curve.thresholds, [f64::INFINITY, 0.8, 0.4, 0.35, 0.1]);
    }
}
