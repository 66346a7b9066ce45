//! ResNet-18 and ResNet-50 (He et al. 2016): blocks of convolutions, each added to its input.
//!
//! Names are torchvision's (`conv1`, `bn1`, `layer<n>.<i>.{conv1, bn1, conv2, bn2}`, in ResNet-50
//! also `conv3` and `bn3`, `layer<n>.0.downsample.{0, 1}`, `fc`), so their weights load unchanged.
//!
//! Of the paper's three shortcuts this is B, as in torchvision: a strided 1x1 convolution where the
//! shape changes, the input itself elsewhere. Deviations: as in torchvision, ResNet-50's strided
//! blocks have the stride in the 3x3 convolution (the paper has it in the first 1x1; the change is
//! known as ResNet v1.5); as many logits as labels; the average is taken over the whole last map,
//! whatever the film's size.
//!
//! Keras' ResNet-50 is the paper's: its stride lies in the first 1x1 convolution. It is laid out beside
//! torchvision's, under the same names; the biases of its convolutions are part of the norms' means.

use super::activation::Activation;
use super::architecture::{Published, USUAL};
use super::error::ModelError;
use super::head_layouts;
use super::layer_plan::{ConvPlan, LayerPlan, Library, NormConstants, ResidualPlan};
use super::plan::Planner;
use super::tensor_plan::Initialisation;

/// Channels inside the blocks of the stages conv2_x to conv5_x (table 1 of the paper); all but the
/// first halve the map.
const STAGES: [usize; 4] = [64, 128, 256, 512];
/// Channels of the 7x7 convolution.
const STEM: usize = 64;

/// What tells the networks of table 1 apart.
struct Variant {
    /// Blocks in each stage.
    blocks: [usize; 4],
    block: Block,
    library: Library,
}

#[derive(Clone, Copy, PartialEq)]
enum Block {
    /// Two 3x3 convolutions (the paper's figure 5, left).
    Basic,
    /// 1x1, 3x3, and 1x1 to four times the channels (the same, right).
    Bottleneck,
}

/// Channels that a bottleneck puts out, in units of those inside it.
const EXPANSION: usize = 4;

/// ResNet-18.
pub(super) const RESNET18: Published = Published {
    title: "ResNet-18",
    paper: "He et al. 2016, arXiv:1512.03385",
    features: |planner| {
        let variant = Variant {
            blocks: [2, 2, 2, 2],
            block: Block::Basic,
            library: Library::Torchvision,
        };
        features(planner, &variant)
    },
    head,
    ..USUAL
};

/// torchvision's ResNet-50.
pub(super) const RESNET50: Published = Published {
    title: "ResNet-50",
    features: |planner| features(planner, &resnet50(Library::Torchvision)),
    ..RESNET18
};

/// Keras' ResNet-50.
pub(super) const RESNET50_KERAS: Published = Published {
    title: "ResNet-50 of Keras",
    features: |planner| features(planner, &resnet50(Library::Keras)),
    ..RESNET18
};

fn resnet50(library: Library) -> Variant {
    Variant {
        blocks: [3, 4, 6, 3],
        block: Block::Bottleneck,
        library,
    }
}

/// The published head.
fn head(planner: &mut Planner) -> Result<(), ModelError> {
    head_layouts::linear(planner, "fc", None, Initialisation::PyTorch)
}

fn features(planner: &mut Planner, variant: &Variant) -> Result<(), ModelError> {
    planner.stage("stem");
    planner.push(LayerPlan::Conv(ConvPlan {
        norm: Some("bn1".to_owned()),
        constants: constants(variant.library),
        stride: 2,
        padding: [3, 3],
        activation: Activation::Relu,
        ..convolution("conv1", [planner.width(), STEM], 7)
    }))?;
    planner.push(LayerPlan::MaxPool {
        size: 3,
        stride: 2,
        padding: 1,
    })?;
    for (number, (channels, blocks)) in (1..).zip(STAGES.into_iter().zip(variant.blocks)) {
        planner.stage(format!("layer{number}"));
        for index in 0..blocks {
            let stride = if number > 1 && index == 0 { 2 } else { 1 };
            let name = format!("layer{number}.{index}");
            let block = residual(name, planner.width(), channels, stride, variant);
            planner.push(LayerPlan::Residual(block))?;
        }
    }
    Ok(())
}

fn residual(
    name: String,
    inputs: usize,
    channels: usize,
    stride: usize,
    variant: &Variant,
) -> ResidualPlan {
    let constants = constants(variant.library);
    // Kernel, outputs and stride of each convolution.
    let steps = match variant.block {
        Block::Basic => vec![(3, channels, stride), (3, channels, 1)],
        Block::Bottleneck => {
            let (first, second) = match variant.library {
                Library::Torchvision => (1, stride),
                Library::Keras => (stride, 1),
            };
            vec![
                (1, channels, first),
                (3, channels, second),
                (1, channels * EXPANSION, 1),
            ]
        }
    };
    let mut outputs = inputs;
    let mut body: Vec<ConvPlan> = (1..)
        .zip(steps)
        .map(|(step, (kernel, channels, stride))| ConvPlan {
            norm: Some(format!("{name}.bn{step}")),
            constants,
            stride,
            padding: [kernel / 2; 2],
            activation: Activation::Relu,
            ..convolution(
                &format!("{name}.conv{step}"),
                [std::mem::replace(&mut outputs, channels), channels],
                kernel,
            )
        })
        .collect();
    // The last one's activation is that of the sum.
    if let Some(last) = body.last_mut() {
        last.activation = Activation::Identity;
    }
    let shortcut = (stride != 1 || inputs != outputs).then(|| ConvPlan {
        norm: Some(format!("{name}.downsample.1")),
        constants,
        stride,
        ..convolution(&format!("{name}.downsample.0"), [inputs, outputs], 1)
    });
    ResidualPlan {
        name,
        body,
        shortcut,
        activation: Activation::Relu,
    }
}

fn constants(library: Library) -> NormConstants {
    match library {
        Library::Torchvision => NormConstants::PYTORCH,
        Library::Keras => NormConstants::KERAS_RESNET,
    }
}

fn convolution(name: &str, shape: [usize; 2], kernel: usize) -> ConvPlan {
    ConvPlan::plain(name, shape, kernel, Initialisation::TorchvisionVgg)
}

#[cfg(test)]
mod tests {
    use super::super::plan::Plan;
    use super::super::{Architecture, NetworkSettings};

    fn published(architecture: Architecture) -> Plan {
        NetworkSettings::published(architecture, 2)
            .plan()
            .expect("published settings")
    }

    #[test]
    fn the_maps_are_those_of_the_paper() {
        let plan = published(Architecture::ResNet18);
        let maps: Vec<&[usize]> = plan.features.iter().map(|l| l.output.as_slice()).collect();
        assert_eq!(maps[..3], [[64, 112, 112], [64, 56, 56], [64, 56, 56]]);
        assert_eq!(maps[4], [128, 28, 28]);
        assert_eq!(maps[6], [256, 14, 14]);
        assert_eq!(maps[9], [512, 7, 7]);
        assert_eq!(plan.head[1].output, [512]);
        let plan = published(Architecture::ResNet50);
        let maps: Vec<&[usize]> = plan.features.iter().map(|l| l.output.as_slice()).collect();
        for (layer, expected) in [
            (2, [256, 56, 56]),
            (5, [512, 28, 28]),
            (9, [1024, 14, 14]),
            (17, [2048, 7, 7]),
        ] {
            assert_eq!(maps[layer], expected, "layer {layer}");
        }
    }

    #[test]
    fn names_are_those_of_torchvision() {
        let basic = ["conv1", "bn1", "conv2", "bn2"].as_slice();
        let bottleneck = ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3"].as_slice();
        let shortcut = ["downsample.0", "downsample.1"].as_slice();
        for (architecture, block, expected) in [
            (Architecture::ResNet18, "layer1.0.", basic.to_vec()),
            (
                Architecture::ResNet18,
                "layer2.0.",
                [basic, shortcut].concat(),
            ),
            (
                Architecture::ResNet50,
                "layer1.0.",
                [bottleneck, shortcut].concat(),
            ),
            (Architecture::ResNet50, "layer1.1.", bottleneck.to_vec()),
        ] {
            let tensors = published(architecture).tensors();
            let names: Vec<&str> = tensors
                .iter()
                .filter_map(|tensor| tensor.name.strip_prefix(block)?.strip_suffix(".weight"))
                .collect();
            assert_eq!(names, expected, "{architecture} {block}");
            assert_eq!(tensors.last().map(|t| t.name.as_str()), Some("fc.bias"));
        }
    }
}
