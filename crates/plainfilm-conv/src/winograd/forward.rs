//! The convolution by tiles.

use std::ops::Range;

use rayon::prelude::*;

use super::lanes::{Kernels, LANES};
use super::transform;
use super::{MATRICES, TILE, tiles};
use crate::buffer::{Buffer, Scratch, at_least, with_scratch};
use crate::geometry::Shape;
use crate::kernel::{OuterProduct, WIDEST, outer_products, vectorised};
use crate::matrix::MatMut;
use crate::share;
use crate::tasks::{self, Rows, Task};

/// Rows of the weight in a panel.
const HEIGHT: usize = 8;
/// Floats of a job's transformed inputs and products, at most: two mebibytes.
const JOB_FLOATS: usize = 512 * 1024;
/// Tiles from which on a job uses its registers well.
const GOOD_RUN: usize = 48;
/// Fewest jobs that a batch of several films is cut into.
const JOBS: usize = 4;
/// Tiles of a whole batch up to which it may be multiplied at once.
const WHOLE_RUN: usize = 512;
/// Kernels of a job that multiplies with the whole batch: transformed, a mebibyte and an eighth, which stays
/// in the second-level cache.
const WHOLE_KERNELS: usize = 8192;
/// Outputs of such a job, at most.
const WHOLE_CHANNELS: usize = 32;
/// Weights from which on a batch is multiplied at once: they cost more memory than the films.
const HEAVY: usize = 9 * 128 * 64;

/// A convolution by transformed tiles.
///
/// Either all weights are transformed once and every job reads them: some tiles of some films
/// against all outputs. Or, where maps are small and weights many, the whole batch is transformed
/// once and every job reads that: all tiles against some outputs, so that no weight is read twice.
pub(crate) struct Winograd<'a> {
    shape: Shape,
    weights: Weights<'a>,
    whole: bool,
}

/// Where transformed weights come from.
enum Weights<'a> {
    /// By panel of eight outputs: 36 matrices `[inputs, 8]`.
    Ready(Buffer),
    /// Each job transforms its own, which are read nowhere else: cheaper than writing all of them to memory
    /// and reading them once.
    Transformed(Kernels<'a>),
}

/// Films whose tiles are multiplied together, where maps are small.
pub(super) fn films_together(shape: &Shape) -> usize {
    if whole(shape) {
        return shape.films;
    }
    let [rows, columns] = tiles(shape.output);
    (GOOD_RUN / (rows * columns)).clamp(1, (shape.films / JOBS).max(1))
}

/// True where the whole batch is multiplied at once.
fn whole(shape: &Shape) -> bool {
    let [rows, columns] = tiles(shape.output);
    shape.films * rows * columns <= WHOLE_RUN && shape.weights() >= HEAVY
}

impl<'a> Winograd<'a> {
    /// For one run, with kernels `[outputs, inputs, 3, 3]`.
    pub fn new(shape: &Shape, weight: &'a [f32]) -> Self {
        Self::once(shape, weight, false)
    }

    /// For one run from outputs to inputs: `shape` is that of the way back, and `weight` that of the layer.
    pub fn turned(shape: &Shape, weight: &'a [f32]) -> Self {
        Self::once(shape, weight, true)
    }

    fn once(shape: &Shape, values: &'a [f32], turned: bool) -> Self {
        let kernels = Kernels {
            values,
            inputs: shape.inputs,
            outputs: shape.outputs,
            turned,
        };
        let whole = whole(shape);
        Self {
            shape: *shape,
            weights: if whole {
                Weights::Transformed(kernels)
            } else {
                Weights::Ready(transformed(&kernels))
            },
            whole,
        }
    }

    /// The same for many runs.
    pub fn into_prepared(self) -> Winograd<'static> {
        Winograd {
            shape: self.shape,
            weights: Weights::Ready(match self.weights {
                Weights::Ready(weights) => weights,
                Weights::Transformed(kernels) => transformed(&kernels),
            }),
            whole: self.whole,
        }
    }

    /// Bytes of transformed weights that are kept.
    pub fn bytes(&self) -> usize {
        match &self.weights {
            Weights::Ready(weights) => size_of_val(&**weights),
            Weights::Transformed(_) => 0,
        }
    }

    /// Output rows of the tasks of a film, each but the last a multiple of the tile.
    pub fn tiles(shape: &Shape) -> Vec<Range<usize>> {
        if whole(shape) {
            return std::iter::once(0..shape.output[0]).collect();
        }
        let [_, columns] = tiles(shape.output);
        let per_row = MATRICES * (shape.inputs + shape.outputs) * columns;
        let most = (JOB_FLOATS / per_row).max(GOOD_RUN.div_ceil(columns)) * TILE;
        tasks::tiles(shape, most, TILE)
    }

    /// Output channels of a task.
    pub fn channels_per_task(shape: &Shape) -> usize {
        if whole(shape) {
            (WHOLE_KERNELS / shape.inputs / LANES * LANES).clamp(LANES, WHOLE_CHANNELS)
        } else {
            shape.outputs
        }
    }

    /// Works on all tasks of a batch, which are in the order of films, channels and rows.
    pub fn run<R: Send>(
        &self,
        input: &[f32],
        tasks: &mut [Task<'_, R>],
        write: &(impl Fn(&mut Task<'_, R>, usize, &Rows<'_>) + Sync),
    ) {
        let shape = &self.shape;
        if self.whole {
            let [rows, columns] = tiles(shape.output);
            let run = (shape.films * rows * columns).next_multiple_of(WIDEST);
            let length = MATRICES * pitch(shape.inputs, run);
            let mut inputs = Buffer::take(length + WIDEST);
            inputs[length..].fill(0.0);
            channels_of(&mut inputs[..length], shape, run)
                .into_par_iter()
                .with_min_len(share::fewest())
                .enumerate()
                .for_each(|(channel, out)| {
                    with_scratch(|scratch| {
                        let films = (0..shape.films).map(|film| (film, 0..shape.output[0]));
                        transform_channel(input, shape, channel, films, run, scratch, out);
                    });
                });
            // By channels: each job has all films of some.
            tasks.sort_by_key(|task| task.channels.start);
            let jobs = tasks.par_chunks_mut(shape.films);
            jobs.with_min_len(share::fewest()).for_each(|tasks| {
                with_scratch(|scratch| self.multiply(&inputs, run, tasks, scratch, write));
            });
            return;
        }
        let together = if tasks.len() == shape.films {
            films_together(shape)
        } else {
            1
        };
        let jobs = tasks.par_chunks_mut(together);
        jobs.with_min_len(share::fewest()).for_each(|tasks| {
            with_scratch(|scratch| {
                let count: usize = tasks.iter().map(|task| self.tile_count(task)).sum();
                let run = count.next_multiple_of(WIDEST);
                let length = MATRICES * pitch(shape.inputs, run);
                let mut inputs = std::mem::take(&mut scratch.source);
                let values = at_least(&mut inputs, length + WIDEST);
                let channels = channels_of(&mut values[..length], shape, run);
                for (channel, out) in channels.into_iter().enumerate() {
                    let films = tasks.iter().map(|task| (task.film, task.rows.clone()));
                    transform_channel(input, shape, channel, films, run, scratch, out);
                }
                self.multiply(values, run, tasks, scratch, write);
                scratch.source = inputs;
            });
        });
    }

    /// Tiles of a task.
    fn tile_count<R>(&self, task: &Task<'_, R>) -> usize {
        task.rows.len().div_ceil(TILE) * tiles(self.shape.output)[1]
    }

    /// Multiplies transformed inputs with the weights of the tasks' channels, transforms the
    /// products back and hands them to `write`. `inputs` is `[36, inputs, run]`, matrices [`pitch`]
    /// apart; the tasks have the same channels, and their tiles follow one another.
    fn multiply<R>(
        &self,
        inputs: &[f32],
        run: usize,
        tasks: &mut [Task<'_, R>],
        scratch: &mut Scratch,
        write: &impl Fn(&mut Task<'_, R>, usize, &Rows<'_>),
    ) {
        let shape = &self.shape;
        let Scratch {
            tile,
            map,
            placed,
            kernels,
            ..
        } = scratch;
        let [_, columns] = tiles(shape.output);
        let Some(channels) = tasks.first().map(|task| task.channels.clone()) else {
            return;
        };
        let offsets: Vec<usize> = (0..shape.inputs).map(|k| k * run).collect();
        let panel_values = panel_values(shape.inputs);
        // Products: `[36, channels rounded up, run]`.
        let rows = channels.len().next_multiple_of(HEIGHT);
        let apart = pitch(rows, run);
        let products = at_least(tile, MATRICES * apart);
        let first_panel = channels.start / HEIGHT;
        let weights = match &self.weights {
            Weights::Ready(weights) => &weights[first_panel * MATRICES * panel_values..],
            Weights::Transformed(source) => {
                let pairs = channels.len().div_ceil(LANES);
                let weights = at_least(kernels, pairs * 2 * MATRICES * panel_values);
                for (pair, out) in weights
                    .chunks_exact_mut(2 * MATRICES * panel_values)
                    .enumerate()
                {
                    transform_panels(source, channels.start + pair * LANES, map, out);
                }
                &*weights
            }
        };
        for at in 0..MATRICES {
            for panel in 0..rows / HEIGHT {
                let place = (panel * MATRICES + at) * panel_values;
                let product = OuterProduct {
                    panel: &weights[place..][..shape.inputs * HEIGHT],
                    height: HEIGHT,
                    offsets: &offsets,
                    reach: offsets[shape.inputs - 1],
                    first: at * pitch(shape.inputs, run),
                    source: inputs,
                    length: run,
                };
                let out = &mut products[at * apart + panel * HEIGHT * run..][..HEIGHT * run];
                outer_products(&product, out, run);
            }
        }
        let table = at_least(map, MATRICES * run);
        for channel in 0..channels.len() {
            rows_of_outputs(&products[channel * run..], apart, run, table);
            let mut first = 0;
            for task in &mut *tasks {
                let count = self.tile_count(task);
                let values = &mut at_least(placed, TILE * TILE * count)[..TILE * TILE * count];
                spread_tiles(&table[first..], run, columns, values);
                let rows = Rows::new(values, TILE * columns, shape.output[1], task.rows.len());
                write(task, channel, &rows);
                first += count;
            }
        }
    }
}

/// Values from one matrix of `rows` rows of `run` to the next. Without the register between them, 36
/// values that are used together would mostly lie a multiple of 4 KiB apart, in one set of the
/// first-level cache, which holds eight or twelve of them.
fn pitch(rows: usize, run: usize) -> usize {
    rows * run + WIDEST
}

/// Values from one matrix `[inputs, 8]` of a panel to the next; a register between them as for [`pitch`].
fn panel_values(inputs: usize) -> usize {
    inputs * HEIGHT + WIDEST
}

/// The places of each channel in transformed inputs `[36, inputs, run]`: 36 rows of `run`.
fn channels_of<'a>(inputs: &'a mut [f32], shape: &Shape, run: usize) -> Vec<MatMut<'a>> {
    let mut rest = MatMut::new(inputs, MATRICES, pitch(shape.inputs, run));
    (0..shape.inputs)
        .map(|_| {
            let whole = std::mem::replace(&mut rest, MatMut::new(&mut [], 0, 0));
            let (channel, right) = whole.split_columns(run);
            rest = right;
            channel
        })
        .collect()
}

/// Transforms the tiles of one input channel: some rows of some films, one after another, to the
/// 36 rows of `out`.
fn transform_channel(
    input: &[f32],
    shape: &Shape,
    channel: usize,
    films: impl Iterator<Item = (usize, Range<usize>)>,
    run: usize,
    Scratch { map, placed, .. }: &mut Scratch,
    mut out: MatMut<'_>,
) {
    let [_, columns] = tiles(shape.output);
    let table = at_least(map, MATRICES * run);
    let line = at_least(placed, TILE * columns + 2);
    let mut first = 0;
    for (film, rows) in films {
        let at = (film * shape.inputs + channel) * shape.input_plane();
        let film = &input[at..][..shape.input_plane()];
        for row in rows.step_by(TILE) {
            gather_tiles(film, shape, row, line, &mut table[first..], run);
            first += columns;
        }
    }
    // What fills up the last register: finite, whatever the memory held.
    for row in table.chunks_exact_mut(run) {
        row[first..].fill(0.0);
    }
    columns_of_inputs(table, run, &mut out);
}

/// All kernels transformed, two panels of outputs at a time: the last may be of zeros.
fn transformed(kernels: &Kernels<'_>) -> Buffer {
    let pair_values = 2 * MATRICES * panel_values(kernels.inputs);
    let mut weights = Buffer::take(kernels.outputs.div_ceil(LANES) * pair_values);
    weights
        .par_chunks_exact_mut(pair_values)
        .enumerate()
        .for_each(|(pair, out)| {
            with_scratch(|Scratch { map, .. }| transform_panels(kernels, pair * LANES, map, out));
        });
    weights
}

/// Transforms the kernels of two panels of outputs, from `first` on, each to 36 matrices `[inputs, 8]`.
fn transform_panels(kernels: &Kernels<'_>, first: usize, memory: &mut Vec<f32>, out: &mut [f32]) {
    let (left, right) = out.split_at_mut(out.len() / 2);
    kernels.transform(first, memory, |matrix, input, lanes| {
        let place = matrix * panel_values(kernels.inputs) + input * HEIGHT;
        left[place..place + HEIGHT].copy_from_slice(&lanes[..HEIGHT]);
        right[place..place + HEIGHT].copy_from_slice(&lanes[HEIGHT..]);
    });
}

/// Reads the six input rows of one row of tiles, transformed along the row: value `[i][j]` of tile
/// `n` goes to `table[(i * 6 + j) * run + n]`. `line` has room for a padded row.
fn gather_tiles(
    film: &[f32],
    shape: &Shape,
    tile_row: usize,
    line: &mut [f32],
    table: &mut [f32],
    run: usize,
) {
    let [height, width] = shape.input;
    let [_, columns] = tiles(shape.output);
    for i in 0..6 {
        let row = (tile_row + i).wrapping_sub(shape.padding[0]);
        let table = &mut table[i * 6 * run..];
        if row >= height {
            for j in 0..6 {
                table[j * run..][..columns].fill(0.0);
            }
            continue;
        }
        let before = shape.padding[1];
        let count = width.min(line.len() - before);
        line[..before].fill(0.0);
        line[before..before + count].copy_from_slice(&film[row * width..][..count]);
        line[before + count..].fill(0.0);
        transform_line(line, columns, table, run);
    }
}

/// Six values of each tile of a padded row, four apart, transformed.
fn transform_line(line: &[f32], columns: usize, table: &mut [f32], run: usize) {
    #[inline(always)]
    fn work(line: &[f32], columns: usize, table: &mut [f32], run: usize) {
        let fours = line.as_chunks::<4>().0;
        let mut rows = table.chunks_mut(run);
        let rows: [&mut [f32]; 6] =
            std::array::from_fn(|_| &mut rows.next().unwrap_or_default()[..columns]);
        let ahead = &line[4..].as_chunks::<4>().0;
        for n in 0..columns - 1 {
            let (a, b) = (fours[n], ahead[n]);
            let out = transform::input(&[[a[0]], [a[1]], [a[2]], [a[3]], [b[0]], [b[1]]]);
            for j in 0..6 {
                rows[j][n] = out[j][0];
            }
        }
        let n = columns - 1;
        let last = &line[4 * n..4 * n + 6];
        let out = [
            [last[0]],
            [last[1]],
            [last[2]],
            [last[3]],
            [last[4]],
            [last[5]],
        ];
        let out = transform::input(&out);
        for j in 0..6 {
            rows[j][n] = out[j][0];
        }
    }
    vectorised(|| work(line, columns, table, run))
}

/// The transform of inputs along columns: `table` `[6, 6, run]` to 36 rows.
fn columns_of_inputs(table: &[f32], run: usize, out: &mut MatMut<'_>) {
    #[inline(always)]
    fn work(table: &[f32], run: usize, out: &mut MatMut<'_>) {
        for j in 0..6 {
            let rows: [&[[f32; WIDEST]]; 6] =
                std::array::from_fn(|i| table[(i * 6 + j) * run..][..run].as_chunks().0);
            for block in 0..run / WIDEST {
                let mut values = [[0.0; WIDEST]; 6];
                for (values, row) in values.iter_mut().zip(&rows) {
                    *values = row[block];
                }
                let values = transform::input(&values);
                for (i, values) in values.iter().enumerate() {
                    out.row(i * 6 + j)[block * WIDEST..][..WIDEST].copy_from_slice(values);
                }
            }
        }
    }
    vectorised(|| work(table, run, out))
}

/// The transform of products along columns: 36 rows `plane` apart to `table` `[4, 6, run]`.
fn rows_of_outputs(products: &[f32], plane: usize, run: usize, table: &mut [f32]) {
    #[inline(always)]
    fn work(products: &[f32], plane: usize, run: usize, table: &mut [f32]) {
        for j in 0..6 {
            let rows: [&[[f32; WIDEST]]; 6] =
                std::array::from_fn(|i| products[(i * 6 + j) * plane..][..run].as_chunks().0);
            for block in 0..run / WIDEST {
                let mut values = [[0.0; WIDEST]; 6];
                for (values, row) in values.iter_mut().zip(&rows) {
                    *values = row[block];
                }
                let values = transform::output(&values);
                for (i, values) in values.iter().enumerate() {
                    let place = (i * 6 + j) * run + block * WIDEST;
                    table[place..place + WIDEST].copy_from_slice(values);
                }
            }
        }
    }
    vectorised(|| work(products, plane, run, table))
}

/// The transform of outputs along rows: `table` `[4, 6, run]` to a map of `columns` tiles a row.
fn spread_tiles(table: &[f32], run: usize, columns: usize, map: &mut [f32]) {
    #[inline(always)]
    fn work(table: &[f32], run: usize, columns: usize, map: &mut [f32]) {
        let pitch = TILE * columns;
        for (tile_row, map) in map.chunks_exact_mut(TILE * pitch).enumerate() {
            for (i, line) in map.chunks_exact_mut(pitch).enumerate() {
                let rows: [&[f32]; 6] = std::array::from_fn(|j| {
                    &table[(i * 6 + j) * run + tile_row * columns..][..columns]
                });
                for (n, out) in line.as_chunks_mut::<TILE>().0.iter_mut().enumerate() {
                    let mut values = [[0.0]; 6];
                    for (value, row) in values.iter_mut().zip(&rows) {
                        value[0] = row[n];
                    }
                    let values = transform::output(&values);
                    *out = [values[0][0], values[1][0], values[2][0], values[3][0]];
                }
            }
        }
    }
    vectorised(|| work(table, run, columns, map))
}
