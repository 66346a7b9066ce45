//! The parts of ONNX's protobuf that a network of ours needs, with the field numbers of `onnx.proto3` (ONNX 1.18).
//!
//! They are written by hand and not generated: a dozen messages of forty, and generating needs a compiler of
//! protobuf or a copy of the schema. Lists of numbers are not packed, as the schema (of protobuf's version 2) has
//! them: some readers refuse packed ones.

use prost::Message;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(string, tag = "6")]
    pub doc_string: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphMessage>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSet {
    /// Empty for ONNX's own operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Entry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphMessage {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeMessage>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(string, tag = "10")]
    pub doc_string: String,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeMessage {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
}

/// A setting of a node, of the kind that `kind` says.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, tag = "2")]
    pub f: f32,
    #[prost(int64, tag = "3")]
    pub i: i64,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub kind: i32,
}

impl Attribute {
    const FLOAT: i32 = 1;
    const INT: i32 = 2;
    const INTS: i32 = 7;

    /// One number with a point.
    pub fn float(name: &str, f: f32) -> Self {
        let kind = Self::FLOAT;
        let name = name.to_owned();
        Self {
            name,
            f,
            kind,
            ..Self::default()
        }
    }

    /// One whole number.
    pub fn int(name: &str, i: i64) -> Self {
        let kind = Self::INT;
        let name = name.to_owned();
        Self {
            name,
            i,
            kind,
            ..Self::default()
        }
    }

    /// Whole numbers.
    pub fn ints(name: &str, ints: impl IntoIterator<Item = usize>) -> Self {
        Self {
            name: name.to_owned(),
            ints: ints.into_iter().map(|number| number as i64).collect(),
            kind: Self::INTS,
            ..Self::default()
        }
    }
}

/// A constant, little-endian.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

/// The numbers of `TensorProto.DataType`.
pub(crate) mod data_type {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const UINT8: i32 = 2;
    pub(crate) const INT32: i32 = 6;
    pub(crate) const FLOAT16: i32 = 10;
}

/// An input or output of the graph.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
    #[prost(string, tag = "3")]
    pub doc_string: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Type {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorType {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(oneof = "Length", tags = "1, 2")]
    pub value: Option<Length>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Length {
    /// A fixed length.
    #[prost(int64, tag = "1")]
    Value(i64),
    /// Any length, by name.
    #[prost(string, tag = "2")]
    Named(String),
}

impl ValueInfo {
    /// A value of shape `[films, shape...]`, for any number of films.
    pub fn batch(name: &str, elem_type: i32, shape: &[usize], doc_string: String) -> Self {
        let films = Length::Named("films".to_owned());
        let lengths = shape.iter().map(|length| Length::Value(*length as i64));
        let dim = std::iter::once(films).chain(lengths);
        let dim = dim.map(|length| Dimension {
            value: Some(length),
        });
        let shape = Some(Shape { dim: dim.collect() });
        let tensor_type = Some(TensorType { elem_type, shape });
        Self {
            name: name.to_owned(),
            r#type: Some(Type { tensor_type }),
            doc_string,
        }
    }
}
