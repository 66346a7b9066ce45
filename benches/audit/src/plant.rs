//! Changed copies of a film: the twelve ways in which a picture gets into a data set twice.

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};
use plainfilm::radiograph::{Limits, Provenance, Radiograph, decode};
use plainfilm::seed;
use rand::{Rng, RngExt};

/// What is done to a film. Each draws its strength from the range that is written beside it.
pub const CHANGES: [&str; 12] = [
    "resize",     // to 160 to 900 pixels a side, the shape changed by up to a tenth
    "jpeg",       // quality 30 to 90
    "crop",       // up to 8 % off each side, each its own
    "brightness", // contrast 0.7 to 1.3, then up to 15 % lighter or darker, clipped
    "gamma",      // 0.6 to 1.6
    "mirror",     // left and right
    "rotate",     // up to 5 degrees either way, corners black
    "noise",      // normal, 2 to 8 % of full scale
    "blur",       // sigma 0.3 to 1 % of the side
    "border",     // 2 to 10 % of the side around it, black, white or grey
    "text",       // two to four lines burnt in
    "equalise",   // histogram equalisation
];

/// `film` as 8-bit grey.
pub fn picture(film: &Radiograph) -> GrayImage {
    let shift = film.bit_depth - 8;
    let bytes = film
        .pixels
        .iter()
        .map(|&pixel| (pixel >> shift) as u8)
        .collect();
    GrayImage::from_raw(film.width, film.height, bytes).expect("a film has width x height pixels")
}

/// A film of a picture.
pub fn film(picture: &GrayImage) -> Radiograph {
    Radiograph {
        width: picture.width(),
        height: picture.height(),
        bit_depth: 8,
        pixels: picture.as_raw().iter().map(|&pixel| pixel.into()).collect(),
        provenance: Provenance {
            name: "planted".into(),
            format: "png".into(),
            colour: "grey 8-bit".into(),
            orientation: 1,
            synthetic: false,
            coloured_pixels: 0,
            used_bits: 8,
        },
    }
}

/// A copy of `original`, changed in the way named, with strengths drawn for `index`.
pub fn changed(original: &GrayImage, change: &str, index: u64) -> Radiograph {
    let mut draws = seed::generator(1, change, &[index]);
    let (width, height) = original.dimensions();
    let side = width.min(height) as f32;
    let map = |change: &dyn Fn(f32) -> f32| {
        let mut copy = original.clone();
        for pixel in copy.iter_mut() {
            *pixel = (change(f32::from(*pixel) / 255.0) * 255.0)
                .round()
                .clamp(0.0, 255.0) as u8;
        }
        copy
    };
    let copy = match change {
        "resize" => {
            let wide = draws.random_range(160..900_u32);
            let tall = wide as f32 * height as f32 / width as f32 * draws.random_range(0.9..1.1);
            let filter = [
                FilterType::Nearest,
                FilterType::Triangle,
                FilterType::Lanczos3,
            ][draws.random_range(0..3)];
            imageops::resize(original, wide, tall as u32, filter)
        }
        "jpeg" => {
            let mut bytes = Vec::new();
            let quality = draws.random_range(30..=90);
            image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)
                .encode_image(original)
                .expect("writing to memory");
            return decode(&bytes, "planted", &Limits::default()).expect("it was just written");
        }
        "crop" => {
            let mut cut = |length: u32| (length as f32 * draws.random_range(0.0..0.08)) as u32;
            let (left, right) = (cut(width), cut(width));
            let (top, bottom) = (cut(height), cut(height));
            imageops::crop_imm(
                original,
                left,
                top,
                width - left - right,
                height - top - bottom,
            )
            .to_image()
        }
        "brightness" => {
            let contrast = draws.random_range(0.7..1.3);
            let offset = draws.random_range(-0.15..0.15);
            map(&|value| (value - 0.5) * contrast + 0.5 + offset)
        }
        "gamma" => {
            let gamma = draws.random_range(0.6..1.6);
            map(&|value| value.powf(gamma))
        }
        "mirror" => imageops::flip_horizontal(original),
        "rotate" => rotated(original, draws.random_range(-5.0..5.0)),
        "noise" => {
            let deviation: f32 = draws.random_range(0.02..0.08) * 255.0;
            let mut copy = original.clone();
            for pixel in copy.iter_mut() {
                // The sum of 64 fair bits has standard deviation 4.
                let normal = (draws.next_u64().count_ones() as f32 - 32.0) / 4.0;
                *pixel = (f32::from(*pixel) + normal * deviation).clamp(0.0, 255.0) as u8;
            }
            copy
        }
        "blur" => imageops::fast_blur(original, side * draws.random_range(0.003..0.01)),
        "border" => {
            let wide = (side * draws.random_range(0.02..0.1)) as u32;
            let level = [0, 255, 128][draws.random_range(0..3)];
            let mut framed =
                GrayImage::from_pixel(width + 2 * wide, height + 2 * wide, Luma([level]));
            imageops::replace(&mut framed, original, wide.into(), wide.into());
            framed
        }
        "text" => {
            let mut copy = original.clone();
            let lines = draws.random_range(2..5);
            let letter = (side * 0.03) as u32;
            let (left, top) = (width / 20, draws.random_range(0..height * 3 / 4));
            for line in 0..lines {
                write(
                    &mut copy,
                    left,
                    top + line * letter * 3 / 2,
                    letter,
                    12,
                    &mut draws,
                );
            }
            copy
        }
        "equalise" => equalised(original),
        other => unreachable!("no change is called {other}"),
    };
    film(&copy)
}

/// `count` letters of strokes on a 3x5 raster, white, `tall` pixels high.
pub fn write(
    picture: &mut GrayImage,
    left: u32,
    top: u32,
    tall: u32,
    count: u32,
    draws: &mut impl Rng,
) {
    let dot = (tall / 5).max(1);
    for letter in 0..count {
        // Dense enough to be a letter, never empty.
        let strokes = (draws.next_u64() | draws.next_u64()) as u16 | 0b1_000_010;
        for bit in 0..15 {
            if strokes >> bit & 1 == 0 {
                continue;
            }
            let (x, y) = (left + letter * dot * 4 + bit % 3 * dot, top + bit / 3 * dot);
            for (x, y) in
                (0..dot).flat_map(|down| (0..dot).map(move |across| (x + across, y + down)))
            {
                if x < picture.width() && y < picture.height() {
                    picture.put_pixel(x, y, Luma([255]));
                }
            }
        }
    }
}

/// Turned about its middle, bilinear; what comes from outside is black.
pub fn rotated(original: &GrayImage, degrees: f32) -> GrayImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (width, height) = original.dimensions();
    let (middle_x, middle_y) = (width as f32 / 2.0, height as f32 / 2.0);
    GrayImage::from_fn(width, height, |x, y| {
        let (x, y) = (x as f32 + 0.5 - middle_x, y as f32 + 0.5 - middle_y);
        let (x, y) = (
            cos * x - sin * y + middle_x - 0.5,
            sin * x + cos * y + middle_y - 0.5,
        );
        let value = imageops::interpolate_bilinear(original, x, y);
        value.unwrap_or(Luma([0]))
    })
}

fn equalised(original: &GrayImage) -> GrayImage {
    let mut below = [0_u32; 257];
    for pixel in original.iter() {
        below[usize::from(*pixel) + 1] += 1;
    }
    for level in 1..257 {
        below[level] += below[level - 1];
    }
    let count = original.len() as f32;
    let mut copy = original.clone();
    for pixel in copy.iter_mut() {
        *pixel = (below[usize::from(*pixel) + 1] as f32 / count * 255.0) as u8;
    }
    copy
}
