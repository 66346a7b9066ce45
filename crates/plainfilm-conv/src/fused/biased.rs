//! The training block without normalisation: convolution, bias, activation, and an optional 2x2
//! max-pool; forward and backward.
//!
//! The backward pass needs no map between convolution and activation: an activation that keeps the
//! order of values keeps their sign and stops at a ceiling, so its output says by which slope it came.

use std::sync::Arc;

use rayon::prelude::*;

use super::{BlockSettings, Curve};
use crate::backward::{self, Gradients, Wanted};
use crate::buffer::Buffer;
use crate::forward::Convolution;
use crate::geometry::Shape;
use crate::kernel::elementwise::{
    Channel, activate_pool, add_bias_activate, curved_gradient, scatter_pooled, sum_curved,
};
use crate::output_gradient::OutputGradient;

/// Which of four values was the largest, a byte each; empty without a pool.
#[derive(Clone, Debug)]
pub(crate) struct PoolIndex(Arc<Buffer>);

/// `activation(input * weight + bias)`, pooled, and what the backward pass needs besides it.
pub(crate) fn forward(
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    shape: &Shape,
    settings: &BlockSettings,
) -> (Buffer, PoolIndex) {
    let curve = settings.activation.curve();
    let (channels_out, plane, width) =
        (shape.channels_out(), shape.output_plane(), shape.output[1]);
    let mut z = Buffer::take(shape.films * shape.output_film());
    Convolution::new(weight, shape, 1).run::<()>(
        input,
        &mut z,
        plane,
        |rows| rows * width,
        |task, channel, rows| {
            let values = rows.copy_to(task.out.row(channel));
            if !settings.pool {
                add_bias_activate(values, bias[task.channels.start + channel], curve);
            }
        },
    );
    if !settings.pool {
        return (z, PoolIndex(Arc::new(Buffer::take(0))));
    }
    let [height, width] = super::pooled(shape, true);
    let mut output = Buffer::take(shape.films * channels_out * height * width);
    let mut index = Buffer::take(output.len().div_ceil(4));
    output
        .par_chunks_mut(height * width)
        .zip(index.bytes_mut().par_chunks_mut(height * width))
        .zip(z.par_chunks(plane))
        .enumerate()
        .for_each(|(at, ((y, index), z))| {
            let channel = Channel::shifted(bias[at % channels_out]);
            let rows = y.chunks_exact_mut(width).zip(index.chunks_exact_mut(width));
            for (row, (y, index)) in rows.enumerate() {
                activate_pool(super::row_pair(z, row, shape), channel, curve, y, index);
            }
        });
    (output, PoolIndex(Arc::new(index)))
}

/// The gradients of input and weight, where wanted, and of the bias, given the block's output and
/// its gradient.
pub(crate) fn backward(
    input: &[f32],
    weight: &[f32],
    (output, index): (&[f32], &PoolIndex),
    gradient: &[f32],
    (shape, settings): (&Shape, &BlockSettings),
    wanted: Wanted,
) -> (Gradients, Vec<f32>) {
    let channels_out = shape.channels_out();
    let curve = settings.activation.curve();
    let [height, width] = super::pooled(shape, settings.pool);
    let plane = height * width;
    let sums: Vec<f64> = gradient
        .par_chunks(plane)
        .zip(output.par_chunks(plane))
        .map(|(dy, y)| f64::from(sum_curved(dy, y, curve)))
        .collect();
    let bias = (0..channels_out)
        .map(|channel| sums.iter().skip(channel).step_by(channels_out).sum::<f64>() as f32)
        .collect();
    let rebuild = |film: usize, out: &mut [f32]| {
        let film = film * channels_out * plane..(film + 1) * channels_out * plane;
        let (dy, y) = (&gradient[film.clone()], &output[film.clone()]);
        if settings.pool {
            unpool(dy, y, &index.0.bytes()[film], curve, (shape, width), out);
        } else {
            curved_gradient(dy, y, curve, out);
        }
    };
    let gradients = backward::backward(
        input,
        weight,
        OutputGradient::Rebuilt(&rebuild),
        shape,
        wanted,
    );
    (gradients, bias)
}

/// One film's gradient before pool and activation, from that after them.
fn unpool(
    dy: &[f32],
    y: &[f32],
    index: &[u8],
    curve: Curve,
    (shape, width): (&Shape, usize),
    out: &mut [f32],
) {
    let full_width = shape.output[1];
    let rows = width * (shape.output[0] / 2);
    let mut slopes = vec![0.0; width];
    out.fill(0.0);
    for (channel, out) in out.chunks_exact_mut(shape.output_plane()).enumerate() {
        for (row, pair) in out.chunks_exact_mut(2 * full_width).enumerate() {
            let pooled = channel * rows + row * width..channel * rows + (row + 1) * width;
            curved_gradient(&dy[pooled.clone()], &y[pooled.clone()], curve, &mut slopes);
            scatter_pooled(&slopes, &index[pooled], full_width, pair);
        }
    }
}
