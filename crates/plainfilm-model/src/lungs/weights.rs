//! The segmenter's weights as a safetensors file: kernels in 16 bits, the rest in 32.

use std::collections::HashMap;

use burn::tensor::Device;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::LungsError;
use super::network::{LungNetwork, tensors};
use crate::bundle::{Precision, read_values, stored};
use crate::networks::NamedTensor;

/// Key and value in the file's metadata that tell it from other files.
const KIND: (&str, &str) = ("plainfilm", "lungs 2");

/// The bytes of a file with these weights: kernels in 16 bits, the rest in 32.
///
/// # Errors
///
/// [`LungsError::Weights`] when a weight is not a finite number in 16 bits.
pub fn write_network(state: &[NamedTensor]) -> Result<Vec<u8>, LungsError> {
    let refuse = |reason: String| LungsError::Weights { reason };
    let mut stored_tensors = vec![];
    for tensor in state {
        let (kind, bytes) = stored(tensor, Precision::F16, "the lungs' weights")
            .map_err(|error| refuse(error.to_string()))?;
        stored_tensors.push((tensor, kind, bytes));
    }
    let views = stored_tensors
        .iter()
        .map(|(tensor, kind, bytes)| {
            TensorView::new(*kind, tensor.shape.clone(), bytes)
                .map(|view| (tensor.name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refuse(error.to_string()))?;
    let metadata = HashMap::from([(KIND.0.to_owned(), KIND.1.to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| refuse(error.to_string()))
}

/// A network with the weights of a file.
///
/// # Errors
///
/// [`LungsError::Weights`] when the file is none, or its tensors are not those of the network.
pub fn read_network(bytes: &[u8], device: &Device) -> Result<LungNetwork, LungsError> {
    let refuse = |reason: String| LungsError::Weights { reason };
    let file = SafeTensors::deserialize(bytes).map_err(|error| refuse(error.to_string()))?;
    let filled = tensors()
        .into_iter()
        .map(|plan| {
            let view = file
                .tensor(&plan.name)
                .map_err(|_| refuse(format!("expected a tensor {}, found none", plan.name)))?;
            let fits = view.shape() == plan.shape.as_slice();
            let values = read_values(&view).filter(|_| fits).ok_or_else(|| {
                refuse(format!(
                    "{}: expected {:?} in 16 or 32 bits, found {:?} as {:?}",
                    plan.name,
                    plan.shape,
                    view.shape(),
                    view.dtype()
                ))
            })?;
            Ok((plan, values))
        })
        .collect::<Result<Vec<_>, LungsError>>()?;
    Ok(LungNetwork::from_tensors(filled, device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_survive_a_file_and_a_damaged_file_is_refused() {
        let network = LungNetwork::new(3, &Device::default());
        let bytes = write_network(&network.state()).unwrap();
        assert!(bytes.len() < 500_000, "{} bytes", bytes.len());
        let back = read_network(&bytes, &Device::default()).unwrap();
        for (a, b) in network.state().iter().zip(back.state()) {
            for (a, b) in a.values.iter().zip(b.values) {
                assert!((a - b).abs() <= a.abs() * 1e-3 + 1e-6, "{a} {b}");
            }
        }
        for broken in [&bytes[..bytes.len() / 2], b"", b"nothing"] {
            assert!(read_network(broken, &Device::default()).is_err());
        }
    }
}
