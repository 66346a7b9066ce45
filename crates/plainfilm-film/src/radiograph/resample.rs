//! Changing a film's size, to within rounding of what Pillow gives for the same filter.

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

use super::Radiograph;
use super::options::names;

/// How pixels between pixels are found. All but `nearest` widen their filter when a film shrinks,
/// as Pillow does, so that fine detail is averaged and not aliased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// The closest pixel; what Keras' `load_img` does, pixel for pixel.
    Nearest,
    /// Triangle filter, Pillow's `BILINEAR`.
    #[default]
    Bilinear,
    /// Cubic convolution with a = -0.5, Pillow's `BICUBIC`.
    Bicubic,
    /// Sinc windowed to three lobes, Pillow's `LANCZOS`.
    Lanczos,
}

names!(Resampling {
    Nearest => "nearest",
    Bilinear => "bilinear",
    Bicubic => "bicubic",
    Lanczos => "lanczos",
});

/// Part of a film, as a rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// `area` of a film with rows of `stride` pixels, resized to `columns` x `rows`, as fractions of
/// `full`, the film's greatest possible value.
///
/// Filters run in single precision, along rows first and along columns second, and each pass is
/// clipped and rounded to the film's own depth, as in Pillow up to version 12: 8-bit films equal
/// Pillow's but for ties, which its fixed-point weights may round the other way, by one level.
/// Pillow 13 chooses the order of the passes by size; where a filter overshoots black or white, the
/// order can be seen.
pub(super) fn resize(
    pixels: &[u16],
    stride: usize,
    area: Area,
    full: u16,
    (columns, rows): (usize, usize),
    resampling: Resampling,
) -> Vec<f32> {
    let source = |row: usize| {
        let start = (area.top + row) * stride + area.left;
        &pixels[start..start + area.width]
    };
    if columns == 0 || rows == 0 {
        return Vec::new();
    }
    let full = f32::from(full);
    let filter = match resampling {
        Resampling::Nearest => {
            let from_columns = nearest_indices(area.width, columns);
            let mut resized = Vec::with_capacity(columns * rows);
            for row in nearest_indices(area.height, rows) {
                let row = source(row);
                let nearest = from_columns.iter().map(|&column| row[column]);
                resized.extend(nearest.map(|pixel| f32::from(pixel) / full));
            }
            return resized;
        }
        Resampling::Bilinear => FilterType::Bilinear,
        Resampling::Bicubic => FilterType::CatmullRom,
        Resampling::Lanczos => FilterType::Lanczos3,
    };
    let mut cut = Vec::with_capacity(area.width * area.height);
    for row in 0..area.height {
        cut.extend(source(row).iter().map(|&pixel| F32::new(f32::from(pixel))));
    }
    let (width, height) = (area.width as u32, area.height as u32);
    let cut = TypedImage::from_pixels(width, height, cut)
        .expect("the buffer was filled with this many pixels");
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let mut resizer = Resizer::new();
    let mut pass = |from: &TypedImage<F32>, columns: u32, rows: u32| {
        let mut to = TypedImage::<F32>::new(columns, rows);
        resizer
            .resize_typed(from, &mut to, &options)
            .expect("without a crop box there is nothing that resizing can refuse");
        for pixel in to.pixels_mut() {
            // Truncation is rounding down here, and unlike `floor` it is one instruction.
            pixel.0 = f32::from((pixel.0 + 0.5).clamp(0.0, full) as u16);
        }
        to
    };
    let narrow = pass(&cut, columns as u32, height);
    let resized = pass(&narrow, columns as u32, rows as u32);
    resized
        .pixels()
        .iter()
        .map(|value| value.0 / full)
        .collect()
}

impl Radiograph {
    /// The whole film as fractions of full scale with at most `longest` columns and rows, its shape kept to
    /// whole pixels: columns, rows and values, for pictures.
    pub fn shrunk(&self, longest: usize) -> (usize, usize, Vec<f32>) {
        let (width, height) = (self.width as usize, self.height as usize);
        let ratio = (longest as f64 / width.max(height).max(1) as f64).min(1.0);
        let scaled = |length: usize| ((length as f64 * ratio).round() as usize).max(1);
        let (columns, rows) = (scaled(width), scaled(height));
        let full = if self.bit_depth == 16 { u16::MAX } else { 255 };
        if width == 0 || height == 0 {
            return (columns, rows, vec![0.0; columns * rows]);
        }
        let whole = Area {
            left: 0,
            top: 0,
            width,
            height,
        };
        let values = resize(
            &self.pixels,
            width,
            whole,
            full,
            (columns, rows),
            Resampling::Bilinear,
        );
        (columns, rows, values)
    }
}

/// The source index of each of `to` pixels out of `from`: the one that contains the centre of the
/// target pixel. The position is summed step by step because Pillow sums it, and where a centre
/// falls on a boundary the rounding of that sum decides.
fn nearest_indices(from: usize, to: usize) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let mut position = step * 0.5;
    (0..to)
        .map(|_| {
            let index = (position as usize).min(from - 1);
            position += step;
            index
        })
        .collect()
}

/// `values` (`width` columns) in the middle of a black `size` x `size` plane.
pub(super) fn pad(values: Vec<f32>, width: usize, height: usize, size: usize) -> Vec<f32> {
    if width == size && height == size {
        return values;
    }
    let left = (size - width) / 2;
    let top = (size - height) / 2;
    let mut padded = vec![0.0; size * size];
    let rows = padded.chunks_exact_mut(size).skip(top);
    for (row, source) in rows.zip(values.chunks_exact(width)) {
        row[left..left + width].copy_from_slice(source);
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Area = Area {
        left: 0,
        top: 0,
        width: 4,
        height: 2,
    };

    #[test]
    fn nearest_takes_the_pixel_under_the_centre() {
        assert_eq!(nearest_indices(4, 2), [1, 3]);
        assert_eq!(nearest_indices(3, 2), [0, 2]);
        assert_eq!(nearest_indices(2, 4), [0, 0, 1, 1]);
        assert_eq!(nearest_indices(1, 3), [0, 0, 0]);
        assert_eq!(nearest_indices(5, 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn every_filter_keeps_a_flat_film_flat() {
        for &resampling in Resampling::ALL {
            let pixels = vec![200; 8];
            for size in [(1, 1), (2, 2), (4, 2), (9, 7)] {
                let resized = resize(&pixels, 4, WHOLE, 255, size, resampling);
                assert_eq!(resized.len(), size.0 * size.1);
                let flat = resized
                    .iter()
                    .all(|&value| (value - 200.0 / 255.0).abs() < 1e-6);
                assert!(flat, "{resampling} to {size:?}: {resized:?}");
            }
        }
    }

    #[test]
    fn an_area_is_resized_as_if_cut_out() {
        let pixels: Vec<u16> = (0..8).map(|index| index * 30).collect();
        let area = Area {
            left: 1,
            top: 0,
            width: 2,
            height: 2,
        };
        let cut = [30, 60, 150, 180];
        let alone = Area {
            left: 0,
            top: 0,
            width: 2,
            height: 2,
        };
        for &resampling in Resampling::ALL {
            assert_eq!(
                resize(&pixels, 4, area, 255, (3, 3), resampling),
                resize(&cut, 2, alone, 255, (3, 3), resampling),
                "{resampling}"
            );
        }
    }

    #[test]
    fn padding_is_black_and_centred() {
        assert_eq!(
            pad(vec![1.0, 1.0, 1.0], 3, 1, 3),
            [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
        );
        assert_eq!(pad(vec![1.0, 1.0], 1, 2, 2), [1.0, 0.0, 1.0, 0.0]);
    }
}
