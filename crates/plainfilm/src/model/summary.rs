//! A network's layers, shapes and sizes as a table, without allocating a weight.

use serde::Serialize;

use super::architecture::NetworkSettings;
use super::error::ModelError;
use super::plan::{ConvPlan, LayerPlan, Placed, TensorPlan};
use plainfilm_conv::Activation;

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
        input: vec![settings.channels, settings.size, settings.size],
        parameters: layers.iter().map(|layer| layer.parameters).sum(),
        trainable: layers.iter().map(|layer| layer.trainable).sum(),
        flops: layers.iter().map(|layer| layer.flops).sum(),
        layers,
    })
}

fn add_rows(placed: &Placed, rows: &mut Vec<LayerSummary>) {
    let previous = rows
        .last()
        .map_or("film", |row| row.name.as_str())
        .to_owned();
    match &placed.layer {
        LayerPlan::Conv(conv) => add_conv(conv, placed, rows),
        LayerPlan::Dense(dense) => {
            let tensors = placed.layer.tensors();
            rows.push(LayerSummary {
                flops: 2 * (dense.inputs * dense.outputs) as u64,
                ..row(&dense.name, "Linear", &placed.output, tensors.iter())
            });
            add_activation(dense.activation, &dense.name, &placed.output, rows);
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

fn add_conv(conv: &ConvPlan, placed: &Placed, rows: &mut Vec<LayerSummary>) {
    let tensors = placed.layer.tensors();
    let (kernel, side) = (
        conv.kernel,
        placed.input[1] + 2 * conv.padding + 1 - conv.kernel,
    );
    let map = [conv.outputs, side, side];
    let of_norm = |tensor: &&TensorPlan| {
        conv.norm
            .as_deref()
            .is_some_and(|norm| tensor.name.starts_with(norm))
    };
    let weights = kernel * kernel * conv.inputs * conv.outputs;
    rows.push(LayerSummary {
        flops: 2 * (weights as u64) * (side as u64) * (side as u64),
        ..row(
            &conv.name,
            &format!("Conv2d {kernel}x{kernel}"),
            &map,
            tensors.iter().filter(|tensor| !of_norm(tensor)),
        )
    });
    let norm = conv
        .norm
        .as_deref()
        .map(|name| row(name, "BatchNorm2d", &map, tensors.iter().filter(of_norm)));
    if conv.norm_last {
        add_activation(conv.activation, &conv.name, &map, rows);
        rows.extend(norm);
    } else {
        rows.extend(norm);
        add_activation(conv.activation, &conv.name, &map, rows);
    }
    if conv.pool {
        rows.push(row(&conv.name, "MaxPool2d 2x2", &placed.output, []));
    }
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
    use super::super::architecture::Architecture;
    use super::*;

    #[test]
    fn parameters_are_those_of_the_publications() {
        let cases = [
            (Architecture::DarkCovidNet, 2, 1_164_434, 1_164_434),
            (Architecture::DarkCovidNet, 3, 1_167_586, 1_167_586),
            (Architecture::Vgg16, 2, 14_747_650, 32_962),
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
