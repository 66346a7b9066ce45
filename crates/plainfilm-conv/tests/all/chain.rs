//! Chains of layers for prediction, beside the same layers one by one in float64.

use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{DType, Device, Tensor};
use plainfilm_conv::{
    Activation, BlockCache, ChainCache, ChainLayer, ConvGeometry, InferenceBlock, Norm, Windows,
    infer_block, infer_chain, max_pool2d, norm_act, side_by_side,
};

use crate::support::{assert_close, numbers, tensor, uniform};

/// Makes layers whose weights are a function of their order.
struct Maker {
    dtype: DType,
    seed: u64,
}

impl Maker {
    fn values<const D: usize>(&mut self, shape: [usize; D], scale: f64) -> Tensor<D> {
        self.seed += 1;
        let values = uniform(self.seed, shape.iter().product());
        let values: Vec<f64> = values.iter().map(|value| value * scale).collect();
        // Through 32 bits, so that both precisions start from the same numbers.
        let values: Vec<f64> = values
            .iter()
            .map(|&value| f64::from(value as f32))
            .collect();
        tensor(&values, shape, self.dtype, &Device::flex())
    }

    fn norm(&mut self, channels: usize) -> Norm {
        Norm {
            gamma: self.values([channels], 0.5) + 1.0,
            beta: self.values([channels], 0.5),
            mean: self.values([channels], 0.5),
            variance: self.values([channels], 0.4) + 1.0,
            epsilon: 1e-3,
        }
    }

    /// With a norm where there is an activation, else with a bias.
    fn block(
        &mut self,
        [outputs, inputs]: [usize; 2],
        kernel: usize,
        geometry: ConvGeometry,
        activation: Activation,
    ) -> InferenceBlock {
        let inputs = inputs / geometry.groups;
        let scale = 1.7 / ((inputs * kernel * kernel) as f64).sqrt();
        let normal = activation != Activation::Identity;
        InferenceBlock {
            weight: self.values([outputs, inputs, kernel, kernel], scale),
            bias: (!normal).then(|| self.values([outputs], 0.5)),
            norm: normal.then(|| self.norm(outputs)),
            geometry,
            activation,
            pool: false,
        }
    }

    fn pointwise(&mut self, shape: [usize; 2], activation: Activation) -> InferenceBlock {
        self.block(shape, 1, ConvGeometry::default(), activation)
    }

    fn depthwise(
        &mut self,
        channels: usize,
        kernel: usize,
        geometry: ConvGeometry,
    ) -> InferenceBlock {
        let geometry = ConvGeometry {
            groups: channels,
            ..geometry
        };
        self.block([channels; 2], kernel, geometry, Activation::Relu6)
    }

    fn stem(&mut self, outputs: usize, kernel: usize) -> ChainLayer {
        let geometry = strided(2, kernel / 2);
        ChainLayer::Conv(self.block([outputs, 3], kernel, geometry, Activation::Relu))
    }

    fn growth(&mut self, channels: usize, narrow: usize, more: usize) -> ChainLayer {
        ChainLayer::Growth {
            norm: self.norm(channels),
            activation: Activation::Relu,
            bottleneck: self.pointwise([narrow, channels], Activation::Relu),
            growth: self.block(
                [more, narrow],
                3,
                ConvGeometry::padded(1),
                Activation::Identity,
            ),
        }
    }
}

fn strided(stride: usize, padding: usize) -> ConvGeometry {
    ConvGeometry {
        stride: [stride; 2],
        ..ConvGeometry::padded(padding)
    }
}

/// As MobileNetV2 and the EfficientNets have them: channels that do not fill their blocks, both kernels,
/// both strides, uneven padding, with and without an expansion.
fn inverted_residuals(maker: &mut Maker) -> Vec<ChainLayer> {
    use ChainLayer::{Conv, Residual};
    let relu6 = Activation::Relu6;
    let uneven = ConvGeometry {
        stride: [2, 2],
        padding_more: [1, 1],
        ..ConvGeometry::default()
    };
    vec![
        maker.stem(20, 3),
        Conv(maker.depthwise(20, 3, ConvGeometry::padded(1))),
        Conv(maker.pointwise([24, 20], Activation::Identity)),
        Residual(vec![
            maker.pointwise([56, 24], relu6),
            maker.depthwise(56, 5, ConvGeometry::padded(2)),
            maker.pointwise([24, 56], Activation::Identity),
        ]),
        Conv(maker.pointwise([48, 24], relu6)),
        Conv(maker.depthwise(48, 3, uneven)),
        Conv(maker.pointwise([40, 48], Activation::Identity)),
        Conv(maker.pointwise([48, 40], relu6)),
        Conv(maker.depthwise(48, 5, strided(2, 2))),
        Conv(maker.pointwise([33, 48], Activation::Identity)),
        Conv(maker.pointwise([70, 33], relu6)),
        ChainLayer::AveragePool(2),
    ]
}

/// As DenseNet has them.
fn growing_maps(maker: &mut Maker) -> Vec<ChainLayer> {
    let relu = Activation::Relu;
    vec![
        maker.stem(32, 7),
        ChainLayer::MaxPool(Windows {
            size: 3,
            stride: 2,
            padding: 1,
        }),
        maker.growth(32, 48, 16),
        maker.growth(48, 40, 32),
        ChainLayer::Norm(maker.norm(80), relu),
        ChainLayer::Conv(maker.pointwise([48, 80], Activation::Identity)),
        ChainLayer::AveragePool(2),
        maker.growth(48, 32, 16),
        ChainLayer::Norm(maker.norm(64), relu),
    ]
}

/// The layers one by one.
fn one_by_one(maps: Tensor<4>, layers: &[ChainLayer]) -> Tensor<4> {
    let infer = |maps, block: &InferenceBlock, kept| {
        infer_block(maps, block.clone(), kept, &BlockCache::default())
    };
    layers.iter().fold(maps, |maps, layer| match layer {
        ChainLayer::Conv(block) => infer(maps, block, None),
        ChainLayer::Residual(body) => {
            let (last, before) = body.split_last().expect("a body has blocks");
            let changed = before
                .iter()
                .fold(maps.clone(), |maps, block| infer(maps, block, None));
            infer(changed, last, Some(maps))
        }
        ChainLayer::Growth {
            norm,
            activation,
            bottleneck,
            growth,
        } => {
            let normal = norm_act(maps.clone(), norm, *activation);
            side_by_side(maps, infer(infer(normal, bottleneck, None), growth, None))
        }
        ChainLayer::Norm(norm, activation) => norm_act(maps, norm, *activation),
        ChainLayer::MaxPool(windows) => max_pool2d(maps, *windows),
        ChainLayer::AveragePool(size) => avg_pool2d(maps, AvgPoolOptions::new([*size; 2])),
    })
}

fn films(count: usize, [height, width]: [usize; 2], dtype: DType) -> Tensor<4> {
    let shape = [count, 3, height, width];
    let values = uniform(7, shape.iter().product());
    tensor(&values, shape, dtype, &Device::flex())
}

/// A name, and what makes the layers.
type Network = (&'static str, fn(&mut Maker) -> Vec<ChainLayer>);

const NETWORKS: [Network; 2] = [
    ("inverted residuals", inverted_residuals),
    ("growing maps", growing_maps),
];

fn layers(make: fn(&mut Maker) -> Vec<ChainLayer>, dtype: DType) -> Vec<ChainLayer> {
    make(&mut Maker { dtype, seed: 100 })
}

#[test]
fn chains_agree_with_their_layers_in_float64() {
    for (name, make) in NETWORKS {
        for (count, size) in [(1, [40, 52]), (3, [64, 64]), (2, [33, 47]), (1, [224, 224])] {
            let what = format!("{name}, {count} films of {size:?}");
            let chain = layers(make, DType::F32);
            let cache = ChainCache::default();
            let found = infer_chain(&films(count, size, DType::F32), &chain, &cache);
            let (found, taken) = found.unwrap_or_else(|| panic!("{what}: no chain"));
            assert_eq!(taken, chain.len(), "{what}: layers");
            let expected = one_by_one(films(count, size, DType::F64), &layers(make, DType::F64));
            assert_eq!(found.dims(), expected.dims(), "{what}");
            // Maps that are large enough grow by tiles, which cost a digit.
            let by_tiles = name == "growing maps" && size[0] > 100;
            let tolerance = if by_tiles { 1e-4 } else { 1e-5 };
            assert_close(&what, &numbers(&found), &numbers(&expected), tolerance);
        }
    }
}

#[test]
fn a_film_has_the_same_bytes_alone_in_a_batch_and_on_any_number_of_threads() {
    // Large enough for tiles, the last of which are not whole.
    let size = [104, 92];
    for (name, make) in NETWORKS {
        let chain = layers(make, DType::F32);
        let on = |threads: usize, films: &Tensor<4>| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a pool of a few threads");
            let (maps, _) = pool
                .install(|| infer_chain(films, &chain, &ChainCache::default()))
                .expect("a chain");
            maps.to_data().bytes().to_vec()
        };
        let batch = films(4, size, DType::F32);
        let expected = on(1, &batch);
        for threads in [2, 4, 7] {
            assert!(expected == on(threads, &batch), "{name}: {threads} threads");
        }
        for threads in [1, 3] {
            let apart: Vec<u8> = (0..4)
                .flat_map(|film| on(threads, &batch.clone().narrow(0, film, 1)))
                .collect();
            assert!(expected == apart, "{name}: alone on {threads} threads");
        }
    }
}

#[test]
fn a_chain_ends_before_what_it_has_no_unit_for() {
    let mut maker = Maker {
        dtype: DType::F32,
        seed: 100,
    };
    let mut chain = inverted_residuals(&mut maker);
    let films = films(1, [64, 64], DType::F32);
    // A wide kernel after the last inverted residual.
    let wide = maker.block([8, 33], 3, ConvGeometry::padded(1), Activation::Relu);
    chain.truncate(10);
    chain.push(ChainLayer::Conv(wide));
    chain.push(ChainLayer::AveragePool(2));
    let (maps, taken) = infer_chain(&films, &chain, &ChainCache::default()).expect("a chain");
    assert_eq!((taken, maps.dims()[1]), (10, 33));
    let expected = one_by_one(films.clone(), &chain);
    let found = one_by_one(maps, &chain[taken..]);
    assert_close("joined", &numbers(&found), &numbers(&expected), 1e-5);
    // Nothing that a chain is worth while for.
    assert!(infer_chain(&films, &chain[..1], &ChainCache::default()).is_none());
    // Gradients and other precisions are for the layers themselves.
    let values = uniform(7, films.dims().iter().product());
    let tracked = tensor(
        &values,
        films.dims(),
        DType::F32,
        &Device::flex().autodiff(),
    );
    assert!(infer_chain(&tracked, &chain, &ChainCache::default()).is_none());
    let double = layers(inverted_residuals, DType::F64);
    assert!(infer_chain(&films, &double, &ChainCache::default()).is_none());
}

#[test]
fn a_chain_notices_other_weights_settings_and_sizes() {
    let cache = ChainCache::default();
    let mut chain = layers(growing_maps, DType::F32);
    let run = |chain: &[ChainLayer], size| {
        let films = films(1, size, DType::F32);
        let (found, _) = infer_chain(&films, chain, &cache).expect("a chain");
        let (fresh, _) = infer_chain(&films, chain, &ChainCache::default()).expect("a chain");
        let (found, fresh) = (numbers(&found), numbers(&fresh));
        assert_eq!(found, fresh);
        found
    };
    let first = run(&chain, [40, 40]);
    assert_eq!(first, run(&chain, [40, 40]));
    run(&chain, [48, 40]);
    let last = chain.len() - 1;
    let ChainLayer::Norm(norm, activation) = &mut chain[last] else {
        panic!("the last layer is a norm");
    };
    *activation = Activation::Identity;
    norm.beta = norm.beta.clone() - 0.5;
    assert_ne!(first, run(&chain, [40, 40]));
    let ChainLayer::Growth { growth, .. } = &mut chain[2] else {
        panic!("the third layer grows");
    };
    growth.weight = growth.weight.clone() * 2.0;
    let second = run(&chain, [40, 40]);
    assert_ne!(first, second);
}
