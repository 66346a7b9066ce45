//! DenseNet-121 (Huang et al. 2017): every layer reads the maps of all layers before it in its
//! block. The network of CheXNet (Rajpurkar et al. 2017) and of most chest X-ray papers since.
//!
//! Names are torchvision's (`features.{conv0, norm0}`,
//! `features.denseblock<b>.denselayer<l>.{norm1, conv1, norm2, conv2}`,
//! `features.transition<b>.{norm, conv}`, `features.norm5`, `classifier`), so its weights load
//! unchanged.
//!
//! torchxrayvision's network (Cohen et al. 2022) has the same layers and names, on one channel and films
//! in ±1024; only its classifier of 18 findings is another, and here every network has its own labels.
//!
//! Norm and activation come before each convolution. `norm2` comes right after `conv1`, so it is
//! computed, and folded, with it. Deviations: none in the layers; as many logits as labels; the
//! average is taken over the whole last map, whatever the film's size.

use super::activation::Activation;
use super::architecture::{Published, USUAL};
use super::error::ModelError;
use super::head_layouts;
use super::layer_plan::{ConvPlan, GrowthPlan, LayerPlan, NormConstants, NormPlan};
use super::plan::Planner;
use super::tensor_plan::Initialisation;
use plainfilm_film::radiograph::Scaling;

/// Layers of the dense blocks (table 1 of the paper, DenseNet-121).
const BLOCKS: [usize; 4] = [6, 12, 24, 16];
/// Channels that each layer adds: the paper's k.
const GROWTH: usize = 32;
/// Channels of a layer's 1x1 convolution, in units of the growth.
const BOTTLENECK: usize = 4;
/// Channels of the 7x7 convolution.
const STEM: usize = 64;

/// torchvision's network.
pub(super) const DENSE_NET121: Published = Published {
    title: "DenseNet-121",
    paper: "Huang et al. 2017, arXiv:1608.06993",
    features,
    head,
    ..USUAL
};

/// torchxrayvision's network.
pub(super) const XRV_DENSE_NET121: Published = Published {
    title: "DenseNet-121 of torchxrayvision",
    paper: "Huang et al. 2017, arXiv:1608.06993; Cohen et al. 2022, arXiv:2111.00595",
    channels: 1,
    scaling: Scaling::XRayVision,
    ..DENSE_NET121
};

/// Lays the backbone out.
fn features(planner: &mut Planner) -> Result<(), ModelError> {
    planner.stage("stem");
    planner.push(LayerPlan::Conv(ConvPlan {
        norm: Some("features.norm0".to_owned()),
        stride: 2,
        padding: [3, 3],
        activation: Activation::Relu,
        ..convolution("features.conv0".to_owned(), [planner.width(), STEM], 7)
    }))?;
    planner.push(LayerPlan::MaxPool {
        size: 3,
        stride: 2,
        padding: 1,
    })?;
    for (block, layers) in (1..).zip(BLOCKS) {
        if block > 1 {
            planner.stage(format!("transition{}", block - 1));
            transition(planner, block - 1)?;
        }
        planner.stage(format!("denseblock{block}"));
        for layer in 1..=layers {
            let name = format!("features.denseblock{block}.denselayer{layer}");
            let growth = growth(name, planner.width());
            planner.push(LayerPlan::Growth(growth))?;
        }
    }
    planner.stage("norm5");
    planner.push(LayerPlan::Norm(norm(
        "features.norm5".to_owned(),
        planner.width(),
    )))
}

/// The published head.
fn head(planner: &mut Planner) -> Result<(), ModelError> {
    let initialisation = Initialisation::TorchvisionDenseNetLinear;
    head_layouts::linear(planner, "classifier", None, initialisation)
}

/// Between two blocks: half the channels, half the side.
fn transition(planner: &mut Planner, number: usize) -> Result<(), ModelError> {
    let name = format!("features.transition{number}");
    let inputs = planner.width();
    planner.push(LayerPlan::Norm(norm(format!("{name}.norm"), inputs)))?;
    planner.push(LayerPlan::Conv(convolution(
        format!("{name}.conv"),
        [inputs, inputs / 2],
        1,
    )))?;
    planner.push(LayerPlan::AveragePool { size: 2 })
}

/// One layer of a dense block.
fn growth(name: String, inputs: usize) -> GrowthPlan {
    let narrow = BOTTLENECK * GROWTH;
    GrowthPlan {
        norm: norm(format!("{name}.norm1"), inputs),
        bottleneck: ConvPlan {
            norm: Some(format!("{name}.norm2")),
            activation: Activation::Relu,
            ..convolution(format!("{name}.conv1"), [inputs, narrow], 1)
        },
        growth: ConvPlan {
            padding: [1, 1],
            ..convolution(format!("{name}.conv2"), [narrow, GROWTH], 3)
        },
        name,
    }
}

fn norm(name: String, channels: usize) -> NormPlan {
    NormPlan {
        name,
        channels,
        constants: NormConstants::PYTORCH,
        activation: Activation::Relu,
        trainable: true,
    }
}

fn convolution(name: String, shape: [usize; 2], kernel: usize) -> ConvPlan {
    ConvPlan::plain(name, shape, kernel, Initialisation::TorchvisionDenseNet)
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, NetworkSettings};
    use super::*;

    #[test]
    fn the_maps_are_those_of_the_paper() {
        let plan = NetworkSettings::published(Architecture::DenseNet121, 2)
            .plan()
            .expect("published settings");
        let transitions: Vec<&[usize]> = plan
            .features
            .iter()
            .filter(|placed| matches!(placed.layer, LayerPlan::AveragePool { .. }))
            .map(|placed| placed.output.as_slice())
            .collect();
        assert_eq!(transitions, [[128, 28, 28], [256, 14, 14], [512, 7, 7]]);
        let last = plan.features.last().expect("has layers");
        assert_eq!(last.output, [1024, 7, 7]);
    }

    #[test]
    fn names_are_those_of_torchvision() {
        let plan = NetworkSettings::published(Architecture::DenseNet121, 2)
            .plan()
            .expect("published settings");
        let names: Vec<String> = plan.tensors().into_iter().map(|t| t.name).collect();
        let of = |block: &str| -> Vec<&str> {
            names
                .iter()
                .filter_map(|name| name.strip_prefix(block)?.strip_suffix(".weight"))
                .collect()
        };
        assert_eq!(
            of("features.denseblock4.denselayer16."),
            ["norm1", "conv1", "norm2", "conv2"]
        );
        assert_eq!(of("features.transition3."), ["norm", "conv"]);
        assert_eq!(names.last().map(String::as_str), Some("classifier.bias"));
    }
}
