//! Numbers as a model file stores them.

use half::f16;
use safetensors::tensor::{Dtype, TensorView};

use super::BundleError;
use crate::networks::NamedTensor;

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As they were trained.
    F32,
    /// Half as long: weights of convolutions and linear layers rounded to f16. Biases, norms and
    /// running statistics, a small share, stay f32.
    F16,
}

/// The values of a tensor stored as f32 or f16.
pub(crate) fn read_values(view: &TensorView<'_>) -> Option<Vec<f32>> {
    match view.dtype() {
        Dtype::F32 => Some(
            view.data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
        ),
        Dtype::F16 => Some(
            view.data()
                .as_chunks::<2>()
                .0
                .iter()
                .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
                .collect(),
        ),
        _ => None,
    }
}

/// The bytes of a tensor as they are stored; errors call the file `name`.
pub(crate) fn stored(
    tensor: &NamedTensor,
    precision: Precision,
    name: &str,
) -> Result<(Dtype, Vec<u8>), BundleError> {
    if precision == Precision::F32 || tensor.shape.len() < 2 {
        let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes());
        return Ok((Dtype::F32, bytes.collect()));
    }
    let mut bytes = Vec::with_capacity(2 * tensor.values.len());
    for &value in &tensor.values {
        let half = f16::from_f32(value);
        if !half.is_finite() {
            return Err(BundleError::Overflow {
                name: name.to_owned(),
                tensor: tensor.name.clone(),
                value,
            });
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok((Dtype::F16, bytes))
}
