//! TensorFlow Lite's files, which phones and boards run.
//!
//! | question | file |
//! |---|---|
//! | Which numbers stand for what in the format? | `schema.rs` |
//! | How is a table of a flatbuffer written? | `table.rs` |
//! | What is a model in memory? | `parts.rs`, `numbers.rs` |
//! | Which operators does a graph become? | `layout.rs`, `windows.rs` |
//! | How are weights held? | `weights.rs`, and in which order, `content.rs` |
//! | Which levels do whole numbers have? | `levels.rs` |
//! | How does a model become bytes? | `writer.rs` |
//! | What does it say of itself? | `metadata.rs` |
//!
//! Maps are `[film, row, column, channel]`; the input is `[1, size, size, channels]` and can be resized to any number
//! of films. Numbers of the input are as in [`Graph::input`].

mod content;
mod layout;
mod levels;
mod metadata;
mod numbers;
mod parts;
mod schema;
mod table;
mod weights;
mod windows;
mod writer;

#[cfg(test)]
mod tests;

use numbers::Numbers;

use crate::graph::{Graph, Ranges};
use crate::{Card, ExportError, Interface, Precision};

/// The bytes of a `.tflite` file: a graph, what `card` says of it as metadata, and labels and card as files in it.
/// `ranges` are of the films to calibrate with; only [`Precision::Int8`] looks at them, and needs them.
///
/// # Errors
///
/// When f16 cannot hold a weight, when int8 has no ranges, when another precision has another interface than
/// float, and where the format has no words for a step.
pub fn to_bytes(
    graph: &Graph,
    card: &Card,
    precision: Precision,
    interface: Interface,
    ranges: Option<&Ranges>,
) -> Result<Vec<u8>, ExportError> {
    let numbers = match (precision, interface) {
        (Precision::F32, Interface::Float) => Numbers::F32,
        (Precision::F16, Interface::Float) => Numbers::F16,
        (Precision::Int8, interface) => {
            let ranges = ranges.ok_or(ExportError::NoRanges)?;
            Numbers::Int8(levels::levels_of(graph, ranges), interface)
        }
        (precision, interface) => {
            return Err(ExportError::Interface {
                interface,
                precision,
            });
        }
    };
    let metadata = metadata::metadata(graph, card, interface);
    let parts = layout::lay_out(graph, numbers)?;
    let model = writer::flatbuffer(&parts, &card.description, &metadata);
    metadata::append_files(model, card)
}
