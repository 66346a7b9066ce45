//! ResNet-18 (He et al. 2016): eight blocks of two 3x3 convolutions, each added to its input.
//!
//! Names are torchvision's (`conv1`, `bn1`, `layer<n>.<i>.{conv1, bn1, conv2, bn2}`,
//! `layer<n>.0.downsample.{0, 1}`, `fc`), so its weights load unchanged.
//!
//! Of the paper's three shortcuts this is B, as in torchvision: a strided 1x1 convolution where the
//! shape changes, the input itself elsewhere. Deviations: none in the layers; as many logits as
//! labels; the average is taken over the whole last map, whatever the film's size.

use super::architecture::NetworkSettings;
use super::error::ModelError;
use super::layer_plan::{ConvPlan, DensePlan, Initialisation, LayerPlan, ResidualPlan};
use super::plan::{Plan, Planner};
use plainfilm_conv::Activation;

/// Channels of the stages conv2_x to conv5_x (table 1 of the paper); all but the first halve the
/// map.
const STAGES: [usize; 4] = [64, 128, 256, 512];
/// Blocks in each stage.
const BLOCKS: usize = 2;
/// Channels of the 7x7 convolution.
const STEM: usize = 64;

/// Lays the network out.
pub(crate) fn plan(settings: &NetworkSettings) -> Result<Plan, ModelError> {
    let trainable = !settings.freeze_backbone;
    let mut planner = Planner::new(settings);
    planner.push(LayerPlan::Conv(ConvPlan {
        norm: Some("bn1".to_owned()),
        stride: 2,
        padding: [3, 3],
        activation: Activation::Relu,
        ..convolution("conv1", [planner.width(), STEM], 7, trainable)
    }))?;
    planner.push(LayerPlan::MaxPool {
        size: 3,
        stride: 2,
        padding: 1,
    })?;
    for (number, outputs) in (1..).zip(STAGES) {
        for index in 0..BLOCKS {
            let stride = if number > 1 && index == 0 { 2 } else { 1 };
            let name = format!("layer{number}.{index}");
            let shape = [planner.width(), outputs];
            planner.push(LayerPlan::Residual(block(name, shape, stride, trainable)))?;
        }
    }
    planner.end_of_features();
    planner.push(LayerPlan::AveragePool {
        size: planner.side(),
    })?;
    planner.push(LayerPlan::Flatten)?;
    planner.push(LayerPlan::Dense(DensePlan {
        name: "fc".to_owned(),
        inputs: planner.width(),
        outputs: settings.classes,
        activation: Activation::Identity,
        initialisation: Initialisation::PyTorch,
    }))?;
    Ok(planner.finish())
}

/// The building block of the paper's figure 5, left.
fn block(
    name: String,
    [inputs, outputs]: [usize; 2],
    stride: usize,
    trainable: bool,
) -> ResidualPlan {
    let shortcut = (stride != 1 || inputs != outputs).then(|| ConvPlan {
        norm: Some(format!("{name}.downsample.1")),
        stride,
        ..convolution(
            &format!("{name}.downsample.0"),
            [inputs, outputs],
            1,
            trainable,
        )
    });
    let body = vec![
        ConvPlan {
            norm: Some(format!("{name}.bn1")),
            stride,
            padding: [1, 1],
            activation: Activation::Relu,
            ..convolution(&format!("{name}.conv1"), [inputs, outputs], 3, trainable)
        },
        ConvPlan {
            norm: Some(format!("{name}.bn2")),
            padding: [1, 1],
            ..convolution(&format!("{name}.conv2"), [outputs, outputs], 3, trainable)
        },
    ];
    ResidualPlan {
        name,
        body,
        shortcut,
        activation: Activation::Relu,
    }
}

fn convolution(name: &str, shape: [usize; 2], kernel: usize, trainable: bool) -> ConvPlan {
    ConvPlan::plain(
        name,
        shape,
        kernel,
        Initialisation::TorchvisionVgg,
        trainable,
    )
}

#[cfg(test)]
mod tests {
    use super::super::architecture::Architecture;
    use super::*;

    #[test]
    fn the_maps_are_those_of_the_paper() {
        let plan = NetworkSettings::published(Architecture::ResNet18, 2)
            .plan()
            .expect("published settings");
        let maps: Vec<&[usize]> = plan.features.iter().map(|l| l.output.as_slice()).collect();
        assert_eq!(maps[..3], [[64, 112, 112], [64, 56, 56], [64, 56, 56]]);
        assert_eq!(maps[4], [128, 28, 28]);
        assert_eq!(maps[6], [256, 14, 14]);
        assert_eq!(maps[9], [512, 7, 7]);
        assert_eq!(plan.head[1].output, [512]);
    }

    #[test]
    fn names_are_those_of_torchvision() {
        let plan = NetworkSettings::published(Architecture::ResNet18, 2)
            .plan()
            .expect("published settings");
        let names: Vec<String> = plan.tensors().into_iter().map(|t| t.name).collect();
        let of_block: Vec<&str> = names
            .iter()
            .filter_map(|name| name.strip_prefix("layer2.0.")?.strip_suffix(".weight"))
            .collect();
        assert_eq!(
            of_block,
            [
                "conv1",
                "bn1",
                "conv2",
                "bn2",
                "downsample.0",
                "downsample.1"
            ]
        );
        assert!(!names.contains(&"layer1.0.downsample.0.weight".to_owned()));
        assert_eq!(names.last().map(String::as_str), Some("fc.bias"));
    }
}
