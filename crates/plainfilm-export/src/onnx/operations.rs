//! Every step of a graph in ONNX's operators.

use super::builder::Builder;
use super::messages::Attribute;
use crate::graph::{Convolution, Dense, Graph, Node, Operation};
use plainfilm_model::networks::Activation;

/// What a step reads, by the names that values have in the ONNX graph.
pub(super) type Inputs = Vec<String>;

/// Writes a step in numbers of 32 bits; gives the name of what it wrote.
pub(super) fn write(
    builder: &mut Builder,
    name: &str,
    operation: Operation,
    inputs: Inputs,
    side: Option<usize>,
) -> String {
    match operation {
        Operation::Convolution(convolution, then) => {
            let shape = convolution.shape();
            let weight = builder.weights(
                &format!("{name}.weight"),
                &shape,
                convolution.weight.clone(),
            );
            let bias = builder.floats(
                format!("{name}.bias"),
                &[convolution.outputs],
                &convolution.bias,
            );
            let inputs = inputs.into_iter().chain([weight, bias]).collect();
            convolve(builder, name, &convolution, then, inputs)
        }
        Operation::Dense(dense, then) => {
            let Dense {
                weight,
                bias,
                inputs: width,
                outputs,
            } = dense;
            let weight = builder.weights(&format!("{name}.weight"), &[outputs, width], weight);
            let bias = builder.floats(format!("{name}.bias"), &[outputs], &bias);
            let inputs = inputs.into_iter().chain([weight, bias]).collect();
            multiply(builder, name, then, inputs)
        }
        Operation::Affine { factors, shifts } => {
            let shape = [factors.len(), 1, 1];
            let factors = builder.floats(format!("{name}.factors"), &shape, &factors);
            let shifts = builder.floats(format!("{name}.shifts"), &shape, &shifts);
            let inputs = inputs.into_iter().chain([factors]);
            let product = builder.node("Mul", format!("{name}.product"), inputs, vec![]);
            builder.node("Add", name, [product, shifts], vec![])
        }
        Operation::Activation(then) => activate(builder, name, then, inputs),
        Operation::Sigmoid => builder.node("Sigmoid", name, inputs, vec![]),
        Operation::MaxPool {
            size,
            stride,
            padding,
        } => {
            let windows = vec![
                Attribute::ints("kernel_shape", [size; 2]),
                Attribute::ints("strides", [stride; 2]),
                Attribute::ints("pads", [padding; 4]),
            ];
            builder.node("MaxPool", name, inputs, windows)
        }
        Operation::AveragePool { size } if Some(size) == side => {
            builder.node("GlobalAveragePool", name, inputs, vec![])
        }
        Operation::AveragePool { size } => {
            let windows = vec![
                Attribute::ints("kernel_shape", [size; 2]),
                Attribute::ints("strides", [size; 2]),
            ];
            builder.node("AveragePool", name, inputs, windows)
        }
        Operation::Add(then) => activated(builder, name, then, |builder, name| {
            builder.node("Add", name, inputs, vec![])
        }),
        Operation::Weigh => builder.node("Mul", name, inputs, vec![]),
        Operation::Concatenate => {
            builder.node("Concat", name, inputs, vec![Attribute::int("axis", 1)])
        }
        Operation::Flatten => {
            builder.node("Flatten", name, inputs, vec![Attribute::int("axis", 1)])
        }
        Operation::Softmax => {
            builder.node("Softmax", name, inputs, vec![Attribute::int("axis", 1)])
        }
    }
}

/// A convolution whose weight and bias are among its inputs.
pub(super) fn convolve(
    builder: &mut Builder,
    name: &str,
    convolution: &Convolution,
    then: Activation,
    inputs: Inputs,
) -> String {
    let [before, after] = convolution.padding;
    let windows = vec![
        Attribute::ints("kernel_shape", [convolution.kernel; 2]),
        Attribute::ints("strides", [convolution.stride; 2]),
        Attribute::ints("pads", [before, before, after, after]),
        Attribute::int("group", convolution.groups as i64),
    ];
    activated(builder, name, then, |builder, name| {
        builder.node("Conv", name, inputs, windows)
    })
}

/// A linear layer whose weight and bias are among its inputs.
pub(super) fn multiply(
    builder: &mut Builder,
    name: &str,
    then: Activation,
    inputs: Inputs,
) -> String {
    activated(builder, name, then, |builder, name| {
        builder.node("Gemm", name, inputs, vec![Attribute::int("transB", 1)])
    })
}

/// A node and the activation after it; the activated value has the step's name.
fn activated(
    builder: &mut Builder,
    name: &str,
    then: Activation,
    node: impl FnOnce(&mut Builder, String) -> String,
) -> String {
    if then == Activation::Identity {
        return node(builder, name.to_owned());
    }
    let before = node(builder, format!("{name}.linear"));
    activate(builder, name, then, vec![before])
}

fn activate(builder: &mut Builder, name: &str, then: Activation, inputs: Inputs) -> String {
    match then {
        Activation::Identity => builder.node("Identity", name, inputs, vec![]),
        Activation::Relu => builder.node("Relu", name, inputs, vec![]),
        Activation::LeakyRelu(slope) => {
            let slope = Attribute::float("alpha", slope);
            builder.node("LeakyRelu", name, inputs, vec![slope])
        }
        Activation::Relu6 => {
            let low = builder.floats(format!("{name}.low"), &[], &[0.0]);
            let high = builder.floats(format!("{name}.high"), &[], &[6.0]);
            let inputs = inputs.into_iter().chain([low, high]);
            builder.node("Clip", name, inputs, vec![])
        }
        Activation::Silu => {
            let share = builder.node("Sigmoid", format!("{name}.share"), inputs.clone(), vec![]);
            let inputs = inputs.into_iter().chain([share]);
            builder.node("Mul", name, inputs, vec![])
        }
    }
}

/// Side of the map that a step reads; none of a vector.
pub(super) fn side(graph: &Graph, node: &Node) -> Option<usize> {
    graph.values[node.inputs[0]].shape.get(1).copied()
}
