//! A network written down: its layers, their map sizes and its tensors, before any is allocated.
//!
//! The network, its summary and its state dict all follow the plan, so they cannot disagree.

use super::architecture::NetworkSettings;
use super::error::ModelError;
use plainfilm_conv::Activation;

/// How the tensors of a layer start, named after the library whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Initialisation {
    /// PyTorch's default for convolutions and linear layers (Kaiming uniform with a = √5):
    /// weights and biases uniform in ±1/√fan_in.
    PyTorch,
    /// torchvision's VGG: convolution weights normal with deviation √(2/fan_out), biases 0.
    TorchvisionVgg,
    /// Keras' default (Glorot uniform): weights uniform in ±√(6/(fan_in + fan_out)), biases 0.
    Keras,
}

/// How one tensor starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Start {
    /// Every element the same.
    Constant(f32),
    /// Uniform in ±bound.
    Uniform(f64),
    /// Normal around 0 with this deviation.
    Normal(f64),
}

/// One tensor of a network: the order of [`Plan::tensors`] is the order in which modules hold them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorPlan {
    pub name: String,
    pub shape: Vec<usize>,
    pub start: Start,
    /// A parameter, in distinction to a running statistic.
    pub parameter: bool,
    /// A parameter that training changes.
    pub trainable: bool,
}

impl TensorPlan {
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A convolution with what follows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConvPlan {
    /// Name of the convolution in the state dict.
    pub name: String,
    /// Name of its batch norm, where it has one.
    pub norm: Option<String>,
    /// Whether the batch norm comes after the activation.
    pub norm_last: bool,
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub padding: usize,
    pub bias: bool,
    pub activation: Activation,
    /// Whether a 2x2 max-pooling with stride 2 (floor) closes the block.
    pub pool: bool,
    pub initialisation: Initialisation,
    pub trainable: bool,
}

/// A linear layer with its activation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DensePlan {
    pub name: String,
    pub inputs: usize,
    pub outputs: usize,
    pub activation: Activation,
    pub initialisation: Initialisation,
}

/// One step over maps, or over vectors once the maps are flattened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LayerPlan {
    Conv(ConvPlan),
    /// Average over `size` x `size` squares with stride `size` (floor).
    AveragePool {
        size: usize,
    },
    Dropout {
        rate: f64,
        /// False inside a frozen backbone, which behaves as in prediction.
        active: bool,
    },
    Flatten,
    Dense(DensePlan),
}

/// A layer with the shape it puts out, without the batch: `[channels, side, side]` or `[units]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub layer: LayerPlan,
    pub input: Vec<usize>,
    pub output: Vec<usize>,
}

/// The layers of a network in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub settings: NetworkSettings,
    /// Up to the maps that explanations look at.
    pub features: Vec<Placed>,
    /// From there to the logits; holds everything that depends on the number of labels.
    pub head: Vec<Placed>,
}

impl Plan {
    pub fn layers(&self) -> impl Iterator<Item = &Placed> {
        self.features.iter().chain(&self.head)
    }

    /// The tensors in the order in which the network's modules hold them.
    pub fn tensors(&self) -> Vec<TensorPlan> {
        self.layers()
            .flat_map(|placed| placed.layer.tensors())
            .collect()
    }
}

impl LayerPlan {
    /// The tensors of this layer: weight, bias, then the batch norm's weight, bias and running
    /// statistics.
    pub fn tensors(&self) -> Vec<TensorPlan> {
        match self {
            Self::Conv(conv) => conv.tensors(),
            Self::Dense(dense) => dense.tensors(),
            Self::AveragePool { .. } | Self::Dropout { .. } | Self::Flatten => vec![],
        }
    }
}

impl ConvPlan {
    fn tensors(&self) -> Vec<TensorPlan> {
        let area = self.kernel * self.kernel;
        let (fan_in, fan_out) = (self.inputs * area, self.outputs * area);
        let tensor = |name: String, shape, start, parameter| TensorPlan {
            name,
            shape,
            start,
            parameter,
            trainable: parameter && self.trainable,
        };
        let mut tensors = vec![tensor(
            format!("{}.weight", self.name),
            vec![self.outputs, self.inputs, self.kernel, self.kernel],
            self.initialisation.weight(fan_in, fan_out),
            true,
        )];
        if self.bias {
            tensors.push(tensor(
                format!("{}.bias", self.name),
                vec![self.outputs],
                self.initialisation.bias(fan_in),
                true,
            ));
        }
        if let Some(norm) = &self.norm {
            for (part, value, parameter) in [
                ("weight", 1.0, true),
                ("bias", 0.0, true),
                ("running_mean", 0.0, false),
                ("running_var", 1.0, false),
            ] {
                tensors.push(tensor(
                    format!("{norm}.{part}"),
                    vec![self.outputs],
                    Start::Constant(value),
                    parameter,
                ));
            }
        }
        tensors
    }
}

impl DensePlan {
    fn tensors(&self) -> Vec<TensorPlan> {
        let tensor = |part, shape, start| TensorPlan {
            name: format!("{}.{part}", self.name),
            shape,
            start,
            parameter: true,
            trainable: true,
        };
        vec![
            tensor(
                "weight",
                vec![self.outputs, self.inputs],
                self.initialisation.weight(self.inputs, self.outputs),
            ),
            tensor(
                "bias",
                vec![self.outputs],
                self.initialisation.bias(self.inputs),
            ),
        ]
    }
}

impl Initialisation {
    fn weight(self, fan_in: usize, fan_out: usize) -> Start {
        match self {
            Self::PyTorch => Start::Uniform(1.0 / (fan_in as f64).sqrt()),
            Self::TorchvisionVgg => Start::Normal((2.0 / fan_out as f64).sqrt()),
            Self::Keras => Start::Uniform((6.0 / (fan_in + fan_out) as f64).sqrt()),
        }
    }

    fn bias(self, fan_in: usize) -> Start {
        match self {
            Self::PyTorch => Start::Uniform(1.0 / (fan_in as f64).sqrt()),
            Self::TorchvisionVgg | Self::Keras => Start::Constant(0.0),
        }
    }
}

/// Puts layers one after another and works out each map's size.
pub(crate) struct Planner {
    settings: NetworkSettings,
    shape: Vec<usize>,
    layers: Vec<Placed>,
    features: Option<usize>,
}

impl Planner {
    /// Starts at the film: `[channels, size, size]`.
    pub fn new(settings: &NetworkSettings) -> Self {
        Self {
            settings: settings.clone(),
            shape: vec![settings.channels, settings.size, settings.size],
            layers: vec![],
            features: None,
        }
    }

    /// Channels of the map so far, or units once flattened.
    pub fn width(&self) -> usize {
        self.shape[0]
    }

    /// Ends the backbone: what follows is the head.
    pub fn end_of_features(&mut self) {
        self.features = Some(self.layers.len());
    }

    /// Adds a layer, or says that its map would be empty.
    pub fn push(&mut self, layer: LayerPlan) -> Result<(), ModelError> {
        let side = |side: Option<usize>, name: &str| {
            side.filter(|side| *side > 0)
                .ok_or_else(|| ModelError::SizeTooSmall {
                    architecture: self.settings.architecture.name(),
                    size: self.settings.size,
                    layer: name.to_owned(),
                    default_size: self.settings.architecture.default_size(),
                })
        };
        let output = match &layer {
            LayerPlan::Conv(conv) => {
                let map = (self.shape[1] + 2 * conv.padding + 1).checked_sub(conv.kernel);
                let map = side(map, &conv.name)? / if conv.pool { 2 } else { 1 };
                let map = side(Some(map), &conv.name)?;
                vec![conv.outputs, map, map]
            }
            LayerPlan::AveragePool { size } => {
                let map = side(Some(self.shape[1] / size), "average pooling")?;
                vec![self.shape[0], map, map]
            }
            LayerPlan::Dropout { .. } => self.shape.clone(),
            LayerPlan::Flatten => vec![self.shape.iter().product()],
            LayerPlan::Dense(dense) => vec![dense.outputs],
        };
        let input = std::mem::replace(&mut self.shape, output.clone());
        self.layers.push(Placed {
            layer,
            input,
            output,
        });
        Ok(())
    }

    /// The finished plan. Without [`Self::end_of_features`] everything is the backbone.
    pub fn finish(mut self) -> Plan {
        let split = self.features.unwrap_or(self.layers.len());
        let head = self.layers.split_off(split);
        Plan {
            settings: self.settings,
            features: self.layers,
            head,
        }
    }
}
