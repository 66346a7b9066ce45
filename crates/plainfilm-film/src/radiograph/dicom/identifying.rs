//! What of a file identifies a person or a place: to be looked for where it must not be.

use super::super::{Limits, RadiographError};
use super::Fault;
use super::elements::DataSet;
use super::file::File;

/// A value that identifies, and of what kind it is. No `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentifyingValue {
    /// Such as `patient's name`; the same words for all elements of a kind.
    pub kind: &'static str,
    /// One of the element's values, without padding.
    pub value: String,
}

/// Elements that identify, whatever their representation.
const BY_TAG: [(u32, &str); 31] = [
    (0x0008_0050, "accession number"),
    (0x0008_0080, "institution"),
    (0x0008_0081, "institution"),
    (0x0008_1010, "station"),
    (0x0008_1040, "institution"),
    (0x0010_0020, "patient's identifier"),
    (0x0010_0030, "birth date"),
    (0x0010_1000, "patient's identifier"),
    (0x0010_1002, "patient's identifier"),
    (0x0010_1040, "address"),
    (0x0010_1090, "patient's identifier"),
    (0x0010_2154, "telephone number"),
    (0x0010_2160, "patient's characteristics"),
    (0x0010_2180, "patient's characteristics"),
    (0x0010_21b0, "comment"),
    (0x0010_4000, "comment"),
    (0x0018_1000, "device's serial number"),
    (0x0018_1002, "unique identifier"),
    (0x0018_1003, "device's serial number"),
    (0x0018_1004, "device's serial number"),
    (0x0018_1007, "device's serial number"),
    (0x0018_700a, "device's serial number"),
    (0x0020_0010, "study's identifier"),
    (0x0020_4000, "comment"),
    (0x0032_4000, "comment"),
    (0x0038_0010, "admission's identifier"),
    (0x0038_0300, "location"),
    (0x0040_0009, "order's identifier"),
    (0x0040_0253, "order's identifier"),
    (0x0040_2016, "order's identifier"),
    (0x0040_2017, "order's identifier"),
];

/// The identifying values of a DICOM file: names of people (PN, everywhere), identifiers, birth date, accession number,
/// institution, station, serial numbers, comments, and unique identifiers that are not of the standard. Those in
/// sequences too; private elements not.
///
/// # Errors
///
/// [`RadiographError`] where it is no DICOM file, is larger than the limits allow, or is cut off.
pub fn identifying_values(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Result<Vec<IdentifyingValue>, RadiographError> {
    limits.check_file(name, bytes.len() as u64)?;
    let fault = |fault: Fault| fault.of(name);
    let file = File::open(bytes, limits).map_err(fault)?;
    let (data, _) = DataSet::read(&file.bytes, file.start, file.syntax.encoding).map_err(fault)?;
    let mut found = Vec::new();
    collect(&data, 0, &mut found);
    found.sort();
    found.dedup();
    Ok(found)
}

/// Adds the values of a data set, and of the sequences in it.
pub(super) fn collect(data: &DataSet<'_>, depth: usize, found: &mut Vec<IdentifyingValue>) {
    for (&tag, element) in &data.elements {
        if (tag >> 16) % 2 == 1 {
            continue;
        }
        let vr = element.vr.unwrap_or_else(|| implicit(tag));
        if (vr == *b"SQ" || vr == *b"UN") && depth < 8 {
            let items = data.items(tag);
            items
                .iter()
                .for_each(|item| collect(item, depth + 1, found));
        }
        let kind = match (&vr, BY_TAG.iter().find(|(known, _)| *known == tag)) {
            (_, Some((_, kind))) => kind,
            (b"PN", None) if tag == 0x0010_0010 => "patient's name",
            (b"PN", None) => "name of a person",
            (b"UI", None) => "unique identifier",
            _ => continue,
        };
        for value in texts(element.bytes) {
            if kind != "unique identifier" || !value.starts_with("1.2.840.10008.") {
                found.push(IdentifyingValue { kind, value });
            }
        }
    }
}

/// The representation of elements that matter here, in files that do not say it (PS3.6).
fn implicit(tag: u32) -> [u8; 2] {
    match tag {
        0x0008_0090 | 0x0008_1048 | 0x0008_1050 | 0x0008_1060 | 0x0008_1070 | 0x0010_0010
        | 0x0010_1001 | 0x0010_1005 | 0x0010_1060 | 0x0032_1032 | 0x0040_0006 | 0x0040_2008
        | 0x0040_a075 | 0x0040_a123 => *b"PN",
        0x0008_0014 | 0x0008_0018 | 0x0008_1155 | 0x0020_000d | 0x0020_000e | 0x0020_0052 => *b"UI",
        0x0008_1110 | 0x0008_1111 | 0x0008_1140 | 0x0008_2112 | 0x0010_1002 | 0x0040_0275
        | 0x0040_1101 => *b"SQ",
        _ => *b"--",
    }
}

/// The values of an element as text: UTF-8 where it is that, else Latin 1.
fn texts(bytes: &[u8]) -> Vec<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    text.split('\\')
        .map(|value| value.trim_matches(|c: char| c == '\0' || c.is_whitespace()))
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect()
}
