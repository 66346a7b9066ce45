//! The heads of elements (PS3.5, 7.1): tag, value representation and length, in each encoding.

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Whether each element says its value representation.
    pub(super) explicit: bool,
    pub(super) big: bool,
}

impl Encoding {
    /// The file meta information's (PS3.10, 7.1).
    pub(super) const META: Self = Self {
        explicit: true,
        big: false,
    };
    pub(super) const IMPLICIT: Self = Self {
        explicit: false,
        big: false,
    };

    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    /// 16-bit words, in this byte order.
    pub(super) fn words(self, bytes: &[u8]) -> impl Iterator<Item = u16> {
        bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(move |&pair| self.u16(pair))
    }
}

/// An element's head: everything before its value.
pub(super) struct Head {
    pub(super) tag: u32,
    pub(super) vr: Option<[u8; 2]>,
    pub(super) length: u32,
    /// Where its value begins.
    pub(super) start: usize,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

fn tag(group: u16, element: u16) -> u32 {
    u32::from(group) << 16 | u32::from(element)
}

/// The head at `at`, or `None` where the bytes end first.
pub(super) fn head(bytes: &[u8], at: usize, encoding: Encoding) -> Option<Head> {
    let group = encoding.u16(array(bytes, at)?);
    let tag = tag(group, encoding.u16(array(bytes, at + 2)?));
    let letters: [u8; 2] = array(bytes, at + 4)?;
    // Items and their ends have none (PS3.5, 7.5). Some writers leave single elements implicit.
    let says = encoding.explicit && group != 0xfffe && letters.iter().all(u8::is_ascii_uppercase);
    if !says {
        return Some(Head {
            tag,
            vr: None,
            length: encoding.u32(array(bytes, at + 4)?),
            start: at + 8,
        });
    }
    let (length, start) = if has_short_length(letters) {
        (encoding.u16(array(bytes, at + 6)?).into(), at + 8)
    } else {
        (encoding.u32(array(bytes, at + 8)?), at + 12)
    };
    Some(Head {
        tag,
        vr: Some(letters),
        length,
        start,
    })
}

/// Whether elements of this representation have a length of 16 bits, where they say it (PS3.5, 7.1.2).
pub(super) fn has_short_length(vr: [u8; 2]) -> bool {
    matches!(
        &vr,
        b"AE"
            | b"AS"
            | b"AT"
            | b"CS"
            | b"DA"
            | b"DS"
            | b"DT"
            | b"FL"
            | b"FD"
            | b"IS"
            | b"LO"
            | b"LT"
            | b"PN"
            | b"SH"
            | b"SL"
            | b"SS"
            | b"ST"
            | b"TM"
            | b"UI"
            | b"UL"
            | b"US"
    )
}

/// A tag as the standard writes it.
pub(super) fn spelled(tag: u32) -> String {
    format!("({:04X},{:04X})", tag >> 16, tag & 0xffff)
}
