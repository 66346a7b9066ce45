//! The steps with weights or windows, as operators.

use plainfilm_model::networks::{Activation, same_padding};

use super::content::{Content, Order};
use super::layout::Layout;
use super::numbers::Numbers;
use super::parts::{Steps, Task, TensorId, Window};
use super::schema::Padding;
use super::weights::Layer;
use crate::ExportError;
use crate::graph::{Convolution, Dense, Node, Operation, ValueId};

impl<'g> Layout<'g> {
    /// Factors and shifts. Whole numbers take a depthwise convolution of one pixel, which has a scale a channel and
    /// a bias of 32 bits; a product with 8 bits would have neither.
    pub(super) fn affine(
        &mut self,
        node: &'g Node,
        [factors, shifts]: [&'g [f32]; 2],
        output: ValueId,
        then: Activation,
    ) -> Result<(), ExportError> {
        let source = self.value(node.inputs[0]);
        if let Numbers::Int8(..) = self.numbers {
            let channels = factors.len();
            let layer = Layer::depthwise(factors, shifts, 1);
            let [weight, bias] = self.layer(node, &layer, source)?;
            if self.parts.tensors[source].shape.len() != 4 {
                return Err(ExportError::Step {
                    step: node.name.clone(),
                    expected: "maps to scale with whole numbers",
                    found: format!("{channels} units"),
                });
            }
            let task = |then| {
                Task::Depthwise(Window {
                    stride: 1,
                    padding: Padding::Valid,
                    then,
                })
            };
            self.settle(task, vec![source, weight, bias], output, then);
            return Ok(());
        }
        let [factors, shifts] = [("factors", factors), ("shifts", shifts)].map(|(part, values)| {
            self.parts.constant(
                format!("{}/{part}", node.name),
                vec![values.len()],
                Steps::Exact,
                Content::F32(values.to_vec()),
            )
        });
        let name = format!("{}/times", node.name);
        let times = self.computed(name, self.shape(node.output), None);
        self.operator(Task::Mul, vec![source, factors], times);
        self.settle(Task::Add, vec![times, shifts], output, then);
        Ok(())
    }

    pub(super) fn convolution(
        &mut self,
        node: &'g Node,
        convolution: &'g Convolution,
        then: Activation,
    ) -> Result<(), ExportError> {
        let Convolution {
            kernel,
            stride,
            groups,
            ..
        } = *convolution;
        let side = self.graph.values[node.inputs[0]].shape[1];
        let (source, padding) = match convolution.padding {
            [0, 0] => (self.value(node.inputs[0]), Padding::Valid),
            around if around == same_padding(side, kernel, stride) => {
                (self.value(node.inputs[0]), Padding::Same)
            }
            around => (self.padded(node, around, None), Padding::Valid),
        };
        let layer = match groups {
            1 => Layer::convolution(convolution),
            all if all == convolution.inputs && all == convolution.outputs => {
                Layer::depthwise(&convolution.weight, &convolution.bias, kernel)
            }
            groups => {
                return Err(ExportError::Step {
                    step: node.name.clone(),
                    expected: "one group of channels, or one a channel",
                    found: format!("{groups} groups"),
                });
            }
        };
        let [weight, bias] = self.layer(node, &layer, source)?;
        let task = |then| {
            let window = Window {
                stride,
                padding,
                then,
            };
            match groups {
                1 => Task::Convolution(window),
                _ => Task::Depthwise(window),
            }
        };
        self.settle(task, vec![source, weight, bias], node.output, then);
        Ok(())
    }

    pub(super) fn dense(
        &mut self,
        node: &'g Node,
        dense: &'g Dense,
        then: Activation,
    ) -> Result<(), ExportError> {
        let source = self.value(node.inputs[0]);
        let [inputs, window] = self.flattened[node.inputs[0]].unwrap_or([dense.inputs, 1]);
        let layer = Layer::dense(dense, Order::ChannelsLast { inputs, window });
        let [weight, bias] = self.layer(node, &layer, source)?;
        self.settle(Task::Dense, vec![source, weight, bias], node.output, then);
        Ok(())
    }

    pub(super) fn max_pool(&mut self, node: &'g Node, [size, stride, around]: [usize; 3]) {
        let side = self.graph.values[node.inputs[0]].shape[1];
        let (source, padding) = match around {
            0 => (self.value(node.inputs[0]), Padding::Valid),
            around if [around; 2] == same_padding(side, size, stride) => {
                (self.value(node.inputs[0]), Padding::Same)
            }
            around => {
                // Among values that are never negative a zero is never the greatest, or no greater than what is.
                let with = match self.is_never_negative(node.inputs[0]) {
                    true => None,
                    false => Some(self.lowest(node)),
                };
                (self.padded(node, [around; 2], with), Padding::Valid)
            }
        };
        let task = Task::MaxPool {
            size,
            stride,
            padding,
        };
        self.step(task, vec![source], node.output);
    }

    /// Whether an activation made it so.
    fn is_never_negative(&self, value: ValueId) -> bool {
        let writer = self.graph.nodes.iter().find(|node| node.output == value);
        writer.is_some_and(|node| {
            matches!(
                node.operation,
                Operation::Convolution(_, Activation::Relu | Activation::Relu6)
                    | Operation::Activation(Activation::Relu | Activation::Relu6)
                    | Operation::Add(Activation::Relu | Activation::Relu6)
                    | Operation::Sigmoid
            )
        })
    }

    /// The lowest number of a step's input, as a constant.
    fn lowest(&mut self, node: &Node) -> TensorId {
        let (steps, content) = match self.numbers.levels(node.inputs[0]) {
            Some(levels) => (Steps::One(levels), Content::I8(vec![i8::MIN])),
            None => (Steps::Exact, Content::F32(vec![f32::MIN])),
        };
        let name = format!("{}/lowest", node.name);
        self.parts.constant(name, vec![1], steps, content)
    }

    /// A step's input with pixels around it: zeros, or a constant.
    fn padded(
        &mut self,
        node: &Node,
        [before, after]: [usize; 2],
        with: Option<TensorId>,
    ) -> TensorId {
        let value = node.inputs[0];
        let source = self.value(value);
        let mut shape = self.shape(value);
        shape[1..3]
            .iter_mut()
            .for_each(|side| *side += before + after);
        let levels = self.numbers.levels(value);
        let padded = self.computed(format!("{}/padded", node.name), shape, levels);
        let [b, a] = [before as i32, after as i32];
        let around = self.whole(
            &node.name,
            "around",
            vec![4, 2],
            vec![0, 0, b, a, b, a, 0, 0],
        );
        match with {
            None => self.operator(Task::Pad, vec![source, around], padded),
            Some(with) => self.operator(Task::PadWith, vec![source, around, with], padded),
        }
        padded
    }
}
