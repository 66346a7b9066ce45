//! Changes of grey levels, sharpness and noise.

use rand::{Rng, RngExt};

use plainfilm_film::radiograph::{Plane, equalise};

/// Clips the darkest and brightest shares of the pixels and stretches the rest to 0..=1. A film
/// whose two limits are equal stays as it is.
pub(super) fn clip(values: &mut [f32], (dark, bright): (f32, f32)) {
    if (dark <= 0.0 && bright <= 0.0) || values.is_empty() {
        return;
    }
    let mut sorted = values.to_vec();
    let last = (sorted.len() - 1) as f32;
    let mut at = |share: f32| {
        let rank = (share * last).round() as usize;
        *sorted.select_nth_unstable_by(rank, f32::total_cmp).1
    };
    let (low, high) = (at(dark), at(1.0 - bright));
    if high <= low {
        return;
    }
    for value in values {
        *value = ((*value - low) / (high - low)).clamp(0.0, 1.0);
    }
}

/// Raises every value to a power; black stays black and white stays white.
pub(super) fn power(values: &mut [f32], exponent: f32) {
    if exponent != 1.0 {
        for value in values {
            *value = value.powf(exponent);
        }
    }
}

/// Mixes a film with its histogram-equalised self.
pub(super) fn mix_equalised(values: &mut [f32], weight: f32) {
    if weight <= 0.0 {
        return;
    }
    let mut equalised = values.to_vec();
    equalise(&mut equalised);
    for (value, equalised) in values.iter_mut().zip(equalised) {
        *value += (equalised - *value) * weight;
    }
}

/// Adds Gaussian noise, the sum of four uniform draws: its tails end at 3.5 standard deviations,
/// which 8 bits cannot tell from a true Gaussian's.
pub(super) fn add_noise(values: &mut [f32], sd: f32, rng: &mut impl Rng) {
    if sd <= 0.0 {
        return;
    }
    // The sum of four uniform 16-bit numbers has mean 2 and variance 4/12 on a scale of 0 to 1.
    let factor = sd * 3.0_f32.sqrt();
    for value in values {
        let bits: u64 = rng.random();
        let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xFFFF).sum();
        let noise = (sum as f32 / 65_535.0 - 2.0) * factor;
        *value = (*value + noise).clamp(0.0, 1.0);
    }
}

/// Adds a share of what a blur takes away.
pub(super) fn sharpen(plane: &mut Plane, sd: f32, share: f32) {
    let mut soft = plane.clone();
    blur(&mut soft, sd);
    for (value, soft) in plane.values.iter_mut().zip(soft.values) {
        *value = (*value + (*value - soft) * share).clamp(0.0, 1.0);
    }
}

/// Gaussian blur with a standard deviation in pixels, cut off at three of them, the edge repeated.
pub(super) fn blur(plane: &mut Plane, sd: f32) {
    let reach = ((3.0 * sd).ceil() as usize).min(plane.size.saturating_sub(1));
    if sd <= 0.0 || reach == 0 {
        return;
    }
    let mut kernel: Vec<f32> = (0..=2 * reach)
        .map(|index| {
            let distance = (index as f32 - reach as f32) / sd;
            (-0.5 * distance * distance).exp()
        })
        .collect();
    let sum: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|weight| *weight /= sum);
    // Twice along rows with a transposition each, so that both passes read memory in order.
    for _ in 0..2 {
        plane.values = along_rows_transposed(plane, &kernel, reach);
    }
}

fn along_rows_transposed(plane: &Plane, kernel: &[f32], reach: usize) -> Vec<f32> {
    let size = plane.size;
    let mut out = vec![0.0; size * size];
    let mut padded = vec![0.0; size + 2 * reach];
    for (y, row) in plane.values.chunks_exact(size).enumerate() {
        padded[..reach].fill(row[0]);
        padded[reach..reach + size].copy_from_slice(row);
        padded[reach + size..].fill(row[size - 1]);
        for x in 0..size {
            let window = &padded[x..x + kernel.len()];
            let sum: f32 = window.iter().zip(kernel).map(|(v, k)| v * k).sum();
            out[x * size + y] = sum.clamp(0.0, 1.0);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_by_hand() {
        let mut values: Vec<f32> = (0..=10).map(|v| v as f32 / 10.0).collect();
        clip(&mut values, (0.1, 0.2));
        let expected = [0.0, 0.0, 1.0 / 7.0, 2.0 / 7.0];
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{values:?}");
        }
        assert_eq!(values[8..], [1.0, 1.0, 1.0]);
        let mut flat = vec![0.5; 9];
        clip(&mut flat, (0.3, 0.3));
        assert_eq!(flat, vec![0.5; 9]);
    }

    #[test]
    fn noise_has_the_standard_deviation_asked_for() {
        let mut values = vec![0.5_f32; 40_000];
        add_noise(
            &mut values,
            0.05,
            &mut plainfilm_seed::generator(1, "noise", &[]),
        );
        let mean = values.iter().sum::<f32>() / 40_000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 40_000.0;
        assert!((mean - 0.5).abs() < 1e-3, "mean {mean}");
        assert!(
            (variance.sqrt() - 0.05).abs() < 1e-3,
            "sd {}",
            variance.sqrt()
        );
    }

    #[test]
    fn a_blurred_point_is_a_gaussian_and_a_flat_film_stays_flat() {
        let size = 21;
        let mut point = Plane {
            size,
            values: vec![0.0; size * size],
        };
        point.values[10 * size + 10] = 1.0;
        blur(&mut point, 1.0);
        let peak = point.values[10 * size + 10];
        assert!((peak - 0.159).abs() < 2e-3, "1 / 2 pi, found {peak}");
        for (offset, ratio) in [(1, 0.6065), (size, 0.6065), (2, 0.1353)] {
            let found = point.values[10 * size + 10 + offset] / peak;
            assert!((found - ratio).abs() < 1e-3, "{found} at {offset}");
        }
        let mut flat = Plane {
            size,
            values: vec![0.25; size * size],
        };
        blur(&mut flat, 2.0);
        assert!(flat.values.iter().all(|v| (v - 0.25).abs() < 1e-6));
    }

    #[test]
    fn sharpening_widens_a_step() {
        let size = 16;
        let values = (0..size * size)
            .map(|index| if index % size < 8 { 0.4 } else { 0.6 })
            .collect();
        let mut step = Plane { size, values };
        sharpen(&mut step, 1.0, 1.0);
        let (dark, bright) = (step.values[5 * size + 7], step.values[5 * size + 8]);
        assert!(dark < 0.38 && bright > 0.62, "{dark} {bright}");
    }
}
