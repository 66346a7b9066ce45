//! The elementwise loops, as free functions over slices, each compiled for every instruction set:
//! inside larger closures the compiler does not vectorise them, which costs almost half of the
//! whole training step.

use super::dispatch;
use crate::fused::Curve;

/// Runs a loop compiled for this CPU. The compiler fuses no multiplication with an addition on its
/// own, so the results are the same for all of them.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    dispatch(work)
}

/// Independent sums in a reduction: enough for the widest registers, and a fixed order of adding.
const LANES: usize = 32;

/// The normalisation of one channel: `v = (z - mean) * scale + shift`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel {
    pub mean: f32,
    pub scale: f32,
    pub shift: f32,
}

impl Channel {
    /// A bias and nothing else.
    pub fn shifted(shift: f32) -> Self {
        Self {
            mean: 0.0,
            scale: 1.0,
            shift,
        }
    }

    #[inline(always)]
    fn apply(self, z: f32) -> f32 {
        (z - self.mean) * self.scale + self.shift
    }
}

/// What the backward pass takes off every value of a channel, because the batch's mean and
/// variance depend on it: `dz = scale * dv - slope * (z - mean) - offset`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correction {
    pub slope: f32,
    pub offset: f32,
}

/// The sum of all values.
pub(crate) fn sum(values: &[f32]) -> f32 {
    #[inline(always)]
    fn run(values: &[f32]) -> f32 {
        let mut lanes = [0.0; LANES];
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += value;
            }
        }
        lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
    }
    vectorised(|| run(values))
}

/// The sums of `z - pivot` and of its square.
pub(crate) fn shifted_sums(values: &[f32], pivot: f32) -> (f32, f32) {
    #[inline(always)]
    fn run(values: &[f32], pivot: f32) -> (f32, f32) {
        let mut sums = [0.0; LANES];
        let mut squares = [0.0; LANES];
        let (chunks, rest) = values.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let value = chunk[lane] - pivot;
                sums[lane] += value;
                squares[lane] += value * value;
            }
        }
        for (lane, value) in rest.iter().enumerate() {
            let value = value - pivot;
            sums[lane] += value;
            squares[lane] += value * value;
        }
        (sums.iter().sum(), squares.iter().sum())
    }
    vectorised(|| run(values, pivot))
}

/// Every second value, from the first on: pairs vectorise, a step of two does not.
#[inline(always)]
pub(crate) fn every_second(source: &[f32], out: &mut [f32]) {
    let (pairs, last) = source.as_chunks::<2>();
    for (value, pair) in out.iter_mut().zip(pairs) {
        *value = pair[0];
    }
    if let (Some(value), Some(last)) = (out.get_mut(pairs.len()), last.first()) {
        *value = *last;
    }
}

/// `y = activation(normalised z)`.
pub(crate) fn activate(z: &[f32], channel: Channel, curve: Curve, y: &mut [f32]) {
    #[inline(always)]
    fn run(z: &[f32], channel: Channel, curve: Curve, y: &mut [f32]) {
        for (y, &z) in y.iter_mut().zip(z) {
            *y = curve.value(channel.apply(z));
        }
    }
    vectorised(|| run(z, channel, curve, y))
}

/// The same for a residual block: `y = activation(normalised z + kept)`.
pub(crate) fn activate_sum(z: &[f32], kept: &[f32], channel: Channel, curve: Curve, y: &mut [f32]) {
    #[inline(always)]
    fn run(z: &[f32], kept: &[f32], channel: Channel, curve: Curve, y: &mut [f32]) {
        for ((y, &z), &kept) in y.iter_mut().zip(z).zip(kept) {
            *y = curve.value(channel.apply(z) + kept);
        }
    }
    vectorised(|| run(z, kept, channel, curve, y))
}

/// The same in place, for a plain bias: `y = activation(y + bias)`.
pub(crate) fn add_bias_activate(y: &mut [f32], bias: f32, curve: Curve) {
    #[inline(always)]
    fn run(y: &mut [f32], bias: f32, curve: Curve) {
        for y in y {
            *y = curve.value(*y + bias);
        }
    }
    vectorised(|| run(y, bias, curve))
}

/// Rows of values with something between them that means nothing.
#[derive(Clone, Copy)]
pub(crate) struct Grid<'a> {
    pub values: &'a [f32],
    pub width: usize,
    /// Distance between the starts of rows.
    pub pitch: usize,
}

/// `y = activation(z + bias + kept)`, row by row; `y` and `kept` have nothing between rows.
pub(crate) fn bias_activate(
    z: Grid<'_>,
    bias: f32,
    kept: Option<&[f32]>,
    curve: Curve,
    y: &mut [f32],
) {
    #[inline(always)]
    fn plain(z: Grid<'_>, bias: f32, curve: Curve, y: &mut [f32]) {
        for (row, y) in y.chunks_exact_mut(z.width).enumerate() {
            let z = &z.values[row * z.pitch..][..z.width];
            for (y, &z) in y.iter_mut().zip(z) {
                *y = curve.value(z + bias);
            }
        }
    }
    #[inline(always)]
    fn sum(z: Grid<'_>, bias: f32, kept: &[f32], curve: Curve, y: &mut [f32]) {
        let rows = y.chunks_exact_mut(z.width).zip(kept.chunks_exact(z.width));
        for (row, (y, kept)) in rows.enumerate() {
            let z = &z.values[row * z.pitch..][..z.width];
            for ((y, &z), &kept) in y.iter_mut().zip(z).zip(kept) {
                *y = curve.value(z + bias + kept);
            }
        }
    }
    match kept {
        None => vectorised(|| plain(z, bias, curve, y)),
        Some(kept) => vectorised(|| sum(z, bias, kept, curve, y)),
    }
}

/// The gradient before an activation whose output is `y`: `dv = dy * slope`.
pub(crate) fn curved_gradient(dy: &[f32], y: &[f32], curve: Curve, dv: &mut [f32]) {
    #[inline(always)]
    fn run(dy: &[f32], y: &[f32], curve: Curve, dv: &mut [f32]) {
        for ((dv, &dy), &y) in dv.iter_mut().zip(dy).zip(y) {
            *dv = dy * curve.slope(y);
        }
    }
    vectorised(|| run(dy, y, curve, dv))
}

/// The sum of that gradient.
pub(crate) fn sum_curved(dy: &[f32], y: &[f32], curve: Curve) -> f32 {
    #[inline(always)]
    fn run(dy: &[f32], y: &[f32], curve: Curve) -> f32 {
        let mut sums = [0.0; LANES];
        let (dy_chunks, dy_rest) = dy.as_chunks::<LANES>();
        let (y_chunks, y_rest) = y.as_chunks::<LANES>();
        for (dy, y) in dy_chunks.iter().zip(y_chunks) {
            for lane in 0..LANES {
                sums[lane] += dy[lane] * curve.slope(y[lane]);
            }
        }
        for (lane, (&dy, &y)) in dy_rest.iter().zip(y_rest).enumerate() {
            sums[lane] += dy * curve.slope(y);
        }
        sums.iter().sum()
    }
    vectorised(|| run(dy, y, curve))
}

/// The larger of two values and its number; a value that is not a number counts as the largest.
#[inline(always)]
fn larger(a: (f32, u8), b: (f32, u8)) -> (f32, u8) {
    if b.0 > a.0 || b.0.is_nan() { b } else { a }
}

/// One row of a 2x2 max-pool over two rows of `z`, with the activation, and which of the four
/// values was the largest (numbered row by row; of equals the first).
pub(crate) fn activate_pool(
    z: [&[f32]; 2],
    channel: Channel,
    curve: Curve,
    y: &mut [f32],
    index: &mut [u8],
) {
    #[inline(always)]
    fn run(z: [&[f32]; 2], channel: Channel, curve: Curve, y: &mut [f32], index: &mut [u8]) {
        let width = y.len();
        let upper = &z[0].as_chunks::<2>().0[..width];
        let lower = &z[1].as_chunks::<2>().0[..width];
        let index = &mut index[..width];
        for at in 0..width {
            let values = [upper[at][0], upper[at][1], lower[at][0], lower[at][1]];
            let v = values.map(|z| channel.apply(z));
            let top = larger((v[0], 0), (v[1], 1));
            let bottom = larger((v[2], 2), (v[3], 3));
            let (value, which) = larger(top, bottom);
            y[at] = curve.value(value);
            index[at] = which;
        }
    }
    vectorised(|| run(z, channel, curve, y, index))
}

/// One row of a 2x2 max-pool with bias and activation, without the index.
pub(crate) fn bias_activate_pool(z: [&[f32]; 2], bias: f32, curve: Curve, y: &mut [f32]) {
    #[inline(always)]
    fn run(z: [&[f32]; 2], bias: f32, curve: Curve, y: &mut [f32]) {
        let width = y.len();
        let upper = &z[0].as_chunks::<2>().0[..width];
        let lower = &z[1].as_chunks::<2>().0[..width];
        for at in 0..width {
            let top = larger((upper[at][0], 0), (upper[at][1], 0));
            let bottom = larger((lower[at][0], 0), (lower[at][1], 0));
            y[at] = curve.value(larger(top, bottom).0 + bias);
        }
    }
    vectorised(|| run(z, bias, curve, y))
}

/// The sums over a channel's plane of `dv` and of `dv * (z - mean)`, where `dv` is the gradient
/// before the activation.
pub(crate) fn gradient_sums(dy: &[f32], z: &[f32], channel: Channel, curve: Curve) -> (f32, f32) {
    #[inline(always)]
    fn run(dy: &[f32], z: &[f32], channel: Channel, curve: Curve) -> (f32, f32) {
        let mut sums = [0.0; LANES];
        let mut products = [0.0; LANES];
        let (dy_chunks, dy_rest) = dy.as_chunks::<LANES>();
        let (z_chunks, z_rest) = z.as_chunks::<LANES>();
        for (dy, z) in dy_chunks.iter().zip(z_chunks) {
            for lane in 0..LANES {
                let dv = dy[lane] * curve.slope(channel.apply(z[lane]));
                sums[lane] += dv;
                products[lane] += dv * (z[lane] - channel.mean);
            }
        }
        for (lane, (&dy, &z)) in dy_rest.iter().zip(z_rest).enumerate() {
            let dv = dy * curve.slope(channel.apply(z));
            sums[lane] += dv;
            products[lane] += dv * (z - channel.mean);
        }
        (sums.iter().sum(), products.iter().sum())
    }
    vectorised(|| run(dy, z, channel, curve))
}

/// Running sums of [`pooled_gradient_sums`], carried from row to row.
pub(crate) struct PooledSums {
    sums: [f32; LANES],
    products: [f32; LANES],
}

impl PooledSums {
    pub fn new() -> Self {
        Self {
            sums: [0.0; LANES],
            products: [0.0; LANES],
        }
    }

    /// The sums of `dv` and of `dv * (z - mean)`.
    pub fn total(&self) -> (f32, f32) {
        (self.sums.iter().sum(), self.products.iter().sum())
    }
}

/// Adds one pooled row: only the value that was the largest of its four has a gradient.
pub(crate) fn pooled_gradient_sums(
    dy: &[f32],
    index: &[u8],
    z: [&[f32]; 2],
    channel: Channel,
    curve: Curve,
    totals: &mut PooledSums,
) {
    #[inline(always)]
    fn run(
        dy: &[f32],
        index: &[u8],
        z: [&[f32]; 2],
        channel: Channel,
        curve: Curve,
        totals: &mut PooledSums,
    ) {
        let width = dy.len();
        let index = &index[..width];
        let upper = &z[0].as_chunks::<2>().0[..width];
        let lower = &z[1].as_chunks::<2>().0[..width];
        let term = |at: usize| {
            let which = index[at];
            let left = which & 1 == 0;
            let above = if left { upper[at][0] } else { upper[at][1] };
            let below = if left { lower[at][0] } else { lower[at][1] };
            let z = if which < 2 { above } else { below };
            let dv = dy[at] * curve.slope(channel.apply(z));
            (dv, dv * (z - channel.mean))
        };
        let full = width / LANES * LANES;
        for first in (0..full).step_by(LANES) {
            for lane in 0..LANES {
                let (dv, product) = term(first + lane);
                totals.sums[lane] += dv;
                totals.products[lane] += product;
            }
        }
        for at in full..width {
            let (dv, product) = term(at);
            totals.sums[at - full] += dv;
            totals.products[at - full] += product;
        }
    }
    vectorised(|| run(dy, index, z, channel, curve, totals))
}

/// The gradient before normalisation: `dz = scale * dv - slope * (z - mean) - offset`.
pub(crate) fn normalised_gradient(
    dy: &[f32],
    z: &[f32],
    channel: Channel,
    correction: Correction,
    curve: Curve,
    dz: &mut [f32],
) {
    #[inline(always)]
    fn run(
        dy: &[f32],
        z: &[f32],
        channel: Channel,
        correction: Correction,
        curve: Curve,
        dz: &mut [f32],
    ) {
        for ((dz, &dy), &z) in dz.iter_mut().zip(dy).zip(z) {
            let dv = dy * curve.slope(channel.apply(z));
            *dz = channel.scale * dv - correction.slope * (z - channel.mean) - correction.offset;
        }
    }
    vectorised(|| run(dy, z, channel, correction, curve, dz))
}

/// The same in place, where `dz` holds the gradient of the activation already.
pub(crate) fn normalise_gradient(
    z: &[f32],
    channel: Channel,
    correction: Correction,
    curve: Curve,
    dz: &mut [f32],
) {
    #[inline(always)]
    fn run(z: &[f32], channel: Channel, correction: Correction, curve: Curve, dz: &mut [f32]) {
        for (dz, &z) in dz.iter_mut().zip(z) {
            let dv = *dz * curve.slope(channel.apply(z));
            *dz = channel.scale * dv - correction.slope * (z - channel.mean) - correction.offset;
        }
    }
    vectorised(|| run(z, channel, correction, curve, dz))
}

/// Puts a row of a pool's gradient where the largest values were: `pair` holds the two rows below
/// it, zero so far, each `width` long.
///
/// Scattering one value and then treating all four alike is several times faster than asking each
/// of the four whether it was the one.
pub(crate) fn scatter_pooled(dy: &[f32], index: &[u8], width: usize, pair: &mut [f32]) {
    #[inline(always)]
    fn run(dy: &[f32], index: &[u8], width: usize, pair: &mut [f32]) {
        for (at, (&dy, &which)) in dy.iter().zip(index).enumerate() {
            let which = usize::from(which);
            pair[(which >> 1) * width + 2 * at + (which & 1)] = dy;
        }
    }
    vectorised(|| run(dy, index, width, pair))
}
