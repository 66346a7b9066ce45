//! The training block: convolution, batch normalisation with the batch's own statistics,
//! activation, and an optional 2x2 max-pool; forward and backward.

use std::sync::Arc;

use rayon::prelude::*;

use super::statistics::Moments;
use super::{Activation, BlockSettings, Curve, pooled, row_pair};
use crate::backward::{self, Wanted};
use crate::buffer::Buffer;
use crate::forward::Convolution;
use crate::geometry::Shape;
use crate::kernel::elementwise::{
    Channel, Correction, PooledSums, activate, activate_pool, activate_sum, gradient_sums,
    normalise_gradient, normalised_gradient, pooled_gradient_sums, scatter_pooled,
};
use crate::output_gradient::OutputGradient;

/// What the backward pass needs again, shared so that a graph can be cloned.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    /// The convolution's output before normalisation.
    z: Arc<Buffer>,
    /// Which of four values was the largest, a byte each; empty without a pool.
    index: Arc<Buffer>,
    /// Per channel.
    channels: Arc<Vec<Channel>>,
    /// Per channel, `1 / sqrt(variance + epsilon)`.
    inverse_deviation: Arc<Vec<f32>>,
    activation: Activation,
}

/// What a forward pass gives.
pub(crate) struct Forward {
    /// `[films, channels, height, width]`, halved under a pool.
    pub output: Buffer,
    /// The batch's mean, per channel.
    pub mean: Vec<f32>,
    /// The batch's unbiased variance, per channel.
    pub variance: Vec<f32>,
    /// For the backward pass.
    pub saved: Saved,
}

/// The block's forward pass, with the statistics of this batch.
///
/// `gamma` and `beta` have one value per output channel. `kept`, of the output's size, is added
/// before the activation; only without a pool.
pub(crate) fn forward(
    input: &[f32],
    weight: &[f32],
    [gamma, beta]: [&[f32]; 2],
    kept: Option<&[f32]>,
    shape: &Shape,
    settings: &BlockSettings,
) -> Forward {
    let BlockSettings {
        epsilon,
        activation,
        pool,
        ..
    } = *settings;
    let plane = shape.output_plane();
    let channels_out = shape.channels_out();
    let mut z = Buffer::take(shape.films * shape.output_film());
    let width = shape.output[1];
    let convolution = Convolution::new(weight, shape, 1);
    let tiles = convolution.run::<Vec<Moments>>(
        input,
        &mut z,
        plane,
        |rows| rows * width,
        |task, channel, rows| {
            let found = Moments::of(rows.copy_to(task.out.row(channel)));
            if task.found.len() <= channel {
                task.found.resize(channel + 1, Moments::default());
            }
            task.found[channel] = task.found[channel].merge(found);
        },
    );
    let mut moments = vec![Moments::default(); channels_out];
    for (channels, tile) in tiles {
        for (total, part) in moments[channels.start..].iter_mut().zip(tile) {
            *total = total.merge(part);
        }
    }
    let inverse_deviation: Vec<f32> = moments
        .iter()
        .map(|m| (1.0 / (m.biased_variance() + epsilon).sqrt()) as f32)
        .collect();
    let channels: Vec<Channel> = (0..channels_out)
        .map(|c| Channel {
            mean: moments[c].mean() as f32,
            scale: gamma[c] * inverse_deviation[c],
            shift: beta[c],
        })
        .collect();

    let curve = activation.curve();
    let [height, width] = pooled(shape, pool);
    let pooled_plane = height * width;
    let mut output = Buffer::take(shape.films * channels_out * pooled_plane);
    let mut index = Buffer::take(if pool { output.len().div_ceil(4) } else { 0 });
    if pool {
        output
            .par_chunks_mut(pooled_plane)
            .zip(index.bytes_mut().par_chunks_mut(pooled_plane))
            .zip(z.par_chunks(plane))
            .enumerate()
            .for_each(|(at, ((y, index), z))| {
                let channel = channels[at % channels_out];
                let rows = y.chunks_exact_mut(width).zip(index.chunks_exact_mut(width));
                for (row, (y, index)) in rows.enumerate() {
                    activate_pool(row_pair(z, row, shape), channel, curve, y, index);
                }
            });
    } else {
        output
            .par_chunks_mut(plane)
            .zip(z.par_chunks(plane))
            .enumerate()
            .for_each(|(at, (y, z))| {
                let channel = channels[at % channels_out];
                match kept {
                    None => activate(z, channel, curve, y),
                    Some(kept) => activate_sum(z, &kept[at * plane..][..plane], channel, curve, y),
                }
            });
    }
    Forward {
        output,
        mean: moments.iter().map(|m| m.mean() as f32).collect(),
        variance: moments
            .iter()
            .map(|m| m.unbiased_variance() as f32)
            .collect(),
        saved: Saved {
            z: Arc::new(z),
            index: Arc::new(index),
            channels: Arc::new(channels),
            inverse_deviation: Arc::new(inverse_deviation),
            // The gradient of a sum is taken past the activation before it gets here.
            activation: match kept {
                None => activation,
                Some(_) => Activation::Identity,
            },
        },
    }
}

/// The gradients of the block.
pub(crate) struct BlockGradients {
    /// Of the input, where wanted.
    pub input: Option<Buffer>,
    /// Of the weight, where wanted.
    pub weight: Option<Buffer>,
    /// Of gamma.
    pub gamma: Vec<f32>,
    /// Of beta.
    pub beta: Vec<f32>,
}

/// The block's backward pass (Ioffe and Szegedy 2015, section 3), given the output's gradient.
pub(crate) fn backward(
    input: &[f32],
    weight: &[f32],
    saved: &Saved,
    gradient: &[f32],
    shape: &Shape,
    wanted: Wanted,
) -> BlockGradients {
    let channels_out = shape.channels_out();
    let curve = saved.activation.curve();
    let pool = !saved.index.is_empty();
    let [height, width] = pooled(shape, pool);
    let plane = height * width;
    let sums: Vec<(f32, f32)> = gradient
        .par_chunks(plane)
        .zip(saved.z.par_chunks(shape.output_plane()))
        .enumerate()
        .map(|(at, (dy, z))| {
            let channel = saved.channels[at % channels_out];
            if !pool {
                return gradient_sums(dy, z, channel, curve);
            }
            let index = &saved.index.bytes()[at * plane..][..plane];
            let mut totals = PooledSums::new();
            for row in 0..height {
                let (dy, index) = (&dy[row * width..][..width], &index[row * width..][..width]);
                let rows = row_pair(z, row, shape);
                pooled_gradient_sums(dy, index, rows, channel, curve, &mut totals);
            }
            totals.total()
        })
        .collect();
    let mut totals = vec![(0.0f64, 0.0f64); channels_out];
    for (at, (sum, product)) in sums.into_iter().enumerate() {
        let total = &mut totals[at % channels_out];
        total.0 += f64::from(sum);
        total.1 += f64::from(product);
    }
    let count = (shape.films * shape.output_plane()) as f64;
    let corrections = (0..channels_out)
        .map(|c| {
            let (channel, inverse) = (saved.channels[c], f64::from(saved.inverse_deviation[c]));
            let scale = f64::from(channel.scale);
            Correction {
                slope: (scale * inverse * inverse * totals[c].1 / count) as f32,
                offset: (scale * totals[c].0 / count) as f32,
            }
        })
        .collect();
    let source = BlockGradient {
        gradient,
        saved,
        corrections,
        curve,
        shape,
        pooled: [height, width],
        pool,
    };
    let rebuild = |film: usize, out: &mut [f32]| source.film(film, out);
    let gradient = OutputGradient::Rebuilt(&rebuild);
    let gradients = backward::backward(input, weight, gradient, shape, wanted);
    BlockGradients {
        input: gradients.input,
        weight: gradients.weight,
        gamma: totals
            .iter()
            .zip(&*saved.inverse_deviation)
            .map(|(total, &inverse)| (total.1 * f64::from(inverse)) as f32)
            .collect(),
        beta: totals.iter().map(|total| total.0 as f32).collect(),
    }
}

/// The gradient of the convolution's output inside the block, rebuilt film by film in a thread's
/// memory: storing it for the batch costs more than computing it.
struct BlockGradient<'a> {
    gradient: &'a [f32],
    saved: &'a Saved,
    corrections: Vec<Correction>,
    curve: Curve,
    shape: &'a Shape,
    pooled: [usize; 2],
    pool: bool,
}

impl BlockGradient<'_> {
    /// One film, `[channels, plane]`.
    fn film(&self, film: usize, out: &mut [f32]) {
        let plane = self.shape.output_plane();
        let first = film * self.shape.channels_out();
        for (c, dz) in out.chunks_exact_mut(plane).enumerate() {
            let z = &self.saved.z[(first + c) * plane..][..plane];
            self.plane(first + c, c, z, dz);
        }
    }

    /// One plane: number `at` of the batch, channel `c`.
    fn plane(&self, at: usize, c: usize, z: &[f32], dz: &mut [f32]) {
        let (channel, correction) = (self.saved.channels[c], self.corrections[c]);
        let [height, width] = self.pooled;
        let dy = &self.gradient[at * height * width..][..height * width];
        if !self.pool {
            return normalised_gradient(dy, z, channel, correction, self.curve, dz);
        }
        let index = &self.saved.index.bytes()[at * height * width..][..height * width];
        let full_width = self.shape.output[1];
        dz.fill(0.0);
        for (row, pair) in dz.chunks_exact_mut(2 * full_width).enumerate() {
            let pooled = row * width..(row + 1) * width;
            scatter_pooled(&dy[pooled.clone()], &index[pooled], full_width, pair);
        }
        normalise_gradient(z, channel, correction, self.curve, dz);
    }
}
