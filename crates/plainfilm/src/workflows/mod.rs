//! What joins the layers: each workflow takes data and settings to a result that people use.

pub mod evaluation;
mod on_any_page;
mod run_heat_maps;
mod run_report;
pub mod self_test;
pub mod training;

use plainfilm_train::TrainError;

/// An error of what shows a run, as training ends with it.
fn cannot_show(error: impl std::error::Error + Send + Sync + 'static) -> TrainError {
    TrainError::Reporter(Box::new(error))
}
