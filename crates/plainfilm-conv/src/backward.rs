//! The gradients of a convolution with respect to its weight and its input.
//!
//! With respect to the input it is a convolution again where the stride is 1 (with the kernels
//! rotated), and otherwise the weight's transpose times the output gradient, added back pixel by
//! pixel. With respect to the weight it is a sum over films and pixels. Small weights are summed
//! over a fixed number of parts of the batch, added in order at the end; large ones are cut by
//! input channel, so that no partial copies are needed. Neither depends on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::{Buffer, Scratch, at_least, with_scratch};
use crate::forward::{convolve, convolve_tile, group_of};
use crate::geometry::Shape;
use crate::im2col::{col2im, im2col};
use crate::matrix::{MatMut, MatRef};

/// Where the gradient with respect to the convolution's output comes from.
#[derive(Clone, Copy)]
pub(crate) enum OutputGradient<'a> {
    /// It lies in memory, `[films, channels, output plane]`.
    Given(&'a [f32]),
    /// It is computed, one film at a time: film number and `[channels, output plane]` to fill.
    Rebuilt(&'a (dyn Fn(usize, &mut [f32]) + Sync)),
}

impl OutputGradient<'_> {
    /// One film of `length` values, computed into `memory` if need be.
    fn film<'a>(&'a self, film: usize, length: usize, memory: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Self::Given(values) => &values[film * length..][..length],
            Self::Rebuilt(write) => {
                let memory = at_least(memory, length);
                write(film, memory);
                memory
            }
        }
    }
}

/// Which gradients are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub input: bool,
    pub weight: bool,
}

/// The gradients that were wanted, in the layout of what they belong to.
#[derive(Default)]
pub(crate) struct Gradients {
    pub input: Option<Buffer>,
    pub weight: Option<Buffer>,
}

/// Weights up to this many values are summed by part of the batch: their copies stay in cache.
const SMALL_WEIGHT: usize = 32 * 1024;
/// Most parts of a batch, and so most threads that work on a small weight.
const PARTS: usize = 16;
/// Most blocks of input channels of a large weight.
const BLOCKS: usize = 8;
/// Fewest rows of the column matrix in a block.
const BLOCK_ROWS: usize = 128;

/// The gradients of `convolve(input, weight)`, given the gradient of its output.
pub(crate) fn backward(
    input: &[f32],
    weight: &[f32],
    gradient: OutputGradient<'_>,
    shape: &Shape,
    wanted: Wanted,
) -> Gradients {
    if !wanted.input && !wanted.weight {
        return Gradients::default();
    }
    if wanted.weight && shape.weights() <= SMALL_WEIGHT {
        return by_part(input, weight, gradient, shape, wanted);
    }
    match gradient {
        OutputGradient::Given(values) => by_block(input, weight, values, shape, wanted),
        OutputGradient::Rebuilt(write) => {
            let mut values = Buffer::take(shape.films * shape.output_film());
            values
                .par_chunks_mut(shape.output_film())
                .enumerate()
                .for_each(|(film, out)| write(film, out));
            by_block(input, weight, &values, shape, wanted)
        }
    }
}

/// Both gradients film by film, the weight's summed per part of the batch.
fn by_part(
    input: &[f32],
    weight: &[f32],
    gradient: OutputGradient<'_>,
    shape: &Shape,
    wanted: Wanted,
) -> Gradients {
    let films_per_part = shape.films.div_ceil(PARTS);
    let parts = shape.films.div_ceil(films_per_part);
    let mut partial = Buffer::zeroed(parts * shape.weights());
    let mut input_gradient = wanted
        .input
        .then(|| Buffer::take(shape.films * shape.input_film()));
    let route = wanted.input.then(|| InputRoute::new(weight, shape));

    let mut films: Vec<Option<&mut [f32]>> = match &mut input_gradient {
        Some(values) => values.chunks_mut(shape.input_film()).map(Some).collect(),
        None => (0..shape.films).map(|_| None).collect(),
    };
    films
        .par_chunks_mut(films_per_part)
        .zip(partial.par_chunks_mut(shape.weights()))
        .enumerate()
        .for_each(|(part, (targets, weight_gradient))| {
            with_scratch(
                |Scratch {
                     columns,
                     map: memory,
                 }| {
                    for (at, target) in targets.iter_mut().enumerate() {
                        let film = part * films_per_part + at;
                        let gradient = gradient.film(film, shape.output_film(), memory);
                        let input = &input[film * shape.input_film()..][..shape.input_film()];
                        add_film(input, gradient, shape, weight_gradient, columns);
                        if let (Some(target), Some(route)) = (target, &route) {
                            route.film(gradient, weight, shape, target, columns);
                        }
                    }
                },
            );
        });

    let (sum, others) = partial.split_at_mut(shape.weights());
    for other in others.chunks_exact(shape.weights()) {
        for (sum, value) in sum.iter_mut().zip(other) {
            *sum += value;
        }
    }
    partial.truncate(shape.weights());
    Gradients {
        input: input_gradient,
        weight: Some(partial),
    }
}

/// Adds one film's share to the gradient of the weight, all groups.
fn add_film(
    input: &[f32],
    gradient: &[f32],
    shape: &Shape,
    weight_gradient: &mut [f32],
    columns: &mut Vec<f32>,
) {
    for (group, out) in weight_gradient
        .chunks_exact_mut(shape.group_weights())
        .enumerate()
    {
        let input = group_of(input, group, shape.inputs * shape.input_plane());
        let gradient = group_of(gradient, group, shape.outputs * shape.output_plane());
        let mut out = MatMut::new(out, shape.outputs, shape.patch());
        add_group(input, gradient, shape, 0..shape.inputs, &mut out, columns);
    }
}

/// Adds one group of one film to the weight's gradient for input channels `channels`:
/// `out += gradient * columns^T`.
fn add_group(
    input: &[f32],
    gradient: &[f32],
    shape: &Shape,
    channels: Range<usize>,
    out: &mut MatMut<'_>,
    columns: &mut Vec<f32>,
) {
    let plane = shape.output_plane();
    if shape.pointwise() {
        let seen = &input[channels.start * plane..channels.end * plane];
        let gradient = MatRef::new(gradient, shape.outputs, plane);
        return out.multiply(true, gradient, MatRef::new(seen, channels.len(), plane).t());
    }
    let patch = channels.len() * shape.taps();
    for rows in shape.tiles_for(patch) {
        let first = rows.start * shape.output[1];
        let pixels = rows.len() * shape.output[1];
        let columns = at_least(columns, patch * pixels);
        im2col(input, shape, channels.clone(), rows, columns);
        out.multiply(
            true,
            MatRef::strided(&gradient[first..], shape.outputs, pixels, plane),
            MatRef::new(columns, patch, pixels).t(),
        );
    }
}

/// The input's gradient film by film, the weight's by block of input channels.
fn by_block(
    input: &[f32],
    weight: &[f32],
    gradient: &[f32],
    shape: &Shape,
    wanted: Wanted,
) -> Gradients {
    Gradients {
        input: wanted
            .input
            .then(|| input_gradient(gradient, weight, shape)),
        weight: wanted
            .weight
            .then(|| weight_gradient(input, gradient, shape)),
    }
}

/// The gradient of the input, from the whole gradient of the output.
fn input_gradient(gradient: &[f32], weight: &[f32], shape: &Shape) -> Buffer {
    let mut out = Buffer::take(shape.films * shape.input_film());
    match InputRoute::new(weight, shape) {
        InputRoute::Convolution { shape, weight } => {
            convolve(gradient, &weight, None, &shape, &mut out);
        }
        route @ InputRoute::Scatter => out
            .par_chunks_mut(shape.input_film())
            .zip(gradient.par_chunks(shape.output_film()))
            .for_each(|(out, gradient)| {
                with_scratch(|scratch| {
                    route.film(gradient, weight, shape, out, &mut scratch.columns);
                });
            }),
    }
    out
}

/// The gradient of the weight, from the whole gradient of the output.
fn weight_gradient(input: &[f32], gradient: &[f32], shape: &Shape) -> Buffer {
    let mut out = Buffer::zeroed(shape.weights());
    let blocks = (shape.patch() / BLOCK_ROWS)
        .clamp(1, BLOCKS)
        .min(shape.inputs);
    let block = shape.inputs.div_ceil(blocks);
    let mut tasks = Vec::new();
    for (group, out) in out.chunks_exact_mut(shape.group_weights()).enumerate() {
        let mut rest = MatMut::new(out, shape.outputs, shape.patch());
        for first in (0..shape.inputs).step_by(block) {
            let channels = first..(first + block).min(shape.inputs);
            let (out, right) = rest.split_columns(channels.len() * shape.taps());
            rest = right;
            tasks.push((group, channels, out));
        }
    }
    tasks
        .into_par_iter()
        .for_each(|(group, channels, mut out)| {
            with_scratch(|scratch| {
                for (input, gradient) in input
                    .chunks_exact(shape.input_film())
                    .zip(gradient.chunks_exact(shape.output_film()))
                {
                    let input = group_of(input, group, shape.inputs * shape.input_plane());
                    let gradient = group_of(gradient, group, shape.outputs * shape.output_plane());
                    let channels = channels.clone();
                    add_group(
                        input,
                        gradient,
                        shape,
                        channels,
                        &mut out,
                        &mut scratch.columns,
                    );
                }
            });
        });
    out
}

/// How the input's gradient is computed.
enum InputRoute {
    /// As a convolution of the output's gradient with the rotated kernels.
    Convolution { shape: Shape, weight: Vec<f32> },
    /// As a product with the transposed weight, added back pixel by pixel.
    Scatter,
}

impl InputRoute {
    fn new(weight: &[f32], shape: &Shape) -> Self {
        match shape.transposed() {
            Some(transposed) => Self::Convolution {
                shape: transposed,
                weight: rotated(weight, shape),
            },
            None => Self::Scatter,
        }
    }

    /// One film, all groups: overwrites `out`.
    fn film(
        &self,
        gradient: &[f32],
        weight: &[f32],
        shape: &Shape,
        out: &mut [f32],
        columns: &mut Vec<f32>,
    ) {
        for (group, out) in out
            .chunks_exact_mut(shape.inputs * shape.input_plane())
            .enumerate()
        {
            let gradient = group_of(gradient, group, shape.outputs * shape.output_plane());
            match self {
                Self::Convolution { shape, weight } => {
                    let weight = group_of(weight, group, shape.group_weights());
                    let mut rest = MatMut::new(out, shape.outputs, shape.output_plane());
                    for rows in shape.tiles() {
                        let (mut out, right) = rest.split_columns(rows.len() * shape.output[1]);
                        rest = right;
                        convolve_tile(gradient, weight, shape, rows, &mut out, columns);
                    }
                }
                Self::Scatter => {
                    let weight = group_of(weight, group, shape.group_weights());
                    scatter(gradient, weight, shape, out, columns);
                }
            }
        }
    }
}

/// One group's input gradient for any stride: `col2im(weight^T * gradient)`.
fn scatter(
    gradient: &[f32],
    weight: &[f32],
    shape: &Shape,
    out: &mut [f32],
    columns: &mut Vec<f32>,
) {
    out.fill(0.0);
    let patch = shape.patch();
    for rows in shape.tiles() {
        let first = rows.start * shape.output[1];
        let pixels = rows.len() * shape.output[1];
        let columns = at_least(columns, patch * pixels);
        MatMut::new(columns, patch, pixels).multiply(
            false,
            MatRef::new(weight, shape.outputs, patch).t(),
            MatRef::strided(
                &gradient[first..],
                shape.outputs,
                pixels,
                shape.output_plane(),
            ),
        );
        col2im(columns, shape, rows, out);
    }
}

/// The weight of the transposed convolution: per group inputs and outputs swapped, and every
/// kernel turned by half a turn.
fn rotated(weight: &[f32], shape: &Shape) -> Vec<f32> {
    let taps = shape.taps();
    let mut out = vec![0.0; weight.len()];
    for (out, weight) in out
        .chunks_exact_mut(shape.group_weights())
        .zip(weight.chunks_exact(shape.group_weights()))
    {
        for (at, kernel) in out.chunks_exact_mut(taps).enumerate() {
            let (to, from) = (at / shape.outputs, at % shape.outputs);
            let source = &weight[(from * shape.inputs + to) * taps..][..taps];
            for (value, source) in kernel.iter_mut().zip(source.iter().rev()) {
                *value = *source;
            }
        }
    }
    out
}

/// The gradient of the bias: the output's gradient summed over films and pixels, per channel.
pub(crate) fn bias_gradient(gradient: &[f32], shape: &Shape) -> Vec<f32> {
    let channels = shape.channels_out();
    let sums: Vec<f64> = gradient
        .par_chunks(shape.output_plane())
        .map(|plane| f64::from(crate::fused::kernels::sum(plane)))
        .collect();
    (0..channels)
        .map(|channel| sums.iter().skip(channel).step_by(channels).sum::<f64>() as f32)
        .collect()
}
