//! The first convolution of a network, from a film's planes to blocks of channels.

use std::ops::Range;

use super::conv::{Conv, Pixels};
use super::{Scratch, Size};
use crate::kernel::blocked::Run;
use crate::matrix::MatMut;

/// Output rows that are computed at a time.
const ROWS: usize = 8;

/// A strided convolution of few channels.
pub(crate) struct Stem {
    input: Size,
    output: Size,
    kernel: usize,
    stride: usize,
    /// Zeros above and to the left of the film.
    before: usize,
    conv: Conv,
    runs: Vec<Run>,
    /// Values from row to row, with the padding.
    pitch: usize,
}

impl Stem {
    /// `conv` has its inputs in planes.
    pub fn new(
        input: Size,
        output: Size,
        kernel: usize,
        stride: usize,
        before: usize,
        conv: Conv,
    ) -> Self {
        let pitch = ((output.width - 1) * stride + kernel).max(before + input.width);
        Self {
            input,
            output,
            kernel,
            stride,
            before,
            runs: conv.runs(Self::seen(stride, kernel) * pitch, pitch),
            conv,
            pitch,
        }
    }

    /// Rows of the film that are seen at a time.
    fn seen(stride: usize, kernel: usize) -> usize {
        (ROWS - 1) * stride + kernel
    }

    pub fn output(&self) -> Size {
        self.output
    }

    /// Computes some rows of the output, which are all that `out` has, from a film's planes.
    pub fn rows(
        &self,
        film: &[f32],
        rows: Range<usize>,
        out: &mut MatMut<'_>,
        Scratch { band, .. }: &mut Scratch,
    ) {
        let plane = Self::seen(self.stride, self.kernel) * self.pitch;
        let planes = band.at_least(self.input.channels * plane);
        for first in rows.clone().step_by(ROWS) {
            let part = first..(first + ROWS).min(rows.end);
            self.place(film, part.start, planes);
            for row in part.clone() {
                let seen = Pixels {
                    source: &planes[(row - part.start) * self.stride * self.pitch..],
                    runs: &self.runs,
                    step: self.stride,
                    count: self.output.width,
                    rows: [self.output.width; 2],
                    kept: None,
                };
                let columns = (row - rows.start) * self.output.row();
                let columns = columns..columns + self.output.row();
                self.conv
                    .run(&seen, &mut out.block(0..self.output.blocks(), columns));
            }
        }
    }

    /// Writes the rows that output rows from `first` on see, with zeros around them.
    fn place(&self, film: &[f32], first: usize, planes: &mut [f32]) {
        let Size { height, width, .. } = self.input;
        let rows = Self::seen(self.stride, self.kernel);
        for (channel, plane) in planes.chunks_exact_mut(rows * self.pitch).enumerate() {
            let source = &film[channel * height * width..][..height * width];
            for (y, line) in plane.chunks_exact_mut(self.pitch).enumerate() {
                let row = (first * self.stride + y).checked_sub(self.before);
                match row.filter(|&row| row < height) {
                    None => line.fill(0.0),
                    Some(row) => {
                        let (before, rest) = line.split_at_mut(self.before);
                        let (pixels, after) = rest.split_at_mut(width);
                        before.fill(0.0);
                        pixels.copy_from_slice(&source[row * width..][..width]);
                        after.fill(0.0);
                    }
                }
            }
        }
    }
}
