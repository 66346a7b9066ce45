//! Blocks for networks that do not train: normalisation folded into the weights, and weights packed
//! once for as long as they stay the same.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::flex::FlexTensor;
use burn::backend::{BackendTensor, Dispatch, DispatchTensorKind};
use burn::tensor::{Tensor, activation, module};
use rayon::prelude::*;

use crate::api::{self, conv_bias_act, fold_batch_norm};
use crate::extension::Channels;
use crate::extension::{InferenceBackend, contiguous, values};
use crate::fused::{Activation, BlockSettings, Normalisation, Prepared};
use crate::geometry::{ConvGeometry, Shape};
use crate::kernel::elementwise::Channel;
use crate::share;
use crate::switches::precision;

/// Packed weights above this many bytes are made anew for every batch: many times the weights
/// themselves are not kept.
const MOST_CACHED: usize = 48 << 20;

/// Batch normalisation with running statistics: tensors of one value per channel.
#[derive(Clone, Debug)]
pub struct Norm {
    /// Scale.
    pub gamma: Tensor<1>,
    /// Shift.
    pub beta: Tensor<1>,
    /// Running mean.
    pub mean: Tensor<1>,
    /// Running variance, biased or not: taken as it is.
    pub variance: Tensor<1>,
    /// Added to the variance before its root.
    pub epsilon: f64,
}

impl Norm {
    pub(crate) fn tensors(&self) -> [&Tensor<1>; 4] {
        [&self.gamma, &self.beta, &self.mean, &self.variance]
    }
}

/// What a block computes with, besides its input.
#[derive(Clone, Debug)]
pub struct InferenceBlock {
    /// As in [`conv2d`](crate::conv2d).
    pub weight: Tensor<4>,
    /// One value per output channel.
    pub bias: Option<Tensor<1>>,
    /// After the bias.
    pub norm: Option<Norm>,
    /// How the kernel moves.
    pub geometry: ConvGeometry,
    /// After normalisation and sum.
    pub activation: Activation,
    /// Whether a 2x2 max-pool follows; not together with a sum.
    pub pool: bool,
}

/// The packed weights of one block, kept for the next batch of the same shape.
///
/// It notices when it is shown other weights. A clone starts empty.
#[derive(Default)]
pub struct BlockCache(Mutex<Option<Entry>>);

struct Entry {
    /// What it was made of: held, so that no other tensor can come to lie at the same address.
    sources: Vec<FlexTensor>,
    epsilon: Option<u64>,
    prepared: Arc<Prepared>,
}

impl Clone for BlockCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockCache")
    }
}

impl BlockCache {
    fn entry(&self, sources: &[FlexTensor], epsilon: Option<u64>) -> Option<Arc<Prepared>> {
        // A panic elsewhere cannot have left it half changed.
        let entry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entry.as_ref().filter(|entry| {
            entry.epsilon == epsilon
                && entry.sources.len() == sources.len()
                && entry.sources.iter().zip(sources).all(same_memory)
        })?;
        Some(entry.prepared.clone())
    }

    fn keep(&self, sources: Vec<FlexTensor>, epsilon: Option<u64>, prepared: &Arc<Prepared>) {
        if prepared.bytes() <= MOST_CACHED {
            let mut entry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *entry = Some(Entry {
                sources,
                epsilon,
                prepared: prepared.clone(),
            });
        }
    }
}

pub(crate) fn same_memory((left, right): (&FlexTensor, &FlexTensor)) -> bool {
    Arc::ptr_eq(&left.data_arc(), &right.data_arc()) && left.layout() == right.layout()
}

/// The tensor as flex holds it, where it is a plain float there.
pub(crate) fn on_flex<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    match tensor.clone().into_dispatch().kind {
        DispatchTensorKind::Flex(BackendTensor::Float(tensor)) => Some(tensor),
        _ => None,
    }
}

/// A block for inference: convolution, bias, normalisation, the sum with `kept` of the output's
/// shape, activation, pool. `x` as in [`conv2d`](crate::conv2d).
///
/// On a device that records gradients, or any but flex, Burn's own operations do what the fast
/// path does not.
///
/// # Panics
/// As [`conv_bias_act`] and [`conv_bn_sum_act`](crate::conv_bn_sum_act).
pub fn infer_block(
    x: Tensor<4>,
    block: InferenceBlock,
    kept: Option<Tensor<4>>,
    cache: &BlockCache,
) -> Tensor<4> {
    let InferenceBlock {
        geometry,
        activation,
        pool,
        ..
    } = block;
    assert!(kept.is_none() || !pool, "infer_block: a sum is not pooled");
    if let Some(kept) = &kept {
        api::check_sum("infer_block", &x, &block.weight, kept, &geometry);
    }
    if let Some(prepared) = prepared(&x, &block, cache) {
        let x = x.into_dispatch();
        return Tensor::from_dispatch(match kept {
            None => Dispatch::fast_block(x, prepared),
            Some(kept) => Dispatch::fast_block_sum(x, kept.into_dispatch(), prepared),
        });
    }
    let channels = block.weight.dims()[0];
    let (weight, bias) = match (block.norm, block.bias) {
        (Some(norm), bias) => fold_batch_norm(
            block.weight,
            bias,
            norm.gamma,
            norm.beta,
            norm.mean,
            norm.variance,
            norm.epsilon,
        ),
        (None, Some(bias)) => (block.weight, bias),
        (None, None) => {
            let device = block.weight.device();
            (block.weight, Tensor::zeros([channels], &device))
        }
    };
    match kept {
        None => conv_bias_act(x, weight, bias, geometry, activation, pool),
        Some(kept) => {
            let sum = conv_bias_act(x, weight, bias, geometry, Activation::Identity, false) + kept;
            api::activate_pool(sum, activation, false)
        }
    }
}

/// The packed block for this input, found or made; [`None`] where the fast path does not apply.
fn prepared(x: &Tensor<4>, block: &InferenceBlock, cache: &BlockCache) -> Option<Arc<Prepared>> {
    let norms = block.norm.iter().flat_map(Norm::tensors);
    let per_channel: Vec<&Tensor<1>> = block.bias.iter().chain(norms).collect();
    let ordered = !block.pool || block.activation.keeps_order();
    if !(ordered && api::fast(x, &block.weight, &per_channel)) {
        return None;
    }
    on_flex(x)?;
    let mut sources = vec![on_flex(&block.weight)?];
    for tensor in &per_channel {
        sources.push(on_flex(tensor)?);
    }
    let named: Vec<_> = per_channel.iter().map(|t| ("one value", *t)).collect();
    api::check(
        "infer_block",
        x,
        &block.weight,
        &named,
        &block.geometry,
        block.pool,
    );
    let shape = Shape::new(x.dims(), block.weight.dims(), &block.geometry).ok()?;
    let epsilon = block.norm.as_ref().map(|norm| norm.epsilon.to_bits());
    let settings = BlockSettings {
        geometry: block.geometry,
        epsilon: 0.0,
        activation: block.activation,
        pool: block.pool,
    };
    let found = cache.entry(&sources, epsilon);
    if let Some(found) = found.filter(|found| found.fits(&shape, &settings, precision())) {
        return Some(found);
    }
    let flat: Vec<FlexTensor> = sources.iter().cloned().map(contiguous).collect();
    let slices: Vec<&[f32]> = flat.iter().map(values).collect();
    let (bias, norms) = match block.bias {
        Some(_) => (Some(slices[1]), &slices[2..]),
        None => (None, &slices[1..]),
    };
    let normalisation = match (&block.norm, norms) {
        (Some(norm), &[gamma, beta, mean, variance]) => Some(Normalisation {
            gamma,
            beta,
            mean,
            variance,
            epsilon: norm.epsilon,
        }),
        _ => None,
    };
    let made = Prepared::new(
        slices[0],
        bias,
        normalisation,
        &shape,
        &settings,
        precision(),
    );
    let made = Arc::new(made);
    cache.keep(sources, epsilon, &made);
    Some(made)
}

/// What `chain` makes of maps `[films, channels, height, width]`, computed film by film, many at once,
/// where the fast path for inference applies: the maps of one film stay in a core's cache from layer
/// to layer, which those of a batch do not. That pays where maps are larger than weights, which are
/// then read again for every film.
///
/// `chain` treats films alike, whatever others are with them, and keeps their order.
pub fn film_by_film(x: Tensor<4>, chain: impl Fn(Tensor<4>) -> Tensor<4> + Sync) -> Tensor<4> {
    let films = x.dims()[0];
    if films < 2 || on_flex(&x).is_none() || !api::fast::<1>(&x, &x, &[]) {
        return chain(x);
    }
    let enough = films >= rayon::current_num_threads();
    let done = (0..films)
        .into_par_iter()
        .with_max_len(1)
        .map(|film| {
            let film = x.clone().narrow(0, film, 1);
            if enough {
                share::alone(|| chain(film))
            } else {
                chain(film)
            }
        })
        .collect();
    Tensor::cat(done, 0)
}

/// Batch normalisation that follows no convolution, with running statistics, and `activation`:
/// `x` `[films, channels, height, width]` to the same shape.
///
/// # Panics
/// When a length does not match the channels.
pub fn norm_act(x: Tensor<4>, norm: &Norm, with: Activation) -> Tensor<4> {
    let [_, channels, _, _] = x.dims();
    for tensor in norm.tensors() {
        let [found] = tensor.dims();
        assert_eq!(channels, found, "norm_act: one value for every channel");
    }
    let flat = norm.tensors().map(|t| on_flex(t).map(contiguous));
    if let [Some(gamma), Some(beta), Some(mean), Some(variance)] = &flat
        && api::fast(&x, &x, &norm.tensors())
        && on_flex(&x).is_some()
    {
        let (gamma, beta) = (values(gamma), values(beta));
        let (mean, variance) = (values(mean), values(variance));
        let channels = (0..channels)
            .map(|channel| Channel {
                mean: mean[channel],
                scale: gamma[channel] / (variance[channel] + norm.epsilon as f32).sqrt(),
                shift: beta[channel],
            })
            .collect();
        return Tensor::from_dispatch(Dispatch::fast_norm_act(
            x.into_dispatch(),
            Channels(channels),
            with,
        ));
    }
    let Norm {
        gamma,
        beta,
        mean,
        variance,
        epsilon,
    } = norm.clone();
    let normal = module::batch_norm(x, gamma, beta, mean, variance, epsilon);
    match with {
        Activation::Relu => activation::relu(normal),
        other => api::activate_pool(normal, other, false),
    }
}

/// The channels of `first` and those of `second`, side by side; both
/// `[films, channels, height, width]`.
///
/// # Panics
/// With Burn's own message, when films, heights or widths differ.
pub fn side_by_side(first: Tensor<4>, second: Tensor<4>) -> Tensor<4> {
    let [films, _, height, width] = first.dims();
    let [other_films, _, other_height, other_width] = second.dims();
    let fits = [films, height, width] == [other_films, other_height, other_width];
    let plain = on_flex(&first).is_some() && on_flex(&second).is_some();
    if fits && plain && api::fast::<1>(&first, &second, &[]) {
        return Tensor::from_dispatch(Dispatch::fast_side_by_side(
            first.into_dispatch(),
            second.into_dispatch(),
        ));
    }
    Tensor::cat(vec![first, second], 1)
}
