//! The 1x1 convolution for prediction: a product of two matrices.
//!
//! Pixels are packed in blocks of [`PACKED`] columns, all channels of a block together, and every panel of
//! weights runs over a block while it is in the first-level cache. Films smaller than a task share one,
//! so that their pixels fill whole registers.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::{Scratch, at_least, with_scratch};
use crate::fused::Curve;
use crate::geometry::Shape;
use crate::kernel::packed::{PACKED, PackedProduct, packed_products};
use crate::kernel::{Panels, WIDEST, vectorised};
use crate::matrix::MatMut;
use crate::share;

/// Packed values of a task: three eighths of a mebibyte, which stay in the second-level cache.
const TASK_VALUES: usize = 96 * 1024;
/// Fewest tasks that a batch is cut into, where its pixels fill as many blocks.
const TASKS: usize = 16;

/// A 1x1 convolution made ready for its films.
pub(crate) struct Pointwise {
    shape: Shape,
    panels: Panels,
    /// Pixels of a task.
    pixels: usize,
}

/// Some pixels of one film, and where their outputs go.
struct Segment<'a> {
    film: usize,
    pixels: Range<usize>,
    out: MatMut<'a>,
}

/// Where pixels of a task lie: the segment, and the first of so many pixels in it.
struct Piece {
    segment: usize,
    first: usize,
    count: usize,
}

impl Pointwise {
    /// Whether every output is made of one pixel, over all channels.
    pub fn fits(shape: &Shape) -> bool {
        shape.is_pointwise() && shape.groups == 1
    }

    /// `weight` is `[outputs, inputs]`.
    pub fn new(weight: &[f32], shape: &Shape) -> Self {
        let all = shape.films * shape.output_plane();
        let most = (TASK_VALUES / shape.inputs).min(all / TASKS);
        Self {
            shape: *shape,
            panels: Panels::pack(1, shape.outputs, shape.inputs, |_, row, k| {
                weight[row * shape.inputs + k]
            }),
            pixels: (most / PACKED).max(2) * PACKED,
        }
    }

    /// Bytes of packed weights.
    pub fn bytes(&self) -> usize {
        self.panels.bytes()
    }

    /// `activation(input * weight + bias + kept)` into `output` `[films, channels, plane]`.
    pub fn run(
        &self,
        input: &[f32],
        bias: &[f32],
        kept: Option<&[f32]>,
        curve: Curve,
        output: &mut [f32],
    ) {
        let mut tasks = self.tasks(output);
        let tasks = tasks.par_iter_mut().with_min_len(share::fewest());
        tasks.for_each(|segments| {
            with_scratch(|scratch| self.task(input, bias, kept, curve, segments, scratch));
        });
    }

    /// Cuts an output into tasks in a fixed order, which depends on the sizes only.
    fn tasks<'a>(&self, output: &'a mut [f32]) -> Vec<Vec<Segment<'a>>> {
        let (plane, channels) = (self.shape.output_plane(), self.shape.outputs);
        let mut tasks: Vec<Vec<Segment<'_>>> = Vec::new();
        let mut room = 0;
        for (film, out) in output.chunks_exact_mut(channels * plane).enumerate() {
            let mut rest = MatMut::new(out, channels, plane);
            let mut first = 0;
            while first < plane {
                if room == 0 {
                    tasks.push(Vec::new());
                    room = self.pixels;
                }
                let count = room.min(plane - first);
                let (out, right) = rest.split_columns(count);
                rest = right;
                let pixels = first..first + count;
                if let Some(task) = tasks.last_mut() {
                    task.push(Segment { film, pixels, out });
                }
                first += count;
                room -= count;
            }
        }
        tasks
    }

    fn task(
        &self,
        input: &[f32],
        bias: &[f32],
        kept: Option<&[f32]>,
        curve: Curve,
        segments: &mut [Segment<'_>],
        Scratch {
            source, tile, map, ..
        }: &mut Scratch,
    ) {
        let (plane, height) = (self.shape.output_plane(), self.panels.height());
        let blocks = blocks(segments);
        let columns = at_least(source, blocks.len() * PACKED * self.shape.inputs);
        self.pack(input, segments, &blocks, columns);
        let tile = at_least(tile, height * PACKED);
        let gathered = at_least(map, height * PACKED);
        for (block, columns) in blocks
            .iter()
            .zip(columns.chunks_exact(PACKED * self.shape.inputs))
        {
            let width = width(block);
            for (channels, panel) in self.panels.group(0) {
                let product = PackedProduct {
                    panel,
                    height,
                    columns,
                    width,
                    bias: &bias[channels.clone()],
                    kept: None,
                    curve,
                };
                let place = |segment: &Segment<'_>, piece: &Piece, channel: usize| {
                    (segment.film * self.shape.outputs + channel) * plane
                        + segment.pixels.start
                        + piece.first
                };
                if let [piece] = &block[..] {
                    let segment = &mut segments[piece.segment];
                    let first = place(segment, piece, channels.start);
                    let product = PackedProduct {
                        kept: kept.map(|kept| (&kept[first..], plane)),
                        ..product
                    };
                    let pixels = piece.first..piece.first + piece.count;
                    packed_products(&product, &mut segment.out.block(channels, pixels));
                    continue;
                }
                // Pixels of several films: their rows are put together before and taken apart after.
                let mut at = 0;
                for piece in block.iter().filter(|_| kept.is_some()) {
                    for (row, channel) in channels.clone().enumerate() {
                        let first = place(&segments[piece.segment], piece, channel);
                        if let Some(kept) = kept {
                            gathered[row * PACKED + at..][..piece.count]
                                .copy_from_slice(&kept[first..][..piece.count]);
                        }
                    }
                    at += piece.count;
                }
                let product = PackedProduct {
                    kept: kept.map(|_| (&*gathered, PACKED)),
                    ..product
                };
                let count: usize = block.iter().map(|piece| piece.count).sum();
                let mut out = MatMut::new(tile, height, PACKED);
                packed_products(&product, &mut out.block(0..channels.len(), 0..count));
                let mut at = 0;
                for piece in block {
                    let out = &mut segments[piece.segment].out;
                    for (row, channel) in channels.clone().enumerate() {
                        out.row(channel)[piece.first..][..piece.count]
                            .copy_from_slice(&tile[row * PACKED + at..][..piece.count]);
                    }
                    at += piece.count;
                }
            }
        }
    }

    /// Writes every block's pixels, channel by channel, [`width`] values each; what a block has beyond
    /// its pixels is zero.
    fn pack(
        &self,
        input: &[f32],
        segments: &[Segment<'_>],
        blocks: &[Vec<Piece>],
        out: &mut [f32],
    ) {
        let (plane, inputs) = (self.shape.input_plane(), self.shape.inputs);
        let start = |piece: &Piece| {
            let segment = &segments[piece.segment];
            segment.film * inputs * plane + segment.pixels.start + piece.first
        };
        let mut rest = (blocks, out);
        while let Some(block) = rest.0.first() {
            // Whole blocks that follow one another in a film are read together: long runs are fetched ahead.
            let whole = rest
                .0
                .iter()
                .take_while(|other| {
                    matches!(&other[..], [piece] if piece.count == PACKED && piece.segment == block[0].segment)
                })
                .count();
            let count = whole.max(1);
            let (here, out) = rest.1.split_at_mut(count * PACKED * inputs);
            if whole > 0 {
                let channels = input[start(&block[0])..].chunks(plane);
                vectorised(|| copy_whole(channels, here, whole));
            } else {
                let lines = here.chunks_exact_mut(width(block)).take(inputs);
                for (channel, line) in lines.enumerate() {
                    let mut at = 0;
                    for piece in block {
                        let first = start(piece) + channel * plane;
                        line[at..at + piece.count].copy_from_slice(&input[first..][..piece.count]);
                        at += piece.count;
                    }
                    line[at..].fill(0.0);
                }
            }
            rest = (&rest.0[count..], out);
        }
    }
}

/// The first values of every channel into that many blocks, one after another. The length of a line is
/// known here, so that no call is made for each.
#[inline(always)]
fn copy_whole<'a>(channels: impl Iterator<Item = &'a [f32]>, out: &mut [f32], blocks: usize) {
    let length = out.len() / blocks;
    for (channel, values) in channels.take(length / PACKED).enumerate() {
        for (block, line) in values
            .as_chunks::<PACKED>()
            .0
            .iter()
            .take(blocks)
            .enumerate()
        {
            out[block * length + channel * PACKED..][..PACKED].copy_from_slice(line);
        }
    }
}

/// The pixels of a task in blocks of [`PACKED`], the last one smaller.
fn blocks(segments: &[Segment<'_>]) -> Vec<Vec<Piece>> {
    let mut blocks: Vec<Vec<Piece>> = Vec::new();
    let mut room = 0;
    for (segment, Segment { pixels, .. }) in segments.iter().enumerate() {
        let mut first = 0;
        while first < pixels.len() {
            if room == 0 {
                blocks.push(Vec::new());
                room = PACKED;
            }
            let count = room.min(pixels.len() - first);
            if let Some(block) = blocks.last_mut() {
                block.push(Piece {
                    segment,
                    first,
                    count,
                });
            }
            first += count;
            room -= count;
        }
    }
    blocks
}

/// Values of a block's packed rows.
fn width(block: &[Piece]) -> usize {
    let count: usize = block.iter().map(|piece| piece.count).sum();
    count.next_multiple_of(WIDEST)
}
