//! Tests over the library's public surface, in one binary so that they link once.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "differences are printed as measured, and skipped tests say so"
)]

mod audit;
mod audit_reference;
mod augmentation;
mod dataset;
mod decode;
mod explain;
mod label_errors;
mod metrics;
mod models;
mod planted;
mod public_data;
mod resampling;
mod support;
mod training;
mod weights;
