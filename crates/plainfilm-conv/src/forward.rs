//! The forward convolution: every (film, group, tile of output rows) is one task.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::{at_least, with_scratch};
use crate::geometry::Shape;
use crate::im2col::im2col;
use crate::matrix::{MatMut, MatRef};

/// One task: some output rows of one group of one film.
pub(crate) struct Tile<'a> {
    /// Number of the film.
    pub film: usize,
    /// Number of the group.
    pub group: usize,
    /// The output rows.
    pub rows: Range<usize>,
    /// The outputs `[outputs of the group, rows * output width]`.
    pub out: MatMut<'a>,
}

/// Cuts an output `[films, groups * outputs, height, width]` into tasks, in a fixed order: film,
/// then group, then rows.
pub(crate) fn tiles<'a>(output: &'a mut [f32], shape: &Shape) -> Vec<Tile<'a>> {
    let width = shape.output[1];
    let group_size = shape.outputs * shape.output_plane();
    let mut tiles = Vec::with_capacity(shape.films * shape.groups * shape.tiles().len());
    for (at, group) in output.chunks_exact_mut(group_size).enumerate() {
        let mut rest = MatMut::new(group, shape.outputs, shape.output_plane());
        for rows in shape.tiles() {
            let (out, right) = rest.split_columns(rows.len() * width);
            rest = right;
            tiles.push(Tile {
                film: at / shape.groups,
                group: at % shape.groups,
                rows,
                out,
            });
        }
    }
    tiles
}

/// Convolves one tile: `out = weight * columns`.
///
/// `film` is the group's input `[inputs, height, width]`, `weight` its `[outputs, patch]`.
pub(crate) fn convolve_tile(
    film: &[f32],
    weight: &[f32],
    shape: &Shape,
    rows: Range<usize>,
    out: &mut MatMut<'_>,
    columns: &mut Vec<f32>,
) {
    let (patch, pixels) = (shape.patch(), rows.len() * shape.output[1]);
    let weight = MatRef::new(weight, shape.outputs, patch);
    if shape.pointwise() {
        let first = rows.start * shape.output[1];
        let seen = MatRef::strided(&film[first..], patch, pixels, shape.input_plane());
        return out.multiply(false, weight, seen);
    }
    let columns = at_least(columns, patch * pixels);
    im2col(film, shape, 0..shape.inputs, rows, columns);
    out.multiply(false, weight, MatRef::new(columns, patch, pixels));
}

/// Convolves a whole batch; `finish` sees each tile while it is still in cache.
pub(crate) fn convolve_tiles<R: Send>(
    input: &[f32],
    weight: &[f32],
    shape: &Shape,
    output: &mut [f32],
    finish: impl Fn(&mut Tile<'_>) -> R + Sync,
) -> Vec<R> {
    tiles(output, shape)
        .into_par_iter()
        .map(|mut tile| {
            let film = &input[tile.film * shape.input_film()..][..shape.input_film()];
            let film = group_of(film, tile.group, shape.inputs * shape.input_plane());
            let weight = group_of(weight, tile.group, shape.group_weights());
            with_scratch(|scratch| {
                let rows = tile.rows.clone();
                convolve_tile(
                    film,
                    weight,
                    shape,
                    rows,
                    &mut tile.out,
                    &mut scratch.columns,
                );
            });
            finish(&mut tile)
        })
        .collect()
}

/// The part of `values` that belongs to a group, where each group has `length` values.
pub(crate) fn group_of(values: &[f32], group: usize, length: usize) -> &[f32] {
    &values[group * length..][..length]
}

/// `output = input * weight + bias`; shapes as [`Shape`] says, bias one value per output channel.
pub(crate) fn convolve(
    input: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    shape: &Shape,
    output: &mut [f32],
) {
    convolve_tiles(input, weight, shape, output, |tile| {
        let Some(bias) = bias else { return };
        for (channel, &bias) in group_of(bias, tile.group, shape.outputs).iter().enumerate() {
            for value in tile.out.row(channel) {
                *value += bias;
            }
        }
    });
}
