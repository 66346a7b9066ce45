//! Whether what identifies the people on DICOM films stands in other files: those of a run, a report, an export.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plainfilm_film::radiograph::dicom::identifying_values;
use plainfilm_film::radiograph::{Format, Limits, read_bytes};
use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::below;
use crate::DatasetError;

/// Characters of the shortest part of a name that is looked for on its own, and of the shortest other value: shorter
/// ones stand everywhere.
const SHORTEST: usize = 4;

/// Values of a kind in a file. The value itself is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path below the folder, with `***` where a value stood in it.
    pub file: String,
    /// Such as `patient's name`.
    pub kind: &'static str,
    /// How often values of the kind stand in it.
    pub count: usize,
    /// Whether they stand in its name and not in its content.
    pub in_name: bool,
}

/// What was looked for, and found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PhiCheck {
    /// DICOM files whose values were looked for.
    pub films: usize,
    /// Different values, parts of names included.
    pub values: usize,
    /// Values that are too short to be looked for.
    pub too_short: usize,
    /// Files that were looked into.
    pub files: usize,
    /// By file and kind.
    pub findings: Vec<Finding>,
    /// Files of the folder that could not be read, with the reason.
    pub unread: BTreeMap<String, String>,
}

/// Looks for the identifying values of the DICOM films in `inputs` (a folder or one file) in every file below
/// `folder`, and in the files' names: as UTF-8, Latin 1 and UTF-16, in capitals, small letters or as names are written.
/// What is compressed (zip, Parquet, the text of a PNG) is not unpacked.
///
/// # Errors
///
/// [`DatasetError::Io`] where a folder cannot be read, and [`DatasetError::NotADataset`] where `inputs` has no DICOM
/// file: then nothing was looked for.
pub fn phi_check(folder: &Path, inputs: &Path, limits: &Limits) -> Result<PhiCheck, DatasetError> {
    let mut check = PhiCheck::default();
    let values = values(inputs, limits, &mut check)?;
    if check.films == 0 {
        return Err(DatasetError::NotADataset {
            path: inputs.to_owned(),
            found: "no DICOM film whose values could be looked for".to_owned(),
        });
    }
    let needles = Needles::of(&values);
    check.values = needles.values;
    let paths = below(folder, &mut check.unread)?;
    check.files = paths.len();
    let looked: Vec<_> = paths
        .into_par_iter()
        .map(|path| {
            let content = std::fs::read(folder.join(&path)).map(|bytes| needles.count(&bytes));
            let names = needles.count(path.as_bytes());
            (needles.masked(&path), content, names)
        })
        .collect();
    for (file, content, names) in looked {
        let content = content.unwrap_or_else(|error| {
            check.unread.insert(file.clone(), error.kind().to_string());
            BTreeMap::new()
        });
        for (counts, in_name) in [(content, false), (names, true)] {
            check
                .findings
                .extend(counts.into_iter().map(|(kind, count)| Finding {
                    file: file.clone(),
                    kind,
                    count,
                    in_name,
                }));
        }
    }
    Ok(check)
}

/// Values with their kinds, parts of names included.
fn values(
    inputs: &Path,
    limits: &Limits,
    check: &mut PhiCheck,
) -> Result<BTreeSet<(String, &'static str)>, DatasetError> {
    let files = if inputs.is_dir() {
        // What cannot be opened there has no values that could be anywhere else.
        let paths = below(inputs, &mut BTreeMap::new())?;
        paths.iter().map(|path| inputs.join(path)).collect()
    } else {
        vec![inputs.to_owned()]
    };
    let found: Vec<_> = files
        .par_iter()
        .filter_map(|path| {
            let bytes = read_bytes(path, limits).ok()?;
            let is_dicom = Format::of(&bytes, "film").ok()? == Format::Dicom;
            let values = is_dicom.then(|| identifying_values(&bytes, "film", limits))?;
            values.ok()
        })
        .collect();
    check.films = found.len();
    let mut values = BTreeSet::new();
    let mut short = BTreeSet::new();
    for one in found.into_iter().flatten() {
        let mut parts = vec![one.value.clone()];
        // As a person writes it, and not as DICOM does.
        if one.kind.contains("name") {
            let written = one.value.split('^').filter(|part| !part.is_empty());
            parts.push(written.collect::<Vec<_>>().join(" "));
            let words = one.value.split(|c: char| !c.is_alphabetic());
            parts.extend(words.map(str::to_owned));
        }
        if one.value.len() == 8 && one.value.bytes().all(|byte| byte.is_ascii_digit()) {
            let (year, day) = one.value.split_at(4);
            let (month, day) = day.split_at(2);
            parts.extend([
                format!("{year}-{month}-{day}"),
                format!("{day}.{month}.{year}"),
            ]);
        }
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if part.chars().count() >= SHORTEST {
                values.insert((part, one.kind));
            } else if part == one.value {
                short.insert(part);
            }
        }
    }
    check.too_short = short.len();
    Ok(values)
}

/// A value as it may be written: as it is, in capitals, in small letters and as a name, each with accents composed and
/// taken apart.
fn spellings(value: &str) -> BTreeSet<String> {
    let small = value.to_lowercase();
    let mut begins = true;
    let as_name = small.chars().flat_map(|letter| {
        let first = begins && letter.is_alphabetic();
        begins = !letter.is_alphabetic();
        let letters: Vec<char> = match first {
            true => letter.to_uppercase().collect(),
            false => vec![letter],
        };
        letters
    });
    let cases = [
        value.to_owned(),
        value.to_uppercase(),
        as_name.collect(),
        small,
    ];
    let forms = cases
        .iter()
        .flat_map(|case| [case.nfc().collect(), case.nfd().collect()]);
    forms.collect()
}

/// A text in UTF-8, Latin 1 where that has its letters, and UTF-16 in both orders of bytes; with small letters of
/// ASCII, as the bytes that are looked into are made.
fn encoded(text: &str) -> Vec<Vec<u8>> {
    let latin1: Option<Vec<u8>> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect();
    let little = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut forms = vec![text.as_bytes().to_vec(), little, big];
    forms.extend(latin1);
    forms
        .iter_mut()
        .for_each(|form| form.make_ascii_lowercase());
    forms
}

/// Byte strings to be looked for, by their first four bytes, in small letters.
struct Needles {
    by_start: std::collections::HashMap<[u8; 4], Vec<(Vec<u8>, &'static str)>>,
    values: usize,
}

impl Needles {
    fn of(values: &BTreeSet<(String, &'static str)>) -> Self {
        let mut by_start: std::collections::HashMap<_, Vec<_>> = std::collections::HashMap::new();
        for (value, kind) in values {
            let forms: BTreeSet<Vec<u8>> = spellings(value)
                .iter()
                .flat_map(|text| encoded(text))
                .collect();
            for form in forms {
                if let Some(&start) = form.first_chunk::<4>() {
                    by_start.entry(start).or_default().push((form, *kind));
                }
            }
        }
        Self {
            by_start,
            values: values.len(),
        }
    }

    /// A path in which `***` stands for each value.
    fn masked(&self, path: &str) -> String {
        let small = path.to_ascii_lowercase();
        let (mut shown, mut at) = (String::new(), 0);
        while let Some(next) = path[at..].chars().next() {
            let here = small.as_bytes()[at..]
                .first_chunk::<4>()
                .and_then(|start| self.by_start.get(start))
                .into_iter()
                .flatten()
                .filter(|(needle, _)| small.as_bytes()[at..].starts_with(needle))
                .map(|(needle, _)| needle.len())
                .max();
            match here.filter(|&length| path.is_char_boundary(at + length)) {
                Some(length) => {
                    shown.push_str("***");
                    at += length;
                }
                None => {
                    shown.push(next);
                    at += next.len_utf8();
                }
            }
        }
        shown
    }

    /// How often values of each kind stand in these bytes. Several values at one place count once a kind.
    fn count(&self, bytes: &[u8]) -> BTreeMap<&'static str, usize> {
        let small = bytes.to_ascii_lowercase();
        let mut counts = BTreeMap::new();
        for at in 0..small.len().saturating_sub(3) {
            let Some(start) = small[at..].first_chunk::<4>() else {
                break;
            };
            let Some(needles) = self.by_start.get(start) else {
                continue;
            };
            let here: BTreeSet<&'static str> = needles
                .iter()
                .filter(|(needle, _)| small[at..].starts_with(needle))
                .map(|&(_, kind)| kind)
                .collect();
            for kind in here {
                *counts.entry(kind).or_default() += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(values: &[(&str, &'static str)]) -> Needles {
        let values = values.iter().map(|&(value, kind)| (value.to_owned(), kind));
        Needles::of(&values.collect())
    }

    #[test]
    fn values_are_found_in_three_encodings_and_any_case() {
        let needles = needles(&[("Müller", "name"), ("4711-X", "id")]);
        let utf16: Vec<u8> = "MüLLER".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "MÜLLER".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, kind, count) in [
            ("a Müller, a müller".as_bytes(), "name", 2),
            (b"M\xfcller".as_slice(), "name", 1),
            (&utf16, "name", 1),
            (&big, "name", 1),
            ("MÜLLER, mu\u{308}ller".as_bytes(), "name", 2),
            (b"x4711-xx", "id", 1),
        ] {
            assert_eq!(needles.count(bytes), BTreeMap::from([(kind, count)]));
        }
        for bytes in [b"471".as_slice(), b"", b"Muller 4711"] {
            assert!(needles.count(bytes).is_empty());
        }
        assert_eq!(needles.masked("ä/Müller/4711-x.png"), "ä/***/***.png");
    }
}
