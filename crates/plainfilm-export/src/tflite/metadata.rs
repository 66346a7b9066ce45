//! What a model says of itself to Android's tools: the `TFLITE_METADATA` flatbuffer, and the files that it names.

use std::io::{Cursor, Seek, SeekFrom, Write};

use flatbuffers::FlatBufferBuilder;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::schema::{METADATA_IDENTIFIER, metadata as field};
use super::table::{Held, Place, list, numbers, table, text};
use crate::graph::{Graph, InputKind};
use crate::{Card, ExportError, Interface};

/// One label a line, in the order of the probabilities.
const LABELS: &str = "labels.txt";
/// All of the card.
const README: &str = "README.txt";
/// The least version of a reader that knows all fields below.
const PARSER_VERSION: &str = "1.0.0";
/// The greatest of a camera's pixels, from which such tools start.
const WHITE: f32 = 255.0;

/// The metadata's flatbuffer.
pub(super) fn metadata(graph: &Graph, card: &Card, interface: Interface) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let builder = &mut builder;
    let input = input(builder, graph, card, interface);
    let output = output(builder, card, interface);
    let inputs = list(builder, &[input]);
    let outputs = list(builder, &[output]);
    let subgraph = table(
        builder,
        &[
            (field::SUBGRAPH_INPUTS, inputs),
            (field::SUBGRAPH_OUTPUTS, outputs),
        ],
    );
    let subgraphs = list(builder, &[subgraph]);
    let readme = file(
        builder,
        README,
        "What the model is for, what not, and what the audit of its films said.",
        field::DESCRIPTIONS,
    );
    let files = list(builder, &[readme]);
    let mut fields = vec![
        (field::NAME, text(builder, &card.name)),
        (field::DESCRIPTION, text(builder, &card.description)),
        (field::MODEL_VERSION, text(builder, &card.version)),
        (field::MODEL_LICENCE, text(builder, &card.licence)),
        (field::MODEL_PARSER_VERSION, text(builder, PARSER_VERSION)),
        (field::MODEL_SUBGRAPHS, subgraphs),
        (field::MODEL_FILES, files),
    ];
    if let Some(author) = &card.author {
        fields.push((field::MODEL_AUTHOR, text(builder, author)));
    }
    let root = table(builder, &fields);
    builder.finish(root, Some(METADATA_IDENTIFIER));
    builder.finished_data().to_vec()
}

fn input(
    builder: &mut FlatBufferBuilder<'_>,
    graph: &Graph,
    card: &Card,
    interface: Interface,
) -> Place {
    let mut fields = vec![
        (field::NAME, text(builder, "film")),
        (field::DESCRIPTION, text(builder, &card.input_in_words())),
    ];
    let shape = &graph.values[Graph::INPUT].shape;
    let colours = match shape[0] {
        1 => Some(field::GREYSCALE),
        3 => Some(field::RGB),
        _ => None,
    };
    // Tools would fill an image with a camera's pixels: what is scaled by the film as a whole is none.
    let colours = colours.filter(|_| graph.input == InputKind::Unit);
    let content = match colours {
        Some(colours) => {
            let sides = [
                (field::WIDTH, Held::U32(shape[2] as u32)),
                (field::HEIGHT, Held::U32(shape[1] as u32)),
            ];
            let size = table(builder, &sides);
            let image = [
                (field::IMAGE_COLOURS, Held::I8(colours)),
                (field::IMAGE_SIZE, Held::At(size)),
            ];
            let image = table(builder, &image);
            content(builder, field::IMAGE, image)
        }
        None => {
            let feature = table(builder, &[]);
            content(builder, field::FEATURE, feature)
        }
    };
    fields.push((field::TENSOR_CONTENT, content));
    if graph.input == InputKind::Unit {
        // Value = (pixel - mean) / deviation, where pixels are from 0 to 255.
        let (deviation, most) = match interface {
            Interface::Float => (WHITE, 1.0),
            Interface::Uint8 => (1.0, WHITE),
        };
        let mean = numbers(builder, &[0.0]);
        let deviation = numbers(builder, &[deviation]);
        let options = table(
            builder,
            &[
                (field::NORMALISATION_MEAN, mean),
                (field::NORMALISATION_SD, deviation),
            ],
        );
        let unit = table(
            builder,
            &[
                (field::UNIT_KIND, Held::U8(field::NORMALISATION)),
                (field::UNIT, Held::At(options)),
            ],
        );
        fields.push((field::TENSOR_PROCESS_UNITS, list(builder, &[unit])));
        fields.push((field::TENSOR_STATS, stats(builder, most)));
    }
    table(builder, &fields)
}

fn output(builder: &mut FlatBufferBuilder<'_>, card: &Card, interface: Interface) -> Place {
    let most = match interface {
        Interface::Float => 1.0,
        Interface::Uint8 => WHITE,
    };
    let labels = file(
        builder,
        LABELS,
        "The labels, in the order of the probabilities.",
        field::AXIS_LABELS,
    );
    let description = format!(
        "The probability of each label. {}",
        card.not_a_medical_device
    );
    let feature = table(builder, &[]);
    let fields = [
        (field::NAME, text(builder, "probability")),
        (field::DESCRIPTION, text(builder, &description)),
        (
            field::TENSOR_CONTENT,
            content(builder, field::FEATURE, feature),
        ),
        (field::TENSOR_STATS, stats(builder, most)),
        (field::TENSOR_FILES, list(builder, &[labels])),
    ];
    table(builder, &fields)
}

fn content(builder: &mut FlatBufferBuilder<'_>, kind: u8, of: Place) -> Held {
    Held::At(table(
        builder,
        &[
            (field::CONTENT_KIND, Held::U8(kind)),
            (field::CONTENT, Held::At(of)),
        ],
    ))
}

/// From 0 to the most.
fn stats(builder: &mut FlatBufferBuilder<'_>, most: f32) -> Held {
    let most = numbers(builder, &[most]);
    let least = numbers(builder, &[0.0]);
    Held::At(table(
        builder,
        &[(field::STATS_MAX, most), (field::STATS_MIN, least)],
    ))
}

fn file(builder: &mut FlatBufferBuilder<'_>, name: &str, description: &str, kind: i8) -> Place {
    let name = text(builder, name);
    let description = text(builder, description);
    table(
        builder,
        &[
            (field::NAME, name),
            (field::DESCRIPTION, description),
            (field::FILE_KIND, Held::I8(kind)),
        ],
    )
}

/// Puts the files that the metadata names after a model, as a zip archive: interpreters read such a file from its
/// start, archivers from its end.
pub(super) fn append_files(model: Vec<u8>, card: &Card) -> Result<Vec<u8>, ExportError> {
    let mut cursor = Cursor::new(model);
    let written = |error: std::io::Error| ExportError::Archive(error.into());
    cursor.seek(SeekFrom::End(0)).map_err(written)?;
    let mut writer = ZipWriter::new(cursor);
    // Readers map the files where they lie; the same model gives the same bytes at any time.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    // A label is one line, whatever it holds.
    let lines = card.labels.iter().map(|label| {
        let line: Vec<&str> = label.split(char::is_control).collect();
        line.join(" ") + "\n"
    });
    for (name, text) in [(LABELS, lines.collect()), (README, card.text())] {
        writer.start_file(name, options)?;
        writer.write_all(text.as_bytes()).map_err(written)?;
    }
    Ok(writer.finish()?.into_inner())
}
