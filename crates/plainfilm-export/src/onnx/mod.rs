//! ONNX (opset 18): what a model computes, with its labels, threshold, card and audit as metadata.

mod builder;
mod messages;
mod operations;
mod quantised;

use prost::Message;

use self::builder::Builder;
use self::messages::{Entry, GraphMessage, Model, OperatorSet, ValueInfo, data_type};
use self::quantised::Quantised;
use crate::card::Card;
use crate::graph::{Graph, InputKind, Operation, Ranges};
use crate::precision::{Interface, Precision};

/// The version of ONNX's operators that files are written in.
pub const OPSET: i64 = 18;
/// The version of the format that came with it.
const IR_VERSION: i64 = 8;

/// Names of input and output.
pub const INPUT: &str = "film";
/// See [`INPUT`].
pub const OUTPUT: &str = "probabilities";

/// The bytes of an ONNX file. `ranges` are what calibration films gave, and only eight bits need them.
///
/// Input `film`: `[films, channels, size, size]`, grey levels of 0 to 1, or of 0 to 255 with
/// [`Interface::Uint8`]; output `probabilities`: `[films, labels]`, calibrated.
#[must_use]
pub fn to_bytes(
    graph: Graph,
    card: &Card,
    precision: Precision,
    interface: Interface,
    ranges: &Ranges,
) -> Vec<u8> {
    let mut builder = Builder::new(precision);
    let quantised = (precision == Precision::Int8).then(|| Quantised::new(&graph, ranges));
    let shape = graph.values[Graph::INPUT].shape.clone();
    let labels = graph.labels();
    let input = film(&mut builder, interface);
    // What each value is named where it is read.
    let mut names = vec![String::new(); graph.values.len()];
    let settle = |builder: &mut Builder, value, name| match &quantised {
        Some(quantised) => quantised.round(builder, value, name),
        None => name,
    };
    names[Graph::INPUT] = settle(&mut builder, Graph::INPUT, input);
    let sides: Vec<_> = graph
        .nodes
        .iter()
        .map(|node| operations::side(&graph, node))
        .collect();
    // Each step's weights are gone once it is written: two copies of a network are enough.
    for (mut node, side) in graph.nodes.into_iter().zip(sides) {
        let inputs = node
            .inputs
            .iter()
            .map(|input| names[*input].clone())
            .collect();
        let operation = std::mem::replace(&mut node.operation, Operation::Flatten);
        let written = match &quantised {
            Some(quantised) => quantised.write(&mut builder, &node, operation, inputs, side),
            None => operations::write(&mut builder, &node.name, operation, inputs, side),
        };
        names[node.output] = settle(&mut builder, node.output, written);
    }
    let element = match interface {
        Interface::Float => data_type::FLOAT,
        Interface::Uint8 => data_type::UINT8,
    };
    let takes = match (graph.input, interface) {
        (InputKind::Scaled, _) => "as preprocessing.json says, scaled".to_owned(),
        (InputKind::Unit, Interface::Float) => "grey levels from 0 (black) to 1 (white)".to_owned(),
        (InputKind::Unit, Interface::Uint8) => {
            "grey levels from 0 (black) to 255 (white)".to_owned()
        }
    };
    let gives = format!("probabilities of {}", card.labels.join(", "));
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "plainfilm".to_owned(),
        producer_version: card.version.clone(),
        doc_string: card.description.clone(),
        graph: Some(GraphMessage {
            node: builder.nodes,
            name: card.name.clone(),
            initializer: builder.constants,
            doc_string: String::new(),
            input: vec![ValueInfo::batch(INPUT, element, &shape, takes)],
            output: vec![ValueInfo::batch(OUTPUT, data_type::FLOAT, &[labels], gives)],
        }),
        opset_import: vec![OperatorSet {
            domain: String::new(),
            version: OPSET,
        }],
        metadata_props: card
            .entries()
            .into_iter()
            .map(|(key, value)| Entry { key, value })
            .collect(),
    };
    model.encode_to_vec()
}

/// The film in numbers with a point.
fn film(builder: &mut Builder, interface: Interface) -> String {
    use messages::Attribute;
    if interface == Interface::Float {
        return INPUT.to_owned();
    }
    let to = Attribute::int("to", i64::from(data_type::FLOAT));
    let wide = builder.node("Cast", "film.wide", [INPUT.to_owned()], vec![to]);
    let step = builder.floats("film.step", &[], &[1.0 / 255.0]);
    builder.node("Mul", "film.unit", [wide, step], vec![])
}
