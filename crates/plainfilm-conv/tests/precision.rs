//! Inference in 16 bits; the precision is the process's, so this test is a program of its own.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use burn::tensor::{Device, Distribution, Tensor};
use plainfilm_conv::{
    Activation, BlockCache, ConvGeometry, InferenceBlock, Precision, infer_block, set_precision,
};

/// Films, channels in and out, side, kernel, stride, pool.
type Case = (usize, [usize; 2], usize, usize, usize, bool);

#[test]
fn sixteen_bits_cost_three_digits() {
    if let Err(error) = set_precision(Precision::BFloat16) {
        eprintln!("SKIPPED: sixteen_bits_cost_three_digits: {error}");
        return;
    }
    let device = Device::flex();
    let cases: [Case; 7] = [
        (2, [64, 64], 20, 3, 1, false),
        (1, [96, 40], 15, 3, 1, true),
        (3, [8, 16], 33, 3, 1, true),
        (2, [40, 7], 9, 1, 1, false),
        (1, [33, 65], 14, 3, 2, false),
        // Too few channels, so these stay as they are.
        (2, [3, 8], 12, 3, 1, false),
        (1, [1, 1], 1, 1, 1, false),
    ];
    for (films, [inputs, outputs], side, kernel, stride, pool) in cases {
        let normal = |scale: f64| Distribution::Normal(0.0, scale);
        let x = Tensor::<4>::random([films, inputs, side, side], normal(1.0), &device);
        let scale = 1.0 / ((inputs * kernel * kernel) as f64).sqrt();
        let weight = Tensor::random([outputs, inputs, kernel, kernel], normal(scale), &device);
        let bias = Tensor::<1>::random([outputs], normal(0.1), &device);
        let geometry = ConvGeometry {
            stride: [stride; 2],
            padding: [kernel / 2; 2],
            ..ConvGeometry::default()
        };
        // One for both: it must notice the change of precision.
        let cache = BlockCache::default();
        let run = |precision| -> Vec<f32> {
            set_precision(precision).expect("it was set before");
            let block = InferenceBlock {
                weight: weight.clone(),
                bias: Some(bias.clone()),
                norm: None,
                geometry,
                activation: Activation::LeakyRelu(0.1),
                pool,
            };
            let y = infer_block(x.clone(), block, None, &cache);
            y.to_data().iter::<f32>().collect()
        };
        let (exact, rounded) = (run(Precision::Float32), run(Precision::BFloat16));
        let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>();
        let error = square(&mut exact.iter().zip(&rounded).map(|(a, b)| a - b));
        let relative = (error / square(&mut exact.iter().copied())).sqrt();
        assert!(
            relative < 4e-3,
            "{inputs} to {outputs}: relative error {relative}"
        );
        // Rounding must show where it takes place, or nothing was tested.
        assert_eq!(
            relative > 1e-4,
            inputs >= 8,
            "{inputs} to {outputs}: {relative}"
        );
    }
}
