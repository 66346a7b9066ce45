//! What layers compute with, taken from their tensors.

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Tensor};

use crate::blocked::{Affine, Folded};
use crate::extension::{contiguous, values};
use crate::fused::{Activation, Normalisation};
use crate::inference::{InferenceBlock, Norm, on_flex};

/// The tensor as flex holds it, where it is there in 32 bits.
pub(super) fn float<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    let fits = tensor.dtype() == DType::F32;
    fits.then(|| on_flex(tensor))?
}

/// Weight and bias with the normalisation in them, where every tensor has its length.
pub(super) fn folded(block: &InferenceBlock) -> Option<Folded> {
    let outputs = block.weight.dims()[0];
    let weight = contiguous(float(&block.weight)?);
    let bias = match &block.bias {
        Some(bias) => Some(per_channel(bias, outputs)?),
        None => None,
    };
    let norm = match &block.norm {
        Some(norm) => Some(flat(norm, outputs)?),
        None => None,
    };
    let norm = norm
        .as_ref()
        .map(|(tensors, epsilon)| normalisation(tensors, *epsilon));
    Some(Folded::new(
        values(&weight),
        outputs,
        bias.as_ref().map(values),
        norm,
    ))
}

pub(super) fn affine(norm: &Norm, activation: Activation, channels: usize) -> Option<Affine> {
    let (tensors, epsilon) = flat(norm, channels)?;
    let norm = normalisation(&tensors, epsilon);
    Some(Affine::new(&norm, activation.curve()))
}

/// A norm's tensors, contiguous, and its epsilon.
fn flat(norm: &Norm, channels: usize) -> Option<([FlexTensor; 4], f64)> {
    let [gamma, beta, mean, variance] = norm.tensors();
    let flat = [
        per_channel(gamma, channels)?,
        per_channel(beta, channels)?,
        per_channel(mean, channels)?,
        per_channel(variance, channels)?,
    ];
    Some((flat, norm.epsilon))
}

fn normalisation(
    [gamma, beta, mean, variance]: &[FlexTensor; 4],
    epsilon: f64,
) -> Normalisation<'_> {
    Normalisation {
        gamma: values(gamma),
        beta: values(beta),
        mean: values(mean),
        variance: values(variance),
        epsilon,
    }
}

fn per_channel(tensor: &Tensor<1>, channels: usize) -> Option<FlexTensor> {
    (tensor.dims() == [channels]).then(|| float(tensor).map(contiguous))?
}
