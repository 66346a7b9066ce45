//! The layers that a plan is made of.

use super::activation::Activation;
use super::tensor_plan::{Initialisation, TensorPlan};

/// The constants of a batch norm, which published weights were fitted with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormConstants {
    /// Added to a variance before its square root.
    pub epsilon: f64,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f64,
}

impl NormConstants {
    /// PyTorch's defaults.
    pub const PYTORCH: Self = Self {
        epsilon: 1e-5,
        momentum: 0.1,
    };
    /// Those of the EfficientNets' TensorFlow code (its momentum of 0.99 counts the other way).
    pub const EFFICIENT_NET: Self = Self {
        epsilon: 1e-3,
        momentum: 0.01,
    };
    /// Those of Keras' MobileNetV2.
    pub const KERAS_MOBILE_NET: Self = Self {
        epsilon: 1e-3,
        momentum: 0.001,
    };
    /// Those of Keras' ResNets.
    pub const KERAS_RESNET: Self = Self {
        epsilon: 1.001e-5,
        momentum: 0.01,
    };
}

/// Whose version of a network it is, where libraries that share its name compute different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    Torchvision,
    Keras,
}

impl Library {
    /// Zeros around a map of `side` pixels that a kernel keeps, or halves at stride 2: torchvision
    /// pads evenly, Keras as TensorFlow's "same".
    pub fn padding(self, side: usize, kernel: usize, stride: usize) -> [usize; 2] {
        match self {
            Self::Torchvision => [kernel / 2; 2],
            Self::Keras => same_padding(side, kernel, stride),
        }
    }

    /// Gives a block's convolutions the library's padding of a map of `side` pixels (only one of them has
    /// a kernel or a stride), and the constants of their norms.
    pub fn settle(self, body: &mut [ConvPlan], side: usize, constants: NormConstants) {
        for conv in body {
            conv.constants = constants;
            if conv.kernel > 1 {
                conv.padding = self.padding(side, conv.kernel, conv.stride);
            }
        }
    }
}

/// A convolution with what follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvPlan {
    /// Name of the convolution in the state dict.
    pub name: String,
    /// Name of its batch norm, where it has one.
    pub norm: Option<String>,
    /// Constants of the batch norm.
    pub constants: NormConstants,
    /// Whether the batch norm comes after the activation (not with SiLU or a gate, which come last).
    pub norm_last: bool,
    /// Channels (or units) that come in.
    pub inputs: usize,
    /// Channels (or units) that go out.
    pub outputs: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Step between windows, in pixels of the input.
    pub stride: usize,
    /// Zeros before (above and to the left of) and after (below and to the right of) the map.
    pub padding: [usize; 2],
    /// Groups of channels that see only each other; as many as inputs is a depthwise convolution.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// Applied last, where nothing else is said.
    pub activation: Activation,
    /// What weighs each channel of the activated map.
    pub gate: Option<GatePlan>,
    /// Whether a 2x2 max-pooling with stride 2 (floor) closes the block.
    pub pool: bool,
    /// How its weights start.
    pub initialisation: Initialisation,
    /// Whether training changes it.
    pub trainable: bool,
}

/// Squeeze-and-excitation (Hu et al. 2018): the averages of all channels, through two linear layers
/// with SiLU between them and a logistic function after them, weigh the channels.
#[derive(Debug, Clone, PartialEq)]
pub struct GatePlan {
    /// What the tensors begin with.
    pub name: String,
    /// Channels of its map.
    pub channels: usize,
    /// Units between the two layers.
    pub squeezed: usize,
    /// How its weights start.
    pub initialisation: Initialisation,
    /// Whether training changes it.
    pub trainable: bool,
}

/// A linear layer with its activation.
#[derive(Debug, Clone, PartialEq)]
pub struct DensePlan {
    /// Name in the state dict.
    pub name: String,
    /// Channels (or units) that come in.
    pub inputs: usize,
    /// Channels (or units) that go out.
    pub outputs: usize,
    /// Applied last, where nothing else is said.
    pub activation: Activation,
    /// How its weights start.
    pub initialisation: Initialisation,
}

/// A batch norm that follows no convolution, with its activation.
#[derive(Debug, Clone, PartialEq)]
pub struct NormPlan {
    /// Name in the state dict.
    pub name: String,
    /// Channels of its map.
    pub channels: usize,
    /// Constants of the batch norm.
    pub constants: NormConstants,
    /// Applied last, where nothing else is said.
    pub activation: Activation,
    /// Whether training changes it.
    pub trainable: bool,
}

/// Convolutions whose output is added to their input (He et al. 2016).
#[derive(Debug, Clone, PartialEq)]
pub struct ResidualPlan {
    /// Name in summaries: what the block's tensors begin with.
    pub name: String,
    /// The convolutions, in order.
    pub body: Vec<ConvPlan>,
    /// What the input goes through before the sum, where the body changes its shape.
    pub shortcut: Option<ConvPlan>,
    /// Applied to the sum.
    pub activation: Activation,
}

/// Maps put after the maps they were made from (Huang et al. 2017): norm and activation, a 1x1
/// convolution, a 3x3 convolution to a few new channels, then all channels side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct GrowthPlan {
    /// Name in summaries: what the block's tensors begin with.
    pub name: String,
    /// Before the bottleneck.
    pub norm: NormPlan,
    /// The 1x1 convolution.
    pub bottleneck: ConvPlan,
    /// The 3x3 convolution to the new channels.
    pub growth: ConvPlan,
}

/// One step over maps, or over vectors once the maps are flattened.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a plan has at most some seventy layers, and DenseNet's are the large ones"
)]
pub enum LayerPlan {
    /// A convolution with norm, activation, gate and pooling.
    Conv(ConvPlan),
    /// A batch norm with its activation.
    Norm(NormPlan),
    /// A block whose output is added to its input.
    Residual(ResidualPlan),
    /// A block that puts new maps after the old.
    Growth(GrowthPlan),
    /// Greatest value of `size` x `size` squares (floor); the padding is never the greatest.
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
    /// Drops values in training; passes them on in prediction.
    Dropout {
        /// Share of values that is dropped, `0..1`.
        rate: f64,
        /// False among frozen layers, which behave as in prediction.
        active: bool,
    },
    /// Maps to one vector a film, channel by channel.
    Flatten,
    /// A linear layer with its activation.
    Dense(DensePlan),
}

impl LayerPlan {
    /// The tensors of this layer: weight, bias, then the batch norm's weight, bias and running
    /// statistics.
    pub fn tensors(&self) -> Vec<TensorPlan> {
        match self {
            Self::Conv(conv) => conv.tensors(),
            Self::Norm(norm) => norm.tensors(),
            Self::Residual(block) => block.convolutions().flat_map(ConvPlan::tensors).collect(),
            Self::Growth(block) => {
                let mut tensors = block.norm.tensors();
                tensors.extend(block.bottleneck.tensors());
                tensors.extend(block.growth.tensors());
                tensors
            }
            Self::Dense(dense) => dense.tensors(),
            Self::MaxPool { .. }
            | Self::AveragePool { .. }
            | Self::Dropout { .. }
            | Self::Flatten => vec![],
        }
    }

    /// Values that it writes for one film with an input of this shape: its maps, and those between
    /// its convolutions. A pooled convolution writes the pooled map alone.
    pub fn values_written(&self, input: &[usize], output: &[usize]) -> usize {
        let after = |convolutions: &[ConvPlan]| -> usize {
            let mut side = input[1];
            let mut values = 0;
            for conv in convolutions {
                side = conv.output(side).unwrap_or(0);
                values += conv.outputs * side * side;
            }
            values
        };
        let out = output.iter().product::<usize>();
        match self {
            Self::Residual(block) => {
                after(&block.body) + block.shortcut.as_ref().map_or(0, |_| out)
            }
            // The normalised input, the bottleneck's map, and all maps side by side.
            Self::Growth(block) => {
                input.iter().product::<usize>()
                    + block.bottleneck.outputs * input[1] * input[2]
                    + out
            }
            _ => out,
        }
    }

    /// Makes it behave in training as in prediction.
    pub fn freeze(&mut self) {
        match self {
            Self::Conv(conv) => conv.freeze(),
            Self::Norm(norm) => norm.trainable = false,
            Self::Residual(block) => {
                let convolutions = block.body.iter_mut().chain(&mut block.shortcut);
                convolutions.for_each(ConvPlan::freeze);
            }
            Self::Growth(block) => {
                block.norm.trainable = false;
                block.bottleneck.freeze();
                block.growth.freeze();
            }
            Self::Dropout { active, .. } => *active = false,
            // Linear layers come only after the backbone.
            Self::MaxPool { .. } | Self::AveragePool { .. } | Self::Flatten | Self::Dense(_) => {}
        }
    }

    /// Whether it does the same in training as in prediction.
    pub fn is_constant(&self) -> bool {
        match self {
            Self::Dropout { active, .. } => !active,
            layer => layer.tensors().iter().all(|tensor| !tensor.trainable),
        }
    }
}

/// The side of the map that a window of `size` gives, with zeros before and after the map (floor);
/// `None` where the window does not fit.
pub(crate) fn windows(
    side: usize,
    size: usize,
    stride: usize,
    [before, after]: [usize; 2],
) -> Option<usize> {
    Some((before + side + after).checked_sub(size)? / stride + 1)
}

/// TensorFlow's padding "same": as many zeros as give `side / stride` (ceiling) windows, an odd one
/// *after* the map. `side` and `stride` are at least 1.
pub fn same_padding(side: usize, size: usize, stride: usize) -> [usize; 2] {
    let last = (side.div_ceil(stride) - 1) * stride;
    let zeros = (last + size).saturating_sub(side);
    [zeros / 2, zeros - zeros / 2]
}

impl ConvPlan {
    /// A trainable convolution of stride 1 with nothing around it: no padding, groups, bias, norm,
    /// activation, gate or pooling.
    pub fn plain(
        name: impl Into<String>,
        [inputs, outputs]: [usize; 2],
        kernel: usize,
        initialisation: Initialisation,
    ) -> Self {
        Self {
            name: name.into(),
            norm: None,
            constants: NormConstants::PYTORCH,
            norm_last: false,
            inputs,
            outputs,
            kernel,
            stride: 1,
            padding: [0, 0],
            groups: 1,
            bias: false,
            activation: Activation::Identity,
            gate: None,
            pool: false,
            initialisation,
            trainable: true,
        }
    }

    /// The side of the convolved map, before any pooling; `None` where the kernel does not fit.
    pub fn convolved(&self, side: usize) -> Option<usize> {
        windows(side, self.kernel, self.stride, self.padding)
    }

    /// The side of the map that comes out; `None` where it would be empty.
    pub fn output(&self, side: usize) -> Option<usize> {
        let side = self.convolved(side)? / if self.pool { 2 } else { 1 };
        (side > 0).then_some(side)
    }

    /// Shape of the weight, as in PyTorch.
    pub fn weight(&self) -> [usize; 4] {
        let inputs = self.inputs / self.groups;
        [self.outputs, inputs, self.kernel, self.kernel]
    }

    fn freeze(&mut self) {
        self.trainable = false;
        if let Some(gate) = &mut self.gate {
            gate.trainable = false;
        }
    }
}

impl ResidualPlan {
    /// The body's, then the shortcut's.
    pub fn convolutions(&self) -> impl Iterator<Item = &ConvPlan> {
        self.body.iter().chain(&self.shortcut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_puts_an_odd_zero_after_the_map() {
        for (side, size, stride, expected) in [
            (224, 3, 2, [0, 1]),
            (56, 5, 2, [1, 2]),
            (7, 5, 1, [2, 2]),
            (25, 3, 2, [1, 1]),
            (4, 1, 2, [0, 0]),
            (1, 5, 2, [2, 2]),
        ] {
            let padding = same_padding(side, size, stride);
            assert_eq!(padding, expected, "{side} {size} {stride}");
            let windows = windows(side, size, stride, padding);
            assert_eq!(windows, Some(side.div_ceil(stride)));
        }
    }
}
