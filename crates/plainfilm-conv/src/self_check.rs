//! Whether this machine's kernels convolve: against four loops that anybody can read.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{ConvGeometry, conv2d};

/// How far [`self_check`] may be off: what transformed tiles cost (a digit) on sums of a few hundred products.
pub const SELF_CHECK_TOLERANCE: f64 = 1e-4;

/// Films, channels in and out, side of the map and of the kernel. The first is computed directly, the second is wide
/// enough to be computed by transformed tiles.
const CASES: [[usize; 5]; 2] = [[1, 3, 8, 21, 5], [2, 48, 64, 17, 3]];

/// Convolves two small maps on the CPU, and again by plain loops in 64 bits: the largest difference, as a fraction
/// of the largest value. Fine up to [`SELF_CHECK_TOLERANCE`]. It takes about a tenth of a second.
pub fn self_check() -> f64 {
    CASES.into_iter().map(difference).fold(0.0, f64::max)
}

fn difference([films, inputs, outputs, side, kernel]: [usize; 5]) -> f64 {
    let x = values(1, films * inputs * side * side);
    let weight = values(2, outputs * inputs * kernel * kernel);
    let device = Device::flex();
    let tensor = |values: &[f32], shape: [usize; 4]| {
        Tensor::<4>::from_data(TensorData::new(values.to_vec(), shape), &device)
    };
    let found = conv2d(
        tensor(&x, [films, inputs, side, side]),
        tensor(&weight, [outputs, inputs, kernel, kernel]),
        None,
        ConvGeometry::padded(kernel / 2),
    );
    let expected = plain(&x, &weight, [films, inputs, outputs, side, kernel]);
    let found: Vec<f64> = found.to_data().iter::<f64>().collect();
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let largest = expected.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let pairs = found.iter().zip(&expected);
    pairs.fold(0.0, |most: f64, (found, expected)| {
        let off = (found - expected).abs() / largest;
        // Not-a-number would be lost in a maximum.
        if off.is_nan() {
            f64::INFINITY
        } else {
            most.max(off)
        }
    })
}

/// A convolution of stride 1 with zeros around the map, as it is defined.
fn plain(
    x: &[f32],
    weight: &[f32],
    [films, inputs, outputs, side, kernel]: [usize; 5],
) -> Vec<f64> {
    let mut sums = Vec::with_capacity(films * outputs * side * side);
    for at in 0..films * outputs * side * side {
        let (film, output) = (at / (outputs * side * side), at / (side * side) % outputs);
        let (row, column) = (at / side % side, at % side);
        let mut sum = 0.0;
        for tap in 0..inputs * kernel * kernel {
            let (input, down, across) =
                (tap / (kernel * kernel), tap / kernel % kernel, tap % kernel);
            // Outside the map, also above and left of it, where this wraps, are zeros.
            let y = (row + down).wrapping_sub(kernel / 2);
            let x_at = (column + across).wrapping_sub(kernel / 2);
            if y < side && x_at < side {
                let pixel = x[((film * inputs + input) * side + y) * side + x_at];
                sum +=
                    f64::from(pixel) * f64::from(weight[output * inputs * kernel * kernel + tap]);
            }
        }
        sums.push(sum);
    }
    sums
}

/// Values from -1 to 1 in no order (SplitMix64's finaliser, Steele et al. 2014).
fn values(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64)
        .map(|index| {
            let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            (z >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_agree_with_plain_loops() {
        let off = self_check();
        assert!(off > 0.0 && off < SELF_CHECK_TOLERANCE, "{off}");
    }

    #[test]
    fn plain_loops_convolve() {
        // One channel, a kernel that takes the right neighbour.
        let (mut kernel, map) = ([0.0; 9], [1.0, 2.0, 3.0, 4.0]);
        kernel[5] = 1.0;
        assert_eq!(plain(&map, &kernel, [1, 1, 1, 2, 3]), [2.0, 0.0, 4.0, 0.0]);
    }
}
