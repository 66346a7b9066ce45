//! Pictures as PNG, with the font that is compiled in.

use std::sync::{Arc, LazyLock};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};
use resvg::{tiny_skia, usvg};

/// Pixels of the PNG per user unit of the SVG: sharp on a dense screen and in print.
const PIXELS_PER_UNIT: f32 = 2.0;

/// Only the font that is compiled in: a clean machine has none, and others would change the pictures.
static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    for set in [
        usvg::fontdb::Database::set_sans_serif_family,
        usvg::fontdb::Database::set_serif_family,
        usvg::fontdb::Database::set_monospace_family,
    ] {
        set(&mut fonts, "DejaVu Sans");
    }
    Arc::new(fonts)
});

/// Renders an SVG that was written for [`super::canvas::Theme::Paper`].
pub(crate) fn svg_to_png(svg: &str) -> Result<Vec<u8>, String> {
    let options = usvg::Options {
        font_family: "DejaVu Sans".to_owned(),
        fontdb: FONTS.clone(),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(PIXELS_PER_UNIT)
        .ok_or("the picture has no size")?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height())
        .ok_or("the picture does not fit in memory")?;
    let scale = tiny_skia::Transform::from_scale(PIXELS_PER_UNIT, PIXELS_PER_UNIT);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

/// An 8-bit grey PNG. `pixels` holds `width * height` values.
pub(crate) fn grey_png(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive)
        .write_image(pixels, width, height, ExtendedColorType::L8)?;
    Ok(bytes)
}

/// The same in a fraction of the time and somewhat larger: for whoever waits for it.
pub(crate) fn quick_grey_png(
    width: u32,
    height: u32,
    pixels: &[u8],
) -> Result<Vec<u8>, ImageError> {
    png(width, height, pixels, ExtendedColorType::L8)
}

/// A PNG of red, green and blue bytes. `pixels` holds `3 * width * height` values.
pub(crate) fn rgb_png(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, ImageError> {
    png(width, height, pixels, ExtendedColorType::Rgb8)
}

/// The same with a fourth byte a pixel, how much it covers.
pub(crate) fn rgba_png(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, ImageError> {
    png(width, height, pixels, ExtendedColorType::Rgba8)
}

fn png(
    width: u32,
    height: u32,
    pixels: &[u8],
    colour: ExtendedColorType,
) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    // Written many at a time beside a network at work: a tenth larger files at a fraction of the time.
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
        .write_image(pixels, width, height, colour)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{Anchor, Canvas, Ink, Theme};
    use super::*;

    fn dark_pixels(png: &[u8]) -> usize {
        image::load_from_memory(png)
            .unwrap()
            .to_luma8()
            .pixels()
            .filter(|pixel| pixel.0[0] < 128)
            .count()
    }

    fn drawn(text: &str) -> Vec<u8> {
        let mut canvas = Canvas::new(Theme::Paper, 480.0, 60.0);
        canvas.text((10.0, 30.0), 20.0, Ink::Text, Anchor::Start, text);
        svg_to_png(&canvas.finish("text", "")).unwrap()
    }

    /// No system font is ever loaded, so this is what a machine without fonts shows too.
    #[test]
    fn text_is_drawn_without_system_fonts() {
        assert_eq!(FONTS.faces().count(), 1);
        let empty = dark_pixels(&drawn(""));
        for text in ["No_findings", "✓", "✗", "–", "…", "Ödem", "лёгкое"] {
            assert!(dark_pixels(&drawn(text)) > empty + 20, "{text}");
        }
    }

    #[test]
    fn the_same_picture_gives_the_same_bytes_at_twice_the_size() {
        let png = drawn("twice");
        assert_eq!(png, drawn("twice"));
        let picture = image::load_from_memory(&png).unwrap();
        assert_eq!((picture.width(), picture.height()), (960, 160));
    }

    #[test]
    fn films_inside_a_picture_are_drawn() {
        use base64::Engine;
        let film = grey_png(2, 2, &[0, 255, 255, 255]).unwrap();
        let film = base64::engine::general_purpose::STANDARD.encode(film);
        let mut canvas = Canvas::new(Theme::Paper, 40.0, 40.0);
        canvas.image([0.0, 0.0, 40.0, 40.0], &film);
        let png = svg_to_png(&canvas.finish("film", "")).unwrap();
        let picture = image::load_from_memory(&png).unwrap().to_luma8();
        assert!(picture.get_pixel(4, 4).0[0] < 40);
        assert!(picture.get_pixel(76, 76).0[0] > 215);
    }
}
