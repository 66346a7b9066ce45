//! What each layer of a network takes in, gives out and computes with: for floors and timings.

use super::error::ModelError;
use super::layer_plan::LayerPlan;
use super::plan::Placed;
use super::settings::NetworkSettings;
use super::summary::{add_rows, conv_kind};
use super::tensor_plan::TensorPlan;

/// A layer from maps to maps, for one film. A residual or growing block is one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapLayerSummary {
    /// The layer's name: of its tensors where it has any, else of the layer that it follows.
    pub name: String,
    /// Such as `Conv2d 3x3, pooled`, `residual block`, `MaxPool2d 3x3`.
    pub kind: String,
    /// `[channels, height, width]`.
    pub input: [usize; 3],
    /// `[channels, height, width]`.
    pub output: [usize; 3],
    /// Values of its tensors, running statistics too.
    pub weights: usize,
    /// Multiplications and additions in prediction, counted as [`Summary::flops`](super::Summary::flops).
    pub flops: u64,
}

/// The layers before maps become vectors, as [`Network::maps_through`](super::Network::maps_through) counts
/// them.
///
/// # Errors
///
/// As [`Network::new`](super::Network::new).
pub fn map_layers(settings: &NetworkSettings) -> Result<Vec<MapLayerSummary>, ModelError> {
    let plan = settings.plan()?;
    let mut layers: Vec<MapLayerSummary> = Vec::new();
    let maps = plan
        .layers()
        .take_while(|placed| placed.layer != LayerPlan::Flatten);
    for placed in maps {
        let mut rows = Vec::new();
        add_rows(placed, &mut rows);
        let tensors = placed.layer.tensors();
        layers.push(MapLayerSummary {
            name: name(&placed.layer).map_or_else(
                || layers.last().map_or("film", |layer| &layer.name).to_owned(),
                str::to_owned,
            ),
            kind: kind(&placed.layer),
            input: map(placed, &placed.input),
            output: map(placed, &placed.output),
            weights: tensors.iter().map(TensorPlan::elements).sum(),
            flops: rows.iter().map(|row| row.flops).sum(),
        });
    }
    Ok(layers)
}

fn map(placed: &Placed, shape: &[usize]) -> [usize; 3] {
    shape.try_into().unwrap_or_else(|_| {
        panic!(
            "layers before the flattening have maps of three sizes, found {shape:?} at {:?}",
            placed.layer
        )
    })
}

fn name(layer: &LayerPlan) -> Option<&str> {
    match layer {
        LayerPlan::Conv(conv) => Some(&conv.name),
        LayerPlan::Norm(norm) => Some(&norm.name),
        LayerPlan::Residual(block) => Some(&block.name),
        LayerPlan::Growth(block) => Some(&block.name),
        LayerPlan::Dense(dense) => Some(&dense.name),
        LayerPlan::MaxPool { .. }
        | LayerPlan::AveragePool { .. }
        | LayerPlan::Dropout { .. }
        | LayerPlan::Flatten => None,
    }
}

fn kind(layer: &LayerPlan) -> String {
    match layer {
        LayerPlan::Conv(conv) => {
            let pooled = if conv.pool { ", pooled" } else { "" };
            conv_kind(conv) + pooled
        }
        LayerPlan::Norm(_) => "BatchNorm2d".to_owned(),
        LayerPlan::Residual(_) => "residual block".to_owned(),
        LayerPlan::Growth(_) => "growing block".to_owned(),
        LayerPlan::MaxPool { size, .. } => format!("MaxPool2d {size}x{size}"),
        LayerPlan::AveragePool { size } => format!("AvgPool2d {size}x{size}"),
        LayerPlan::Dropout { rate, .. } => format!("Dropout {rate}"),
        LayerPlan::Flatten => "Flatten".to_owned(),
        LayerPlan::Dense(_) => "Linear".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};

    use super::super::{Architecture, Network, summary};
    use super::*;

    #[test]
    fn layers_follow_one_another_and_count_what_the_summary_counts() {
        for architecture in Architecture::all() {
            let settings = NetworkSettings::published(architecture, 2);
            let layers = map_layers(&settings).expect("published settings");
            let summary = summary(&settings).expect("published settings");
            assert_eq!(layers[0].input.to_vec(), summary.input, "{architecture}");
            for pair in layers.windows(2) {
                assert_eq!(
                    pair[0].output, pair[1].input,
                    "{architecture} {}",
                    pair[1].name
                );
            }
            let linear = summary.layers.iter().filter(|row| row.kind == "Linear");
            let linear: u64 = linear.map(|row| row.flops).sum();
            let maps: u64 = layers.iter().map(|layer| layer.flops).sum();
            assert_eq!(maps + linear, summary.flops, "{architecture}");
        }
    }

    #[test]
    fn a_layer_is_described_by_its_whole_block() {
        let layers = map_layers(&NetworkSettings::published(Architecture::ResNet18, 1000))
            .expect("published settings");
        let described = |index: usize| {
            let layer = &layers[index];
            (layer.name.as_str(), layer.kind.as_str(), layer.weights)
        };
        // torchvision's own counts: 7x7x3x64 and a norm of 4x64; two 3x3x64x64 and their norms.
        assert_eq!(described(0), ("conv1", "Conv2d 7x7, stride 2", 9408 + 256));
        assert_eq!(described(1), ("conv1", "MaxPool2d 3x3", 0));
        let block = 2 * (9 * 64 * 64 + 256);
        assert_eq!(described(2), ("layer1.0", "residual block", block));
        assert_eq!(layers[2].flops, 2 * 2 * 9 * 64 * 64 * 56 * 56);
        assert_eq!(layers[2].input, [64, 56, 56]);
    }

    #[test]
    fn layer_by_layer_is_the_forward_pass() {
        let device = Device::flex();
        for architecture in [
            Architecture::DarkCovidNet,
            Architecture::ResNet18,
            Architecture::MobileNetV2,
            Architecture::DenseNet121,
        ] {
            let settings = NetworkSettings {
                size: 64,
                ..NetworkSettings::published(architecture, 2)
            };
            let network = Network::new(&settings, 1, &device).expect("good settings");
            let layers = map_layers(&settings).expect("good settings");
            let films =
                Tensor::<4>::random([2, 3, 64, 64], Distribution::Uniform(0.0, 1.0), &device);
            let mut maps = films.clone();
            for (index, layer) in layers.iter().enumerate() {
                maps = network.maps_through(maps, index..index + 1);
                assert_eq!(
                    maps.dims()[1..],
                    layer.output,
                    "{architecture} {}",
                    layer.name
                );
            }
            let logits = network.forward_from(maps, layers.len());
            let expected = network.forward(films);
            // Several layers at once may round differently.
            let scale = expected.clone().abs().max().into_scalar::<f32>();
            let off = (logits - expected).abs().max().into_scalar::<f32>();
            assert!(
                off <= 1e-4 * scale.max(1e-3),
                "{architecture}: {off} of {scale}"
            );
        }
    }
}
