//! The inference block: convolution, bias, activation, optional 2x2 max-pool.

use rayon::prelude::*;

use super::Activation;
use super::kernels::{add_bias_activate, bias_activate_pool};
use super::train::row_pair;
use crate::buffer::{Buffer, Scratch, at_least, with_scratch};
use crate::forward::{convolve_tile, convolve_tiles, group_of};
use crate::geometry::Shape;
use crate::matrix::MatMut;

/// `activation(input * weight + bias)`, then the pool.
pub(crate) fn convolve_activate(
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    shape: &Shape,
    activation: Activation,
    pool: bool,
) -> Buffer {
    if pool {
        return convolve_activate_pool(input, weight, bias, shape, activation);
    }
    let curve = activation.curve();
    let mut output = Buffer::take(shape.films * shape.output_film());
    convolve_tiles(input, weight, shape, &mut output, |tile| {
        for (channel, &bias) in group_of(bias, tile.group, shape.outputs).iter().enumerate() {
            add_bias_activate(tile.out.row(channel), bias, curve);
        }
    });
    output
}

/// With the pool the unpooled map lives in a thread's memory only, one group of a film at a time.
fn convolve_activate_pool(
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    shape: &Shape,
    activation: Activation,
) -> Buffer {
    let curve = activation.curve();
    let plane = shape.output_plane();
    let [height, width] = shape.output.map(|side| side / 2);
    let pooled_group = shape.outputs * height * width;
    let mut output = Buffer::take(shape.films * shape.groups * pooled_group);
    output
        .par_chunks_mut(pooled_group)
        .enumerate()
        .for_each(|(at, out)| {
            let film = group_of(input, at, shape.inputs * shape.input_plane());
            let group = at % shape.groups;
            let weight = group_of(weight, group, shape.group_weights());
            let bias = group_of(bias, group, shape.outputs);
            with_scratch(|Scratch { columns, map }| {
                let map = at_least(map, shape.outputs * plane);
                let mut rest = MatMut::new(map, shape.outputs, plane);
                for rows in shape.tiles() {
                    let (mut tile, right) = rest.split_columns(rows.len() * shape.output[1]);
                    rest = right;
                    convolve_tile(film, weight, shape, rows, &mut tile, columns);
                }
                for ((z, &bias), y) in map
                    .chunks_exact(plane)
                    .zip(bias)
                    .zip(out.chunks_exact_mut(height * width))
                {
                    for (row, y) in y.chunks_exact_mut(width).enumerate() {
                        bias_activate_pool(row_pair(z, row, shape), bias, curve, y);
                    }
                }
            });
        });
    output
}
