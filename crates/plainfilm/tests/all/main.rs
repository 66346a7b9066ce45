//! Tests over the library's public surface, in one binary so that they link once.

mod models;
mod support;
