//! Elements as bytes (PS3.5, chapter 7), in the encoding of the file that they come from.

use std::borrow::Cow;

use super::Fault;
use super::elements::{ITEM, PIXEL_DATA, Pixels, SEQUENCE_END};
use super::heads::{Encoding, has_short_length, spelled};

/// What an element holds.
pub(super) enum Value<'a> {
    /// In the byte order that it is written in.
    Bytes(Cow<'a, [u8]>),
    /// The items of a sequence.
    Items(Vec<Vec<Written<'a>>>),
}

/// An element to be written. No `Debug`: its value may name a person.
pub(super) struct Written<'a> {
    pub(super) tag: u32,
    pub(super) vr: [u8; 2],
    pub(super) value: Value<'a>,
}

impl<'a> Written<'a> {
    pub(super) fn bytes(tag: u32, vr: [u8; 2], value: impl Into<Cow<'a, [u8]>>) -> Self {
        Self {
            tag,
            vr,
            value: Value::Bytes(value.into()),
        }
    }

    pub(super) fn text(tag: u32, vr: [u8; 2], text: &str) -> Self {
        Self::bytes(tag, vr, text.as_bytes().to_vec())
    }
}

fn u16(value: u16, encoding: Encoding) -> [u8; 2] {
    if encoding.big {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    }
}

fn u32(value: u32, encoding: Encoding) -> [u8; 4] {
    if encoding.big {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    }
}

fn tag(out: &mut Vec<u8>, tag: u32, encoding: Encoding) {
    for half in [tag >> 16, tag & 0xffff] {
        out.extend(u16(half as u16, encoding));
    }
}

/// Everything of an element but its value. A length of `None` is left open.
fn head(
    out: &mut Vec<u8>,
    of: u32,
    vr: [u8; 2],
    length: Option<usize>,
    encoding: Encoding,
) -> Result<(), Fault> {
    let too_long = || {
        Fault::Unsupported(format!(
            "element {} is too long for its representation",
            spelled(of)
        ))
    };
    let long = match length {
        None => u32::MAX,
        Some(length) => u32::try_from(length).map_err(|_| too_long())?,
    };
    tag(out, of, encoding);
    if !encoding.explicit {
        out.extend(u32(long, encoding));
        return Ok(());
    }
    out.extend(vr);
    if has_short_length(vr) {
        let short = u16::try_from(long).map_err(|_| too_long())?;
        out.extend(u16(short, encoding));
    } else {
        out.extend([0, 0]);
        out.extend(u32(long, encoding));
    }
    Ok(())
}

/// Appends elements, which must be in the order of their tags. Values of odd length are padded.
pub(super) fn elements(
    out: &mut Vec<u8>,
    elements: &[Written<'_>],
    encoding: Encoding,
) -> Result<(), Fault> {
    for element in elements {
        match &element.value {
            Value::Bytes(bytes) => {
                let length = bytes.len().next_multiple_of(2);
                head(out, element.tag, element.vr, Some(length), encoding)?;
                out.extend_from_slice(bytes);
                if length > bytes.len() {
                    let is_text = !matches!(&element.vr, b"UI" | b"OB" | b"UN");
                    out.push(if is_text { b' ' } else { 0 });
                }
            }
            Value::Items(items) => {
                let mut inside = Vec::new();
                for item in items {
                    let mut content = Vec::new();
                    self::elements(&mut content, item, encoding)?;
                    tag(&mut inside, ITEM, encoding);
                    inside.extend(u32(content.len() as u32, encoding));
                    inside.extend(content);
                }
                head(out, element.tag, *b"SQ", Some(inside.len()), encoding)?;
                out.extend(inside);
            }
        }
    }
    Ok(())
}

/// Appends the pixel data: the same bytes in the same fragments. `data` is what their ranges are of.
pub(super) fn pixels(
    out: &mut Vec<u8>,
    data: &[u8],
    pixels: &Pixels,
    encoding: Encoding,
) -> Result<(), Fault> {
    match pixels {
        Pixels::Native { range, in_words } => {
            let vr = if *in_words { *b"OW" } else { *b"OB" };
            let length = range.len().next_multiple_of(2);
            head(out, PIXEL_DATA, vr, Some(length), encoding)?;
            out.extend_from_slice(&data[range.clone()]);
            out.resize(out.len() + length - range.len(), 0);
        }
        Pixels::Encapsulated { offsets, fragments } => {
            head(out, PIXEL_DATA, *b"OB", None, encoding)?;
            tag(out, ITEM, encoding);
            out.extend(u32(offsets.len() as u32 * 4, encoding));
            for &offset in offsets {
                out.extend(u32(offset, encoding));
            }
            for fragment in fragments {
                tag(out, ITEM, encoding);
                out.extend(u32(fragment.len() as u32, encoding));
                out.extend_from_slice(&data[fragment.clone()]);
            }
            tag(out, SEQUENCE_END, encoding);
            out.extend([0; 4]);
        }
    }
    Ok(())
}
