//! MobileNetV2 (Sandler et al. 2018): inverted residuals, that is a 1x1 convolution to more
//! channels, a depthwise 3x3 convolution, and a 1x1 convolution to few channels without activation.
//!
//! Names are torchvision's (`features.0.{0, 1}` … `features.18.{0, 1}`, with
//! `features.<n>.conv.{0.0, 0.1, 1.0, 1.1, 2, 3}` for most blocks, `classifier.1`), so its weights
//! load unchanged.
//!
//! Deviations: as in torchvision, the last layer is linear on the averaged map (the paper has a 1x1
//! convolution, which is the same there) after a dropout of 0.2; as many logits as labels; the
//! average is taken over the whole last map, whatever the film's size.
//!
//! Keras' network of that name pads maps at stride 2 as TensorFlow does, with the odd zero below and to
//! the right, and has other constants in its batch norms; it is laid out beside torchvision's, under
//! the same names. (Keras has no dropout before its last layer; here it has torchvision's.)

use super::activation::Activation;
use super::architecture::{Published, USUAL};
use super::error::ModelError;
use super::head_layouts;
use super::layer_plan::{ConvPlan, LayerPlan, Library, NormConstants};
use super::plan::Planner;
use super::tensor_plan::Initialisation;

/// Rows of the paper's table 2: expansion factor t, output channels c, blocks n, stride s of the
/// first block.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];
/// Channels of the first convolution.
const FIRST: usize = 32;
/// Channels of the last convolution.
const LAST: usize = 1280;
/// Share of the averaged values dropped in training.
const DROPOUT: f64 = 0.2;

/// torchvision's network.
pub(super) const MOBILE_NET_V2: Published = Published {
    title: "MobileNetV2",
    paper: "Sandler et al. 2018, arXiv:1801.04381",
    features: |planner| backbone(planner, Library::Torchvision),
    head,
    ..USUAL
};

/// Keras' network.
pub(super) const MOBILE_NET_V2_KERAS: Published = Published {
    title: "MobileNetV2 of Keras",
    features: |planner| backbone(planner, Library::Keras),
    ..MOBILE_NET_V2
};

/// Lays the backbone out; its stages `stage1` to `stage7` are the rows of table 2.
fn backbone(planner: &mut Planner, library: Library) -> Result<(), ModelError> {
    let constants = match library {
        Library::Torchvision => NormConstants::PYTORCH,
        Library::Keras => NormConstants::KERAS_MOBILE_NET,
    };
    planner.stage("stem");
    planner.push(LayerPlan::Conv(ConvPlan {
        stride: 2,
        padding: library.padding(planner.side(), 3, 2),
        constants,
        ..convolution("features.0.0", "features.0.1", [planner.width(), FIRST], 3)
    }))?;
    let mut position = 1;
    for (number, (expansion, outputs, blocks, first_stride)) in (1..).zip(STAGES) {
        planner.stage(format!("stage{number}"));
        for index in 0..blocks {
            let stride = if index == 0 { first_stride } else { 1 };
            let name = format!("features.{position}");
            let inputs = planner.width();
            let mut body = inverted(&name, [inputs, outputs], expansion, stride);
            library.settle(&mut body, planner.side(), constants);
            planner.push_inverted(name, body, stride == 1 && inputs == outputs)?;
            position += 1;
        }
    }
    planner.stage("last");
    planner.push(LayerPlan::Conv(ConvPlan {
        constants,
        ..convolution(
            &format!("features.{position}.0"),
            &format!("features.{position}.1"),
            [planner.width(), LAST],
            1,
        )
    }))
}

/// The published head.
fn head(planner: &mut Planner) -> Result<(), ModelError> {
    let initialisation = Initialisation::TorchvisionMobileNetLinear;
    head_layouts::linear(planner, "classifier.1", Some(DROPOUT), initialisation)
}

/// The convolutions of a block (table 1 of the paper). An expansion of 1 has no first convolution.
fn inverted(
    name: &str,
    [inputs, outputs]: [usize; 2],
    expansion: usize,
    stride: usize,
) -> Vec<ConvPlan> {
    let hidden = inputs * expansion;
    let mut body = Vec::new();
    if expansion != 1 {
        body.push(convolution(
            &format!("{name}.conv.0.0"),
            &format!("{name}.conv.0.1"),
            [inputs, hidden],
            1,
        ));
    }
    // torchvision numbers the steps of a block in order.
    let depthwise = body.len();
    body.push(ConvPlan {
        stride,
        groups: hidden,
        ..convolution(
            &format!("{name}.conv.{depthwise}.0"),
            &format!("{name}.conv.{depthwise}.1"),
            [hidden, hidden],
            3,
        )
    });
    body.push(ConvPlan {
        activation: Activation::Identity,
        ..convolution(
            &format!("{name}.conv.{}", depthwise + 1),
            &format!("{name}.conv.{}", depthwise + 2),
            [hidden, outputs],
            1,
        )
    });
    body
}

/// A convolution with batch norm and ReLU6.
fn convolution(name: &str, norm: &str, shape: [usize; 2], kernel: usize) -> ConvPlan {
    ConvPlan {
        norm: Some(norm.to_owned()),
        activation: Activation::Relu6,
        ..ConvPlan::plain(name, shape, kernel, Initialisation::TorchvisionVgg)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, NetworkSettings};
    use super::*;

    #[test]
    fn the_maps_are_those_of_the_paper() {
        let plan = NetworkSettings::published(Architecture::MobileNetV2, 2)
            .plan()
            .expect("published settings");
        assert_eq!(plan.features[0].output, [32, 112, 112]);
        let residuals: Vec<&[usize]> = plan
            .features
            .iter()
            .filter(|placed| matches!(placed.layer, LayerPlan::Residual(_)))
            .map(|placed| placed.output.as_slice())
            .collect();
        assert_eq!(
            residuals,
            [
                [24, 56, 56],
                [32, 28, 28],
                [32, 28, 28],
                [64, 14, 14],
                [64, 14, 14],
                [64, 14, 14],
                [96, 14, 14],
                [96, 14, 14],
                [160, 7, 7],
                [160, 7, 7],
            ]
        );
        let last = plan.features.last().expect("has layers");
        assert_eq!(last.output, [1280, 7, 7]);
    }

    #[test]
    fn names_are_those_of_torchvision() {
        let plan = NetworkSettings::published(Architecture::MobileNetV2, 2)
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
            of("features.1."),
            ["conv.0.0", "conv.0.1", "conv.1", "conv.2"]
        );
        assert_eq!(
            of("features.17."),
            [
                "conv.0.0", "conv.0.1", "conv.1.0", "conv.1.1", "conv.2", "conv.3"
            ]
        );
        assert_eq!(of("features.18."), ["0", "1"]);
        assert_eq!(of("classifier."), ["1"]);
    }
}
