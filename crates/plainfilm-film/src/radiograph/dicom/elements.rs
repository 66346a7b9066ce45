//! The elements of a data set (PS3.5, chapter 7), read where they lie: nothing is copied and nothing is
//! allocated by what a length field claims, so a file of a few bytes cannot ask for gigabytes.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Fault;
use super::heads::{self, Encoding, Head, head, spelled};

/// (7FE0,0010) Pixel Data.
pub(super) const PIXEL_DATA: u32 = 0x7fe0_0010;
pub(super) const ITEM: u32 = 0xfffe_e000;
const ITEM_END: u32 = 0xfffe_e00d;
pub(super) const SEQUENCE_END: u32 = 0xfffe_e0dd;
const UNDEFINED: u32 = u32::MAX;

/// Sequences within sequences that are followed. Structured reports nest about ten deep, images three.
const DEEPEST: usize = 24;
/// Elements that one level of a data set may hold; real ones hold hundreds.
const MOST_ELEMENTS: usize = 100_000;

/// Where the pixels lie, as ranges of the data set's bytes.
pub(super) enum Pixels {
    /// As they are.
    Native {
        range: Range<usize>,
        /// Whether 8-bit samples were written as 16-bit words (value representation OW).
        in_words: bool,
    },
    /// Compressed, in fragments (PS3.5 A.4), with the basic offset table, which may be empty.
    Encapsulated {
        offsets: Vec<u32>,
        fragments: Vec<Range<usize>>,
    },
}

/// One element. No `Debug`: its value may name a person.
pub(super) struct Element<'a> {
    /// Two capital letters; `None` where the encoding does not say.
    pub(super) vr: Option<[u8; 2]>,
    pub(super) bytes: &'a [u8],
    pub(super) encoding: Encoding,
}

/// The elements of a file, or of one item of a sequence, by tag.
pub(super) struct DataSet<'a> {
    pub(super) encoding: Encoding,
    pub(super) elements: BTreeMap<u32, Element<'a>>,
}

fn ends_within(tag: u32, length: usize) -> Fault {
    Fault::Truncated(format!(
        "its {length} bytes end within element {}",
        spelled(tag)
    ))
}

/// Where the value of a head ends.
fn end(bytes: &[u8], head: &Head, encoding: Encoding, depth: usize) -> Result<usize, Fault> {
    if head.length != UNDEFINED {
        let end = head.start.checked_add(head.length as usize);
        return end
            .filter(|&end| end <= bytes.len())
            .ok_or_else(|| ends_within(head.tag, bytes.len()));
    }
    if depth > DEEPEST {
        return Err(Fault::Damaged(format!(
            "expected sequences at most {DEEPEST} deep, found more"
        )));
    }
    let encoding = within(head.vr, encoding);
    let mut at = head.start;
    loop {
        let item =
            heads::head(bytes, at, encoding).ok_or_else(|| ends_within(head.tag, bytes.len()))?;
        at = match item.tag {
            SEQUENCE_END => return Ok(item.start),
            ITEM if item.length == UNDEFINED => {
                let mut at = item.start;
                elements(bytes, &mut at, encoding, depth + 1)?;
                at
            }
            ITEM => end(bytes, &item, encoding, depth)?,
            other => {
                return Err(Fault::Damaged(format!(
                    "expected an item in the sequence {}, found {}",
                    spelled(head.tag),
                    spelled(other)
                )));
            }
        };
    }
}

/// How the items of a sequence are written: one whose representation is unknown (UN) is implicit little endian
/// whatever surrounds it (PS3.5, 6.2.2).
fn within(vr: Option<[u8; 2]>, encoding: Encoding) -> Encoding {
    match vr {
        Some([b'U', b'N']) => Encoding::IMPLICIT,
        _ => encoding,
    }
}

/// The elements from `at` to the end of the bytes, of the item or, on the outermost level, to the pixel data.
fn elements<'a>(
    bytes: &'a [u8],
    at: &mut usize,
    encoding: Encoding,
    depth: usize,
) -> Result<BTreeMap<u32, Element<'a>>, Fault> {
    let mut found = BTreeMap::new();
    while let Some(head) = head(bytes, *at, encoding) {
        if head.tag == ITEM_END {
            *at = head.start;
            break;
        }
        // What follows the pixel data is padding or a signature. A tag of zeros is padding too.
        if depth == 0 && matches!(head.tag, PIXEL_DATA | 0) {
            break;
        }
        let end = end(bytes, &head, encoding, depth)?;
        let element = Element {
            vr: head.vr,
            bytes: &bytes[head.start..end],
            encoding,
        };
        found.insert(head.tag, element);
        if found.len() > MOST_ELEMENTS {
            return Err(Fault::Damaged(format!(
                "expected at most {MOST_ELEMENTS} elements, found more"
            )));
        }
        *at = end;
    }
    Ok(found)
}

impl<'a> DataSet<'a> {
    /// The data set that starts at `at`, up to its pixel data, and where these lie.
    pub(super) fn read(
        bytes: &'a [u8],
        mut at: usize,
        encoding: Encoding,
    ) -> Result<(Self, Option<Pixels>), Fault> {
        let elements = elements(bytes, &mut at, encoding, 0)?;
        let pixels = match head(bytes, at, encoding) {
            Some(head) if head.tag == PIXEL_DATA && head.length == UNDEFINED => {
                Some(fragments(bytes, &head, encoding)?)
            }
            Some(head) if head.tag == PIXEL_DATA => Some(Pixels::Native {
                // Whether it is as long as its header says is looked at with the size of the film.
                range: head.start
                    ..bytes
                        .len()
                        .min(head.start.saturating_add(head.length as usize)),
                in_words: head.vr.is_none_or(|vr| vr == *b"OW"),
            }),
            _ => None,
        };
        Ok((Self { encoding, elements }, pixels))
    }

    /// The file meta information (PS3.10, 7.1) that starts at `at`, and where the data set starts.
    pub(super) fn meta(bytes: &'a [u8], mut at: usize) -> Result<(Self, usize), Fault> {
        let encoding = Encoding::META;
        let mut elements = BTreeMap::new();
        while let Some(head) = head(bytes, at, encoding).filter(|head| head.tag >> 16 == 2) {
            let end = end(bytes, &head, encoding, 0)?;
            let element = Element {
                vr: head.vr,
                bytes: &bytes[head.start..end],
                encoding,
            };
            elements.insert(head.tag, element);
            at = end;
        }
        Ok((Self { encoding, elements }, at))
    }

    pub(super) fn get(&self, tag: u32) -> Option<&Element<'a>> {
        self.elements.get(&tag)
    }

    /// The items of a sequence; none where it is missing or damaged.
    pub(super) fn items(&self, tag: u32) -> Vec<DataSet<'a>> {
        let Some(element) = self.get(tag) else {
            return Vec::new();
        };
        let encoding = within(element.vr, element.encoding);
        let bytes = element.bytes;
        let (mut items, mut at) = (Vec::new(), 0);
        while let Some(head) = head(bytes, at, encoding).filter(|head| head.tag == ITEM) {
            let mut inside = head.start;
            let (within, next) = if head.length == UNDEFINED {
                (bytes, None)
            } else {
                let Ok(end) = end(bytes, &head, encoding, 0) else {
                    break;
                };
                (&bytes[..end], Some(end))
            };
            // The depth is not the outermost one: an icon has pixel data of its own.
            let Ok(elements) = elements(within, &mut inside, encoding, 1) else {
                break;
            };
            items.push(DataSet { encoding, elements });
            at = next.unwrap_or(inside);
        }
        items
    }
}

/// The fragments of encapsulated pixel data (PS3.5 A.4).
fn fragments(bytes: &[u8], pixel_data: &Head, encoding: Encoding) -> Result<Pixels, Fault> {
    let (mut offsets, mut fragments) = (None, Vec::new());
    let mut at = pixel_data.start;
    // A missing end of the sequence costs nothing: the fragments before it are whole.
    while let Some(head) = head(bytes, at, encoding).filter(|head| head.tag == ITEM) {
        let end = end(bytes, &head, encoding, DEEPEST)?;
        if offsets.is_none() {
            let table = bytes[head.start..end].as_chunks::<4>().0;
            offsets = Some(table.iter().map(|&entry| encoding.u32(entry)).collect());
        } else {
            fragments.push(head.start..end);
        }
        at = end;
    }
    Ok(Pixels::Encapsulated {
        offsets: offsets.unwrap_or_default(),
        fragments,
    })
}
