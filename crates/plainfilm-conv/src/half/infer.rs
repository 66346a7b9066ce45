//! The function that a model calls for a chain of blocks, and the cache of its packed weights.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::Dispatch;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::chain::Chain;
use super::layer::Layer;
use super::maps::Maps;
use crate::api;
use crate::extension::{InferenceBackend, contiguous, values};
use crate::fused::{Activation, Normalisation, Precision, fold};
use crate::geometry::{ConvGeometry, Shape};
use crate::inference::{InferenceBlock, Norm, on_flex, same_memory};
use crate::kernel::amx;

/// The packed weights of a chain, kept for the next films of the same size.
///
/// It notices when it is shown other weights. A clone starts empty.
#[derive(Default)]
pub struct ChainCache(Mutex<Option<Entry>>);

struct Entry {
    /// What it was made of: held, so that no other tensor can come to lie at the same address.
    sources: Vec<FlexTensor>,
    settings: Vec<Settings>,
    film: [usize; 3],
    chain: Arc<Chain>,
}

/// What a block does besides its tensors.
type Settings = (ConvGeometry, Activation, bool, Option<u64>);

impl Clone for ChainCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for ChainCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainCache")
    }
}

/// `x` `[films, channels, height, width]` through `blocks` one after another in bfloat16, where that precision is
/// [set](crate::set_precision): inputs and weights of each convolution are rounded, and so are the maps between
/// blocks; sums, bias and activation are in 32 bits, and the last block's output is not rounded.
///
/// [`None`] where it does not apply, for [`infer_block`](crate::infer_block) to do: in another precision, on a
/// device other than flex or that records gradients, and where a block has groups.
///
/// # Panics
/// As [`infer_block`](crate::infer_block).
pub fn infer_chain(
    x: Tensor<4>,
    blocks: impl IntoIterator<Item = InferenceBlock>,
    cache: &ChainCache,
) -> Option<Tensor<4>> {
    if api::precision() != Precision::BFloat16 || !amx::available() {
        return None;
    }
    on_flex(&x)?;
    let blocks: Vec<InferenceBlock> = blocks.into_iter().collect();
    let mut sources = Vec::new();
    for block in &blocks {
        let per_channel: Vec<&Tensor<1>> = per_channel(block).collect();
        let ordered = !block.pool || block.activation.keeps_order();
        if !(ordered && api::fast(&x, &block.weight, &per_channel)) {
            return None;
        }
        sources.push(on_flex(&block.weight)?);
        for tensor in per_channel {
            sources.push(on_flex(tensor)?);
        }
    }
    let settings: Vec<Settings> = blocks
        .iter()
        .map(|block| {
            let epsilon = block.norm.as_ref().map(|norm| norm.epsilon.to_bits());
            (block.geometry, block.activation, block.pool, epsilon)
        })
        .collect();
    let [_, channels, height, width] = x.dims();
    let film = [channels, height, width];
    // A panic elsewhere cannot have left it half changed.
    let mut entry = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = entry.as_ref().filter(|entry| {
        entry.settings == settings
            && entry.film == film
            && entry.sources.len() == sources.len()
            && entry.sources.iter().zip(&sources).all(same_memory)
    });
    let chain = match kept {
        Some(entry) => entry.chain.clone(),
        None => {
            let chain = Arc::new(packed(&x, &blocks, &sources)?);
            *entry = Some(Entry {
                sources,
                settings,
                film,
                chain: chain.clone(),
            });
            chain
        }
    };
    drop(entry);
    let output = Dispatch::fast_chain(x.into_dispatch(), chain);
    Some(Tensor::from_dispatch(output))
}

/// Bias and normalisation of a block.
fn per_channel(block: &InferenceBlock) -> impl Iterator<Item = &Tensor<1>> {
    let norms = block.norm.iter().flat_map(Norm::tensors);
    block.bias.iter().chain(norms)
}

/// Packs the weights; [`None`] where a block does not fit.
fn packed(x: &Tensor<4>, blocks: &[InferenceBlock], sources: &[FlexTensor]) -> Option<Chain> {
    let mut shapes = Vec::new();
    let mut map = [1, x.dims()[1], x.dims()[2], x.dims()[3]];
    for block in blocks {
        let shape = Shape::new(map, block.weight.dims(), &block.geometry)
            .unwrap_or_else(|error| panic!("infer_chain: {error}"));
        let [height, width] = shape.output.map(|side| side >> usize::from(block.pool));
        if !Layer::fits(&shape) || height == 0 || width == 0 {
            return None;
        }
        map = [1, shape.channels_out(), height, width];
        shapes.push(shape);
    }
    let flat: Vec<FlexTensor> = sources.iter().cloned().map(contiguous).collect();
    let mut flat = flat.iter().map(values);
    let mut next = || flat.next().expect("as many as were collected");
    let layers = blocks.iter().zip(&shapes).map(|(block, shape)| {
        let weight = next();
        let mut bias = match &block.bias {
            Some(_) => next().to_vec(),
            None => vec![0.0; shape.channels_out()],
        };
        let folded = block.norm.as_ref().map(|norm| {
            let [gamma, beta, mean, variance] = std::array::from_fn(|_| next());
            let norm = Normalisation {
                gamma,
                beta,
                mean,
                variance,
                epsilon: norm.epsilon,
            };
            fold(weight, &mut bias, norm)
        });
        assert_eq!(
            bias.len(),
            shape.channels_out(),
            "infer_chain: one value for every channel"
        );
        let ConvGeometry {
            padding,
            padding_more,
            ..
        } = block.geometry;
        let input = Maps {
            size: shape.input,
            channels: shape.inputs,
            before: padding,
            after: [0, 1].map(|axis| padding[axis] + padding_more[axis]),
        };
        let weight = folded.as_deref().unwrap_or(weight);
        Layer::new(
            weight,
            &bias,
            (shape, input),
            block.activation.curve(),
            block.pool,
        )
    });
    let layers: Vec<Layer> = layers.collect();
    (!layers.is_empty()).then(|| Chain::new(layers))
}
