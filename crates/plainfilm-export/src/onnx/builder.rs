//! Nodes and constants, one after another.

use half::f16;

use super::messages::{Attribute, NodeMessage, Tensor, data_type};
use crate::precision::Precision;

/// Puts an ONNX graph together.
pub(crate) struct Builder {
    pub nodes: Vec<NodeMessage>,
    pub constants: Vec<Tensor>,
    pub precision: Precision,
}

impl Builder {
    pub fn new(precision: Precision) -> Self {
        Self {
            nodes: Vec::new(),
            constants: Vec::new(),
            precision,
        }
    }

    /// Adds a node that writes one value of its own name, and gives that name.
    pub fn node(
        &mut self,
        op_type: &str,
        name: impl Into<String>,
        input: impl IntoIterator<Item = String>,
        attribute: Vec<Attribute>,
    ) -> String {
        let name = name.into();
        self.nodes.push(NodeMessage {
            input: input.into_iter().collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op_type.to_owned(),
            attribute,
        });
        name
    }

    fn constant(
        &mut self,
        name: String,
        shape: &[usize],
        data_type: i32,
        raw_data: Vec<u8>,
    ) -> String {
        self.constants.push(Tensor {
            dims: shape.iter().map(|length| *length as i64).collect(),
            data_type,
            name: name.clone(),
            raw_data,
        });
        name
    }

    /// Numbers of 32 bits, whatever the precision of weights.
    pub fn floats(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) -> String {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(name.into(), shape, data_type::FLOAT, bytes)
    }

    /// Whole numbers from 0 to 255.
    pub fn bytes(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<u8>) -> String {
        self.constant(name.into(), shape, data_type::UINT8, values)
    }

    /// Whole numbers of 32 bits.
    pub fn integers(&mut self, name: impl Into<String>, shape: &[usize], values: &[i32]) -> String {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(name.into(), shape, data_type::INT32, bytes)
    }

    /// Weights: in 16 bits, where that is asked for, with the node that widens them again.
    pub fn weights(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> String {
        if self.precision != Precision::F16 {
            return self.floats(name, shape, &values);
        }
        let halves = values
            .iter()
            .flat_map(|value| f16::from_f32(*value).to_le_bytes());
        let stored = format!("{name}.half");
        let stored = self.constant(stored, shape, data_type::FLOAT16, halves.collect());
        let to = Attribute::int("to", i64::from(data_type::FLOAT));
        self.node("Cast", name, [stored], vec![to])
    }
}
