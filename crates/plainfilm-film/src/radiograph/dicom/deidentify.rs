//! A film's file anew, without what identifies a person: see [`profile`](super::profile).

use std::borrow::Cow;
use std::io::Write;

use flate2::Compression as Level;
use flate2::write::DeflateEncoder;

use super::super::{Limits, RadiographError};
use super::Fault;
use super::elements::{DataSet, Element, Pixels};
use super::facts::DicomFacts;
use super::file::File;
use super::heads::Encoding;
use super::identifying;
use super::profile::{Action, Row, kept};
use super::source;
use super::syntax::TransferSyntax;
use super::writer::{self, Value, Written};

/// Our own identifier in (0002,0012): a UUID of no meaning (PS3.5, annex B.2).
const IMPLEMENTATION: &str = "2.25.167424637251863098104310936285910451723";
/// (0002,0013).
const IMPLEMENTATION_NAME: &str = "PLAINFILM";
/// What (0012,0063) says, in values of at most 64 characters.
const METHOD: &str = "plainfilm: list of elements that stay, all others removed\\\
    PS3.15 Annex E Basic Profile, Retain Patient Characteristics";
/// The oldest age that is told, in years: of older people there are few.
const OLDEST: f64 = 89.0;

/// What stands for the identities of a person and of objects.
pub trait Identities {
    /// What stands for a patient's identifier.
    fn patient(&self, identifier: &str) -> String;
    /// A unique identifier (UI) that stands for another one.
    fn uid(&self, uid: &str) -> String;
    /// By how many days the dates of a patient are shifted; none to empty them.
    fn days(&self, patient: &str) -> Option<i64>;
}

/// A file that was written anew.
#[derive(Clone, PartialEq)]
pub struct Deidentified {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Its SOP Instance UID, which is new; none where the old file had none.
    pub instance: Option<String>,
    /// (0028,0301): whether text is drawn into the pixels, which stay as they are; none where the file does not say.
    pub burned_in_annotation: Option<bool>,
}

/// Writes a DICOM film anew in its own transfer syntax: the preamble emptied, only elements on a short list kept,
/// identifiers replaced, the bytes of the pixels untouched. `bytes` is the whole file; `name` is what errors call it.
///
/// It cannot see what is drawn into the pixels, nor comments inside compressed ones.
///
/// # Errors
///
/// [`RadiographError`] for what is no film that [`decode`](crate::radiograph::decode()) would read by its header, for
/// one with an overlay in spare bits of its pixels, and for one that would no longer look the same.
pub fn deidentify(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
    identities: &dyn Identities,
) -> Result<Deidentified, RadiographError> {
    let before = source::open(bytes, name, limits)?;
    let fault = |fault: Fault| fault.of(name);
    let file = File::open(bytes, limits).map_err(fault)?;
    let (data, pixels) =
        DataSet::read(&file.bytes, file.start, file.syntax.encoding).map_err(fault)?;
    let facts = DicomFacts::of(&data, file.uid.clone());
    let new = anew(&file, &data, pixels.as_ref(), &facts, identities).map_err(fault)?;
    let after = source::open(&new.bytes, name, limits)?;
    if !before.source.looks_like(&after.source) {
        return Err(fault(Fault::Unsupported(
            "its header says in an unusual way what the pixels mean, which would be lost"
                .to_owned(),
        )));
    }
    Ok(new)
}

fn anew(
    file: &File<'_>,
    data: &DataSet<'_>,
    pixels: Option<&Pixels>,
    facts: &DicomFacts,
    identities: &dyn Identities,
) -> Result<Deidentified, Fault> {
    let pixels =
        pixels.ok_or_else(|| Fault::Unsupported("an object without pixel data".to_owned()))?;
    // (60xx,0102): an overlay that lies in spare bits of the pixels (retired; PS3.3-2004, C.9.2).
    let overlays = data
        .elements
        .keys()
        .filter(|&tag| (0x6000..=0x60ff).contains(&(tag >> 16)) && tag & 0xffff == 0x0102);
    if overlays.into_iter().any(|&tag| data.whole(tag) != Some(0)) {
        return Err(Fault::Unsupported(
            "an overlay in spare bits of the pixels, which may hold text".to_owned(),
        ));
    }
    let uid = file.uid.clone().unwrap_or_else(|| {
        let explicit = file.syntax.encoding.explicit;
        if explicit {
            "1.2.840.10008.1.2.1"
        } else {
            "1.2.840.10008.1.2"
        }
        .to_owned()
    });
    let syntax = TransferSyntax::of(&uid)?;
    let cleaner = Cleaner {
        identities,
        days: facts
            .patient_id
            .as_deref()
            .and_then(|patient| identities.days(patient)),
        patient: facts.patient_id.as_deref(),
        names: names_in(data),
        encoding: syntax.encoding,
    };
    let mut elements = cleaner.data_set(data)?;
    add(&mut elements, facts, cleaner.days.is_some());
    let mut body = Vec::new();
    writer::elements(&mut body, &elements, syntax.encoding)?;
    writer::pixels(&mut body, &file.bytes, pixels, syntax.encoding)?;
    if syntax.deflated {
        body = deflated(&body)?;
    }
    let instance = data.text(0x0008_0018).map(|uid| identities.uid(&uid));
    let mut bytes = meta(&uid, facts.sop_class.as_deref(), instance.as_deref())?;
    bytes.extend(body);
    Ok(Deidentified {
        bytes,
        instance,
        burned_in_annotation: facts.burned_in_annotation,
    })
}

fn deflated(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Level::default());
    let deflated = encoder.write_all(bytes).and_then(|()| encoder.finish());
    let mut deflated =
        deflated.map_err(|_| Fault::Unsupported("it could not be deflated".to_owned()))?;
    // Deflated data sets are padded to an even length (PS3.5 A.5).
    deflated.resize(deflated.len().next_multiple_of(2), 0);
    Ok(deflated)
}

/// An empty preamble and new meta information (PS3.10, 7.1).
fn meta(syntax: &str, class: Option<&str>, instance: Option<&str>) -> Result<Vec<u8>, Fault> {
    let mut elements = vec![Written::bytes(0x0002_0001, *b"OB", vec![0, 1])];
    if let Some(class) = class.filter(|class| is_of_standard(class)) {
        elements.push(Written::text(0x0002_0002, *b"UI", class));
    }
    if let Some(instance) = instance {
        elements.push(Written::text(0x0002_0003, *b"UI", instance));
    }
    elements.push(Written::text(0x0002_0010, *b"UI", syntax));
    elements.push(Written::text(0x0002_0012, *b"UI", IMPLEMENTATION));
    elements.push(Written::text(0x0002_0013, *b"SH", IMPLEMENTATION_NAME));
    let mut inside = Vec::new();
    writer::elements(&mut inside, &elements, Encoding::META)?;
    let length = (inside.len() as u32).to_le_bytes().to_vec();
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    let group_length = [Written::bytes(0x0002_0000, *b"UL", length)];
    writer::elements(&mut bytes, &group_length, Encoding::META)?;
    bytes.extend(inside);
    Ok(bytes)
}

/// Puts in what the file must say now, and what only a dropped element said: age, view and body part.
fn add(elements: &mut Vec<Written<'_>>, facts: &DicomFacts, are_dates_shifted: bool) {
    let code = |scheme_value: &str, meaning: &str| {
        vec![
            Written::text(0x0008_0100, *b"SH", scheme_value),
            Written::text(0x0008_0102, *b"SH", "DCM"),
            Written::text(0x0008_0104, *b"LO", meaning),
        ]
    };
    // PS3.16, CID 7050.
    let mut methods = vec![code("113100", "Basic Application Confidentiality Profile")];
    if are_dates_shifted {
        methods.push(code(
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ));
    }
    methods.push(code("113108", "Retain Patient Characteristics Option"));
    let dates = if are_dates_shifted {
        "MODIFIED"
    } else {
        "REMOVED"
    };
    let mut more = vec![
        Written::text(0x0012_0062, *b"CS", "YES"),
        Written::text(0x0012_0063, *b"LO", METHOD),
        Written {
            tag: 0x0012_0064,
            vr: *b"SQ",
            value: Value::Items(methods),
        },
        Written::text(0x0028_0303, *b"CS", dates),
    ];
    if let Some(age) = facts.age {
        more.push(Written::text(0x0010_1010, *b"AS", &age_string(age)));
    }
    if let Some(view) = facts.view_position.as_deref().filter(|view| is_code(view)) {
        more.push(Written::text(0x0018_5101, *b"CS", view));
    }
    if facts.body_part.is_none() && facts.descriptions.iter().any(|text| says_chest(text)) {
        more.push(Written::text(0x0018_0015, *b"CS", "CHEST"));
    }
    for element in more {
        match elements.binary_search_by_key(&element.tag, |element| element.tag) {
            Ok(place) => elements[place] = element,
            Err(place) => elements.insert(place, element),
        }
    }
}

/// Whether a description names the chest, in words that the choice of frontal chest films knows.
fn says_chest(text: &str) -> bool {
    let text = text.to_lowercase();
    ["chest", "thorax", "lung"]
        .iter()
        .any(|word| text.contains(word))
}

/// An age (AS) of that many years, in months for the first two.
fn age_string(years: f64) -> String {
    match years {
        _ if years > OLDEST => format!("{:03.0}Y", OLDEST + 1.0),
        _ if years < 2.0 => format!("{:03.0}M", (years * 12.0).floor()),
        _ => format!("{:03.0}Y", years.floor()),
    }
}

struct Cleaner<'i> {
    identities: &'i dyn Identities,
    /// By how much dates are shifted, if they are.
    days: Option<i64>,
    patient: Option<&'i str>,
    /// Of people whom the file names, in small letters.
    names: Vec<String>,
    /// What is written.
    encoding: Encoding,
}

impl Cleaner<'_> {
    /// Whether a value that would stay names somebody whom the file names elsewhere: a maker's name, say, into which
    /// somebody wrote the patient's.
    fn names_somebody(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        self.names.iter().any(|name| text.contains(name))
    }

    fn data_set<'a>(&self, data: &DataSet<'a>) -> Result<Vec<Written<'a>>, Fault> {
        let mut written = Vec::new();
        for (&tag, element) in &data.elements {
            let Some(row) = kept(tag) else { continue };
            if let Some(value) = self.value(row, element, data)? {
                let vr = representation(row, element);
                written.push(Written { tag, vr, value });
            }
        }
        Ok(written)
    }

    /// What stays of a value; none where the element is dropped after all.
    fn value<'a>(
        &self,
        row: &Row,
        element: &Element<'a>,
        data: &DataSet<'a>,
    ) -> Result<Option<Value<'a>>, Fault> {
        let bytes = element.bytes;
        let text = || data.text(row.tag);
        let as_it_is = || Some(Value::Bytes(Cow::Borrowed(bytes)));
        let anew = |text: String| Some(Value::Bytes(Cow::Owned(text.into_bytes())));
        let is = |fits: bool| fits.then(as_it_is).flatten();
        Ok(match row.action {
            Action::Code | Action::Text if self.names_somebody(bytes) => match row.action {
                Action::Text => anew(String::new()),
                _ => None,
            },
            Action::Code => is(ascii(bytes).is_some_and(|text| text.split('\\').all(is_code))),
            Action::Number => is(ascii(bytes).is_some_and(|text| text.split('\\').all(is_number))),
            Action::Words if element.encoding.big != self.encoding.big => None,
            Action::Table if element.encoding.big != self.encoding.big => None,
            Action::Words => is(matches!(bytes.len(), 2 | 4 | 6 | 8)),
            Action::Table | Action::Text => as_it_is(),
            Action::Class => is(text().is_some_and(|uid| is_of_standard(&uid))),
            Action::Uid => text().and_then(|uid| anew(self.identities.uid(&uid))),
            Action::Patient => {
                let patient = self.patient.map(|patient| self.identities.patient(patient));
                anew(patient.unwrap_or_default())
            }
            Action::Date | Action::ShiftedDate => {
                let date = self
                    .days
                    .zip(text())
                    .and_then(|(days, date)| shifted(&date, days));
                match (date, row.action) {
                    (None, Action::ShiftedDate) => None,
                    (date, _) => anew(date.unwrap_or_default()),
                }
            }
            // Whatever is understood of it is put in at the end.
            Action::Age => None,
            Action::Empty => anew(String::new()),
            Action::Items => {
                let items = data.items(row.tag);
                let items: Vec<_> = items
                    .iter()
                    .map(|item| self.data_set(item))
                    .collect::<Result<_, _>>()?;
                Some(Value::Items(items))
            }
        })
    }
}

/// The parts of the names of people in a data set, in small letters, as far as they have four letters or more.
fn names_in(data: &DataSet<'_>) -> Vec<String> {
    let mut values = Vec::new();
    identifying::collect(data, 0, &mut values);
    let names = values.iter().filter(|value| value.kind.contains("name"));
    let words = names.flat_map(|name| name.value.split(|c: char| !c.is_alphabetic()));
    words
        .filter(|word| word.chars().count() >= 4)
        .map(str::to_lowercase)
        .collect()
}

/// The representation that is written: the list's, or the file's own where the standard leaves a choice.
fn representation(row: &Row, element: &Element<'_>) -> [u8; 2] {
    let own = element.vr.filter(|vr| match row.action {
        Action::Words => matches!(vr, b"US" | b"SS"),
        Action::Table => matches!(vr, b"US" | b"SS" | b"OW" | b"OB" | b"OV"),
        _ => false,
    });
    own.unwrap_or(row.vr)
}

fn ascii(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.is_ascii().then(|| text.trim_end_matches(['\0', ' ']))
}

/// A code string (PS3.5, 6.2: CS), as scanners write it.
fn is_code(text: &str) -> bool {
    let is_allowed = |byte: u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'_')
    };
    // Names of character sets (ISO 2022 IR 87, ISO_IR 100) are of this form too.
    text.len() <= 16 && text.bytes().all(is_allowed)
}

/// A decimal number (PS3.5, 6.2: DS and IS). No longer than they may be, so no identifier of a person is one, unless
/// somebody wrote it there.
fn is_number(text: &str) -> bool {
    let text = text.trim_matches([' ', '\0']);
    text.len() <= 16 && (text.is_empty() || text.parse::<f64>().is_ok_and(f64::is_finite))
}

/// Whether an identifier is one that the standard registers, not one that a device made.
fn is_of_standard(uid: &str) -> bool {
    uid.len() <= 64
        && uid.starts_with("1.2.840.10008.")
        && uid
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// A date (`YYYYMMDD`) some days later. Days are counted as in a proleptic Gregorian calendar (Fliegel and Van
/// Flandern 1968).
fn shifted(date: &str, days: i64) -> Option<String> {
    let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    if !is_date {
        return None;
    }
    let number = |range: std::ops::Range<usize>| date[range].parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let early = (month - 14) / 12;
    let julian = (1461 * (year + 4800 + early)) / 4 + (367 * (month - 2 - 12 * early)) / 12
        - (3 * ((year + 4900 + early) / 100)) / 4
        + day
        - 32_075
        + days;
    let l = julian + 68_569;
    let n = 4 * l / 146_097;
    let l = l - (146_097 * n + 3) / 4;
    let i = 4000 * (l + 1) / 1_461_001;
    let l = l - 1461 * i / 4 + 31;
    let j = 80 * l / 2447;
    let (day, month, year) = (
        l - 2447 * j / 80,
        j + 2 - 12 * (j / 11),
        100 * (n - 49) + i + j / 11,
    );
    (1..=9999)
        .contains(&year)
        .then(|| format!("{year:04}{month:02}{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_shifted_over_months_and_leap_years() {
        for (date, days, expected) in [
            ("20240301", -1, Some("20240229")),
            ("20230301", -1, Some("20230228")),
            ("20231231", 1, Some("20240101")),
            ("20000101", -3650, Some("19900103")),
            ("20240615", 0, Some("20240615")),
            ("20241301", 1, None),
            ("2024.1.1", 1, None),
            ("", 1, None),
        ] {
            assert_eq!(shifted(date, days).as_deref(), expected, "{date} {days}");
        }
    }

    #[test]
    fn ages_are_written_and_old_people_hidden() {
        for (years, expected) in [
            (0.5, "006M"),
            (45.9, "045Y"),
            (89.0, "089Y"),
            (90.0, "090Y"),
            (104.0, "090Y"),
        ] {
            assert_eq!(age_string(years), expected);
        }
    }

    #[test]
    fn codes_and_numbers_are_told_from_texts() {
        for (text, code, number) in [
            ("CHEST", true, false),
            ("ISO_IR 100", true, false),
            ("Doe^John", false, false),
            ("JOHN DOE OF SOMEWHERE", false, false),
            ("-1024.5", false, true),
            ("1e3", false, true),
            ("12345678901234567", false, false),
            ("", true, true),
        ] {
            assert_eq!((is_code(text), is_number(text)), (code, number), "{text}");
        }
        assert!(is_of_standard("1.2.840.10008.5.1.4.1.1.1"));
        assert!(!is_of_standard("1.2.840.113619.2.1"));
    }
}
