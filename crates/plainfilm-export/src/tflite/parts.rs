//! A model of TensorFlow Lite in memory: tensors, and operators that read and write them.

use super::content::Content;
use super::levels::Levels;
use super::schema::{Code, Fused, Kind, Padding};

/// Place of a tensor in its model.
pub(super) type TensorId = usize;

/// The steps of a tensor's numbers: value = scale (number - zero).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Steps {
    /// The numbers are the values.
    Exact,
    /// One scale and zero for all.
    One(Levels),
    /// One scale for every place on an axis, all with zero 0.
    Each(Vec<f32>, usize),
}

/// One tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor<'g> {
    pub name: String,
    pub shape: Vec<usize>,
    /// Whether the first axis is that of films.
    pub of_films: bool,
    pub kind: Kind,
    pub steps: Steps,
    pub content: Content<'g>,
}

/// What an operator does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Task {
    Add(Fused),
    AveragePool {
        size: usize,
    },
    /// Of channels.
    Concatenate,
    Convolution(Window),
    Depthwise(Window),
    Dequantize,
    Dense(Fused),
    LeakyRelu(f32),
    Logistic,
    MaxPool {
        size: usize,
        stride: usize,
        padding: Padding,
    },
    /// Over rows and columns, whose axes stay.
    Mean,
    Mul,
    Pad,
    PadWith,
    Quantize,
    Relu,
    Relu6,
    Reshape(Vec<i32>),
    Softmax,
}

/// The windows of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub stride: usize,
    pub padding: Padding,
    pub then: Fused,
}

impl Task {
    /// The operator that does it.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Add(_) => Code::Add,
            Self::AveragePool { .. } => Code::AveragePool2d,
            Self::Concatenate => Code::Concatenation,
            Self::Convolution(_) => Code::Conv2d,
            Self::Depthwise(_) => Code::DepthwiseConv2d,
            Self::Dequantize => Code::Dequantize,
            Self::Dense(_) => Code::FullyConnected,
            Self::LeakyRelu(_) => Code::LeakyRelu,
            Self::Logistic => Code::Logistic,
            Self::MaxPool { .. } => Code::MaxPool2d,
            Self::Mean => Code::Mean,
            Self::Mul => Code::Mul,
            Self::Pad => Code::Pad,
            Self::PadWith => Code::PadV2,
            Self::Quantize => Code::Quantize,
            Self::Relu => Code::Relu,
            Self::Relu6 => Code::Relu6,
            Self::Reshape(_) => Code::Reshape,
            Self::Softmax => Code::Softmax,
        }
    }
}

/// One operator.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operator {
    pub task: Task,
    pub inputs: Vec<TensorId>,
    pub output: TensorId,
}

/// A model: one film in, probabilities out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parts<'g> {
    pub tensors: Vec<Tensor<'g>>,
    /// In the order in which they are done.
    pub operators: Vec<Operator>,
    pub input: TensorId,
    pub output: TensorId,
}

impl<'g> Parts<'g> {
    pub(super) fn push(&mut self, tensor: Tensor<'g>) -> TensorId {
        self.tensors.push(tensor);
        self.tensors.len() - 1
    }

    /// Bytes of all constants.
    pub(super) fn bytes(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.content.len()).sum()
    }
}
