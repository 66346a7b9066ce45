//! Stored colours to grey.

use super::super::grey::{self, Grey};
use super::description::{Description, Photometric};
use super::elements::DataSet;
use super::stored;
use super::table::Table;

/// Difference of blue or red from luma, as a part of full scale, from which a pixel is coloured: see the same number
/// of TIFF, 30 of 255.
const COLOURED: u32 = 30;

/// Red, green and blue of each index (PS3.3 C.7.6.3.1.5 and C.7.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Palette([Table; 3]);

impl Palette {
    pub(super) fn read(data: &DataSet<'_>, signed: bool) -> Option<Self> {
        let table =
            |which: u32| Table::read(data, 0x0028_1101 + which, 0x0028_1201 + which, signed);
        Some(Self([table(0)?, table(1)?, table(2)?]))
    }

    /// Bits of its colours: 8 or 16.
    pub(super) fn depth(&self) -> u8 {
        if self.0.iter().any(|table| table.full > 255) {
            16
        } else {
            8
        }
    }

    /// The grey of each stored index.
    pub(super) fn grey(&self, bits: &[u16], layout: &Description) -> Grey {
        let full = if self.depth() == 8 { 255 } else { u16::MAX };
        let colours = bits.iter().map(|&bits| {
            let index = stored::number(bits, layout);
            self.0
                .each_ref()
                .map(|table| scaled(table.look_up(index), table.full, full))
        });
        grey::from_colours(colours, full).with_bits(self.depth())
    }
}

fn scaled(value: u16, from: u16, to: u16) -> u16 {
    if from == to {
        return value;
    }
    let (value, from, to) = (u32::from(value), u32::from(from.max(1)), u32::from(to));
    ((value.min(from) * to + from / 2) / from) as u16
}

/// The grey of interleaved red, green and blue, or of luma and chroma.
pub(super) fn grey(mut samples: Vec<u16>, layout: &Description, ybr: bool) -> Grey {
    let full = if layout.stored <= 8 { 255 } else { u16::MAX };
    let most = u16::MAX >> (16 - layout.stored);
    for sample in &mut samples {
        *sample = scaled(*sample, most, full);
    }
    let pixels = samples.as_chunks::<3>().0;
    if !ybr {
        let grey = grey::from_colours(pixels.iter().copied(), full);
        return grey.with_bits(layout.stored.max(8));
    }
    let middle = full / 2 + 1;
    let tinted = (u32::from(full) * COLOURED / 255) as u16;
    let coloured = pixels
        .iter()
        .filter(|pixel| {
            pixel[1..]
                .iter()
                .any(|&chroma| chroma.abs_diff(middle) > tinted)
        })
        .count() as u32;
    let luma = |&[luma, ..]: &[u16; 3]| match layout.photometric {
        // Luma of 16 to 235 (PS3.3 C.7.6.3.1.2).
        Photometric::YbrPartial422 => {
            let (luma, full) = (u32::from(luma), u32::from(full));
            let above = luma.saturating_sub(full * 16 / 255);
            ((above * 255 + 109) / 219).min(full) as u16
        }
        _ => luma,
    };
    Grey {
        pixels: pixels.iter().map(luma).collect(),
        coloured,
        used_bits: layout.stored.max(8),
    }
}
