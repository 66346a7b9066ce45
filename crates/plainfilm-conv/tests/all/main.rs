//! The crate against Burn's own operations in float64, against itself on other thread counts, and
//! against finite differences.

mod blocks;
mod convolution;
mod support;
mod threads;
