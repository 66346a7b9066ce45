//! Inference in 16 bits; the precision is the process's, so these tests are a program of their own.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::sync::Mutex;

use burn::tensor::{Device, Distribution, Tensor};
use plainfilm_conv::{
    Activation, BlockCache, ChainCache, ChainLayer, ConvGeometry, InferenceBlock, Norm, Precision,
    infer_block, infer_chain, set_precision,
};

/// One test at a time: they change the precision.
static PRECISION: Mutex<()> = Mutex::new(());

/// Films, channels in and out, side, kernel, stride, pool.
type Case = (usize, [usize; 2], usize, usize, usize, bool);

#[test]
fn sixteen_bits_cost_three_digits() {
    let _alone = PRECISION.lock().expect("the other test did not fail");
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

/// Blocks of a chain: channels in and out, kernel, stride, padding, activation, pool, and whether there is a norm.
fn chain(side: usize, device: &Device) -> Vec<InferenceBlock> {
    let leaky = Activation::LeakyRelu(0.1);
    let rows = [
        ([3, 24], 3, 1, 1, Activation::Relu, true, false),
        ([24, 40], 3, 1, 1, leaky, false, true),
        // Padded, though its kernel is one pixel.
        ([40, 16], 1, 1, 1, leaky, false, true),
        ([16, 64], 3, 2, 1, Activation::Relu6, false, false),
        ([64, 96], 3, 1, 1, Activation::Relu, side > 40, true),
        ([96, 33], 5, 1, 2, Activation::Identity, true, false),
    ];
    let random = |mean, scale| Distribution::Normal(mean, scale);
    rows.into_iter()
        .map(
            |([inputs, outputs], kernel, stride, padding, activation, pool, norm)| {
                let scale = 1.0 / ((inputs * kernel * kernel) as f64).sqrt();
                let weight = [outputs, inputs, kernel, kernel];
                let values =
                    |mean, scale| Tensor::<1>::random([outputs], random(mean, scale), device);
                InferenceBlock {
                    weight: Tensor::random(weight, random(0.0, scale), device),
                    bias: (!norm).then(|| values(0.0, 0.1)),
                    norm: norm.then(|| Norm {
                        gamma: values(1.0, 0.1),
                        beta: values(0.0, 0.1),
                        mean: values(0.0, 0.1),
                        variance: values(1.0, 0.1).abs(),
                        epsilon: 1e-5,
                    }),
                    geometry: ConvGeometry {
                        stride: [stride; 2],
                        padding: [padding; 2],
                        ..ConvGeometry::default()
                    },
                    activation,
                    pool,
                }
            },
        )
        .collect()
}

fn numbers(tensor: &Tensor<4>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

#[test]
fn a_chain_is_its_blocks_one_by_one() {
    let _alone = PRECISION.lock().expect("the other test did not fail");
    if let Err(error) = set_precision(Precision::BFloat16) {
        eprintln!("SKIPPED: a_chain_is_its_blocks_one_by_one: {error}");
        return;
    }
    let device = Device::flex();
    for (films, side) in [(1, 20), (5, 31), (9, 64)] {
        let blocks = chain(side, &device);
        let uniform = Distribution::Uniform(-1.0, 1.0);
        let x = Tensor::<4>::random([films, 3, side, side], uniform, &device);
        let cache = ChainCache::default();
        let run = |x: &Tensor<4>| {
            let layers: Vec<_> = blocks.iter().cloned().map(ChainLayer::Conv).collect();
            let (maps, taken) =
                infer_chain(x, &layers, &cache).expect("AMX is there, and no block has groups");
            assert_eq!(taken, blocks.len());
            numbers(&maps)
        };
        let found = run(&x);
        assert!(found == run(&x), "the cache gives something else");
        let one_by_one = |precision| {
            set_precision(precision).expect("it was set before");
            let y = blocks.iter().fold(x.clone(), |x, block| {
                infer_block(x, block.clone(), None, &BlockCache::default())
            });
            set_precision(Precision::BFloat16).expect("it was set before");
            numbers(&y)
        };
        for (precision, most) in [(Precision::BFloat16, 1e-2), (Precision::Float32, 2e-2)] {
            let expected = one_by_one(precision);
            assert_eq!(found.len(), expected.len());
            let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>();
            let error = square(&mut expected.iter().zip(&found).map(|(a, b)| a - b));
            let relative = (error / square(&mut expected.iter().copied())).sqrt();
            assert!(
                relative < most,
                "{films} of {side}: {relative} to {precision:?}"
            );
        }
        // Films one by one, and other numbers of threads, give the same bytes.
        let alone: Vec<f32> = (0..films)
            .flat_map(|film| run(&x.clone().narrow(0, film, 1)))
            .collect();
        assert!(
            found == alone,
            "{films} of {side}: a batch is not its films"
        );
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().expect("a pool");
            assert!(found == pool.install(|| run(&x)), "{threads} threads");
        }
        // Other weights are noticed.
        let mut others = blocks.clone();
        others[1].weight = others[1].weight.clone() * 2.0;
        let others: Vec<_> = others.into_iter().map(ChainLayer::Conv).collect();
        let (changed, _) = infer_chain(&x, &others, &cache).expect("as before");
        assert!(found != numbers(&changed));
    }
    set_precision(Precision::Float32).expect("32 bits are always there");
    let x = Tensor::<4>::zeros([1, 3, 20, 20], &device);
    let layers: Vec<_> = chain(20, &device)
        .into_iter()
        .map(ChainLayer::Conv)
        .collect();
    let chained = infer_chain(&x, &layers, &ChainCache::default());
    assert!(chained.is_none(), "32 bits are for the blocks themselves");
}
