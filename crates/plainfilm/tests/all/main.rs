//! Tests over the library's public surface, in one binary so that they link once.

mod dataset;
mod metrics;
mod models;
mod support;
