//! The forward convolution: every (film, groups, tile of output rows) is one task.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::{Scratch, at_least, with_scratch};
use crate::geometry::Shape;
use crate::kernel::{OuterProduct, Panels, WIDEST, outer_products};
use crate::lattice::{Lattice, parts};
use crate::matrix::MatMut;

/// Floats of a tile's laid-out input: half a mebibyte, which stays in the second-level cache.
pub(crate) const TILE_FLOATS: usize = 128 * 1024;
/// Values of one output channel that are computed before they are used: eight channels of them
/// stay in the first-level cache.
pub(crate) const CHUNK: usize = 1024;
/// Fewest tasks that a batch is cut into, where it has fewer films.
const TASKS: usize = 8;
/// Rows below which a tile is not cut for the sake of more tasks: its border would cost too much.
const FEWEST_ROWS: usize = 14;
/// Least multiplications in a task of many small groups.
const GROUP_WORK: usize = 512 * 1024;

/// A convolution made ready for its films: packed weights and where they read.
pub(crate) struct Convolution {
    pub shape: Shape,
    lattice: Lattice,
    offsets: Vec<usize>,
    reach: usize,
    panels: Panels,
    tiles: Vec<Range<usize>>,
    /// Every chunk but the last has a multiple of this many rows.
    multiple: usize,
    groups_per_task: usize,
}

/// One task: some output rows of some groups of one film, and what it gives.
pub(crate) struct Task<'a, R> {
    film: usize,
    /// The groups.
    pub groups: Range<usize>,
    rows: Range<usize>,
    /// Where results go: one row a channel of these groups.
    pub out: MatMut<'a>,
    /// What else the task finds out.
    pub found: R,
}

/// Freshly computed output rows of one channel.
pub(crate) struct Rows<'a> {
    values: &'a [f32],
    pitch: usize,
    width: usize,
    count: usize,
    /// The first of them, counted from the task's first row.
    pub first: usize,
}

impl Rows<'_> {
    /// Row `row` of these.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.pitch..][..self.width]
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Copies them into a channel's row of the task's output, whose rows are as wide as these, and
    /// gives the copy.
    pub fn copy_to<'a>(&self, out: &'a mut [f32]) -> &'a mut [f32] {
        let out = &mut out[self.first * self.width..][..self.count * self.width];
        for (row, out) in out.chunks_exact_mut(self.width).enumerate() {
            out.copy_from_slice(self.row(row));
        }
        out
    }
}

impl Convolution {
    /// `weight` is `[groups, outputs, patch]`; tiles and chunks keep `multiple` rows together.
    pub fn new(weight: &[f32], shape: &Shape, multiple: usize) -> Self {
        let [height, _] = shape.output;
        let (one_row, _) = Lattice::of_input(shape, 1);
        let row = one_row.channel() * shape.inputs;
        let (two_rows, _) = Lattice::of_input(shape, 2);
        let each = two_rows.channel() * shape.inputs - row;
        let most = 1 + TILE_FLOATS.saturating_sub(row) / each;
        let shares = TASKS.div_ceil(shape.films);
        let share = height.div_ceil(shares).max(FEWEST_ROWS);
        let tiles = parts(height, most.min(share), multiple);
        let longest = tiles.iter().map(Range::len).max().unwrap_or(1);
        let (lattice, taps) = Lattice::of_input(shape, longest);
        let offsets: Vec<usize> = (0..shape.inputs)
            .flat_map(|channel| taps.iter().map(move |tap| (channel, tap)))
            .map(|(channel, tap)| channel * lattice.channel() + tap)
            .collect();
        let work = shape.outputs * shape.patch() * shape.output_plane() / tiles.len();
        Self {
            shape: *shape,
            reach: offsets.iter().copied().max().unwrap_or(0),
            offsets,
            lattice,
            panels: Panels::pack(
                shape.groups,
                shape.outputs,
                shape.patch(),
                |group, row, k| weight[group * shape.group_weights() + row * shape.patch() + k],
            ),
            tiles,
            multiple,
            groups_per_task: GROUP_WORK.div_ceil(work).clamp(1, shape.groups),
        }
    }

    /// Cuts an output `[films, channels, plane]` into tasks in a fixed order (film, groups, rows),
    /// where `values` of a channel belong to this many output rows.
    fn tasks<'a, R: Default>(
        &self,
        output: &'a mut [f32],
        plane: usize,
        values: impl Fn(usize) -> usize,
    ) -> Vec<Task<'a, R>> {
        let Shape {
            groups, outputs, ..
        } = self.shape;
        let mut tasks = Vec::new();
        for (film, mut output) in output
            .chunks_exact_mut(groups * outputs * plane)
            .enumerate()
        {
            for first in (0..groups).step_by(self.groups_per_task) {
                let groups = first..(first + self.groups_per_task).min(groups);
                let channels = groups.len() * outputs;
                let (part, others) = output.split_at_mut(channels * plane);
                output = others;
                let mut rest = MatMut::new(part, channels, plane);
                for rows in &self.tiles {
                    let (out, right) = rest.split_columns(values(rows.len()));
                    rest = right;
                    tasks.push(Task {
                        film,
                        groups: groups.clone(),
                        rows: rows.clone(),
                        out,
                        found: R::default(),
                    });
                }
            }
        }
        tasks
    }

    /// Computes every output and hands it to `write` while it is in cache: the task, the channel
    /// counted from the task's first, and some rows. The output belongs to the tasks: `plane`
    /// values a channel, of which `values(rows)` belong to so many rows.
    pub fn run<R: Default + Send>(
        &self,
        input: &[f32],
        output: &mut [f32],
        plane: usize,
        values: impl Fn(usize) -> usize,
        write: impl Fn(&mut Task<'_, R>, usize, &Rows<'_>) + Sync,
    ) -> Vec<(Range<usize>, R)> {
        self.tasks(output, plane, values)
            .into_par_iter()
            .map(|mut task| {
                with_scratch(|scratch| self.task(input, &mut task, scratch, &write));
                (task.groups, task.found)
            })
            .collect()
    }

    fn task<R>(
        &self,
        input: &[f32],
        task: &mut Task<'_, R>,
        Scratch { source, tile, .. }: &mut Scratch,
        write: &impl Fn(&mut Task<'_, R>, usize, &Rows<'_>),
    ) {
        let shape = &self.shape;
        let group_values = shape.inputs * shape.input_plane();
        let source = at_least(source, self.lattice.length(shape.inputs));
        let pitch = self.lattice.pitch;
        let chunks = parts(task.rows.len(), CHUNK / pitch, self.multiple);
        let longest = chunks.iter().map(Range::len).max().unwrap_or(1);
        let stride = (longest * pitch).next_multiple_of(WIDEST);
        let tile = at_least(tile, self.panels.height() * stride);
        for group in task.groups.clone() {
            let film = (task.film * shape.groups + group) * group_values;
            self.lattice
                .gather(&input[film..][..group_values], task.rows.clone(), source);
            let first_channel = (group - task.groups.start) * shape.outputs;
            for (channels, panel) in self.panels.group(group) {
                for chunk in &chunks {
                    let product = OuterProduct {
                        panel,
                        height: self.panels.height(),
                        offsets: &self.offsets,
                        reach: self.reach,
                        first: chunk.start * pitch,
                        source,
                        length: (chunk.len() - 1) * pitch + shape.output[1],
                    };
                    outer_products(&product, tile, stride);
                    for (channel, values) in channels.clone().zip(tile.chunks_exact(stride)) {
                        let rows = Rows {
                            values,
                            pitch,
                            width: shape.output[1],
                            count: chunk.len(),
                            first: chunk.start,
                        };
                        write(task, first_channel + channel, &rows);
                    }
                }
            }
        }
    }
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
    let width = shape.output[1];
    Convolution::new(weight, shape, 1).run::<()>(
        input,
        output,
        shape.output_plane(),
        |rows| rows * width,
        |task, channel, rows| {
            let first = task.groups.start * shape.outputs;
            let values = rows.copy_to(task.out.row(channel));
            if let Some(bias) = bias {
                for value in values {
                    *value += bias[first + channel];
                }
            }
        },
    );
}
