//! Model files in the formats of other programs, and the proof that they answer as the model does.
//!
//! | question | file |
//! |---|---|
//! | What does a model compute, step by step, with its batch norms folded? | [`graph`] |
//! | How is a model file turned into such a graph? | `graph/of_model.rs` |
//! | What does the graph compute for films, and in which range are its values? | `graph/run.rs` |
//! | What does a file say of its model? | `card.rs` |
//! | Which numbers does a file hold? | `precision.rs` |
//! | How is a graph written for TensorFlow Lite? | [`tflite`] |

pub mod graph;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
pub mod tflite;

mod card;
mod error;
mod precision;

pub use card::Card;
pub use error::ExportError;
pub use precision::{Interface, Precision};
