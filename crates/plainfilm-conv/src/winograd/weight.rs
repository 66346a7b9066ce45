//! The weight's gradient by tiles: with `V` the transformed inputs and `M` the transformed output
//! gradients of a tile, the transformed kernel's gradient is the sum of `M V^T` over all tiles.

use std::ops::Range;

use rayon::prelude::*;

use super::transform::{self, Lanes, along_columns, along_rows};
use super::{MATRICES, TILE, possible, tiles};
use crate::buffer::{Buffer, at_least, with_scratch};
use crate::geometry::Shape;
use crate::kernel::{OuterProduct, WIDEST, outer_products, vectorised};
use crate::lattice::parts;

/// Output channels in a panel.
const HEIGHT: usize = 8;
/// Input channels in a block: two registers of the widest kind.
const WIDTH: usize = 2 * WIDEST;
/// Floats of transformed tiles that are held at once: 64 mebibytes.
const HELD: usize = 16 * 1024 * 1024;
/// Channels, inputs times outputs, from which on transforming pays.
const FEWEST_CHANNELS: usize = 32 * 64;

/// True where this is faster than summing pixels, and one film's tiles can be held.
pub(crate) fn weight_gradient_pays(shape: &Shape) -> bool {
    possible(shape) && shape.inputs * shape.outputs >= FEWEST_CHANNELS && film_values(shape) <= HELD
}

/// Values of one film's transformed tiles.
fn film_values(shape: &Shape) -> usize {
    let [rows, columns] = tiles(shape.output);
    MATRICES * rows * columns * (shape.inputs + shape.outputs)
}

/// The gradient `[outputs, inputs, 3, 3]`, from inputs and output gradients of the whole batch.
pub(crate) fn weight_gradient(input: &[f32], gradient: &[f32], shape: &Shape) -> Buffer {
    let [rows, columns] = tiles(shape.output);
    let film_tiles = rows * columns;
    let (panels, blocks) = (shape.outputs.div_ceil(HEIGHT), shape.inputs.div_ceil(WIDTH));
    let together = parts(shape.films, (HELD / film_values(shape)).max(1), 1);
    let most = together
        .iter()
        .map(ExactSizeIterator::len)
        .max()
        .unwrap_or(1)
        * film_tiles;
    // `[panel, 36, tile, 8]` and `[block, 36, tile, 32]`.
    let mut left = Buffer::take(panels * MATRICES * most * HEIGHT);
    let mut right = Buffer::take(blocks * MATRICES * most * WIDTH + WIDEST);
    // `[panel, 36, block, 8, 32]`.
    let mut sums = Buffer::zeroed(panels * MATRICES * blocks * HEIGHT * WIDTH);
    for films in together {
        let count = films.len() * film_tiles;
        left.par_chunks_exact_mut(MATRICES * most * HEIGHT)
            .enumerate()
            .for_each(|(panel, out)| {
                let maps = Maps {
                    values: gradient,
                    films: films.clone(),
                    channels: shape.outputs,
                    chosen: panel * HEIGHT..((panel + 1) * HEIGHT).min(shape.outputs),
                    size: shape.output,
                    padding: [0; 2],
                };
                let transform = transform::output_gradient::<HEIGHT>;
                vectorised(|| maps.transform::<TILE, HEIGHT>(shape, transform, out, most));
            });
        let length = blocks * MATRICES * most * WIDTH;
        right[..length]
            .par_chunks_exact_mut(MATRICES * most * WIDTH)
            .enumerate()
            .for_each(|(block, out)| {
                let maps = Maps {
                    values: input,
                    films: films.clone(),
                    channels: shape.inputs,
                    chosen: block * WIDTH..((block + 1) * WIDTH).min(shape.inputs),
                    size: shape.input,
                    padding: shape.padding,
                };
                let transform = transform::input::<WIDTH>;
                vectorised(|| maps.transform::<6, WIDTH>(shape, transform, out, most));
            });
        add_products(&left, &right, [panels, blocks], most, count, &mut sums);
    }
    let mut out = Buffer::take(shape.weights());
    out.par_chunks_mut(HEIGHT * shape.patch())
        .zip(sums.par_chunks_exact(MATRICES * blocks * HEIGHT * WIDTH))
        .for_each(|(out, sums)| {
            for (row, out) in out.chunks_exact_mut(shape.patch()).enumerate() {
                for (block, out) in out.chunks_mut(9 * WIDTH).enumerate() {
                    vectorised(|| kernels_back(sums, [row, block, blocks], out));
                }
            }
        });
    out
}

/// Transforms the sums of one output and one block of inputs back to kernels `[inputs, 9]`.
#[inline(always)]
fn kernels_back(sums: &[f32], [row, block, blocks]: [usize; 3], out: &mut [f32]) {
    let mut table = [[[0.0; WIDTH]; 6]; 6];
    for (at, lanes) in table.as_flattened_mut().iter_mut().enumerate() {
        let place = ((at * blocks + block) * HEIGHT + row) * WIDTH;
        lanes.copy_from_slice(&sums[place..place + WIDTH]);
    }
    let kernels = along_columns(
        &along_rows(&table, transform::kernel_gradient),
        transform::kernel_gradient,
    );
    for (tap, lanes) in kernels.as_flattened().iter().enumerate() {
        for (kernel, value) in out.chunks_exact_mut(9).zip(lanes) {
            kernel[tap] = *value;
        }
    }
}

/// Some channels of some films.
struct Maps<'a> {
    /// `[films, channels, plane]` of the whole batch.
    values: &'a [f32],
    films: Range<usize>,
    channels: usize,
    chosen: Range<usize>,
    size: [usize; 2],
    /// What the first tile lies outside the map.
    padding: [usize; 2],
}

impl Maps<'_> {
    /// Transforms every tile of `SIDE` by `SIDE` values, four apart, `N` channels side by side:
    /// `[36, most, N]`, tiles in the order of films, rows and columns.
    #[inline(always)]
    fn transform<const SIDE: usize, const N: usize>(
        &self,
        shape: &Shape,
        transform: impl Fn(&[Lanes<N>; SIDE]) -> [Lanes<N>; 6] + Copy,
        out: &mut [f32],
        most: usize,
    ) {
        let plane = self.size[0] * self.size[1];
        let mut tile = 0;
        for film in self.films.clone() {
            let first = (film * self.channels + self.chosen.start) * plane;
            let maps = &self.values[first..][..self.chosen.len() * plane];
            for row in (0..shape.output[0]).step_by(TILE) {
                for column in (0..shape.output[1]).step_by(TILE) {
                    let mut lanes = [[[0.0; N]; SIDE]; SIDE];
                    for (lane, map) in maps.chunks_exact(plane).enumerate() {
                        self.read::<SIDE>(map, [row, column], |y, x, value| {
                            lanes[y][x][lane] = value
                        });
                    }
                    let table = along_columns(&along_rows(&lanes, transform), transform);
                    for (matrix, values) in table.as_flattened().iter().enumerate() {
                        out[(matrix * most + tile) * N..][..N].copy_from_slice(values);
                    }
                    tile += 1;
                }
            }
        }
    }

    /// Hands the values of a tile that lie in the map to `put`, with their row and column in it.
    #[inline(always)]
    fn read<const SIDE: usize>(
        &self,
        map: &[f32],
        [first_row, first_column]: [usize; 2],
        mut put: impl FnMut(usize, usize, f32),
    ) {
        let [height, width] = self.size;
        for y in 0..SIDE {
            let row = (first_row + y).wrapping_sub(self.padding[0]);
            if row >= height {
                continue;
            }
            let line = &map[row * width..][..width];
            for x in 0..SIDE {
                let column = (first_column + x).wrapping_sub(self.padding[1]);
                if let Some(&value) = line.get(column) {
                    put(y, x, value);
                }
            }
        }
    }
}

/// `sums += left right^T` over `count` tiles, for each matrix, panel and block.
fn add_products(
    left: &[f32],
    right: &[f32],
    [panels, blocks]: [usize; 2],
    most: usize,
    count: usize,
    sums: &mut [f32],
) {
    let offsets: Vec<usize> = (0..count).map(|tile| tile * WIDTH).collect();
    sums.par_chunks_exact_mut(HEIGHT * WIDTH * blocks)
        .with_min_len(4)
        .enumerate()
        .for_each(|(at, sums)| {
            debug_assert!(at < panels * MATRICES);
            let matrix = at % MATRICES;
            let panel = &left[at * most * HEIGHT..][..count * HEIGHT];
            with_scratch(|scratch| {
                let tile = at_least(&mut scratch.tile, HEIGHT * WIDTH);
                for (block, sums) in sums.chunks_exact_mut(HEIGHT * WIDTH).enumerate() {
                    let product = OuterProduct {
                        panel,
                        height: HEIGHT,
                        offsets: &offsets,
                        reach: (count - 1) * WIDTH,
                        first: (block * MATRICES + matrix) * most * WIDTH,
                        source: right,
                        length: WIDTH,
                    };
                    outer_products(&product, tile, WIDTH);
                    for (sum, value) in sums.iter_mut().zip(&*tile) {
                        *sum += value;
                    }
                }
            });
        });
}
