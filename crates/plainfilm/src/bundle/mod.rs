//! The model file: a network, its labels, its preprocessing and its record, in one safetensors file.

mod atomic;

pub use atomic::atomic_write;
