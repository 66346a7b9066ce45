//! The gradient of a convolution's weight: sums over films and pixels of shifted input times
//! output gradient.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::{Buffer, Scratch, at_least, with_scratch};
use crate::geometry::Shape;
use crate::kernel::{InnerProduct, WIDEST, inner_products};
use crate::lattice::{Lattice, parts};
use crate::matrix::MatMut;
use crate::tasks::{TILE_FLOATS, group_of};

/// Weights up to this many values may be summed by part of the batch.
const MOST_PART_WEIGHTS: usize = 512 * 1024;
/// Output pixels from which on that is done: below, adding up registers after each film would cost
/// too much.
const FEWEST_PART_PIXELS: usize = 2048;
/// Most parts of a batch, and so most threads that work on them.
const PARTS: usize = 16;
/// Most blocks of input channels (or of groups).
const BLOCKS: usize = 8;

/// How the weight's gradient is summed.
pub(crate) struct WeightGradient {
    shape: Shape,
    lattice: Lattice,
    /// Where each kernel tap reads in a channel of the laid-out input.
    taps: Vec<usize>,
    tiles: Vec<Range<usize>>,
    /// Values of one channel of the output's gradient when it is laid out like the input.
    placed: usize,
}

impl WeightGradient {
    /// True where parts of the batch are summed one by one; see the module's parent.
    pub fn in_parts(shape: &Shape) -> bool {
        shape.weights() <= MOST_PART_WEIGHTS && shape.output_plane() >= FEWEST_PART_PIXELS
    }

    /// For [`over_parts`](Self::over_parts).
    pub fn by_part(shape: &Shape) -> Self {
        let (one_row, _) = Lattice::of_input(shape, 1);
        let per_row = shape.inputs * one_row.channel() + shape.outputs * one_row.pitch;
        Self::with_rows(shape, TILE_FLOATS / per_row)
    }

    /// For [`over_channels`](Self::over_channels).
    pub fn by_channel(shape: &Shape) -> Self {
        Self::with_rows(shape, shape.output[0])
    }

    fn with_rows(shape: &Shape, rows: usize) -> Self {
        let tiles = parts(shape.output[0], rows, 1);
        let longest = tiles.iter().map(Range::len).max().unwrap_or(1);
        let (lattice, taps) = Lattice::of_input(shape, longest);
        Self {
            shape: *shape,
            placed: (longest * lattice.pitch).next_multiple_of(WIDEST),
            lattice,
            taps,
            tiles,
        }
    }

    /// Values from the first output of a tile to its last.
    fn length(&self, rows: usize) -> usize {
        (rows - 1) * self.lattice.pitch + self.shape.output[1]
    }

    /// Sums parts of the batch, each film by `film` (number, target, working memory, sum to add
    /// to), and adds up the parts in order.
    pub fn over_parts<T: Send>(
        &self,
        mut targets: Vec<Option<T>>,
        film: impl Fn(usize, Option<T>, &mut Scratch, &mut [f32]) + Sync,
    ) -> Buffer {
        let weights = self.shape.weights();
        let films_per_part = self.shape.films.div_ceil(PARTS);
        let parts = self.shape.films.div_ceil(films_per_part);
        let mut partial = Buffer::zeroed(parts * weights);
        targets
            .par_chunks_mut(films_per_part)
            .zip(partial.par_chunks_mut(weights))
            .enumerate()
            .for_each(|(part, (targets, sum))| {
                with_scratch(|scratch| {
                    for (at, target) in targets.iter_mut().enumerate() {
                        film(part * films_per_part + at, target.take(), scratch, sum);
                    }
                });
            });
        let (sum, others) = partial.split_at_mut(weights);
        for other in others.chunks_exact(weights) {
            for (sum, value) in sum.iter_mut().zip(other) {
                *sum += value;
            }
        }
        partial.truncate(weights);
        partial
    }

    /// Adds one film's share, all groups.
    pub fn add_film(
        &self,
        input: &[f32],
        gradient: &[f32],
        source: &mut Vec<f32>,
        placed: &mut Vec<f32>,
        sum: &mut [f32],
    ) {
        let shape = &self.shape;
        let source = at_least(source, self.lattice.length(shape.inputs));
        let placed = at_least(placed, shape.outputs * self.placed);
        let columns = self.lattice.columns(&self.taps, shape.inputs);
        let rows: Vec<usize> = (0..shape.outputs).map(|row| row * self.placed).collect();
        for (group, sum) in sum.chunks_exact_mut(shape.group_weights()).enumerate() {
            let input = group_of(input, group, shape.inputs * shape.input_plane());
            let gradient = group_of(gradient, group, shape.outputs * shape.output_plane());
            for tile in &self.tiles {
                self.lattice.gather(input, tile.clone(), source);
                self.place(gradient, tile.clone(), placed);
                let product = InnerProduct {
                    a: placed,
                    rows: &rows,
                    b: source,
                    columns: &columns,
                    segments: &[[0, 0]],
                    length: self.length(tile.len()),
                };
                inner_products(&product, sum, shape.patch());
            }
        }
    }

    /// Lays out rows `rows` of the output's gradient with the input's distance between rows, and
    /// zeros between.
    fn place(&self, gradient: &[f32], rows: Range<usize>, placed: &mut [f32]) {
        let maps = [self.shape.output_plane(), self.shape.output[1]];
        self.lattice
            .place_output(gradient, maps, rows, self.placed, placed);
    }

    /// Values of one film's output gradient, laid out.
    pub fn placed_film(&self) -> usize {
        self.shape.channels_out() * self.placed
    }

    /// Lays out all of one film's output gradient.
    pub fn place_all(&self, gradient: &[f32], placed: &mut [f32]) {
        self.place(gradient, 0..self.shape.output[0], placed);
    }

    /// Sums the whole batch, cut by input channels, from the laid-out output gradients of all
    /// films.
    pub fn over_channels(&self, input: &[f32], placed: &[f32]) -> Buffer {
        let shape = &self.shape;
        let mut out = Buffer::take(shape.weights());
        let fits = (TILE_FLOATS / self.lattice.channel()).max(1);
        let block = shape.inputs.div_ceil(BLOCKS).min(fits);
        let mut blocks = Vec::new();
        for (group, out) in out.chunks_exact_mut(shape.group_weights()).enumerate() {
            let mut rest = MatMut::new(out, shape.outputs, shape.patch());
            for channels in parts(shape.inputs, block, 1) {
                let (out, right) = rest.split_columns(channels.len() * shape.taps());
                rest = right;
                blocks.push((group, channels, out));
            }
        }
        let together = blocks.len().div_ceil(BLOCKS * 2);
        blocks
            .into_par_iter()
            .with_min_len(if shape.groups > 1 { together } else { 1 })
            .for_each(|(group, channels, mut out)| {
                with_scratch(|scratch| {
                    self.block(input, placed, group, channels, &mut out, scratch);
                });
            });
        out
    }

    /// Some input channels of one group, over all films.
    fn block(
        &self,
        input: &[f32],
        placed: &[f32],
        group: usize,
        channels: Range<usize>,
        out: &mut MatMut<'_>,
        Scratch { source, tile, .. }: &mut Scratch,
    ) {
        let shape = &self.shape;
        let columns = self.lattice.columns(&self.taps, channels.len());
        let rows: Vec<usize> = (0..shape.outputs)
            .map(|row| (group * shape.outputs + row) * self.placed)
            .collect();
        let sums = at_least(tile, shape.outputs * columns.len());
        sums.fill(0.0);
        let length = self.lattice.length(channels.len());
        let together = (TILE_FLOATS / (length + shape.outputs * self.placed)).max(1);
        let source = at_least(source, together * length);
        for films in parts(shape.films, together, 1) {
            let segments: Vec<[usize; 2]> = films
                .clone()
                .enumerate()
                .map(|(at, film)| [film * self.placed_film(), at * length])
                .collect();
            for (film, source) in films.zip(source.chunks_exact_mut(length)) {
                let film = group_of(input, film, shape.input_film());
                let first = group * shape.inputs;
                let channels = first + channels.start..first + channels.end;
                let plane = shape.input_plane();
                let film = &film[channels.start * plane..channels.end * plane];
                self.lattice.gather(film, 0..shape.output[0], source);
            }
            let product = InnerProduct {
                a: placed,
                rows: &rows,
                b: source,
                columns: &columns,
                segments: &segments,
                length: self.length(shape.output[0]),
            };
            inner_products(&product, sums, columns.len());
        }
        for (row, sums) in sums.chunks_exact(columns.len()).enumerate() {
            out.row(row).copy_from_slice(sums);
        }
    }
}
