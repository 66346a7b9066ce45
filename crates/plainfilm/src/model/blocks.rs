//! Layers made of layers: residual sums and growing maps, and what goes with them.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

use super::activation::{Activation, activate};
use super::layer_plan::{GrowthPlan, NormPlan, ResidualPlan};
use super::layers::{BatchNorm, ConvBlock, Supply};

/// A batch norm that follows no convolution, and an activation: the order of DenseNet, which
/// cannot be folded into the convolution before it.
#[derive(Module, Debug)]
pub(crate) struct NormActivation {
    norm: BatchNorm,
    #[module(skip)]
    activation: Activation,
}

impl NormActivation {
    /// Takes this layer's tensors from the supply.
    pub fn new(plan: &NormPlan, supply: &mut Supply<'_>) -> Self {
        Self {
            norm: BatchNorm::new(plan.constants, plan.trainable, supply),
            activation: plan.activation,
        }
    }

    /// `[films, channels, side, side]` to the same shape.
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        activate(self.activation, self.norm.forward(maps))
    }
}

/// Convolutions whose output is added to their input, and an activation of the sum.
#[derive(Module, Debug)]
pub(crate) struct Residual {
    body: Vec<ConvBlock>,
    shortcut: Option<ConvBlock>,
    #[module(skip)]
    activation: Activation,
}

impl Residual {
    /// Takes this block's tensors from the supply.
    pub fn new(plan: &ResidualPlan, supply: &mut Supply<'_>) -> Self {
        let mut block = |conv| ConvBlock::new(conv, supply);
        Self {
            body: plan.body.iter().map(&mut block).collect(),
            shortcut: plan.shortcut.as_ref().map(block),
            activation: plan.activation,
        }
    }

    /// `[films, inputs, side, side]` to `[films, outputs, side', side']`.
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let kept = match &self.shortcut {
            Some(shortcut) => shortcut.forward(maps.clone()),
            None => maps.clone(),
        };
        let changed = self
            .body
            .iter()
            .fold(maps, |maps, block| block.forward(maps));
        activate(self.activation, changed + kept)
    }
}

/// Maps, and new maps made from them, side by side.
#[derive(Module, Debug)]
pub(crate) struct Growth {
    norm: NormActivation,
    bottleneck: ConvBlock,
    growth: ConvBlock,
}

impl Growth {
    /// Takes this block's tensors from the supply.
    pub fn new(plan: &GrowthPlan, supply: &mut Supply<'_>) -> Self {
        Self {
            norm: NormActivation::new(&plan.norm, supply),
            bottleneck: ConvBlock::new(&plan.bottleneck, supply),
            growth: ConvBlock::new(&plan.growth, supply),
        }
    }

    /// `[films, inputs, side, side]` to `[films, inputs + growth, side, side]`.
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let narrow = self.bottleneck.forward(self.norm.forward(maps.clone()));
        Tensor::cat(vec![maps, self.growth.forward(narrow)], 1)
    }
}

/// Greatest value of each square.
#[derive(Module, Debug)]
pub(crate) struct MaxPool {
    /// Side of the squares.
    pub size: usize,
    /// Step between neighbouring squares.
    pub stride: usize,
    /// Pixels added on each side, which are never the greatest.
    pub padding: usize,
}

impl MaxPool {
    /// `[films, channels, side, side]` to `[films, channels, side', side']`.
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let options = MaxPoolOptions::new([self.size; 2])
            .with_stride([self.stride; 2])
            .with_padding([self.padding; 2]);
        max_pool2d(maps, options)
    }
}
