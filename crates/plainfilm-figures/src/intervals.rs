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
    let share = successes as f64 / total as f64;
    let (low, high) = wilson_ends(share, total as f64);
    Some(Interval::new(share, low, high, "Wilson"))
}

fn wilson_ends(p: f64, n: f64) -> (f64, f64) {
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // The ends are exactly 0 and 1 there; rounding would leave them a hair off.
    let low = if p == 0.0 { 0.0 } else { centre - half };
    let high = if p == 1.0 { 1.0 } else { centre + half };
    (low, high)
}

/// A share of films with its interval, films of one patient counting together: Wilson's interval with
/// as many films as would be worth as much if they were independent (Rao and Scott, Biometrics 1992).
/// `counted` holds, for each film, its patient (an index: memory grows with the largest) and whether it counts as a success. None without films.
///
/// Films are worth less where those of a patient agree; they are never counted as worth more. Where every
/// film or none is a success, agreement cannot be seen, and patients are counted. Where every film has
/// its own patient this is [`wilson`].
pub fn wilson_by_patient(counted: &[(usize, bool)]) -> Option<Interval> {
    let last = counted.iter().map(|(patient, _)| *patient).max()?;
    let mut patients = vec![(0.0, 0.0); last + 1];
    for &(patient, success) in counted {
        let sums = &mut patients[patient];
        sums.0 += 1.0;
        sums.1 += f64::from(u8::from(success));
    }
    patients.retain(|sums| sums.0 > 0.0);
    let films = counted.len() as f64;
    let successes: f64 = patients.iter().map(|sums| sums.1).sum();
    if patients.len() == counted.len() {
        return wilson(successes as usize, counted.len());
    }
    let share = successes / films;
    let effective = if successes == 0.0 || successes == films || patients.len() < 2 {
        patients.len() as f64
    } else {
        let clusters = patients.len() as f64;
        let squares: f64 = patients
            .iter()
            .map(|(films, successes)| (successes - films * share).powi(2))
            .sum();
        let variance = clusters / (clusters - 1.0) * squares / (films * films);
        films.min(share * (1.0 - share) / variance)
    };
    let (low, high) = wilson_ends(share, effective);
    Some(Interval::new(share, low, high, "Wilson, by patient"))
}

/// The unweighted mean of independent shares with its interval, from theirs (Zou and Donner, Stat Med
/// 2008, after Newcombe 1998): each end is as far from the mean as the root of the sum of the squares of
/// the shares' own distances. None of none.
pub fn mean_of_shares(shares: &[Interval]) -> Option<Interval> {
    if shares.is_empty() {
        return None;
    }
    let count = shares.len() as f64;
    let mean = shares.iter().map(|share| share.value).sum::<f64>() / count;
    let distance = |end: fn(&Interval) -> f64| {
        let squares: f64 = shares
            .iter()
            .map(|share| ((share.value - end(share)) / count).powi(2))
            .sum();
        squares.sqrt()
    };
    Some(Interval::new(
        mean,
        mean - distance(|share| share.low),
        mean + distance(|share| share.high),
        "Wilson, by patient, square-and-add",
    ))
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
    fn films_of_one_patient_are_worth_fewer() {
        let counted = |per_patient: usize, same: bool| -> Vec<(usize, bool)> {
            (0..60)
                .map(|film| {
                    let patient = film / per_patient;
                    let alike = if same { patient } else { film };
                    (patient, !alike.is_multiple_of(3))
                })
                .collect()
        };
        let alone = wilson_by_patient(&counted(1, true)).unwrap();
        assert_eq!(alone, wilson(40, 60).unwrap());
        // Three films a patient that always agree are one: 20 patients, but for the n - 1.
        let agreeing = wilson_by_patient(&counted(3, true)).unwrap();
        let twenty = wilson(13, 20).unwrap();
        assert!((agreeing.high - agreeing.low) > 0.95 * (twenty.high - twenty.low));
        // Films that differ within patients are not worth more than films.
        let differing = wilson_by_patient(&counted(3, false)).unwrap();
        assert_eq!((differing.low, differing.high), (alone.low, alone.high));
        let perfect = wilson_by_patient(&[(0, true), (0, true), (1, true), (1, true)]).unwrap();
        assert_eq!(
            (perfect.low, perfect.high),
            (wilson(2, 2).unwrap().low, 1.0)
        );
        assert_eq!(wilson_by_patient(&[]), None);
    }

    #[test]
    fn a_mean_of_shares_is_never_certain() {
        let perfect = [wilson(10, 10).unwrap(), wilson(40, 40).unwrap()];
        let found = mean_of_shares(&perfect).unwrap();
        assert_eq!((found.value, found.high), (1.0, 1.0));
        assert!((0.85..0.9).contains(&found.low), "{found:?}");
        assert_eq!(mean_of_shares(&[]), None);
    }
}
