//! One layer of a chain: convolution, bias, activation and perhaps a 2x2 max-pool, from maps in 16 bits to maps
//! in 16 bits or to planes of floats.

use std::ops::Range;

use rayon::prelude::*;

use super::maps::Maps;
use crate::fused::Curve;
use crate::geometry::Shape;
use crate::kernel::amx::pixels::{Product, WEIGHT_TILE, products};
use crate::kernel::amx::rounding::{Finish, finish, finish_pooled};
use crate::kernel::amx::{DEPTH, SIDE, TILE, bfloat16};
use crate::matrix::MatMut;

/// Steps whose weights stay in the first-level cache with the pixels that they are multiplied with.
const STEPS_TOGETHER: usize = 18;
/// Pixels whose sums stay in cache until they are written.
const MOST_PIXELS: usize = 512;

/// Packed weights, and where they read.
pub(crate) struct Layer {
    shape: Shape,
    pub input: Maps,
    curve: Curve,
    pool: bool,
    /// By block of up to 32 outputs.
    blocks: Vec<Block>,
    offsets: Vec<usize>,
    reach: usize,
    together: usize,
}

struct Block {
    weights: Vec<u16>,
    /// A value for every sum, of which the last ones may mean nothing.
    bias: Vec<f32>,
    /// Number of outputs.
    outputs: usize,
}

/// Some rows of a film, and where what they give goes: rows of maps, or rows of planes.
pub(crate) struct Piece<'a> {
    pub film: usize,
    pub rows: Range<usize>,
    pub out: Out<'a>,
}

/// Where outputs go.
pub(crate) enum Out<'a> {
    /// Whole rows of these maps.
    Maps(Maps, &'a mut [u16]),
    /// As many columns of a row a channel as there are pixels.
    Planes(MatMut<'a>),
}

/// What a step multiplies.
struct Step {
    offset: usize,
    /// Kernel row; the first of its values counted within the taps of that row (or, where those do not follow
    /// one another, within `tap`).
    row: usize,
    tap: Option<usize>,
    first: usize,
}

impl Layer {
    /// Whether the kernel is worth it, and the maps are such as it reads.
    pub fn fits(shape: &Shape) -> bool {
        shape.groups == 1
    }

    /// `weight` is `[outputs, inputs, kernel height, kernel width]`; `input` has at least the zeros around it that
    /// the kernel reaches.
    pub fn new(
        weight: &[f32],
        bias: &[f32],
        (shape, input): (&Shape, Maps),
        curve: Curve,
        pool: bool,
    ) -> Self {
        let (steps, together) = steps(shape, &input);
        let value = |step: &Step, depth: usize, output: usize| {
            let at = step.first + depth;
            let (tap, channel) = match step.tap {
                Some(tap) => (tap, at),
                None => (at / shape.inputs, at % shape.inputs),
            };
            let inside = tap < shape.kernel[1] && channel < shape.inputs;
            if !(inside && output < shape.outputs) {
                return 0;
            }
            let tap = step.row * shape.kernel[1] + tap;
            bfloat16(weight[output * shape.patch() + channel * shape.taps() + tap])
        };
        let blocks = (0..shape.outputs)
            .into_par_iter()
            .step_by(SIDE)
            .map(|first| {
                let outputs = SIDE.min(shape.outputs - first);
                let tiles = outputs.div_ceil(TILE);
                let mut weights = vec![0; steps.len() * tiles * WEIGHT_TILE];
                for (at, out) in weights.iter_mut().enumerate() {
                    let (tile, place) = (at / WEIGHT_TILE, at % WEIGHT_TILE);
                    let (step, tile) = (tile / tiles, tile % tiles);
                    let (pair, place) = (place / DEPTH, place % DEPTH);
                    let output = first + tile * TILE + place / 2;
                    *out = value(&steps[step], 2 * pair + place % 2, output);
                }
                let mut bias = bias[first..first + outputs].to_vec();
                bias.resize(tiles * TILE, 0.0);
                Block {
                    weights,
                    bias,
                    outputs,
                }
            })
            .collect();
        let offsets: Vec<usize> = steps.iter().map(|step| step.offset).collect();
        Self {
            shape: *shape,
            input,
            curve,
            pool,
            blocks,
            reach: offsets.iter().copied().max().unwrap_or(0),
            offsets,
            together,
        }
    }

    /// Height and width of what it gives.
    pub fn output(&self) -> [usize; 2] {
        self.shape
            .output
            .map(|side| if self.pool { side / 2 } else { side })
    }

    /// Channels of what it gives.
    pub fn channels(&self) -> usize {
        self.shape.outputs
    }

    /// Whether it writes more values for a film than it has weights.
    pub fn is_map_bound(&self) -> bool {
        self.output().iter().product::<usize>() * self.channels() > self.shape.weights()
    }

    /// Halves that have to follow the last film: tiles are read whole.
    pub fn spare(&self) -> usize {
        (TILE * self.shape.stride[1] * self.input.channels + DEPTH).next_multiple_of(DEPTH)
    }

    /// Floats that [`run`](Self::run) needs for sums.
    pub fn sums(&self) -> usize {
        let rows = self.rows_together() * self.rows_of_one();
        (rows * self.row_pixels() + TILE) * SIDE
    }

    /// Rows of the convolution for a row of output.
    fn rows_of_one(&self) -> usize {
        if self.pool { 2 } else { 1 }
    }

    /// Rows of output whose sums are taken together.
    fn rows_together(&self) -> usize {
        (MOST_PIXELS / (self.row_pixels() * self.rows_of_one())).max(1)
    }

    /// Whether outputs side by side read pixels side by side, so that rows follow one another.
    fn is_run(&self) -> bool {
        self.shape.stride == [1, 1]
    }

    /// Pixels from one row of sums to the next: with stride 1 those between rows are computed and ignored.
    fn row_pixels(&self) -> usize {
        if self.is_run() {
            self.input.pitch()
        } else {
            self.shape.output[1].next_multiple_of(TILE)
        }
    }

    /// Computes some rows of some films, `maps` being those of all films. Every value is the same however films and
    /// rows are put together.
    pub fn run(&self, maps: &[u16], pieces: &mut [Piece<'_>], sums: &mut [f32]) {
        let mut first = 0;
        for block in &self.blocks {
            for piece in pieces.iter_mut() {
                let film = &maps[piece.film * self.input.film()..];
                let rows = piece.rows.clone();
                for from in rows.clone().step_by(self.rows_together()) {
                    let rows = from..(from + self.rows_together()).min(rows.end);
                    self.sum(film, block, rows.clone(), sums);
                    for (row, sums) in
                        rows.zip(sums.chunks_exact(
                            self.row_pixels() * self.rows_of_one() * block.bias.len(),
                        ))
                    {
                        let at = row - piece.rows.start;
                        self.write(sums, (block, first), at, &mut piece.out);
                    }
                }
            }
            first += block.outputs;
        }
    }

    /// The sums of some rows of output.
    fn sum(&self, film: &[u16], block: &Block, rows: Range<usize>, sums: &mut [f32]) {
        let channels = self.input.channels;
        let tiles = block.bias.len() / TILE;
        let rows = rows.start * self.rows_of_one()..rows.end * self.rows_of_one();
        let [down, right] = self.shape.stride;
        let mut product = Product {
            weights: &block.weights,
            tiles,
            offsets: &self.offsets,
            reach: self.reach,
            together: self.together,
            source: film,
            first: rows.start * down * self.input.row(),
            step: right * channels,
            pixels: self.shape.output[1],
        };
        if self.is_run() {
            product.pixels += (rows.len() - 1) * self.input.pitch();
            return products(&product, sums);
        }
        for sums in sums
            .chunks_exact_mut(self.row_pixels() * tiles * TILE)
            .take(rows.len())
        {
            products(&product, sums);
            product.first += down * self.input.row();
        }
    }

    /// Writes row `at` of a piece for the outputs of a block, the first of which is `first`.
    fn write(&self, sums: &[f32], (block, first): (&Block, usize), at: usize, out: &mut Out<'_>) {
        let how = Finish {
            bias: &block.bias,
            curve: self.curve,
            outputs: block.outputs,
        };
        let width = self.output()[1];
        let (upper, lower) = sums.split_at(sums.len() / self.rows_of_one());
        match out {
            Out::Maps(maps, out) => {
                let row = &mut out[at * maps.row()..][..maps.row()];
                let pixels = if first == 0 {
                    maps.pixels(row)
                } else {
                    &mut row[maps.columns()]
                };
                let pixels = &mut pixels[first..];
                if self.pool {
                    finish_pooled([upper, lower], width, how, pixels, maps.channels);
                } else {
                    finish(sums, width, how, pixels, maps.channels);
                }
            }
            Out::Planes(out) => {
                for (output, bias) in block.bias[..block.outputs].iter().enumerate() {
                    let line = &mut out.row(first + output)[at * width..][..width];
                    let stride = block.bias.len();
                    for (pixel, value) in line.iter_mut().enumerate() {
                        let sum = if self.pool {
                            let place = 2 * pixel * stride + output;
                            let two = |row: &[f32]| larger(row[place], row[place + stride]);
                            larger(two(upper), two(lower))
                        } else {
                            upper[pixel * stride + output]
                        };
                        *value = self.curve.value(sum + bias);
                    }
                }
            }
        }
    }
}

/// The larger of both; what is not a number counts as the largest.
fn larger(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}

/// The steps of a layer, and how many of them are summed for all pixels before the next ones.
fn steps(shape: &Shape, input: &Maps) -> (Vec<Step>, usize) {
    let [down, right] = shape.dilation;
    let channels = shape.inputs;
    let mut steps = Vec::new();
    if right == 1 && !channels.is_multiple_of(DEPTH) {
        // The taps of a kernel row follow one another in memory, channels and all.
        for row in 0..shape.kernel[0] {
            for first in (0..shape.kernel[1] * channels).step_by(DEPTH) {
                steps.push(Step {
                    offset: row * down * input.row() + first,
                    row,
                    tap: None,
                    first,
                });
            }
        }
        let together = steps.len();
        return (steps, together);
    }
    let part = (STEPS_TOGETHER / shape.taps()).max(1);
    let blocks: Vec<usize> = (0..channels).step_by(DEPTH).collect();
    for blocks in blocks.chunks(part) {
        for row in 0..shape.kernel[0] {
            for tap in 0..shape.kernel[1] {
                for &first in blocks {
                    steps.push(Step {
                        offset: row * down * input.row() + tap * right * channels + first,
                        row,
                        tap: Some(tap),
                        first,
                    });
                }
            }
        }
    }
    (steps, part * shape.taps())
}
