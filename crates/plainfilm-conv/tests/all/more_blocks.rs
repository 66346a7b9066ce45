//! The blocks of networks without batch normalisation, of residual networks, and the pool that stands
//! alone, with their gradients.

use burn::tensor::{DType, Device, Tensor};
use plainfilm_conv::{
    Activation, AdamStep, BlockCache, ConvGeometry, InferenceBlock, Norm, Windows, adam_step,
    conv_bias_act, conv_bn_sum_act, film_by_film, infer_block, max_pool2d, norm_act, side_by_side,
};

use crate::support::{Case, assert_close, numbers, shape_classes, tensor, uniform};

const ACTIVATIONS: [Activation; 4] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu(0.1),
    Activation::Relu6,
];

/// Leaves with values that depend on a seed only, tracked where the device can.
struct Leaves {
    device: Device,
    dtype: DType,
}

impl Leaves {
    fn make<const D: usize>(&self, seed: u64, shape: [usize; D]) -> Tensor<D> {
        let values = uniform(seed, shape.iter().product());
        let leaf = tensor(&values, shape, self.dtype, &self.device);
        if self.device.is_autodiff() {
            leaf.require_grad()
        } else {
            leaf
        }
    }
}

/// The gradients of `sum(output * probe)` with respect to the leaves.
fn gradients<const N: usize>(output: &Tensor<4>, leaves: [&Tensor<4>; N]) -> [Vec<f64>; N] {
    let dims = output.dims();
    let probe = uniform(15, dims.iter().product());
    let probe = tensor(&probe, dims, output.dtype(), &output.device());
    let gradients = (output.clone() * probe).sum().backward();
    leaves.map(|leaf| numbers(&leaf.grad(&gradients).expect("tracked")))
}

#[test]
fn biased_blocks_agree_with_burns_operations_in_float64() {
    for (name, case) in shape_classes() {
        let [_, channels, height, width] = case.output();
        for activation in ACTIVATIONS {
            for pool in [false, true] {
                if pool && (height < 2 || width < 2) {
                    continue;
                }
                let run = |dtype| {
                    let device = Device::flex().autodiff();
                    let leaves = Leaves { device, dtype };
                    let x = leaves.make(31, case.input());
                    let weight = leaves.make(32, case.weight());
                    // Shaped so that it can be listed with the others.
                    let bias = leaves.make(33, [1, channels, 1, 1]);
                    let output = conv_bias_act(
                        x.clone(),
                        weight.clone(),
                        bias.clone().reshape([channels]),
                        case.geometry,
                        activation,
                        pool,
                    );
                    let found = gradients(&output, [&x, &weight, &bias]);
                    (numbers(&output), found)
                };
                let (found, expected) = (run(DType::F32), run(DType::F64));
                let what = |part| format!("{name}, {activation:?}, pool {pool}: {part}");
                assert_close(&what("output"), &found.0, &expected.0, case.tolerance());
                for ((part, found), expected) in ["x", "weight", "bias"]
                    .iter()
                    .zip(&found.1)
                    .zip(&expected.1)
                {
                    assert_close(&what(part), found, expected, 1e-4);
                }
            }
        }
    }
}

/// Output, mean, variance and gradients of the end of a residual block.
fn residual(case: &Case, dtype: DType, activation: Activation) -> Vec<Vec<f64>> {
    let device = Device::flex().autodiff();
    let leaves = Leaves { device, dtype };
    let channels = case.channels[1];
    let x = leaves.make(11, case.input());
    let weight = leaves.make(12, case.weight());
    let kept = leaves.make(16, case.output());
    let [gamma, beta] = [13, 14].map(|seed| leaves.make(seed, [1, channels, 1, 1]));
    let (output, mean, variance) = conv_bn_sum_act(
        x.clone(),
        weight.clone(),
        gamma.clone().reshape([channels]),
        beta.clone().reshape([channels]),
        kept.clone(),
        case.geometry,
        1e-5,
        activation,
    );
    let found = gradients(&output, [&x, &weight, &gamma, &beta, &kept]);
    let mut parts = vec![numbers(&output), numbers(&mean), numbers(&variance)];
    parts.extend(found);
    parts
}

#[test]
fn residual_blocks_agree_with_burns_operations_in_float64() {
    const PARTS: [&str; 8] = [
        "output", "mean", "variance", "x", "weight", "gamma", "beta", "kept",
    ];
    for (name, case) in shape_classes() {
        let [_, _, height, width] = case.output();
        // With two or three values per channel the normalised gradients are pure rounding.
        if case.films * height * width < 8 {
            continue;
        }
        for activation in ACTIVATIONS {
            let found = residual(&case, DType::F32, activation);
            let expected = residual(&case, DType::F64, activation);
            for ((part, found), expected) in PARTS.iter().zip(&found).zip(&expected) {
                let what = format!("{name}, {activation:?}: {part}");
                assert_close(&what, found, expected, 1e-4);
            }
        }
    }
}

/// A block for inference with or without normalisation, sum and pool.
fn inferred(
    case: &Case,
    dtype: DType,
    activation: Activation,
    [norm, sum, pool]: [bool; 3],
    cache: &BlockCache,
) -> Vec<f64> {
    let device = Device::flex();
    let leaves = Leaves { device, dtype };
    let channels = case.channels[1];
    let block = InferenceBlock {
        weight: leaves.make(32, case.weight()),
        bias: (!norm || sum).then(|| leaves.make(33, [channels])),
        norm: norm.then(|| Norm {
            gamma: leaves.make(35, [channels]),
            beta: leaves.make(36, [channels]),
            mean: leaves.make(37, [channels]),
            variance: leaves.make(38, [channels]).abs() + 0.5,
            epsilon: 1e-3,
        }),
        geometry: case.geometry,
        activation,
        pool,
    };
    let kept = sum.then(|| leaves.make(34, case.output()));
    let x = leaves.make(31, case.input());
    let found = infer_block(x.clone(), block.clone(), kept.clone(), cache);
    // The second time from the packed weights.
    let again = infer_block(x, block, kept, cache);
    assert_eq!(numbers(&found), numbers(&again));
    numbers(&found)
}

#[test]
fn blocks_for_inference_agree_with_burns_operations_in_float64() {
    for (name, case) in shape_classes() {
        let [_, _, height, width] = case.output();
        for (norm, sum, pool) in [
            (false, false, false),
            (false, false, true),
            (true, false, false),
            (true, true, false),
            (false, true, false),
        ] {
            if pool && (height < 2 || width < 2) {
                continue;
            }
            for activation in ACTIVATIONS {
                let run = |dtype| {
                    let cache = BlockCache::default();
                    inferred(&case, dtype, activation, [norm, sum, pool], &cache)
                };
                let what = format!("{name}, {activation:?}, {norm}, {sum}, {pool}");
                let expected = run(DType::F64);
                assert_close(&what, &run(DType::F32), &expected, case.tolerance());
            }
        }
    }
}

#[test]
fn a_cache_notices_other_weights_shapes_and_settings() {
    let (_, small) = shape_classes().swap_remove(0);
    let cache = BlockCache::default();
    let device = Device::flex();
    let leaves = Leaves {
        device,
        dtype: DType::F32,
    };
    let run = |cache: &BlockCache, seed, films, activation| {
        let mut input = small.input();
        input[0] = films;
        let block = InferenceBlock {
            weight: leaves.make(seed, small.weight()),
            bias: None,
            norm: None,
            geometry: small.geometry,
            activation,
            pool: false,
        };
        numbers(&infer_block(leaves.make(1, input), block, None, cache))
    };
    for (seed, films, activation) in [
        (1, 1, Activation::Relu),
        (2, 1, Activation::Relu),
        (2, 3, Activation::Relu),
        (2, 3, Activation::Identity),
        (1, 1, Activation::Relu),
    ] {
        let found = run(&cache, seed, films, activation);
        let expected = run(&BlockCache::default(), seed, films, activation);
        assert_eq!(found, expected, "{seed}, {films}, {activation:?}");
    }
}

#[test]
fn normalisation_without_convolution_agrees_with_burns() {
    let run = |dtype, activation| {
        let device = Device::flex();
        let leaves = Leaves { device, dtype };
        let norm = Norm {
            gamma: leaves.make(1, [5]),
            beta: leaves.make(2, [5]),
            mean: leaves.make(3, [5]),
            variance: leaves.make(4, [5]).abs() + 0.1,
            epsilon: 1e-5,
        };
        numbers(&norm_act(leaves.make(5, [2, 5, 3, 7]), &norm, activation))
    };
    for activation in ACTIVATIONS {
        let expected = run(DType::F64, activation);
        assert_close("norm", &run(DType::F32, activation), &expected, 1e-5);
    }
}

#[test]
fn maps_side_by_side_are_concatenated() {
    let device = Device::flex();
    let leaves = Leaves {
        device,
        dtype: DType::F32,
    };
    let (first, second) = (leaves.make(1, [3, 2, 4, 5]), leaves.make(2, [3, 1, 4, 5]));
    let expected = Tensor::cat(vec![first.clone(), second.clone()], 1);
    assert_eq!(
        side_by_side(first, second).into_data(),
        expected.into_data()
    );
}

#[test]
fn pools_agree_with_burns_operations_in_float64() {
    for (size, stride, padding, map) in [
        (2, 2, 0, [6, 7]),
        (3, 2, 1, [7, 8]),
        (3, 1, 1, [5, 5]),
        (2, 3, 1, [9, 4]),
        (5, 2, 2, [5, 12]),
        (1, 1, 0, [3, 3]),
        (3, 2, 1, [1, 2]),
    ] {
        let windows = Windows {
            size,
            stride,
            padding,
        };
        let run = |dtype| {
            let device = Device::flex().autodiff();
            let x = Leaves { device, dtype }.make(71, [2, 3, map[0], map[1]]);
            let output = max_pool2d(x.clone(), windows);
            let [gradient] = gradients(&output, [&x]);
            (output.dims(), numbers(&output), gradient)
        };
        let (found, expected) = (run(DType::F32), run(DType::F64));
        let what = format!("{windows:?} on {map:?}");
        assert_eq!(found.0, expected.0, "{what}");
        assert_close(&what, &found.1, &expected.1, 1e-6);
        assert_close(&what, &found.2, &expected.2, 1e-6);
    }
}

#[test]
fn steps_of_adam_agree_with_float64() {
    let run = |dtype, coupled_decay, decoupled_decay| {
        let device = Device::flex();
        let make = |seed| tensor(&uniform(seed, 300), [3, 100], dtype, &device);
        let (mut weight, gradient) = (make(81), make(82));
        let mut moments = [weight.zeros_like(), weight.zeros_like()];
        for time in 1..=5 {
            let step = AdamStep {
                rate: 0.01,
                beta_1: 0.9,
                beta_2: 0.999,
                epsilon: 1e-7,
                coupled_decay,
                decoupled_decay,
                time,
            };
            (weight, moments) = adam_step(weight, gradient.clone(), moments, step);
        }
        let [first, second] = &moments;
        [numbers(&weight), numbers(first), numbers(second)]
    };
    for (coupled, decoupled) in [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)] {
        let found = run(DType::F32, coupled, decoupled);
        let expected = run(DType::F64, coupled, decoupled);
        for (found, expected) in found.iter().zip(&expected) {
            assert_close("adam", found, expected, 1e-5);
        }
    }
}

#[test]
#[should_panic(expected = "expected something of shape [1, 2, 4, 4] to add, found [1, 2, 3, 4]")]
fn a_sum_of_unequal_maps_stops_with_a_clear_message() {
    let device = Device::flex();
    let _ = conv_bn_sum_act(
        Tensor::zeros([1, 1, 4, 4], &device),
        Tensor::zeros([2, 1, 1, 1], &device),
        Tensor::zeros([2], &device),
        Tensor::zeros([2], &device),
        Tensor::zeros([1, 2, 3, 4], &device),
        ConvGeometry::default(),
        1e-5,
        Activation::Relu,
    );
}

#[test]
fn film_by_film_a_chain_gives_what_it_gives_for_the_batch() {
    let leaves = Leaves {
        device: Device::flex(),
        dtype: DType::F32,
    };
    let block = |seed, shape: [usize; 4], geometry| InferenceBlock {
        weight: leaves.make(seed, shape),
        bias: None,
        norm: None,
        geometry,
        activation: Activation::Relu6,
        pool: false,
    };
    let depthwise = ConvGeometry {
        padding: [1; 2],
        groups: 24,
        ..ConvGeometry::default()
    };
    let wide = block(2, [24, 4, 1, 1], ConvGeometry::default());
    let apart = block(3, [24, 1, 3, 3], depthwise);
    let caches = [BlockCache::default(), BlockCache::default()];
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let chain = |x| {
        calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let x = infer_block(x, wide.clone(), None, &caches[0]);
        infer_block(x, apart.clone(), None, &caches[1])
    };
    for (films, expected_calls) in [(1, 1), (2, 2), (5, 5)] {
        let x = leaves.make(1, [films, 4, 9, 7]);
        let expected = numbers(&chain(x.clone()));
        calls.store(0, std::sync::atomic::Ordering::Relaxed);
        let found = film_by_film(x, chain);
        assert_eq!(found.dims(), [films, 24, 9, 7]);
        assert_eq!(
            calls.load(std::sync::atomic::Ordering::Relaxed),
            expected_calls
        );
        assert_close(&format!("{films} films"), &numbers(&found), &expected, 1e-6);
    }
    // Where gradients are recorded the batch stays together.
    let tracked = leaves.make(1, [3, 4, 9, 7]).autodiff();
    let found = film_by_film(tracked, |x| {
        assert_eq!(x.dims()[0], 3);
        x * 2.0
    });
    assert_eq!(found.dims(), [3, 4, 9, 7]);
}
