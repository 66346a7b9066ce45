//! DenseNet-121 (Huang et al. 2017): every layer reads the maps of all layers before it in its
//! block. The network of CheXNet (Rajpurkar et al. 2017) and of most chest X-ray papers since.
//!
//! Names are torchvision's (`features.{conv0, norm0}`,
//! `features.denseblock<b>.denselayer<l>.{norm1, conv1, norm2, conv2}`,
//! `features.transition<b>.{norm, conv}`, `features.norm5`, `classifier`), so its weights load
//! unchanged.
//!
//! Norm and activation come before each convolution. `norm2` comes right after `conv1`, so it is
//! computed, and folded, with it. Deviations: none in the layers; as many logits as labels; the
//! average is taken over the whole last map, whatever the film's size.

use super::architecture::NetworkSettings;
use super::error::ModelError;
use super::layer_plan::{
    ConvPlan, DensePlan, GrowthPlan, Initialisation, LayerPlan, NormConstants, NormPlan,
};
use super::plan::{Plan, Planner};
use plainfilm_conv::Activation;

/// Layers of the dense blocks (table 1 of the paper, DenseNet-121).
const BLOCKS: [usize; 4] = [6, 12, 24, 16];
/// Channels that each layer adds: the paper's k.
const GROWTH: usize = 32;
/// Channels of a layer's 1x1 convolution, in units of the growth.
const BOTTLENECK: usize = 4;
/// Channels of the 7x7 convolution.
const STEM: usize = 64;

/// Lays the network out.
pub(crate) fn plan(settings: &NetworkSettings) -> Result<Plan, ModelError> {
    let trainable = !settings.freeze_backbone;
    let mut planner = Planner::new(settings);
    planner.push(LayerPlan::Conv(ConvPlan {
        norm: Some("features.norm0".to_owned()),
        stride: 2,
        padding: [3, 3],
        activation: Activation::Relu,
        ..convolution(
            "features.conv0".to_owned(),
            [planner.width(), STEM],
            7,
            trainable,
        )
    }))?;
    planner.push(LayerPlan::MaxPool {
        size: 3,
        stride: 2,
        padding: 1,
    })?;
    for (block, layers) in (1..).zip(BLOCKS) {
        if block > 1 {
            transition(&mut planner, block - 1, trainable)?;
        }
        for layer in 1..=layers {
            let name = format!("features.denseblock{block}.denselayer{layer}");
            let growth = growth(name, planner.width(), trainable);
            planner.push(LayerPlan::Growth(growth))?;
        }
    }
    planner.push(LayerPlan::Norm(norm(
        "features.norm5".to_owned(),
        planner.width(),
        trainable,
    )))?;
    planner.end_of_features();
    planner.push(LayerPlan::AveragePool {
        size: planner.side(),
    })?;
    planner.push(LayerPlan::Flatten)?;
    planner.push(LayerPlan::Dense(DensePlan {
        name: "classifier".to_owned(),
        inputs: planner.width(),
        outputs: settings.classes,
        activation: Activation::Identity,
        initialisation: Initialisation::TorchvisionDenseNetLinear,
    }))?;
    Ok(planner.finish())
}

/// Between two blocks: half the channels, half the side.
fn transition(planner: &mut Planner, number: usize, trainable: bool) -> Result<(), ModelError> {
    let name = format!("features.transition{number}");
    let inputs = planner.width();
    planner.push(LayerPlan::Norm(norm(
        format!("{name}.norm"),
        inputs,
        trainable,
    )))?;
    planner.push(LayerPlan::Conv(convolution(
        format!("{name}.conv"),
        [inputs, inputs / 2],
        1,
        trainable,
    )))?;
    planner.push(LayerPlan::AveragePool { size: 2 })
}

/// One layer of a dense block.
fn growth(name: String, inputs: usize, trainable: bool) -> GrowthPlan {
    let narrow = BOTTLENECK * GROWTH;
    GrowthPlan {
        norm: norm(format!("{name}.norm1"), inputs, trainable),
        bottleneck: ConvPlan {
            norm: Some(format!("{name}.norm2")),
            activation: Activation::Relu,
            ..convolution(format!("{name}.conv1"), [inputs, narrow], 1, trainable)
        },
        growth: ConvPlan {
            padding: [1, 1],
            ..convolution(format!("{name}.conv2"), [narrow, GROWTH], 3, trainable)
        },
        name,
    }
}

fn norm(name: String, channels: usize, trainable: bool) -> NormPlan {
    NormPlan {
        name,
        channels,
        constants: NormConstants::PYTORCH,
        activation: Activation::Relu,
        trainable,
    }
}

fn convolution(name: String, shape: [usize; 2], kernel: usize, trainable: bool) -> ConvPlan {
    ConvPlan::plain(
        name,
        shape,
        kernel,
        Initialisation::TorchvisionDenseNet,
        trainable,
    )
}

#[cfg(test)]
mod tests {
    use super::super::architecture::Architecture;
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
