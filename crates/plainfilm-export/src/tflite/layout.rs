//! From a graph, whose maps are `[channels, rows, columns]`, to operators whose maps are `[rows, columns, channels]`.

use plainfilm_model::networks::Activation;

use super::content::Content;
use super::levels::{Levels, range_before};
use super::numbers::Numbers;
use super::parts::{Operator, Parts, Steps, Task, Tensor, TensorId};
use super::schema::{Fused, Kind};
use crate::graph::{Graph, Node, Operation, ValueId};
use crate::{ExportError, Interface};

/// Lays a graph out.
pub(super) fn lay_out(graph: &Graph, numbers: Numbers) -> Result<Parts<'_>, ExportError> {
    let mut readers = vec![0; graph.values.len()];
    let inputs = graph.nodes.iter().flat_map(|node| &node.inputs);
    inputs.for_each(|input| readers[*input] += 1);
    let mut layout = Layout {
        graph,
        numbers,
        tensors: vec![None; graph.values.len()],
        flattened: vec![None; graph.values.len()],
        parts: Parts {
            tensors: Vec::new(),
            operators: Vec::new(),
            input: 0,
            output: 0,
        },
    };
    layout.parts.input = layout.interface(Graph::INPUT, Task::Quantize);
    let mut nodes = graph.nodes.iter().peekable();
    while let Some(node) = nodes.next() {
        // A norm before an activation is one step with it, where nothing else reads the norm.
        let follower = match &node.operation {
            Operation::Affine { .. } if readers[node.output] == 1 => nodes.next_if(|next| {
                next.inputs == [node.output]
                    && matches!(next.operation, Operation::Activation(then) if fused(then).is_some())
            }),
            _ => None,
        };
        layout.node(node, follower)?;
    }
    layout.parts.output = layout.interface(graph.output(), Task::Dequantize);
    Ok(layout.parts)
}

/// A graph that is being laid out.
pub(super) struct Layout<'g> {
    pub(super) graph: &'g Graph,
    pub(super) numbers: Numbers,
    /// The tensor of each value that has one yet.
    tensors: Vec<Option<TensorId>>,
    /// Channels and pixels of the maps that a vector was made from, where it was.
    pub(super) flattened: Vec<Option<[usize; 2]>>,
    pub(super) parts: Parts<'g>,
}

/// The activation as part of an operator, where it can be.
fn fused(activation: Activation) -> Option<Fused> {
    match activation {
        Activation::Identity => Some(Fused::None),
        Activation::Relu => Some(Fused::Relu),
        Activation::Relu6 => Some(Fused::Relu6),
        Activation::LeakyRelu(_) | Activation::Silu => None,
    }
}

impl<'g> Layout<'g> {
    fn node(&mut self, node: &'g Node, follower: Option<&'g Node>) -> Result<(), ExportError> {
        let input = node.inputs[0];
        let is_dense = matches!(node.operation, Operation::Dense(..));
        if !is_dense && self.flattened[input].is_some_and(|[_, pixels]| pixels > 1) {
            return Err(ExportError::Step {
                step: node.name.clone(),
                expected: "a linear layer after flattened maps",
                found: "another step".to_owned(),
            });
        }
        let source = self.value(input);
        match &node.operation {
            Operation::Affine { factors, shifts } => {
                let (output, then) = match follower.map(|next| (next.output, &next.operation)) {
                    Some((output, Operation::Activation(then))) => (output, *then),
                    _ => (node.output, Activation::Identity),
                };
                self.affine(node, [factors, shifts], output, then)?;
            }
            Operation::Convolution(convolution, then) => {
                self.convolution(node, convolution, *then)?;
            }
            Operation::Activation(then) => self.activate(*then, source, node.output),
            Operation::Sigmoid => self.step(Task::Logistic, vec![source], node.output),
            Operation::MaxPool {
                size,
                stride,
                padding,
            } => self.max_pool(node, [*size, *stride, *padding]),
            Operation::AveragePool { size } if *size == self.graph.values[input].shape[1] => {
                let axes = self.whole(&node.name, "axes", vec![2], vec![1, 2]);
                self.step(Task::Mean, vec![source, axes], node.output);
            }
            Operation::AveragePool { size } => {
                self.step(Task::AveragePool { size: *size }, vec![source], node.output);
            }
            Operation::Add(then) => {
                let inputs = vec![source, self.value(node.inputs[1])];
                self.settle(Task::Add, inputs, node.output, *then);
            }
            Operation::Weigh => {
                let inputs = vec![source, self.value(node.inputs[1])];
                self.step(Task::Mul, inputs, node.output);
            }
            Operation::Concatenate => {
                let inputs = vec![source, self.value(node.inputs[1])];
                self.step(Task::Concatenate, inputs, node.output);
            }
            Operation::Flatten => {
                if let [channels, rows, columns] = self.graph.values[input].shape[..] {
                    self.flattened[node.output] = Some([channels, rows * columns]);
                }
                let units = self.graph.values[node.output].shape[0] as i32;
                let shape = self.whole(&node.name, "shape", vec![2], vec![-1, units]);
                let task = Task::Reshape(vec![-1, units]);
                self.step(task, vec![source, shape], node.output);
            }
            Operation::Dense(dense, then) => self.dense(node, dense, *then)?,
            Operation::Softmax => self.step(Task::Softmax, vec![source], node.output),
        }
        Ok(())
    }

    /// The tensor of a value.
    pub(super) fn value(&mut self, value: ValueId) -> TensorId {
        if let Some(known) = self.tensors[value] {
            return known;
        }
        let is_end = value == Graph::INPUT || value == self.graph.output();
        let name = &self.graph.values[value].name;
        let name = match self.numbers {
            Numbers::Int8(..) if is_end => format!("{name}/int8"),
            _ => name.clone(),
        };
        let levels = self.numbers.levels(value);
        let tensor = self.computed(name, self.shape(value), levels);
        self.tensors[value] = Some(tensor);
        tensor
    }

    /// The shape of one film's value.
    pub(super) fn shape(&self, value: ValueId) -> Vec<usize> {
        match self.graph.values[value].shape[..] {
            [channels, rows, columns] => vec![1, rows, columns, channels],
            ref vector => [&[1][..], vector].concat(),
        }
    }

    pub(super) fn computed(
        &mut self,
        name: String,
        shape: Vec<usize>,
        levels: Option<Levels>,
    ) -> TensorId {
        self.parts.push(Tensor {
            name,
            shape,
            of_films: true,
            kind: levels.map_or(Kind::F32, |_| Kind::I8),
            steps: levels.map_or(Steps::Exact, Steps::One),
            content: Content::Computed,
        })
    }

    /// A constant of whole numbers.
    pub(super) fn whole(
        &mut self,
        step: &str,
        part: &str,
        shape: Vec<usize>,
        numbers: Vec<i32>,
    ) -> TensorId {
        self.parts.constant(
            format!("{step}/{part}"),
            shape,
            Steps::Exact,
            Content::I32(numbers),
        )
    }

    pub(super) fn operator(&mut self, task: Task, inputs: Vec<TensorId>, output: TensorId) {
        self.parts.operators.push(Operator {
            task,
            inputs,
            output,
        });
    }

    /// An operator that writes a value.
    pub(super) fn step(&mut self, task: Task, inputs: Vec<TensorId>, output: ValueId) {
        let output = self.value(output);
        self.operator(task, inputs, output);
    }

    /// An operator that writes a value, and an activation, which is part of it where that can be.
    pub(super) fn settle(
        &mut self,
        task: impl FnOnce(Fused) -> Task,
        inputs: Vec<TensorId>,
        output: ValueId,
        then: Activation,
    ) {
        match fused(then) {
            Some(fused) => self.step(task(fused), inputs, output),
            None => {
                let levels = self.numbers.levels(output);
                let levels = levels.map(|levels| Levels::over(range_before(then, levels.range())));
                let name = format!("{}/before", self.graph.values[output].name);
                let before = self.computed(name, self.shape(output), levels);
                self.operator(task(Fused::None), inputs, before);
                self.activate(then, before, output);
            }
        }
    }

    fn activate(&mut self, activation: Activation, from: TensorId, output: ValueId) {
        match activation {
            Activation::Identity => self.tensors[output] = Some(from),
            Activation::Relu => self.step(Task::Relu, vec![from], output),
            Activation::Relu6 => self.step(Task::Relu6, vec![from], output),
            Activation::LeakyRelu(slope) => {
                self.step(Task::LeakyRelu(slope), vec![from], output);
            }
            Activation::Silu => {
                let levels = self.numbers.levels(output).map(|_| Levels::SHARES);
                let name = format!("{}/sigmoid", self.graph.values[output].name);
                let shares = self.computed(name, self.shape(output), levels);
                self.operator(Task::Logistic, vec![from], shares);
                self.step(Task::Mul, vec![from, shares], output);
            }
        }
    }

    /// A value between which and the caller numbers are turned into others, where they are whole inside.
    fn interface(&mut self, value: ValueId, to_float: Task) -> TensorId {
        let inside = self.value(value);
        let Numbers::Int8(levels, interface) = &self.numbers else {
            return inside;
        };
        let (kind, steps, task) = match interface {
            Interface::Float => (Kind::F32, Steps::Exact, to_float),
            Interface::Uint8 => (
                Kind::U8,
                Steps::One(levels[value].unsigned()),
                Task::Quantize,
            ),
        };
        let outside = self.parts.push(Tensor {
            name: self.graph.values[value].name.clone(),
            shape: self.shape(value),
            of_films: true,
            kind,
            steps,
            content: Content::Computed,
        });
        match value {
            Graph::INPUT => self.operator(task, vec![outside], inside),
            _ => self.operator(task, vec![inside], outside),
        }
        outside
    }
}
