//! The gradient of a convolution's weight in 16 bits: input and output gradient are rounded, products are added in
//! float32.
//!
//! The output's gradients are laid out once, pairs of pixels with all outputs side by side. Then every task takes
//! some input channels over some films, lays their planes out as the forward pass does, so that a kernel tap is the
//! same memory shifted, and sums all taps and outputs. The parts of the films are added in order.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::maps::{floats_for, halves_mut, lines_of};
use crate::buffer::{Buffer, at_least};
use crate::geometry::Shape;
use crate::kernel::amx::rounding::{round, turn};
use crate::kernel::amx::sums::{BLOCK, Product, add_products};
use crate::kernel::amx::{DEPTH, SIDE, TILE};
use crate::lattice::{Lattice, parts};
use crate::output_gradient::OutputGradient;

/// Pixels that are summed at once: their planes stay in the first-level cache.
const PIXELS: usize = 512;
/// Fewest tasks, where there are films enough.
const TASKS: usize = 16;

/// A thread's working memory.
#[derive(Default)]
struct Scratch {
    /// A channel's plane, or those of a few outputs.
    floats: Vec<f32>,
    /// Planes in 16 bits.
    planes: Vec<f32>,
    /// A film's output gradient.
    film: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

struct Plan {
    shape: Shape,
    lattice: Lattice,
    /// Where each kernel tap reads in a plane.
    taps: Vec<usize>,
    /// Output rows.
    tiles: Vec<Range<usize>>,
    /// Pixels of a tile, rounded up to whole steps.
    tile: usize,
    /// Outputs, rounded up to whole tiles of the matrix unit.
    columns: usize,
}

/// The gradient of the weight, `[outputs, inputs, taps]`, of a convolution of one group.
pub(crate) fn weight_gradient(
    input: &[f32],
    gradient: OutputGradient<'_>,
    shape: &Shape,
) -> Buffer {
    let plan = Plan::new(shape);
    let mut pairs = Buffer::take(shape.films * plan.film_pairs());
    pairs
        .par_chunks_exact_mut(plan.film_pairs())
        .enumerate()
        .for_each(|(film, out)| {
            SCRATCH.with_borrow_mut(|scratch| {
                let Scratch {
                    floats,
                    film: memory,
                    ..
                } = scratch;
                let gradient = gradient.film(film, shape.output_film(), memory);
                plan.lay_out(gradient, floats, as_pairs_mut(out));
            });
        });
    let blocks = shape.inputs.div_ceil(SIDE);
    let films_of_part = shape.films.div_ceil((TASKS / blocks).clamp(1, shape.films));
    let films: Vec<Range<usize>> = parts(shape.films, films_of_part, 1);
    let block = plan.block_sums();
    let mut partial = Buffer::zeroed(films.len() * blocks * block);
    partial
        .par_chunks_exact_mut(block)
        .enumerate()
        .with_max_len(1)
        .for_each(|(at, sums)| {
            SCRATCH.with_borrow_mut(|scratch| {
                let (part, block) = (at / blocks, at % blocks);
                let films = films[part].clone();
                plan.add(input, as_pairs(&pairs), films, block, scratch, sums);
            });
        });
    let mut out = Buffer::take(shape.weights());
    out.par_chunks_mut(SIDE * shape.patch())
        .enumerate()
        .for_each(|(outputs, out)| plan.gather(&partial, outputs, out));
    out
}

/// The memory of floats as pairs of halves.
fn as_pairs(memory: &[f32]) -> &[u32] {
    // SAFETY: both are plain numbers of the same size and alignment.
    unsafe { std::slice::from_raw_parts(memory.as_ptr().cast(), memory.len()) }
}

/// As [`as_pairs`], to write.
fn as_pairs_mut(memory: &mut [f32]) -> &mut [u32] {
    // SAFETY: both are plain numbers of the same size and alignment.
    unsafe { std::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), memory.len()) }
}

impl Plan {
    fn new(shape: &Shape) -> Self {
        let (one_row, _) = Lattice::of_input(shape, 1);
        let tiles = parts(shape.output[0], (PIXELS / one_row.pitch).max(1), 1);
        let longest = tiles.iter().map(Range::len).max().unwrap_or(1);
        let (lattice, taps) = Lattice::of_input(shape, longest);
        Self {
            shape: *shape,
            tile: (longest * lattice.pitch).next_multiple_of(DEPTH),
            lattice,
            taps,
            tiles,
            columns: shape.outputs.next_multiple_of(TILE),
        }
    }

    /// Pairs of a film.
    fn film_pairs(&self) -> usize {
        self.tiles.len() * self.tile_pairs()
    }

    /// Pairs of a tile, all outputs.
    fn tile_pairs(&self) -> usize {
        self.tile / 2 * self.columns
    }

    /// Sums of a block of inputs with all outputs and taps.
    fn block_sums(&self) -> usize {
        self.shape.outputs.div_ceil(SIDE) * self.taps.len() * BLOCK
    }

    /// Values of a channel's plane in 16 bits: whole steps of a tile are read from the last tap on.
    fn plane(&self) -> usize {
        let furthest = self.taps.iter().copied().max().unwrap_or(0);
        (furthest + self.tile)
            .max(self.lattice.channel())
            .next_multiple_of(DEPTH)
    }

    /// One film's output gradient `[outputs, plane]` as pairs, with the input's distance between rows and zeros
    /// between them.
    fn lay_out(&self, gradient: &[f32], memory: &mut Vec<f32>, out: &mut [u32]) {
        let (plane, width) = (self.shape.output_plane(), self.shape.output[1]);
        let memory = lines_of(memory, TILE * self.tile);
        for (rows, out) in self
            .tiles
            .iter()
            .zip(out.chunks_exact_mut(self.tile_pairs()))
        {
            for (column, gradient) in gradient.chunks(TILE * plane).enumerate() {
                let count = gradient.len() / plane;
                let planes = &mut memory[..count * self.tile];
                let maps = [plane, width];
                self.lattice
                    .place_output(gradient, maps, rows.clone(), self.tile, planes);
                let out = &mut out[column * TILE..];
                turn(planes, self.tile, self.tile / 2, out, self.columns);
            }
        }
    }

    /// Adds the sums of some films for block `block` of the inputs.
    fn add(
        &self,
        input: &[f32],
        pairs: &[u32],
        films: Range<usize>,
        block: usize,
        Scratch { floats, planes, .. }: &mut Scratch,
        sums: &mut [f32],
    ) {
        let shape = &self.shape;
        let channels = block * SIDE..(block * SIDE + SIDE).min(shape.inputs);
        let inputs = channels.len();
        let floats = at_least(floats, self.lattice.length(1));
        // Films whose tiles are short are summed together: a plane has one after another.
        let together = (PIXELS / self.tile).clamp(1, films.len());
        let plane = together * self.plane();
        let length = inputs.next_multiple_of(TILE) * plane;
        if planes.len() < floats_for(length) {
            planes.resize(floats_for(length), 0.0);
        }
        let planes = halves_mut(planes, length);
        // What no channel writes is read all the same, and its sums left: it must be finite.
        planes.fill(0);
        for first in films.clone().step_by(together) {
            let films = first..(first + together).min(films.end);
            for (tile, rows) in self.tiles.iter().enumerate() {
                for (at, film) in films.clone().enumerate() {
                    let film = &input[film * shape.input_film()..][..shape.input_film()];
                    for (channel, out) in channels.clone().zip(planes.chunks_exact_mut(plane)) {
                        let film = &film[channel * shape.input_plane()..][..shape.input_plane()];
                        self.lattice.gather(film, rows.clone(), floats);
                        let laid_out = &floats[..self.lattice.channel()];
                        let out = &mut out[at * self.plane()..][..laid_out.len()];
                        round(laid_out, out);
                    }
                }
                let steps: Vec<[usize; 2]> = films
                    .clone()
                    .enumerate()
                    .flat_map(|(at, film)| {
                        let first = (film * self.tiles.len() + tile) * (self.tile / 2);
                        (0..self.tile)
                            .step_by(DEPTH)
                            .map(move |pixel| [at * self.plane() + pixel, first + pixel / 2])
                    })
                    .collect();
                let outputs = (0..shape.outputs).step_by(SIDE);
                for (column, sums) in outputs.zip(sums.chunks_exact_mut(self.taps.len() * BLOCK)) {
                    let product = Product {
                        left: planes,
                        plane,
                        inputs,
                        taps: &self.taps,
                        right: pairs,
                        columns: self.columns,
                        column,
                        outputs: SIDE.min(shape.outputs - column),
                        steps: &steps,
                    };
                    add_products(&product, sums);
                }
            }
        }
    }

    /// The gradient of block `block` of the outputs, `[outputs, inputs, taps]`, from the parts.
    fn gather(&self, partial: &[f32], block: usize, out: &mut [f32]) {
        let shape = &self.shape;
        let outputs = out.len() / shape.patch();
        let taps = self.taps.len();
        let all = shape.inputs.div_ceil(SIDE) * self.block_sums();
        for channel in 0..shape.inputs {
            for tap in 0..taps {
                let place = channel / SIDE * self.block_sums()
                    + (block * taps + tap) * BLOCK
                    + channel % SIDE * SIDE;
                let mut sums = [0.0; SIDE];
                for part in partial.chunks_exact(all) {
                    for (sum, value) in sums.iter_mut().zip(&part[place..][..SIDE]) {
                        *sum += value;
                    }
                }
                for (sum, out) in sums[..outputs]
                    .iter()
                    .zip(out.chunks_exact_mut(shape.patch()))
                {
                    out[channel * taps + tap] = *sum;
                }
            }
        }
    }
}
