//! The 256 levels of 8 bits, and which range of a graph's values they are laid over.
//!
//! The rules are those of TensorFlow Lite's quantisation specification: numbers are `int8`, 0 is a level of its own,
//! weights have zero 0, shares have the fixed levels of 256ths.

use plainfilm_model::networks::Activation;

use crate::graph::{Graph, InputKind, Operation, Ranges, ValueId};

/// Value = scale (number - zero).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Levels {
    pub scale: f32,
    pub zero: i32,
}

/// Below this SiLU is taken for what it is here: its value differs from 0 by 0.015 and less from there on.
const SILU_LOW: f32 = -6.0;
/// How far a value is above its SiLU, at most.
const SILU_GAP: f32 = 0.2785;

impl Levels {
    /// Of probabilities, as the operators that write them want it.
    pub(super) const SHARES: Self = Self {
        scale: 1.0 / 256.0,
        zero: -128,
    };

    /// Over a range, which is widened to hold 0.
    pub(super) fn over([low, high]: [f32; 2]) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = (high - low) / 255.0;
        if !(scale.is_finite() && scale >= f32::MIN_POSITIVE) {
            return Self {
                scale: 1.0,
                zero: -128,
            };
        }
        let zero = (-128.0 - low / scale).round().clamp(-128.0, 127.0);
        Self {
            scale,
            zero: zero as i32,
        }
    }

    /// The least and the greatest value.
    pub(super) fn range(self) -> [f32; 2] {
        [-128, 127].map(|number| self.scale * (number - self.zero) as f32)
    }

    /// The same levels for numbers from 0 to 255.
    pub(super) fn unsigned(self) -> Self {
        Self {
            zero: self.zero + 128,
            ..self
        }
    }
}

/// The range of what an activation was applied to, from the range of what came out.
pub(super) fn range_before(activation: Activation, [low, high]: [f32; 2]) -> [f32; 2] {
    match activation {
        Activation::LeakyRelu(slope) if slope > 0.0 => [low / slope.min(1.0), high],
        Activation::Silu => [SILU_LOW, high + SILU_GAP],
        _ => [low, high],
    }
}

/// The levels of every value of a graph. Operators that move numbers without computing (pools, concatenations) have the
/// same levels before and after, over all that goes through them.
pub(super) fn levels_of(graph: &Graph, ranges: &Ranges) -> Vec<Levels> {
    let mut groups = Groups::new(graph.values.len());
    let mut fixed = vec![false; graph.values.len()];
    for node in &graph.nodes {
        match &node.operation {
            Operation::MaxPool { .. }
            | Operation::Flatten
            | Operation::Concatenate
            | Operation::Activation(Activation::Identity) => {
                node.inputs
                    .iter()
                    .for_each(|input| groups.join(*input, node.output));
            }
            Operation::AveragePool { size } if *size != graph.values[node.inputs[0]].shape[1] => {
                groups.join(node.inputs[0], node.output);
            }
            Operation::Sigmoid | Operation::Softmax => fixed[node.output] = true,
            _ => {}
        }
    }
    let mut range = vec![[f32::INFINITY, f32::NEG_INFINITY]; graph.values.len()];
    for value in 0..graph.values.len() {
        let [low, high] = match (value, graph.input) {
            (Graph::INPUT, InputKind::Unit) => [0.0, 1.0],
            _ => ranges.of(value),
        };
        let group = groups.of(value);
        range[group] = [range[group][0].min(low), range[group][1].max(high)];
        if fixed[value] {
            fixed[group] = true;
        }
    }
    (0..graph.values.len())
        .map(|value| match groups.of(value) {
            group if fixed[group] => Levels::SHARES,
            group => Levels::over(range[group]),
        })
        .collect()
}

/// Values that share their levels.
struct Groups(Vec<ValueId>);

impl Groups {
    fn new(values: usize) -> Self {
        Self((0..values).collect())
    }

    /// The first value of a value's group.
    fn of(&self, value: ValueId) -> ValueId {
        match self.0[value] {
            first if first == value => value,
            earlier => self.of(earlier),
        }
    }

    fn join(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// The scales of weights with a row an output: the greatest of a row is 127 steps. One scale a row, or one for all.
/// Biases are counted in steps of `input` times these, in 32 bits, so a scale is never so small that its bias has no
/// room.
pub(super) fn weight_scales(weight: &[f32], bias: &[f32], input: f32, each: bool) -> Vec<f32> {
    let rows = weight.chunks_exact(weight.len() / bias.len());
    let mut scales: Vec<f32> = rows
        .zip(bias)
        .map(|(row, bias)| {
            let greatest = row
                .iter()
                .fold(0.0_f32, |most, value| most.max(value.abs()));
            let room = bias.abs() / input / (1 << 30) as f32;
            (greatest / 127.0).max(room)
        })
        .collect();
    if !each {
        scales = vec![scales.into_iter().fold(0.0, f32::max)];
    }
    let nothing = scales.iter_mut().filter(|scale| **scale <= 0.0);
    nothing.for_each(|scale| *scale = 1.0);
    scales
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_hold_zero_and_both_ends() {
        let cases = [
            ([0.0, 1.0], 1.0 / 255.0, -128),
            ([-1.0, 1.0], 2.0 / 255.0, 0),
            ([2.0, 5.1], 0.02, -128),
            ([-5.1, -2.0], 0.02, 127),
            ([0.0, 0.0], 1.0, -128),
        ];
        for (range, scale, zero) in cases {
            let found = Levels::over(range);
            assert!((found.scale - scale).abs() < 1e-7, "{range:?} {found:?}");
            // -127.5 + 128 lies between two levels.
            assert!((found.zero - zero).abs() <= 1, "{range:?} {found:?}");
        }
        assert_eq!(Levels::SHARES.unsigned().zero, 0);
    }

    #[test]
    fn what_was_there_before_an_activation_is_no_narrower() {
        let cases = [
            (Activation::Relu, [0.0, 3.0], [0.0, 3.0]),
            (Activation::LeakyRelu(0.1), [-0.5, 3.0], [-5.0, 3.0]),
            (Activation::Silu, [-0.2, 3.0], [-6.0, 3.2785]),
        ];
        for (activation, after, expected) in cases {
            assert_eq!(range_before(activation, after), expected, "{activation:?}");
        }
    }

    #[test]
    fn a_bias_has_room_where_weights_are_nothing() {
        let weight = [127.0, -12.7, 0.0, 0.0, 0.0, 0.0];
        let bias = [1.0, 8.0, 0.0];
        let cases = [
            (true, vec![1.0, 16.0 / (1 << 30) as f32, 1.0]),
            (false, vec![1.0]),
        ];
        for (each, expected) in cases {
            assert_eq!(weight_scales(&weight, &bias, 0.5, each), expected);
        }
    }
}
