//! plainfilm trains, evaluates and judges chest X-ray classifiers.
//!
//! Research and teaching only: nothing here is a medical device.
//!
//! Films flow in one direction: [`radiograph`] (of `plainfilm-film`, the layer below, which knows no network) decodes and preprocesses them, [`dataset`] says
//! which films exist and how they are split by patient, [`lungs`] finds the lungs on one, [`audit`] says how much of their label can be had
//! without looking at the lungs, [`model`] holds the networks, [`weights`] brings other libraries' weights to them, [`train`]
//! fits one as a [`recipe`] or a person says, [`predict`] scores films with it, [`evaluate`] turns scores into figures, [`explain`] shows where the network looked, [`report`] shows the result, and [`bundle`] is the one file
//! that carries a trained network with everything needed to use it.

pub mod audit;
pub mod bundle;
pub mod dataset;
pub mod device;
mod download;
pub mod explain;
pub mod lungs;
pub mod model;
pub mod predict;
pub mod recipe;
pub mod report;
mod spelling;
pub mod train;
pub mod weights;

pub use plainfilm_figures as evaluate;
pub use plainfilm_film::{NOT_A_MEDICAL_DEVICE, copies, files, radiograph};
pub use plainfilm_seed as seed;
