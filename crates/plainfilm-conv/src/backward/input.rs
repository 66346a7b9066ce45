//! The gradient of a convolution's input.
//!
//! Input pixel `i` (counted in the padded film) was read by tap `k` for output `o` where
//! `o * stride + k * dilation = i`. So with `i = m * stride + r` every remainder `r` is a
//! convolution of its own with stride 1, of the output's gradient with those taps whose
//! `k * dilation` leaves the remainder `r`, read backwards: `o = m - k * dilation / stride`.

use std::ops::Range;

use crate::buffer::at_least;
use crate::geometry::Shape;
use crate::kernel::{OuterProduct, Panels, WIDEST, outer_products};
use crate::lattice::{Lattice, parts};
use crate::tasks::{CHUNK, TILE_FLOATS};

/// How the input's gradient is computed: packed weights and where they read.
pub(crate) struct InputGradient {
    shape: Shape,
    lattice: Lattice,
    /// The range of `m` of rows and columns.
    steps: [Range<usize>; 2],
    phases: Vec<Phase>,
    /// Whether every input pixel belongs to a phase; where not, its gradient is zero.
    complete: bool,
    tiles: Vec<Range<usize>>,
}

/// The input pixels of one remainder.
struct Phase {
    remainder: [usize; 2],
    offsets: Vec<usize>,
    reach: usize,
    panels: Panels,
}

impl InputGradient {
    /// `weight` is `[groups, outputs, patch]`.
    pub fn new(weight: &[f32], shape: &Shape) -> Self {
        let padding = shape.padding;
        let steps = [0, 1].map(|axis| {
            let stride = shape.stride[axis];
            let last = shape.input[axis] - 1 + padding[axis];
            padding[axis] / stride..last / stride + 1
        });
        // How far back the furthest tap reads.
        let back =
            [0, 1].map(|axis| (shape.kernel[axis] - 1) * shape.dilation[axis] / shape.stride[axis]);
        let pitch = steps[1].len() + back[1];
        let per_row = shape.outputs * pitch;
        let most = (TILE_FLOATS / per_row).saturating_sub(back[0]).max(1);
        let tiles = parts(steps[0].len(), most, 1);
        let longest = tiles.iter().map(Range::len).max().unwrap_or(1);
        let origin = [0, 1].map(|axis| steps[axis].start as isize - back[axis] as isize);
        let lattice = Lattice::plain(shape.output, origin, pitch, longest, back[0]);

        let mut phases = Vec::new();
        for y in 0..shape.stride[0] {
            for x in 0..shape.stride[1] {
                let remainder = [y, x];
                let taps = taps_of(shape, remainder);
                if !taps.is_empty() {
                    phases.push(Phase::new(weight, shape, remainder, &taps, &lattice, back));
                }
            }
        }
        Self {
            shape: *shape,
            complete: phases.len() == shape.stride[0] * shape.stride[1],
            lattice,
            steps,
            phases,
            tiles,
        }
    }

    /// One film, all groups: overwrites `out` `[channels, input plane]` from the film's output
    /// gradient `[channels, output plane]`.
    pub fn film(
        &self,
        gradient: &[f32],
        out: &mut [f32],
        source: &mut Vec<f32>,
        tile: &mut Vec<f32>,
    ) {
        let shape = &self.shape;
        if !self.complete {
            out.fill(0.0);
        }
        let source = at_least(source, self.lattice.length(shape.outputs));
        let groups = out
            .chunks_exact_mut(shape.inputs * shape.input_plane())
            .zip(gradient.chunks_exact(shape.outputs * shape.output_plane()));
        for (group, (out, gradient)) in groups.enumerate() {
            for rows in &self.tiles {
                self.lattice.gather(gradient, rows.clone(), source);
                for phase in &self.phases {
                    self.phase(phase, group, rows.clone(), source, tile, out);
                }
            }
        }
    }

    /// The pixels of one remainder in one group and tile.
    fn phase(
        &self,
        phase: &Phase,
        group: usize,
        rows: Range<usize>,
        source: &[f32],
        tile: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let (pitch, width) = (self.lattice.pitch, self.steps[1].len());
        let chunks = parts(rows.len(), CHUNK / pitch, 1);
        let longest = chunks.iter().map(Range::len).max().unwrap_or(1);
        let stride = (longest * pitch).next_multiple_of(WIDEST);
        let tile = at_least(tile, phase.panels.height() * stride);
        for (channels, panel) in phase.panels.group(group) {
            for chunk in &chunks {
                let product = OuterProduct {
                    panel,
                    height: phase.panels.height(),
                    offsets: &phase.offsets,
                    reach: phase.reach,
                    first: chunk.start * pitch,
                    source,
                    length: (chunk.len() - 1) * pitch + width,
                };
                outer_products(&product, tile, stride);
                for (channel, values) in channels.clone().zip(tile.chunks_exact(stride)) {
                    let plane = self.shape.input_plane();
                    let out = &mut out[channel * plane..][..plane];
                    for (at, row) in chunk.clone().enumerate() {
                        let step = self.steps[0].start + rows.start + row;
                        self.put(step, phase.remainder, &values[at * pitch..][..width], out);
                    }
                }
            }
        }
    }

    /// Writes the values of step `step` of the rows, one a step of the columns, to their pixels.
    fn put(&self, step: usize, remainder: [usize; 2], values: &[f32], out: &mut [f32]) {
        let Shape {
            input,
            stride,
            padding,
            ..
        } = self.shape;
        let row = (step * stride[0] + remainder[0]).wrapping_sub(padding[0]);
        if row >= input[0] {
            return;
        }
        let out = &mut out[row * input[1]..][..input[1]];
        let first = self.steps[1].start * stride[1] + remainder[1];
        // Steps whose column lies in the padding on the left.
        let skip = padding[1].saturating_sub(first).div_ceil(stride[1]);
        let column = first + skip * stride[1] - padding[1];
        let Some(out) = out.get_mut(column..) else {
            return;
        };
        let values = values.get(skip..).unwrap_or(&[]);
        if stride[1] == 1 {
            let count = values.len().min(out.len());
            out[..count].copy_from_slice(&values[..count]);
        } else {
            for (out, value) in out.iter_mut().step_by(stride[1]).zip(values) {
                *out = *value;
            }
        }
    }
}

/// The taps whose place leaves this remainder.
fn taps_of(shape: &Shape, remainder: [usize; 2]) -> Vec<[usize; 2]> {
    (0..shape.taps())
        .map(|tap| [tap / shape.kernel[1], tap % shape.kernel[1]])
        .filter(|tap| {
            [0, 1].iter().all(|&axis| {
                tap[axis] * shape.dilation[axis] % shape.stride[axis] == remainder[axis]
            })
        })
        .collect()
}

impl Phase {
    fn new(
        weight: &[f32],
        shape: &Shape,
        remainder: [usize; 2],
        taps: &[[usize; 2]],
        lattice: &Lattice,
        back: [usize; 2],
    ) -> Self {
        let offsets: Vec<usize> = (0..shape.outputs)
            .flat_map(|channel| taps.iter().map(move |tap| (channel, tap)))
            .map(|(channel, tap)| {
                let from = |axis: usize| {
                    back[axis] - tap[axis] * shape.dilation[axis] / shape.stride[axis]
                };
                channel * lattice.channel() + from(0) * lattice.pitch + from(1)
            })
            .collect();
        let value = |group: usize, row: usize, k: usize| {
            let (channel, tap) = (k / taps.len(), taps[k % taps.len()]);
            let at = (group * shape.outputs + channel) * shape.patch() + row * shape.taps();
            weight[at + tap[0] * shape.kernel[1] + tap[1]]
        };
        Self {
            remainder,
            reach: offsets.iter().copied().max().unwrap_or(0),
            panels: Panels::pack(shape.groups, shape.inputs, offsets.len(), value),
            offsets,
        }
    }
}
