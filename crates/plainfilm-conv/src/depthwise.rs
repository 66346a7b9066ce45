//! The depthwise convolution for prediction: every channel has a kernel of its own.
//!
//! Each channel is copied once into a plane with its padding around it, which stays in the first-level
//! cache, and its output is written once, bias and activation included.

use rayon::prelude::*;

use crate::buffer::{Scratch, at_least, with_scratch};
use crate::fused::Curve;
use crate::geometry::Shape;
use crate::kernel::WIDEST;
use crate::kernel::depthwise::{PaddedPlane, depthwise_plane, place_rows, spare_length};
use crate::share;

/// Output values that one task computes at least.
const TASK: usize = 16 * 1024;

/// A depthwise convolution made ready for its films.
pub(crate) struct Depthwise {
    shape: Shape,
    weight: Vec<f32>,
    /// Rows of the padded plane, and their length.
    padded: [usize; 2],
}

impl Depthwise {
    /// Whether each output channel sees one input channel of its own.
    pub fn fits(shape: &Shape) -> bool {
        shape.groups > 1 && shape.inputs == 1 && shape.outputs == 1
    }

    /// `weight` has one kernel a channel.
    pub fn new(weight: &[f32], shape: &Shape) -> Self {
        let side = |axis: usize| {
            (shape.output[axis] - 1) * shape.stride[axis]
                + (shape.kernel[axis] - 1) * shape.dilation[axis]
                + 1
        };
        Self {
            shape: *shape,
            weight: weight.to_vec(),
            padded: [side(0), side(1)],
        }
    }

    /// Bytes of weights.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.weight)
    }

    /// `activation(input * weight + bias)` into `output` `[films, channels, plane]`.
    pub fn run(&self, input: &[f32], bias: &[f32], curve: Curve, output: &mut [f32]) {
        let shape = &self.shape;
        let (plane, width) = (shape.output_plane(), shape.output[1]);
        let [rows, pitch] = self.padded;
        let planes = TASK.div_ceil(plane);
        output
            .par_chunks_mut(planes * plane)
            .zip(input.par_chunks(planes * shape.input_plane()))
            .with_min_len(share::fewest())
            .enumerate()
            .for_each(|(task, (out, input))| {
                let planes = task * planes..;
                let inputs = input.chunks_exact(shape.input_plane());
                with_scratch(|Scratch { source, tile, .. }| {
                    let values = at_least(source, rows * pitch + 2 * WIDEST);
                    // The padding stays as it is from plane to plane.
                    values.fill(0.0);
                    let spare = at_least(tile, spare_length(width, shape.stride[1]));
                    for ((out, input), at) in out.chunks_exact_mut(plane).zip(inputs).zip(planes) {
                        let channel = at % shape.groups;
                        self.pad(input, values);
                        let plane = PaddedPlane {
                            values,
                            pitch,
                            kernel: shape.kernel,
                            dilation: shape.dilation,
                            stride: shape.stride,
                            weight: &self.weight[channel * shape.taps()..][..shape.taps()],
                            bias: bias[channel],
                            curve,
                        };
                        depthwise_plane(&plane, width, out, spare);
                    }
                });
            });
    }

    /// Writes one channel into its place in a plane of zeros.
    fn pad(&self, input: &[f32], out: &mut [f32]) {
        let [rows, pitch] = self.padded;
        let ([height, width], [above, left]) = (self.shape.input, self.shape.padding);
        let seen = height.min(rows.saturating_sub(above));
        let first = above * pitch + left;
        if left + width <= pitch {
            place_rows(&input[..seen * width], width, &mut out[first..], pitch);
            return;
        }
        // The last columns are beyond every kernel.
        let count = pitch.saturating_sub(left);
        for (row, source) in input.chunks_exact(width).take(seen).enumerate() {
            out[first + row * pitch..][..count].copy_from_slice(&source[..count]);
        }
    }
}
