//! Passes over whole batches that no convolution takes along.

use rayon::prelude::*;

use super::Activation;
use crate::buffer::Buffer;
use crate::kernel::elementwise::{Channel, activate, curved_gradient};
use crate::share;

/// Values that one task takes of an elementwise loop over a batch.
const CHUNK: usize = 64 * 1024;

/// The gradient before an activation whose output was `output`, given that after it.
pub(crate) fn sum_gradient(gradient: &[f32], output: &[f32], activation: Activation) -> Buffer {
    let mut sum = Buffer::take(gradient.len());
    sum.par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(output.par_chunks(CHUNK))
        .for_each(|((sum, dy), y)| curved_gradient(dy, y, activation.curve(), sum));
    sum
}

/// `activation(normalised input)`, `[films, channels, height, width]`.
pub(crate) fn normalise_activate(
    input: &[f32],
    [_, count, height, width]: [usize; 4],
    channels: &[Channel],
    activation: Activation,
) -> Buffer {
    let plane = height * width;
    let mut output = Buffer::take(input.len());
    output
        .par_chunks_mut(plane)
        .with_min_len(CHUNK.div_ceil(plane).max(share::fewest()))
        .zip(input.par_chunks(plane))
        .enumerate()
        .for_each(|(at, (y, z))| activate(z, channels[at % count], activation.curve(), y));
    output
}

/// The maps of both, film by film.
pub(crate) fn side_by_side([first, second]: [&[f32]; 2], films: usize) -> Buffer {
    let mut output = Buffer::take(first.len() + second.len());
    let lengths = [first, second].map(|maps| maps.len() / films);
    output
        .par_chunks_mut(lengths[0] + lengths[1])
        .zip(first.par_chunks(lengths[0]))
        .zip(second.par_chunks(lengths[1]))
        .for_each(|((output, first), second)| {
            let (left, right) = output.split_at_mut(first.len());
            left.copy_from_slice(first);
            right.copy_from_slice(second);
        });
    output
}
