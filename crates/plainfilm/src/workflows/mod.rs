//! What joins the layers: each workflow takes data and settings to a result that people use.

mod run_heat_maps;
mod run_report;
pub mod training;
