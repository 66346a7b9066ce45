//! Tests over the library's public surface, in one binary so that they link once.

mod augmentation;
mod dataset;
mod decode;
mod metrics;
mod models;
mod public_data;
mod resampling;
mod support;
