//! What storing a film does to it: other sizes, other filters, lossy compression.

use std::io::Cursor;

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat};
use rand::{Rng, RngExt};

use plainfilm_film::radiograph::Plane;

const FILTERS: [ResizeAlg; 4] = [
    ResizeAlg::Nearest,
    ResizeAlg::Convolution(FilterType::Bilinear),
    ResizeAlg::Convolution(FilterType::CatmullRom),
    ResizeAlg::Convolution(FilterType::Lanczos3),
];

/// Shrinks a film to `kept` of its side and enlarges it again, each time with a filter drawn from
/// nearest, bilinear, bicubic and Lanczos. Enlarging with `nearest` would only make blocks that no
/// viewer shows, so it takes one of the other three.
pub(super) fn resize_and_back(plane: &mut Plane, kept: f32, rng: &mut impl Rng) {
    let down = FILTERS[rng.random_range(0..FILTERS.len())];
    let up = FILTERS[rng.random_range(1..FILTERS.len())];
    let side = plane.size as u32;
    let small = ((side as f32 * kept).round() as u32).max(2);
    if small >= side {
        return;
    }
    let pixels = plane.values.iter().map(|&value| F32::new(value)).collect();
    let film = TypedImage::from_pixels(side, side, pixels)
        .expect("a plane has as many values as its size says");
    let mut resizer = Resizer::new();
    let mut to = |film: &TypedImage<F32>, side: u32, filter: ResizeAlg| {
        let mut out = TypedImage::<F32>::new(side, side);
        resizer
            .resize_typed(film, &mut out, &ResizeOptions::new().resize_alg(filter))
            .expect("without a crop box there is nothing that resizing can refuse");
        out
    };
    let shrunk = to(&film, small, down);
    let back = to(&shrunk, side, up);
    for (value, pixel) in plane.values.iter_mut().zip(back.pixels()) {
        *value = pixel.0.clamp(0.0, 1.0);
    }
}

/// Compresses a film to a grey JPEG of this quality (1 to 100) and reads it back.
pub(super) fn through_jpeg(plane: &mut Plane, quality: u8) {
    let bytes: Vec<u8> = plane
        .values
        .iter()
        .map(|value| (value * 255.0).round() as u8)
        .collect();
    let side = plane.size as u32;
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality.clamp(1, 100))
        .encode(&bytes, side, side, ExtendedColorType::L8)
        .expect("a grey plane of at most 4096 pixels a side is a valid JPEG, and memory takes it");
    let back = image::load(Cursor::new(file), ImageFormat::Jpeg)
        .expect("what the encoder wrote is a valid JPEG")
        .into_luma8();
    for (value, byte) in plane.values.iter_mut().zip(back.into_raw()) {
        *value = f32::from(byte) / 255.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Plane {
        let values = (0..64 * 64)
            .map(|index| (index % 64) as f32 / 63.0)
            .collect();
        Plane { size: 64, values }
    }

    fn difference(a: &Plane, b: &Plane) -> f32 {
        let sum: f32 = a
            .values
            .iter()
            .zip(&b.values)
            .map(|(a, b)| (a - b).abs())
            .sum();
        sum / a.values.len() as f32
    }

    #[test]
    fn jpeg_loses_more_at_a_lower_quality() {
        let lost = |quality| {
            let mut film = ramp();
            film.values[2000] = 1.0;
            let before = film.clone();
            through_jpeg(&mut film, quality);
            difference(&film, &before)
        };
        let (fine, coarse) = (lost(95), lost(10));
        assert!(fine < 0.005 && coarse > 2.0 * fine, "{fine} {coarse}");
    }

    #[test]
    fn shrinking_takes_fine_detail_and_keeps_the_rest() {
        let mut checks = ramp();
        for (index, value) in checks.values.iter_mut().enumerate() {
            *value = ((index / 64 + index) % 2) as f32;
        }
        for seed in 0..10 {
            let mut rng = plainfilm_seed::generator(seed, "resize", &[]);
            let mut film = ramp();
            resize_and_back(&mut film, 0.5, &mut rng);
            assert!(difference(&film, &ramp()) < 0.02, "seed {seed}");
        }
        let mut film = checks.clone();
        resize_and_back(
            &mut film,
            1.0,
            &mut plainfilm_seed::generator(1, "resize", &[]),
        );
        assert_eq!(film, checks);
    }
}
