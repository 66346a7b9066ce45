//! Numbers of TensorFlow Lite's two schemas, as they are published: of models (version 3, identifier `TFL3`) and
//! of their metadata (`M001`). A field's number is its place in its table.

/// Place of a field in its table.
pub(super) type Field = u16;

/// What stands at the start of every model.
pub(super) const MODEL_IDENTIFIER: &str = "TFL3";
/// Version of the schema.
pub(super) const MODEL_VERSION: u32 = 3;
/// What stands at the start of the metadata.
pub(super) const METADATA_IDENTIFIER: &str = "M001";
/// The name under which a model keeps its metadata.
pub(super) const METADATA_NAME: &str = "TFLITE_METADATA";

pub(super) mod model {
    use super::Field;
    pub(in super::super) const VERSION: Field = 0;
    pub(in super::super) const OPERATOR_CODES: Field = 1;
    pub(in super::super) const SUBGRAPHS: Field = 2;
    pub(in super::super) const DESCRIPTION: Field = 3;
    pub(in super::super) const BUFFERS: Field = 4;
    pub(in super::super) const METADATA: Field = 6;
    pub(in super::super) const SIGNATURES: Field = 7;
}

pub(super) mod operator_code {
    use super::Field;
    /// In a byte, which later codes do not fit: they say 127 here.
    pub(in super::super) const OLD_CODE: Field = 0;
    pub(in super::super) const VERSION: Field = 2;
    pub(in super::super) const CODE: Field = 3;
}

pub(super) mod subgraph {
    use super::Field;
    pub(in super::super) const TENSORS: Field = 0;
    pub(in super::super) const INPUTS: Field = 1;
    pub(in super::super) const OUTPUTS: Field = 2;
    pub(in super::super) const OPERATORS: Field = 3;
    pub(in super::super) const NAME: Field = 4;
}

pub(super) mod tensor {
    use super::Field;
    pub(in super::super) const SHAPE: Field = 0;
    pub(in super::super) const KIND: Field = 1;
    pub(in super::super) const BUFFER: Field = 2;
    pub(in super::super) const NAME: Field = 3;
    pub(in super::super) const QUANTISATION: Field = 4;
    pub(in super::super) const SHAPE_SIGNATURE: Field = 7;
}

pub(super) mod quantisation {
    use super::Field;
    pub(in super::super) const SCALE: Field = 2;
    pub(in super::super) const ZERO_POINT: Field = 3;
    pub(in super::super) const AXIS: Field = 6;
}

pub(super) mod operator {
    use super::Field;
    pub(in super::super) const CODE_INDEX: Field = 0;
    pub(in super::super) const INPUTS: Field = 1;
    pub(in super::super) const OUTPUTS: Field = 2;
    pub(in super::super) const OPTIONS_KIND: Field = 3;
    pub(in super::super) const OPTIONS: Field = 4;
}

pub(super) mod buffer {
    use super::Field;
    pub(in super::super) const DATA: Field = 0;
}

pub(super) mod model_metadata_entry {
    use super::Field;
    pub(in super::super) const NAME: Field = 0;
    pub(in super::super) const BUFFER: Field = 1;
}

pub(super) mod signature {
    use super::Field;
    pub(in super::super) const INPUTS: Field = 0;
    pub(in super::super) const OUTPUTS: Field = 1;
    pub(in super::super) const KEY: Field = 2;
    pub(in super::super) const TENSOR_NAME: Field = 0;
    pub(in super::super) const TENSOR: Field = 1;
}

/// Options of operators, by field.
pub(super) mod options {
    use super::Field;
    pub(in super::super) const PADDING: Field = 0;
    pub(in super::super) const STRIDE_WIDTH: Field = 1;
    pub(in super::super) const STRIDE_HEIGHT: Field = 2;
    pub(in super::super) const CONVOLUTION_ACTIVATION: Field = 3;
    pub(in super::super) const DEPTH_MULTIPLIER: Field = 3;
    pub(in super::super) const DEPTHWISE_ACTIVATION: Field = 4;
    pub(in super::super) const POOL_WIDTH: Field = 3;
    pub(in super::super) const POOL_HEIGHT: Field = 4;
    pub(in super::super) const CONCATENATION_AXIS: Field = 0;
    /// Of sums, products and linear layers.
    pub(in super::super) const ACTIVATION: Field = 0;
    pub(in super::super) const BETA: Field = 0;
    pub(in super::super) const KEEP_AXES: Field = 0;
    pub(in super::super) const SLOPE: Field = 0;
    pub(in super::super) const NEW_SHAPE: Field = 0;
}

/// Tables of the metadata, by field.
pub(super) mod metadata {
    use super::Field;
    pub(in super::super) const NAME: Field = 0;
    pub(in super::super) const DESCRIPTION: Field = 1;
    pub(in super::super) const MODEL_VERSION: Field = 2;
    pub(in super::super) const MODEL_SUBGRAPHS: Field = 3;
    pub(in super::super) const MODEL_AUTHOR: Field = 4;
    pub(in super::super) const MODEL_LICENCE: Field = 5;
    pub(in super::super) const MODEL_FILES: Field = 6;
    pub(in super::super) const MODEL_PARSER_VERSION: Field = 7;
    pub(in super::super) const SUBGRAPH_INPUTS: Field = 2;
    pub(in super::super) const SUBGRAPH_OUTPUTS: Field = 3;
    pub(in super::super) const TENSOR_CONTENT: Field = 3;
    pub(in super::super) const TENSOR_PROCESS_UNITS: Field = 4;
    pub(in super::super) const TENSOR_STATS: Field = 5;
    pub(in super::super) const TENSOR_FILES: Field = 6;
    pub(in super::super) const FILE_KIND: Field = 2;
    pub(in super::super) const CONTENT_KIND: Field = 0;
    pub(in super::super) const CONTENT: Field = 1;
    pub(in super::super) const IMAGE_COLOURS: Field = 0;
    pub(in super::super) const IMAGE_SIZE: Field = 1;
    pub(in super::super) const WIDTH: Field = 0;
    pub(in super::super) const HEIGHT: Field = 1;
    pub(in super::super) const UNIT_KIND: Field = 0;
    pub(in super::super) const UNIT: Field = 1;
    pub(in super::super) const NORMALISATION_MEAN: Field = 0;
    pub(in super::super) const NORMALISATION_SD: Field = 1;
    pub(in super::super) const STATS_MAX: Field = 0;
    pub(in super::super) const STATS_MIN: Field = 1;

    /// Kinds of associated files.
    pub(in super::super) const DESCRIPTIONS: i8 = 1;
    pub(in super::super) const AXIS_LABELS: i8 = 2;
    /// Kinds of content.
    pub(in super::super) const FEATURE: u8 = 1;
    pub(in super::super) const IMAGE: u8 = 2;
    /// Kinds of process units.
    pub(in super::super) const NORMALISATION: u8 = 1;
    /// Colours of images.
    pub(in super::super) const RGB: i8 = 1;
    pub(in super::super) const GREYSCALE: i8 = 2;
}

/// Kinds of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum Kind {
    F32 = 0,
    F16 = 1,
    I32 = 2,
    U8 = 3,
    I8 = 9,
}

/// Codes of the operators that our networks need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub(super) enum Code {
    Add = 0,
    AveragePool2d = 1,
    Concatenation = 2,
    Conv2d = 3,
    DepthwiseConv2d = 4,
    Dequantize = 6,
    FullyConnected = 9,
    Logistic = 14,
    MaxPool2d = 17,
    Mul = 18,
    Relu = 19,
    Relu6 = 21,
    Reshape = 22,
    Softmax = 25,
    Pad = 34,
    Mean = 40,
    PadV2 = 60,
    LeakyRelu = 98,
    Quantize = 114,
}

impl Code {
    /// The least version of the operator that knows its inputs' numbers; from `numbers` of its data alone.
    pub(super) fn version(self, numbers: Kind) -> i32 {
        match (self, numbers) {
            (Self::Dequantize, Kind::F16) => 3,
            (Self::Quantize, _) => 1,
            (Self::Dequantize, Kind::I8) => 2,
            (Self::Conv2d | Self::DepthwiseConv2d, Kind::I8) => 3,
            (Self::FullyConnected, Kind::I8) => 4,
            (Self::Reshape, _) => 1,
            (_, Kind::I8) => 2,
            _ => 1,
        }
    }
}

/// How windows at the border are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum Padding {
    /// With zeros, an odd one after the map.
    Same = 0,
    /// There are none.
    Valid = 1,
}

/// Activations that are part of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum Fused {
    None = 0,
    Relu = 1,
    Relu6 = 3,
}
