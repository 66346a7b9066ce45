//! A layer of a dense block (Huang et al. 2017): normalisation and activation, a 1x1 convolution, and a
//! 3x3 convolution whose few channels are put after those that came in.

use std::ops::Range;

use super::band::Band;
use super::conv::{Conv, Folded, Inputs, Pixels};
use super::pool::Affine;
use super::tiles::{TileMemory, Tiles};
use super::{Scratch, Size};
use crate::fused::Curve;
use crate::kernel::blocked::{BLOCK, Run};
use crate::matrix::MatMut;
use crate::winograd::TILE;

/// Values of the normalised input that are held at once: a quarter of a mebibyte.
const MOST: usize = 64 * 1024;

/// The convolution to the new channels.
enum Grow {
    Direct(Conv, Vec<Run>),
    Tiles(Tiles),
}

/// Run together a band of rows at a time.
pub(crate) struct Growth {
    input: Size,
    norm: Affine,
    narrow: Conv,
    narrow_runs: Vec<Run>,
    grow: Grow,
    band: Band,
    /// Rows of the input that are normalised at a time.
    at_once: usize,
}

impl Growth {
    /// `grow` is of `kernel` by `kernel` taps, keeps the map's size and ends in `curve`.
    pub fn new(
        input: Size,
        norm: Affine,
        narrow: Conv,
        grow: &Folded,
        kernel: usize,
        curve: Curve,
    ) -> Self {
        let map = Size {
            channels: narrow.outputs(),
            ..input
        };
        let side = [input.height, input.width];
        let mut band = Band::new(map, kernel, 1, kernel / 2, side);
        let grow = if Tiles::pay(kernel, side) {
            let tiles = Tiles::new(grow, input.width, curve);
            band.widen(TILE, tiles.columns_seen());
            Grow::Tiles(tiles)
        } else {
            let conv = Conv::new(grow, kernel, Inputs::Blocks, curve);
            let runs = conv.runs(band.plane(), band.pitch * BLOCK);
            Grow::Direct(conv, runs)
        };
        let at_once = (MOST / (input.blocks() * input.row())).clamp(1, input.height);
        Self {
            input,
            norm,
            narrow_runs: narrow.runs(at_once * input.row(), input.row()),
            narrow,
            grow,
            band,
            at_once,
        }
    }

    /// The size of what is put after the input.
    pub fn output(&self) -> Size {
        let channels = match &self.grow {
            Grow::Direct(conv, _) => conv.outputs(),
            Grow::Tiles(tiles) => tiles.outputs(),
        };
        Size {
            channels,
            ..self.input
        }
    }

    /// Rows that belong together: values depend on where a tile begins.
    pub fn multiple(&self) -> usize {
        match self.grow {
            Grow::Direct(..) => 1,
            Grow::Tiles(_) => TILE,
        }
    }

    /// Computes some rows of the new channels, which are all that `out` has.
    pub fn rows(
        &self,
        input: &[f32],
        rows: Range<usize>,
        out: &mut MatMut<'_>,
        Scratch { band, map, tiles }: &mut Scratch,
    ) {
        let line = self.input.row();
        let band = band.at_least(self.band.values());
        let map = map.at_least(self.input.blocks() * self.at_once * line);
        let mut done = None;
        for next in self.band.parts(rows.clone()) {
            // Whole tiles, where the last rows are fewer.
            let whole = next.start..next.start + next.len().next_multiple_of(self.multiple());
            let (fresh, at) = self.band.advance(band, done.as_ref(), &whole);
            for first in fresh.clone().step_by(self.at_once) {
                let part = first..(first + self.at_once).min(fresh.end);
                let at = at + (first - fresh.start) * self.band.pitch * BLOCK;
                self.narrow_rows(input, part, at, map, band);
            }
            let first = (next.start - rows.start) * line;
            self.grow_rows(band, next.len(), first, out, tiles);
            done = Some(whole);
        }
    }

    /// Some rows of the new channels, from the band's first on, to column `first` on of `out`.
    fn grow_rows(
        &self,
        band: &[f32],
        rows: usize,
        first: usize,
        out: &mut MatMut<'_>,
        memory: &mut TileMemory,
    ) {
        let (Size { width, .. }, line) = (self.input, self.band.pitch * BLOCK);
        match &self.grow {
            Grow::Direct(conv, runs) => {
                let blocks = conv.outputs().div_ceil(BLOCK);
                for row in 0..rows {
                    let pixels = Pixels {
                        source: &band[row * line..],
                        runs,
                        step: BLOCK,
                        count: width,
                        rows: [width; 2],
                        kept: None,
                    };
                    let columns = first + row * width * BLOCK..first + (row + 1) * width * BLOCK;
                    conv.run(&pixels, &mut out.block(0..blocks, columns));
                }
            }
            Grow::Tiles(tiles) => {
                let lie = [self.band.plane(), line];
                tiles.run(band, lie, [rows, width], first, out, memory);
            }
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
