//! Colour to grey, and turning a film the way its EXIF tag says.

use image::metadata::Orientation;

/// Rec. 601 luma, in the fixed-point arithmetic of Pillow's `convert("L")`: weights 0.299, 0.587
/// and 0.114 in 1/65536, rounded to nearest. Exact for 8-bit values, and for 16-bit ones the same
/// formula, which still fits 32 bits.
#[inline]
pub(super) fn luma(red: u16, green: u16, blue: u16) -> u16 {
    let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
    ((sum + 0x8000) >> 16) as u16
}

/// 8-bit CMYK to RGB, as Pillow does it: `(255 - ink) * (255 - black) / 255`.
#[inline]
pub(super) fn rgb_of_cmyk(cyan: u8, magenta: u8, yellow: u8, black: u8) -> [u16; 3] {
    let light = 255 - u32::from(black);
    let channel = |ink: u8| {
        // Division by 255 rounded to nearest, without a division.
        let product = u32::from(ink) * light + 128;
        let scaled = ((product >> 8) + product) >> 8;
        (light - scaled) as u16
    };
    [channel(cyan), channel(magenta), channel(yellow)]
}

/// What is left of a film's colours.
#[derive(Debug, PartialEq)]
pub(super) struct Grey {
    /// One value per pixel, as stored: not yet turned upright.
    pub(super) pixels: Vec<u16>,
    /// See [`Provenance::coloured_pixels`](super::Provenance::coloured_pixels).
    pub(super) coloured: u32,
    /// See [`Provenance::used_bits`](super::Provenance::used_bits).
    pub(super) used_bits: u8,
}

impl Grey {
    /// Of an 8-bit film that had no colours to lose.
    pub(super) fn plain(pixels: Vec<u16>) -> Self {
        Self {
            pixels,
            coloured: 0,
            used_bits: 8,
        }
    }

    /// The film, and the bits that were found to be used.
    pub(super) fn with_bits(self, used_bits: u8) -> Self {
        Self { used_bits, ..self }
    }
}

/// One grey value per pixel from `samples` interleaved values per pixel. One or two samples are
/// grey and grey with alpha, three or more are RGB with whatever follows it. Alpha is dropped, as
/// Pillow's `convert("L")` does: a transparent pixel keeps the grey that is stored under it.
pub(super) fn from_samples<T: Copy + Into<u16>>(values: &[T], samples: usize) -> Grey {
    let full = if size_of::<T>() == 1 { 255 } else { u16::MAX };
    match samples {
        1 => Grey::plain(values.iter().map(|&value| value.into()).collect()),
        2 => Grey::plain(
            values
                .chunks_exact(2)
                .map(|pixel| pixel[0].into())
                .collect(),
        ),
        _ => from_colours(
            values
                .chunks_exact(samples)
                .map(|pixel| [pixel[0].into(), pixel[1].into(), pixel[2].into()]),
            full,
        ),
    }
}

/// One grey value per red, green and blue, of which the greatest possible is `full`.
pub(super) fn from_colours(colours: impl Iterator<Item = [u16; 3]>, full: u16) -> Grey {
    let mut coloured = 0;
    let pixels = colours
        .map(|[red, green, blue]| {
            let most = red.max(green).max(blue);
            let least = red.min(green).min(blue);
            coloured += u32::from(most - least > full / 4);
            luma(red, green, blue)
        })
        .collect();
    Grey {
        pixels,
        coloured,
        used_bits: 8,
    }
}

/// Whether columns and rows change places.
pub(super) fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// `pixels` (`width` columns) turned upright.
pub(super) fn orient(
    pixels: Vec<u16>,
    width: usize,
    height: usize,
    orientation: Orientation,
) -> Vec<u16> {
    let (right, bottom) = (width - 1, height - 1);
    // Where the upright pixel at column x, row y is stored.
    let stored = |x: usize, y: usize| match orientation {
        Orientation::NoTransforms => (x, y),
        Orientation::FlipHorizontal => (right - x, y),
        Orientation::Rotate180 => (right - x, bottom - y),
        Orientation::FlipVertical => (x, bottom - y),
        Orientation::Rotate90FlipH => (y, x),
        Orientation::Rotate90 => (y, bottom - x),
        Orientation::Rotate270FlipH => (right - y, bottom - x),
        Orientation::Rotate270 => (right - y, x),
    };
    if orientation == Orientation::NoTransforms {
        return pixels;
    }
    let (columns, rows) = if swaps_sides(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    let mut upright = Vec::with_capacity(pixels.len());
    for y in 0..rows {
        upright.extend((0..columns).map(|x| {
            let (column, row) = stored(x, y);
            pixels[row * width + column]
        }));
    }
    upright
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_counted_before_they_are_dropped() {
        // Red, a faint tint, grey, and the two sides of the quarter.
        let film = [
            [255_u8, 0, 0],
            [230, 220, 200],
            [90, 90, 90],
            [63, 0, 0],
            [64, 0, 0],
        ];
        let grey = from_samples(film.as_flattened(), 3);
        assert_eq!((grey.pixels.len(), grey.coloured), (5, 2));
        let wide = film.map(|pixel| pixel.map(|value| u16::from(value) * 257));
        assert_eq!(from_samples(wide.as_flattened(), 3).coloured, 2);
        assert_eq!(from_samples(film.as_flattened(), 1).coloured, 0);
    }

    #[test]
    fn luma_follows_rec_601() {
        let cases = [
            ((0, 0, 0), 0),
            ((255, 255, 255), 255),
            ((255, 0, 0), 76),
            ((0, 255, 0), 150),
            ((0, 0, 255), 29),
            ((65_535, 65_535, 65_535), 65_535),
            ((65_535, 0, 0), 19_595),
        ];
        for ((red, green, blue), grey) in cases {
            assert_eq!(luma(red, green, blue), grey);
        }
        for grey in [0, 1, 77, 254, 255, 256, 40_000, 65_535] {
            assert_eq!(luma(grey, grey, grey), grey);
        }
    }

    #[test]
    fn cmyk_black_and_white() {
        let cases = [
            ((0, 0, 0, 0), 255),
            ((0, 0, 0, 255), 0),
            ((255, 255, 255, 0), 0),
            ((0, 255, 255, 0), 76),
        ];
        for ((cyan, magenta, yellow, black), grey) in cases {
            let [red, green, blue] = rgb_of_cmyk(cyan, magenta, yellow, black);
            assert_eq!(luma(red, green, blue), grey);
        }
    }

    #[test]
    fn alpha_is_dropped() {
        assert_eq!(from_samples(&[9_u8, 0, 8, 255], 2).pixels, [9, 8]);
        assert_eq!(from_samples(&[5_u8, 5, 5, 0], 4).pixels, [5]);
    }

    #[test]
    fn orientation_follows_exif() {
        // Stored as 1 2 3 / 4 5 6; each row of the table is the upright film, row by row.
        let stored = vec![1, 2, 3, 4, 5, 6];
        let cases: [(u8, [u16; 6]); 8] = [
            (1, [1, 2, 3, 4, 5, 6]),
            (2, [3, 2, 1, 6, 5, 4]),
            (3, [6, 5, 4, 3, 2, 1]),
            (4, [4, 5, 6, 1, 2, 3]),
            (5, [1, 4, 2, 5, 3, 6]),
            (6, [4, 1, 5, 2, 6, 3]),
            (7, [6, 3, 5, 2, 4, 1]),
            (8, [3, 6, 2, 5, 1, 4]),
        ];
        for (exif, upright) in cases {
            let orientation = Orientation::from_exif(exif).expect("1 to 8 are all defined");
            assert_eq!(
                orient(stored.clone(), 3, 2, orientation),
                upright,
                "EXIF {exif}"
            );
        }
    }
}
