//! A network written down: its layers, their map sizes and its tensors, before any is allocated.
//!
//! The network, its summary and its state dict all follow the plan, so they cannot disagree.

use super::activation::Activation;
use super::error::ModelError;
use super::freeze::Freeze;
use super::layer_plan::{ConvPlan, LayerPlan, ResidualPlan, windows};
use super::settings::NetworkSettings;
use super::tensor_plan::TensorPlan;

/// A layer with the shape it puts out, without the batch: `[channels, side, side]` or `[units]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// What it does.
    pub layer: LayerPlan,
    /// Shape that comes in.
    pub input: Vec<usize>,
    /// Shape that goes out.
    pub output: Vec<usize>,
}

/// A part of a backbone that has a name, so that training can start from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Name in the state dict.
    pub name: String,
    /// Position among the backbone's layers.
    pub first_layer: usize,
}

/// The layers of a network in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it was made for.
    pub settings: NetworkSettings,
    /// Up to the maps that explanations look at.
    pub features: Vec<Placed>,
    /// From there to the logits; holds everything that depends on the number of labels.
    pub head: Vec<Placed>,
    /// The backbone's stages in order; they cover it.
    pub stages: Vec<Stage>,
    /// How many layers from the film on, of those before the flattening, write more values for a
    /// film than they have weights: prediction takes films through them one by one.
    pub map_bound_layers: usize,
}

impl Plan {
    /// Every layer, those of the backbone first.
    pub fn layers(&self) -> impl Iterator<Item = &Placed> {
        self.features.iter().chain(&self.head)
    }

    /// The tensors in the order in which the network's modules hold them.
    pub fn tensors(&self) -> Vec<TensorPlan> {
        self.layers()
            .flat_map(|placed| placed.layer.tensors())
            .collect()
    }

    /// Channels of the backbone's maps: the numbers that their averages are. None without a backbone.
    pub fn feature_channels(&self) -> Option<usize> {
        self.features.last().map(|placed| placed.output[0])
    }

    /// How many layers from the film on, of those before the flattening, do the same in training as
    /// in prediction.
    pub fn constant_layers(&self) -> usize {
        self.layers()
            .take_while(|placed| placed.layer != LayerPlan::Flatten && placed.layer.is_constant())
            .count()
    }
}

impl Placed {
    /// Whether it writes more values for one film than it has weights to read.
    fn is_map_bound(&self) -> bool {
        let weights: usize = self.layer.tensors().iter().map(TensorPlan::elements).sum();
        self.layer.values_written(&self.input, &self.output) > weights
    }
}

/// Puts layers one after another and works out each map's size.
pub(crate) struct Planner {
    settings: NetworkSettings,
    shape: Vec<usize>,
    layers: Vec<Placed>,
    features: Option<usize>,
    stages: Vec<Stage>,
}

impl Planner {
    /// Starts at the film: `[channels, size, size]`.
    pub fn new(settings: &NetworkSettings) -> Self {
        Self {
            settings: settings.clone(),
            shape: vec![settings.channels, settings.size, settings.size],
            layers: vec![],
            features: None,
            stages: vec![],
        }
    }

    /// How many labels: one logit each.
    pub fn classes(&self) -> usize {
        self.settings.classes
    }

    /// Begins a stage of the backbone.
    pub fn stage(&mut self, name: impl Into<String>) {
        self.stages.push(Stage {
            name: name.into(),
            first_layer: self.layers.len(),
        });
    }

    /// Whether the layers to come keep their weights.
    fn frozen(&self) -> bool {
        self.features.is_none()
            && match &self.settings.freeze {
                Freeze::None => false,
                Freeze::Backbone => true,
                Freeze::Before(first) => self.stages.iter().all(|stage| stage.name != *first),
            }
    }

    /// Channels of the map so far, or units once flattened.
    pub fn width(&self) -> usize {
        self.shape[0]
    }

    /// Side of the square map so far.
    pub fn side(&self) -> usize {
        self.shape[1]
    }

    /// Ends the backbone: what follows is the head.
    pub fn end_of_features(&mut self) {
        self.features = Some(self.layers.len());
    }

    /// Adds the convolutions of an inverted residual (Sandler et al. 2018): with the sum around them
    /// where `keeps_shape`, one after another where the block changes the shape.
    pub fn push_inverted(
        &mut self,
        name: String,
        body: Vec<ConvPlan>,
        keeps_shape: bool,
    ) -> Result<(), ModelError> {
        if keeps_shape {
            return self.push(LayerPlan::Residual(ResidualPlan {
                name,
                body,
                shortcut: None,
                activation: Activation::Identity,
            }));
        }
        body.into_iter()
            .try_for_each(|conv| self.push(LayerPlan::Conv(conv)))
    }

    /// Adds a layer, or says that its map would be empty.
    pub fn push(&mut self, mut layer: LayerPlan) -> Result<(), ModelError> {
        if self.frozen() {
            layer.freeze();
        }
        let filled = |side: Option<usize>, name: &str| {
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
                let side = filled(conv.output(self.side()), &conv.name)?;
                vec![conv.outputs, side, side]
            }
            LayerPlan::Residual(block) => {
                let (mut channels, mut side) = (self.width(), self.side());
                for conv in &block.body {
                    side = filled(conv.output(side), &conv.name)?;
                    channels = conv.outputs;
                }
                vec![channels, side, side]
            }
            LayerPlan::Growth(block) => {
                let channels = self.width() + block.growth.outputs;
                vec![channels, self.side(), self.side()]
            }
            LayerPlan::MaxPool {
                size,
                stride,
                padding,
            } => {
                let side = windows(self.side(), *size, *stride, [*padding; 2]);
                let side = filled(side, "max-pooling")?;
                vec![self.width(), side, side]
            }
            LayerPlan::AveragePool { size } => {
                let side = filled(Some(self.side() / size), "average pooling")?;
                vec![self.width(), side, side]
            }
            LayerPlan::Norm(_) | LayerPlan::Dropout { .. } => self.shape.clone(),
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

    /// The finished plan, or that the stage to train from is not there. Without
    /// [`Self::end_of_features`] everything is the backbone.
    pub fn finish(mut self) -> Result<Plan, ModelError> {
        let names = || self.stages.iter().map(|stage| stage.name.as_str());
        if let Freeze::Before(first) = &self.settings.freeze
            && !names().any(|name| name == first)
        {
            return Err(ModelError::UnknownStage {
                architecture: self.settings.architecture.name(),
                found: first.clone(),
                expected: names().collect::<Vec<_>>().join(", "),
            });
        }
        let map_bound_layers = self
            .layers
            .iter()
            .take_while(|placed| placed.layer != LayerPlan::Flatten && placed.is_map_bound())
            .count();
        let split = self.features.unwrap_or(self.layers.len());
        let head = self.layers.split_off(split);
        Ok(Plan {
            settings: self.settings,
            features: self.layers,
            head,
            stages: self.stages,
            map_bound_layers,
        })
    }
}
