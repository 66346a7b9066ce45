//! What a model computes, as every format writes it down: a list of steps over maps.
//!
//! It is the model as it predicts: batch norms are part of their convolutions, dropout is gone, scaling and
//! calibration are steps like all others, and the end are probabilities.

mod of_model;
mod run;

pub use of_model::InputKind;
pub use run::Ranges;

use plainfilm_model::networks::Activation;

/// Place of a value in [`Graph::values`].
pub type ValueId = usize;

/// What a step reads or writes, for one film: `[channels, side, side]`, or `[units]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Unlike all others of the graph.
    pub name: String,
    /// Without the batch.
    pub shape: Vec<usize>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Unlike all others of the graph: that of what it writes.
    pub name: String,
    /// What it does.
    pub operation: Operation,
    /// What it reads.
    pub inputs: Vec<ValueId>,
    /// What it writes.
    pub output: ValueId,
}

/// A convolution's weights and windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// `[outputs, inputs / groups, kernel, kernel]`, last axis fastest.
    pub weight: Vec<f32>,
    /// One a channel that goes out.
    pub bias: Vec<f32>,
    /// Channels that come in.
    pub inputs: usize,
    /// Channels that go out.
    pub outputs: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Step between windows, in pixels of the input.
    pub stride: usize,
    /// Zeros before (above, left) and after (below, right) the map.
    pub padding: [usize; 2],
    /// Groups of channels that see only each other.
    pub groups: usize,
}

impl Convolution {
    /// `[outputs, inputs / groups, kernel, kernel]`: that of the weight.
    #[must_use]
    pub fn shape(&self) -> [usize; 4] {
        let inputs = self.inputs / self.groups;
        [self.outputs, inputs, self.kernel, self.kernel]
    }
}

/// A linear layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// `[outputs, inputs]`, last axis fastest.
    pub weight: Vec<f32>,
    /// One an output.
    pub bias: Vec<f32>,
    /// Units that come in.
    pub inputs: usize,
    /// Units that go out.
    pub outputs: usize,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Each channel times its factor, plus its shift.
    Affine {
        /// One a channel.
        factors: Vec<f32>,
        /// One a channel.
        shifts: Vec<f32>,
    },
    /// A convolution, and an activation.
    Convolution(Convolution, Activation),
    /// An activation alone.
    Activation(Activation),
    /// The logistic function of each value.
    Sigmoid,
    /// Greatest value of `size` x `size` squares (floor); the padding on each side is never the greatest.
    MaxPool {
        /// Side of the squares, in pixels.
        size: usize,
        /// Step between windows, in pixels of the input.
        stride: usize,
        /// Pixels around the map that count for nothing.
        padding: usize,
    },
    /// Average over `size` x `size` squares with stride `size` (floor).
    AveragePool {
        /// Side of the squares, in pixels.
        size: usize,
    },
    /// The sum of two values of one shape, and an activation.
    Add(Activation),
    /// Maps `[channels, side, side]` times weights `[channels, 1, 1]`.
    Weigh,
    /// The channels of the second value after those of the first.
    Concatenate,
    /// Maps to one vector, channel by channel, row by row.
    Flatten,
    /// A linear layer, and an activation.
    Dense(Dense, Activation),
    /// Softmax over all units.
    Softmax,
}

/// A model as a list of steps, each reading what earlier ones wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// What the first step reads is the first one, what the last one writes the last one.
    pub values: Vec<Value>,
    /// In the order in which they are done.
    pub nodes: Vec<Node>,
    /// What the input's numbers are.
    pub input: InputKind,
}

impl Graph {
    /// Place of the film.
    pub const INPUT: ValueId = 0;

    /// Place of the probabilities.
    #[must_use]
    pub fn output(&self) -> ValueId {
        self.values.len() - 1
    }

    /// How many probabilities there are.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.values[self.output()].shape[0]
    }

    /// How many weights and shifts it holds.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let of = |node: &Node| match &node.operation {
            Operation::Affine { factors, shifts } => factors.len() + shifts.len(),
            Operation::Convolution(convolution, _) => {
                convolution.weight.len() + convolution.bias.len()
            }
            Operation::Dense(dense, _) => dense.weight.len() + dense.bias.len(),
            _ => 0,
        };
        self.nodes.iter().map(of).sum()
    }
}
