//! How layers become a chain in 16 bits.

use super::ChainLayer;
use super::tensors::folded;
use crate::blocked::{Folded, Size};
use crate::geometry::{ConvGeometry, Shape};
use crate::half::{Chain, Layer, Maps};
use crate::inference::InferenceBlock;

/// Layers that are worth the way into 16 bits and back.
const FEWEST: usize = 2;

/// The chain of the convolutions that layers begin with, as far as they fit, and how many those are; nothing
/// for fewer than [`FEWEST`].
pub(super) fn chain(layers: &[ChainLayer], film: Size) -> Option<(Chain, usize)> {
    let mut map = [1, film.channels, film.height, film.width];
    let mut packed = Vec::new();
    for layer in layers {
        let ChainLayer::Conv(block) = layer else {
            break;
        };
        let Some((shape, layer)) = fitting(block, map) else {
            break;
        };
        let [height, width] = shape.output.map(|side| side >> usize::from(block.pool));
        map = [1, shape.channels_out(), height, width];
        packed.push(layer);
    }
    let count = packed.len();
    (count >= FEWEST).then(|| (Chain::new(packed), count))
}

fn fitting(block: &InferenceBlock, map: [usize; 4]) -> Option<(Shape, Layer)> {
    let shape = Shape::new(map, block.weight.dims(), &block.geometry).ok()?;
    let ordered = !block.pool || block.activation.keeps_order();
    let large = !block.pool || shape.output.iter().all(|&side| side >= 2);
    if !(Layer::fits(&shape) && ordered && large) {
        return None;
    }
    let Folded { weight, bias } = folded(block)?;
    let ConvGeometry {
        padding,
        padding_more,
        ..
    } = block.geometry;
    let input = Maps {
        size: shape.input,
        channels: shape.inputs,
        before: padding,
        after: [0, 1].map(|axis| padding[axis] + padding_more[axis]),
    };
    let curve = block.activation.curve();
    let layer = Layer::new(&weight, &bias, (&shape, input), curve, block.pool);
    Some((shape, layer))
}
