//! Models that other programs made: what they take and give, and their probabilities for films.
//!
//! A model is an ONNX file and a small TOML file beside it, the [`Description`], that says what the graph cannot: how
//! films are scaled, and what the outputs are called. [`describe`] drafts one out of the graph, [`ForeignModel::open`]
//! reads both, and [`doubts`] says when the outputs for films look as if the description were wrong.

mod description;
mod draft;
mod error;
mod model;
mod runtime;
mod scan;
mod self_check;
#[cfg(test)]
mod tests;

pub use description::{Description, Holds, Input, Layout, LinkName, Normalisation, Output};
pub use draft::describe;
pub use error::ForeignError;
pub use model::{ForeignModel, is_foreign};
pub use self_check::{FEWEST_FILMS, doubts};
