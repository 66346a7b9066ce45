//! Random tensors, gradients and comparison.

use burn::tensor::{DType, Device, Tensor, TensorData};
use plainfilm_conv::ConvGeometry;

/// Largest difference allowed, as a fraction of the largest magnitude of the expected values.
pub const TOLERANCE: f64 = 1e-5;

/// Uniform values in -1..1, a function of the seed and the index (SplitMix64's finaliser).
pub fn uniform(seed: u64, length: usize) -> Vec<f64> {
    (0..length as u64)
        .map(|index| {
            let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            // Rounded to f32, so that both precisions start from the same number.
            f64::from((z >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
        })
        .collect()
}

/// A tensor of these values in this precision.
pub fn tensor<const D: usize>(
    values: &[f64],
    shape: [usize; D],
    dtype: DType,
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (device, dtype))
}

/// The values of a tensor, in float64.
pub fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().iter::<f64>().collect()
}

/// Checks every value to within `tolerance` times the largest expected magnitude.
pub fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    let largest = expected.iter().fold(1e-3, |m: f64, v| m.max(v.abs()));
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * largest,
            "{what}[{at}]: expected {expected}, found {found}, largest {largest}"
        );
    }
}

/// One convolution to try.
#[derive(Clone, Debug)]
pub struct Case {
    pub films: usize,
    pub channels: [usize; 2],
    pub size: [usize; 2],
    pub kernel: [usize; 2],
    pub geometry: ConvGeometry,
}

impl Case {
    /// [`TOLERANCE`], and ten times that where tiles may be transformed, which costs digits.
    pub fn tolerance(&self) -> f64 {
        let wide = self.channels[0] * self.channels[1] >= 2048;
        let by_tiles = wide && self.kernel == [3, 3] && self.geometry.stride == [1, 1];
        if by_tiles {
            10.0 * TOLERANCE
        } else {
            TOLERANCE
        }
    }

    pub fn input(&self) -> [usize; 4] {
        [self.films, self.channels[0], self.size[0], self.size[1]]
    }

    pub fn weight(&self) -> [usize; 4] {
        let inputs = self.channels[0] / self.geometry.groups;
        [self.channels[1], inputs, self.kernel[0], self.kernel[1]]
    }

    pub fn output(&self) -> [usize; 4] {
        self.geometry
            .output_shape(self.input(), self.weight())
            .unwrap()
    }
}

/// `(films, [in, out], size, kernel, stride, padding, dilation, groups)`
pub type Row = (
    usize,
    [usize; 2],
    [usize; 2],
    [usize; 2],
    [usize; 2],
    [usize; 2],
    [usize; 2],
    usize,
);

/// A table row as a case.
pub fn case(row: Row) -> Case {
    let (films, channels, size, kernel, stride, padding, dilation, groups) = row;
    Case {
        films,
        channels,
        size,
        kernel,
        geometry: ConvGeometry {
            stride,
            padding,
            dilation,
            groups,
            ..ConvGeometry::default()
        },
    }
}

/// One of every class of shape: the networks' own, and the corners.
pub fn shape_classes() -> Vec<(&'static str, Case)> {
    let one = [1, 1];
    let rows: Vec<(&'static str, Row)> = vec![
        ("3x3 same", (2, [3, 8], [20, 17], [3, 3], one, one, one, 1)),
        (
            "3x3 valid",
            (2, [4, 5], [9, 8], [3, 3], one, [0, 0], one, 1),
        ),
        ("1x1", (3, [6, 4], [7, 5], one, one, [0, 0], one, 1)),
        (
            "1x1 padded by 1",
            (2, [6, 4], [7, 5], one, one, one, one, 1),
        ),
        (
            "1x1 stride 2",
            (2, [6, 4], [7, 5], one, [2, 2], [0, 0], one, 1),
        ),
        (
            "over-padded 3x3",
            (1, [2, 3], [4, 4], [3, 3], one, [4, 3], one, 1),
        ),
        (
            "stride 2",
            (2, [3, 6], [11, 12], [3, 3], [2, 2], one, one, 1),
        ),
        (
            "7x7 stride 2",
            (1, [3, 8], [23, 21], [7, 7], [2, 2], [3, 3], one, 1),
        ),
        (
            "stride over kernel",
            (2, [2, 3], [11, 10], [2, 2], [4, 5], [0, 0], one, 1),
        ),
        (
            "dilated",
            (2, [3, 4], [11, 9], [3, 3], one, [2, 2], [2, 2], 1),
        ),
        (
            "dilated, strided",
            (1, [2, 4], [13, 12], [3, 2], [2, 3], [1, 2], [2, 3], 1),
        ),
        (
            "unequal",
            (1, [2, 3], [6, 9], [2, 5], [1, 2], [1, 2], [2, 1], 1),
        ),
        ("groups", (2, [6, 9], [8, 7], [3, 3], one, one, one, 3)),
        ("depthwise", (2, [5, 5], [9, 8], [3, 3], one, one, one, 5)),
        (
            "depthwise stride 2",
            (2, [5, 5], [9, 8], [3, 3], [2, 2], one, one, 5),
        ),
        (
            "depthwise, two out per in",
            (1, [3, 6], [6, 6], [3, 3], one, one, one, 3),
        ),
        // Wide enough for tiles to be transformed; ragged, padded by 0, 1 and 2, many films and one.
        ("tiles", (5, [48, 64], [13, 18], [3, 3], one, one, one, 1)),
        (
            "tiles, one film",
            (1, [64, 72], [33, 30], [3, 3], one, one, one, 1),
        ),
        (
            "tiles, valid",
            (4, [64, 64], [14, 19], [3, 3], one, [0, 0], one, 1),
        ),
        (
            "tiles, unequally padded",
            (6, [64, 60], [10, 11], [3, 3], one, [2, 0], one, 1),
        ),
        (
            "tiles of small maps, many channels",
            (9, [192, 200], [7, 5], [3, 3], one, one, one, 1),
        ),
        ("one pixel", (1, [1, 1], one, one, one, [0, 0], one, 1)),
        (
            "one pixel, padded 3x3",
            (2, [3, 2], one, [3, 3], one, one, one, 1),
        ),
        ("one row", (1, [3, 2], [1, 40], [1, 3], one, [0, 1], one, 1)),
        (
            "large weight",
            (3, [64, 80], [9, 7], [3, 3], one, one, one, 1),
        ),
        (
            "large weight, stride 2",
            (2, [64, 80], [9, 7], [3, 3], [2, 2], one, one, 1),
        ),
        (
            "large grouped weight",
            (2, [96, 96], [6, 6], [3, 3], one, one, one, 2),
        ),
        (
            "large 1x1",
            (2, [200, 180], [5, 6], one, one, [0, 0], one, 1),
        ),
        (
            "several tiles",
            (1, [16, 4], [90, 80], [3, 3], one, one, one, 1),
        ),
        (
            "more films than parts",
            (37, [2, 3], [5, 4], [3, 3], one, one, one, 1),
        ),
    ];
    let even = rows.into_iter().map(|(name, row)| (name, case(row)));
    let uneven = [
        ("uneven padding", [1, 1], [0, 0], [1, 1]),
        ("uneven padding, stride 2", [2, 2], [0, 0], [1, 1]),
        (
            "uneven padding of 1 and 2, stride 2",
            [2, 2],
            [1, 1],
            [1, 1],
        ),
        ("uneven padding in one direction", [2, 1], [0, 1], [3, 0]),
    ]
    .into_iter()
    .flat_map(|(name, stride, padding, more)| {
        let rows = [
            (2, [3, 6], [11, 12], [3, 3], stride, padding, one, 1),
            (2, [5, 5], [8, 7], [3, 3], stride, padding, one, 5),
            (5, [48, 64], [13, 18], [3, 3], stride, padding, one, 1),
        ];
        rows.map(|row| {
            let mut case = case(row);
            case.geometry.padding_more = more;
            (name, case)
        })
    });
    even.chain(uneven).collect()
}
