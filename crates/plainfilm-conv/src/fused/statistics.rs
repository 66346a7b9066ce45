//! Mean and variance of a batch, put together from tiles.

use crate::kernel::elementwise::shifted_sums;

/// Count, mean and sum of squared deviations of some values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    count: f64,
    mean: f64,
    deviations: f64,
}

impl Moments {
    /// The moments of a row. The first value is taken off before squaring, so that a mean far from
    /// zero does not cost the variance its digits.
    pub fn of(values: &[f32]) -> Self {
        let Some(&pivot) = values.first() else {
            return Self::default();
        };
        let count = values.len() as f64;
        let (sum, squares) = shifted_sums(values, pivot);
        let (sum, squares) = (f64::from(sum), f64::from(squares));
        Self {
            count,
            mean: f64::from(pivot) + sum / count,
            deviations: squares - sum * sum / count,
        }
    }

    /// Both together (Chan, Golub and LeVeque 1983, equation 1.5).
    pub fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let distance = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + distance * other.count / count,
            deviations: self.deviations
                + other.deviations
                + distance * distance * self.count * other.count / count,
        }
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The variance that normalises: divided by the count. Rounding may leave it just below zero;
    /// not-a-number must stay, which `max` would hide.
    pub fn biased_variance(&self) -> f64 {
        let variance = self.deviations / self.count;
        if variance < 0.0 { 0.0 } else { variance }
    }

    /// The variance that PyTorch's running average takes: divided by the count less one. For a
    /// single value, where that is undefined, zero.
    pub fn unbiased_variance(&self) -> f64 {
        if self.count > 1.0 {
            self.biased_variance() * self.count / (self.count - 1.0)
        } else {
            self.biased_variance()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_moments_are_those_of_all_values() {
        let values: Vec<f32> = (0..1000)
            .map(|i| 5000.0 + ((i * 37) % 101) as f32)
            .collect();
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 1000.0;
        let variance = values
            .iter()
            .map(|&v| (f64::from(v) - mean).powi(2))
            .sum::<f64>()
            / 1000.0;
        let mut merged = Moments::default();
        for part in [&values[..1], &values[1..64], &values[64..64], &values[64..]] {
            merged = merged.merge(Moments::of(part));
        }
        assert!((merged.mean() - mean).abs() < 1e-3);
        assert!((merged.biased_variance() / variance - 1.0).abs() < 1e-5);
        let unbiased = merged.unbiased_variance() / merged.biased_variance();
        assert!((unbiased - 1000.0 / 999.0).abs() < 1e-12);
    }

    #[test]
    fn one_value_has_no_variance_and_nan_stays() {
        let one = Moments::of(&[3.0]);
        assert_eq!((one.mean(), one.unbiased_variance()), (3.0, 0.0));
        let broken = Moments::of(&[1.0, f32::NAN, 2.0]).merge(one);
        assert!(broken.mean().is_nan() && broken.biased_variance().is_nan());
    }
}
