//! Steps in numbers of eight bits, as quantise and dequantise pairs around ONNX's operators: a runtime that knows
//! them computes in eight bits, any other computes the same in 32.

use super::builder::Builder;
use super::messages::Attribute;
use super::operations::{self, Inputs};
use crate::graph::{Convolution, Dense, Graph, Node, Operation, Ranges, ValueId};
use crate::quantisation::{Levels, quantise_rows, quantise_shifts};

/// The level of a weight of 0. Levels are from 0 on, those of weights as well: signed weights times unsigned values
/// are added two and two in 16 bits by ONNX Runtime on CPUs with AVX2 and no VNNI, and run over.
const MIDDLE: u8 = 128;

/// The greatest distance of a weight's level from the middle.
const MOST: i8 = 127;

/// The levels of every value, and which values have any.
pub(super) struct Quantised(Vec<Option<Levels>>);

impl Quantised {
    /// What comes before a convolution, a linear layer or a sum is quantised. Weights of channels, logits and
    /// probabilities are few numbers that much depends on, and stay as they are.
    pub fn new(graph: &Graph, ranges: &Ranges) -> Self {
        let mut levels: Vec<Option<Levels>> = vec![None; graph.values.len()];
        let logits = graph.nodes.last().map(|node| node.inputs[0]);
        let reads_weights = |node: &Node| {
            matches!(
                node.operation,
                Operation::Convolution(..) | Operation::Dense(..)
            )
        };
        let is_read_by_weights = |value: ValueId| {
            let mut readers = graph
                .nodes
                .iter()
                .filter(|node| node.inputs.contains(&value));
            readers.any(reads_weights)
        };
        if is_read_by_weights(Graph::INPUT) {
            levels[Graph::INPUT] = Some(Levels::of_range(ranges.of(Graph::INPUT)));
        }
        for node in &graph.nodes {
            let keeps_levels = matches!(
                node.operation,
                Operation::MaxPool { .. } | Operation::AveragePool { .. } | Operation::Flatten
            );
            levels[node.output] = match node.operation {
                Operation::Sigmoid | Operation::Softmax => None,
                _ if Some(node.output) == logits => None,
                _ => match levels[node.inputs[0]].filter(|_| keeps_levels) {
                    Some(levels) => Some(levels),
                    None => Some(Levels::of_range(ranges.of(node.output))),
                },
            };
        }
        Self(levels)
    }

    /// Rounds a value to its levels, where it has any: gives the name of the rounded value.
    pub fn round(&self, builder: &mut Builder, value: ValueId, name: String) -> String {
        let Some(levels) = self.0[value] else {
            return name;
        };
        let scale = builder.floats(format!("{name}.scale"), &[], &[levels.scale]);
        let zero_point = levels.zero_point.cast_unsigned() ^ MIDDLE;
        let zero = builder.bytes(format!("{name}.zero_point"), &[], vec![zero_point]);
        let inputs = [name.clone(), scale.clone(), zero.clone()];
        let rounded = builder.node("QuantizeLinear", format!("{name}.levels"), inputs, vec![]);
        let inputs = [rounded, scale, zero];
        builder.node(
            "DequantizeLinear",
            format!("{name}.rounded"),
            inputs,
            vec![],
        )
    }

    /// Writes a step, its weights in levels.
    pub fn write(
        &self,
        builder: &mut Builder,
        node: &Node,
        operation: Operation,
        inputs: Inputs,
        side: Option<usize>,
    ) -> String {
        let name = &node.name;
        let input = self.0[node.inputs[0]];
        match (operation, input) {
            (Operation::Convolution(convolution, then), Some(input)) => {
                let shape = convolution.shape();
                let Convolution { weight, bias, .. } = &convolution;
                let weights = weights(builder, name, &shape, weight, bias, input);
                let inputs = inputs.into_iter().chain(weights).collect();
                operations::convolve(builder, name, &convolution, then, inputs)
            }
            (Operation::Dense(dense, then), Some(input)) => {
                let Dense { weight, bias, .. } = &dense;
                let shape = [dense.outputs, dense.inputs];
                let weights = weights(builder, name, &shape, weight, bias, input);
                let inputs = inputs.into_iter().chain(weights).collect();
                operations::multiply(builder, name, then, inputs)
            }
            (operation, _) => operations::write(builder, name, operation, inputs, side),
        }
    }
}

/// Weight and bias in levels, and their way back: the names of both.
fn weights(
    builder: &mut Builder,
    name: &str,
    shape: &[usize],
    weight: &[f32],
    bias: &[f32],
    input: Levels,
) -> [String; 2] {
    let outputs = shape[0];
    let (levels, rows) = quantise_rows(weight, outputs, MOST);
    let axis = || vec![Attribute::int("axis", 0)];
    // From -128..=127 to 0..=255 is the highest bit.
    let levels = levels
        .into_iter()
        .map(|level| level.cast_unsigned() ^ MIDDLE);
    let stored = builder.bytes(format!("{name}.weight.levels"), shape, levels.collect());
    let scales = builder.floats(format!("{name}.weight.scales"), &[outputs], &rows);
    let zeros = vec![MIDDLE; outputs];
    let zeros = builder.bytes(format!("{name}.weight.zero_points"), &[outputs], zeros);
    let read = format!("{name}.weight");
    let weight = builder.node("DequantizeLinear", read, [stored, scales, zeros], axis());
    let (levels, scales) = quantise_shifts(bias, input, &rows);
    let stored = builder.integers(format!("{name}.bias.levels"), &[outputs], &levels);
    let scales = builder.floats(format!("{name}.bias.scales"), &[outputs], &scales);
    let read = format!("{name}.bias");
    let bias = builder.node("DequantizeLinear", read, [stored, scales], axis());
    [weight, bias]
}
