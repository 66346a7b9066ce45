//! The bytes of constant tensors, made from a graph's weights only when they are written: a network's weights are
//! in memory twice, in the graph and in the file, and not three times.

use half::f16;

use super::schema::Kind;

/// In which order a tensor holds weights that a graph has as `[outputs, inputs, window]`, last axis fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `[outputs, window, inputs]`: convolutions, and linear layers after maps, whose window is the whole map.
    ChannelsLast {
        /// Channels that come in.
        inputs: usize,
        /// Pixels of a window.
        window: usize,
    },
    /// `[window, outputs]`: depthwise convolutions, which have one input an output.
    OutputsLast {
        /// Channels.
        outputs: usize,
        /// Pixels of a window.
        window: usize,
    },
}

impl Order {
    /// Where in the graph's weights the tensor's value at `place` is.
    fn source(self, place: usize) -> usize {
        match self {
            Self::ChannelsLast { inputs, window } => {
                let (row, channel) = (place / inputs, place % inputs);
                let (output, pixel) = (row / window, row % window);
                (output * inputs + channel) * window + pixel
            }
            Self::OutputsLast { outputs, window } => {
                let (pixel, output) = (place / outputs, place % outputs);
                output * window + pixel
            }
        }
    }
}

/// How weights are stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stored {
    F32,
    F16,
    /// In steps of a scale: one for all, or one an output.
    I8(Vec<f32>),
}

/// What a tensor holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content<'g> {
    /// What is computed, or comes in.
    Computed,
    I32(Vec<i32>),
    F32(Vec<f32>),
    I8(Vec<i8>),
    Weights {
        values: &'g [f32],
        /// How many outputs they are for.
        outputs: usize,
        order: Order,
        stored: Stored,
    },
}

impl Content<'_> {
    /// The kind of its numbers; none where another says it.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Computed => return None,
            Self::I32(_) => Kind::I32,
            Self::F32(_) => Kind::F32,
            Self::I8(_) => Kind::I8,
            Self::Weights { stored, .. } => match stored {
                Stored::F32 => Kind::F32,
                Stored::F16 => Kind::F16,
                Stored::I8(_) => Kind::I8,
            },
        })
    }

    /// How many bytes it takes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Computed => 0,
            Self::I32(values) => 4 * values.len(),
            Self::F32(values) => 4 * values.len(),
            Self::I8(values) => values.len(),
            Self::Weights { values, stored, .. } => match stored {
                Stored::F32 => 4 * values.len(),
                Stored::F16 => 2 * values.len(),
                Stored::I8(_) => values.len(),
            },
        }
    }

    /// Its bytes, in the order of the file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        match self {
            Self::Computed => {}
            Self::I32(values) => {
                values
                    .iter()
                    .for_each(|value| bytes.extend(value.to_le_bytes()));
            }
            Self::F32(values) => {
                values
                    .iter()
                    .for_each(|value| bytes.extend(value.to_le_bytes()));
            }
            Self::I8(values) => bytes.extend(values.iter().map(|value| *value as u8)),
            Self::Weights {
                values,
                outputs,
                order,
                stored,
            } => {
                let sources = (0..values.len()).map(|place| order.source(place));
                match stored {
                    Stored::F32 => {
                        sources.for_each(|source| bytes.extend(values[source].to_le_bytes()));
                    }
                    Stored::F16 => sources.for_each(|source| {
                        bytes.extend(f16::from_f32(values[source]).to_le_bytes());
                    }),
                    Stored::I8(scales) => {
                        let row = values.len() / outputs;
                        bytes.extend(sources.map(|source| {
                            let scale = scales[(source / row).min(scales.len() - 1)];
                            (values[source] / scale).round().clamp(-127.0, 127.0) as i8 as u8
                        }));
                    }
                }
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_written_in_the_order_and_the_steps_that_are_asked_for() {
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let channels_last = Order::ChannelsLast {
            inputs: 3,
            window: 2,
        };
        let cases = [
            (
                channels_last,
                vec![2.0],
                vec![0, 1, 2, 1, 2, 3, 3, 4, 5, 4, 5, 6],
            ),
            (
                channels_last,
                vec![1.0, 0.5],
                vec![0, 2, 4, 1, 3, 5, 12, 16, 20, 14, 18, 22],
            ),
            (
                Order::OutputsLast {
                    outputs: 2,
                    window: 6,
                },
                vec![1.0],
                vec![0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11],
            ),
        ];
        for (order, scales, expected) in cases {
            let content = Content::Weights {
                values: &values,
                outputs: 2,
                order,
                stored: Stored::I8(scales.clone()),
            };
            assert_eq!(content.bytes(), expected, "{order:?} {scales:?}");
            assert_eq!(content.len(), expected.len());
        }
    }

    #[test]
    fn halves_take_two_bytes() {
        let content = Content::Weights {
            values: &[1.0, -2.0],
            outputs: 1,
            order: Order::ChannelsLast {
                inputs: 2,
                window: 1,
            },
            stored: Stored::F16,
        };
        assert_eq!(content.bytes(), [0x00, 0x3c, 0x00, 0xc0]);
        assert_eq!(content.kind(), Some(Kind::F16));
    }
}
