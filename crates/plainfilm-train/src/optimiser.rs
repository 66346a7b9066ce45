//! Adam and AdamW: on the CPU one pass over the weights.

use burn::optim::{AdamState, AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use plainfilm_conv::{AdamStep, adam_step};
use serde::{Deserialize, Serialize};

/// Which optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimiserKind {
    /// Adam (Kingma & Ba 2015); weight decay is added to the gradient.
    Adam,
    /// AdamW (Loshchilov & Hutter 2019); weight decay is decoupled.
    AdamW,
}

/// An optimiser and its constants. They are computed with in 32 bits and kept in 64, so that a settings
/// file says 0.9 and not 0.89999998.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimiserSettings {
    /// Which one.
    pub kind: OptimiserKind,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay.
    pub weight_decay: f64,
}

impl OptimiserSettings {
    /// The optimiser itself, without any state yet.
    #[must_use]
    pub fn init(&self) -> ModuleOptimizer {
        ModuleOptimizer::from(Adaptive(*self))
    }
}

/// The rule that [`OptimiserSettings`] describe. Its state is that of Burn's own Adam.
#[derive(Clone)]
struct Adaptive(OptimiserSettings);

impl Adaptive {
    fn step_number(&self, time: usize, rate: f64) -> AdamStep {
        let settings = &self.0;
        let decay = settings.weight_decay as f32;
        let (coupled_decay, decoupled_decay) = match settings.kind {
            OptimiserKind::Adam => (decay, 0.0),
            OptimiserKind::AdamW => (0.0, decay),
        };
        AdamStep {
            rate: rate as f32,
            beta_1: settings.beta_1 as f32,
            beta_2: settings.beta_2 as f32,
            epsilon: settings.epsilon as f32,
            coupled_decay,
            decoupled_decay,
            // More steps than an `i32` counts leave no correction to make.
            time: i32::try_from(time).unwrap_or(i32::MAX),
        }
    }
}

impl Optimizer for Adaptive {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamState<D>>,
    ) -> (Tensor<D>, Option<AdamState<D>>) {
        let (time, moments) = match state {
            Some(AdamState { momentum }) => (momentum.time, [momentum.moment_1, momentum.moment_2]),
            None => (0, [gradient.zeros_like(), gradient.zeros_like()]),
        };
        let step = self.step_number(time + 1, rate);
        let (weight, [first, second]) = adam_step(weight, gradient, moments, step);
        let momentum = AdaptiveMomentumState::new(time + 1, first, second);
        (weight, Some(AdamState::new(momentum)))
    }

    fn to_device<const D: usize>(mut state: AdamState<D>, device: &Device) -> AdamState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, Param};
    use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, decay::WeightDecayConfig};

    use super::*;

    #[derive(Module, Debug)]
    struct Weights {
        values: Param<Tensor<2>>,
    }

    /// The weights after a few steps on changing gradients.
    fn after(mut optimiser: ModuleOptimizer, steps: usize) -> Vec<f32> {
        let device = Device::flex().autodiff();
        let start: Vec<f32> = (0..60).map(|i| (i as f32 * 0.37).sin()).collect();
        let tensor = Tensor::<1>::from_floats(start.as_slice(), &device).reshape([6, 10]);
        let mut weights = Weights {
            values: Param::from_tensor(tensor),
        };
        for step in 0..steps {
            let loss = (weights.values.val() * (step as f32 + 0.5)).cos().sum();
            let gradients = GradientsParams::from_grads(loss.backward(), &weights);
            weights = optimiser.step(0.01, weights, gradients);
        }
        let values = weights.values.val().into_data();
        values.try_to_vec().expect("f32 on this device")
    }

    #[test]
    fn steps_are_those_of_burns_optimisers() {
        let settings = |kind, weight_decay| OptimiserSettings {
            kind,
            learning_rate: 0.01,
            beta_1: 0.9,
            beta_2: 0.99,
            epsilon: 1e-5,
            weight_decay,
        };
        let adam = |decay: Option<f32>| {
            AdamConfig::new()
                .with_beta_2(0.99)
                .with_epsilon(1e-5)
                .with_weight_decay(decay.map(WeightDecayConfig::new))
                .init()
        };
        let adam_w = AdamWConfig::new()
            .with_beta_2(0.99)
            .with_epsilon(1e-5)
            .with_weight_decay(0.1)
            .init();
        for (ours, burns) in [
            (settings(OptimiserKind::Adam, 0.0), adam(None)),
            (settings(OptimiserKind::Adam, 0.1), adam(Some(0.1))),
            (settings(OptimiserKind::AdamW, 0.1), adam_w),
        ] {
            let (found, expected) = (after(ours.init(), 7), after(burns, 7));
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 2e-6,
                    "{ours:?}: {found} {expected}"
                );
            }
        }
    }
}
