//! Bytes to a [`Radiograph`]: format by content, limits from the header, then pixels.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::codecs::{bmp::BmpDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError};

use super::depth;
use super::dicom::{self, DicomSource};
use super::grey::{self, Grey};
use super::jpeg::{self, JpegSource};
use super::opened::{Header, Opened};
use super::tiff::{self, TiffSource};
use super::{Format, Limits, PHANTOM_SOFTWARE, Provenance, Radiograph, RadiographError};

enum Source<'a> {
    // Boxed: the decoders carry their tables, in JPEG's case tens of kilobytes, by value.
    Jpeg(Box<JpegSource<'a>>),
    Tiff(Box<TiffSource<'a>>),
    Image(Box<dyn ImageDecoder + 'a>),
    Dicom(Box<DicomSource<'a>>),
}

/// Reads a film from a file. See [`decode`].
///
/// # Errors
///
/// As [`decode`], and [`RadiographError::Io`] when the file cannot be read.
pub fn open(path: &Path, limits: &Limits) -> Result<Radiograph, RadiographError> {
    let bytes = read_bytes(path, limits)?;
    decode(&bytes, &path.display().to_string(), limits)
}

/// The bytes of a film's file, or of a pipe.
///
/// # Errors
///
/// [`RadiographError::Io`] when it cannot be read, and when it is larger than the limits allow.
pub fn read_bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, RadiographError> {
    let name = path.display().to_string();
    let io = |source| RadiographError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    limits.check_file(&name, length)?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // A file may grow, and a pipe has no length: never read past the limit by more than a byte.
    file.by_ref()
        .take(limits.max_file_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(io)?;
    limits.check_file(&name, bytes.len() as u64)?;
    Ok(bytes)
}

/// Reads what the header of a film says. `bytes` is the whole file.
///
/// # Errors
///
/// As [`decode`], except for what only the pixels can show.
pub fn read_header(bytes: &[u8], name: &str, limits: &Limits) -> Result<Header, RadiographError> {
    open_source(bytes, name, limits).map(|opened| opened.header)
}

/// Whether a PNG's text says that our generator drew it; encoders put text before the pixels.
fn says_synthetic(bytes: &[u8]) -> bool {
    let text = format!("Software\0{PHANTOM_SOFTWARE}");
    bytes[..bytes.len().min(1024)]
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// Decodes a film to one grey channel, upright. `name` is what errors and the provenance call it.
///
/// The format is told by content; a PNG named `.jpg` is a PNG. Depths of 1, 2, 4 and 8 bits become
/// 8 bits with white at 255, 16 bits stay 16 with white at 65,535 even where the film uses fewer of
/// them ([`Provenance::used_bits`]). Colour becomes grey by Rec. 601 luma, with the
/// arithmetic of Pillow's `convert("L")`; alpha is dropped, as there. Differences from Keras'
/// `load_img`, which are deliberate: the EXIF orientation is applied, 16-bit films keep their
/// depth, and a damaged JPEG is an error where Keras decodes the damage.
///
/// # Errors
///
/// Anything that is not a whole film in one of the [`Format`]s and within `limits` is a
/// [`RadiographError`] that names the film and says what was found.
pub fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Radiograph, RadiographError> {
    let Opened {
        header,
        orientation,
        stored_size: (width, height),
        source,
    } = open_source(bytes, name, limits)?;
    let Grey {
        pixels,
        coloured,
        used_bits,
    } = match source {
        Source::Jpeg(source) => source.read(name)?,
        Source::Tiff(source) => source.read(name)?,
        Source::Dicom(source) => source.read(name)?,
        Source::Image(decoder) => {
            let said = depth::said_by_png(bytes).filter(|_| header.format == Format::Png);
            read_with_image(decoder, name, header.format, said)?
        }
    };
    if pixels.len() != width * height {
        return Err(RadiographError::Damaged {
            name: name.to_owned(),
            format: header.format,
            detail: format!(
                "its header says {width}x{height}, its data hold {} pixels",
                pixels.len()
            ),
        });
    }
    Ok(Radiograph {
        width: header.width,
        height: header.height,
        bit_depth: header.bit_depth,
        pixels: grey::orient(pixels, width, height, orientation),
        provenance: Provenance {
            name: name.to_owned(),
            format: header.format.name().to_owned(),
            colour: header.colour,
            orientation: header.orientation,
            synthetic: says_synthetic(bytes),
            coloured_pixels: coloured,
            used_bits,
        },
    })
}

fn open_source<'a>(
    bytes: &'a [u8],
    name: &str,
    limits: &Limits,
) -> Result<Opened<Source<'a>>, RadiographError> {
    limits.check_file(name, bytes.len() as u64)?;
    let format = Format::of(bytes, name)?;
    let refused = |error| refused(name, format, error);
    let cursor = Cursor::new(bytes);
    let mut decoder: Box<dyn ImageDecoder + 'a> = match format {
        Format::Jpeg => {
            return Ok(
                jpeg::open(bytes, name, limits)?.map(|source| Source::Jpeg(Box::new(source)))
            );
        }
        Format::Tiff => {
            return Ok(
                tiff::open(bytes, name, limits)?.map(|source| Source::Tiff(Box::new(source)))
            );
        }
        Format::Dicom => {
            return Ok(
                dicom::open(bytes, name, limits)?.map(|source| Source::Dicom(Box::new(source)))
            );
        }
        Format::Png => {
            // Bounds what compressed text and colour profiles may unpack to; pixels come later.
            let mut bounds = image::Limits::no_limits();
            bounds.max_alloc = Some(64 << 20);
            Box::new(PngDecoder::with_limits(cursor, bounds).map_err(refused)?)
        }
        Format::Bmp => Box::new(BmpDecoder::new(cursor).map_err(refused)?),
        Format::WebP => {
            check_riff_length(bytes, name)?;
            Box::new(WebPDecoder::new(cursor).map_err(refused)?)
        }
    };
    let (width, height) = decoder.dimensions();
    limits.check_size(name, width, height)?;
    // A film whose EXIF block cannot be read is shown as stored, as every viewer does.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let bit_depth = match decoder.color_type() {
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => 16,
        _ => 8,
    };
    let colour = stored_colour(bytes, format, decoder.color_type());
    Ok(Opened {
        header: Header::new(format, width, height, bit_depth, colour, orientation),
        orientation,
        stored_size: (width as usize, height as usize),
        source: Source::Image(decoder),
    })
}

/// Refuses a WebP file shorter than its container says. The decoder would not miss a cut EXIF
/// block behind the pixels, and the film would lie on its side.
fn check_riff_length(bytes: &[u8], name: &str) -> Result<(), RadiographError> {
    let Some(length) = bytes.get(4..8).and_then(|length| length.first_chunk::<4>()) else {
        return Ok(());
    };
    let expected = u64::from(u32::from_le_bytes(*length)) + 8;
    if (bytes.len() as u64) < expected {
        return Err(RadiographError::Truncated {
            name: name.to_owned(),
            format: Format::WebP,
            detail: format!("expected {expected} bytes, found {}", bytes.len()),
        });
    }
    Ok(())
}

/// The colour layout as stored. The decoders expand palettes and low depths before they say what
/// they hold, so it is read from the header's own bytes, which the decoder has already accepted.
fn stored_colour(bytes: &[u8], format: Format, decoded: ColorType) -> String {
    match format {
        Format::Png => {
            let layout = match bytes.get(25) {
                Some(2) => "RGB",
                Some(3) => "palette",
                Some(4) => "grey+alpha",
                Some(6) => "RGBA",
                _ => "grey",
            };
            format!("{layout} {}-bit", bytes.get(24).copied().unwrap_or(8))
        }
        Format::Bmp => match bytes.get(28..30) {
            Some(&[bits @ (1 | 2 | 4 | 8), 0]) => format!("palette {bits}-bit"),
            _ if decoded.has_alpha() => "RGBA 8-bit".to_owned(),
            _ => "RGB 8-bit".to_owned(),
        },
        _ if decoded.has_alpha() => "RGBA 8-bit".to_owned(),
        _ => "RGB 8-bit".to_owned(),
    }
}

fn read_with_image(
    decoder: Box<dyn ImageDecoder + '_>,
    name: &str,
    format: Format,
    significant_bits: Option<u8>,
) -> Result<Grey, RadiographError> {
    let colour = decoder.color_type();
    let samples = usize::from(colour.channel_count());
    let length = usize::try_from(decoder.total_bytes())
        .expect("limits keep a film's bytes within the address space");
    let mut values = vec![0; length];
    decoder
        .read_image_boxed(&mut values)
        .map_err(|error| refused(name, format, error))?;
    Ok(match colour {
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            let mut values: Vec<u16> = values
                .as_chunks::<2>()
                .0
                .iter()
                .map(|&pair| u16::from_ne_bytes(pair))
                .collect();
            let used_bits = depth::stretch(&mut values, samples, significant_bits);
            grey::from_samples(&values, samples).with_bits(used_bits)
        }
        _ => grey::from_samples(&values, samples),
    })
}

fn refused(name: &str, format: Format, error: ImageError) -> RadiographError {
    let name = name.to_owned();
    let detail = error.to_string();
    match error {
        ImageError::Unsupported(_) => RadiographError::Unsupported {
            name,
            format,
            detail,
        },
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            RadiographError::Truncated {
                name,
                format,
                detail: "it ends before its pixels do".to_owned(),
            }
        }
        _ if is_end_of_file(&error) => RadiographError::Truncated {
            name,
            format,
            detail: "it ends before its pixels do".to_owned(),
        },
        _ => RadiographError::Damaged {
            name,
            format,
            detail,
        },
    }
}

/// Whether an early end of the file is somewhere among the causes.
fn is_end_of_file(error: &ImageError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::UnexpectedEof
        {
            return true;
        }
        cause = error.source();
    }
    false
}
