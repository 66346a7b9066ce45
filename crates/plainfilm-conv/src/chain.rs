//! Several layers of a predicting network at once: what a model calls, and how its layers become units
//! of [`blocked`](crate::blocked).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::Dispatch;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use crate::api::{self, precision};
use crate::blocked::{
    Affine, Chain, Conv, Depthwise, Folded, Growth, Inputs, Inverted, MaxPool, NormPoolConv, Size,
    Stem, Unit,
};
use crate::extension::{InferenceBackend, contiguous, values};
use crate::fused::{Activation, Normalisation, Precision};
use crate::geometry::{ConvGeometry, Shape};
use crate::inference::{InferenceBlock, Norm, on_flex, same_memory};
use crate::kernel::blocked::{BLOCK, STEPS};
use crate::kernel::blocked_depthwise::KERNELS;
use crate::max_pool::Windows;

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
            found.push(on_flex(&block.weight)?);
            let norms = block.norm.iter().flat_map(Norm::tensors);
            for tensor in block.bias.iter().chain(norms) {
                found.push(on_flex(tensor)?);
            }
        }
        if let Some((norm, _)) = self.norm() {
            for tensor in norm.tensors() {
                found.push(on_flex(tensor)?);
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
/// on another device or with gradients, in 16 bits, and for networks of other layers than inverted
/// residuals and growing maps.
///
/// Each film's maps are the same whatever other films are with it, on any number of threads.
pub fn infer_chain(
    films: &Tensor<4>,
    layers: &[ChainLayer],
    cache: &ChainCache,
) -> Option<(Tensor<4>, usize)> {
    if precision() != Precision::Float32 || !api::fast::<1>(films, films, &[]) {
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
    let settings: Vec<LayerSettings> = layers.iter().map(ChainLayer::settings).collect();
    // A panic elsewhere cannot have left it half changed.
    let mut entries = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
    let known = entries.iter().find(|entry| {
        entry.film == film
            && entry.settings == settings
            && entry.sources.len() == sources.len()
            && entry.sources.iter().zip(&sources).all(same_memory)
    });
    let made = match known {
        Some(entry) => entry.made.clone(),
        None => {
            let made = chain(layers, film);
            entries.truncate(KEPT - 1);
            let entry = Entry {
                sources,
                settings,
                film,
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

/// The chain of the first layers, as far as there are units for them; nothing where none of them is one
/// that a chain is worth while for.
fn chain(layers: &[ChainLayer], film: Size) -> Option<Ready> {
    let (mut units, mut size, mut taken) = (Vec::new(), film, 0);
    while let Some((unit, count)) = unit(&layers[taken..], size, units.is_empty()) {
        size = unit.output(size);
        taken += count;
        units.push(unit);
    }
    let pays = |unit: &Unit| matches!(unit, Unit::Inverted(_) | Unit::Growth(_));
    units.iter().any(pays).then(|| Ready {
        chain: Arc::new(Chain::new(units, film)),
        layers: taken,
    })
}

/// The unit for the first layers, and how many they are. The first unit of a chain reads the film.
fn unit(layers: &[ChainLayer], size: Size, first: bool) -> Option<(Unit, usize)> {
    use ChainLayer::{AveragePool, Conv, Norm};
    if first {
        return match layers {
            [Conv(block), ..] => Some((Unit::Stem(stem(block, size)?), 1)),
            _ => None,
        };
    }
    let averaged = |norm, side: usize, conv| {
        let fits = (1..=size.height.min(size.width)).contains(&side);
        fits.then(|| Unit::NormPoolConv(NormPoolConv::new(size, norm, side, conv)))
    };
    match layers {
        [Conv(a), Conv(b), Conv(c), ..] if is_pointwise(a) && is_depthwise(b) => {
            Some((inverted(&[a, b, c], size, false)?, 3))
        }
        [Conv(a), Conv(b), ..] if is_depthwise(a) => Some((inverted(&[a, b], size, false)?, 2)),
        [ChainLayer::Residual(body), ..] => {
            let body: Vec<&InferenceBlock> = body.iter().collect();
            Some((inverted(&body, size, true)?, 1))
        }
        [
            ChainLayer::Growth {
                norm,
                activation,
                bottleneck,
                growth,
            },
            ..,
        ] => Some((grown(norm, *activation, bottleneck, growth, size)?, 1)),
        [Norm(norm, activation), Conv(block), AveragePool(side), ..]
            if block.activation == Activation::Identity =>
        {
            let norm = affine(norm, *activation, size.channels)?;
            Some((
                averaged(Some(norm), *side, Some(pointwise(block, size.channels)?))?,
                3,
            ))
        }
        [Norm(norm, activation), AveragePool(side), ..] => {
            let norm = affine(norm, *activation, size.channels)?;
            Some((averaged(Some(norm), *side, None)?, 2))
        }
        [Norm(norm, activation), ..] => {
            let norm = affine(norm, *activation, size.channels)?;
            Some((averaged(Some(norm), 1, None)?, 1))
        }
        [AveragePool(side), ..] => Some((averaged(None, *side, None)?, 1)),
        [Conv(block), ..] => Some((
            averaged(None, 1, Some(pointwise(block, size.channels)?))?,
            1,
        )),
        [ChainLayer::MaxPool(windows), ..] => {
            let fits = windows.fit([size.height, size.width]);
            fits.then(|| (Unit::MaxPool(MaxPool::new(size, *windows)), 1))
        }
        [] => None,
    }
}

fn stem(block: &InferenceBlock, size: Size) -> Option<Stem> {
    let (shape, before) = square(block, size)?;
    let stride = shape.stride[0];
    let fits = shape.groups == 1 && stride < BLOCK && STEPS.contains(&stride);
    let output = fits.then(|| after(&shape))?;
    let conv = packed(block, Inputs::Planes)?;
    Some(Stem::new(
        size,
        output,
        shape.kernel[0],
        stride,
        before,
        conv,
    ))
}

fn inverted(body: &[&InferenceBlock], size: Size, sum: bool) -> Option<Unit> {
    let (expand, [depthwise, project]) = match *body {
        [depthwise, project] => (None, [depthwise, project]),
        [expand, depthwise, project] => (Some(expand), [depthwise, project]),
        _ => return None,
    };
    let (expand, channels) = match expand {
        Some(block) => {
            let conv = pointwise(block, size.channels)?;
            let channels = conv.outputs();
            (Some(conv), channels)
        }
        None => (None, size.channels),
    };
    let hidden = Size { channels, ..size };
    let (shape, before) = is_depthwise(depthwise).then(|| square(depthwise, hidden))??;
    let (kernel, stride) = (shape.kernel[0], shape.stride[0]);
    if !KERNELS.contains(&kernel) || !(1..=2).contains(&stride) {
        return None;
    }
    let layer = Depthwise::new(
        &folded(depthwise)?,
        kernel,
        stride,
        before,
        depthwise.activation.curve(),
    );
    let project = pointwise(project, channels)?;
    let output = Size {
        channels: project.outputs(),
        ..after(&shape)
    };
    (!sum || output == size)
        .then(|| Unit::Inverted(Inverted::new(size, output, expand, layer, project, sum)))
}

fn grown(
    norm: &Norm,
    activation: Activation,
    bottleneck: &InferenceBlock,
    growth: &InferenceBlock,
    size: Size,
) -> Option<Unit> {
    let norm = affine(norm, activation, size.channels)?;
    let narrow = pointwise(bottleneck, size.channels)?;
    let between = Size {
        channels: narrow.outputs(),
        ..size
    };
    let (shape, before) = square(growth, between)?;
    let kernel = shape.kernel[0];
    let keeps_size = after(&shape).height == size.height && after(&shape).width == size.width;
    // Whole blocks are put after whole blocks.
    let whole = size.channels.is_multiple_of(BLOCK);
    let same = shape.groups == 1 && shape.stride == [1, 1] && before == kernel / 2;
    if !(keeps_size && whole && same) {
        return None;
    }
    let curve = growth.activation.curve();
    let unit = Growth::new(size, norm, narrow, &folded(growth)?, kernel, curve);
    Some(Unit::Growth(unit))
}

/// The sizes of a block that is alike in rows and columns, without dilation or pool, and the zeros
/// before its map.
fn square(block: &InferenceBlock, size: Size) -> Option<(Shape, usize)> {
    let input = [1, size.channels, size.height, size.width];
    let geometry = &block.geometry;
    let shape = Shape::new(input, block.weight.dims(), geometry).ok()?;
    let alike = |[rows, columns]: [usize; 2]| rows == columns;
    let plain = alike(shape.kernel)
        && alike(geometry.stride)
        && alike(geometry.padding)
        && geometry.dilation == [1, 1]
        && !block.pool;
    plain.then_some((shape, geometry.padding[0]))
}

/// The map that a convolution leaves.
fn after(shape: &Shape) -> Size {
    Size {
        channels: shape.channels_out(),
        height: shape.output[0],
        width: shape.output[1],
    }
}

fn is_pointwise(block: &InferenceBlock) -> bool {
    let [_, _, height, width] = block.weight.dims();
    let plain = ConvGeometry::default();
    [height, width] == [1, 1] && block.geometry == plain && !block.pool
}

fn is_depthwise(block: &InferenceBlock) -> bool {
    let [outputs, inputs, _, _] = block.weight.dims();
    inputs == 1 && outputs > 1 && block.geometry.groups == outputs
}

/// A 1x1 convolution of so many channels.
fn pointwise(block: &InferenceBlock, channels: usize) -> Option<Conv> {
    let fits = is_pointwise(block) && block.weight.dims()[1] == channels;
    fits.then(|| packed(block, Inputs::Blocks))?
}

fn packed(block: &InferenceBlock, lie: Inputs) -> Option<Conv> {
    let kernel = block.weight.dims()[2];
    Some(Conv::new(
        &folded(block)?,
        kernel,
        lie,
        block.activation.curve(),
    ))
}

/// Weight and bias with the normalisation in them, where every tensor has its length.
fn folded(block: &InferenceBlock) -> Option<Folded> {
    let outputs = block.weight.dims()[0];
    let weight = contiguous(on_flex(&block.weight)?);
    let bias = match &block.bias {
        Some(bias) => Some(per_channel(bias, outputs)?),
        None => None,
    };
    let norm = match &block.norm {
        Some(norm) => Some(flat(norm, outputs)?),
        None => None,
    };
    let norm = norm
        .as_ref()
        .map(|(tensors, epsilon)| normalisation(tensors, *epsilon));
    Some(Folded::new(
        values(&weight),
        outputs,
        bias.as_ref().map(values),
        norm,
    ))
}

fn affine(norm: &Norm, activation: Activation, channels: usize) -> Option<Affine> {
    let (tensors, epsilon) = flat(norm, channels)?;
    let norm = normalisation(&tensors, epsilon);
    Some(Affine::new(&norm, activation.curve()))
}

/// A norm's tensors, contiguous, and its epsilon.
fn flat(norm: &Norm, channels: usize) -> Option<([FlexTensor; 4], f64)> {
    let [gamma, beta, mean, variance] = norm.tensors();
    let flat = [
        per_channel(gamma, channels)?,
        per_channel(beta, channels)?,
        per_channel(mean, channels)?,
        per_channel(variance, channels)?,
    ];
    Some((flat, norm.epsilon))
}

fn normalisation(
    [gamma, beta, mean, variance]: &[FlexTensor; 4],
    epsilon: f64,
) -> Normalisation<'_> {
    Normalisation {
        gamma: values(gamma),
        beta: values(beta),
        mean: values(mean),
        variance: values(variance),
        epsilon,
    }
}

fn per_channel(tensor: &Tensor<1>, channels: usize) -> Option<FlexTensor> {
    (tensor.dims() == [channels]).then(|| on_flex(tensor).map(contiguous))?
}
