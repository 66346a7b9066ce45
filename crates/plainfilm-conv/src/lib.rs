//! CPU convolution, forward and backward, as a Burn backend extension.
//!
//! Burn's flex backend computes convolutions and their gradients in general loops, and runs batch
//! normalisation, activation and pooling as separate passes over the largest maps of a network.
//! Three functions here take the same tensors and give the same results several times faster:
//!
//! - [`conv2d`]: a convolution with its weight, bias and input gradients;
//! - [`conv_bn_act`]: the training block convolution, batch normalisation with the batch's own
//!   statistics, activation and an optional 2x2 max-pool, fused;
//! - [`conv_bias_act`]: the same block for inference, its normalisation folded into weight and
//!   bias by [`fold_batch_norm`].
//!
//! They look at the device: 32-bit floats on [flex](burn::tensor::Device::flex) (with or without
//! autodiff) take the fast path, and everything else runs Burn's own operations, so a model is
//! written once. [`set_enabled`] turns the fast path off for the whole process, to compare.
//!
//! # Results
//! Sums are taken in another order than Burn takes them, so results agree to rounding, not to the
//! bit. They depend neither on the number of threads nor on which thread does what: work is cut by
//! shape, and parts are added in order. The matrix product chooses its kernel by what the CPU
//! offers when the program starts, so different CPUs may round differently.
//!
//! # How it works
//! A tile of output rows is gathered into a column matrix that stays in cache (`im2col`) and
//! multiplied by the weight with the `gemm` crate; what follows the convolution is done while the
//! tile is warm. Threads work on (film, tile) pairs through rayon's current pool.

mod api;
mod backward;
mod buffer;
mod extension;
mod forward;
mod fused;
mod geometry;
mod im2col;
mod matrix;

pub use api::{conv_bias_act, conv_bn_act, conv2d, enabled, fold_batch_norm, set_enabled};
pub use buffer::release_memory;
pub use extension::{ConvBackend, FoldedConvBackend};
pub use fused::{Activation, BlockSettings};
pub use geometry::{ConvGeometry, GeometryError};
