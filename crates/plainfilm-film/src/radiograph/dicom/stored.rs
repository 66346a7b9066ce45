//! The stored values of the first frame (PS3.5, chapter 8): samples out of their cells, interleaved.

use super::Fault;
use super::description::{Description, Photometric};
use super::heads::Encoding;

/// Samples of an uncompressed frame, interleaved, in cells of [`Description::allocated`] bits.
pub(super) fn cells(
    frame: &[u8],
    layout: &Description,
    encoding: Encoding,
    in_words: bool,
) -> Result<Vec<u16>, Fault> {
    let expected = layout.frame_bytes();
    if frame.len() < expected {
        return Err(Fault::Truncated(format!(
            "expected {expected} bytes of pixels, found {}",
            frame.len()
        )));
    }
    let values: Vec<u16> = match layout.allocated {
        1 => (0..layout.pixels() * layout.samples)
            .map(|at| u16::from(frame[at / 8] >> (at % 8) & 1))
            .collect(),
        // The two bytes of a big-endian word change places, whatever they hold (PS3.5 A.3). The last word of an odd
        // number of samples reaches into the padding.
        8 if encoding.big && in_words && frame.len() >= expected.next_multiple_of(2) => {
            let swapped = frame.as_chunks::<2>().0.iter().flat_map(|&[a, b]| [b, a]);
            swapped.take(expected).map(u16::from).collect()
        }
        8 => frame[..expected].iter().map(|&byte| byte.into()).collect(),
        _ => encoding.words(&frame[..expected]).collect(),
    };
    Ok(match layout.photometric {
        Photometric::Ybr422 | Photometric::YbrPartial422 => full_chroma(&values, layout.pixels()),
        _ if layout.planar => interleaved(&values, layout),
        _ => values,
    })
}

/// Two lumas and the two chromas that they share, as three samples each (PS3.3 C.7.6.3.1.2).
fn full_chroma(values: &[u16], pixels: usize) -> Vec<u16> {
    let pairs = values.as_chunks::<4>().0.iter();
    let mut samples: Vec<u16> = pairs
        .flat_map(|&[first, second, blue, red]| [first, blue, red, second, blue, red])
        .collect();
    samples.truncate(pixels * 3);
    samples
}

fn interleaved(values: &[u16], layout: &Description) -> Vec<u16> {
    let pixels = layout.pixels();
    (0..pixels)
        .flat_map(|pixel| (0..layout.samples).map(move |sample| values[sample * pixels + pixel]))
        .collect()
}

/// Takes the stored bits out of their cells; what lies beside them may be an overlay.
pub(super) fn take_bits(cells: &mut [u16], layout: &Description) {
    let shift = layout.high + 1 - layout.stored;
    let mask = u16::MAX >> (16 - layout.stored);
    if shift != 0 || mask != u16::MAX {
        for cell in cells {
            *cell = *cell >> shift & mask;
        }
    }
}

/// The number that stored bits mean.
pub(super) fn number(bits: u16, layout: &Description) -> i32 {
    let sign = 1_i32 << (layout.stored - 1);
    let value = i32::from(bits);
    if layout.signed && value & sign != 0 {
        value - 2 * sign
    } else {
        value
    }
}
