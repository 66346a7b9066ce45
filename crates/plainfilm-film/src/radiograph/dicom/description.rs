//! How the pixels are laid out (PS3.3 C.7.6.3), checked before anything is allocated for them.

use super::super::{Limits, RadiographError};
use super::Fault;
use super::elements::DataSet;

/// What the samples of a pixel mean (PS3.3 C.7.6.3.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Photometric {
    /// The least value is white.
    Monochrome1,
    /// The least value is black.
    Monochrome2,
    Palette,
    /// Also what JPEG 2000's own colour transforms (YBR_ICT, YBR_RCT) are decoded to.
    Rgb,
    /// Luma of full range, and chroma.
    Ybr,
    /// The same, with the chroma of two pixels beside each other stored once.
    Ybr422,
    /// Luma from 16 to 235, with the chroma of two pixels stored once.
    YbrPartial422,
}

/// The pixels as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) frames: u32,
    pub(super) samples: usize,
    /// Bits of a sample's cell: 1, 8 or 16.
    pub(super) allocated: u8,
    /// Bits that a sample uses.
    pub(super) stored: u8,
    /// The highest of them.
    pub(super) high: u8,
    pub(super) signed: bool,
    /// Whether all reds come before all greens.
    pub(super) planar: bool,
    pub(super) photometric: Photometric,
}

impl Description {
    pub(super) fn read(
        data: &DataSet<'_>,
        name: &str,
        limits: &Limits,
    ) -> Result<Self, RadiographError> {
        let fault = |fault: Fault| fault.of(name);
        let needed = |tag: u32, what: &str| {
            let missing = || Fault::Damaged(format!("expected {what}, found none"));
            data.whole(tag).ok_or_else(missing).map_err(fault)
        };
        let rows = u32::from(needed(0x0028_0010, "Rows")?);
        let columns = u32::from(needed(0x0028_0011, "Columns")?);
        limits.check_size(name, columns, rows)?;
        Self::layout(data, rows, columns).map_err(fault)
    }

    fn layout(data: &DataSet<'_>, rows: u32, columns: u32) -> Result<Self, Fault> {
        let samples = usize::from(data.whole(0x0028_0002).unwrap_or(1));
        let photometric = photometric(data.code(0x0028_0004).as_deref(), samples)?;
        let expected = match photometric {
            Photometric::Monochrome1 | Photometric::Monochrome2 | Photometric::Palette => 1,
            _ => 3,
        };
        if samples != expected {
            return Err(Fault::Damaged(format!(
                "expected {expected} samples a pixel for its photometric interpretation, \
                 found {samples}"
            )));
        }
        let allocated = match data.whole(0x0028_0100) {
            Some(bits @ (1 | 8 | 16)) => bits as u8,
            Some(bits @ (32 | 64)) => {
                return Err(Fault::Unsupported(format!("samples of {bits} bits")));
            }
            Some(bits) => {
                return Err(Fault::Damaged(format!(
                    "expected 1, 8 or 16 bits allocated, found {bits}"
                )));
            }
            None => {
                return Err(Fault::Damaged(
                    "expected Bits Allocated, found none".to_owned(),
                ));
            }
        };
        let within = |bits: &u16| (1..=u16::from(allocated)).contains(bits);
        let stored = match data.whole(0x0028_0101) {
            None => u16::from(allocated),
            Some(stored) if within(&stored) => stored,
            Some(stored) => {
                return Err(Fault::Damaged(format!(
                    "expected at most {allocated} bits stored, found {stored}"
                )));
            }
        };
        // A highest bit that leaves no room for the others is a mistake; samples lie at the low end then.
        let high = data
            .whole(0x0028_0102)
            .filter(|high| (stored..=u16::from(allocated)).contains(&(high.saturating_add(1))))
            .unwrap_or(stored - 1);
        let frames = data.number(0x0028_0008).unwrap_or(1.0).clamp(1.0, 1e9) as u32;
        Ok(Self {
            rows,
            columns,
            frames,
            samples,
            allocated,
            stored: stored as u8,
            high: high as u8,
            signed: data.whole(0x0028_0103) == Some(1),
            planar: samples > 1 && data.whole(0x0028_0006) == Some(1),
            photometric,
        })
    }

    pub(super) fn pixels(&self) -> usize {
        self.rows as usize * self.columns as usize
    }

    /// Bytes of one frame that is not compressed; the last bits of a frame of single bits may share a byte with
    /// the next.
    pub(super) fn frame_bytes(&self) -> usize {
        match (self.photometric, self.allocated) {
            // Two lumas share two chromas.
            (Photometric::Ybr422 | Photometric::YbrPartial422, _) => {
                self.pixels().div_ceil(2) * 4 * usize::from(self.allocated / 8)
            }
            (_, 1) => (self.pixels() * self.samples).div_ceil(8),
            _ => self.pixels() * self.samples * usize::from(self.allocated / 8),
        }
    }

    /// What [`Provenance::colour`](super::super::Provenance::colour) says.
    pub(super) fn colour(&self) -> String {
        let layout = match self.photometric {
            Photometric::Monochrome1 => "grey, white is zero,",
            Photometric::Monochrome2 => "grey",
            Photometric::Palette => "palette",
            Photometric::Rgb => "RGB",
            _ => "YCbCr",
        };
        let signed = if self.signed { " signed" } else { "" };
        format!("{layout} {}-bit{signed}", self.stored)
    }
}

fn photometric(said: Option<&str>, samples: usize) -> Result<Photometric, Fault> {
    Ok(match said {
        Some("MONOCHROME1") => Photometric::Monochrome1,
        Some("MONOCHROME2") => Photometric::Monochrome2,
        Some("PALETTE COLOR") => Photometric::Palette,
        Some("RGB" | "YBR_ICT" | "YBR_RCT") => Photometric::Rgb,
        Some("YBR_FULL") => Photometric::Ybr,
        Some("YBR_FULL_422") => Photometric::Ybr422,
        Some("YBR_PARTIAL_422") => Photometric::YbrPartial422,
        None if samples == 1 => Photometric::Monochrome2,
        None => Photometric::Rgb,
        Some("ARGB" | "CMYK" | "HSV" | "YBR_PARTIAL_420" | "XYB") => {
            return Err(Fault::Unsupported(
                "colours other than grey, RGB, YBR and palettes".to_owned(),
            ));
        }
        Some(_) => {
            return Err(Fault::Damaged(
                "expected a photometric interpretation, found an unknown one".to_owned(),
            ));
        }
    })
}
