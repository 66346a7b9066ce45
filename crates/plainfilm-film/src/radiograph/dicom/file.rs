//! A DICOM file (PS3.10): preamble, meta information and the data set, with what real files get wrong.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::DeflateDecoder;

use super::super::Limits;
use super::Fault;
use super::elements::DataSet;
use super::heads::{Encoding, head};
use super::syntax::TransferSyntax;

/// (0002,0010) Transfer Syntax UID.
const TRANSFER_SYNTAX: u32 = 0x0002_0010;

/// A file whose transfer syntax is known.
pub(super) struct File<'a> {
    /// The data set is in here: the file itself, or what was inflated from it.
    pub(super) bytes: Cow<'a, [u8]>,
    /// Where in there.
    pub(super) start: usize,
    pub(super) syntax: TransferSyntax,
    /// The identifier of the transfer syntax, as the file says it.
    pub(super) uid: Option<String>,
}

/// Whether `bytes` say that they are DICOM, behind a preamble of 128 bytes (PS3.10, 7.1).
pub(in super::super) fn has_preamble(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM".as_slice())
}

/// Whether bytes without a preamble start like a data set: an element of group 0002 or 0008, and right behind it
/// another with a greater tag.
pub(in super::super) fn starts_like_elements(bytes: &[u8]) -> bool {
    let starts_like = |encoding: Encoding| {
        let plausible = |at: usize| {
            let found = head(bytes, at, encoding)?;
            let end = found.start.checked_add(found.length as usize)?;
            // A sequence may leave its length open.
            let is_open = found.length == u32::MAX;
            let fits = found.vr.is_some() == encoding.explicit
                && (is_open || found.length.is_multiple_of(2) && end <= bytes.len());
            fits.then_some((found.tag, end))
        };
        let Some((first, end)) = plausible(0).filter(|(tag, _)| matches!(tag >> 16, 2 | 8)) else {
            return false;
        };
        // Element numbers of these two groups are small.
        let is_small = first & 0xffff <= 0x9500 && end <= 4096;
        is_small
            && plausible(end).is_some_and(|(second, _)| first < second && second >> 16 <= 0x7fe0)
    };
    starts_like(Encoding::META) || starts_like(Encoding::IMPLICIT)
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, Fault> {
        let start = if has_preamble(bytes) { 132 } else { 0 };
        let (meta, start) = DataSet::meta(bytes, start)?;
        let uid = meta.text(TRANSFER_SYNTAX);
        let mut syntax = match &uid {
            Some(uid) => TransferSyntax::of(uid)?,
            // What a file without meta information is written in (PS3.5, 10.1), unless its first element shows
            // otherwise.
            None => TransferSyntax::IMPLICIT,
        };
        if syntax.deflated {
            return Ok(Self {
                bytes: Cow::Owned(inflate(&bytes[start..], limits.max_file_bytes)?),
                start: 0,
                syntax,
                uid,
            });
        }
        // Writers mistake implicit for explicit; which of them it is shows in the first element.
        if let Some(first) = head(
            bytes,
            start,
            Encoding {
                explicit: true,
                ..syntax.encoding
            },
        ) {
            syntax.encoding.explicit = first.vr.is_some();
        }
        Ok(Self {
            bytes: Cow::Borrowed(bytes),
            start,
            syntax,
            uid,
        })
    }
}

/// Inflates at most `most` bytes: a kilobyte of deflated data can hold a megabyte of zeros, and that nests.
pub(super) fn inflate(bytes: &[u8], most: u64) -> Result<Vec<u8>, Fault> {
    let mut inflated = Vec::new();
    let read = DeflateDecoder::new(bytes)
        .take(most.saturating_add(1))
        .read_to_end(&mut inflated);
    if inflated.len() as u64 > most {
        return Err(Fault::Damaged(format!(
            "expected at most {most} bytes of deflated data, found more"
        )));
    }
    match read {
        Ok(_) => Ok(inflated),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(Fault::Truncated("its deflated data end early".to_owned()))
        }
        Err(_) => Err(Fault::Damaged("its deflated data are invalid".to_owned())),
    }
}
