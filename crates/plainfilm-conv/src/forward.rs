//! The forward convolution: every (film, groups, tile of output rows) is one task.

use std::ops::Range;

use rayon::prelude::*;

use crate::bf16::{self, HalfPrecision};
use crate::buffer::{Scratch, at_least, with_scratch};
use crate::geometry::Shape;
use crate::kernel::{OuterProduct, Panels, WIDEST, outer_products};
use crate::lattice::{Lattice, parts};
use crate::matrix::MatMut;
use crate::share;
use crate::tasks::{CHUNK, Rows, TILE_FLOATS, Task, tiles};
use crate::winograd::{self, Winograd};

/// Least multiplications in a task of many small groups.
const GROUP_WORK: usize = 512 * 1024;

/// A convolution made ready for its films.
pub(crate) struct Convolution<'a> {
    shape: Shape,
    method: Method<'a>,
    /// Output rows of the tasks of a film.
    tiles: Vec<Range<usize>>,
    channels_per_task: usize,
}

/// How it is computed: chosen by shape.
enum Method<'a> {
    Direct(Direct),
    Winograd(Winograd<'a>),
    HalfPrecision(HalfPrecision),
}

/// Packed weights, and where they read in a film.
struct Direct {
    lattice: Lattice,
    offsets: Vec<usize>,
    reach: usize,
    panels: Panels,
    /// Every chunk but the last has a multiple of this many rows.
    multiple: usize,
    /// Where every output is made of one pixel a channel, films are read where they lie.
    in_place: bool,
}

impl<'a> Convolution<'a> {
    /// `weight` is `[groups, outputs, patch]`; tasks keep `multiple` rows (one or two) together. For one run:
    /// what it prepares of the weights may be no more than where they lie.
    pub fn new(weight: &'a [f32], shape: &Shape, multiple: usize) -> Self {
        if bf16::applies(shape) {
            return Self::in_half_precision(weight, shape, multiple);
        }
        if winograd::pays(shape) {
            return Self::by_winograd(shape, Winograd::new(shape, weight));
        }
        let value = |group: usize, row: usize, k: usize| {
            weight[group * shape.group_weights() + row * shape.patch() + k]
        };
        let tiles = tiles(shape, Direct::rows(shape), multiple);
        let work = shape.outputs * shape.patch() * shape.output_plane() / tiles.len();
        Self {
            shape: *shape,
            method: Method::Direct(Direct::new(shape, &tiles, multiple, value)),
            tiles,
            channels_per_task: GROUP_WORK.div_ceil(work).clamp(1, shape.groups) * shape.outputs,
        }
    }

    /// As [`new`](Self::new), for many runs: all that can be prepared is.
    pub fn prepared(weight: &[f32], shape: &Shape, multiple: usize) -> Convolution<'static> {
        let once = Convolution::new(weight, shape, multiple);
        Convolution {
            shape: once.shape,
            method: match once.method {
                Method::Direct(direct) => Method::Direct(direct),
                Method::Winograd(winograd) => Method::Winograd(winograd.into_prepared()),
                Method::HalfPrecision(half) => Method::HalfPrecision(half),
            },
            tiles: once.tiles,
            channels_per_task: once.channels_per_task,
        }
    }

    /// As [`new`](Self::new), in 16 bits; where [`bf16::fits`].
    pub fn in_half_precision(weight: &[f32], shape: &Shape, multiple: usize) -> Self {
        let value = |row: usize, channel: usize, tap: usize| {
            weight[row * shape.patch() + channel * shape.taps() + tap]
        };
        let origin = shape.padding.map(|padding| -(padding as isize));
        Self::by_half_precision(value, (shape, origin), multiple)
    }

    fn by_half_precision(
        value: impl Fn(usize, usize, usize) -> f32 + Sync,
        (shape, origin): (&Shape, [isize; 2]),
        multiple: usize,
    ) -> Self {
        let tiles = tiles(shape, Direct::rows(shape), multiple);
        let method = HalfPrecision::new(value, (shape, origin), &tiles, multiple);
        Self {
            shape: *shape,
            method: Method::HalfPrecision(method),
            tiles,
            channels_per_task: shape.outputs,
        }
    }

    /// As [`transposed`](Self::transposed), in 16 bits; for any kernel that moves by one pixel.
    fn transposed_in_half_precision(weight: &[f32], shape: &Shape) -> Option<Self> {
        let flipped = Shape {
            inputs: shape.outputs,
            outputs: shape.inputs,
            input: shape.output,
            output: shape.input,
            ..*shape
        };
        let plain = shape.stride == [1, 1] && shape.dilation == [1, 1];
        if !(plain && bf16::applies(shape) && bf16::applies(&flipped)) {
            return None;
        }
        let value = |row: usize, channel: usize, tap: usize| {
            weight[(channel * shape.inputs + row) * shape.taps() + shape.taps() - 1 - tap]
        };
        let origin =
            [0, 1].map(|axis| shape.padding[axis] as isize - shape.kernel[axis] as isize + 1);
        Some(Self::by_half_precision(value, (&flipped, origin), 1))
    }

    /// The convolution that gives the input's gradient from the output's: inputs and outputs
    /// swapped, kernels turned by half a turn, padding turned inside out. Only where transforming
    /// tiles pays, or in 16 bits; [`InputGradient`](crate::backward) is for everything else.
    pub fn transposed(weight: &'a [f32], shape: &Shape) -> Option<Self> {
        if let Some(convolution) = Self::transposed_in_half_precision(weight, shape) {
            return Some(convolution);
        }
        let flipped = Shape {
            inputs: shape.outputs,
            outputs: shape.inputs,
            input: shape.output,
            output: shape.input,
            padding: [
                2usize.checked_sub(shape.padding[0])?,
                2usize.checked_sub(shape.padding[1])?,
            ],
            ..*shape
        };
        winograd::pays(&flipped)
            .then(|| Self::by_winograd(&flipped, Winograd::turned(&flipped, weight)))
    }

    /// Bytes of packed weights.
    pub fn bytes(&self) -> usize {
        match &self.method {
            Method::Direct(direct) => direct.panels.bytes(),
            Method::Winograd(winograd) => winograd.bytes(),
            Method::HalfPrecision(half) => half.bytes(),
        }
    }

    fn by_winograd(shape: &Shape, winograd: Winograd<'a>) -> Self {
        Self {
            shape: *shape,
            method: Method::Winograd(winograd),
            tiles: Winograd::tiles(shape),
            channels_per_task: Winograd::channels_per_task(shape),
        }
    }

    /// Cuts an output `[films, channels, plane]` into tasks in a fixed order (film, channels, rows),
    /// where `values` of a channel belong to this many output rows.
    fn tasks<'b, R: Default>(
        &self,
        output: &'b mut [f32],
        plane: usize,
        values: impl Fn(usize) -> usize,
    ) -> Vec<Task<'b, R>> {
        let all = self.shape.channels_out();
        let mut tasks = Vec::new();
        for (film, output) in output.chunks_exact_mut(all * plane).enumerate() {
            let first_channels = (0..all).step_by(self.channels_per_task);
            for (first, part) in
                first_channels.zip(output.chunks_mut(self.channels_per_task * plane))
            {
                let channels = first..(first + self.channels_per_task).min(all);
                let mut rest = MatMut::new(part, channels.len(), plane);
                for rows in &self.tiles {
                    let (out, right) = rest.split_columns(values(rows.len()));
                    rest = right;
                    tasks.push(Task {
                        film,
                        channels: channels.clone(),
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
        let mut tasks = self.tasks(output, plane, values);
        let each = tasks.par_iter_mut().with_min_len(share::fewest());
        match &self.method {
            Method::Direct(direct) => each.for_each(|task| {
                with_scratch(|scratch| direct.task(&self.shape, input, task, scratch, &write));
            }),
            Method::HalfPrecision(half) => each.for_each(|task| {
                with_scratch(|scratch| half.task(&self.shape, input, task, scratch, &write));
            }),
            Method::Winograd(winograd) => winograd.run(input, &mut tasks, &write),
        }
        tasks
            .into_iter()
            .map(|task| (task.channels, task.found))
            .collect()
    }

    /// Writes every output, plus `bias`, to `output` `[films, channels, plane]`.
    pub fn write_to(&self, input: &[f32], bias: Option<&[f32]>, output: &mut [f32]) {
        let width = self.shape.output[1];
        self.run::<()>(
            input,
            output,
            self.shape.output_plane(),
            |rows| rows * width,
            |task, channel, rows| {
                let values = rows.copy_to(task.out.row(channel));
                if let Some(bias) = bias {
                    for value in values {
                        *value += bias[task.channels.start + channel];
                    }
                }
            },
        );
    }
}

impl Direct {
    /// Output rows whose laid-out input stays in cache.
    fn rows(shape: &Shape) -> usize {
        let values = |rows| Lattice::of_input(shape, rows).0.channel() * shape.inputs;
        let (one, two) = (values(1), values(2));
        1 + TILE_FLOATS.saturating_sub(one) / (two - one)
    }

    fn new(
        shape: &Shape,
        tiles: &[Range<usize>],
        multiple: usize,
        value: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let longest = tiles.iter().map(Range::len).max().unwrap_or(1);
        let (lattice, taps) = Lattice::of_input(shape, longest);
        let in_place = shape.is_pointwise();
        let offsets = if in_place {
            (0..shape.inputs)
                .map(|channel| channel * shape.input_plane())
                .collect()
        } else {
            lattice.columns(&taps, shape.inputs)
        };
        Self {
            in_place,
            reach: offsets.iter().copied().max().unwrap_or(0),
            offsets,
            lattice,
            panels: Panels::pack(shape.groups, shape.outputs, shape.patch(), value),
            multiple,
        }
    }

    fn task<R>(
        &self,
        shape: &Shape,
        input: &[f32],
        task: &mut Task<'_, R>,
        Scratch { source, tile, .. }: &mut Scratch,
        write: &impl Fn(&mut Task<'_, R>, usize, &Rows<'_>),
    ) {
        let group_values = shape.inputs * shape.input_plane();
        let pitch = self.lattice.pitch;
        let chunks = parts(task.rows.len(), CHUNK / pitch, self.multiple);
        let longest = chunks.iter().map(Range::len).max().unwrap_or(1);
        let stride = (longest * pitch).next_multiple_of(WIDEST);
        let tile = at_least(tile, self.panels.height() * stride);
        let groups = task.channels.start / shape.outputs..task.channels.end / shape.outputs;
        for group in groups {
            let film = (task.film * shape.groups + group) * group_values;
            let (source, first_row) = if self.in_place {
                // Kernels read whole registers, which the end of the last film has not.
                let last = film + (shape.inputs - 1) * shape.input_plane();
                if last + task.rows.end * pitch + WIDEST <= input.len() {
                    (&input[film..], task.rows.start)
                } else {
                    let source = at_least(source, group_values + WIDEST);
                    let (values, spare) = source.split_at_mut(group_values);
                    values.copy_from_slice(&input[film..][..group_values]);
                    spare.fill(0.0);
                    (&*source, task.rows.start)
                }
            } else {
                let film = &input[film..][..group_values];
                let source = at_least(source, self.lattice.length(shape.inputs));
                self.lattice.gather(film, task.rows.clone(), source);
                (&*source, 0)
            };
            let first_channel = group * shape.outputs - task.channels.start;
            for (channels, panel) in self.panels.group(group) {
                for chunk in &chunks {
                    let product = OuterProduct {
                        panel,
                        height: self.panels.height(),
                        offsets: &self.offsets,
                        reach: self.reach,
                        first: (first_row + chunk.start) * pitch,
                        source,
                        length: (chunk.len() - 1) * pitch + shape.output[1],
                    };
                    outer_products(&product, tile, stride);
                    for (channel, values) in channels.clone().zip(tile.chunks_exact(stride)) {
                        let rows = Rows::part(values, pitch, shape.output[1], chunk.clone());
                        write(task, first_channel + channel, &rows);
                    }
                }
            }
        }
    }
}

/// `output = input * weight + bias`; shapes as [`Shape`] says, bias one value per output channel.
pub(crate) fn convolve(
    input: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    shape: &Shape,
    output: &mut [f32],
) {
    Convolution::new(weight, shape, 1).write_to(input, bias, output);
}
