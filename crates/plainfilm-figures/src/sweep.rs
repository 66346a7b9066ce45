//! What every threshold would do: points of a curve with their intervals.

use super::{Interval, ScoredFilm, patient_indices, wilson_by_patient};

/// Thresholds that a curve's intervals are computed at.
const POINTS: usize = 60;

/// One threshold on films of two labels, or of one label against the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepPoint {
    /// Films are classified as positive from this probability on.
    pub threshold: f64,
    /// Share of films with the label that are called so.
    pub sensitivity: Interval,
    /// Share of films without it that are called so.
    pub false_alarms: Interval,
    /// Share of the films called so that have it; none where no film is called so.
    pub precision: Option<Interval>,
}

/// Which thresholds are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepOver {
    /// Evenly over ranks of films, where a curve turns.
    Films,
    /// Evenly over probabilities, 0 and 1 left out.
    Probabilities,
}

/// Some 60 thresholds, descending, with what they do to films, those of one patient together. Empty unless there are films
/// with and without the label, and every probability is a number.
pub fn sweep(scored: &[ScoredFilm], label: usize, over: SweepOver) -> Vec<SweepPoint> {
    let mut scores: Vec<f64> = scored
        .iter()
        .map(|film| film.probabilities[label])
        .collect();
    if scores.is_empty() || scores.iter().any(|score| score.is_nan()) {
        return Vec::new();
    }
    let thresholds: Vec<f64> = match over {
        SweepOver::Probabilities => (1..100).rev().map(|i| f64::from(i) / 100.0).collect(),
        SweepOver::Films => {
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
            scores.dedup();
            let last = scores.len().saturating_sub(1);
            let steps = POINTS.min(last.max(1));
            let mut ranks: Vec<usize> = (0..=steps).map(|i| i * last / steps).collect();
            ranks.dedup();
            ranks.into_iter().map(|rank| scores[rank]).collect()
        }
    };
    sweep_at(scored, label, &thresholds)
}

/// These thresholds with what they do to films; empty unless there are films with and without the label.
pub(super) fn sweep_at(scored: &[ScoredFilm], label: usize, thresholds: &[f64]) -> Vec<SweepPoint> {
    let (patients, _) = patient_indices(scored);
    let share = |keep: &dyn Fn(&ScoredFilm) -> bool, hit: &dyn Fn(&ScoredFilm) -> bool| {
        let counted: Vec<(usize, bool)> = scored
            .iter()
            .zip(&patients)
            .filter(|(film, _)| keep(film))
            .map(|(film, &patient)| (patient, hit(film)))
            .collect();
        wilson_by_patient(&counted)
    };
    thresholds
        .iter()
        .filter_map(|&threshold| {
            let is_called = |film: &ScoredFilm| film.probabilities[label] >= threshold;
            let has_it = |film: &ScoredFilm| film.truth == label;
            Some(SweepPoint {
                threshold,
                sensitivity: share(&has_it, &is_called)?,
                false_alarms: share(&|film| !has_it(film), &is_called)?,
                precision: share(&is_called, &has_it),
            })
        })
        .collect()
}

impl SweepPoint {
    /// Net benefit (Vickers and Elkin, Med Decis Making 2006) at the threshold, in findings found per film, with its
    /// interval at this prevalence: what is found, less the false alarms at the exchange rate that the threshold
    /// stands for. The interval adds those of both shares (Zou and Donner, Stat Med 2008).
    pub fn net_benefit(&self, prevalence: f64) -> Interval {
        let gain = prevalence;
        let price = (1.0 - prevalence) * self.threshold / (1.0 - self.threshold);
        let (found, alarms) = (&self.sensitivity, &self.false_alarms);
        let value = gain * found.value - price * alarms.value;
        let reach = |a: f64, b: f64| (gain * a).hypot(price * b);
        Interval::new(
            value,
            value - reach(found.value - found.low, alarms.high - alarms.value),
            value + reach(found.high - found.value, alarms.value - alarms.low),
            "Wilson, by patient, square-and-add",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn films() -> Vec<ScoredFilm> {
        (0..200)
            .map(|index| {
                let truth = index % 2;
                let p = (index / 2) as f64 / 200.0 + if truth == 0 { 0.45 } else { 0.0 };
                ScoredFilm::alone(index.to_string(), truth, vec![p, 1.0 - p])
            })
            .collect()
    }

    #[test]
    fn thresholds_descend_and_shares_rise() {
        for over in [SweepOver::Films, SweepOver::Probabilities] {
            let points = sweep(&films(), 0, over);
            assert!((50..=100).contains(&points.len()), "{}", points.len());
            for pair in points.windows(2) {
                assert!(pair[0].threshold > pair[1].threshold);
                assert!(pair[0].sensitivity.value <= pair[1].sensitivity.value);
                assert!(pair[0].false_alarms.value <= pair[1].false_alarms.value);
            }
        }
        let last = sweep(&films(), 0, SweepOver::Films).pop().unwrap();
        assert_eq!(
            (last.sensitivity.value, last.false_alarms.value),
            (1.0, 1.0)
        );
        assert_eq!(sweep(&[], 0, SweepOver::Films), []);
        assert_eq!(sweep(&films()[..1], 0, SweepOver::Films), []);
    }

    #[test]
    fn net_benefit_by_hand() {
        let points = sweep(&films(), 0, SweepOver::Probabilities);
        let half = points.iter().find(|point| point.threshold == 0.5).unwrap();
        // p >= 0.5: 90 of 100 with it; 0 of 100 without (at most 0.495).
        let found = half.net_benefit(0.5);
        assert!((found.value - 0.45).abs() < 1e-12, "{found:?}");
        assert!(found.low < 0.45 && found.high > 0.45);
        let tenth = points.iter().find(|point| point.threshold == 0.1).unwrap();
        // All with it; without: 0.1 to 0.495, 80 of 100; exchange rate 1 in 9.
        let expected = 0.5 - 0.5 * 0.8 / 9.0;
        assert!((tenth.net_benefit(0.5).value - expected).abs() < 1e-12);
    }
}
