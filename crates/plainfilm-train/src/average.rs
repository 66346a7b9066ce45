//! An exponential moving average of the weights, which often generalises better than the last ones
//! (Polyak and Juditsky 1992; Izmailov et al. 2018 for networks).

use std::any::Any;
use std::collections::VecDeque;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use plainfilm_model::networks::Network;

/// Averages of a network's weights and running statistics, as a network for prediction.
#[derive(Debug, Clone)]
pub(super) struct WeightAverage {
    network: Network,
    decay: f64,
}

impl WeightAverage {
    /// Begins with the weights as they are.
    pub fn new(network: &Network, decay: f64) -> Self {
        Self {
            network: network.valid(),
            decay,
        }
    }

    /// Goes on from averages read back.
    pub fn resumed(network: Network, decay: f64) -> Self {
        Self { network, decay }
    }

    /// The averages.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Takes in the weights after a step; `step` counts all steps from 0.
    ///
    /// `average += (1 - d) * (weights - average)` with `d = min(decay, (1 + step) / (10 + step))`, so that
    /// the first steps, far from where training leads, are soon forgotten (as TensorFlow's
    /// `ExponentialMovingAverage` does with `num_updates`). Frozen weights are left as they are.
    pub fn update(&mut self, network: &Network, step: usize) {
        let warm_up = (1 + step) as f64 / (10 + step) as f64;
        let mut newest = Newest(VecDeque::new());
        network.valid().visit(&mut newest);
        let moves = network
            .plan()
            .tensors()
            .into_iter()
            .map(|tensor| tensor.trainable || !tensor.parameter)
            .collect();
        let mut lerp = Lerp {
            newest: newest.0,
            moves,
            share: 1.0 - self.decay.min(warm_up),
        };
        self.network = self.network.clone().map(&mut lerp);
    }
}

/// Tensors in the order of the network's plan; `Any` because their ranks differ.
struct Newest(VecDeque<Box<dyn Any>>);

impl ModuleVisitor for Newest {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(Box::new(param.val()));
    }
}

struct Lerp {
    newest: VecDeque<Box<dyn Any>>,
    /// Whether training changes the tensor.
    moves: VecDeque<bool>,
    share: f64,
}

impl ModuleMapper for Lerp {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let same = "both networks have the tensors of one plan";
        let newest = self.newest.pop_front().expect(same);
        if !self.moves.pop_front().expect(same) {
            return param;
        }
        let newest = newest.downcast::<Tensor<D>>().expect(same);
        let share = self.share;
        param.map(|average| average.clone() + (*newest - average) * share)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use plainfilm_model::networks::{Architecture, Freeze, Head, NetworkSettings, state_dict};

    #[test]
    fn averages_follow_the_formula_and_leave_frozen_weights_alone() {
        let settings = NetworkSettings {
            architecture: Architecture::ResNet18,
            classes: 2,
            size: 32,
            channels: 3,
            freeze: Freeze::Before("layer2".to_owned()),
            head: Head::Published,
        };
        let device = Device::flex().autodiff();
        let network = |seed| Network::new(&settings, seed, &device).unwrap();
        let [first, second, third] = [1, 2, 3].map(network);
        let mut average = WeightAverage::new(&first, 0.5);
        average.update(&second, 0); // 1/10 is kept
        average.update(&third, 100); // 0.5 is kept
        let [a, b, c] = [&first, &second, &third].map(state_dict);
        let found = state_dict(average.network());
        let plan = first.plan().tensors();
        let mut moved = 0;
        for (index, tensor) in found.iter().enumerate() {
            let moves = plan[index].trainable || !plan[index].parameter;
            moved += usize::from(plan[index].trainable);
            for (at, &value) in tensor.values.iter().enumerate() {
                let [a, b, c] = [&a, &b, &c].map(|tensors| tensors[index].values[at]);
                let expected = if moves {
                    0.5 * (0.1 * a + 0.9 * b) + 0.5 * c
                } else {
                    a
                };
                assert!((value - expected).abs() < 1e-6, "{}", tensor.name);
            }
        }
        assert!(moved > 0 && moved < plan.len());
        // The network that was averaged in keeps its own running statistics and weights.
        assert_eq!(state_dict(&third), c);
    }
}
