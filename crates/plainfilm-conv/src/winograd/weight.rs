//! The weight's gradient by tiles: with `V` the transformed inputs and `M` the transformed output
//! gradients of a tile, the transformed kernel's gradient is the sum of `M V^T` over all tiles.
//!
//! Where maps are large and channels few, each part of the batch is summed by one thread, whose
//! tiles and sums stay in its cache. Elsewhere the whole batch is transformed, a few hundred tiles at a
//! time, and each thread sums some outputs.

use std::ops::Range;

use rayon::prelude::*;

use super::lanes::{LANES, Maps, Tiles};
use super::transform::{self, along_columns, along_rows};
use super::{MATRICES, possible, tiles};
use crate::buffer::{Buffer, Scratch, at_least, with_scratch};
use crate::geometry::Shape;
use crate::kernel::{OuterProduct, WIDEST, outer_products, vectorised};
use crate::lattice::parts;

/// Output channels in a panel.
const HEIGHT: usize = 8;
/// Input channels in a block: two registers of the widest kind.
const WIDTH: usize = 2 * WIDEST;
/// Sums of a panel and a block.
const SUMS: usize = MATRICES * HEIGHT * WIDTH;
/// Channels, inputs times outputs, from which on transforming pays.
const FEWEST_CHANNELS: usize = 32 * 64;
/// Channels, inputs times outputs, up to which a thread can keep sums of its own.
const FEW_CHANNELS: usize = 64 * 128;
/// Tiles of a film from which on that is done, and fewest films.
const LARGE_MAP: usize = 48;
const FEWEST_FILMS: usize = 4;
/// Most parts of a batch, and so most threads that work on them.
const PARTS: usize = 8;
/// Transformed values that a thread holds: a mebibyte.
const HELD: usize = 256 * 1024;
/// Tiles that are transformed for all threads at once.
const TOGETHER: usize = 256;
/// Transformed values of output gradients that a job reads again and again: half a mebibyte.
const JOB_VALUES: usize = 128 * 1024;
/// Fewest jobs that the outputs are cut into.
const JOBS: usize = 4;

/// True where this is faster than summing pixels.
pub(crate) fn weight_gradient_pays(shape: &Shape) -> bool {
    possible(shape) && shape.inputs * shape.outputs >= FEWEST_CHANNELS
}

/// The gradient `[outputs, inputs, 3, 3]`, from inputs and output gradients of the whole batch.
pub(crate) fn weight_gradient(input: &[f32], gradient: &[f32], shape: &Shape) -> Buffer {
    let [rows, columns] = tiles(shape.output);
    let sum = WeightGradient {
        shape,
        gradients: Maps {
            values: gradient,
            channels: shape.outputs,
            size: shape.output,
            padding: [0; 2],
        },
        inputs: Maps {
            values: input,
            channels: shape.inputs,
            size: shape.input,
            padding: shape.padding,
        },
        panels: shape.outputs.div_ceil(HEIGHT),
        blocks: shape.inputs.div_ceil(WIDTH),
        rows,
        columns,
    };
    if shape.inputs * shape.outputs <= FEW_CHANNELS
        && rows * columns >= LARGE_MAP
        && shape.films >= FEWEST_FILMS
    {
        sum.by_part()
    } else {
        sum.by_output()
    }
}

struct WeightGradient<'a> {
    shape: &'a Shape,
    gradients: Maps<'a>,
    inputs: Maps<'a>,
    /// Panels of outputs, and blocks of inputs.
    panels: usize,
    blocks: usize,
    /// Tiles of a film, each way.
    rows: usize,
    columns: usize,
}

/// Where tiles of a thread or of the batch are put, of which there are at most `most`.
#[derive(Clone, Copy)]
struct Room {
    most: usize,
}

impl Room {
    /// Values of a panel `[36, tile, 8]`.
    fn panel(self) -> usize {
        MATRICES * self.apart(HEIGHT)
    }

    /// Values of a block `[36, tile, 32]`.
    fn block(self) -> usize {
        MATRICES * self.apart(WIDTH)
    }

    /// Values from one matrix to the next, of `channels` a tile. Without the register between them, the 36
    /// values that are written together would mostly lie in one set of the first-level cache.
    fn apart(self, channels: usize) -> usize {
        self.most * channels + WIDEST
    }
}

impl WeightGradient<'_> {
    /// Transforms the output gradients of two panels, from tile `at` on.
    fn transform_panels(
        &self,
        pair: usize,
        tiles: &Tiles,
        at: usize,
        (out, room): (&mut [f32], Room),
        memory: &mut Vec<f32>,
    ) {
        let first = pair * LANES;
        let channels = first..(first + LANES).min(self.shape.outputs);
        let (left, right) = out.split_at_mut(room.panel());
        let transform = transform::output_gradient::<LANES>;
        self.gradients
            .transform(tiles, channels, transform, memory, |matrix, tile, lanes| {
                let place = matrix * room.apart(HEIGHT) + (at + tile) * HEIGHT;
                left[place..place + HEIGHT].copy_from_slice(&lanes[..HEIGHT]);
                right[place..place + HEIGHT].copy_from_slice(&lanes[HEIGHT..]);
            });
    }

    /// Transforms the inputs of a block, from tile `at` on.
    fn transform_block(
        &self,
        block: usize,
        tiles: &Tiles,
        at: usize,
        (out, room): (&mut [f32], Room),
        memory: &mut Vec<f32>,
    ) {
        for half in 0..WIDTH / LANES {
            let first = (block * WIDTH + half * LANES).min(self.shape.inputs);
            let channels = first..(first + LANES).min(self.shape.inputs);
            let transform = transform::input::<LANES>;
            self.inputs
                .transform(tiles, channels, transform, memory, |matrix, tile, lanes| {
                    let place = matrix * room.apart(WIDTH) + (at + tile) * WIDTH + half * LANES;
                    out[place..place + LANES].copy_from_slice(lanes);
                });
        }
    }

    /// Rows of tiles of one film.
    fn tiles(&self, film: usize, rows: Range<usize>) -> Tiles {
        Tiles {
            film,
            rows,
            columns: self.columns,
        }
    }

    /// Each part of the batch by itself, and then all parts in order.
    fn by_part(&self) -> Buffer {
        let shape = self.shape;
        let pairs = self.panels.div_ceil(2);
        let per_tile = MATRICES * (pairs * LANES + self.blocks * WIDTH);
        let bands = parts(self.rows, HELD / per_tile / self.columns, 1);
        let longest = bands.iter().map(Range::len).max().unwrap_or(1);
        let room = Room {
            most: longest * self.columns,
        };
        let films = parts(shape.films, shape.films.div_ceil(PARTS), 1);
        let values = self.panels * self.blocks * SUMS;
        let mut partial = Buffer::take(films.len() * values);
        films
            .into_par_iter()
            .zip(partial.par_chunks_exact_mut(values))
            .for_each(|(films, sums)| {
                with_scratch(|scratch| {
                    let mut add = false;
                    for film in films {
                        for rows in &bands {
                            self.add_tiles(
                                &self.tiles(film, rows.clone()),
                                room,
                                add,
                                sums,
                                scratch,
                            );
                            add = true;
                        }
                    }
                });
            });
        let mut out = Buffer::take(shape.weights());
        out.par_chunks_mut(HEIGHT * shape.patch())
            .enumerate()
            .for_each(|(panel, out)| {
                with_scratch(|Scratch { map, .. }| {
                    let total = at_least(map, SUMS);
                    for block in 0..self.blocks {
                        let place = (panel * self.blocks + block) * SUMS;
                        let mut found = partial
                            .chunks_exact(values)
                            .map(|part| &part[place..][..SUMS]);
                        if let Some(first) = found.next() {
                            total.copy_from_slice(first);
                        }
                        for part in found {
                            add_to(total, part);
                        }
                        self.kernels_back(total, block, out);
                    }
                });
            });
        out
    }

    /// Sums some tiles of a film for all outputs and inputs.
    fn add_tiles(
        &self,
        tiles: &Tiles,
        room: Room,
        add: bool,
        sums: &mut [f32],
        Scratch {
            source,
            placed,
            map,
            tile,
            ..
        }: &mut Scratch,
    ) {
        let pairs = self.panels.div_ceil(2);
        let left = at_least(placed, 2 * pairs * room.panel());
        for (pair, out) in left.chunks_exact_mut(2 * room.panel()).enumerate() {
            self.transform_panels(pair, tiles, 0, (out, room), map);
        }
        let right = at_least(source, self.blocks * room.block());
        for (block, out) in right.chunks_exact_mut(room.block()).enumerate() {
            self.transform_block(block, tiles, 0, (out, room), map);
        }
        let offsets = offsets(tiles.rows.len() * self.columns);
        for (block, right) in right.chunks_exact(room.block()).enumerate() {
            for (panel, left) in left
                .chunks_exact(room.panel())
                .take(self.panels)
                .enumerate()
            {
                let place = (panel * self.blocks + block) * SUMS;
                let sums = &mut sums[place..][..SUMS];
                add_products([left, right], room, &offsets, add, sums, tile);
            }
        }
    }

    /// The whole batch, a few hundred tiles at a time, cut by outputs.
    fn by_output(&self) -> Buffer {
        let shape = self.shape;
        let groups = self.groups();
        let count = |group: &[Tiles]| {
            group.iter().map(|tiles| tiles.rows.len()).sum::<usize>() * self.columns
        };
        let room = Room {
            most: groups.iter().map(|group| count(group)).max().unwrap_or(1),
        };
        let mut left = Buffer::take(self.panels.div_ceil(2) * 2 * room.panel());
        let mut right = Buffer::take(self.blocks * room.block());
        let panels = (JOB_VALUES / room.panel()).clamp(1, (self.panels / JOBS).max(1));
        let several = groups.len() > 1;
        let mut sums = Buffer::take(if several {
            self.panels * self.blocks * SUMS
        } else {
            0
        });
        let mut out = Buffer::take(shape.weights());
        for (number, group) in groups.iter().enumerate() {
            let each = |work: &mut dyn FnMut(&Tiles, usize)| {
                let mut at = 0;
                for tiles in group {
                    work(tiles, at);
                    at += tiles.rows.len() * self.columns;
                }
            };
            left.par_chunks_exact_mut(2 * room.panel())
                .enumerate()
                .for_each(|(pair, out)| {
                    with_scratch(|Scratch { map, .. }| {
                        each(&mut |tiles, at| {
                            self.transform_panels(pair, tiles, at, (&mut *out, room), map);
                        });
                    });
                });
            right
                .par_chunks_exact_mut(room.block())
                .enumerate()
                .for_each(|(block, out)| {
                    with_scratch(|Scratch { map, .. }| {
                        each(&mut |tiles, at| {
                            self.transform_block(block, tiles, at, (&mut *out, room), map);
                        });
                    });
                });
            let offsets = offsets(count(group));
            let kept: Vec<&mut [f32]> = if several {
                sums.chunks_mut(panels * self.blocks * SUMS).collect()
            } else {
                std::iter::repeat_with(Default::default)
                    .take(self.panels.div_ceil(panels))
                    .collect()
            };
            out.par_chunks_mut(panels * HEIGHT * shape.patch())
                .zip(left.par_chunks(panels * room.panel()))
                .zip(kept)
                .for_each(|((out, left), kept)| {
                    with_scratch(|Scratch { tile, map, .. }| {
                        for (block, right) in right.chunks_exact(room.block()).enumerate() {
                            let lefts = left.chunks_exact(room.panel());
                            let outs = out.chunks_mut(HEIGHT * shape.patch());
                            for (at, (left, out)) in lefts.zip(outs).enumerate() {
                                let sums = if several {
                                    &mut kept[(at * self.blocks + block) * SUMS..][..SUMS]
                                } else {
                                    at_least(map, SUMS)
                                };
                                add_products([left, right], room, &offsets, number > 0, sums, tile);
                                if number + 1 == groups.len() {
                                    self.kernels_back(sums, block, out);
                                }
                            }
                        }
                    });
                });
        }
        out
    }

    /// The batch in groups of a few hundred tiles: whole films, or rows of tiles of one film.
    fn groups(&self) -> Vec<Vec<Tiles>> {
        let bands = parts(self.rows, TOGETHER / self.columns, 1);
        let together = if bands.len() > 1 {
            1
        } else {
            TOGETHER / (self.rows * self.columns)
        };
        let films = parts(self.shape.films, together, 1).into_iter();
        films
            .flat_map(|films| {
                bands.iter().map(move |rows| {
                    let tiles = films.clone().map(|film| self.tiles(film, rows.clone()));
                    tiles.collect()
                })
            })
            .collect()
    }

    /// Transforms the sums of a panel and a block back to kernels: rows `[inputs, 9]` of `out`.
    fn kernels_back(&self, sums: &[f32], block: usize, out: &mut [f32]) {
        let first = block * WIDTH * 9;
        for (row, out) in out.chunks_exact_mut(self.shape.patch()).enumerate() {
            let end = (first + WIDTH * 9).min(out.len());
            vectorised(|| kernels_back(sums, row, &mut out[first..end]));
        }
    }
}

/// Where the tiles of a block lie.
fn offsets(count: usize) -> Vec<usize> {
    (0..count).map(|tile| tile * WIDTH).collect()
}

/// The products of a panel and a block, `left right^T` over all tiles, for each matrix: they are
/// written to `sums` `[36, 8, 32]`, or added.
fn add_products(
    [left, right]: [&[f32]; 2],
    room: Room,
    offsets: &[usize],
    add: bool,
    sums: &mut [f32],
    memory: &mut Vec<f32>,
) {
    let memory = at_least(memory, HEIGHT * WIDTH);
    for (matrix, sums) in sums.chunks_exact_mut(HEIGHT * WIDTH).enumerate() {
        let panel = &left[matrix * room.apart(HEIGHT)..][..offsets.len() * HEIGHT];
        let product = OuterProduct {
            panel,
            height: HEIGHT,
            offsets,
            reach: (offsets.len() - 1) * WIDTH,
            first: matrix * room.apart(WIDTH),
            source: right,
            length: WIDTH,
        };
        if add {
            outer_products(&product, memory, WIDTH);
            add_to(sums, memory);
        } else {
            outer_products(&product, sums, WIDTH);
        }
    }
}

/// `sums += values`.
fn add_to(sums: &mut [f32], values: &[f32]) {
    #[inline(always)]
    fn run(sums: &mut [f32], values: &[f32]) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }
    vectorised(|| run(sums, values));
}

/// Transforms the sums of one output and one block of inputs back to kernels `[inputs, 9]`.
#[inline(always)]
fn kernels_back(sums: &[f32], row: usize, out: &mut [f32]) {
    let mut table = [[[0.0; WIDTH]; 6]; 6];
    for (at, lanes) in table.as_flattened_mut().iter_mut().enumerate() {
        let place = (at * HEIGHT + row) * WIDTH;
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
