//! Convolutions in 16 bits from maps in 32: inputs and weights are rounded to bfloat16, products are
//! added in float32.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::{Scratch, at_least};
use crate::geometry::Shape;
use crate::kernel::amx::pairs::{Product, products};
use crate::kernel::amx::rounding::interleave;
use crate::kernel::amx::{self, DEPTH, SIDE, bfloat16};
use crate::lattice::{Lattice, parts};
use crate::switches::{self, Precision};
use crate::tasks::{CHUNK, Rows, Task};

/// Whether a convolution is to be computed in 16 bits: that precision is set, and the shape fits.
pub(crate) fn applies(shape: &Shape) -> bool {
    switches::precision() == Precision::BFloat16 && fits(shape)
}

/// Whether the CPU has AMX and the layer is wide enough for it.
pub(crate) fn fits(shape: &Shape) -> bool {
    amx::available() && HalfPrecision::fits(shape)
}

/// Packed weights, and where they read in a film.
pub(crate) struct HalfPrecision {
    lattice: Lattice,
    /// Values between one channel pair and the next.
    plane: usize,
    offsets: Vec<usize>,
    reach: usize,
    /// By block of 32 outputs and step (kernel tap, block of 32 channels): `[32, 32]`.
    weights: Vec<u16>,
    /// Every chunk but the last has a multiple of this many rows.
    multiple: usize,
}

impl HalfPrecision {
    /// True for the layers that are worth it: one group, and channels enough to fill a tile partly.
    pub fn fits(shape: &Shape) -> bool {
        shape.groups == 1 && shape.inputs >= DEPTH / 4
    }

    /// `value` gives the weight of an output, an input and a tap; `origin` is the row and column of the input that
    /// the first tap of the first output reads.
    pub fn new(
        value: impl Fn(usize, usize, usize) -> f32 + Sync,
        (shape, origin): (&Shape, [isize; 2]),
        tiles: &[Range<usize>],
        multiple: usize,
    ) -> Self {
        let longest = tiles.iter().map(Range::len).max().unwrap_or(1);
        let (lattice, taps) = Lattice::of_input(shape, longest);
        let lattice = lattice.starting_at(origin);
        let plane = lattice.channel();
        let depth_blocks = shape.inputs.div_ceil(DEPTH);
        let offsets: Vec<usize> = taps
            .iter()
            .flat_map(|tap| (0..depth_blocks).map(move |block| block * DEPTH / 2 * plane + tap))
            .collect();
        let mut weights = vec![0; shape.outputs.div_ceil(SIDE) * offsets.len() * SIDE * DEPTH];
        let blocks = weights.par_chunks_exact_mut(offsets.len() * SIDE * DEPTH);
        blocks.enumerate().for_each(|(block, out)| {
            for (step, out) in out.chunks_exact_mut(SIDE * DEPTH).enumerate() {
                let (tap, depth) = (step / depth_blocks, step % depth_blocks * DEPTH);
                for (row, out) in (block * SIDE..shape.outputs).zip(out.chunks_exact_mut(DEPTH)) {
                    for (channel, out) in (depth..shape.inputs).zip(out) {
                        *out = bfloat16(value(row, channel, tap));
                    }
                }
            }
        });
        Self {
            reach: offsets.iter().copied().max().unwrap_or(0),
            lattice,
            plane,
            offsets,
            weights,
            multiple,
        }
    }

    /// Bytes of packed weights.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }

    /// Computes the outputs of a task and hands them to `write`.
    pub fn task<R>(
        &self,
        shape: &Shape,
        input: &[f32],
        task: &mut Task<'_, R>,
        Scratch {
            tile,
            placed,
            pairs,
            ..
        }: &mut Scratch,
        write: &impl Fn(&mut Task<'_, R>, usize, &Rows<'_>),
    ) {
        // Two channels at a time: a pair is all that is held in 32 bits.
        let two = at_least(placed, self.lattice.length(2));
        let blocks = shape.inputs.div_ceil(DEPTH);
        let length = blocks * DEPTH / 2 * self.plane + SIDE;
        if pairs.len() < length {
            pairs.resize(length, 0);
        }
        let pairs = &mut pairs[..length];
        let film = &input[task.film * shape.input_film()..][..shape.input_film()];
        let channels = film.chunks(2 * shape.input_plane());
        let mut places = pairs.chunks_exact_mut(self.plane);
        for (channels, out) in channels.zip(&mut places) {
            two.fill(0.0);
            self.lattice.gather(channels, task.rows.clone(), two);
            let (even, odd) = two.split_at(self.plane);
            interleave(even, &odd[..self.plane], out);
        }
        // Channels that fill up the last block: their weights are zero, so they must be finite.
        for out in places {
            out.fill(0);
        }
        pairs[length - SIDE..].fill(0);

        let pitch = self.lattice.pitch;
        let chunks = parts(task.rows.len(), CHUNK / pitch, self.multiple);
        let longest = chunks.iter().map(Range::len).max().unwrap_or(1);
        let stride = (longest * pitch).next_multiple_of(SIDE);
        let tile = at_least(tile, SIDE * stride);
        let block_values = self.offsets.len() * SIDE * DEPTH;
        for (block, weights) in self.weights.chunks_exact(block_values).enumerate() {
            let first = block * SIDE;
            let channels = first..(first + SIDE).min(shape.outputs);
            for chunk in &chunks {
                let product = Product {
                    weights,
                    rows: channels.len(),
                    offsets: &self.offsets,
                    reach: self.reach,
                    first: chunk.start * pitch,
                    source: pairs,
                    plane: self.plane,
                    length: (chunk.len() - 1) * pitch + shape.output[1],
                };
                products(&product, tile, stride);
                for (channel, values) in channels.clone().zip(tile.chunks_exact(stride)) {
                    let rows = Rows::part(values, pitch, shape.output[1], chunk.clone());
                    write(task, channel, &rows);
                }
            }
        }
    }
}
