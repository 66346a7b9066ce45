//! From the rows of a table to films: each film once, and what is wrong with a row said of that row.

use std::collections::{BTreeMap, HashMap};

use super::cells::{is_missing, known, years};
use super::finder::Finder;
use super::findings::SEPARATOR;
use super::identity::Identity;
use super::listing::{Listed, Listing};
use super::reading::{Reading, Record};
use super::root::Root;
use super::{Location, parts, spelling};

/// Takes the rows of one table.
pub(super) struct Rows<'a> {
    name: &'a str,
    finder: Finder<'a>,
    base: String,
    taken: Vec<Taken>,
    /// Places in `taken`.
    by_path: HashMap<String, usize>,
    by_file: HashMap<Identity, String>,
    counts: Counts,
}

/// A film, and the rows that it is of.
struct Taken {
    film: Listed,
    row: u64,
    /// Why it is not to be used after all.
    conflict: Option<String>,
}

/// What happened to more than one row is said once.
#[derive(Default)]
struct Counts {
    unlabelled: usize,
    repeated: usize,
    merged: usize,
    absolute: usize,
    relative: usize,
    lost: usize,
    ages: usize,
    first_age: Option<(String, u64)>,
}

/// Why a row is not used.
struct Refusal {
    path: Option<String>,
    label: Option<String>,
    reason: String,
}

impl<'a> Rows<'a> {
    pub fn new(root: &'a Root, name: &'a str, reading: &Reading) -> Self {
        Self {
            name,
            finder: Finder::new(root, reading.anywhere),
            base: root.name_of(""),
            taken: vec![],
            by_path: HashMap::new(),
            by_file: HashMap::new(),
            counts: Counts::default(),
        }
    }

    /// Puts the films and what is wrong with rows into `listing`.
    pub fn take_all(mut self, records: Vec<(u64, Result<Record, String>)>, listing: &mut Listing) {
        let zero_is_nobody = zero_is_nobody(&records);
        for (row, record) in records {
            let refusal = match record {
                Ok(record) => self.take(row, record, zero_is_nobody, listing.several),
                Err(reason) => Err(Refusal {
                    path: None,
                    label: None,
                    reason,
                }),
            };
            if let Err(refusal) = refusal {
                let path = refusal.path.unwrap_or_else(|| self.name.to_owned());
                let reason = format!("row {row}: {}", refusal.reason);
                listing.reject(&path, refusal.label.as_deref(), reason);
            }
        }
        let whose = format!("the column `split` of {}", self.name);
        self.counts.tell(&self.base, &mut listing.notes);
        if zero_is_nobody {
            let note = "patient `0` is taken for an unknown patient: there is no patient `1`";
            listing.notes.push(note.to_owned());
        }
        for taken in self.taken {
            match taken.conflict {
                None => listing.films.push(taken.film),
                Some(reason) => {
                    let label = Some(taken.film.label.as_str());
                    listing.reject(&taken.film.path, label, reason);
                }
            }
        }
        if let Some(note) = parts::note(&listing.films, &whose) {
            listing
                .notes
                .push(note.replacen("divide the films", "divides the films", 1));
        }
    }

    fn take(
        &mut self,
        row: u64,
        record: Record,
        zero_is_nobody: bool,
        several: bool,
    ) -> Result<(), Refusal> {
        let given = &record.path;
        let label = (!is_missing(&record.label)).then(|| record.label.clone());
        let refuse = |reason: String| Refusal {
            path: (!given.is_empty()).then(|| given.clone()),
            label: label.clone(),
            reason,
        };
        let found = self.finder.find(given).map_err(|reason| {
            self.counts.lost += usize::from(reason.starts_with("file not found"));
            refuse(reason)
        })?;
        let Some(label) = label.clone() else {
            self.counts.unlabelled += 1;
            return Err(refuse(match record.label.as_str() {
                "" => "expected a label, found none".into(),
                word => format!("expected a label, found `{word}`"),
            }));
        };
        let mask = known(&record.mask)
            .map(|mask| self.mask(&mask))
            .transpose()
            .map_err(refuse)?;
        match found.absolute {
            true => self.counts.absolute += 1,
            false => self.counts.relative += 1,
        }
        let age = known(&record.age).and_then(|text| {
            let age = years(&text);
            if age.is_none() {
                self.counts.ages += 1;
                self.counts.first_age.get_or_insert((text, row));
            }
            age
        });
        let film = Listed {
            unknown: known(&record.unknown),
            patient_id: known(&record.patient_id).filter(|id| !(zero_is_nobody && is_zero(id))),
            source: known(&record.source),
            view: known(&record.view),
            sex: known(&record.sex),
            age,
            mask,
            synthetic: ["true", "1", "yes"].contains(&record.synthetic.to_lowercase().as_str()),
            part: parts::named(&record.split),
            ..Listed::new(found.path.clone(), found.location, label)
        };
        if let Some(&earlier) = self.by_path.get(&film.path) {
            self.again(earlier, row, film, several);
            return Ok(());
        }
        if let Some(same) = self.by_file.get(&found.identity) {
            return Err(refuse(format!(
                "the same file as {same}, reached through a link"
            )));
        }
        self.by_file.insert(found.identity, found.path.clone());
        self.by_path.insert(found.path, self.taken.len());
        self.taken.push(Taken {
            film,
            row,
            conflict: None,
        });
        Ok(())
    }

    /// A film that an earlier row named too: no loss where both say the same or each one finding of
    /// several, else nobody knows which is right.
    fn again(&mut self, earlier: usize, row: u64, film: Listed, several: bool) {
        let Taken {
            film: kept,
            row: first,
            conflict,
        } = &mut self.taken[earlier];
        let differ = |what: &str, a: &str, b: &str| {
            format!("rows {first} and {row} give it different {what}: `{a}` and `{b}`")
        };
        let same_label = spelling::key(&kept.label) == spelling::key(&film.label);
        if kept.location != film.location {
            let reason = format!("rows {first} and {row} name different files of this path");
            conflict.get_or_insert(reason);
        } else if let (Some(a), Some(b)) = (&kept.patient_id, &film.patient_id)
            && a != b
        {
            conflict.get_or_insert(differ("patients", a, b));
        } else if several && (!same_label || kept.unknown != film.unknown) {
            self.counts.merged += 1;
            let separator = SEPARATOR;
            kept.label = format!("{}{separator}{}", kept.label, film.label);
            kept.unknown = match (kept.unknown.take(), film.unknown) {
                (Some(a), Some(b)) => Some(format!("{a}{separator}{b}")),
                (a, b) => a.or(b),
            };
        } else if same_label {
            self.counts.repeated += 1;
        } else {
            conflict.get_or_insert(differ("labels", &kept.label, &film.label));
        }
    }

    /// Where a film's mask is. Films may share one, as the two of a pair that was taken at once do.
    fn mask(&self, given: &str) -> Result<Location, String> {
        match self.finder.find(given) {
            Ok(found) => Ok(found.location),
            Err(reason) => Err(format!("its lung mask {given}: {reason}")),
        }
    }
}

impl Counts {
    fn tell(self, base: &str, notes: &mut Vec<String>) {
        let rows = |count: usize| match count {
            1 => "1 row".to_owned(),
            _ => format!("{count} rows"),
        };
        if self.unlabelled > 0 {
            notes.push(format!(
                "{} without a label: set aside",
                rows(self.unlabelled)
            ));
        }
        if self.repeated > 0 {
            notes.push(format!(
                "{} repeated a film with the same label: each film is taken once",
                rows(self.repeated)
            ));
        }
        if self.merged > 0 {
            notes.push(format!(
                "{} gave a film other findings: it has those of all its rows",
                rows(self.merged)
            ));
        }
        if self.absolute > 0 && self.relative > 0 {
            notes.push(format!(
                "{} with an absolute path, read from where it points; the other paths are relative to {base}",
                rows(self.absolute)
            ));
        }
        if self.lost > 0 {
            notes.push(format!(
                "{} without a file where the path points; relative paths start at {base}",
                rows(self.lost)
            ));
        }
        if let Some((text, row)) = self.first_age {
            notes.push(format!(
                "the age of {} is not known: expected 0 to 150 years, found such as `{text}` in row {row}",
                match self.ages {
                    1 => "1 film".to_owned(),
                    count => format!("{count} films"),
                }
            ));
        }
    }
}

/// Whether patient 0 is what a database writes for nobody: patients that are counted from 0 have a 1.
fn zero_is_nobody(records: &[(u64, Result<Record, String>)]) -> bool {
    let patients: BTreeMap<&str, usize> = records.iter().flat_map(|(_, record)| record).fold(
        BTreeMap::new(),
        |mut counts, record| {
            *counts.entry(record.patient_id.trim()).or_default() += 1;
            counts
        },
    );
    let one = |id: &str| id.trim_start_matches('0') == "1" || id == "1.0";
    patients.iter().any(|(id, films)| is_zero(id) && *films > 1)
        && !patients.keys().any(|id| one(id))
}

fn is_zero(id: &str) -> bool {
    ["0", "0.0"].contains(&id.trim())
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
