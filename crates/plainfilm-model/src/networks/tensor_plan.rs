//! One tensor of a network: name, shape and start.

/// How the tensors of a layer start, named after the library whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initialisation {
    /// PyTorch's default for convolutions and linear layers (Kaiming uniform with a = √5):
    /// weights and biases uniform in ±1/√fan_in.
    PyTorch,
    /// torchvision's convolutions in VGG, ResNet and MobileNetV2 (Kaiming normal by fan-out):
    /// weights normal with deviation √(2/fan_out), biases 0.
    TorchvisionVgg,
    /// torchvision's convolutions in DenseNet (Kaiming normal by fan-in): weights normal with
    /// deviation √(2/fan_in), biases 0.
    TorchvisionDenseNet,
    /// torchvision's linear layer in DenseNet: weights as PyTorch's default, biases 0.
    TorchvisionDenseNetLinear,
    /// torchvision's linear layer in MobileNetV2: weights normal with deviation 0.01, biases 0.
    TorchvisionMobileNetLinear,
    /// torchvision's linear layer in EfficientNet: weights uniform in ±1/√fan_out, biases 0.
    TorchvisionEfficientNetLinear,
    /// Keras' default (Glorot uniform): weights uniform in ±√(6/(fan_in + fan_out)), biases 0.
    Keras,
}

/// How one tensor starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Every element the same.
    Constant(f32),
    /// Uniform in ±bound.
    Uniform(f64),
    /// Normal around 0 with this deviation.
    Normal(f64),
}

/// One tensor of a network: the order of [`Plan::tensors`](super::plan::Plan::tensors) is the order in which modules hold them.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorPlan {
    /// Name in the state dict.
    pub name: String,
    /// Its axes, outermost first.
    pub shape: Vec<usize>,
    /// How its values start.
    pub start: Start,
    /// A parameter, in distinction to a running statistic.
    pub parameter: bool,
    /// A parameter that training changes.
    pub trainable: bool,
}

impl TensorPlan {
    /// Number of its values.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Initialisation {
    pub(super) fn weight(self, fan_in: usize, fan_out: usize) -> Start {
        match self {
            Self::PyTorch | Self::TorchvisionDenseNetLinear => {
                Start::Uniform(1.0 / (fan_in as f64).sqrt())
            }
            Self::TorchvisionVgg => Start::Normal((2.0 / fan_out as f64).sqrt()),
            Self::TorchvisionDenseNet => Start::Normal((2.0 / fan_in as f64).sqrt()),
            Self::TorchvisionMobileNetLinear => Start::Normal(0.01),
            Self::TorchvisionEfficientNetLinear => Start::Uniform(1.0 / (fan_out as f64).sqrt()),
            Self::Keras => Start::Uniform((6.0 / (fan_in + fan_out) as f64).sqrt()),
        }
    }

    pub(super) fn bias(self, fan_in: usize) -> Start {
        match self {
            Self::PyTorch => Start::Uniform(1.0 / (fan_in as f64).sqrt()),
            Self::TorchvisionVgg
            | Self::TorchvisionDenseNet
            | Self::TorchvisionDenseNetLinear
            | Self::TorchvisionMobileNetLinear
            | Self::TorchvisionEfficientNetLinear
            | Self::Keras => Start::Constant(0.0),
        }
    }
}
