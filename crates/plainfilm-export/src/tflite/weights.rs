//! Weights and biases of a layer, as tensors.

use half::f16;

use super::content::{Content, Order, Stored};
use super::layout::Layout;
use super::levels::{Levels, weight_scales};
use super::numbers::Numbers;
use super::parts::{Operator, Parts, Steps, Task, Tensor, TensorId};
use super::schema::Kind;
use crate::ExportError;
use crate::graph::{Convolution, Dense, Node};

/// Weights and biases, and how a tensor holds them.
pub(super) struct Layer<'g> {
    weight: &'g [f32],
    bias: &'g [f32],
    shape: Vec<usize>,
    order: Order,
    /// The axis of outputs, each of which has a scale of its own; all have one where there is none.
    axis: Option<usize>,
}

impl<'g> Layer<'g> {
    pub(super) fn convolution(of: &'g Convolution) -> Self {
        Self {
            weight: &of.weight,
            bias: &of.bias,
            shape: vec![of.outputs, of.kernel, of.kernel, of.inputs],
            order: Order::ChannelsLast {
                inputs: of.inputs,
                window: of.kernel * of.kernel,
            },
            axis: Some(0),
        }
    }

    /// Weights `[channels, kernel, kernel]`.
    pub(super) fn depthwise(weight: &'g [f32], bias: &'g [f32], kernel: usize) -> Self {
        Self {
            weight,
            bias,
            shape: vec![1, kernel, kernel, bias.len()],
            order: Order::OutputsLast {
                outputs: bias.len(),
                window: kernel * kernel,
            },
            axis: Some(3),
        }
    }

    /// One scale for all outputs: interpreters of before 2024 know no other for linear layers.
    pub(super) fn dense(of: &'g Dense, order: Order) -> Self {
        Self {
            weight: &of.weight,
            bias: &of.bias,
            shape: vec![of.outputs, of.inputs],
            order,
            axis: None,
        }
    }
}

impl<'g> Parts<'g> {
    pub(super) fn constant(
        &mut self,
        name: String,
        shape: Vec<usize>,
        steps: Steps,
        content: Content<'g>,
    ) -> TensorId {
        self.push(Tensor {
            name,
            shape,
            of_films: false,
            kind: content.kind().expect("a constant's content has a kind"),
            steps,
            content,
        })
    }
}

impl<'g> Layout<'g> {
    /// Weights and biases of a step that reads `source`.
    pub(super) fn layer(
        &mut self,
        node: &Node,
        layer: &Layer<'g>,
        source: TensorId,
    ) -> Result<[TensorId; 2], ExportError> {
        let outputs = layer.bias.len();
        let content = |stored| Content::Weights {
            values: layer.weight,
            outputs,
            order: layer.order,
            stored,
        };
        let [weight, bias] = ["weight", "bias"].map(|part| format!("{}/{part}", node.name));
        let biases = Content::F32(layer.bias.to_vec());
        let parts = &mut self.parts;
        match self.numbers {
            Numbers::F32 => Ok([
                parts.constant(
                    weight,
                    layer.shape.clone(),
                    Steps::Exact,
                    content(Stored::F32),
                ),
                parts.constant(bias, vec![outputs], Steps::Exact, biases),
            ]),
            Numbers::F16 => {
                let overflow = |value: &&f32| !f16::from_f32(**value).is_finite();
                if let Some(value) = layer.weight.iter().find(overflow) {
                    return Err(ExportError::Overflow {
                        step: node.name.clone(),
                        value: *value,
                    });
                }
                let halves = content(Stored::F16);
                let name = format!("{weight}/f16");
                let halves = parts.constant(name, layer.shape.clone(), Steps::Exact, halves);
                let whole = parts.push(Tensor {
                    name: weight,
                    shape: layer.shape.clone(),
                    of_films: false,
                    kind: Kind::F32,
                    steps: Steps::Exact,
                    content: Content::Computed,
                });
                parts.operators.push(Operator {
                    task: Task::Dequantize,
                    inputs: vec![halves],
                    output: whole,
                });
                let bias = parts.constant(bias, vec![outputs], Steps::Exact, biases);
                Ok([whole, bias])
            }
            Numbers::Int8(..) => {
                let Steps::One(Levels { scale: input, .. }) = parts.tensors[source].steps else {
                    unreachable!("computed tensors have one scale where numbers are whole");
                };
                let each = layer.axis.is_some();
                let scales = weight_scales(layer.weight, layer.bias, input, each);
                let counted = layer.bias.iter().enumerate().map(|(output, value)| {
                    let scale = scales[output.min(scales.len() - 1)];
                    (f64::from(*value) / (f64::from(input) * f64::from(scale))).round() as i32
                });
                let counted = Content::I32(counted.collect());
                let products: Vec<f32> = scales.iter().map(|scale| scale * input).collect();
                let steps = |scales: Vec<f32>, axis: Option<usize>| match axis {
                    Some(axis) => Steps::Each(scales, axis),
                    None => Steps::One(Levels {
                        scale: scales[0],
                        zero: 0,
                    }),
                };
                let of_bias = steps(products, layer.axis.map(|_| 0));
                let of_weight = steps(scales.clone(), layer.axis);
                let content = content(Stored::I8(scales));
                Ok([
                    parts.constant(weight, layer.shape.clone(), of_weight, content),
                    parts.constant(bias, vec![outputs], of_bias, counted),
                ])
            }
        }
    }
}
