//! Changing a film's size, to within rounding of what Pillow gives for the same filter.

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::U16;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

use super::preprocess::names;

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

/// `area` of a film with rows of `stride` pixels, resized to `columns` x `rows` and expressed on
/// the full 16-bit scale. `scale` brings a pixel to that scale: 257 for 8-bit films, 1 for 16-bit.
///
/// Filters run on 16-bit integers, rows first and columns second, each pass rounded and clipped.
/// Pillow does the same on 8-bit integers, so the two differ by its rounding alone.
pub(super) fn resize(
    pixels: &[u16],
    stride: usize,
    area: Area,
    scale: u16,
    (columns, rows): (usize, usize),
    resampling: Resampling,
) -> Vec<u16> {
    let source = |row: usize| {
        let start = (area.top + row) * stride + area.left;
        &pixels[start..start + area.width]
    };
    if columns == 0 || rows == 0 {
        return Vec::new();
    }
    let filter = match resampling {
        Resampling::Nearest => {
            let from_columns = nearest_indices(area.width, columns);
            let mut resized = Vec::with_capacity(columns * rows);
            for row in nearest_indices(area.height, rows) {
                let row = source(row);
                resized.extend(from_columns.iter().map(|&column| row[column] * scale));
            }
            return resized;
        }
        Resampling::Bilinear => FilterType::Bilinear,
        Resampling::Bicubic => FilterType::CatmullRom,
        Resampling::Lanczos => FilterType::Lanczos3,
    };
    let mut wide = Vec::with_capacity(area.width * area.height);
    for row in 0..area.height {
        wide.extend(source(row).iter().map(|&pixel| U16::new(pixel * scale)));
    }
    let whole = "the buffer was filled with this many pixels";
    let wide = TypedImage::from_pixels(area.width as u32, area.height as u32, wide).expect(whole);
    let mut resized = TypedImage::<U16>::new(columns as u32, rows as u32);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    Resizer::new()
        .resize_typed(&wide, &mut resized, &options)
        .expect("without a crop box there is nothing that resizing can refuse");
    resized.pixels().iter().map(|pixel| pixel.0).collect()
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
                let resized = resize(&pixels, 4, WHOLE, 257, size, resampling);
                assert_eq!(resized.len(), size.0 * size.1);
                let flat = resized.iter().all(|&pixel| pixel.abs_diff(200 * 257) <= 1);
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
                resize(&pixels, 4, area, 257, (3, 3), resampling),
                resize(&cut, 2, alone, 257, (3, 3), resampling),
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
