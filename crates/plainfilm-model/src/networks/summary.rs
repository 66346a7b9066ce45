//! A network's layers, shapes and sizes as a table, without allocating a weight.

use serde::Serialize;

use super::activation::Activation;
use super::error::ModelError;
use super::layer_plan::{ConvPlan, LayerPlan, NormPlan};
use super::plan::Placed;
use super::settings::NetworkSettings;
use super::tensor_plan::TensorPlan;

/// One row of a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerSummary {
    /// The layer's name: of its tensors where it has any, else of the layer it belongs to.
    pub name: String,
    /// Such as `Conv2d 3x3`, `BatchNorm2d`, `LeakyReLU 0.1`, `MaxPool2d 2x2`, `Linear`.
    pub kind: String,
    /// Without the batch: `[channels, height, width]` or `[units]`.
    pub output: Vec<usize>,
    /// Parameters; running statistics do not count, as in PyTorch.
    pub parameters: usize,
    /// Parameters that training changes.
    pub trainable: usize,
    /// Multiplications and additions for one film.
    pub flops: u64,
}

/// A network at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The network's settings.
    pub settings: NetworkSettings,
    /// One film: `[channels, height, width]`.
    pub input: Vec<usize>,
    /// The backbone's stages in order, any of which [`Freeze::Before`](super::Freeze::Before) takes.
    pub stages: Vec<String>,
    /// The layers in order.
    pub layers: Vec<LayerSummary>,
    /// All parameters.
    pub parameters: usize,
    /// Parameters that training changes.
    pub trainable: usize,
    /// Multiplications and additions for one film in prediction: 2 per multiply-add of the
    /// convolutions and linear layers. Biases, norms, activations and poolings are not counted.
    pub flops: u64,
}

/// Lists the layers of a network.
///
/// # Errors
///
/// As [`Network::new`](super::Network::new).
pub fn summary(settings: &NetworkSettings) -> Result<Summary, ModelError> {
    let plan = settings.plan()?;
    let mut layers = Vec::new();
    for placed in plan.layers() {
        add_rows(placed, &mut layers);
    }
    Ok(Summary {
        settings: settings.clone(),
        stages: plan.stages.iter().map(|stage| stage.name.clone()).collect(),
        input: vec![settings.channels, settings.size, settings.size],
        parameters: layers.iter().map(|layer| layer.parameters).sum(),
        trainable: layers.iter().map(|layer| layer.trainable).sum(),
        flops: layers.iter().map(|layer| layer.flops).sum(),
        layers,
    })
}

pub(super) fn add_rows(placed: &Placed, rows: &mut Vec<LayerSummary>) {
    let previous = rows
        .last()
        .map_or("film", |row| row.name.as_str())
        .to_owned();
    match &placed.layer {
        LayerPlan::Conv(conv) => {
            add_conv(conv, placed.input[1], rows);
        }
        LayerPlan::Norm(norm) => add_norm(norm, &placed.output, rows),
        LayerPlan::Residual(block) => {
            let mut side = placed.input[1];
            for conv in &block.body {
                side = add_conv(conv, side, rows);
            }
            if let Some(shortcut) = &block.shortcut {
                add_conv(shortcut, placed.input[1], rows);
            }
            rows.push(row(&block.name, "Add", &placed.output, []));
            add_activation(block.activation, &block.name, &placed.output, rows);
        }
        LayerPlan::Growth(block) => {
            add_norm(&block.norm, &placed.input, rows);
            let side = add_conv(&block.bottleneck, placed.input[1], rows);
            add_conv(&block.growth, side, rows);
            rows.push(row(&block.name, "Concatenate", &placed.output, []));
        }
        LayerPlan::Dense(dense) => {
            let tensors = placed.layer.tensors();
            rows.push(LayerSummary {
                flops: 2 * (dense.inputs * dense.outputs) as u64,
                ..row(&dense.name, "Linear", &placed.output, tensors.iter())
            });
            add_activation(dense.activation, &dense.name, &placed.output, rows);
        }
        LayerPlan::MaxPool { size, .. } => {
            let kind = format!("MaxPool2d {size}x{size}");
            rows.push(row(&previous, &kind, &placed.output, []));
        }
        LayerPlan::AveragePool { size } => {
            let kind = format!("AvgPool2d {size}x{size}");
            rows.push(row(&previous, &kind, &placed.output, []));
        }
        LayerPlan::Dropout { rate, .. } => {
            rows.push(row(
                &previous,
                &format!("Dropout {rate}"),
                &placed.output,
                [],
            ));
        }
        LayerPlan::Flatten => rows.push(row(&previous, "Flatten", &placed.output, [])),
    }
}

/// Adds the rows of a convolution over a map of this side, and gives the side that comes out.
fn add_conv(conv: &ConvPlan, side: usize, rows: &mut Vec<LayerSummary>) -> usize {
    let possible = "the planner has refused maps that are too small";
    let convolved = conv.convolved(side).expect(possible);
    let side = conv.output(side).expect(possible);
    let map = [conv.outputs, convolved, convolved];
    let weights: usize = conv.weight().iter().product();
    rows.push(LayerSummary {
        flops: 2 * (weights as u64) * (convolved as u64).pow(2),
        ..row(
            &conv.name,
            &conv_kind(conv),
            &map,
            conv.own_tensors().iter(),
        )
    });
    let norm = conv
        .norm
        .as_deref()
        .map(|name| row(name, "BatchNorm2d", &map, conv.norm_tensors().iter()));
    if conv.norm_last {
        add_activation(conv.activation, &conv.name, &map, rows);
        rows.extend(norm);
    } else {
        rows.extend(norm);
        add_activation(conv.activation, &conv.name, &map, rows);
    }
    if let Some(gate) = &conv.gate {
        rows.push(LayerSummary {
            flops: 2 * 2 * (gate.channels * gate.squeezed) as u64,
            ..row(&gate.name, "SqueezeExcitation", &map, gate.tensors().iter())
        });
    }
    if conv.pool {
        let output = [conv.outputs, side, side];
        rows.push(row(&conv.name, "MaxPool2d 2x2", &output, []));
    }
    side
}

/// Such as `Conv2d 3x3`, `Conv2d 3x3, stride 2, depthwise`.
pub(super) fn conv_kind(conv: &ConvPlan) -> String {
    let mut kind = format!("Conv2d {0}x{0}", conv.kernel);
    if conv.stride > 1 {
        kind += &format!(", stride {}", conv.stride);
    }
    if conv.groups > 1 && conv.groups == conv.inputs {
        kind += ", depthwise";
    } else if conv.groups > 1 {
        kind += &format!(", {} groups", conv.groups);
    }
    kind
}

fn add_norm(norm: &NormPlan, output: &[usize], rows: &mut Vec<LayerSummary>) {
    let tensors = norm.tensors();
    rows.push(row(&norm.name, "BatchNorm2d", output, tensors.iter()));
    add_activation(norm.activation, &norm.name, output, rows);
}

fn add_activation(
    activation: Activation,
    name: &str,
    output: &[usize],
    rows: &mut Vec<LayerSummary>,
) {
    let kind = match activation {
        Activation::Identity => return,
        Activation::Relu => "ReLU".to_owned(),
        Activation::LeakyRelu(slope) => format!("LeakyReLU {slope}"),
        Activation::Relu6 => "ReLU6".to_owned(),
        Activation::Silu => "SiLU".to_owned(),
    };
    rows.push(row(name, &kind, output, []));
}

fn row<'a>(
    name: &str,
    kind: &str,
    output: &[usize],
    tensors: impl IntoIterator<Item = &'a TensorPlan>,
) -> LayerSummary {
    let (mut parameters, mut trainable) = (0, 0);
    for tensor in tensors.into_iter().filter(|tensor| tensor.parameter) {
        parameters += tensor.elements();
        trainable += if tensor.trainable {
            tensor.elements()
        } else {
            0
        };
    }
    LayerSummary {
        name: name.to_owned(),
        kind: kind.to_owned(),
        output: output.to_vec(),
        parameters,
        trainable,
        flops: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Architecture;
    use super::*;

    #[test]
    fn parameters_are_those_of_the_publications() {
        let cases = [
            (Architecture::DarkCovidNet, 2, 1_164_434, 1_164_434),
            (Architecture::DarkCovidNet, 3, 1_167_586, 1_167_586),
            (Architecture::Vgg16, 2, 14_747_650, 32_962),
            // The 20,024,384 of the convolutions, as Keras counts them, and the head.
            (Architecture::Vgg19, 2, 20_057_346, 32_962),
            // torchvision's own counts, with its thousand labels.
            (Architecture::ResNet18, 1000, 11_689_512, 11_689_512),
            (Architecture::ResNet50, 1000, 25_557_032, 25_557_032),
            (Architecture::EfficientNetB0, 1000, 5_288_548, 5_288_548),
            (Architecture::MobileNetV2, 1000, 3_504_872, 3_504_872),
            (Architecture::DenseNet121, 1000, 7_978_856, 7_978_856),
            // torchxrayvision's own count, with its 18 findings.
            (Architecture::XrvDenseNet121, 18, 6_966_034, 6_966_034),
            // The 4.7 million of its authors; 4,652,008 in every published state dict.
            (Architecture::EfficientNetLite0, 1000, 4_652_008, 4_652_008),
        ];
        for (architecture, classes, parameters, trainable) in cases {
            let summary = summary(&NetworkSettings::published(architecture, classes))
                .expect("published settings");
            assert_eq!(summary.parameters, parameters, "{architecture} {classes}");
            assert_eq!(summary.trainable, trainable, "{architecture} {classes}");
        }
    }

    #[test]
    fn vgg16_takes_the_multiply_adds_that_are_known_for_it() {
        let summary = summary(&NetworkSettings::published(Architecture::Vgg16, 2))
            .expect("published settings");
        let convolutions = 15_346_630_656;
        assert_eq!(summary.flops, 2 * (convolutions + 512 * 64 + 64 * 2));
    }

    /// The multiply-adds that torchvision's documentation gives, in billions.
    #[test]
    fn the_networks_of_torchvision_take_its_multiply_adds() {
        for (architecture, expected) in [
            (Architecture::ResNet18, 1.814),
            (Architecture::ResNet50, 4.089),
            (Architecture::EfficientNetB0, 0.386),
            (Architecture::MobileNetV2, 0.301),
            (Architecture::DenseNet121, 2.834),
        ] {
            let summary = summary(&NetworkSettings::published(architecture, 1000))
                .expect("published settings");
            let found = summary.flops as f64 / 2e9;
            assert!((found - expected).abs() < 1e-3, "{architecture}: {found}");
        }
    }

    #[test]
    fn the_rows_of_a_block_come_in_the_order_of_computation() {
        let summary = summary(&NetworkSettings::published(Architecture::DarkCovidNet, 2))
            .expect("published settings");
        let kinds = |rows: &[LayerSummary]| -> Vec<String> {
            rows.iter().map(|row| row.kind.clone()).collect()
        };
        assert_eq!(
            kinds(&summary.layers[..4]),
            [
                "Conv2d 3x3",
                "BatchNorm2d",
                "LeakyReLU 0.1",
                "MaxPool2d 2x2"
            ]
        );
        assert_eq!(summary.layers[0].output, [8, 256, 256]);
        assert_eq!(summary.layers[3].output, [8, 128, 128]);
        let head = &summary.layers[summary.layers.len() - 5..];
        assert_eq!(
            kinds(head),
            ["Conv2d 3x3", "ReLU", "BatchNorm2d", "Flatten", "Linear"]
        );
        assert_eq!(head[3].output, [338]);
        assert_eq!(head[4].parameters, 338 * 2 + 2);
    }
}
