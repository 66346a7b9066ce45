//! A network's weights and running statistics by name, in and out.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::error::{Misshapen, ModelError, TensorDifferences};
use super::network::Network;
use super::settings::NetworkSettings;

/// A tensor with its name: PyTorch's names, shapes and order of elements.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Such as `stage1.0.conv.weight`.
    pub name: String,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The elements, last dimension fastest.
    pub values: Vec<f32>,
}

/// Every tensor of a network in a fixed order: parameters and running statistics, up to date.
pub fn state_dict(network: &Network) -> Vec<NamedTensor> {
    struct Collector(Vec<Vec<f32>>);
    impl ModuleVisitor for Collector {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values = param.val().into_data().convert::<f32>().try_to_vec::<f32>();
            self.0.push(values.expect("just converted to f32"));
        }
    }
    let mut collector = Collector(Vec::new());
    // `valid` brings the running statistics up to date and leaves the gradients behind.
    network.valid().visit(&mut collector);
    let plans = network.plan().tensors();
    assert_eq!(
        plans.len(),
        collector.0.len(),
        "the modules hold the tensors that the plan lists"
    );
    plans
        .into_iter()
        .zip(collector.0)
        .map(|(plan, values)| NamedTensor {
            name: plan.name,
            shape: plan.shape,
            values,
        })
        .collect()
}

/// The same network with other weights and running statistics, on the same device.
///
/// Parameter identities, and whether parameters are trained, are as
/// [`Network::new`] makes them from the network's settings; the network that came in is unchanged.
///
/// # Errors
///
/// [`ModelError::Tensors`] naming every missing, unknown, doubled, wrongly shaped or non-finite
/// tensor.
pub fn load_state_dict(network: Network, tensors: &[NamedTensor]) -> Result<Network, ModelError> {
    let device = network
        .devices()
        .into_iter()
        .next()
        .expect("every network has tensors");
    Network::from_state_dict(network.settings(), tensors, &device)
}

impl Network {
    /// A network with these weights and running statistics, in any order.
    ///
    /// # Errors
    ///
    /// As [`Network::new`] and [`load_state_dict`].
    pub fn from_state_dict(
        settings: &NetworkSettings,
        tensors: &[NamedTensor],
        device: &Device,
    ) -> Result<Self, ModelError> {
        check_tensors(
            settings,
            tensors
                .iter()
                .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())),
        )?;
        let unfit: Vec<String> = tensors
            .iter()
            .filter(|tensor| {
                tensor.values.len() != tensor.shape.iter().product::<usize>()
                    || tensor.values.iter().any(|value| !value.is_finite())
            })
            .map(|tensor| tensor.name.clone())
            .collect();
        if !unfit.is_empty() {
            return Err(ModelError::Tensors {
                architecture: settings.architecture.name(),
                differences: Box::new(TensorDifferences {
                    unfit,
                    ..TensorDifferences::default()
                }),
            });
        }
        let by_name: HashMap<&str, &NamedTensor> = tensors
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor))
            .collect();
        let plan = settings.plan()?;
        let filled = plan
            .tensors()
            .into_iter()
            .map(|tensor| {
                let values = by_name[tensor.name.as_str()].values.clone();
                (tensor, values)
            })
            .collect();
        Ok(Self::from_tensors(plan, filled, device))
    }
}

/// Compares names and shapes with those that the settings ask for, before anything is allocated.
///
/// # Errors
///
/// As [`Network::new`], and [`ModelError::Tensors`] with every difference.
pub fn check_tensors<'a>(
    settings: &NetworkSettings,
    tensors: impl IntoIterator<Item = (&'a str, &'a [usize])>,
) -> Result<(), ModelError> {
    let mut wanted: HashMap<String, Vec<usize>> = settings
        .plan()?
        .tensors()
        .into_iter()
        .map(|tensor| (tensor.name, tensor.shape))
        .collect();
    let (mut extra, mut misshapen) = (vec![], vec![]);
    for (name, shape) in tensors {
        match wanted.remove(name) {
            None => extra.push(name.to_owned()),
            Some(expected) if expected != shape => misshapen.push(Misshapen {
                name: name.to_owned(),
                expected,
                found: shape.to_vec(),
            }),
            Some(_) => {}
        }
    }
    let mut missing: Vec<String> = wanted.into_keys().collect();
    if missing.is_empty() && extra.is_empty() && misshapen.is_empty() {
        return Ok(());
    }
    missing.sort();
    extra.sort();
    misshapen.sort_by(|left, right| left.name.cmp(&right.name));
    Err(ModelError::Tensors {
        architecture: settings.architecture.name(),
        differences: Box::new(TensorDifferences {
            missing,
            extra,
            misshapen,
            unfit: vec![],
        }),
    })
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;
    use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
    use burn::tensor::Distribution;

    use super::super::{Architecture, Freeze, Head};
    use super::*;

    fn settings(architecture: Architecture) -> NetworkSettings {
        let size = match architecture {
            Architecture::DarkCovidNet | Architecture::PlantsCnn => 48,
            Architecture::Vgg16 | Architecture::Vgg19 => 128,
            _ => 32,
        };
        NetworkSettings {
            size,
            ..NetworkSettings::published(architecture, 2)
        }
    }

    fn network(architecture: Architecture, seed: u64, device: &Device) -> Network {
        Network::new(&settings(architecture), seed, device).expect("good settings")
    }

    fn identities(network: &Network) -> Vec<u64> {
        struct Collector(Vec<ParamId>);
        impl ModuleVisitor for Collector {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.0.push(param.id);
            }
        }
        let mut collector = Collector(vec![]);
        network.visit(&mut collector);
        collector.0.iter().map(ParamId::val).collect()
    }

    #[test]
    fn modules_hold_the_tensors_of_the_plan_in_its_order() {
        let device = Device::flex();
        for architecture in Architecture::all() {
            let large = [
                Architecture::Vgg16,
                Architecture::Vgg19,
                Architecture::ResNet50,
            ];
            if large.contains(&architecture) {
                continue; // And no other in kind than the Plants CNN and ResNet-18.
            }
            let network = network(architecture, 1, &device);
            let tensors = state_dict(&network);
            for (tensor, plan) in tensors.iter().zip(network.plan().tensors()) {
                assert_eq!(tensor.values.len(), plan.elements(), "{}", plan.name);
                let expected = super::super::draws::starting_values(1, &plan);
                assert_eq!(tensor.values, expected, "{}", plan.name);
            }
            let expected: Vec<u64> = (1..=tensors.len() as u64).collect();
            assert_eq!(identities(&network), expected);
        }
    }

    #[test]
    fn a_seed_makes_a_network_and_another_seed_another() {
        let device = Device::flex();
        let of = |seed| state_dict(&network(Architecture::DarkCovidNet, seed, &device));
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn loaded_weights_give_the_same_logits_whatever_their_order() {
        let device = Device::flex();
        let trained = network(Architecture::DarkCovidNet, 1, &device);
        let mut tensors = state_dict(&trained);
        let expected = tensors.clone();
        tensors.reverse();
        let other = network(Architecture::DarkCovidNet, 2, &device);
        let loaded = load_state_dict(other.clone(), &tensors).expect("fits");
        assert_eq!(state_dict(&loaded), expected);
        assert_ne!(
            state_dict(&other),
            expected,
            "the network that came in is unchanged"
        );
        let films = Tensor::<4>::ones([2, 3, 48, 48], &device) * 0.3;
        assert_eq!(
            loaded.forward(films.clone()).into_data(),
            trained.forward(films).into_data()
        );
    }

    #[test]
    fn tensors_that_do_not_fit_are_all_named() {
        let device = Device::flex();
        let network = network(Architecture::DarkCovidNet, 1, &device);
        let mut tensors = state_dict(&network);
        tensors[0].shape = vec![8, 27];
        tensors[1].name = "stage1.0.bn.gamma".to_owned();
        let twice = tensors[2].clone();
        tensors.push(twice);
        let error = load_state_dict(network.clone(), &tensors).expect_err("does not fit");
        assert_eq!(
            error.to_string(),
            "the tensors do not fit darkcovidnet: 1 missing: stage1.0.bn.weight; 2 not in the \
             network: stage1.0.bn.bias, stage1.0.bn.gamma; 1 wrong shape: stage1.0.conv.weight \
             (expected [8, 3, 3, 3], found [8, 27])"
        );
        let mut tensors = state_dict(&network);
        tensors[4].values[0] = f32::NAN;
        tensors[5].values.pop();
        let error = load_state_dict(network, &tensors).expect_err("not finite");
        assert!(
            error
                .to_string()
                .ends_with("stage1.0.bn.running_var, stage2.0.conv.weight"),
            "{error}"
        );
    }

    fn step(mut network: Network, optimiser: &mut ModuleOptimizer, key: u64) -> Network {
        let settings = network.settings().clone();
        let device = Device::flex().autodiff();
        let side = settings.size;
        let values: Vec<f32> = (0..2 * 3 * side * side)
            .map(|index| ((index * 37 + 11) % 101) as f32 / 101.0)
            .collect();
        let films =
            Tensor::<1>::from_floats(values.as_slice(), &device).reshape([2, 3, side, side]);
        network.seed_dropout(key);
        let logits = network.forward(films);
        let loss = (logits - 1.0).powf_scalar(2.0).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        optimiser.step(1e-3, network, gradients)
    }

    #[test]
    fn training_goes_on_from_a_record_as_if_it_had_not_stopped() {
        let device = Device::flex().autodiff();
        let optimiser = || AdamConfig::new().init();
        let mut first = optimiser();
        let mut network_a = network(Architecture::PlantsCnn, 1, &device);
        network_a = step(network_a, &mut first, 1);
        let (weights, record) = (state_dict(&network_a), first.to_record());
        let through = step(network_a, &mut first, 2);

        // As another process would: a network of its own, then the weights and the record.
        let network_b = network(Architecture::PlantsCnn, 99, &device);
        let network_b = load_state_dict(network_b, &weights).expect("fits");
        let mut second = optimiser().load_record(record);
        let resumed = step(network_b, &mut second, 2);
        assert_eq!(state_dict(&resumed), state_dict(&through));
        assert_ne!(state_dict(&resumed), weights);
    }

    #[test]
    fn a_frozen_backbone_keeps_every_weight_and_the_head_learns() {
        let device = Device::flex().autodiff();
        let mut settings = settings(Architecture::DarkCovidNet);
        settings.freeze = Freeze::Backbone;
        let fresh = Network::new(&settings, 1, &device).expect("good settings");
        let before = state_dict(&fresh);
        let mut optimiser = AdamConfig::new().init();
        let after = state_dict(&step(fresh, &mut optimiser, 1));
        for (old, new) in before.iter().zip(&after) {
            let backbone = old.name.starts_with("stage");
            assert_eq!(old == new, backbone, "{}", old.name);
        }
    }

    #[test]
    fn training_starts_at_the_stage_that_is_named() {
        let device = Device::flex().autodiff();
        // Each with the first stage that is trained and a tensor on either side of the boundary;
        // running statistics tell whether a frozen batch norm looked at the batch.
        for (architecture, stage, kept, trained) in [
            (
                Architecture::ResNet18,
                "layer4",
                "layer3.1.bn2.running_mean",
                "layer4.0.conv1.weight",
            ),
            (
                Architecture::EfficientNetB0,
                "stage7",
                "features.6.3.block.2.fc2.weight",
                // Not its weight: unfitted layers in prediction shrink maps to nearly nothing.
                "features.7.0.block.2.fc2.bias",
            ),
            (
                Architecture::DenseNet121,
                "denseblock4",
                "features.transition3.norm.running_var",
                "features.denseblock4.denselayer1.norm1.running_var",
            ),
            (
                Architecture::PlantsCnn,
                "pair3",
                "conv4.weight",
                "conv5.weight",
            ),
        ] {
            let settings = NetworkSettings {
                freeze: Freeze::Before(stage.to_owned()),
                ..settings(architecture)
            };
            let fresh = Network::new(&settings, 1, &device).expect("good settings");
            let before = state_dict(&fresh);
            let after = state_dict(&step(fresh, &mut AdamConfig::new().init(), 1));
            let first = before.iter().position(|tensor| tensor.name == trained);
            let last = before.iter().position(|tensor| tensor.name == kept);
            let (first, last) = (
                first.expect("in the network"),
                last.expect("in the network"),
            );
            assert!(last < first);
            assert!(before[first] != after[first], "{architecture}: {trained}");
            for (old, new) in before[..=last].iter().zip(&after) {
                assert!(old == new, "{architecture}: {} has changed", old.name);
            }
        }
    }

    #[test]
    fn a_stage_that_is_not_there_is_refused_with_those_that_are() {
        let mut settings = settings(Architecture::ResNet18);
        settings.freeze = Freeze::Before("layer5".to_owned());
        let error = settings.plan().expect_err("no such stage");
        assert_eq!(
            error.to_string(),
            "resnet18: no stage `layer5` to train from: expected none, backbone or one of stem, \
             layer1, layer2, layer3, layer4"
        );
    }

    #[test]
    fn the_frozen_part_and_the_rest_make_the_forward_pass() {
        let cases = [
            (Freeze::None, Head::Published, 0),
            (Freeze::Before("stem".to_owned()), Head::Published, 0),
            // Stem and pooling, and two blocks.
            (Freeze::Before("layer2".to_owned()), Head::Linear, 4),
            // All ten layers, and the average over the last map.
            (Freeze::Backbone, Head::Mlp, 11),
        ];
        let device = Device::flex().autodiff();
        let films = Tensor::<4>::random([2, 3, 32, 32], Distribution::Uniform(0.0, 1.0), &device);
        for (freeze, head, prefix) in cases {
            let settings = NetworkSettings {
                freeze,
                head,
                ..settings(Architecture::ResNet18)
            };
            let network = Network::new(&settings, 1, &device).expect("good settings");
            assert_eq!(network.frozen_prefix(), prefix);
            let maps = network.features_up_to(films.clone(), prefix);
            assert_eq!(
                network.forward_from(maps.clone(), prefix).into_data(),
                network.forward(films.clone()).into_data(),
                "in training, {prefix} layers"
            );
            let predicting = network.valid();
            let films = films.clone().inner();
            let kept = predicting.features_up_to(films.clone(), prefix);
            // Folding a frozen norm into its convolution rounds a little differently in the two.
            let off = (kept.clone() - maps.inner())
                .abs()
                .max()
                .into_scalar::<f32>();
            assert!(off < 1e-5, "{prefix} layers: {off}");
            assert_eq!(
                predicting.forward_from(kept, prefix).into_data(),
                predicting.forward(films).into_data()
            );
        }
    }

    #[test]
    fn features_and_head_make_the_forward_pass() {
        let device = Device::flex();
        let network = network(Architecture::PlantsCnn, 1, &device);
        let films = Tensor::<4>::random([2, 3, 48, 48], Distribution::Uniform(0.0, 1.0), &device);
        let maps = network.features(films.clone());
        assert_eq!(maps.dims(), [2, 128, 4, 4]);
        assert_eq!(
            network.head(maps).into_data(),
            network.forward(films).into_data()
        );
    }
}
