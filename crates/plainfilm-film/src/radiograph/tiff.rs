//! TIFF films, first page: grey of 1 to 32 bits, signed too, palette, RGB, CMYK, YCbCr and floating point.
//!
//! Only 8 bits and less have a full scale of their own; that of everything else is found by [`depth`].

use std::borrow::Cow;
use std::io::Cursor;

use image::metadata::Orientation;
use tiff::decoder::{BufferLayoutPreference, Decoder, DecodingResult};
use tiff::tags::{PhotometricInterpretation, SampleFormat, Tag};
use tiff::{ColorType, TiffError};

use super::depth;
use super::grey::{self, Grey};
use super::opened::{Header, Opened};
use super::{Format, Limits, RadiographError};

/// Difference of blue or red from luma, in 8-bit steps, from which a pixel is coloured: with it red,
/// green and blue lie `(1.402 + 0.714) * 30 = 63` steps apart, a quarter of full scale.
const COLOURED: u8 = 30;

pub(super) struct TiffSource<'a> {
    decoder: Decoder<Cursor<Cow<'a, [u8]>>>,
    colour: ColorType,
    /// Red, green and blue of each palette entry, for a palette film.
    palette: Option<Vec<[u16; 3]>>,
    /// Whether the file's zero is white; the decoder has exchanged black and white then, in the container's range.
    is_white_zero: bool,
    /// Bits that hold the largest value that the file says it uses.
    significant_bits: Option<u8>,
    width: usize,
    height: usize,
}

pub(super) fn open<'a>(
    bytes: &'a [u8],
    name: &str,
    limits: &Limits,
) -> Result<Opened<TiffSource<'a>>, RadiographError> {
    let refused = |error| refused(name, error);
    let unsupported = |detail: String| RadiographError::Unsupported {
        name: name.to_owned(),
        format: Format::Tiff,
        detail,
    };
    let (bytes, is_palette) = match palette_as_grey(bytes) {
        Some(patched) => (Cow::Owned(patched), true),
        None => (Cow::Borrowed(bytes), false),
    };
    let mut bounds = tiff::decoder::Limits::default();
    let most = usize::try_from(limits.decoder_bytes()).unwrap_or(usize::MAX);
    bounds.decoding_buffer_size = most;
    bounds.intermediate_buffer_size = most;
    let mut decoder = Decoder::new(Cursor::new(bytes))
        .map_err(refused)?
        .with_limits(bounds);
    let (width, height) = decoder.dimensions().map_err(refused)?;
    limits.check_size(name, width, height)?;

    let colour = decoder.colortype().map_err(refused)?;
    let bits = colour.bit_depth();
    let format = decoder
        .find_tag_unsigned_vec::<u16>(Tag::SampleFormat)
        .map_err(refused)?
        .and_then(|formats| formats.first().copied());
    let is_float = format == Some(SampleFormat::IEEEFP.to_u16());
    let is_signed = format == Some(SampleFormat::Int.to_u16());
    if let Some(format) = format.filter(|&format| format != SampleFormat::Uint.to_u16())
        && !is_float
        && !is_signed
    {
        return Err(unsupported(format!("sample format {format}")));
    }
    let layout = match colour {
        ColorType::Gray(_) if is_palette => "palette",
        ColorType::Gray(_) => "grey",
        ColorType::GrayA(_) => "grey+alpha",
        // Grey with extra samples, of which the first is grey.
        ColorType::Multiband { .. } => "grey+extra",
        ColorType::RGB(_) => "RGB",
        ColorType::RGBA(_) => "RGBA",
        ColorType::CMYK(8) | ColorType::CMYKA(8) => "CMYK",
        ColorType::YCbCr(8) => "YCbCr",
        other => return Err(unsupported(format!("colours stored as {other:?}"))),
    };
    let is_grey = matches!(
        colour,
        ColorType::Gray(_) | ColorType::GrayA(_) | ColorType::Multiband { .. }
    ) && !is_palette;
    let supported = match (colour, bits) {
        _ if is_float => matches!(bits, 16 | 32 | 64) && !is_palette,
        _ if is_signed => matches!(bits, 8 | 16 | 32) && is_grey,
        (ColorType::Gray(_), 1 | 2 | 4) => true,
        (_, 32) => is_grey,
        _ => matches!(bits, 8 | 16),
    };
    let kind = match (is_float, is_signed) {
        (true, _) => "-bit float",
        (_, true) => "-bit signed",
        _ => "-bit",
    };
    if !supported {
        return Err(unsupported(format!("{bits}{kind} samples")));
    }
    let palette = if is_palette {
        let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(refused)?;
        Some(colour_palette(&map))
    } else {
        None
    };
    let orientation = decoder
        .find_tag_unsigned::<u8>(Tag::Orientation)
        .ok()
        .flatten()
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms);
    let bit_depth = if (bits <= 8 || is_palette) && !is_float && !is_signed {
        8
    } else {
        16
    };
    let is_white_zero = decoder
        .find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)
        .map_err(refused)?
        == Some(PhotometricInterpretation::WhiteIsZero.to_u16());
    // A tag that cannot be read is no reason to refuse a film that can.
    let significant_bits = decoder
        .find_tag_unsigned_vec::<u32>(Tag::MaxSampleValue)
        .ok()
        .flatten()
        .and_then(|values| values.first()?.checked_ilog2())
        .map(|top| top as u8 + 1);
    Ok(Opened {
        header: Header::new(
            Format::Tiff,
            width,
            height,
            bit_depth,
            format!("{layout} {bits}{kind}"),
            orientation,
        ),
        orientation,
        stored_size: (width as usize, height as usize),
        source: TiffSource {
            decoder,
            colour,
            palette,
            is_white_zero,
            significant_bits,
            width: width as usize,
            height: height as usize,
        },
    })
}

impl TiffSource<'_> {
    pub(super) fn read(mut self, name: &str) -> Result<Grey, RadiographError> {
        let damaged = |detail: &str| RadiographError::Damaged {
            name: name.to_owned(),
            format: Format::Tiff,
            detail: detail.to_owned(),
        };
        let mut read = DecodingResult::U8(Vec::new());
        let layout = self
            .decoder
            .read_image_to_buffer(&mut read)
            .map_err(|error| refused(name, error))?;
        if read.as_buffer(0).byte_len() < layout.complete_len {
            return Err(damaged("its planes are larger than the limit"));
        }
        let pixels = self.width * self.height;
        let short = || damaged("it holds fewer samples than its header says");
        match read {
            DecodingResult::U8(values) => {
                let bits = usize::from(self.colour.bit_depth());
                let values = if bits < 8 {
                    unpack(
                        &values,
                        self.width,
                        self.height,
                        bits,
                        self.palette.is_none(),
                    )
                    .ok_or_else(short)?
                } else {
                    self.interleaved(values, &layout).ok_or_else(short)?
                };
                self.to_grey_8(values, pixels).ok_or_else(short)
            }
            DecodingResult::U16(values) => {
                let values = self.interleaved(values, &layout).ok_or_else(short)?;
                if let Some(palette) = &self.palette {
                    return look_up(palette, values.into_iter().map(usize::from))
                        .ok_or_else(|| damaged("a pixel lies outside its palette"));
                }
                self.to_grey_16(values).ok_or_else(short)
            }
            DecodingResult::U32(values) => {
                let black_is_zero = |&value: &u32| if self.is_white_zero { !value } else { value };
                let values = values
                    .iter()
                    .map(|value| black_is_zero(value).into())
                    .collect();
                self.whole(values, &layout).ok_or_else(short)
            }
            DecodingResult::I8(values) => {
                let values = values.into_iter().map(i64::from).collect();
                self.whole(values, &layout).ok_or_else(short)
            }
            DecodingResult::I16(values) => {
                let values = values.into_iter().map(i64::from).collect();
                self.whole(values, &layout).ok_or_else(short)
            }
            DecodingResult::I32(values) => {
                let values = values.into_iter().map(i64::from).collect();
                self.whole(values, &layout).ok_or_else(short)
            }
            DecodingResult::F16(values) => {
                let values = values.iter().map(|value| f64::from(*value)).collect();
                self.float(values, &layout)
                    .map_err(|detail| damaged(&detail))
            }
            DecodingResult::F32(values) => {
                let values = values.iter().map(|value| f64::from(*value)).collect();
                self.float(values, &layout)
                    .map_err(|detail| damaged(&detail))
            }
            DecodingResult::F64(values) => self
                .float(values, &layout)
                .map_err(|detail| damaged(&detail)),
            _ => Err(damaged("its samples are not of the kind its header says")),
        }
    }

    /// Samples that make a pixel's grey. Extra ones behind a grey sample do not.
    fn samples(&self) -> usize {
        match self.colour {
            ColorType::Multiband { num_samples, .. } => usize::from(num_samples),
            other => usize::from(other.num_samples()),
        }
    }

    /// Sample-by-sample order, whether the file keeps its channels together or in planes.
    fn interleaved<T: Copy>(
        &self,
        values: Vec<T>,
        layout: &BufferLayoutPreference,
    ) -> Option<Vec<T>> {
        let samples = self.samples();
        let pixels = self.width * self.height;
        if layout.planes <= 1 {
            return (values.len() >= pixels * samples).then_some(values);
        }
        let plane = layout.plane_stride?.get() / size_of::<T>();
        let planes: Vec<&[T]> = values.chunks_exact(plane).take(samples).collect();
        if planes.len() < samples || plane < pixels {
            return None;
        }
        Some(
            (0..pixels)
                .flat_map(|pixel| planes.iter().map(move |plane| plane[pixel]))
                .collect(),
        )
    }

    fn to_grey_8(&self, values: Vec<u8>, pixels: usize) -> Option<Grey> {
        if let Some(palette) = &self.palette {
            return look_up(palette, values.into_iter().take(pixels).map(usize::from));
        }
        let samples = self.samples();
        let values = values.get(..pixels * samples)?;
        Some(match self.colour {
            ColorType::CMYK(_) | ColorType::CMYKA(_) => grey::from_colours(
                values
                    .chunks_exact(samples)
                    .map(|ink| grey::rgb_of_cmyk(ink[0], ink[1], ink[2], ink[3])),
                255,
            ),
            // The first sample is the luma already, or the only grey one.
            ColorType::YCbCr(_) | ColorType::Multiband { .. } => {
                let is_coloured = |pixel: &&[u8]| {
                    matches!(self.colour, ColorType::YCbCr(_))
                        && pixel[1..3]
                            .iter()
                            .any(|&chroma| chroma.abs_diff(128) > COLOURED)
                };
                Grey {
                    used_bits: 8,
                    coloured: values.chunks_exact(samples).filter(is_coloured).count() as u32,
                    pixels: values
                        .iter()
                        .step_by(samples)
                        .map(|&value| value.into())
                        .collect(),
                }
            }
            _ => grey::from_samples(values, samples),
        })
    }

    fn float(&self, values: Vec<f64>, layout: &BufferLayoutPreference) -> Result<Grey, String> {
        let samples = self.samples();
        let values = self
            .interleaved(values, layout)
            .ok_or("it holds fewer samples than its header says")?;
        let mut grey: Vec<f64> = match self.colour {
            ColorType::RGB(_) | ColorType::RGBA(_) => values
                .chunks_exact(samples)
                .map(|pixel| 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2])
                .collect(),
            _ => values.into_iter().step_by(samples).collect(),
        };
        if let Some(at) = grey.iter().position(|value| !value.is_finite()) {
            return Err(format!(
                "expected finite values, found {} at pixel {at}",
                grey[at]
            ));
        }
        if self.is_white_zero {
            // The decoder exchanged black and white of fractions.
            grey.iter_mut().for_each(|value| *value = 1.0 - *value);
        }
        // Colours of floating-point films are not counted: they have no full scale to compare with.
        let (mut pixels, used_bits) = depth::of_fractions(&grey, self.significant_bits);
        self.exchange_if_white_is_zero(&mut pixels);
        Ok(Grey::plain(pixels).with_bits(used_bits))
    }

    /// 16-bit samples, brought to full scale.
    fn to_grey_16(&self, mut values: Vec<u16>) -> Option<Grey> {
        let mut samples = self.samples();
        if matches!(self.colour, ColorType::Multiband { .. }) {
            values = values.into_iter().step_by(samples).collect();
            samples = 1;
        }
        // The depth shows in the levels as the file has them.
        if self.is_white_zero {
            values.iter_mut().for_each(|value| *value = !*value);
        }
        let used_bits = depth::stretch(&mut values, samples, self.significant_bits);
        self.exchange_if_white_is_zero(&mut values);
        Some(grey::from_samples(&values, samples).with_bits(used_bits))
    }

    /// Whole numbers of any sign, of which the first of each pixel is grey.
    fn whole(&self, values: Vec<i64>, layout: &BufferLayoutPreference) -> Option<Grey> {
        let values = self.interleaved(values, layout)?;
        let grey: Vec<i64> = values.into_iter().step_by(self.samples()).collect();
        let (mut pixels, used_bits) = depth::of_whole(&grey, self.significant_bits);
        self.exchange_if_white_is_zero(&mut pixels);
        Some(Grey::plain(pixels).with_bits(used_bits))
    }

    fn exchange_if_white_is_zero(&self, levels: &mut [u16]) {
        if self.is_white_zero {
            levels.iter_mut().for_each(|level| *level = !*level);
        }
    }
}

/// Red, green and blue of each palette entry. A TIFF colour map lists all reds, then all greens, then all blues,
/// as 16-bit values; Pillow keeps their upper bytes.
fn colour_palette(map: &[u16]) -> Vec<[u16; 3]> {
    let entries = map.len() / 3;
    (0..entries)
        .map(|entry| {
            let channel = |which: usize| map[which * entries + entry] >> 8;
            [channel(0), channel(1), channel(2)]
        })
        .collect()
}

fn look_up(palette: &[[u16; 3]], indices: impl Iterator<Item = usize>) -> Option<Grey> {
    let colours: Option<Vec<[u16; 3]>> = indices.map(|index| palette.get(index).copied()).collect();
    Some(grey::from_colours(colours?.into_iter(), 255))
}

/// One byte per sample from rows of packed 1-, 2- or 4-bit ones, scaled to 0..=255 if `scale`.
fn unpack(packed: &[u8], width: usize, height: usize, bits: usize, scale: bool) -> Option<Vec<u8>> {
    let stride = (width * bits).div_ceil(8);
    let full = (1_u8 << bits) - 1;
    let factor = if scale { 255 / full } else { 1 };
    let mut values = Vec::with_capacity(width * height);
    for row in 0..height {
        let row = packed.get(row * stride..(row + 1) * stride)?;
        values.extend((0..width).map(|x| {
            let shift = 8 - bits - (x * bits) % 8;
            ((row[x * bits / 8] >> shift) & full) * factor
        }));
    }
    Some(values)
}

/// A copy of a palette TIFF that calls itself grey, so that the decoder, which does not know
/// palettes, gives the indices. `None` for any other file.
fn palette_as_grey(bytes: &[u8]) -> Option<Vec<u8>> {
    const PHOTOMETRIC: u16 = 262;
    const PALETTE: u16 = 3;
    const BLACK_IS_ZERO: u16 = 1;
    let little = bytes.starts_with(b"II*\0");
    if !little && !bytes.starts_with(b"MM\0*") {
        return None;
    }
    let short = |at: usize| -> Option<u16> {
        let pair = *bytes.get(at..)?.first_chunk::<2>()?;
        Some(if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        })
    };
    let directory = *bytes.get(4..)?.first_chunk::<4>()?;
    let directory = if little {
        u32::from_le_bytes(directory)
    } else {
        u32::from_be_bytes(directory)
    } as usize;
    let entries = usize::from(short(directory)?);
    let entry = (0..entries)
        .map(|index| directory + 2 + index * 12)
        .find(|&entry| short(entry) == Some(PHOTOMETRIC))?;
    if short(entry + 8)? != PALETTE {
        return None;
    }
    let mut patched = bytes.to_vec();
    let value = if little {
        BLACK_IS_ZERO.to_le_bytes()
    } else {
        BLACK_IS_ZERO.to_be_bytes()
    };
    patched[entry + 8..entry + 10].copy_from_slice(&value);
    Some(patched)
}

fn refused(name: &str, error: TiffError) -> RadiographError {
    let name = name.to_owned();
    let format = Format::Tiff;
    let detail = error.to_string();
    match error {
        TiffError::UnsupportedError(_) => RadiographError::Unsupported {
            name,
            format,
            detail,
        },
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            RadiographError::Truncated {
                name,
                format,
                detail: "it ends before its pixels do".to_owned(),
            }
        }
        _ => RadiographError::Damaged {
            name,
            format,
            detail,
        },
    }
}
