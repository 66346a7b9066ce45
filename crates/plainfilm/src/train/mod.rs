//! The training loop and what feeds it.

pub mod augment;
