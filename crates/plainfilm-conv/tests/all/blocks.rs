//! The fused blocks.

use burn::tensor::{DType, Device, Tensor};
use plainfilm_conv::{
    Activation, ConvGeometry, conv_bias_act, conv_bn_act, conv2d, fold_batch_norm,
};

use crate::support::{
    Case, TOLERANCE, assert_close, case, numbers, shape_classes, tensor, uniform,
};

const EPSILON: f64 = 1e-5;
const ACTIVATIONS: [Activation; 4] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu(0.1),
    Activation::Relu6,
];
/// Gradients through batch normalisation are differences of large sums, and a value next to a kink
/// may fall on its other side.
const BLOCK_TOLERANCE: f64 = 1e-4;

/// Leaves of a training block, tracked.
struct Block {
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
}

impl Block {
    fn new(case: &Case, dtype: DType) -> Self {
        Self::on(&Device::flex().autodiff(), case, dtype)
    }

    fn on(device: &Device, case: &Case, dtype: DType) -> Self {
        let make = |seed, shape: [usize; 4]| {
            let values = uniform(seed, shape.iter().product());
            tensor(&values, shape, dtype, device).require_grad()
        };
        let channels = case.channels[1];
        // Gamma of both signs: a pool must take the largest after scaling.
        let gamma = uniform(13, channels);
        let beta = uniform(14, channels);
        Self {
            x: make(11, case.input()),
            weight: make(12, case.weight()),
            gamma: tensor(&gamma, [channels], dtype, device).require_grad(),
            beta: tensor(&beta, [channels], dtype, device).require_grad(),
        }
    }

    fn forward(
        &self,
        geometry: ConvGeometry,
        activation: Activation,
        pool: bool,
    ) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
        conv_bn_act(
            self.x.clone(),
            self.weight.clone(),
            self.gamma.clone(),
            self.beta.clone(),
            geometry,
            EPSILON,
            activation,
            pool,
        )
    }

    /// Output, mean, variance and the gradients of `sum(output * probe)`.
    fn run(&self, geometry: ConvGeometry, activation: Activation, pool: bool) -> [Vec<f64>; 7] {
        let (output, mean, variance) = self.forward(geometry, activation, pool);
        let dims = output.dims();
        let probe = uniform(15, dims.iter().product());
        let probe = tensor(&probe, dims, output.dtype(), &output.device());
        let gradients = (output.clone() * probe).sum().backward();
        [
            numbers(&output),
            numbers(&mean),
            numbers(&variance),
            numbers(&self.x.grad(&gradients).unwrap()),
            numbers(&self.weight.grad(&gradients).unwrap()),
            numbers(&self.gamma.grad(&gradients).unwrap()),
            numbers(&self.beta.grad(&gradients).unwrap()),
        ]
    }
}

const PARTS: [&str; 7] = ["output", "mean", "variance", "x", "weight", "gamma", "beta"];

#[test]
fn training_blocks_agree_with_burns_operations_in_float64() {
    for (name, case) in shape_classes() {
        let [_, _, height, width] = case.output();
        // With two or three values per channel the normalised gradients are pure rounding.
        if case.films * height * width < 8 {
            continue;
        }
        for activation in ACTIVATIONS {
            for pool in [false, true] {
                if pool && (height < 2 || width < 2) {
                    continue;
                }
                let found = Block::new(&case, DType::F32).run(case.geometry, activation, pool);
                let expected = Block::new(&case, DType::F64).run(case.geometry, activation, pool);
                for ((part, found), expected) in PARTS.iter().zip(&found).zip(&expected) {
                    let what = format!("{name}, {activation:?}, pool {pool}: {part}");
                    assert_close(&what, found, expected, BLOCK_TOLERANCE);
                }
            }
        }
    }
}

#[test]
fn gradient_checkpointing_changes_nothing() {
    let block = case((2, [3, 4], [8, 7], [3, 3], [1, 1], [1, 1], [1, 1], 1));
    let run = |device: &Device| {
        let block = Block::on(device, &block, DType::F32);
        // The input comes from an operation that the checkpointing device computes again.
        let x = burn::tensor::activation::relu(block.x.clone());
        let geometry = ConvGeometry::padded(1);
        let (output, _, _) = conv_bn_act(
            x,
            block.weight.clone(),
            block.gamma.clone(),
            block.beta.clone(),
            geometry,
            EPSILON,
            Activation::LeakyRelu(0.1),
            true,
        );
        let gradients = output.powi_scalar(2).sum().backward();
        [
            numbers(&block.x.grad(&gradients).unwrap()),
            numbers(&block.weight.grad(&gradients).unwrap()),
        ]
    };
    let plain = run(&Device::flex().autodiff());
    let checkpointed = run(&Device::flex().autodiff().gradient_checkpointing());
    assert_eq!(plain, checkpointed);
    assert!(plain[0].iter().any(|v| *v != 0.0));
}

#[test]
fn one_value_per_channel_gives_beta_and_no_variance() {
    let single = case((1, [2, 3], [1, 1], [1, 1], [1, 1], [0, 0], [1, 1], 1));
    let block = Block::new(&single, DType::F32);
    let [output, _, variance, x, weight, gamma, beta] =
        block.run(single.geometry, Activation::Identity, false);
    assert_eq!(output, numbers(&block.beta));
    assert_eq!(variance, [0.0; 3]);
    assert!(
        x.iter()
            .chain(&weight)
            .chain(&gamma)
            .all(|v| v.abs() < 1e-5)
    );
    assert!(beta.iter().all(|v| v.is_finite()));
}

#[test]
fn a_mean_far_from_zero_keeps_the_variances_digits() {
    let device = Device::flex();
    let values: Vec<f64> = uniform(21, 4 * 64).iter().map(|v| 1000.0 + v).collect();
    let run = |dtype| {
        let (_, _, variance) = conv_bn_act(
            tensor(&values, [4, 1, 8, 8], dtype, &device),
            tensor(&[1.0], [1, 1, 1, 1], dtype, &device),
            tensor(&[1.0], [1], dtype, &device),
            tensor(&[0.0], [1], dtype, &device),
            ConvGeometry::default(),
            EPSILON,
            Activation::Identity,
            false,
        );
        numbers(&variance)
    };
    assert_close("variance", &run(DType::F32), &run(DType::F64), 1e-3);
}

#[test]
fn finite_differences_confirm_the_block_gradients() {
    let small = case((2, [2, 3], [6, 7], [3, 3], [1, 1], [1, 1], [1, 1], 1));
    for (activation, pool) in [
        (Activation::Identity, false),
        (Activation::LeakyRelu(0.1), false),
        (Activation::Identity, true),
        (Activation::Relu, true),
    ] {
        let block = Block::new(&small, DType::F32);
        let gradients = block.run(small.geometry, activation, pool);
        let loss = |block: &Block| -> f64 {
            let (output, _, _) = block.forward(small.geometry, activation, pool);
            let values = numbers(&output);
            let probe = uniform(15, values.len());
            values.iter().zip(&probe).map(|(v, p)| v * p).sum()
        };
        let step = 1e-3;
        let mut wrong = 0;
        let mut tried = 0;
        let mut check = |gradient: &[f64], change: &dyn Fn(&mut Block, usize, f64)| {
            let largest = gradient.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            for (at, expected) in gradient.iter().enumerate().step_by(5) {
                let at_step = |by: f64| {
                    let mut block = Block::new(&small, DType::F32);
                    change(&mut block, at, by);
                    loss(&block)
                };
                let found = (at_step(step) - at_step(-step)) / (2.0 * step);
                tried += 1;
                wrong += usize::from((found - expected).abs() > 0.01 * largest);
            }
        };
        check(&gradients[3], &|block, at, by| nudge(&mut block.x, at, by));
        check(&gradients[4], &|block, at, by| {
            nudge(&mut block.weight, at, by)
        });
        check(&gradients[5], &|block, at, by| {
            nudge(&mut block.gamma, at, by)
        });
        check(&gradients[6], &|block, at, by| {
            nudge(&mut block.beta, at, by)
        });
        // Across a kink or a change of the largest of four the difference quotient is no gradient.
        let allowed = if activation == Activation::Identity && !pool {
            0
        } else {
            tried / 20
        };
        assert!(
            wrong <= allowed,
            "{activation:?}, pool {pool}: {wrong} of {tried} gradients differ"
        );
    }
}

/// Adds `by` to one value of a tensor.
fn nudge<const D: usize>(tensor: &mut Tensor<D>, at: usize, by: f64) {
    let mut values = numbers(tensor);
    values[at] += by;
    *tensor = crate::support::tensor(&values, tensor.dims(), tensor.dtype(), &tensor.device());
}

#[test]
fn inference_blocks_agree_with_burns_operations_in_float64() {
    for (name, case) in shape_classes() {
        let [_, channels, height, width] = case.output();
        for activation in ACTIVATIONS {
            for pool in [false, true] {
                if pool && (height < 2 || width < 2) {
                    continue;
                }
                let run = |dtype| {
                    let device = Device::flex();
                    let make = |seed, shape: [usize; 4]| {
                        let values = uniform(seed, shape.iter().product());
                        tensor(&values, shape, dtype, &device)
                    };
                    numbers(&conv_bias_act(
                        make(31, case.input()),
                        make(32, case.weight()),
                        tensor(&uniform(33, channels), [channels], dtype, &device),
                        case.geometry,
                        activation,
                        pool,
                    ))
                };
                let what = format!("{name}, {activation:?}, pool {pool}");
                assert_close(&what, &run(DType::F32), &run(DType::F64), case.tolerance());
            }
        }
    }
}

#[test]
fn a_folded_block_equals_convolution_then_normalisation() {
    let device = Device::flex();
    let make = |seed, shape: [usize; 4]| {
        tensor(
            &uniform(seed, shape.iter().product()),
            shape,
            DType::F32,
            &device,
        )
    };
    let (x, weight) = (make(41, [2, 3, 8, 8]), make(42, [5, 3, 3, 3]));
    let channel = |seed| tensor(&uniform(seed, 5), [5], DType::F32, &device);
    let (gamma, beta, mean) = (channel(43), channel(44), channel(45));
    let variance = channel(46).abs().add_scalar(0.5);
    let geometry = ConvGeometry::padded(1);
    for bias in [None, Some(channel(47))] {
        let (folded, folded_bias) = fold_batch_norm(
            weight.clone(),
            bias.clone(),
            gamma.clone(),
            beta.clone(),
            mean.clone(),
            variance.clone(),
            EPSILON,
        );
        let found = conv_bias_act(
            x.clone(),
            folded,
            folded_bias,
            geometry,
            Activation::LeakyRelu(0.1),
            true,
        );
        let z = conv2d(x.clone(), weight.clone(), bias, geometry);
        let z = burn::tensor::module::batch_norm(
            z,
            gamma.clone(),
            beta.clone(),
            mean.clone(),
            variance.clone(),
            EPSILON,
        );
        let y = burn::tensor::activation::leaky_relu(z, 0.1);
        let options = burn::tensor::ops::MaxPoolOptions::new([2, 2]);
        let expected = burn::tensor::module::max_pool2d(y, options);
        assert_close("folded", &numbers(&found), &numbers(&expected), TOLERANCE);
    }
}

#[test]
fn a_folded_block_on_an_autodiff_device_has_gradients() {
    let device = Device::flex().autodiff();
    let x = tensor(&uniform(51, 48), [1, 3, 4, 4], DType::F32, &device).require_grad();
    let weight = tensor(&uniform(52, 54), [2, 3, 3, 3], DType::F32, &device);
    let bias = tensor(&uniform(53, 2), [2], DType::F32, &device);
    let geometry = ConvGeometry::padded(1);
    let output = conv_bias_act(x.clone(), weight, bias, geometry, Activation::Relu, true);
    let gradients = output.sum().backward();
    assert!(
        numbers(&x.grad(&gradients).unwrap())
            .iter()
            .any(|v| *v != 0.0)
    );
}

#[test]
fn a_value_that_is_not_a_number_is_not_hidden() {
    let device = Device::flex();
    let mut values = uniform(61, 64);
    values[17] = f64::NAN;
    let x = tensor(&values, [1, 1, 8, 8], DType::F32, &device);
    let one = |shape: [usize; 4]| tensor(&[1.0], shape, DType::F32, &device);
    let zero = tensor(&[0.0], [1], DType::F32, &device);
    for activation in ACTIVATIONS {
        for pool in [false, true] {
            let output = conv_bias_act(
                x.clone(),
                one([1, 1, 1, 1]),
                zero.clone(),
                ConvGeometry::default(),
                activation,
                pool,
            );
            let broken = numbers(&output).iter().filter(|v| v.is_nan()).count();
            assert_eq!(broken, 1, "{activation:?}, pool {pool}");
        }
    }
}

#[test]
#[should_panic(expected = "expected a map of at least 2x2 to pool, found [1, 4]")]
fn a_map_too_small_to_pool_stops_with_a_clear_message() {
    let device = Device::flex();
    let _ = conv_bias_act(
        Tensor::zeros([1, 1, 1, 4], &device),
        Tensor::zeros([1, 1, 1, 1], &device),
        Tensor::zeros([1], &device),
        ConvGeometry::default(),
        Activation::Relu,
        true,
    );
}
