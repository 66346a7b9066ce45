//! The inference block: convolution, bias, activation, optional sum or 2x2 max-pool, with its weights
//! folded and packed once for many batches.

use rayon::prelude::*;

use super::{Activation, BlockSettings, pooled};
use crate::bf16;
use crate::buffer::Buffer;
use crate::depthwise::Depthwise;
use crate::forward::Convolution;
use crate::geometry::Shape;
use crate::kernel::elementwise::{Channel, activate_sum, bias_activate, bias_activate_pool};
use crate::pointwise::Pointwise;
use crate::share;
use crate::switches::Precision;

/// Batch normalisation with running statistics, one value per output channel each.
#[derive(Clone, Copy)]
pub(crate) struct Normalisation<'a> {
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub mean: &'a [f32],
    pub variance: &'a [f32],
    pub epsilon: f64,
}

/// A block ready to run on batches of one shape.
pub struct Prepared {
    shape: Shape,
    settings: BlockSettings,
    precision: Precision,
    engine: Engine,
    bias: Vec<f32>,
}

/// What computes the convolution: chosen by shape.
enum Engine {
    Pointwise(Pointwise),
    Depthwise(Depthwise),
    /// All other kernels, 16 bits, and whatever a pool follows.
    Any(Convolution<'static>),
}

impl Engine {
    fn new(weight: &[f32], shape: &Shape, pool: bool, precision: Precision) -> Self {
        let step = if pool { 2 } else { 1 };
        let half = precision == Precision::BFloat16;
        if half && bf16::fits(shape) {
            Self::Any(Convolution::in_half_precision(weight, shape, step))
        } else if Pointwise::fits(shape) && !pool {
            Self::Pointwise(Pointwise::new(weight, shape))
        } else if Depthwise::fits(shape) && !pool {
            Self::Depthwise(Depthwise::new(weight, shape))
        } else {
            Self::Any(Convolution::prepared(weight, shape, step))
        }
    }
}

impl Prepared {
    /// `weight` is `[out channels, channels / groups, kernel height, kernel width]`; `bias` has one
    /// value per output channel, and no bias is zeros.
    pub(crate) fn new(
        weight: &[f32],
        bias: Option<&[f32]>,
        normalisation: Option<Normalisation<'_>>,
        shape: &Shape,
        settings: &BlockSettings,
        precision: Precision,
    ) -> Self {
        let mut bias = match bias {
            Some(bias) => bias.to_vec(),
            None => vec![0.0; shape.channels_out()],
        };
        let folded = normalisation.map(|norm| fold(weight, &mut bias, norm));
        let weight = folded.as_deref().unwrap_or(weight);
        Self {
            shape: *shape,
            settings: *settings,
            precision,
            engine: Engine::new(weight, shape, settings.pool, precision),
            bias,
        }
    }

    /// Whether it was made for this.
    pub(crate) fn fits(
        &self,
        shape: &Shape,
        settings: &BlockSettings,
        precision: Precision,
    ) -> bool {
        self.shape == *shape && self.settings == *settings && self.precision == precision
    }

    /// Bytes of packed weights.
    pub(crate) fn bytes(&self) -> usize {
        match &self.engine {
            Engine::Pointwise(engine) => engine.bytes(),
            Engine::Depthwise(engine) => engine.bytes(),
            Engine::Any(convolution) => convolution.bytes(),
        }
    }

    /// The shape of the output: films, channels, height, width.
    pub(crate) fn output(&self) -> [usize; 4] {
        let [height, width] = pooled(&self.shape, self.settings.pool);
        [self.shape.films, self.shape.channels_out(), height, width]
    }

    /// `activation(input * weight + bias + kept)`, then the pool: the unpooled map never leaves the
    /// cache. `kept` has the output's size; it is given only without a pool.
    pub(crate) fn run(&self, input: &[f32], kept: Option<&[f32]>) -> Buffer {
        let curve = self.settings.activation.curve();
        let mut output = Buffer::take(self.output().iter().product());
        match (&self.engine, kept) {
            (Engine::Pointwise(engine), _) => {
                engine.run(input, &self.bias, kept, curve, &mut output);
            }
            (Engine::Depthwise(engine), None) => {
                engine.run(input, &self.bias, curve, &mut output);
            }
            (Engine::Depthwise(engine), Some(kept)) => {
                let mut z = Buffer::take(output.len());
                engine.run(input, &self.bias, Activation::Identity.curve(), &mut z);
                let plane = self.shape.output_plane();
                output
                    .par_chunks_mut(plane)
                    .zip(z.par_chunks(plane).zip(kept.par_chunks(plane)))
                    .with_min_len(share::fewest())
                    .for_each(|(y, (z, kept))| {
                        activate_sum(z, kept, Channel::shifted(0.0), curve, y);
                    });
            }
            (Engine::Any(convolution), _) => self.convolve(convolution, input, kept, &mut output),
        }
        output
    }

    fn convolve(
        &self,
        convolution: &Convolution,
        input: &[f32],
        kept: Option<&[f32]>,
        output: &mut [f32],
    ) {
        let BlockSettings {
            activation, pool, ..
        } = self.settings;
        let curve = activation.curve();
        let step = if pool { 2 } else { 1 };
        let [_, channels_out, height, width] = self.output();
        convolution.run::<()>(
            input,
            output,
            height * width,
            |rows| rows / step * width,
            |task, channel, rows| {
                let bias = self.bias[task.channels.start + channel];
                if pool {
                    let out = &mut task.out.row(channel)[rows.first / 2 * width..];
                    let out = out.chunks_exact_mut(width).take(rows.count() / 2);
                    for (row, y) in out.enumerate() {
                        let pair = [rows.row(2 * row), rows.row(2 * row + 1)];
                        bias_activate_pool(pair, bias, curve, y);
                    }
                } else {
                    let first = (task.rows.start + rows.first) * width;
                    let at = task.film * channels_out + task.channels.start + channel;
                    let out = rows.place_in(task.out.row(channel));
                    let kept = kept.map(|kept| &kept[at * height * width + first..][..out.len()]);
                    bias_activate(rows.grid(), bias, kept, curve, out);
                }
            },
        );
    }
}

/// The weight with the normalisation in it; `bias` becomes `beta + s (bias - mean)` with
/// `s = gamma / sqrt(variance + epsilon)`.
pub(crate) fn fold(weight: &[f32], bias: &mut [f32], norm: Normalisation<'_>) -> Vec<f32> {
    let scale: Vec<f32> = norm
        .gamma
        .iter()
        .zip(norm.variance)
        .map(|(gamma, variance)| gamma / (variance + norm.epsilon as f32).sqrt())
        .collect();
    for (channel, bias) in bias.iter_mut().enumerate() {
        *bias = norm.beta[channel] + scale[channel] * (*bias - norm.mean[channel]);
    }
    let patch = weight.len() / scale.len();
    weight
        .chunks_exact(patch)
        .zip(&scale)
        .flat_map(|(weight, scale)| weight.iter().map(move |value| value * scale))
        .collect()
}
