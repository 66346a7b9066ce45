//! What a graph computes, and between which numbers its values lie.

use burn::tensor::{Device, Tensor, TensorData, activation, module, ops::AvgPoolOptions};

use plainfilm_conv::{ConvGeometry, Windows, conv2d, max_pool2d, side_by_side};
use plainfilm_model::networks::activate;
use plainfilm_model::predict::rows_of;

use super::{Convolution, Dense, Graph, Node, Operation, ValueId};

/// The least and the greatest number of every value of a graph, over all films that it was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranges(Vec<[f32; 2]>);

impl Ranges {
    /// Of no film yet.
    #[must_use]
    pub fn none(graph: &Graph) -> Self {
        Self(vec![[f32::INFINITY, f32::NEG_INFINITY]; graph.values.len()])
    }

    /// Least and greatest number of a value; `[0, 0]` before any film was shown.
    #[must_use]
    pub fn of(&self, value: ValueId) -> [f32; 2] {
        match self.0[value] {
            [low, high] if low <= high => [low, high],
            _ => [0.0, 0.0],
        }
    }

    fn widen(&mut self, value: ValueId, maps: &Tensor<4>) {
        let scalar = |tensor: Tensor<1>| tensor.into_scalar::<f32>();
        let [low, high] = &mut self.0[value];
        *low = low.min(scalar(maps.clone().min()));
        *high = high.max(scalar(maps.clone().max()));
    }
}

impl Graph {
    /// Probabilities of films `[films, channels, size, size]`, as [`Graph::input`] wants their numbers, last axis
    /// fastest. One row a film. `ranges` are widened to what was seen on the way.
    ///
    /// # Panics
    ///
    /// When `films` is not a whole number of films of the graph's shape.
    #[must_use]
    pub fn run(
        &self,
        films: Vec<f32>,
        ranges: Option<&mut Ranges>,
        device: &Device,
    ) -> Vec<Vec<f32>> {
        let shape = &self.values[Self::INPUT].shape;
        let values: usize = shape.iter().product();
        assert_eq!(films.len() % values, 0, "whole films");
        let count = films.len() / values;
        if count == 0 {
            return Vec::new();
        }
        let shape = [count, shape[0], shape[1], shape[2]];
        let films = Tensor::<4>::from_data(TensorData::new(films, shape), device);
        // A value is dropped after its last reader: the maps of a whole network would take gigabytes.
        let mut last_reader = vec![0; self.values.len()];
        for (step, node) in self.nodes.iter().enumerate() {
            node.inputs
                .iter()
                .for_each(|input| last_reader[*input] = step);
        }
        let mut ranges = ranges;
        let mut maps: Vec<Option<Tensor<4>>> = vec![None; self.values.len()];
        if let Some(ranges) = &mut ranges {
            ranges.widen(Self::INPUT, &films);
        }
        maps[Self::INPUT] = Some(films);
        for (step, node) in self.nodes.iter().enumerate() {
            let inputs = node.inputs.iter().map(|input| {
                let value = match last_reader[*input] == step {
                    true => maps[*input].take(),
                    false => maps[*input].clone(),
                };
                value.expect("steps read what earlier steps wrote")
            });
            let output = compute(node, inputs.collect(), device);
            if let Some(ranges) = &mut ranges {
                ranges.widen(node.output, &output);
            }
            maps[node.output] = Some(output);
        }
        let probabilities = maps[self.output()].take();
        let probabilities: Tensor<2> = probabilities.expect("the last step wrote it").flatten(1, 3);
        rows_of(probabilities)
    }
}

/// Vectors are maps of one pixel here, so that every value has four axes.
fn compute(node: &Node, inputs: Vec<Tensor<4>>, device: &Device) -> Tensor<4> {
    let mut inputs = inputs.into_iter();
    let mut next = || {
        inputs
            .next()
            .expect("as many inputs as the operation reads")
    };
    let maps = next();
    let per_channel = |values: &[f32]| {
        let shape = [1, values.len(), 1, 1];
        Tensor::<4>::from_data(TensorData::new(values.to_vec(), shape), device)
    };
    match &node.operation {
        Operation::Affine { factors, shifts } => maps * per_channel(factors) + per_channel(shifts),
        Operation::Convolution(convolution, then) => {
            activate(*then, convolve(convolution, maps, device))
        }
        Operation::Activation(then) => activate(*then, maps),
        Operation::Sigmoid => activation::sigmoid(maps),
        Operation::MaxPool {
            size,
            stride,
            padding,
        } => max_pool2d(
            maps,
            Windows {
                size: *size,
                stride: *stride,
                padding: *padding,
            },
        ),
        Operation::AveragePool { size } => {
            let options = AvgPoolOptions::new([*size; 2]).with_stride([*size; 2]);
            module::avg_pool2d(maps, options)
        }
        Operation::Add(then) => activate(*then, maps + next()),
        Operation::Weigh => maps * next(),
        Operation::Concatenate => side_by_side(maps, next()),
        Operation::Flatten => {
            let [films, channels, height, width] = maps.dims();
            maps.reshape([films, channels * height * width, 1, 1])
        }
        Operation::Dense(dense, then) => activate(*then, multiply(dense, maps, device)),
        Operation::Softmax => activation::softmax(maps, 1),
    }
}

fn convolve(convolution: &Convolution, maps: Tensor<4>, device: &Device) -> Tensor<4> {
    let weight = TensorData::new(convolution.weight.clone(), convolution.shape());
    let bias = TensorData::new(convolution.bias.clone(), [convolution.outputs]);
    let [before, after] = convolution.padding;
    let geometry = ConvGeometry {
        stride: [convolution.stride; 2],
        padding: [before; 2],
        padding_more: [after - before; 2],
        groups: convolution.groups,
        ..ConvGeometry::default()
    };
    conv2d(
        maps,
        Tensor::from_data(weight, device),
        Some(Tensor::from_data(bias, device)),
        geometry,
    )
}

fn multiply(dense: &Dense, vectors: Tensor<4>, device: &Device) -> Tensor<4> {
    let weight = TensorData::new(dense.weight.clone(), [dense.outputs, dense.inputs]);
    let weight = Tensor::<2>::from_data(weight, device);
    let bias = TensorData::new(dense.bias.clone(), [1, dense.outputs]);
    let bias = Tensor::<2>::from_data(bias, device);
    let vectors: Tensor<2> = vectors.flatten(1, 3);
    let films = vectors.dims()[0];
    (vectors.matmul(weight.transpose()) + bias).reshape([films, dense.outputs, 1, 1])
}

#[cfg(test)]
mod tests {
    use plainfilm_film::radiograph::{Plane, Preprocessing, Scaling};
    use plainfilm_model::networks::{Architecture, NetworkSettings};
    use plainfilm_model::predict::{Predictor, Scorer};

    use super::super::InputKind;
    use super::*;
    use crate::samples::sample_model;
    use crate::waves;

    #[test]
    fn the_graph_of_every_network_answers_as_the_network_does() {
        let device = Device::flex();
        for architecture in Architecture::all() {
            let settings = NetworkSettings {
                size: 128,
                ..NetworkSettings::published(architecture, 3)
            };
            let mut file = sample_model(settings, Scaling::ImageNet);
            // Drawn weights give some networks logits so large that all probabilities are 0 or 1.
            file.header.calibration_temperature = 50.0;
            let planes: Vec<Plane> = (0..2).map(|film| waves(128, film)).collect();
            let predictor = Predictor::new(&file, &device).expect("a model of ours");
            let expected = predictor.probabilities(&planes).expect("planes that fit");
            let graph = Graph::of_model(&file.header, file.tensors).expect("a model of ours");
            let channels = graph.values[Graph::INPUT].shape[0];
            let films = planes
                .iter()
                .flat_map(|plane| plane.values.repeat(channels));
            let mut ranges = Ranges::none(&graph);
            let found = graph.run(films.collect(), Some(&mut ranges), &device);
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                let difference = (f64::from(*found) - expected).abs();
                assert!(difference < 2e-6, "{architecture}: {found} {expected}");
            }
            let [low, high] = ranges.of(graph.output());
            assert!(
                0.0 < low && low < high && high < 1.0,
                "{architecture}: {low} to {high}"
            );
        }
    }

    #[test]
    fn values_and_steps_have_names_of_their_own() {
        for architecture in Architecture::all() {
            let file = sample_model(
                NetworkSettings::published(architecture, 2),
                Scaling::default(),
            );
            let graph = Graph::of_model(&file.header, file.tensors).expect("a model of ours");
            let mut names: Vec<&str> = graph.values.iter().map(|v| v.name.as_str()).collect();
            names.sort_unstable();
            let doubled = names.windows(2).find(|pair| pair[0] == pair[1]);
            assert_eq!(doubled, None, "{architecture}");
        }
    }

    #[test]
    fn a_film_dependent_scaling_is_left_to_the_caller() {
        let preprocessing = |scaling| Preprocessing {
            scaling,
            ..Preprocessing::default()
        };
        for scaling in Scaling::ALL {
            let found = InputKind::of(&preprocessing(*scaling));
            let expected = match scaling {
                Scaling::Percentile | Scaling::ZScore => InputKind::Scaled,
                _ => InputKind::Unit,
            };
            assert_eq!(found, expected, "{scaling}");
        }
    }
}
