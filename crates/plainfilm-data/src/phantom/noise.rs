//! Randomness for drawings: named draws, and smooth fractal noise over the plane.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A stream of draws that depends on the seed, what it is for and an index, and on nothing else.
pub(super) struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream named by `(seed, purpose, index)`.
    pub(super) fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let digest = Sha256::new()
            .chain_update(b"plainfilm/phantom/")
            .chain_update(purpose.as_bytes())
            .chain_update(b"/")
            .chain_update(seed.to_le_bytes())
            .chain_update(index.to_le_bytes())
            .finalize();
        Self(ChaCha8Rng::from_seed(digest.into()))
    }

    /// Uniform in `low..high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        // 24 bits: every value is exact in f32.
        let unit = (self.0.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
        low + unit * (high - low)
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f32) -> bool {
        self.between(0.0, 1.0) < p
    }

    /// Uniform in `0..bound`; `bound` must be positive and small beside 2^64.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    /// A seed for noise fields.
    pub(super) fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// A 32-bit integer hash (the "lowbias32" finaliser by Chris Wellons), for lattices and grain.
pub(super) fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// About standard normal: the sum of four uniform bytes, shifted and scaled. Cuts off near 3.4.
pub(super) fn grain(seed: u32, index: u32) -> f32 {
    let bytes = hash(seed ^ hash(index)).to_le_bytes();
    let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
    // Four uniform integers in 0..=255: mean 510, variance 4 * (256^2 - 1) / 12 = 147.8^2.
    (sum as f32 - 510.0) / 147.8
}

/// Value noise in `-1.0..=1.0`, smooth, with one cell per unit.
fn value_noise(seed: u32, x: f32, y: f32) -> f32 {
    let (cell_x, cell_y) = (x.floor(), y.floor());
    let (u, v) = (x - cell_x, y - cell_y);
    let corner = |dx: i32, dy: i32| {
        let column = (cell_x as i32 + dx) as u32;
        let row = (cell_y as i32 + dy) as u32;
        let word = hash(seed ^ column.wrapping_mul(0x9e37_79b1) ^ hash(row));
        (word >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let (u, v) = (u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v));
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * u;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * u;
    top + (bottom - top) * v
}

/// Fractal noise: `octaves` layers of value noise, each twice as fine and a little more than half
/// as strong; about `-1.0..=1.0`.
pub(super) fn fractal(seed: u32, mut x: f32, mut y: f32, octaves: u32) -> f32 {
    let (mut sum, mut strength, mut total) = (0.0, 1.0, 0.0);
    for octave in 0..octaves {
        sum += strength * value_noise(seed.wrapping_add(octave.wrapping_mul(0x51ed)), x, y);
        total += strength;
        strength *= 0.55;
        // Turned between octaves so that the lattice does not show.
        (x, y) = (1.6 * x - 1.2 * y + 17.3, 1.2 * x + 1.6 * y - 9.1);
    }
    sum / total
}

/// 0 below `low`, 1 above `high`, smooth between; `low` may be above `high` to fall instead.
pub(super) fn step(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_purpose_and_index_only() {
        let first = |seed, purpose, index| Draws::new(seed, purpose, index).word();
        let reference = first(1, "film", 2);
        assert_eq!(reference, first(1, "film", 2));
        for other in [
            first(2, "film", 2),
            first(1, "patient", 2),
            first(1, "film", 3),
        ] {
            assert_ne!(reference, other);
        }
    }

    #[test]
    fn grain_has_mean_zero_and_variance_one() {
        let values: Vec<f32> = (0..20_000).map(|index| grain(7, index)).collect();
        let mean = values.iter().sum::<f32>() / 20_000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.03, "variance {variance}");
    }

    #[test]
    fn fractal_noise_stays_in_range_and_is_continuous() {
        for index in 0..2_000 {
            let (x, y) = (index as f32 * 0.37 - 300.0, index as f32 * 0.11);
            let here = fractal(3, x, y, 4);
            assert!((-1.0..=1.0).contains(&here));
            assert!((here - fractal(3, x + 1e-3, y, 4)).abs() < 0.05);
        }
    }
}
