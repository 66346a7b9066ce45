//! From ranges to numbers of eight bits (Jacob et al. 2018, "Quantization and training of neural networks for
//! efficient integer-arithmetic-only inference"): a number is its scale times its level less the zero point.

/// How a value's numbers become levels from -128 to 127.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Distance between two levels.
    pub scale: f32,
    /// The level of 0, which is always exact: zeros around maps are.
    pub zero_point: i8,
}

impl Levels {
    /// Levels for numbers from `low` to `high`, and 0.
    #[must_use]
    pub fn of_range([low, high]: [f32; 2]) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = (high - low) / 255.0;
        if !(scale.is_finite() && scale > 0.0) {
            return Self {
                scale: 1.0,
                zero_point: 0,
            };
        }
        let zero_point = (-128.0 - low / scale).round().clamp(-128.0, 127.0);
        Self {
            scale,
            zero_point: zero_point as i8,
        }
    }
}

/// Weights in levels from `-most` to `most` around 0, a scale for each output: `values` are `outputs` rows.
#[must_use]
pub fn quantise_rows(values: &[f32], outputs: usize, most: i8) -> (Vec<i8>, Vec<f32>) {
    let mut levels = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(outputs);
    for row in values.chunks_exact(values.len() / outputs) {
        let greatest = row
            .iter()
            .fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
        let scale = match greatest > 0.0 {
            true => greatest / f32::from(most),
            false => 1.0,
        };
        levels.extend(row.iter().map(|value| (value / scale).round() as i8));
        scales.push(scale);
    }
    (levels, scales)
}

/// Shifts in levels of 32 bits, in the scale of sums of products: that of the input times that of each row.
#[must_use]
pub fn quantise_shifts(values: &[f32], input: Levels, rows: &[f32]) -> (Vec<i32>, Vec<f32>) {
    let scales: Vec<f32> = rows.iter().map(|row| row * input.scale).collect();
    let levels = values.iter().zip(&scales);
    let levels =
        levels.map(|(value, scale)| (f64::from(*value) / f64::from(*scale)).round() as i32);
    (levels.collect(), scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_a_level_and_the_ends_are_reached() {
        for (range, scale, zero_point) in [
            ([0.0, 255.0], 1.0, -128),
            ([-255.0, 0.0], 1.0, 127),
            ([-1.0, 1.0], 2.0 / 255.0, 0),
            ([1.0, 5.1], 0.02, -128),
            ([0.0, 0.0], 1.0, 0),
        ] {
            let found = Levels::of_range(range);
            assert!((found.scale - scale).abs() < 1e-6, "{range:?}: {found:?}");
            assert!(
                (found.zero_point - zero_point).abs() <= 1,
                "{range:?}: {found:?}"
            );
        }
    }

    #[test]
    fn every_row_has_a_scale_of_its_own() {
        let (levels, scales) = quantise_rows(&[1.27, -0.635, 0.0, 0.0, 0.0127, 0.01], 3, 127);
        assert_eq!(levels, [127, -64, 0, 0, 127, 100]);
        assert_eq!(scales, [0.01, 1.0, 0.0127 / 127.0]);
        let input = Levels {
            scale: 0.5,
            zero_point: 3,
        };
        let (shifts, scales) = quantise_shifts(&[1.0, -2.0], input, &scales[..2]);
        assert_eq!(shifts, [200, -4]);
        assert_eq!(scales, [0.005, 0.5]);
    }
}
