//! CPU convolution, forward and backward, as a Burn backend extension.
//!
//! Burn's flex backend computes convolutions and their gradients in general loops, and runs batch
//! normalisation, activation and pooling as separate passes over the largest maps of a network.
//! The functions here take the same tensors and give the same results several times faster:
//!
//! - [`conv2d`]: a convolution with its weight, bias and input gradients;
//! - [`conv_bn_act`]: the training block convolution, batch normalisation with the batch's own
//!   statistics, activation and an optional 2x2 max-pool, fused; [`conv_bn_sum_act`] ends a residual
//!   block, and [`conv_bias_act`] is the block of networks without normalisation;
//! - [`infer_block`]: the same blocks for prediction, normalisation folded into weights that are
//!   packed once; [`norm_act`] and [`side_by_side`] are what DenseNet needs besides, and
//!   [`film_by_film`] runs a chain of layers while a film's maps are warm;
//! - [`infer_chain`]: inverted residuals and growing maps (MobileNetV2, the EfficientNets, DenseNet), many
//!   layers at once; in bfloat16 plain convolutions, whose maps then stay in 16 bits;
//! - [`max_pool2d`] with windows of any size, and [`adam_step`], one pass over the weights.
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
//! A film is copied once into planes with its padding around them, so that every kernel tap is the
//! same memory shifted (`lattice`), and weights are packed once. Two kernels do the arithmetic: a
//! few rows of weights times shifted planes, and sums over pixels for the weight's gradient
//! (`kernel`); they exist for AVX-512, AVX2, NEON and any other CPU, and the one that fits is
//! chosen when the program runs. What follows the convolution is done while a few rows are warm.
//! Wide convolutions of 3x3 transform tiles instead (`winograd`), which saves multiplications and
//! costs a digit: errors of about 1e-5 of the largest value. A chain keeps maps in blocks of sixteen channels
//! (`blocked`), which small layers read and write as they lie. On CPUs with AMX convolutions can be asked to round
//! their operands to bfloat16 ([`set_precision`]): `bf16` reads maps of 32 bits, and `half` has chains of layers in
//! 16 bits and the weight's gradient.
//! Threads work on (film, tile of rows) pairs through rayon's current pool.
//!
//! # Where to look
//! Each layer uses only those above it:
//!
//! | question | files |
//! |---|---|
//! | what shapes are there, and what memory is taken? | `geometry`, `matrix`, `buffer`, `share`, `switches` |
//! | how does the CPU multiply and add? | `kernel` |
//! | how is a film laid out, and its output cut into tasks? | `lattice`, `tasks` |
//! | how is one layer computed, forward and backward? | `forward`, `winograd`, `bf16`, `depthwise`, `pointwise`, `max_pool`, `backward`, `output_gradient` |
//! | what happens to its output while it is warm? | `fused` |
//! | how do many layers run at once? | `blocked`, `half`, `chain` |
//! | how does Burn reach all that? | `extension` |
//! | what does a model call? | `api`, `inference`, `chain`, `optimiser` |
//! | does it compute right on this machine? | `self_check` |
//!
//! # Unsafe code
//! Kernels read and write through pointers, after one check of bounds for the whole call. `.ci/sanitize` runs
//! this crate's tests under AddressSanitizer, where every access is checked, the masked ones of AVX-512
//! too. It does not see what `asm!` does (the tiles of AMX), nor a step out of the used part of memory that is
//! kept for the largest layer (`buffer`).

mod api;
mod backward;
mod bf16;
mod blocked;
mod buffer;
mod chain;
mod depthwise;
mod extension;
mod forward;
mod fused;
mod geometry;
mod half;
mod inference;
mod kernel;
mod lattice;
mod matrix;
mod max_pool;
mod optimiser;
mod output_gradient;
mod pointwise;
mod self_check;
mod share;
mod switches;
mod tasks;
mod winograd;

pub use api::{
    adam_step, conv_bias_act, conv_bn_act, conv_bn_sum_act, conv2d, fold_batch_norm, max_pool2d,
};
pub use buffer::release_memory;
pub use chain::{Chain, ChainCache, ChainLayer, infer_chain};
pub use extension::{AdamBackend, Channels, ConvBackend, InferenceBackend};
pub use fused::{Activation, BlockSettings, Prepared};
pub use geometry::{ConvGeometry, GeometryError};
pub use inference::{
    BlockCache, InferenceBlock, Norm, film_by_film, infer_block, norm_act, side_by_side,
};
pub use max_pool::Windows;
pub use optimiser::AdamStep;
pub use self_check::{SELF_CHECK_TOLERANCE, self_check};
pub use switches::{
    Kernels, Precision, PrecisionError, enabled, kernels, set_enabled, set_precision,
};
