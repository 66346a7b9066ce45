//! A convolution over all channels, its weights packed for blocks.

use std::ops::Range;

use super::memory::Lines;
use crate::fused::{Curve, Normalisation, fold};
use crate::kernel::blocked::{BLOCK, BLOCKS_TOGETHER, BlockedProduct, Run, blocked_products};
use crate::matrix::MatMut;

/// Outputs in a panel of weights.
const PANEL: usize = BLOCK * BLOCKS_TOGETHER;
/// Inputs up to which a panel stays in the first-level cache while all pixels go by.
const NARROW: usize = 192;
/// Weights from which on they are read as seldom as can be.
const HEAVY: usize = 256 * 1024;
/// Pixels that go by all weights between these.
const PIXELS: usize = 28;

/// Weight and bias of a convolution with what follows folded into them.
pub(crate) struct Folded {
    /// `[outputs, inputs of a group, kernel, kernel]`.
    pub weight: Vec<f32>,
    /// One value for every output.
    pub bias: Vec<f32>,
}

impl Folded {
    /// No bias is zeros.
    pub fn new(
        weight: &[f32],
        outputs: usize,
        bias: Option<&[f32]>,
        norm: Option<Normalisation<'_>>,
    ) -> Self {
        let mut bias = bias.map_or_else(|| vec![0.0; outputs], <[f32]>::to_vec);
        let folded = norm.map(|norm| fold(weight, &mut bias, norm));
        Self {
            weight: folded.unwrap_or_else(|| weight.to_vec()),
            bias,
        }
    }
}

/// How a convolution's inputs lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inputs {
    /// Blocks of channels.
    Blocks,
    /// A plane for every channel.
    Planes,
}

/// Weights packed in panels of two blocks of outputs.
pub(crate) struct Conv {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    lie: Inputs,
    curve: Curve,
    /// Panel by panel, and in it for every input in the order of [`runs`](Self::runs) the panel's outputs.
    weights: Lines,
    /// Filled up with zeros.
    bias: Lines,
}

/// Some pixels, as a convolution sees them.
pub(crate) struct Pixels<'a> {
    /// From the first pixel's first input on.
    pub source: &'a [f32],
    /// From [`Conv::runs`].
    pub runs: &'a [Run],
    /// Values from pixel to pixel.
    pub step: usize,
    /// How many.
    pub count: usize,
    /// Pixels of a row, and from row to row, where outputs go.
    pub rows: [usize; 2],
    /// As in [`BlockedProduct`].
    pub kept: Option<(&'a [f32], usize)>,
}

impl Conv {
    /// Packs a weight of `kernel` by `kernel` taps.
    pub fn new(folded: &Folded, kernel: usize, lie: Inputs, curve: Curve) -> Self {
        let Folded { weight, bias } = folded;
        let outputs = bias.len();
        let patch = weight.len() / outputs;
        let inputs = patch / (kernel * kernel);
        let mut packed = Lines::zeroed(patch * outputs.next_multiple_of(BLOCK));
        let mut padded = Lines::zeroed(outputs.next_multiple_of(BLOCK));
        padded.values_mut()[..outputs].copy_from_slice(bias);
        let mut rest = packed.values_mut();
        for first in (0..outputs).step_by(PANEL) {
            let wide = PANEL.min(outputs.next_multiple_of(BLOCK) - first);
            let (panel, others) = rest.split_at_mut(patch * wide);
            rest = others;
            for (k, values) in panel.chunks_exact_mut(wide).enumerate() {
                let place = match lie {
                    // Taps outside, channels inside.
                    Inputs::Blocks => k % inputs * kernel * kernel + k / inputs,
                    Inputs::Planes => k,
                };
                for (output, value) in (first..outputs).zip(values) {
                    *value = weight[output * patch + place];
                }
            }
        }
        Self {
            inputs,
            outputs,
            kernel,
            lie,
            curve,
            weights: packed,
            bias: padded,
        }
    }

    /// Channels that come out.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Where the inputs of a pixel lie in a source with `plane` values from block to block, or from
    /// channel to channel, and `pitch` from row to row.
    pub fn runs(&self, plane: usize, pitch: usize) -> Vec<Run> {
        let taps = (0..self.kernel).flat_map(|y| (0..self.kernel).map(move |x| (y, x)));
        match self.lie {
            Inputs::Blocks => taps
                .flat_map(|(y, x)| {
                    (0..self.inputs).step_by(BLOCK).map(move |first| Run {
                        offset: y * pitch + x * BLOCK + first / BLOCK * plane,
                        count: BLOCK.min(self.inputs - first),
                    })
                })
                .collect(),
            Inputs::Planes => (0..self.inputs)
                .flat_map(|channel| {
                    (0..self.kernel).map(move |y| Run {
                        offset: channel * plane + y * pitch,
                        count: self.kernel,
                    })
                })
                .collect(),
        }
    }

    /// The panels: which blocks of outputs each holds.
    pub fn panels(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let blocks = self.outputs.div_ceil(BLOCK);
        (0..blocks)
            .step_by(BLOCKS_TOGETHER)
            .map(move |first| first..(first + BLOCKS_TOGETHER).min(blocks))
    }

    /// Computes one panel's blocks, which are all that `out` has.
    pub fn panel(&self, blocks: Range<usize>, pixels: &Pixels<'_>, out: &mut MatMut<'_>) {
        let patch = self.inputs * self.kernel * self.kernel;
        let outputs = blocks.start * BLOCK..blocks.end * BLOCK;
        let kept = pixels
            .kept
            .map(|(kept, stride)| (&kept[blocks.start * stride..], stride));
        let product = BlockedProduct {
            weights: &self.weights.values()[outputs.start * patch..outputs.end * patch],
            blocks: blocks.len(),
            runs: pixels.runs,
            source: pixels.source,
            step: pixels.step,
            pixels: pixels.count,
            bias: &self.bias.values()[outputs],
            kept,
            curve: self.curve,
            rows: pixels.rows,
        };
        blocked_products(&product, out);
    }

    /// Computes all blocks, which are the rows of `out`, of pixels that lie in a row and are written in
    /// one.
    pub fn run(&self, pixels: &Pixels<'_>, out: &mut MatMut<'_>) {
        let patch = self.inputs * self.kernel * self.kernel;
        let together = if patch <= NARROW || patch * self.outputs >= HEAVY {
            pixels.count
        } else {
            PIXELS
        };
        for first in (0..pixels.count).step_by(together.max(1)) {
            let count = together.min(pixels.count - first);
            let columns = first * BLOCK..(first + count) * BLOCK;
            let part = Pixels {
                source: &pixels.source[first * pixels.step..],
                count,
                rows: [count; 2],
                kept: pixels
                    .kept
                    .map(|(kept, stride)| (&kept[first * BLOCK..], stride)),
                ..*pixels
            };
            for blocks in self.panels() {
                let mut out = out.block(blocks.clone(), columns.clone());
                self.panel(blocks, &part, &mut out);
            }
        }
    }
}
