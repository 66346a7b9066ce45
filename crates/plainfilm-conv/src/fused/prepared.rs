//! The inference block: convolution, bias, activation, optional sum or 2x2 max-pool, with its weights
//! folded and packed once for many batches.

use super::{BlockSettings, Precision, pooled};
use crate::buffer::Buffer;
use crate::forward::Convolution;
use crate::geometry::Shape;
use crate::kernel::elementwise::{bias_activate, bias_activate_pool};

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
    convolution: Convolution,
    bias: Vec<f32>,
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
        let step = if settings.pool { 2 } else { 1 };
        let convolution = match precision {
            Precision::Float32 => Convolution::new(weight, shape, step),
            Precision::BFloat16 => Convolution::in_half_precision(weight, shape, step),
        };
        Self {
            shape: *shape,
            settings: *settings,
            precision,
            convolution,
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
        self.convolution.bytes()
    }

    /// The shape of the output: films, channels, height, width.
    pub(crate) fn output(&self) -> [usize; 4] {
        let [height, width] = pooled(&self.shape, self.settings.pool);
        [self.shape.films, self.shape.channels_out(), height, width]
    }

    /// `activation(input * weight + bias + kept)`, then the pool: the unpooled map never leaves the
    /// cache. `kept` has the output's size; it is given only without a pool.
    pub(crate) fn run(&self, input: &[f32], kept: Option<&[f32]>) -> Buffer {
        let BlockSettings {
            activation, pool, ..
        } = self.settings;
        let curve = activation.curve();
        let step = if pool { 2 } else { 1 };
        let [_, channels_out, height, width] = self.output();
        let mut output = Buffer::take(self.output().iter().product());
        self.convolution.run::<()>(
            input,
            &mut output,
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
        output
    }
}

/// The weight with the normalisation in it; `bias` becomes `beta + s (bias - mean)` with
/// `s = gamma / sqrt(variance + epsilon)`.
fn fold(weight: &[f32], bias: &mut [f32], norm: Normalisation<'_>) -> Vec<f32> {
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
