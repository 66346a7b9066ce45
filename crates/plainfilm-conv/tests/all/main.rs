//! The crate against PyTorch and Burn's own operations in float64, against itself on other thread
//! counts, and against finite differences.

mod blocks;
mod chain;
mod convolution;
mod more_blocks;
mod reference;
mod support;
mod threads;
