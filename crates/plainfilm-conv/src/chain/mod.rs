//! Several layers of a predicting network at once: what a model calls, and what is kept for the next
//! films.

mod half;
pub(crate) mod packed;
mod tensors;
mod units;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::Dispatch;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use crate::api;
use crate::blocked::Size;
use crate::extension::InferenceBackend;
use crate::fused::Activation;
use crate::geometry::ConvGeometry;
use crate::inference::{InferenceBlock, Norm, on_flex, same_memory};
use crate::max_pool::Windows;
use crate::switches::{Precision, precision};
pub use packed::Chain;
use packed::Kind;
use tensors::float;

/// A layer of a network that predicts.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a network has some hundred layers, most of them the large one"
)]
pub enum ChainLayer {
    /// Convolution, normalisation, activation.
    Conv(InferenceBlock),
    /// Convolutions whose output is added to their input.
    Residual(Vec<InferenceBlock>),
    /// New channels put after those that they were made from.
    Growth {
        /// Of the input.
        norm: Norm,
        /// After the normalisation.
        activation: Activation,
        /// 1x1, to the channels that the next sees.
        bottleneck: InferenceBlock,
        /// To the new channels.
        growth: InferenceBlock,
    },
    /// A normalisation that follows no convolution, and an activation.
    Norm(Norm, Activation),
    /// Greatest value of each window.
    MaxPool(Windows),
    /// Average of each square of this side, with the same stride (floor).
    AveragePool(usize),
}

impl ChainLayer {
    fn blocks(&self) -> Vec<&InferenceBlock> {
        match self {
            Self::Conv(block) => vec![block],
            Self::Residual(body) => body.iter().collect(),
            Self::Growth {
                bottleneck, growth, ..
            } => vec![bottleneck, growth],
            Self::Norm(..) | Self::MaxPool(_) | Self::AveragePool(_) => vec![],
        }
    }

    fn norm(&self) -> Option<(&Norm, Activation)> {
        match self {
            Self::Growth {
                norm, activation, ..
            }
            | Self::Norm(norm, activation) => Some((norm, *activation)),
            _ => None,
        }
    }

    /// All that it computes with.
    fn sources(&self, found: &mut Vec<FlexTensor>) -> Option<()> {
        for block in self.blocks() {
            found.push(float(&block.weight)?);
            let norms = block.norm.iter().flat_map(Norm::tensors);
            for tensor in block.bias.iter().chain(norms) {
                found.push(float(tensor)?);
            }
        }
        if let Some((norm, _)) = self.norm() {
            for tensor in norm.tensors() {
                found.push(float(tensor)?);
            }
        }
        Some(())
    }

    /// What it does besides its tensors.
    fn settings(&self) -> LayerSettings {
        let epsilon = |norm: &Norm| norm.epsilon.to_bits();
        let blocks = self.blocks().into_iter().map(|block| BlockKey {
            geometry: block.geometry,
            activation: block.activation,
            pool: block.pool,
            biased: block.bias.is_some(),
            epsilon: block.norm.as_ref().map(epsilon),
        });
        LayerSettings {
            blocks: blocks.collect(),
            sum: matches!(self, Self::Residual(_)),
            norm: self
                .norm()
                .map(|(norm, activation)| (epsilon(norm), activation)),
            windows: match self {
                Self::MaxPool(windows) => Some(*windows),
                _ => None,
            },
            average: match self {
                Self::AveragePool(size) => Some(*size),
                _ => None,
            },
        }
    }
}

/// What tells one layer from another whose tensors are the same.
#[derive(Clone, Debug, PartialEq)]
struct LayerSettings {
    blocks: Vec<BlockKey>,
    sum: bool,
    norm: Option<(u64, Activation)>,
    windows: Option<Windows>,
    average: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct BlockKey {
    geometry: ConvGeometry,
    activation: Activation,
    pool: bool,
    biased: bool,
    epsilon: Option<u64>,
}

/// Chains with packed weights, kept for the next batch of films of the same size: the last two, as a
/// program may want now a network's maps and now its answers.
///
/// It notices when it is shown other weights or layers. A clone starts empty.
#[derive(Default)]
pub struct ChainCache(Mutex<Vec<Entry>>);

/// Chains that a cache keeps.
const KEPT: usize = 2;

struct Entry {
    /// What it was made of: held, so that no other tensor can come to lie at the same address.
    sources: Vec<FlexTensor>,
    settings: Vec<LayerSettings>,
    film: Size,
    precision: Precision,
    /// Nothing where the layers do not make a chain.
    made: Option<Ready>,
}

/// A chain, and how many layers it stands for.
#[derive(Clone)]
struct Ready {
    chain: Arc<Chain>,
    layers: usize,
}

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

/// As many of the first `layers` as can be run as one chain, on films
/// `[films, channels, height, width]`: their maps, and how many layers those are after. Nothing where
/// that is not faster than [`infer_block`](crate::infer_block) and its like, one layer after another:
/// on another device or with gradients, and for networks of other layers than these:
///
/// - in 32 bits inverted residuals and growing maps, with what goes before and after them;
/// - in [bfloat16](crate::set_precision) two convolutions or more, each with all channels in one group.
///   Inputs and weights of each are rounded, and so are the maps between them; sums, bias and activation are in 32
///   bits, and the last one's output is not rounded.
///
/// Each film's maps are the same whatever other films are with it, on any number of threads.
pub fn infer_chain(
    films: &Tensor<4>,
    layers: &[ChainLayer],
    cache: &ChainCache,
) -> Option<(Tensor<4>, usize)> {
    if !api::fast::<1>(films, films, &[]) {
        return None;
    }
    on_flex(films)?;
    let mut sources = Vec::new();
    for layer in layers {
        layer.sources(&mut sources)?;
    }
    let [_, channels, height, width] = films.dims();
    let film = Size {
        channels,
        height,
        width,
    };
    let (settings, precision) = (
        layers.iter().map(ChainLayer::settings).collect(),
        precision(),
    );
    // A panic elsewhere cannot have left it half changed.
    let mut entries = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
    let known = entries.iter().find(|entry| {
        entry.film == film
            && entry.precision == precision
            && entry.settings == settings
            && entry.sources.len() == sources.len()
            && entry.sources.iter().zip(&sources).all(same_memory)
    });
    let made = match known {
        Some(entry) => entry.made.clone(),
        None => {
            let made = ready(layers, film, precision);
            entries.truncate(KEPT - 1);
            let entry = Entry {
                sources,
                settings,
                film,
                precision,
                made: made.clone(),
            };
            entries.insert(0, entry);
            made
        }
    };
    drop(entries);
    let Ready { chain, layers } = made?;
    let films = films.clone().into_dispatch();
    let maps = Tensor::from_dispatch(Dispatch::fast_chain(films, chain));
    Some((maps, layers))
}

fn ready(layers: &[ChainLayer], film: Size, precision: Precision) -> Option<Ready> {
    let (kind, layers) = match precision {
        Precision::Float32 => {
            let (chain, layers) = units::chain(layers, film)?;
            (Kind::Blocked(chain), layers)
        }
        Precision::BFloat16 => {
            let (chain, layers) = half::chain(layers, film)?;
            (Kind::Half(chain), layers)
        }
    };
    Some(Ready {
        chain: Arc::new(Chain(kind)),
        layers,
    })
}
