//! Model files in the formats of other programs, and the proof that they answer as the model does.
//!
//! | question | file |
//! |---|---|
//! | What does a model compute, step by step, with its batch norms folded? | [`graph`] |
//! | How is a model file turned into such a graph? | `graph/of_model.rs` |
//! | What does the graph compute for films, and in which range are its values? | `graph/run.rs`, `planes.rs` |
//! | What does a file say of its model? | `card.rs` |
//! | Which numbers does a file hold? | `precision.rs`, [`quantisation`] |
//! | How is a graph written in ONNX? | [`onnx`] |
//! | How is it written for TensorFlow Lite? | [`tflite`] |
//! | What is written, under which names? | `export.rs` |
//! | What has to happen to a film before? | [`preprocessing`] |
//! | Does the file answer as the model does? | `parity.rs` |
//! | In which order is all that done? | `folder.rs` |

pub mod graph;
pub mod onnx;
pub mod preprocessing;
pub mod quantisation;
#[cfg(test)]
mod samples;
pub mod tflite;

mod card;
mod error;
mod export;
mod folder;
mod parity;
mod planes;
mod precision;

pub use card::Card;
pub use error::ExportError;
pub use export::{
    CHECK, CHECK_NAME, DRAWN, FileRecord, Format, PARITY_NAME, ParityRecord, description, to_bytes,
};
pub use folder::{Films, Request, Written, verify, write};
pub use parity::{Parity, Scored};
pub use planes::waves;
pub use precision::{Interface, Precision};
