//! Tests over the library's public surface, in one binary so that they link once.

mod augmentation;
mod decode;
mod resampling;
mod support;
