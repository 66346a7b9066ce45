//! Layers made of layers: residual sums and growing maps, and what goes with them.

use burn::module::Module;
use burn::tensor::Tensor;

use plainfilm_conv::{ChainLayer, Norm, Windows, max_pool2d, norm_act, side_by_side};

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
        if maps.device().is_autodiff() {
            return activate(self.activation, self.norm.forward(maps));
        }
        match self.activation.fused() {
            Some(activation) => norm_act(maps, &self.norm.running(), activation),
            None => activate(self.activation, self.norm.forward(maps)),
        }
    }

    /// The norm as it is in prediction, and the activation, where a chain can do it.
    fn in_chain(&self) -> Option<(Norm, plainfilm_conv::Activation)> {
        Some((self.norm.running(), self.activation.fused()?))
    }

    /// The same as a layer of a chain.
    pub fn chain_layer(&self) -> Option<ChainLayer> {
        let (norm, activation) = self.in_chain()?;
        Some(ChainLayer::Norm(norm, activation))
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
        let Some((last, before)) = self.body.split_last() else {
            return activate(self.activation, maps + kept);
        };
        let changed = before.iter().fold(maps, |maps, block| block.forward(maps));
        last.forward_sum(changed, kept, self.activation)
    }

    /// The same as a layer of a chain, where the input itself is added and nothing follows the sum.
    pub fn chain_layer(&self) -> Option<ChainLayer> {
        if self.shortcut.is_some() || self.activation != Activation::Identity {
            return None;
        }
        let body: Option<Vec<_>> = self.body.iter().map(ConvBlock::in_chain).collect();
        body.map(ChainLayer::Residual)
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
        side_by_side(maps, self.growth.forward(narrow))
    }

    /// The same as a layer of a chain.
    pub fn chain_layer(&self) -> Option<ChainLayer> {
        let (norm, activation) = self.norm.in_chain()?;
        Some(ChainLayer::Growth {
            norm,
            activation,
            bottleneck: self.bottleneck.in_chain()?,
            growth: self.growth.in_chain()?,
        })
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
        max_pool2d(maps, self.windows())
    }

    /// What each value is the greatest of.
    pub fn windows(&self) -> Windows {
        Windows {
            size: self.size,
            stride: self.stride,
            padding: self.padding,
        }
    }
}
