//! What a film's file says without its picture.

use plainfilm_film::radiograph::Radiograph;

use super::jpeg_quality::{self, JpegTables};

/// Names of [`FileFacts::numbers`], in their order, as sentences use them.
pub const FACTS: [&str; 15] = [
    "the film's width",
    "the film's height",
    "the film's shape (width / height)",
    "the number of pixels",
    "the file's size",
    "the file's size per pixel",
    "the file format",
    "the colour layout",
    "the bit depth",
    "the amount of text and metadata in the file",
    "the EXIF orientation",
    "the JPEG quality",
    "the JPEG colour sampling",
    "whether the JPEG is progressive",
    "the bits that grey levels use",
];

/// What a film's file says without its pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileFacts {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// 0 png, 1 jpeg, 2 tiff, 3 bmp, 4 webp.
    pub format: u8,
    /// Channels as stored: 1 grey, 2 grey with alpha, 3 colour, 4 colour with alpha or CMYK, 0 palette.
    pub channels: u8,
    /// Bits a channel as stored.
    pub bits: u8,
    /// Bytes of text, EXIF, colour profile and comments.
    pub metadata_bytes: u64,
    /// EXIF orientation, 1 to 8.
    pub orientation: u8,
    /// JPEG quality on the scale of the Independent JPEG Group, 1 to 100; 0 where it is no JPEG.
    pub jpeg_quality: f32,
    /// Samples of the first component for one of the second: 1, 2 or 4; 0 without colour.
    pub jpeg_sampling: u8,
    /// Whether a JPEG is progressive.
    pub progressive: bool,
    /// Bits that the grey levels use, which may be fewer than [`Self::bits`]; it takes the pixels to know.
    pub used_bits: u8,
}

impl FileFacts {
    /// The facts of a file that was decoded to `film`.
    pub fn of(bytes: &[u8], film: &Radiograph) -> Self {
        let provenance = &film.provenance;
        let (channels, bits) = layout(&provenance.colour);
        let mut facts = Self {
            width: film.width,
            height: film.height,
            bytes: bytes.len() as u64,
            format: ["png", "jpeg", "tiff", "bmp", "webp"]
                .iter()
                .position(|name| *name == provenance.format)
                .unwrap_or(5) as u8,
            channels,
            bits,
            orientation: provenance.orientation,
            used_bits: provenance.used_bits,
            ..Self::default()
        };
        match provenance.format.as_str() {
            "png" => facts.metadata_bytes = png_metadata(bytes),
            "jpeg" => {
                let JpegTables {
                    quality,
                    sampling,
                    progressive,
                    metadata_bytes,
                } = jpeg_quality::read(bytes);
                facts.jpeg_quality = quality;
                facts.jpeg_sampling = sampling;
                facts.progressive = progressive;
                facts.metadata_bytes = metadata_bytes;
            }
            _ => {}
        }
        facts
    }

    /// The facts as numbers, in a fixed order.
    pub fn numbers(&self) -> Vec<f32> {
        let pixels = (f64::from(self.width) * f64::from(self.height)).max(1.0);
        vec![
            self.width as f32,
            self.height as f32,
            (f64::from(self.width) / f64::from(self.height.max(1))) as f32,
            pixels as f32,
            self.bytes as f32,
            (self.bytes as f64 / pixels) as f32,
            f32::from(self.format),
            f32::from(self.channels),
            f32::from(self.bits),
            self.metadata_bytes as f32,
            f32::from(self.orientation),
            self.jpeg_quality,
            f32::from(self.jpeg_sampling),
            f32::from(u8::from(self.progressive)),
            f32::from(self.used_bits),
        ]
    }
}

/// Channels and bits of a colour layout as the decoder words it, such as `grey+alpha 16-bit`.
fn layout(colour: &str) -> (u8, u8) {
    let mut words = colour.split_whitespace();
    let channels = match words.next().unwrap_or_default() {
        "grey" => 1,
        "grey+alpha" => 2,
        "RGB" | "YCbCr" => 3,
        "palette" => 0,
        _ => 4,
    };
    let bits = words
        .next()
        .and_then(|word| word.split('-').next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(8);
    (channels, bits)
}

/// Bytes in a PNG's text, time, EXIF and colour profile chunks.
fn png_metadata(bytes: &[u8]) -> u64 {
    let mut total = 0;
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        if matches!(
            &head[4..8],
            b"tEXt" | b"zTXt" | b"iTXt" | b"tIME" | b"eXIf" | b"iCCP" | b"pHYs" | b"gAMA" | b"sRGB"
        ) {
            total += u64::from(length);
        }
        // Length, name, data, checksum.
        at = at.saturating_add(length as usize).saturating_add(12);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_film::radiograph::{Limits, decode};

    fn facts(bytes: &[u8]) -> FileFacts {
        let film = decode(bytes, "film", &Limits::default()).unwrap();
        FileFacts::of(bytes, &film)
    }

    #[test]
    fn there_is_a_name_for_every_number() {
        assert_eq!(FileFacts::default().numbers().len(), FACTS.len());
    }

    #[test]
    fn a_png_says_its_shape_and_its_text() {
        let png = |text: Option<&str>| {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, 6, 3);
            encoder.set_color(png::ColorType::GrayscaleAlpha);
            encoder.set_depth(png::BitDepth::Sixteen);
            if let Some(text) = text {
                encoder
                    .add_text_chunk("Comment".into(), text.into())
                    .unwrap();
            }
            let mut writer = encoder.write_header().unwrap();
            writer.write_image_data(&[7; 6 * 3 * 4]).unwrap();
            writer.finish().unwrap();
            bytes
        };
        let plain = facts(&png(None));
        assert_eq!((plain.width, plain.height), (6, 3));
        assert_eq!((plain.channels, plain.bits, plain.format), (2, 16, 0));
        // One level, of 1799, takes 12 bits.
        assert_eq!((plain.used_bits, plain.numbers()[14]), (12, 12.0));
        assert_eq!(plain.numbers()[2], 2.0);
        let told = facts(&png(Some("portable unit")));
        assert_eq!(told.metadata_bytes - plain.metadata_bytes, 8 + 13);
    }

    #[test]
    fn layouts_are_read_from_the_decoders_words() {
        for (colour, expected) in [
            ("grey 8-bit", (1, 8)),
            ("grey+alpha 16-bit", (2, 16)),
            ("RGB 8-bit", (3, 8)),
            ("RGBA 8-bit", (4, 8)),
            ("palette 4-bit", (0, 4)),
            ("YCbCr 8-bit", (3, 8)),
        ] {
            assert_eq!(layout(colour), expected, "{colour}");
        }
    }
}
