//! What a convolution does to shapes: stride, padding, dilation, groups, and the checks.

use thiserror::Error;

/// How a convolution kernel moves over a film: `[vertical, horizontal]` throughout.
///
/// The settings of PyTorch's `Conv2d`, with the same meaning, and uneven padding, which TensorFlow's
/// "same" comes to with a stride; padding is with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvGeometry {
    /// Step between neighbouring outputs, at least 1.
    pub stride: [usize; 2],
    /// Zeros added on each side.
    pub padding: [usize; 2],
    /// Zeros added below and to the right besides.
    pub padding_more: [usize; 2],
    /// Distance between neighbouring kernel taps, at least 1.
    pub dilation: [usize; 2],
    /// Number of independent groups of channels; divides both channel counts.
    pub groups: usize,
}

impl Default for ConvGeometry {
    /// Stride 1, no padding, dilation 1, one group.
    fn default() -> Self {
        Self {
            stride: [1, 1],
            padding: [0, 0],
            padding_more: [0, 0],
            dilation: [1, 1],
            groups: 1,
        }
    }
}

impl ConvGeometry {
    /// Stride 1, dilation 1, one group, and this padding on all four sides.
    pub fn padded(padding: usize) -> Self {
        Self {
            padding: [padding, padding],
            ..Self::default()
        }
    }

    /// The output size `[height, width]` for an input and a kernel of this size:
    /// `floor((input + 2 padding + more - dilation (kernel - 1) - 1) / stride) + 1` in each direction.
    ///
    /// # Errors
    /// [`GeometryError`] when a setting is zero or the kernel does not fit into the padded input.
    pub fn output_size(
        &self,
        input: [usize; 2],
        kernel: [usize; 2],
    ) -> Result<[usize; 2], GeometryError> {
        if self.stride.contains(&0) || self.dilation.contains(&0) || self.groups == 0 {
            return Err(GeometryError::ZeroSetting { geometry: *self });
        }
        if input.contains(&0) || kernel.contains(&0) {
            return Err(GeometryError::EmptyMap { input, kernel });
        }
        let mut output = [0; 2];
        for axis in 0..2 {
            let reach = self.dilation[axis] * (kernel[axis] - 1) + 1;
            let padded = input[axis] + 2 * self.padding[axis] + self.padding_more[axis];
            if reach > padded {
                return Err(GeometryError::KernelTooLarge {
                    axis: ["height", "width"][axis],
                    reach,
                    padded,
                });
            }
            output[axis] = (padded - reach) / self.stride[axis] + 1;
        }
        Ok(output)
    }

    /// Checks an input `[films, channels, height, width]` against a weight
    /// `[out channels, in channels / groups, kernel height, kernel width]` and gives the output's
    /// shape `[films, out channels, height, width]`.
    ///
    /// The functions of this crate panic with the same message where this would give an error, as
    /// Burn's own tensor operations do; call this first where shapes come from a user.
    ///
    /// # Errors
    /// [`GeometryError`], naming what was expected and what was found.
    pub fn output_shape(
        &self,
        input: [usize; 4],
        weight: [usize; 4],
    ) -> Result<[usize; 4], GeometryError> {
        let output = self.output_size([input[2], input[3]], [weight[2], weight[3]])?;
        if input[0] == 0 || input[1] == 0 || weight[0] == 0 {
            return Err(GeometryError::NoChannels { input, weight });
        }
        if weight[1] * self.groups != input[1] || !weight[0].is_multiple_of(self.groups) {
            return Err(GeometryError::Channels {
                input: input[1],
                weight: [weight[0], weight[1]],
                groups: self.groups,
            });
        }
        Ok([input[0], weight[0], output[0], output[1]])
    }
}

/// Why a convolution cannot be computed for these shapes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GeometryError {
    /// Stride, dilation or groups is zero.
    #[error("stride, dilation and groups must be at least 1, found {geometry:?}")]
    ZeroSetting {
        /// The settings found.
        geometry: ConvGeometry,
    },
    /// The input or the kernel has no pixel.
    #[error("expected at least one pixel, found input {input:?} and kernel {kernel:?}")]
    EmptyMap {
        /// Input height and width.
        input: [usize; 2],
        /// Kernel height and width.
        kernel: [usize; 2],
    },
    /// The dilated kernel is larger than the padded input.
    #[error("expected a kernel that fits into the padded {axis} of {padded}, found {reach}")]
    KernelTooLarge {
        /// `height` or `width`.
        axis: &'static str,
        /// What the dilated kernel covers.
        reach: usize,
        /// Input plus padding.
        padded: usize,
    },
    /// No film, or a layer without channels.
    #[error("expected at least one film and one channel, found input {input:?}, weight {weight:?}")]
    NoChannels {
        /// Shape of the input.
        input: [usize; 4],
        /// Shape of the weight.
        weight: [usize; 4],
    },
    /// Channel counts of input, weight and groups disagree.
    #[error(
        "expected {} input channels (weight {weight:?} in {groups} groups, which must divide \
         both), found {input}",
        weight[1] * groups
    )]
    Channels {
        /// Channels of the input.
        input: usize,
        /// Output channels, and input channels per group, of the weight.
        weight: [usize; 2],
        /// Number of groups.
        groups: usize,
    },
    /// A 2x2 max-pool was asked for on a map that is less than two pixels high or wide.
    #[error("expected a map of at least 2x2 to pool, found {0:?}")]
    TooSmallToPool([usize; 2]),
}

/// The sizes of one convolution, with channels counted per group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub films: usize,
    pub groups: usize,
    /// Input channels of one group.
    pub inputs: usize,
    /// Output channels of one group.
    pub outputs: usize,
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
}

impl Shape {
    /// Whether every output is made of the pixel at its own place.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.output == self.input
    }

    /// The sizes for an input and a weight, checked.
    pub fn new(
        input: [usize; 4],
        weight: [usize; 4],
        geometry: &ConvGeometry,
    ) -> Result<Self, GeometryError> {
        let [films, outputs, height, width] = geometry.output_shape(input, weight)?;
        Ok(Self {
            films,
            groups: geometry.groups,
            inputs: weight[1],
            outputs: outputs / geometry.groups,
            input: [input[2], input[3]],
            output: [height, width],
            kernel: [weight[2], weight[3]],
            stride: geometry.stride,
            padding: geometry.padding,
            dilation: geometry.dilation,
        })
    }

    /// Kernel taps per input channel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Rows of the column matrix: input channels of a group times kernel taps.
    pub fn patch(&self) -> usize {
        self.inputs * self.taps()
    }

    /// Pixels of one input channel.
    pub fn input_plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Pixels of one output channel.
    pub fn output_plane(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Values of one input film, all groups.
    pub fn input_film(&self) -> usize {
        self.groups * self.inputs * self.input_plane()
    }

    /// Values of one output film, all groups.
    pub fn output_film(&self) -> usize {
        self.groups * self.outputs * self.output_plane()
    }

    /// Output channels of all groups.
    pub fn channels_out(&self) -> usize {
        self.groups * self.outputs
    }

    /// Values of the whole weight.
    pub fn weights(&self) -> usize {
        self.groups * self.group_weights()
    }

    /// Values of one group's weight.
    pub fn group_weights(&self) -> usize {
        self.outputs * self.patch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_sizes_follow_the_formula() {
        let cases = [
            // (input, kernel, stride, padding, dilation, output)
            ([224, 224], [3, 3], [1, 1], [1, 1], [1, 1], [224, 224]),
            ([56, 56], [1, 1], [1, 1], [1, 1], [1, 1], [58, 58]),
            ([7, 9], [3, 2], [2, 3], [1, 0], [1, 1], [4, 3]),
            ([9, 9], [3, 3], [1, 1], [0, 0], [2, 2], [5, 5]),
            ([1, 1], [1, 1], [4, 4], [0, 0], [1, 1], [1, 1]),
            ([5, 5], [2, 2], [4, 4], [0, 0], [1, 1], [1, 1]),
        ];
        for (input, kernel, stride, padding, dilation, expected) in cases {
            let geometry = ConvGeometry {
                stride,
                padding,
                dilation,
                groups: 1,
                ..ConvGeometry::default()
            };
            assert_eq!(geometry.output_size(input, kernel), Ok(expected));
        }
    }

    #[test]
    fn errors_name_expected_and_found() {
        let plain = ConvGeometry::default();
        assert_eq!(
            plain.output_size([2, 2], [3, 3]).unwrap_err().to_string(),
            "expected a kernel that fits into the padded height of 2, found 3"
        );
        let grouped = ConvGeometry { groups: 2, ..plain };
        let error = grouped
            .output_shape([1, 3, 5, 5], [4, 2, 3, 3])
            .unwrap_err();
        assert!(error.to_string().contains("expected 4 input channels"));
        let stuck = ConvGeometry {
            stride: [0, 1],
            ..plain
        };
        assert!(matches!(
            stuck.output_size([5, 5], [3, 3]),
            Err(GeometryError::ZeroSetting { .. })
        ));
        assert!(plain.output_shape([0, 3, 5, 5], [4, 3, 3, 3]).is_err());
    }
}
