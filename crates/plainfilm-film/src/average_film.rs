//! The average chest film: mean and standard deviation of each spatial frequency over the 1,124
//! reference films, frames cut off and grey levels replaced by their ranks, measured with this crate.
//!
//! Films are told apart, and turned or exchanged ones known, by how they differ from it; it need not
//! fit a data set closely.

use std::f32::consts::PI;

/// Frequencies in each direction.
pub const ORDER: usize = 8;
/// All frequencies, the mean grey among them.
pub const LENGTH: usize = ORDER * ORDER;

/// One dimension of the orthonormal cosine transform (DCT-II) of `side` values.
pub fn wave(frequency: usize, at: usize, side: usize) -> f32 {
    let norm = if frequency == 0 { 1.0 } else { 2.0_f32 };
    let phase = PI * (at as f32 + 0.5) * frequency as f32 / side as f32;
    (norm / side as f32).sqrt() * phase.cos()
}

/// Mean of each frequency: eight rows, from low to high down the film, of eight from low to high
/// across.
#[rustfmt::skip]
pub const MEANS: [f32; LENGTH] = [
    -0.02, -0.02, -2.53, 0.22, 0.71, -0.33, -1.70, 0.14,
    -4.54, -0.07, 2.06, -0.07, 1.25, 0.06, -0.22, 0.06,
    0.54, 0.04, -1.68, -0.28, -1.15, 0.21, 0.61, -0.10,
    -0.80, -0.15, -1.16, 0.16, 0.28, -0.05, 0.30, -0.05,
    -0.53, -0.04, -0.44, 0.06, 0.34, -0.01, -0.00, 0.02,
    -0.34, 0.06, -0.17, -0.05, 0.20, 0.00, -0.00, 0.00,
    -0.23, -0.01, 0.05, 0.04, 0.20, -0.01, -0.02, 0.00,
    -0.13, 0.02, -0.01, 0.00, 0.11, -0.01, -0.03, -0.00,
];

/// Standard deviation of each; the first, of the mean grey, is not used.
#[rustfmt::skip]
pub const DEVIATIONS: [f32; LENGTH] = [
    1.00, 1.63, 1.68, 0.76, 1.31, 1.11, 0.99, 0.75,
    1.99, 0.83, 1.30, 0.58, 0.74, 0.61, 0.54, 0.36,
    1.18, 0.67, 1.14, 0.55, 0.92, 0.72, 0.59, 0.38,
    0.89, 0.41, 0.58, 0.48, 0.69, 0.35, 0.36, 0.29,
    0.74, 0.33, 0.49, 0.35, 0.43, 0.25, 0.28, 0.21,
    0.51, 0.27, 0.40, 0.27, 0.34, 0.20, 0.22, 0.17,
    0.53, 0.23, 0.30, 0.22, 0.28, 0.16, 0.18, 0.13,
    0.37, 0.20, 0.24, 0.19, 0.21, 0.13, 0.15, 0.11,
];
