//! A layer of a dense block (Huang et al. 2017): normalisation and activation, a 1x1 convolution, and a
//! 3x3 convolution whose few channels are put after those that came in.

use std::ops::Range;

use super::band::Band;
use super::conv::{Conv, Pixels};
use super::pool::Affine;
use super::{Scratch, Size};
use crate::kernel::blocked::{BLOCK, Run};
use crate::matrix::MatMut;

/// Values of the normalised input that are held at once: a quarter of a mebibyte.
const MOST: usize = 64 * 1024;

/// Run together a band of rows at a time.
pub(crate) struct Growth {
    input: Size,
    norm: Affine,
    narrow: Conv,
    narrow_runs: Vec<Run>,
    grow: Conv,
    grow_runs: Vec<Run>,
    band: Band,
    /// Rows of the input that are normalised at a time.
    at_once: usize,
}

impl Growth {
    /// `grow` has a kernel of `kernel` by `kernel` taps and keeps the map's size.
    pub fn new(input: Size, norm: Affine, narrow: Conv, grow: Conv, kernel: usize) -> Self {
        let map = Size {
            channels: narrow.outputs(),
            ..input
        };
        let band = Band::new(map, kernel, 1, kernel / 2, [input.height, input.width]);
        let at_once = (MOST / (input.blocks() * input.row())).clamp(1, input.height);
        Self {
            input,
            norm,
            narrow_runs: narrow.runs(at_once * input.row(), input.row()),
            narrow,
            grow_runs: grow.runs(band.plane(), band.pitch * BLOCK),
            grow,
            band,
            at_once,
        }
    }

    /// The size of what is put after the input.
    pub fn output(&self) -> Size {
        Size {
            channels: self.grow.outputs(),
            ..self.input
        }
    }

    /// Computes some rows of the new channels, which are all that `out` has.
    pub fn rows(
        &self,
        input: &[f32],
        rows: Range<usize>,
        out: &mut MatMut<'_>,
        Scratch { band, map }: &mut Scratch,
    ) {
        let line = self.input.row();
        let band = band.at_least(self.band.values());
        let map = map.at_least(self.input.blocks() * self.at_once * line);
        let mut done = None;
        for next in self.band.parts(rows.clone()) {
            let (fresh, at) = self.band.advance(band, done.as_ref(), &next);
            for first in fresh.clone().step_by(self.at_once) {
                let part = first..(first + self.at_once).min(fresh.end);
                let at = at + (first - fresh.start) * self.band.pitch * BLOCK;
                self.narrow_rows(input, part, at, map, band);
            }
            let blocks = self.grow.outputs().div_ceil(BLOCK);
            for row in next.clone() {
                let pixels = Pixels {
                    source: &band[(row - next.start) * self.band.pitch * BLOCK..],
                    runs: &self.grow_runs,
                    step: BLOCK,
                    count: self.input.width,
                    rows: [self.input.width; 2],
                    kept: None,
                };
                let first = (row - rows.start) * line;
                self.grow
                    .run(&pixels, &mut out.block(0..blocks, first..first + line));
            }
            done = Some(next);
        }
    }

    /// Some rows of the map between the convolutions, from `at` on in each block of the band.
    fn narrow_rows(
        &self,
        input: &[f32],
        rows: Range<usize>,
        at: usize,
        map: &mut [f32],
        band: &mut [f32],
    ) {
        let line = self.input.row();
        let planes = input.chunks_exact(self.input.plane()).enumerate();
        for ((block, plane), out) in planes.zip(map.chunks_exact_mut(self.at_once * line)) {
            let source = &plane[rows.start * line..rows.end * line];
            self.norm.apply(block, source, &mut out[..source.len()]);
        }
        let pixels = Pixels {
            source: map,
            runs: &self.narrow_runs,
            step: BLOCK,
            count: rows.len() * self.input.width,
            rows: [self.input.width, self.band.pitch],
            kept: None,
        };
        let plane = self.band.plane();
        let blocks = self.narrow.outputs().div_ceil(BLOCK);
        let mut out = MatMut::new(band, blocks, plane);
        for panel in self.narrow.panels() {
            self.narrow
                .panel(panel.clone(), &pixels, &mut out.block(panel, at..plane));
        }
    }
}
