//! Convolution with what follows it: batch normalisation or a bias, an activation, a 2x2 max-pool.
//!
//! Fused, the large map between convolution and pooling is read once more instead of five times,
//! and the backward pass keeps one map per layer instead of four.

mod biased;
mod elementwise;
mod prepared;
mod statistics;
mod train;

use crate::geometry::{ConvGeometry, Shape};

pub(crate) use biased::{PoolIndex, backward as biased_backward, forward as biased_forward};
pub(crate) use elementwise::{normalise_activate, side_by_side, sum_gradient};
pub use prepared::Prepared;
pub(crate) use prepared::{Normalisation, fold};
pub(crate) use train::{Saved, backward, forward};

/// What a fused block applies after normalisation or bias.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(v, 0)`.
    Relu,
    /// `v` where positive, else `v` times this slope.
    LeakyRelu(f32),
    /// `min(max(v, 0), 6)`.
    Relu6,
}

/// What a block does besides its tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockSettings {
    /// How the kernel moves.
    pub geometry: ConvGeometry,
    /// Added to the variance before its root.
    pub epsilon: f64,
    /// What follows the normalisation.
    pub activation: Activation,
    /// Whether a 2x2 max-pool follows.
    pub pool: bool,
}

/// An activation as numbers, so that one branch-free loop serves all of them:
/// `min(if v > 0 { v } else { below * v }, ceiling)`.
///
/// A value that is not a number stays so: a broken training step must show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curve {
    /// The slope below zero.
    pub below: f32,
    /// The largest value.
    pub ceiling: f32,
}

impl Activation {
    /// True where a larger value never becomes a smaller one, so that a max-pool may come first.
    pub(crate) fn keeps_order(self) -> bool {
        !matches!(self, Self::LeakyRelu(slope) if slope.is_nan() || slope < 0.0)
    }

    pub(crate) fn curve(self) -> Curve {
        let (below, ceiling) = match self {
            Self::Identity => (1.0, f32::INFINITY),
            Self::Relu => (0.0, f32::INFINITY),
            Self::LeakyRelu(slope) => (slope, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
        };
        Curve { below, ceiling }
    }
}

impl Curve {
    /// The activation of `v`.
    #[inline(always)]
    pub(crate) fn value(self, v: f32) -> f32 {
        let v = if v > 0.0 { v } else { v * self.below };
        if v > self.ceiling { self.ceiling } else { v }
    }

    /// Its derivative at `v`; at a kink the one-sided derivative that PyTorch takes.
    #[inline(always)]
    pub(crate) fn slope(self, v: f32) -> f32 {
        let above = if v < self.ceiling { 1.0 } else { 0.0 };
        if v > 0.0 { above } else { self.below }
    }
}

/// Height and width after an optional 2x2 max-pool.
fn pooled(shape: &Shape, pool: bool) -> [usize; 2] {
    shape.output.map(|side| if pool { side / 2 } else { side })
}

/// The two rows of a plane that pooled row `row` covers.
fn row_pair<'a>(z: &'a [f32], row: usize, shape: &Shape) -> [&'a [f32]; 2] {
    let width = shape.output[1];
    let pair = &z[2 * row * width..2 * (row + 1) * width];
    let (upper, lower) = pair.split_at(width);
    [upper, lower]
}
