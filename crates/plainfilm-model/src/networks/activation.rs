//! The bends between layers.

use burn::tensor::{Tensor, activation};

/// What is done to each value after a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// The value, or 0 below it.
    Relu,
    /// The value, or this share of it below 0.
    LeakyRelu(f32),
    /// The value, held between 0 and 6.
    Relu6,
    /// The value times its logistic function (Elfwing et al. 2018; "swish").
    Silu,
}

impl Activation {
    /// The same in a convolution's own terms, where it can compute it in one go.
    pub fn fused(self) -> Option<plainfilm_conv::Activation> {
        match self {
            Self::Identity => Some(plainfilm_conv::Activation::Identity),
            Self::Relu => Some(plainfilm_conv::Activation::Relu),
            Self::LeakyRelu(slope) => Some(plainfilm_conv::Activation::LeakyRelu(slope)),
            Self::Relu6 => Some(plainfilm_conv::Activation::Relu6),
            Self::Silu => None,
        }
    }
}

impl From<plainfilm_conv::Activation> for Activation {
    fn from(fused: plainfilm_conv::Activation) -> Self {
        match fused {
            plainfilm_conv::Activation::Identity => Self::Identity,
            plainfilm_conv::Activation::Relu => Self::Relu,
            plainfilm_conv::Activation::LeakyRelu(slope) => Self::LeakyRelu(slope),
            plainfilm_conv::Activation::Relu6 => Self::Relu6,
        }
    }
}

/// Applies an activation to vectors or maps.
pub fn activate<const D: usize>(activation: Activation, values: Tensor<D>) -> Tensor<D> {
    match activation {
        Activation::Identity => values,
        Activation::Relu => activation::relu(values),
        Activation::LeakyRelu(slope) => activation::leaky_relu(values, f64::from(slope)),
        Activation::Relu6 => values.clamp(0.0, 6.0),
        Activation::Silu => activation::silu(values),
    }
}
