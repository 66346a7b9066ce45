//! The inverted residual (Sandler et al. 2018): a 1x1 convolution to more channels, a depthwise
//! convolution, and a 1x1 convolution to few, whose output may be added to what came in.

use std::ops::Range;

use super::band::Band;
use super::conv::{Conv, Folded, Pixels};
use super::memory::Lines;
use super::{Scratch, Size};
use crate::fused::Curve;
use crate::kernel::blocked::{BLOCK, BLOCKS_TOGETHER, Run};
use crate::kernel::blocked_depthwise::{BlockedPlane, blocked_depthwise};
use crate::matrix::MatMut;

/// A convolution of every channel with a kernel of its own.
pub(crate) struct Depthwise {
    channels: usize,
    kernel: usize,
    stride: usize,
    /// Zeros above and to the left of the map.
    before: usize,
    curve: Curve,
    /// Block by block, tap by tap.
    weights: Lines,
    bias: Lines,
}

impl Depthwise {
    /// `folded.weight` is `[channels, 1, kernel, kernel]`.
    pub fn new(folded: &Folded, kernel: usize, stride: usize, before: usize, curve: Curve) -> Self {
        let channels = folded.bias.len();
        let taps = kernel * kernel;
        let filled = channels.next_multiple_of(BLOCK);
        let (mut weights, mut bias) = (Lines::zeroed(taps * filled), Lines::zeroed(filled));
        bias.values_mut()[..channels].copy_from_slice(&folded.bias);
        for (channel, kernel) in folded.weight.chunks_exact(taps).enumerate() {
            let (block, lane) = (channel / BLOCK, channel % BLOCK);
            for (tap, &value) in kernel.iter().enumerate() {
                weights.values_mut()[(block * taps + tap) * BLOCK + lane] = value;
            }
        }
        Self {
            channels,
            kernel,
            stride,
            before,
            curve,
            weights,
            bias,
        }
    }

    /// One block of rows that lie `pitch` pixels apart with their padding.
    fn block(&self, block: usize, values: &[f32], pitch: usize, width: usize, out: &mut [f32]) {
        let taps = self.kernel * self.kernel * BLOCK;
        let plane = BlockedPlane {
            values,
            pitch,
            kernel: self.kernel,
            stride: self.stride,
            weights: &self.weights.values()[block * taps..][..taps],
            bias: &self.bias.values()[block * BLOCK..][..BLOCK],
            curve: self.curve,
        };
        blocked_depthwise(&plane, width, out);
    }
}

/// The three convolutions, run together a band of rows at a time.
pub(crate) struct Inverted {
    input: Size,
    output: Size,
    /// Not there where the depthwise convolution sees the input itself.
    expand: Option<(Conv, Vec<Run>)>,
    depthwise: Depthwise,
    project: Conv,
    project_runs: Vec<Run>,
    /// Whether the input is added to the output.
    sum: bool,
    band: Band,
}

impl Inverted {
    /// `output` is the size of the map that the depthwise convolution leaves, with the channels of
    /// `project`.
    pub fn new(
        input: Size,
        output: Size,
        expand: Option<Conv>,
        depthwise: Depthwise,
        project: Conv,
        sum: bool,
    ) -> Self {
        let hidden = Size {
            channels: depthwise.channels,
            ..input
        };
        let Depthwise {
            kernel,
            stride,
            before,
            ..
        } = depthwise;
        let band = Band::new(
            hidden,
            kernel,
            stride,
            before,
            [output.height, output.width],
        );
        Self {
            input,
            output,
            expand: expand.map(|conv| {
                let runs = conv.runs(input.plane(), input.row());
                (conv, runs)
            }),
            project_runs: project.runs(band.rows * output.row(), output.row()),
            depthwise,
            project,
            sum,
            band,
        }
    }

    /// The size of what comes out.
    pub fn output(&self) -> Size {
        self.output
    }

    /// Computes some rows of the output, which are all that `out` has.
    pub fn rows(
        &self,
        input: &[f32],
        rows: Range<usize>,
        out: &mut MatMut<'_>,
        Scratch { band, map, .. }: &mut Scratch,
    ) {
        let hidden = self.depthwise.channels.div_ceil(BLOCK);
        let band = band.at_least(self.band.values());
        let map = map.at_least(hidden * self.band.rows * self.output.row());
        let mut done = None;
        for next in self.band.parts(rows.clone()) {
            let (fresh, at) = self.band.advance(band, done.as_ref(), &next);
            for first in (0..hidden).step_by(BLOCKS_TOGETHER) {
                let blocks = first..(first + BLOCKS_TOGETHER).min(hidden);
                self.expand(input, &fresh, at, blocks.clone(), band);
                for block in blocks {
                    let values = &band[block * self.band.plane()..][..self.band.plane()];
                    let map = &mut map[block * self.band.rows * self.output.row()..];
                    let map = &mut map[..next.len() * self.output.row()];
                    let (pitch, width) = (self.band.pitch, self.output.width);
                    self.depthwise.block(block, values, pitch, width, map);
                }
            }
            let kept = self
                .sum
                .then(|| (&input[next.start * self.input.row()..], self.input.plane()));
            let pixels = next.len() * self.output.width;
            let seen = Pixels {
                source: map,
                runs: &self.project_runs,
                step: BLOCK,
                count: pixels,
                rows: [pixels; 2],
                kept,
            };
            let first = (next.start - rows.start) * self.output.row();
            let columns = first..first + pixels * BLOCK;
            self.project
                .run(&seen, &mut out.block(0..self.output.blocks(), columns));
            done = Some(next);
        }
    }

    /// Writes some rows of some blocks of the map that the depthwise convolution sees.
    fn expand(
        &self,
        input: &[f32],
        rows: &Range<usize>,
        at: usize,
        blocks: Range<usize>,
        band: &mut [f32],
    ) {
        if rows.is_empty() {
            return;
        }
        let Size { width, .. } = self.input;
        let (plane, pitch) = (self.band.plane(), self.band.pitch);
        let first = rows.start * self.input.row();
        match &self.expand {
            Some((conv, runs)) => {
                let pixels = Pixels {
                    source: &input[first..],
                    runs,
                    step: BLOCK,
                    count: rows.len() * width,
                    rows: [width, pitch],
                    kept: None,
                };
                let all = self.depthwise.channels.div_ceil(BLOCK);
                let mut out = MatMut::new(band, all, plane);
                conv.panel(blocks.clone(), &pixels, &mut out.block(blocks, at..plane));
            }
            None => {
                for block in blocks {
                    let source = &input[block * self.input.plane() + first..];
                    let lines = source.chunks_exact(self.input.row()).take(rows.len());
                    let places = band[block * plane + at..].chunks_mut(pitch * BLOCK);
                    for (line, place) in lines.zip(places) {
                        place[..line.len()].copy_from_slice(line);
                    }
                }
            }
        }
    }
}
