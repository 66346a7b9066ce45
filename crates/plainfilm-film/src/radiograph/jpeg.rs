//! JPEG films: grey, YCbCr, RGB, CMYK and YCCK, baseline and progressive.
//!
//! The decoder is asked to be strict, because a lenient one fills what it cannot decode with grey
//! and says nothing. The one leniency that is kept is stray bytes between header segments, which
//! libjpeg skips too. What cannot be told, here as in libjpeg: a film whose data stop early but
//! which someone closed with an end-of-image marker.

use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::grey::{self, Grey};
use super::opened::{Header, Opened};
use super::{Format, Limits, RadiographError};

pub(super) struct JpegSource<'a> {
    decoder: JpegDecoder<ZCursor<&'a [u8]>>,
    bytes: &'a [u8],
    samples: usize,
}

pub(super) fn open<'a>(
    bytes: &'a [u8],
    name: &str,
    limits: &Limits,
) -> Result<Opened<JpegSource<'a>>, RadiographError> {
    let with_headers = |strict: bool| {
        let options = DecoderOptions::default()
            .set_strict_mode(strict)
            .set_max_width(usize::MAX)
            .set_max_height(usize::MAX);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map(|()| decoder)
    };
    let mut decoder = match with_headers(true) {
        Err(DecodeErrors::FormatStatic(text)) if text.starts_with("[strict-mode]: Extra bytes") => {
            with_headers(false)
        }
        other => other,
    }
    .map_err(|error| refused(name, error))?;

    let (width, height) = decoder
        .dimensions()
        .expect("a JPEG's size is known once its headers are decoded");
    // A JPEG header holds 16-bit sizes.
    let (width, height) = (width as u32, height as u32);
    limits.check_size(name, width, height)?;

    let stored = decoder
        .input_colorspace()
        .expect("a JPEG's colours are known once its headers are decoded");
    let (colour, samples) = match stored {
        ColorSpace::Luma => ("grey 8-bit", 1),
        ColorSpace::YCbCr => ("YCbCr 8-bit", 3),
        ColorSpace::RGB => ("RGB 8-bit", 3),
        ColorSpace::CMYK => ("CMYK 8-bit", 3),
        ColorSpace::YCCK => ("YCCK 8-bit", 3),
        other => {
            return Err(RadiographError::Unsupported {
                name: name.to_owned(),
                format: Format::Jpeg,
                detail: format!("colours stored as {other:?}"),
            });
        }
    };
    let out = if samples == 1 {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(out));
    let orientation = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif))
        .unwrap_or(Orientation::NoTransforms);
    Ok(Opened {
        header: Header::new(Format::Jpeg, width, height, 8, colour, orientation),
        orientation,
        stored_size: (width as usize, height as usize),
        source: JpegSource {
            decoder,
            bytes,
            samples,
        },
    })
}

impl JpegSource<'_> {
    pub(super) fn read(mut self, name: &str) -> Result<Grey, RadiographError> {
        if !reaches_end_of_image(self.bytes) {
            return Err(RadiographError::Truncated {
                name: name.to_owned(),
                format: Format::Jpeg,
                detail: format!(
                    "no end-of-image marker within its {} bytes",
                    self.bytes.len()
                ),
            });
        }
        let values = self
            .decoder
            .decode()
            .map_err(|error| refused(name, error))?;
        Ok(grey::from_samples(&values, self.samples))
    }
}

/// Whether an end-of-image marker follows the first scan. The decoder itself does not miss it when
/// a film is cut within its last rows.
fn reaches_end_of_image(bytes: &[u8]) -> bool {
    let mut at = 2;
    let mut in_scan = false;
    while let Some(offset) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|&byte| byte == 0xff))
    {
        at += offset + 1;
        match bytes.get(at) {
            None => return false,
            Some(0xd9) => return in_scan,
            // Fill bytes, stuffed zeros and restart markers carry no length.
            Some(0xff) => {}
            Some(0x00 | 0x01 | 0xd0..=0xd8) => at += 1,
            Some(&marker) => {
                in_scan |= marker == 0xda;
                let Some(&[high, low]) = bytes.get(at + 1..at + 3) else {
                    return false;
                };
                at += 1 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
    false
}

fn refused(name: &str, error: DecodeErrors) -> RadiographError {
    let name = name.to_owned();
    let format = Format::Jpeg;
    let detail = error.to_string();
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => RadiographError::Truncated {
            name,
            format,
            detail,
        },
        DecodeErrors::FormatStatic("Premature end of buffer") => RadiographError::Truncated {
            name,
            format,
            detail,
        },
        DecodeErrors::Unsupported(_) => RadiographError::Unsupported {
            name,
            format,
            detail,
        },
        _ => RadiographError::Damaged {
            name,
            format,
            detail,
        },
    }
}
