//! A DICOM film: opened by its header, then read to stored values and on to grey.

use image::metadata::Orientation;

use super::super::depth;
use super::super::grey::Grey;
use super::super::opened::{Header, Opened};
use super::super::{Format, Limits, RadiographError};
use super::colour::{self, Palette};
use super::description::{Description, Photometric};
use super::elements::{DataSet, Pixels};
use super::file::File;
use super::frames::{self, Offsets};
use super::grey_levels::GreyLevels;
use super::syntax::Compression;
use super::{Fault, codec, stored};

/// What the stored values of a film mean.
#[derive(PartialEq)]
enum Meaning {
    Grey(GreyLevels),
    Palette(Palette),
    Colour,
}

pub(in super::super) struct DicomSource<'a> {
    file: File<'a>,
    layout: Description,
    meaning: Meaning,
    pixels: Pixels,
    /// The extended offset table.
    extended: Vec<u64>,
}

/// Samples of the first frame as stored: bits taken out of their cells, nothing rescaled or shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValues {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Values of a pixel: 1, or 3 for colours.
    pub samples: usize,
    /// Whether the three are luma and two chromas.
    pub ybr: bool,
    /// `width * height * samples` values, pixel by pixel.
    pub values: Vec<i32>,
}

/// The stored values of a DICOM file's first frame, for comparisons with other readers.
///
/// # Errors
///
/// As [`decode`](crate::radiograph::decode()).
pub fn stored_values(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Result<StoredValues, RadiographError> {
    let source = open(bytes, name, limits)?.source;
    let (bits, ybr) = source.bits().map_err(|fault| fault.of(name))?;
    let layout = &source.layout;
    Ok(StoredValues {
        width: layout.columns,
        height: layout.rows,
        samples: layout.samples,
        ybr,
        values: bits
            .into_iter()
            .map(|bits| stored::number(bits, layout))
            .collect(),
    })
}

pub(in super::super) fn open<'a>(
    bytes: &'a [u8],
    name: &str,
    limits: &Limits,
) -> Result<Opened<DicomSource<'a>>, RadiographError> {
    limits.check_file(name, bytes.len() as u64)?;
    let fault = |fault: Fault| fault.of(name);
    let file = File::open(bytes, limits).map_err(fault)?;
    let (data, pixels) =
        DataSet::read(&file.bytes, file.start, file.syntax.encoding).map_err(fault)?;
    let pixels = pixels.ok_or_else(|| fault(without_pixels(&data)))?;
    let layout = Description::read(&data, name, limits)?;
    let meaning = meaning(&data, &layout).map_err(fault)?;
    let extended = data.get(0x7fe0_0001).map_or_else(Vec::new, |table| {
        let entries = table.bytes.as_chunks::<8>().0.iter();
        entries.map(|&entry| u64::from_le_bytes(entry)).collect()
    });
    drop(data);
    let bit_depth = match &meaning {
        Meaning::Palette(palette) => palette.depth(),
        _ if layout.stored > 8 => 16,
        _ => 8,
    };
    // DICOM has orientations of its own, relative to the patient; films are stored as they are hung.
    let upright = Orientation::NoTransforms;
    Ok(Opened {
        header: Header::new(
            Format::Dicom,
            layout.columns,
            layout.rows,
            bit_depth,
            layout.colour(),
            upright,
        ),
        orientation: upright,
        stored_size: (layout.columns as usize, layout.rows as usize),
        source: DicomSource {
            file,
            layout,
            meaning,
            pixels,
            extended,
        },
    })
}

/// Why a data set without pixel data is no film.
fn without_pixels(data: &DataSet<'_>) -> Fault {
    if data.get(0x7fe0_0008).is_some() || data.get(0x7fe0_0009).is_some() {
        return Fault::Unsupported("floating-point pixel data".to_owned());
    }
    if data.get(0x0004_1220).is_some() {
        return Fault::Unsupported("a DICOMDIR, which lists films and holds none".to_owned());
    }
    if data.get(0x0028_0010).is_some() {
        return Fault::Truncated("it ends before its pixel data".to_owned());
    }
    Fault::Unsupported("an object without pixel data".to_owned())
}

fn meaning(data: &DataSet<'_>, layout: &Description) -> Result<Meaning, Fault> {
    let grey = |white_is_zero| Meaning::Grey(GreyLevels::read(data, layout.signed, white_is_zero));
    Ok(match layout.photometric {
        Photometric::Monochrome1 => grey(true),
        Photometric::Monochrome2 => grey(false),
        Photometric::Palette if data.get(0x0028_1221).is_some() => {
            return Err(Fault::Unsupported("a segmented palette".to_owned()));
        }
        Photometric::Palette => {
            let palette = Palette::read(data, layout.signed);
            Meaning::Palette(palette.ok_or_else(|| {
                Fault::Damaged("expected a palette of red, green and blue, found none".to_owned())
            })?)
        }
        _ => Meaning::Colour,
    })
}

impl DicomSource<'_> {
    pub(in super::super) fn read(self, name: &str) -> Result<Grey, RadiographError> {
        let (bits, ybr) = self.bits().map_err(|fault| fault.of(name))?;
        Ok(match &self.meaning {
            Meaning::Grey(levels) => self.shown(levels, bits),
            Meaning::Palette(palette) => palette.grey(&bits, &self.layout),
            Meaning::Colour => colour::grey(bits, &self.layout, ybr),
        })
    }

    /// Whether another file with the same pixels shows the same film.
    pub(super) fn looks_like(&self, other: &DicomSource<'_>) -> bool {
        self.layout == other.layout
            && self.meaning == other.meaning
            && self.extended == other.extended
            && self.file.syntax.compression == other.file.syntax.compression
            && self.file.syntax.encoding.big == other.file.syntax.encoding.big
    }

    /// The stored bits of the first frame, interleaved, and whether they are luma and chroma.
    fn bits(&self) -> Result<(Vec<u16>, bool), Fault> {
        let layout = &self.layout;
        let says_ybr = matches!(
            layout.photometric,
            Photometric::Ybr | Photometric::Ybr422 | Photometric::YbrPartial422
        );
        let data: &[u8] = &self.file.bytes;
        let syntax = self.file.syntax;
        let (frame, in_words) = match &self.pixels {
            Pixels::Native { range, in_words } => {
                if syntax.compression != Compression::None {
                    return Err(Fault::Damaged(
                        "expected compressed pixels in fragments, found plain ones".to_owned(),
                    ));
                }
                let (found, expected) = (range.len() as u64, self.native_bytes());
                if found < expected {
                    return Err(Fault::Truncated(format!(
                        "expected {expected} bytes of pixels, found {found}"
                    )));
                }
                (data[range.clone()].into(), *in_words)
            }
            Pixels::Encapsulated { offsets, fragments } => {
                let offsets = Offsets {
                    basic: offsets,
                    extended: &self.extended,
                    frames: layout.frames,
                };
                (frames::first(data, fragments, &offsets)?, false)
            }
        };
        let decoded = codec::decode(&frame, syntax.compression, layout)?;
        let (mut bits, ybr) = match decoded {
            Some(decoded) => (decoded.samples, decoded.ybr.unwrap_or(says_ybr)),
            None if syntax.compression == Compression::DeflatedFrame => {
                let frame = codec::inflated(&frame, layout)?;
                let bits = stored::cells(&frame, layout, syntax.encoding, false)?;
                (bits, says_ybr)
            }
            None => {
                let bits = stored::cells(&frame, layout, syntax.encoding, in_words)?;
                (bits, says_ybr)
            }
        };
        stored::take_bits(&mut bits, layout);
        Ok((bits, ybr))
    }

    /// Bytes that the header says the plain pixels of all frames have.
    fn native_bytes(&self) -> u64 {
        let frames = u64::from(self.layout.frames);
        if self.layout.allocated == 1 {
            let bits = (self.layout.pixels() * self.layout.samples) as u64 * frames;
            return bits.div_ceil(8);
        }
        self.layout.frame_bytes() as u64 * frames
    }

    /// The grey levels that a viewer shows.
    fn shown(&self, levels: &GreyLevels, bits: Vec<u16>) -> Grey {
        let layout = &self.layout;
        if levels.is_open() && layout.stored == 16 {
            return Self::guessed(levels, &bits, layout);
        }
        let half = 1_i32 << (layout.stored - 1);
        let range = if layout.signed {
            (-half, half - 1)
        } else {
            (0, 2 * half - 1)
        };
        let full = if layout.stored <= 8 { 255 } else { u16::MAX };
        // One entry for each of the at most 65,536 values that can be stored.
        let numbers =
            (0..=u16::MAX >> (16 - layout.stored)).map(|bits| stored::number(bits, layout));
        let table = levels.levels(numbers, range, full);
        let pixels = bits.into_iter().map(|bits| table[usize::from(bits)]);
        Grey::plain(pixels.collect()).with_bits(layout.stored.max(8))
    }

    /// Values of which the file says no more than that they have 16 bits: as in other containers, how many of them
    /// are used shows in the values.
    fn guessed(levels: &GreyLevels, bits: &[u16], layout: &Description) -> Grey {
        let numbers: Vec<i64> = bits
            .iter()
            .map(|&bits| stored::number(bits, layout).into())
            .collect();
        let (mut pixels, used_bits) = depth::of_whole(&numbers, None);
        if levels.falls() {
            pixels.iter_mut().for_each(|level| *level = !*level);
        }
        Grey::plain(pixels).with_bits(used_bits)
    }
}
