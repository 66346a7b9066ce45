//! What becomes of each element of a film that is de-identified, after the Basic Application Level Confidentiality
//! Profile (PS3.15, annex E, table E.1-1) with the Retain Patient Characteristics Option.
//!
//! The table of the standard says what must go; this one says what may stay, which is safer: an element that nobody
//! thought of is dropped (the profile's X), and so are private elements, curves, overlays and comments. What stays is
//! what display, the choice of frontal chest films and the audit need.

use Action::{
    Age, Class, Code, Date, Empty, Items, Number, Patient, ShiftedDate, Table, Text, Uid, Words,
};

/// What is done with an element. Everything that is not in [`KEPT`] is removed (X).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Kept where each of its values is a code: up to 16 capitals, digits, spaces and underscores.
    Code,
    /// Kept where it is nothing but decimal numbers.
    Number,
    /// Kept: one to four 16-bit words.
    Words,
    /// Kept: a table of numbers.
    Table,
    /// Kept: names of products, no person's.
    Text,
    /// Kept where it is an identifier of the standard's.
    Class,
    /// Replaced by another identifier, the same wherever it stood (U).
    Uid,
    /// Replaced by the salted hash of it (D).
    Patient,
    /// Emptied (Z), or shifted where that was asked for.
    Date,
    /// Removed (X), or shifted where that was asked for.
    ShiftedDate,
    /// Kept up to 89 years; from 90 years on it says 90.
    Age,
    /// Emptied (Z): the standard wants the element there (type 2).
    Empty,
    /// A sequence whose items are cleaned in the same way.
    Items,
}

/// An element that stays.
pub(super) struct Row {
    pub(super) tag: u32,
    pub(super) vr: [u8; 2],
    pub(super) action: Action,
    /// As PS3.6 has it.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is there for readers"))]
    pub(super) name: &'static str,
}

const fn row(tag: u32, vr: &[u8; 2], action: Action, name: &'static str) -> Row {
    Row {
        tag,
        vr: *vr,
        action,
        name,
    }
}

/// The row of an element, or `None` for one that is dropped.
pub(super) fn kept(tag: u32) -> Option<&'static Row> {
    let place = KEPT.binary_search_by_key(&tag, |row| row.tag).ok()?;
    Some(&KEPT[place])
}

/// Sorted by tag.
#[rustfmt::skip]
pub(super) static KEPT: &[Row] = &[
    row(0x0008_0005, b"CS", Code, "Specific Character Set"),
    row(0x0008_0008, b"CS", Code, "Image Type"),
    row(0x0008_0016, b"UI", Class, "SOP Class UID"),
    row(0x0008_0018, b"UI", Uid, "SOP Instance UID"),
    row(0x0008_0020, b"DA", Date, "Study Date"),
    row(0x0008_0021, b"DA", ShiftedDate, "Series Date"),
    row(0x0008_0022, b"DA", Date, "Acquisition Date"),
    row(0x0008_0023, b"DA", Date, "Content Date"),
    row(0x0008_0030, b"TM", Empty, "Study Time"),
    row(0x0008_0033, b"TM", Empty, "Content Time"),
    row(0x0008_0050, b"SH", Empty, "Accession Number"),
    row(0x0008_0060, b"CS", Code, "Modality"),
    row(0x0008_0064, b"CS", Code, "Conversion Type"),
    row(0x0008_0068, b"CS", Code, "Presentation Intent Type"),
    row(0x0008_0070, b"LO", Text, "Manufacturer"),
    row(0x0008_0090, b"PN", Empty, "Referring Physician's Name"),
    row(0x0008_1090, b"LO", Text, "Manufacturer's Model Name"),
    row(0x0010_0010, b"PN", Empty, "Patient's Name"),
    row(0x0010_0020, b"LO", Patient, "Patient ID"),
    row(0x0010_0030, b"DA", Empty, "Patient's Birth Date"),
    row(0x0010_0040, b"CS", Code, "Patient's Sex"),
    row(0x0010_1010, b"AS", Age, "Patient's Age"),
    row(0x0018_0015, b"CS", Code, "Body Part Examined"),
    row(0x0018_0060, b"DS", Number, "KVP"),
    row(0x0018_1110, b"DS", Number, "Distance Source to Detector"),
    row(0x0018_1111, b"DS", Number, "Distance Source to Patient"),
    row(0x0018_1150, b"IS", Number, "Exposure Time"),
    row(0x0018_1151, b"IS", Number, "X-Ray Tube Current"),
    row(0x0018_1152, b"IS", Number, "Exposure"),
    row(0x0018_1153, b"IS", Number, "Exposure in uAs"),
    row(0x0018_1164, b"DS", Number, "Imager Pixel Spacing"),
    row(0x0018_1405, b"IS", Number, "Relative X-Ray Exposure"),
    row(0x0018_1411, b"DS", Number, "Exposure Index"),
    row(0x0018_1412, b"DS", Number, "Target Exposure Index"),
    row(0x0018_1413, b"DS", Number, "Deviation Index"),
    row(0x0018_5101, b"CS", Code, "View Position"),
    row(0x0018_7004, b"CS", Code, "Detector Type"),
    row(0x0020_000d, b"UI", Uid, "Study Instance UID"),
    row(0x0020_000e, b"UI", Uid, "Series Instance UID"),
    row(0x0020_0010, b"SH", Empty, "Study ID"),
    row(0x0020_0011, b"IS", Empty, "Series Number"),
    row(0x0020_0013, b"IS", Empty, "Instance Number"),
    row(0x0020_0020, b"CS", Code, "Patient Orientation"),
    row(0x0020_0060, b"CS", Code, "Laterality"),
    row(0x0020_0062, b"CS", Code, "Image Laterality"),
    row(0x0028_0002, b"US", Words, "Samples per Pixel"),
    row(0x0028_0004, b"CS", Code, "Photometric Interpretation"),
    row(0x0028_0006, b"US", Words, "Planar Configuration"),
    row(0x0028_0008, b"IS", Number, "Number of Frames"),
    row(0x0028_0010, b"US", Words, "Rows"),
    row(0x0028_0011, b"US", Words, "Columns"),
    row(0x0028_0030, b"DS", Number, "Pixel Spacing"),
    row(0x0028_0034, b"IS", Number, "Pixel Aspect Ratio"),
    row(0x0028_0100, b"US", Words, "Bits Allocated"),
    row(0x0028_0101, b"US", Words, "Bits Stored"),
    row(0x0028_0102, b"US", Words, "High Bit"),
    row(0x0028_0103, b"US", Words, "Pixel Representation"),
    row(0x0028_0106, b"US", Words, "Smallest Image Pixel Value"),
    row(0x0028_0107, b"US", Words, "Largest Image Pixel Value"),
    row(0x0028_0120, b"US", Words, "Pixel Padding Value"),
    row(0x0028_0121, b"US", Words, "Pixel Padding Range Limit"),
    row(0x0028_0301, b"CS", Code, "Burned In Annotation"),
    row(0x0028_0a02, b"CS", Code, "Pixel Spacing Calibration Type"),
    row(0x0028_1040, b"CS", Code, "Pixel Intensity Relationship"),
    row(0x0028_1041, b"SS", Words, "Pixel Intensity Relationship Sign"),
    row(0x0028_1050, b"DS", Number, "Window Center"),
    row(0x0028_1051, b"DS", Number, "Window Width"),
    row(0x0028_1052, b"DS", Number, "Rescale Intercept"),
    row(0x0028_1053, b"DS", Number, "Rescale Slope"),
    row(0x0028_1054, b"LO", Code, "Rescale Type"),
    row(0x0028_1056, b"CS", Code, "VOI LUT Function"),
    row(0x0028_1101, b"US", Words, "Red Palette Color Lookup Table Descriptor"),
    row(0x0028_1102, b"US", Words, "Green Palette Color Lookup Table Descriptor"),
    row(0x0028_1103, b"US", Words, "Blue Palette Color Lookup Table Descriptor"),
    row(0x0028_1201, b"OW", Table, "Red Palette Color Lookup Table Data"),
    row(0x0028_1202, b"OW", Table, "Green Palette Color Lookup Table Data"),
    row(0x0028_1203, b"OW", Table, "Blue Palette Color Lookup Table Data"),
    row(0x0028_2110, b"CS", Code, "Lossy Image Compression"),
    row(0x0028_2112, b"DS", Number, "Lossy Image Compression Ratio"),
    row(0x0028_2114, b"CS", Code, "Lossy Image Compression Method"),
    row(0x0028_3000, b"SQ", Items, "Modality LUT Sequence"),
    row(0x0028_3002, b"US", Words, "LUT Descriptor"),
    row(0x0028_3004, b"LO", Code, "Modality LUT Type"),
    row(0x0028_3006, b"OW", Table, "LUT Data"),
    row(0x0028_3010, b"SQ", Items, "VOI LUT Sequence"),
    row(0x2050_0020, b"CS", Code, "Presentation LUT Shape"),
    row(0x7fe0_0001, b"OV", Table, "Extended Offset Table"),
    row(0x7fe0_0002, b"OV", Table, "Extended Offset Table Lengths"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_element_is_in_it_once() {
        assert!(KEPT.is_sorted_by(|a, b| a.tag < b.tag));
        assert!(KEPT.iter().all(|row| !row.name.is_empty()));
        assert!(
            KEPT.iter().all(|row| (row.tag >> 16).is_multiple_of(2)),
            "private"
        );
    }

    #[test]
    fn names_dates_and_free_texts_do_not_stay_as_they_are() {
        for row in KEPT {
            let fits = match &row.vr {
                b"PN" | b"SH" | b"TM" => row.action == Empty,
                b"DA" => matches!(row.action, Date | ShiftedDate | Empty),
                b"LO" => matches!(row.action, Text | Code | Patient),
                b"UI" => matches!(row.action, Uid | Class),
                b"LT" | b"ST" | b"UT" | b"UC" | b"UR" | b"DT" | b"UN" => false,
                _ => true,
            };
            assert!(fits, "{}", row.name);
        }
    }
}
