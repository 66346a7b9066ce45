//! Tests over the library's public surface, in one binary so that they link once.

mod public_data;
mod support;
