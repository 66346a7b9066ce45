//! Tests of the program as its users run it, in one binary so that they link once.

mod auditing;
mod dicom;
mod doctoring;
mod explaining;
mod exporting;
mod features;
mod findings;
mod folds;
mod foreign;
mod judging;
mod predicting;
mod privacy;
mod program;
mod proving;
mod quickstart;
mod recipes;
mod resuming;
mod serving;
#[path = "../../../plainfilm/tests/all/support.rs"]
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
mod support;
mod training;
mod weights;
