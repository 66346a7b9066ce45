//! The inference block: convolution, bias, activation, optional 2x2 max-pool.

use super::{BlockSettings, Precision};
use crate::buffer::Buffer;
use crate::forward::Convolution;
use crate::geometry::Shape;
use crate::kernel::elementwise::{bias_activate, bias_activate_pool};

/// `activation(input * weight + bias + kept)`, then the pool: the unpooled map never leaves the cache.
/// `kept` has the output's size; it is given only without a pool.
pub(crate) fn convolve_activate(
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    kept: Option<&[f32]>,
    shape: &Shape,
    &BlockSettings {
        activation, pool, ..
    }: &BlockSettings,
    precision: Precision,
) -> Buffer {
    let curve = activation.curve();
    let step = if pool { 2 } else { 1 };
    let [height, width] = shape.output.map(|side| side / step);
    let mut output = Buffer::take(shape.films * shape.channels_out() * height * width);
    let convolution = match precision {
        Precision::Float32 => Convolution::new(weight, shape, step),
        Precision::BFloat16 => Convolution::in_half_precision(weight, shape, step),
    };
    convolution.run::<()>(
        input,
        &mut output,
        height * width,
        |rows| rows / step * width,
        |task, channel, rows| {
            let bias = bias[task.channels.start + channel];
            if pool {
                let out = &mut task.out.row(channel)[rows.first / 2 * width..];
                for (row, y) in out
                    .chunks_exact_mut(width)
                    .take(rows.count() / 2)
                    .enumerate()
                {
                    bias_activate_pool([rows.row(2 * row), rows.row(2 * row + 1)], bias, curve, y);
                }
            } else {
                let first = (task.rows.start + rows.first) * width;
                let at = task.film * shape.channels_out() + task.channels.start + channel;
                let out = rows.place_in(task.out.row(channel));
                let kept = kept.map(|kept| &kept[at * height * width + first..][..out.len()]);
                bias_activate(rows.grid(), bias, kept, curve, out);
            }
        },
    );
    output
}
