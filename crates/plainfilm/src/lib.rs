//! plainfilm trains, evaluates and judges chest X-ray classifiers.
//!
//! Research and teaching only: nothing here is a medical device.
//!
//! Every layer is a crate, and each uses only those above it in this table:
//!
//! | module | what it does | crate |
//! |---|---|---|
//! | [`seed`] | draws at random, each draw by what it is for | `plainfilm-seed` |
//! | [`radiograph`], [`copies`], [`files`] | decodes and preprocesses a film, finds copies, writes files whole | `plainfilm-film` |
//! | [`evaluate`] | turns scores into figures | `plainfilm-figures` |
//! | [`dataset`] | says which films exist and how they are split by patient | `plainfilm-data` |
//! | [`audit`] | says how much of the label can be had without looking at the lungs | `plainfilm-audit` |
//! | [`model`], [`weights`] | holds the networks, and brings other libraries' weights to them | `plainfilm-model` |
//! | [`bundle`], [`device`] | is the one file with all that is needed to use a network, and says where it computes | `plainfilm-model` |
//! | [`lungs`], [`predict`] | finds the lungs on a film; scores films | `plainfilm-model` |
//! | [`explain`] | shows where a network looked | `plainfilm-explain` |
//! | [`train`], [`recipe`] | fits a network as a recipe or a person says | `plainfilm-train` |
//! | [`report`] | shows a result to people | `plainfilm-report` |
//! | [`workflows`] | joins the layers: a training to its report | here |

pub mod workflows;

pub use plainfilm_audit as audit;
pub use plainfilm_data as dataset;
pub use plainfilm_explain as explain;
pub use plainfilm_figures as evaluate;
pub use plainfilm_film::{NOT_A_MEDICAL_DEVICE, copies, files, radiograph};
pub use plainfilm_model::{bundle, device, lungs, networks as model, predict, weights};
pub use plainfilm_report as report;
pub use plainfilm_seed as seed;
pub use plainfilm_train::recipe;

/// Training: settings, the loop, what it hands on, and [`train()`](train::train), which ends in a report.
pub mod train {
    pub use crate::workflows::training::train;
    pub use plainfilm_train::*;
}
