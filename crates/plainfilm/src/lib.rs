//! plainfilm trains, evaluates and judges chest X-ray classifiers.
//!
//! Research and teaching only: nothing here is a medical device.
//!
//! Films flow in one direction:
//!
//! | module | what it does |
//! |---|---|
//! | [`radiograph`], [`copies`] | decode and preprocess a film, find copies (crate `plainfilm-film`) |
//! | [`evaluate`] | turns scores into figures (crate `plainfilm-figures`) |
//! | [`dataset`] | says which films exist and how they are split by patient (crate `plainfilm-data`) |
//! | [`model`], [`weights`] | hold the networks, and bring other libraries' weights to them |
//! | [`bundle`] | is the one file that carries a trained network with all that is needed to use it |
//! | [`lungs`] | finds the lungs on a film |
//! | [`audit`] | says how much of the label can be had without looking at the lungs |
//! | [`train`], [`recipe`] | fit a network as a recipe or a person says |
//! | [`predict`], [`explain`] | score films, and show where the network looked |
//! | [`report`] | shows the result |

pub mod recipe;
pub mod report;
pub mod train;

pub use plainfilm_audit as audit;
pub use plainfilm_data as dataset;
pub use plainfilm_explain as explain;
pub use plainfilm_figures as evaluate;
pub use plainfilm_film::{NOT_A_MEDICAL_DEVICE, copies, files, radiograph};
pub use plainfilm_model::{bundle, device, lungs, networks as model, predict, weights};
pub use plainfilm_seed as seed;
