//! Tables of names: which of our tensors a library's tensor is, and how its numbers lie.

pub(super) mod keras;
mod torch;

use std::collections::HashMap;

use super::formats::{Dialect, Entry};
use crate::networks::{Architecture, NetworkSettings};
use plainfilm_film::radiograph::Scaling;

/// What a tensor of a file is to a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// One of the network's, with what has to be done to its numbers.
    Ours(String, Layout),
    /// A convolution's bias, which the network leaves to the batch norm after it: subtracted from the
    /// running mean of this name.
    FoldedBias(String),
    /// What a layer inside the model takes from the values of each channel, or divides their squares by.
    Input(InputStatistic),
    /// Part of a head that the network does not have, such as ImageNet's 1000 classes.
    OtherHead,
    /// Kept by the library for itself, such as PyTorch's count of batches.
    Bookkeeping,
    /// Not known.
    Unknown,
}

/// A statistic of Keras' `Normalization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InputStatistic {
    Mean,
    Variance,
}

/// How the numbers lie in the file, in distinction to PyTorch's `[out, in, rows, columns]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// As here.
    Same,
    /// Keras' convolution: `[rows, columns, in, out]`.
    Convolution,
    /// Keras' depthwise convolution: `[rows, columns, channels, 1]`.
    Depthwise,
    /// Keras' dense layer: `[in, out]`; where it follows a map of `[channels, rows, columns]`, that
    /// was flattened place by place, channels innermost.
    Dense(Option<[usize; 3]>),
}

impl Layout {
    /// The shape here of a tensor that has `shape` there; `None` where that has other dimensions.
    pub fn shape(self, shape: &[usize]) -> Option<Vec<usize>> {
        match (self, shape) {
            (Self::Same, _) => Some(shape.to_vec()),
            (Self::Convolution, &[rows, columns, inputs, outputs]) => {
                Some(vec![outputs, inputs, rows, columns])
            }
            (Self::Depthwise, &[rows, columns, channels, 1]) => {
                Some(vec![channels, 1, rows, columns])
            }
            (Self::Dense(_), &[inputs, outputs]) => Some(vec![outputs, inputs]),
            _ => None,
        }
    }

    /// The numbers in our order; `shape` is the file's and fits the layout.
    pub fn reorder(self, shape: &[usize], values: Vec<f32>) -> Vec<f32> {
        match (self, shape) {
            (Self::Convolution, &[rows, columns, inputs, outputs]) => {
                permuted(&values, [rows, columns, inputs, outputs], [3, 2, 0, 1])
            }
            (Self::Depthwise, &[rows, columns, channels, 1]) => {
                permuted(&values, [rows, columns, channels, 1], [2, 3, 0, 1])
            }
            (Self::Dense(None), &[inputs, outputs]) => {
                permuted(&values, [1, 1, inputs, outputs], [3, 2, 0, 1])
            }
            (Self::Dense(Some([channels, rows, columns])), &[_, outputs]) => {
                permuted(&values, [rows, columns, channels, outputs], [3, 2, 0, 1])
            }
            _ => values,
        }
    }

    /// What was done, in words; nothing where nothing was.
    pub fn change(self) -> Option<&'static str> {
        match self {
            Self::Same => None,
            Self::Convolution => Some(
                "convolutions transposed from [rows, columns, in, out] to [out, in, rows, columns]",
            ),
            Self::Depthwise => Some(
                "depthwise convolutions transposed from [rows, columns, channels, 1] to \
                 [channels, 1, rows, columns]",
            ),
            Self::Dense(None) => Some("dense layers transposed from [in, out] to [out, in]"),
            Self::Dense(Some(_)) => Some(
                "the first dense layer's columns put in the order in which maps are flattened \
                 here: channels outermost",
            ),
        }
    }
}

/// `axes[i]` is the axis of `shape` that becomes axis `i`.
fn permuted(values: &[f32], shape: [usize; 4], axes: [usize; 4]) -> Vec<f32> {
    let strides = [
        shape[1] * shape[2] * shape[3],
        shape[2] * shape[3],
        shape[3],
        1,
    ];
    let [a, b, c, d] = axes.map(|axis| (shape[axis], strides[axis]));
    let mut ordered = Vec::with_capacity(values.len());
    for first in 0..a.0 {
        for second in 0..b.0 {
            for third in 0..c.0 {
                let start = first * a.1 + second * b.1 + third * c.1;
                ordered.extend((0..d.0).map(|fourth| values[start + fourth * d.1]));
            }
        }
    }
    ordered
}

/// The network as the tables see it.
pub(super) struct Target<'a> {
    pub settings: &'a NetworkSettings,
    /// The file's name, without its folder.
    pub file: String,
    /// Shapes of the backbone's tensors.
    pub backbone: HashMap<String, Vec<usize>>,
    /// Names and shapes of the head's, in its order.
    pub head: Vec<(String, Vec<usize>)>,
    /// The maps that the head flattens: `[channels, rows, columns]`.
    pub flattened: [usize; 3],
}

impl Target<'_> {
    fn has(&self, name: &str) -> bool {
        self.backbone.contains_key(name) || self.head.iter().any(|(head, _)| head == name)
    }
}

/// What each entry of a file is to a network. The reason, where a library's network of that name
/// computes something else than ours.
pub(super) fn places(
    dialect: &Dialect,
    entries: &[Entry],
    target: &Target<'_>,
) -> Result<Vec<Place>, String> {
    match dialect {
        Dialect::Keras(config) => keras::places(config, entries, target),
        Dialect::Torch => torch::places(entries, target),
        Dialect::Own(_) => Ok(entries
            .iter()
            .map(|entry| match target.has(&entry.name) {
                true => Place::Ours(entry.name.clone(), Layout::Same),
                false => Place::Unknown,
            })
            .collect()),
    }
}

/// The scaling that a library's published weights were fitted with.
pub(super) fn published_scaling(dialect: &Dialect, architecture: Architecture) -> Scaling {
    match dialect {
        Dialect::Keras(_) => keras::published_scaling(architecture),
        _ => torch::published_scaling(architecture),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_keeps_each_number_at_its_place() {
        // Numbers say where they belong: 1000 * out + 100 * in + 10 * row + column.
        let mut keras = vec![];
        for row in 0..2_u16 {
            for column in 0..3 {
                for input in 0..2 {
                    for output in 0..3 {
                        keras.push(f32::from(1000 * output + 100 * input + 10 * row + column));
                    }
                }
            }
        }
        let ours = Layout::Convolution.reorder(&[2, 3, 2, 3], keras);
        assert_eq!(
            Layout::Convolution.shape(&[2, 3, 2, 3]),
            Some(vec![3, 2, 2, 3])
        );
        let mut place = ours.iter();
        for output in 0..3_u16 {
            for input in 0..2 {
                for row in 0..2 {
                    for column in 0..3 {
                        let expected = f32::from(1000 * output + 100 * input + 10 * row + column);
                        assert_eq!(place.next(), Some(&expected));
                    }
                }
            }
        }
        let values = |count: u8| (0..count).map(f32::from).collect::<Vec<_>>();
        type Case<'a> = (Layout, &'a [usize], &'a [usize], Vec<f32>);
        let cases: [Case<'_>; 4] = [
            // Two places of two channels: [place, channel] to [channel, place].
            (
                Layout::Depthwise,
                &[1, 2, 2, 1],
                &[2, 1, 1, 2],
                vec![0.0, 2.0, 1.0, 3.0],
            ),
            (
                Layout::Dense(None),
                &[2, 2],
                &[2, 2],
                vec![0.0, 2.0, 1.0, 3.0],
            ),
            // A map of two channels in one row of two: [place, channel] to [channel, place].
            (
                Layout::Dense(Some([2, 1, 2])),
                &[4, 1],
                &[1, 4],
                vec![0.0, 2.0, 1.0, 3.0],
            ),
            (Layout::Same, &[4], &[4], values(4)),
        ];
        for (layout, there, here, expected) in cases {
            assert_eq!(layout.shape(there).as_deref(), Some(here), "{layout:?}");
            assert_eq!(layout.reorder(there, values(4)), expected, "{layout:?}");
        }
        assert_eq!(Layout::Convolution.shape(&[3, 3]), None);
    }
}
