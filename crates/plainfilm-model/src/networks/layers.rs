//! The building blocks that all networks share.

use burn::module::{Flag, Module, Param, ParamId, RunningState};
use burn::tensor::module::{avg_pool2d, batch_norm, batch_norm_train};
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor, TensorData, activation::sigmoid};

use plainfilm_conv::{
    BlockCache, ConvGeometry, InferenceBlock, Norm, Windows, conv_bias_act, conv_bn_act,
    conv_bn_sum_act, conv2d, fold_batch_norm, infer_block, max_pool2d,
};

use super::activation::{Activation, activate};
use super::draws::dropout_mask;
use super::layer_plan::{ConvPlan, DensePlan, NormConstants};
use super::tensor_plan::TensorPlan;

/// Hands out the tensors of a plan in order, as parameters with fixed identities.
///
/// Identities are positions in the plan, counted from 1: an optimiser's record, which is keyed by
/// them, fits every network with the same settings, in this process or another.
pub(crate) struct Supply<'a> {
    device: &'a Device,
    tensors: std::iter::Enumerate<std::vec::IntoIter<(TensorPlan, Vec<f32>)>>,
    flags: u64,
}

impl<'a> Supply<'a> {
    /// `tensors` are the plan's, in its order, with their values.
    pub fn new(tensors: Vec<(TensorPlan, Vec<f32>)>, device: &'a Device) -> Self {
        Self {
            device,
            tensors: tensors.into_iter().enumerate(),
            flags: 0,
        }
    }

    fn next<const D: usize>(&mut self) -> (ParamId, Tensor<D>, bool) {
        let (position, (plan, values)) = self
            .tensors
            .next()
            .expect("layers take exactly the tensors that their plan lists");
        let tensor = Tensor::from_data(TensorData::new(values, plan.shape), self.device);
        (ParamId::from(position as u64 + 1), tensor, plan.trainable)
    }

    fn parameter<const D: usize>(&mut self) -> Param<Tensor<D>> {
        let (id, tensor, trainable) = self.next();
        // Also on a plain device, where it decides what `Module::train` switches on later.
        Param::initialized(id, tensor).set_require_grad(trainable)
    }

    fn running(&mut self) -> RunningState<Tensor<1>> {
        let (id, tensor, _) = self.next();
        RunningState::with_id(id, tensor)
    }

    fn flag(&mut self, value: bool) -> Param<Flag> {
        self.flags += 1;
        // Counted from the far end, so that no tensor has the same identity.
        Param::initialized(ParamId::from(u64::MAX - self.flags), Flag::new(value))
    }
}

/// Batch normalisation (Ioffe and Szegedy 2015) with PyTorch's bookkeeping.
///
/// Burn's own layer mixes the *biased* batch variance into the running variance; PyTorch, and so
/// the published networks, mix in the unbiased one (n / (n - 1) times as large, n = values per
/// channel in the batch). Hence this layer.
#[derive(Module, Debug)]
pub(crate) struct BatchNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
    training: Param<Flag>,
    #[module(skip)]
    constants: NormConstants,
}

impl BatchNorm {
    /// Takes its tensors from the supply.
    pub fn new(constants: NormConstants, trainable: bool, supply: &mut Supply<'_>) -> Self {
        Self {
            weight: supply.parameter(),
            bias: supply.parameter(),
            running_mean: supply.running(),
            running_var: supply.running(),
            training: supply.flag(trainable),
            constants,
        }
    }

    /// Whether it normalises by the batch's own statistics: on a device that records gradients,
    /// unless frozen.
    fn uses_batch(&self, maps: &Tensor<4>) -> bool {
        maps.device().is_autodiff() && self.training.is_enabled()
    }

    /// Normalises by the batch's statistics or by the running ones.
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        if !self.uses_batch(&maps) {
            return batch_norm(
                maps,
                self.weight.val(),
                self.bias.val(),
                self.running_mean.value(),
                self.running_var.value(),
                self.constants.epsilon,
            );
        }
        let [films, _, height, width] = maps.dims();
        let count = (films * height * width) as f64;
        let batch = batch_norm_train(
            maps,
            self.weight.val(),
            self.bias.val(),
            self.constants.epsilon,
        );
        // One value per channel has no unbiased variance; PyTorch refuses it, here it counts as 0.
        let unbiased = batch.variance * (count / (count - 1.0).max(1.0));
        self.record(batch.mean, unbiased);
        batch.output
    }

    /// The norm as it is in prediction.
    pub fn running(&self) -> Norm {
        let device = self.weight.val().device();
        Norm {
            gamma: self.weight.val(),
            beta: self.bias.val(),
            mean: self.running_mean.value().to_device(&device),
            variance: self.running_var.value().to_device(&device),
            epsilon: self.constants.epsilon,
        }
    }

    /// Mixes a batch's mean and unbiased variance into the running statistics.
    fn record(&self, mean: Tensor<1>, unbiased_variance: Tensor<1>) {
        let share = self.constants.momentum;
        mix(&self.running_mean, mean, share);
        mix(&self.running_var, unbiased_variance, share);
    }
}

fn mix(running: &RunningState<Tensor<1>>, batch: Tensor<1>, share: f64) {
    let old = running.value_sync().to_device(&batch.device());
    running.update((old * (1.0 - share) + batch.detach() * share).detach());
    // An update waits until the next look at it; looking now keeps `value` never out of date.
    running.value_sync();
}

/// A convolution with what follows it: batch norm, activation, gate, 2x2 max-pooling.
#[derive(Module, Debug)]
pub(crate) struct ConvBlock {
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
    norm: Option<BatchNorm>,
    norm_last: bool,
    #[module(skip)]
    geometry: ConvGeometry,
    #[module(skip)]
    activation: Activation,
    gate: Option<Gate>,
    pool: bool,
    #[module(skip)]
    cache: BlockCache,
}

impl ConvBlock {
    /// Takes this block's tensors from the supply.
    pub fn new(plan: &ConvPlan, supply: &mut Supply<'_>) -> Self {
        let [before, after] = plan.padding;
        Self {
            weight: supply.parameter(),
            bias: plan.bias.then(|| supply.parameter()),
            norm: plan
                .norm
                .is_some()
                .then(|| BatchNorm::new(plan.constants, plan.trainable, supply)),
            norm_last: plan.norm_last,
            geometry: ConvGeometry {
                stride: [plan.stride; 2],
                padding: [before; 2],
                padding_more: [after
                    .checked_sub(before)
                    .expect("published networks pad no less after a map than before it");
                    2],
                groups: plan.groups,
                ..ConvGeometry::default()
            },
            activation: plan.activation,
            gate: plan.gate.is_some().then(|| Gate::new(supply)),
            pool: plan.pool,
            cache: BlockCache::default(),
        }
    }

    /// `[films, inputs, side, side]` to `[films, outputs, side', side']`.
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        match (self.activation.fused(), &self.gate) {
            (Some(activation), None) => self.convolve(maps, activation, self.pool),
            // What the convolution cannot do in one go comes after it.
            (_, gate) => {
                let maps = self.convolve(maps, plainfilm_conv::Activation::Identity, false);
                let maps = activate(self.activation, maps);
                let maps = match gate {
                    Some(gate) => gate.forward(maps),
                    None => maps,
                };
                pooled(maps, self.pool)
            }
        }
    }

    /// Convolution, batch norm, and this activation and pooling.
    fn convolve(
        &self,
        maps: Tensor<4>,
        activation: plainfilm_conv::Activation,
        pool: bool,
    ) -> Tensor<4> {
        if !(self.norm_last || maps.device().is_autodiff()) {
            return self.infer(maps, None, activation, pool);
        }
        let geometry = self.geometry;
        let weight = self.weight.val();
        let bias = self.bias.as_ref().map(Param::val);
        match &self.norm {
            None => match bias {
                Some(bias) => conv_bias_act(maps, weight, bias, geometry, activation, pool),
                None => {
                    let maps = conv2d(maps, weight, None, geometry);
                    pooled(activate(activation.into(), maps), pool)
                }
            },
            Some(norm) if self.norm_last => {
                let maps = conv2d(maps, weight, bias, geometry);
                pooled(norm.forward(activate(activation.into(), maps)), pool)
            }
            Some(norm) if !norm.uses_batch(&maps) => {
                let norm = norm.running();
                let (weight, bias) = fold_batch_norm(
                    weight,
                    bias,
                    norm.gamma,
                    norm.beta,
                    norm.mean,
                    norm.variance,
                    norm.epsilon,
                );
                conv_bias_act(maps, weight, bias, geometry, activation, pool)
            }
            Some(norm) if bias.is_some() => {
                let maps = norm.forward(conv2d(maps, weight, bias, geometry));
                pooled(activate(activation.into(), maps), pool)
            }
            Some(norm) => {
                let (maps, mean, variance) = conv_bn_act(
                    maps,
                    weight,
                    norm.weight.val(),
                    norm.bias.val(),
                    geometry,
                    norm.constants.epsilon,
                    activation,
                    pool,
                );
                norm.record(mean, variance);
                maps
            }
        }
    }

    /// `forward(maps) + kept`, and then `activation`, for a block that ends without an activation
    /// of its own or a pool.
    pub fn forward_sum(
        &self,
        maps: Tensor<4>,
        kept: Tensor<4>,
        activation: Activation,
    ) -> Tensor<4> {
        let plain = self.activation == Activation::Identity && self.gate.is_none() && !self.pool;
        let Some(fused) = activation.fused().filter(|_| plain && !self.norm_last) else {
            return activate(activation, self.forward(maps) + kept);
        };
        if !maps.device().is_autodiff() {
            return self.infer(maps, Some(kept), fused, false);
        }
        match &self.norm {
            Some(norm) if self.bias.is_none() && norm.uses_batch(&maps) => {
                let (sum, mean, variance) = conv_bn_sum_act(
                    maps,
                    self.weight.val(),
                    norm.weight.val(),
                    norm.bias.val(),
                    kept,
                    self.geometry,
                    norm.constants.epsilon,
                    fused,
                );
                norm.record(mean, variance);
                sum
            }
            _ => activate(activation, self.forward(maps) + kept),
        }
    }

    /// Convolution, batch norm, the sum with `kept`, activation and pooling, on a
    /// device that records no gradients.
    fn infer(
        &self,
        maps: Tensor<4>,
        kept: Option<Tensor<4>>,
        activation: plainfilm_conv::Activation,
        pool: bool,
    ) -> Tensor<4> {
        infer_block(maps, self.inference(activation, pool), kept, &self.cache)
    }

    /// What prediction computes with.
    fn inference(&self, activation: plainfilm_conv::Activation, pool: bool) -> InferenceBlock {
        InferenceBlock {
            weight: self.weight.val(),
            bias: self.bias.as_ref().map(Param::val),
            norm: self.norm.as_ref().map(BatchNorm::running),
            geometry: self.geometry,
            activation,
            pool,
        }
    }

    /// The whole block as a part of a chain, where a convolution can do all of it in one go.
    pub fn in_chain(&self) -> Option<InferenceBlock> {
        let activation = self.activation.fused()?;
        let plain = self.gate.is_none() && !self.norm_last;
        plain.then(|| self.inference(activation, self.pool))
    }
}

fn pooled(maps: Tensor<4>, pool: bool) -> Tensor<4> {
    if pool {
        let windows = Windows {
            size: 2,
            stride: 2,
            padding: 0,
        };
        max_pool2d(maps, windows)
    } else {
        maps
    }
}

/// Squeeze-and-excitation: weighs the channels of a map by what all of their averages say.
#[derive(Module, Debug)]
pub(crate) struct Gate {
    squeeze_weight: Param<Tensor<4>>,
    squeeze_bias: Param<Tensor<1>>,
    expand_weight: Param<Tensor<4>>,
    expand_bias: Param<Tensor<1>>,
}

impl Gate {
    /// Takes its tensors from the supply.
    fn new(supply: &mut Supply<'_>) -> Self {
        Self {
            squeeze_weight: supply.parameter(),
            squeeze_bias: supply.parameter(),
            expand_weight: supply.parameter(),
            expand_bias: supply.parameter(),
        }
    }

    /// `[films, channels, side, side]` to the same shape.
    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let [films, channels, height, width] = maps.dims();
        // A 1x1 convolution of a 1x1 map is a linear layer.
        let linear = |values: Tensor<2>, weight: &Param<Tensor<4>>, bias: &Param<Tensor<1>>| {
            let weight: Tensor<2> = weight.val().flatten(1, 3);
            values.matmul(weight.transpose()) + bias.val().unsqueeze()
        };
        let averages = maps.clone().reshape([films, channels, height * width]);
        let averages = averages.mean_dim(2).reshape([films, channels]);
        let squeezed = linear(averages, &self.squeeze_weight, &self.squeeze_bias);
        let squeezed = activate(Activation::Silu, squeezed);
        let shares = sigmoid(linear(squeezed, &self.expand_weight, &self.expand_bias));
        maps * shares.reshape([films, channels, 1, 1])
    }
}

/// A linear layer, its weight `[outputs, inputs]` as in PyTorch, and an activation.
#[derive(Module, Debug)]
pub(crate) struct Dense {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
}

impl Dense {
    /// Takes this layer's tensors from the supply.
    pub fn new(plan: &DensePlan, supply: &mut Supply<'_>) -> Self {
        Self {
            weight: supply.parameter(),
            bias: supply.parameter(),
            activation: plan.activation,
        }
    }

    /// `[films, inputs]` to `[films, outputs]`.
    pub fn forward(&self, vectors: Tensor<2>) -> Tensor<2> {
        let sums = vectors.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze();
        activate(self.activation, sums)
    }
}

/// Average over squares, stride equal to their side.
#[derive(Module, Debug)]
pub(crate) struct AveragePool {
    /// Side of the squares.
    pub size: usize,
}

impl AveragePool {
    /// `[films, channels, side, side]` to `[films, channels, side / size, side / size]`.
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        avg_pool2d(maps, AvgPoolOptions::new([self.size; 2]))
    }
}

/// Dropout (Srivastava et al. 2014) whose mask is a function of a key and the layer alone.
///
/// Burn's own layer draws from one generator per process, so its masks would depend on every other
/// draw and thread.
#[derive(Module, Debug)]
pub(crate) struct Dropout {
    rate: f64,
    active: bool,
    layer: u64,
    key: u64,
}

impl Dropout {
    /// `layer` tells the dropout layers of one network apart.
    pub fn new(rate: f64, active: bool, layer: u64, key: u64) -> Self {
        Self {
            rate,
            active,
            layer,
            key,
        }
    }

    /// Sets the key of the masks to come.
    pub fn seed(&mut self, key: u64) {
        self.key = key;
    }

    /// Lets everything through from now on.
    pub fn switch_off(&mut self) {
        self.active = false;
    }

    /// Drops values on a device that records gradients; passes everything through otherwise.
    pub fn forward<const D: usize>(&self, values: Tensor<D>) -> Tensor<D> {
        let device = values.device();
        if !(self.active && device.is_autodiff()) {
            return values;
        }
        let shape = values.dims();
        let mask = dropout_mask(self.key, self.layer, self.rate, shape.iter().product());
        values * Tensor::from_data(TensorData::new(mask, shape), &device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(device: &Device) -> BatchNorm {
        let tensors = ["weight", "bias", "running_mean", "running_var"]
            .into_iter()
            .zip([1.0, 0.0, 0.0, 1.0])
            .map(|(name, value)| {
                let plan = TensorPlan {
                    name: name.to_owned(),
                    shape: vec![1],
                    start: super::super::tensor_plan::Start::Constant(value),
                    parameter: true,
                    trainable: true,
                };
                (plan, vec![value])
            })
            .collect();
        BatchNorm::new(
            NormConstants::PYTORCH,
            true,
            &mut Supply::new(tensors, device),
        )
    }

    fn scalar(tensor: Tensor<1>) -> f32 {
        tensor.into_scalar()
    }

    #[test]
    fn the_running_variance_takes_in_the_unbiased_batch_variance() {
        let device = Device::flex().autodiff();
        let norm = norm(&device);
        // Mean 3, biased variance 5, unbiased 20/3.
        let maps = Tensor::<1>::from_floats([0.0, 2.0, 4.0, 6.0], &device).reshape([2, 1, 1, 2]);
        norm.forward(maps);
        assert!((scalar(norm.running_mean.value()) - 0.3).abs() < 1e-6);
        let expected = 0.9 + 0.1 * 20.0 / 3.0;
        assert!((scalar(norm.running_var.value()) - expected).abs() < 1e-6);
    }

    #[test]
    fn a_frozen_norm_keeps_its_statistics() {
        let device = Device::flex().autodiff();
        let norm = norm(&device).freeze();
        norm.forward(Tensor::ones([2, 1, 2, 2], &device) * 5.0);
        assert_eq!(scalar(norm.running_mean.value()), 0.0);
    }

    #[test]
    fn dropout_follows_its_key_and_only_while_training() {
        let mut dropout = Dropout::new(0.5, true, 0, 1);
        let training = Device::flex().autodiff();
        let masked = |dropout: &Dropout, device: &Device| {
            dropout
                .forward(Tensor::<2>::ones([4, 16], device))
                .into_data()
                .try_to_vec::<f32>()
                .expect("f32 on this device")
        };
        let first = masked(&dropout, &training);
        assert_eq!(first, masked(&dropout, &training));
        assert_eq!(masked(&dropout, &Device::flex()), vec![1.0; 64]);
        dropout.seed(2);
        assert_ne!(first, masked(&dropout, &training));
    }
}
