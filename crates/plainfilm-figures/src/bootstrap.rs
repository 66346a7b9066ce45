//! Resampling patients: how much a figure changes with whom the test films happen to show.

use rand::RngExt;
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::{Estimate, Figure, Interval, counted};
use plainfilm_seed as seed;

/// Draws of the bootstrap.
pub const DRAWS: usize = 2000;
/// With fewer patients than this, resamples say more about the few than about anybody else.
pub const FEWEST_PATIENTS: usize = 10;
/// Halves of the patients that are drawn for a difference.
const HALVES: u64 = 5_000;
/// Groups of the delete-a-group jackknife; at most 256, as a byte names them.
const GROUPS: usize = 200;
/// Films times rankings that one draw may look at; above, the jackknife takes over.
const MOST_WORK: usize = 150_000;
/// The same films give the same intervals: the seed is no setting.
const SEED: u64 = 20_200_428;
/// A figure that is undefined in a larger share of the draws has no interval.
const UNDEFINED_SHARE: f64 = 0.05;

/// How often each patient is in a resample.
pub type Weights = [u32];

/// Figures that depend on films only through how often each patient counts. `statistic` returns the
/// same number of figures for any weights; one that is not finite is undefined.
pub struct Resampling<'a> {
    /// Number of patients; weights have this length.
    pub patients: usize,
    /// Films times rankings that one call of the statistic looks at.
    pub work: usize,
    /// The figures.
    pub statistic: &'a (dyn Fn(&Weights) -> Vec<f64> + Sync),
    /// The figures without each group in turn, from the group of each patient and the number of groups, where
    /// there is a faster way than the statistic's.
    pub without_groups: Option<WithoutGroups<'a>>,
}

/// See [`Resampling::without_groups`].
pub(super) type WithoutGroups<'a> = &'a (dyn Fn(&[u8], usize) -> Vec<Vec<f64>> + Sync);

impl Resampling<'_> {
    /// Each figure with its interval: bias-corrected and accelerated ([`bca`]) over [`DRAWS`] draws of
    /// patients with replacement. Where that would take too long, films are many, the figures are close
    /// to normal, and the ends are those of Student's t about the figure, with the standard error of the
    /// jackknife that leaves out one of 200 random groups of patients at a time.
    pub fn estimates(&self) -> Vec<Estimate> {
        let observed = (self.statistic)(&vec![1; self.patients]);
        if self.patients < FEWEST_PATIENTS {
            let why = format!(
                "{}, and resampling needs {FEWEST_PATIENTS}",
                counted(self.patients, "patient")
            );
            return observed
                .into_iter()
                .map(|value| Estimate::without_interval(Figure::from(value), &why))
                .collect();
        }
        let left_out = self.left_out();
        let column = |rows: &[Vec<f64>], figure: usize| -> Vec<f64> {
            rows.iter().map(|row| row[figure]).collect()
        };
        if self.work > MOST_WORK {
            return (0..observed.len())
                .map(|figure| grouped_jackknife(observed[figure], &column(&left_out, figure)))
                .collect();
        }
        let drawn = self.drawn();
        (0..observed.len())
            .map(|figure| {
                let draws = column(&drawn, figure);
                let interval = bca(observed[figure], draws, &column(&left_out, figure));
                match interval {
                    Ok((low, high)) => Interval::new(
                        observed[figure],
                        low,
                        high,
                        "bootstrap of patients, BCa, 2,000 draws",
                    )
                    .into(),
                    Err(why) => Estimate::without_interval(Figure::from(observed[figure]), why),
                }
            })
            .collect()
    }

    /// Each difference between two networks on the same films with its interval: typical values (Hartigan, J Am Stat
    /// Assoc 1969), the middle 95 % of the means over random halves of the patients. Zero is left out just where the
    /// test that swaps the networks' answers patient by patient finds a difference, so that networks that are equally
    /// good are told apart in at most 1 of 20 cases, which the bootstrap does twice as often with some 60 patients.
    /// With one film a patient that test of the accuracy is McNemar's exact one. Figures that are no means over patients
    /// are replaced by their first-order part, by the jackknife; more than 200 patients are put into 200 groups. Where
    /// that takes too long, the interval is that of [`Self::estimates`].
    pub fn differences(&self) -> Vec<Estimate> {
        if self.patients < FEWEST_PATIENTS || self.work > MOST_WORK {
            return self.estimates();
        }
        let observed = (self.statistic)(&vec![1; self.patients]);
        let left_out = self.left_out();
        let halves: Vec<Vec<bool>> = (0..HALVES)
            .map(|half| {
                let mut random = seed::generator(SEED, "halves of patients", &[half]);
                (0..left_out.len()).map(|_| random.random()).collect()
            })
            .collect();
        (0..observed.len())
            .into_par_iter()
            .map(|figure| {
                let column: Vec<f64> = left_out.iter().map(|row| row[figure]).collect();
                typical(observed[figure], &column, &halves)
            })
            .collect()
    }

    /// The figures of every draw.
    fn drawn(&self) -> Vec<Vec<f64>> {
        (0..DRAWS as u64)
            .into_par_iter()
            .map(|draw| {
                let mut random = seed::generator(SEED, "bootstrap", &[draw]);
                let mut weights = vec![0; self.patients];
                for _ in 0..self.patients {
                    weights[random.random_range(0..self.patients)] += 1;
                }
                (self.statistic)(&weights)
            })
            .collect()
    }

    /// The figures without each patient in turn, or without each group of them when there are many.
    fn left_out(&self) -> Vec<Vec<f64>> {
        let groups = self.patients.min(GROUPS);
        let mut random = seed::generator(SEED, "groups of patients", &[]);
        let mut group: Vec<u8> = (0..self.patients)
            .map(|patient| (patient % groups) as u8)
            .collect();
        rand::seq::SliceRandom::shuffle(&mut group[..], &mut random);
        if let Some(without) = self.without_groups {
            return without(&group, groups);
        }
        (0..groups)
            .into_par_iter()
            .map(|out| {
                let weights: Vec<u32> = group
                    .iter()
                    .map(|&of| u32::from(usize::from(of) != out))
                    .collect();
                (self.statistic)(&weights)
            })
            .collect()
    }
}

/// The ends of the bias-corrected and accelerated interval (Efron, J Am Stat Assoc 1987), from the figure,
/// its draws, and its values with each patient (or group of patients) left out. Percentiles are
/// interpolated linearly, as `scipy.stats.bootstrap` does.
///
/// # Errors
///
/// Why there are none, in words.
pub fn bca(value: f64, mut draws: Vec<f64>, left_out: &[f64]) -> Result<(f64, f64), &'static str> {
    if !value.is_finite() {
        return Err("not defined by these films");
    }
    let all = draws.len();
    draws.retain(|draw| draw.is_finite());
    if draws.len() as f64 <= (1.0 - UNDEFINED_SHARE) * all as f64 {
        return Err("many resamples do not define the figure: too few films of a label");
    }
    draws.sort_by(f64::total_cmp);
    let below = draws.partition_point(|&draw| draw < value);
    let up_to = draws.partition_point(|&draw| draw <= value);
    let rank = (below + up_to) as f64 / (2 * draws.len()) as f64;
    if draws.first() == draws.last() {
        return Err("every resample gives the same figure");
    }
    if rank <= 0.0 || rank >= 1.0 {
        return Err("every resample lies on one side of the figure");
    }
    let normal = Normal::standard();
    let bias = normal.inverse_cdf(rank);
    let acceleration = acceleration(left_out);
    let end = |share: f64| {
        let z = bias + normal.inverse_cdf(share);
        let share = normal.cdf(bias + z / (1.0 - acceleration * z));
        percentile(&draws, share)
    };
    let (low, high) = (end(0.025), end(0.975));
    if low > value || value > high {
        return Err("resamples lie too far from the figure to correct for");
    }
    Ok((low, high))
}

/// A sixth of the skewness of the figure's dependence on single patients.
fn acceleration(left_out: &[f64]) -> f64 {
    let defined: Vec<f64> = left_out.iter().copied().filter(|x| x.is_finite()).collect();
    let mean = defined.iter().sum::<f64>() / defined.len().max(1) as f64;
    let power = |n: i32| -> f64 { defined.iter().map(|x| (mean - x).powi(n)).sum() };
    let squares = power(2);
    if squares == 0.0 {
        return 0.0;
    }
    power(3) / (6.0 * squares.powf(1.5))
}

/// Between the two nearest of sorted values, linearly.
pub(super) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

/// The middle 95 % of means over halves of patients, from a figure and its values without each of them.
fn typical(value: f64, left_out: &[f64], halves: &[Vec<bool>]) -> Estimate {
    if !value.is_finite() || left_out.iter().any(|x| !x.is_finite()) {
        return Estimate::without_interval(
            Figure::from(value),
            "not defined without some of the patients",
        );
    }
    let count = left_out.len() as f64;
    let mean = left_out.iter().sum::<f64>() / count;
    // What each patient says the difference is.
    let own: Vec<f64> = left_out
        .iter()
        .map(|without| value + (count - 1.0) * (mean - without))
        .collect();
    if own.iter().all(|own| (own - value).abs() < 1e-12) {
        return Estimate::without_interval(
            Figure::from(value),
            "every patient says the same of the difference",
        );
    }
    let mut means: Vec<f64> = halves
        .iter()
        .filter_map(|half| {
            let taken = half.iter().filter(|is| **is).count();
            let sum: f64 = own
                .iter()
                .zip(half)
                .filter(|(_, is)| **is)
                .map(|(own, _)| own)
                .sum();
            (taken > 0).then(|| sum / taken as f64)
        })
        .map(|mean| if mean.abs() < 1e-12 { 0.0 } else { mean })
        .collect();
    means.sort_by(f64::total_cmp);
    Interval::new(
        value,
        percentile(&means, 0.025).min(value),
        percentile(&means, 0.975).max(value),
        "typical values: halves of patients",
    )
    .into()
}

/// Student's t about the figure, from its values without each group of patients.
fn grouped_jackknife(value: f64, left_out: &[f64]) -> Estimate {
    if !value.is_finite() || left_out.iter().any(|x| !x.is_finite()) {
        return Estimate::without_interval(
            Figure::from(value),
            "not defined without some of the patients",
        );
    }
    let groups = left_out.len() as f64;
    let mean = left_out.iter().sum::<f64>() / groups;
    let squares: f64 = left_out.iter().map(|x| (x - mean).powi(2)).sum();
    let error = ((groups - 1.0) / groups * squares).sqrt();
    if error == 0.0 {
        return Estimate::without_interval(
            Figure::from(value),
            "the figure is the same without any of the patients",
        );
    }
    let t = StudentsT::new(0.0, 1.0, groups - 1.0)
        .expect("at least nine degrees of freedom")
        .inverse_cdf(0.975);
    Interval::new(
        value,
        value - t * error,
        value + t * error,
        "jackknife over 200 groups of patients, Student's t",
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(values: &[f64]) -> impl Fn(&Weights) -> Vec<f64> + Sync + '_ {
        |weights| {
            let sum: f64 = values
                .iter()
                .zip(weights)
                .map(|(v, &w)| v * f64::from(w))
                .sum();
            vec![sum / weights.iter().sum::<u32>() as f64]
        }
    }

    #[test]
    fn the_interval_of_a_mean_is_the_textbooks() {
        // A mean of 400 values has a standard error that can be written down.
        let values: Vec<f64> = (0..400u32)
            .map(|i| f64::from(i * 7919 % 401) / 401.0)
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let half = 1.96 * (squares / (n - 1.0) / n).sqrt();
        let statistic = mean_of(&values);
        for work in [400, MOST_WORK + 1] {
            let resampling = Resampling {
                patients: 400,
                work,
                statistic: &statistic,
                without_groups: None,
            };
            let found = &resampling.estimates()[0];
            let (low, high) = found.ends().unwrap();
            assert!((low - (mean - half)).abs() < 0.1 * half, "{found:?}");
            assert!((high - (mean + half)).abs() < 0.1 * half, "{found:?}");
            assert_eq!(found, &resampling.estimates()[0], "the seed is fixed");
        }
    }

    #[test]
    fn what_resampling_cannot_say_is_not_claimed() {
        let same = vec![1.0; 40];
        let few = vec![0.0, 1.0, 0.5];
        for (values, why) in [(&same, "same figure"), (&few, "3 patients")] {
            let statistic = mean_of(values);
            let found = Resampling {
                patients: values.len(),
                work: values.len(),
                statistic: &statistic,
                without_groups: None,
            }
            .estimates();
            assert_eq!(found[0].ends(), None);
            assert!(found[0].value().is_some());
            assert!(found[0].method.contains(why), "{:?}", found[0]);
        }
        assert!(bca(0.5, vec![f64::NAN; 100], &[0.1, 0.2]).is_err());
        assert!(bca(f64::NAN, vec![0.1; 100], &[0.1, 0.2]).is_err());
        assert!(bca(0.0, vec![0.1, 0.2, 0.3], &[0.1, 0.2]).is_err());
    }
}
