//! Compressed frames to samples. JPEG and JPEG 2000 are decoded by crates; their headers are checked first, so that
//! an image larger than the film's Rows and Columns is refused before it is decoded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};
use jpeg2k::{DecodeParameters, Image};

use super::description::Description;
use super::syntax::Compression;
use super::{Fault, file, jpeg_says, rle};

/// Samples of a frame, interleaved, in the cells of the codec.
pub(super) struct Decoded {
    pub(super) samples: Vec<u16>,
    /// What a JPEG says of its own colours: whether they are YBR, whatever the data set says.
    pub(super) ybr: Option<bool>,
}

/// Decodes a frame. `None`: it is not compressed.
pub(super) fn decode(
    frame: &[u8],
    compression: Compression,
    layout: &Description,
) -> Result<Option<Decoded>, Fault> {
    let plain = |samples| Some(Decoded { samples, ybr: None });
    Ok(match compression {
        Compression::None | Compression::DeflatedFrame => None,
        Compression::Rle => plain(rle::decode(frame, layout)?),
        Compression::Jpeg | Compression::JpegLossless => {
            let ybr = match compression {
                Compression::Jpeg => jpeg_says::ybr(frame),
                _ => None,
            };
            let samples = guarded(|| jpeg(frame, layout))?;
            Some(Decoded { samples, ybr })
        }
        Compression::Jpeg2000 => plain(guarded(|| jpeg_2000(frame, layout))?),
    })
}

/// Deflated frames are inflated to at most what the film needs, and two bytes of padding.
pub(super) fn inflated(frame: &[u8], layout: &Description) -> Result<Vec<u8>, Fault> {
    file::inflate(frame, layout.frame_bytes() as u64 + 2)
}

/// The decoders index and count on what they read: a damaged stream can make them panic, and one film of a hundred
/// thousand must not end a night's work. Nothing of theirs is looked at afterwards, so nothing is seen half done.
fn guarded(decode: impl FnOnce() -> Result<Vec<u16>, Fault>) -> Result<Vec<u16>, Fault> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(Fault::Damaged(
            "its compressed pixels made the decoder fail".to_owned(),
        ))
    })
}

fn other_size(width: u32, height: u32, samples: usize, layout: &Description) -> Fault {
    Fault::Damaged(format!(
        "its header says {}x{} with {} samples a pixel, its compressed pixels {width}x{height} with {samples}",
        layout.columns, layout.rows, layout.samples
    ))
}

fn jpeg(frame: &[u8], layout: &Description) -> Result<Vec<u16>, Fault> {
    let refused = |error: jpeg_decoder::Error| match error {
        jpeg_decoder::Error::Unsupported(feature) => {
            Fault::Unsupported(format!("JPEG with {feature:?}"))
        }
        jpeg_decoder::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Fault::Truncated("its JPEG ends early".to_owned())
        }
        error => Fault::Damaged(format!("its JPEG: {error}")),
    };
    if let Some(bits) = jpeg_says::bits(frame)
        && bits > 8
        && !jpeg_says::is_lossless(frame)
    {
        return Err(Fault::Unsupported(format!("lossy JPEG of {bits} bits")));
    }
    let mut decoder = Decoder::new(frame);
    decoder.set_max_decoding_buffer_size(layout.pixels() * layout.samples * 2);
    decoder.read_info().map_err(refused)?;
    let info = decoder
        .info()
        .ok_or_else(|| Fault::Damaged("its JPEG has no frame".to_owned()))?;
    let samples = match info.pixel_format {
        PixelFormat::L8 | PixelFormat::L16 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::CMYK32 => 4,
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    if (width, height, samples) != (layout.columns, layout.rows, layout.samples) {
        return Err(other_size(width, height, samples, layout));
    }
    if samples == 3 {
        // As they are, by the name of RGB: the data set says which colours they are. What the decoder calls no
        // transform at all does not interleave them.
        decoder.set_color_transform(ColorTransform::RGB);
    }
    let bytes = decoder.decode().map_err(refused)?;
    Ok(match info.pixel_format {
        PixelFormat::L16 => bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|&pair| u16::from_ne_bytes(pair))
            .collect(),
        _ => bytes.into_iter().map(u16::from).collect(),
    })
}

fn jpeg_2000(frame: &[u8], layout: &Description) -> Result<Vec<u16>, Fault> {
    let size = codestream_size(frame)
        .ok_or_else(|| Fault::Damaged("its JPEG 2000 image has no size".to_owned()))?;
    if size != (layout.columns, layout.rows, layout.samples) {
        return Err(other_size(size.0, size.1, size.2, layout));
    }
    // Strict: an image that ends early is an error and not a blurred film.
    let image = Image::from_bytes_with(frame, DecodeParameters::new().strict(true))
        .map_err(|_| Fault::Damaged("its JPEG 2000 image could not be decoded".to_owned()))?;
    let components = image.components();
    let fits = |part: &jpeg2k::ImageComponent| {
        (part.width(), part.height()) == (layout.columns, layout.rows)
    };
    if components.len() != layout.samples || !components.iter().all(fits) {
        return Err(Fault::Unsupported(
            "JPEG 2000 with components of several sizes".to_owned(),
        ));
    }
    let mut samples = vec![0; layout.pixels() * layout.samples];
    for (index, component) in components.iter().enumerate() {
        let targets = samples.iter_mut().skip(index).step_by(layout.samples);
        for (target, &value) in targets.zip(component.data()) {
            // The low bits of a negative number are its two's complement, which is what is stored.
            *target = value as u16;
        }
    }
    Ok(samples)
}

/// Columns, rows and components of a JPEG 2000 codestream, from its SIZ segment, with or without boxes around it.
fn codestream_size(frame: &[u8]) -> Option<(u32, u32, usize)> {
    const START: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];
    let at = frame.windows(4).position(|window| window == START)?;
    let siz = frame.get(at + 8..)?;
    let word = |at: usize| Some(u32::from_be_bytes(*siz.get(at..)?.first_chunk::<4>()?));
    let components = u16::from_be_bytes(*siz.get(32..)?.first_chunk::<2>()?);
    Some((
        word(0)?.checked_sub(word(8)?)?,
        word(4)?.checked_sub(word(12)?)?,
        components.into(),
    ))
}
