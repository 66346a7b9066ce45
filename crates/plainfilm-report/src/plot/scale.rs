//! Axes: which values they span and where their ticks lie.

/// One axis: values from `low` to `high`, evenly or by powers of ten, and its ticks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    pub(crate) ticks: Vec<f64>,
}

impl Scale {
    /// From `low` to `high`, with about `count` ticks at multiples of 1, 2 or 5 times a power of ten;
    /// the ends move outwards to a tick when `round` is set.
    pub(crate) fn linear(low: f64, high: f64, count: usize, round: bool) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let rough = (high - low) / count as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|digit| digit * power)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(10.0 * power);
        Self::stepped(low, high, step, round)
    }

    /// As [`Scale::linear`], with ticks at whole numbers only.
    pub(crate) fn whole(low: f64, high: f64, count: usize) -> Self {
        let scale = Self::linear(low, high, count, false);
        if scale.ticks.iter().all(|tick| tick.fract() == 0.0) {
            return scale;
        }
        Self::stepped(low, high.max(low + 1.0), 1.0, false)
    }

    fn stepped(low: f64, high: f64, step: f64, round: bool) -> Self {
        // A hair's tolerance, as 0.3 / 0.1 is not 3.
        let (first, last) = if round {
            ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil())
        } else {
            ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor())
        };
        let ticks: Vec<f64> = (first as i64..=last as i64)
            .map(|index| index as f64 * step)
            .collect();
        let (low, high) = if round {
            (first * step, last * step)
        } else {
            (low, high)
        };
        Self {
            low,
            high,
            logarithmic: false,
            ticks,
        }
    }

    /// By powers of ten, from the power below `low` to the one above `high`; both above 0.
    pub(crate) fn logarithmic(low: f64, high: f64) -> Self {
        let first = low.log10().floor();
        let last = high.log10().ceil().max(first + 1.0);
        Self {
            low: first,
            high: last,
            logarithmic: true,
            ticks: (first as i32..=last as i32)
                .map(|power| 10_f64.powi(power))
                .collect(),
        }
    }

    /// Where a value lies, 0 at the low end and 1 at the high end; values beyond lie at the ends.
    pub(crate) fn position(&self, value: f64) -> f64 {
        let value = if self.logarithmic {
            value.log10()
        } else {
            value
        };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_lie_at_round_values() {
        let cases: [(Scale, &[f64]); 6] = [
            (
                Scale::linear(0.0, 1.0, 5, true),
                &[0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0],
            ),
            (
                Scale::linear(0.0, 0.7, 4, true),
                &[0.0, 0.2, 0.4, 0.6000000000000001, 0.8],
            ),
            (
                Scale::whole(1.0, 12.0, 6),
                &[2.0, 4.0, 6.0, 8.0, 10.0, 12.0],
            ),
            (Scale::whole(1.0, 3.0, 6), &[1.0, 2.0, 3.0]),
            (Scale::whole(1.0, 1.0, 6), &[1.0, 2.0]),
            (
                Scale::logarithmic(0.05, 30.0),
                &[0.01, 0.1, 1.0, 10.0, 100.0],
            ),
        ];
        for (scale, expected) in cases {
            assert_eq!(scale.ticks, expected);
        }
    }

    #[test]
    fn positions_run_from_end_to_end_and_no_further() {
        let linear = Scale::linear(0.0, 2.0, 4, true);
        assert_eq!(linear.position(0.0), 0.0);
        assert_eq!(linear.position(1.0), 0.5);
        assert_eq!(linear.position(9.0), 1.0);
        let logarithmic = Scale::logarithmic(0.1, 10.0);
        assert_eq!(logarithmic.position(1.0), 0.5);
        assert_eq!(logarithmic.position(0.0), 0.0);
    }
}
