//! How layers become units of maps in blocks.

use super::ChainLayer;
use super::tensors::{affine, folded};
use crate::blocked::{
    Chain, Conv, Depthwise, Growth, Inputs, Inverted, MaxPool, NormPoolConv, Size, Stem, Unit,
};
use crate::fused::Activation;
use crate::geometry::{ConvGeometry, Shape};
use crate::inference::{InferenceBlock, Norm};
use crate::kernel::blocked::{BLOCK, STEPS};
use crate::kernel::blocked_depthwise::KERNELS;

/// The chain of the first layers, as far as there are units for them; nothing where none of them is one
/// that a chain is worth while for.
pub(super) fn chain(layers: &[ChainLayer], film: Size) -> Option<(Chain, usize)> {
    let (mut units, mut size, mut taken) = (Vec::new(), film, 0);
    while let Some((unit, count)) = unit(&layers[taken..], size, units.is_empty()) {
        size = unit.output(size);
        taken += count;
        units.push(unit);
    }
    let pays = |unit: &Unit| matches!(unit, Unit::Inverted(_) | Unit::Growth(_));
    let worth = units.iter().any(pays);
    worth.then(|| (Chain::new(units, film), taken))
}

/// The unit for the first layers, and how many they are. The first unit of a chain reads the film.
fn unit(layers: &[ChainLayer], size: Size, first: bool) -> Option<(Unit, usize)> {
    use ChainLayer::{AveragePool, Conv, Norm};
    if first {
        return match layers {
            [Conv(block), ..] => Some((Unit::Stem(stem(block, size)?), 1)),
            _ => None,
        };
    }
    let averaged = |norm, side: usize, conv| {
        let fits = (1..=size.height.min(size.width)).contains(&side);
        fits.then(|| Unit::NormPoolConv(NormPoolConv::new(size, norm, side, conv)))
    };
    match layers {
        [Conv(a), Conv(b), Conv(c), ..] if is_pointwise(a) && is_depthwise(b) => {
            Some((inverted(&[a, b, c], size, false)?, 3))
        }
        [Conv(a), Conv(b), ..] if is_depthwise(a) => Some((inverted(&[a, b], size, false)?, 2)),
        [ChainLayer::Residual(body), ..] => {
            let body: Vec<&InferenceBlock> = body.iter().collect();
            Some((inverted(&body, size, true)?, 1))
        }
        [
            ChainLayer::Growth {
                norm,
                activation,
                bottleneck,
                growth,
            },
            ..,
        ] => Some((grown(norm, *activation, bottleneck, growth, size)?, 1)),
        [Norm(norm, activation), Conv(block), AveragePool(side), ..]
            if block.activation == Activation::Identity =>
        {
            let norm = affine(norm, *activation, size.channels)?;
            Some((
                averaged(Some(norm), *side, Some(pointwise(block, size.channels)?))?,
                3,
            ))
        }
        [Norm(norm, activation), AveragePool(side), ..] => {
            let norm = affine(norm, *activation, size.channels)?;
            Some((averaged(Some(norm), *side, None)?, 2))
        }
        [Norm(norm, activation), ..] => {
            let norm = affine(norm, *activation, size.channels)?;
            Some((averaged(Some(norm), 1, None)?, 1))
        }
        [AveragePool(side), ..] => Some((averaged(None, *side, None)?, 1)),
        [Conv(block), ..] => Some((
            averaged(None, 1, Some(pointwise(block, size.channels)?))?,
            1,
        )),
        [ChainLayer::MaxPool(windows), ..] => {
            let fits = windows.fit([size.height, size.width]);
            fits.then(|| (Unit::MaxPool(MaxPool::new(size, *windows)), 1))
        }
        [] => None,
    }
}

fn stem(block: &InferenceBlock, size: Size) -> Option<Stem> {
    let (shape, before) = square(block, size)?;
    let stride = shape.stride[0];
    let fits = shape.groups == 1 && stride < BLOCK && STEPS.contains(&stride);
    let output = fits.then(|| after(&shape))?;
    let conv = packed(block, Inputs::Planes)?;
    Some(Stem::new(
        size,
        output,
        shape.kernel[0],
        stride,
        before,
        conv,
    ))
}

fn inverted(body: &[&InferenceBlock], size: Size, sum: bool) -> Option<Unit> {
    let (expand, [depthwise, project]) = match *body {
        [depthwise, project] => (None, [depthwise, project]),
        [expand, depthwise, project] => (Some(expand), [depthwise, project]),
        _ => return None,
    };
    let (expand, channels) = match expand {
        Some(block) => {
            let conv = pointwise(block, size.channels)?;
            let channels = conv.outputs();
            (Some(conv), channels)
        }
        None => (None, size.channels),
    };
    let hidden = Size { channels, ..size };
    let (shape, before) = is_depthwise(depthwise).then(|| square(depthwise, hidden))??;
    let (kernel, stride) = (shape.kernel[0], shape.stride[0]);
    if !KERNELS.contains(&kernel) || !(1..=2).contains(&stride) {
        return None;
    }
    let layer = Depthwise::new(
        &folded(depthwise)?,
        kernel,
        stride,
        before,
        depthwise.activation.curve(),
    );
    let project = pointwise(project, channels)?;
    let output = Size {
        channels: project.outputs(),
        ..after(&shape)
    };
    (!sum || output == size)
        .then(|| Unit::Inverted(Inverted::new(size, output, expand, layer, project, sum)))
}

fn grown(
    norm: &Norm,
    activation: Activation,
    bottleneck: &InferenceBlock,
    growth: &InferenceBlock,
    size: Size,
) -> Option<Unit> {
    let norm = affine(norm, activation, size.channels)?;
    let narrow = pointwise(bottleneck, size.channels)?;
    let between = Size {
        channels: narrow.outputs(),
        ..size
    };
    let (shape, before) = square(growth, between)?;
    let kernel = shape.kernel[0];
    let keeps_size = after(&shape).height == size.height && after(&shape).width == size.width;
    // Whole blocks are put after whole blocks.
    let whole = size.channels.is_multiple_of(BLOCK);
    let same = shape.groups == 1 && shape.stride == [1, 1] && before == kernel / 2;
    if !(keeps_size && whole && same) {
        return None;
    }
    let curve = growth.activation.curve();
    let unit = Growth::new(size, norm, narrow, &folded(growth)?, kernel, curve);
    Some(Unit::Growth(unit))
}

/// The sizes of a block that is alike in rows and columns, without dilation or pool, and the zeros
/// before its map.
fn square(block: &InferenceBlock, size: Size) -> Option<(Shape, usize)> {
    let input = [1, size.channels, size.height, size.width];
    let geometry = &block.geometry;
    let shape = Shape::new(input, block.weight.dims(), geometry).ok()?;
    let alike = |[rows, columns]: [usize; 2]| rows == columns;
    let plain = alike(shape.kernel)
        && alike(geometry.stride)
        && alike(geometry.padding)
        && geometry.dilation == [1, 1]
        && !block.pool;
    plain.then_some((shape, geometry.padding[0]))
}

/// The map that a convolution leaves.
fn after(shape: &Shape) -> Size {
    Size {
        channels: shape.channels_out(),
        height: shape.output[0],
        width: shape.output[1],
    }
}

fn is_pointwise(block: &InferenceBlock) -> bool {
    let [_, _, height, width] = block.weight.dims();
    let plain = ConvGeometry::default();
    [height, width] == [1, 1] && block.geometry == plain && !block.pool
}

fn is_depthwise(block: &InferenceBlock) -> bool {
    let [outputs, inputs, _, _] = block.weight.dims();
    inputs == 1 && outputs > 1 && block.geometry.groups == outputs
}

/// A 1x1 convolution of so many channels.
fn pointwise(block: &InferenceBlock, channels: usize) -> Option<Conv> {
    let fits = is_pointwise(block) && block.weight.dims()[1] == channels;
    fits.then(|| packed(block, Inputs::Blocks))?
}

fn packed(block: &InferenceBlock, lie: Inputs) -> Option<Conv> {
    let kernel = block.weight.dims()[2];
    Some(Conv::new(
        &folded(block)?,
        kernel,
        lie,
        block.activation.curve(),
    ))
}
