//! Films with any number of findings at once, as `Effusion|Pneumothorax` in a manifest.

use std::collections::BTreeSet;

use super::DatasetError;
use super::labels::choose;
use super::listing::{Listed, Listing};
use plainfilm_figures::{Presence, says_nothing_found};

/// What separates the findings of one film in a manifest's cell, as the NIH's ChestX-ray14 has it.
pub const SEPARATOR: char = '|';

/// The labels of a data set with findings: whether a film shows any of them.
const ANY: [&str; 2] = ["any finding", "no finding"];

/// What [`resolve`] found.
#[derive(Debug)]
pub(super) struct Resolved {
    /// In the order of the network's outputs.
    pub findings: Vec<String>,
    /// Whether a film shows any of them, and which, in the order of the films.
    pub films: Vec<(usize, Vec<Presence>, Listed)>,
}

impl Resolved {
    /// Labels of the data set.
    pub fn labels() -> Vec<String> {
        ANY.map(str::to_owned).to_vec()
    }
}

/// Reads the cells of all films. A film whose cells contradict themselves, or of which nothing is known, is
/// rejected. `asked` are the findings to use; all that a film has, sorted by name, if none.
pub(super) fn resolve(
    listing: &mut Listing,
    asked: Option<&[String]>,
) -> Result<Resolved, DatasetError> {
    let mut cells = vec![];
    for film in std::mem::take(&mut listing.films) {
        match Cells::read(&film) {
            Ok(read) => cells.push((read, film)),
            Err(reason) => listing.reject(&film.path, None, reason),
        }
    }
    let known: BTreeSet<&str> = cells
        .iter()
        .flat_map(|(read, _)| read.present.iter().chain(&read.unknown))
        .map(String::as_str)
        .collect();
    let findings = choose(&known, asked)?;
    let mut films = vec![];
    for (read, film) in cells {
        let presence: Vec<Presence> = findings.iter().map(|name| read.presence(name)).collect();
        if presence.iter().all(|&one| one == Presence::Unknown) {
            listing.reject(
                &film.path,
                None,
                "the table does not say which findings it shows",
            );
            continue;
        }
        films.push((any_of(&presence), presence, film));
    }
    Ok(Resolved { findings, films })
}

/// The label of a film: whether it shows any finding.
pub(super) fn any_of(presence: &[Presence]) -> usize {
    usize::from(!presence.contains(&Presence::Present))
}

/// The findings that a film's cells name.
struct Cells {
    present: Vec<String>,
    unknown: Vec<String>,
}

impl Cells {
    fn read(film: &Listed) -> Result<Self, String> {
        let mut present = names(&film.label);
        // Beside others, "no finding" says that there are no more: CheXpert's films with a pacemaker and
        // nothing else have it.
        present.retain(|name| !says_nothing_found(name));
        let mut unknown = names(film.unknown.as_deref().unwrap_or_default());
        unknown.retain(|name| !says_nothing_found(name));
        match unknown.iter().find(|name| present.contains(name)) {
            Some(both) => Err(format!("`{both}` is both a finding and unknown")),
            None => Ok(Self { present, unknown }),
        }
    }

    fn presence(&self, finding: &str) -> Presence {
        if self.present.iter().any(|name| name == finding) {
            Presence::Present
        } else if self.unknown.iter().any(|name| name == finding) {
            Presence::Unknown
        } else {
            Presence::Absent
        }
    }
}

/// Names in a cell, each once.
fn names(cell: &str) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for name in cell.split(SEPARATOR).map(str::trim) {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Location;

    fn listing(rows: &[(&str, &str)]) -> Listing {
        let films = rows
            .iter()
            .enumerate()
            .map(|(index, (label, unknown))| Listed {
                unknown: (!unknown.is_empty()).then(|| (*unknown).to_owned()),
                ..Listed::new(
                    format!("{index}.png"),
                    Location::File("a.png".into()),
                    (*label).to_owned(),
                )
            });
        Listing {
            films: films.collect(),
            several: true,
            ..Listing::default()
        }
    }

    #[test]
    fn cells_become_one_answer_for_each_finding() {
        use Presence::{Absent, Present, Unknown};
        let mut listing = listing(&[
            ("Mass|Effusion", ""),
            ("No Finding", ""),
            (" Effusion | Effusion", "Mass"),
            ("No Finding", "Mass"),
            ("No Finding|Support Devices", ""),
            ("Mass", "Mass"),
            ("No Finding", "Effusion|Mass"),
        ]);
        let resolved = resolve(&mut listing, None).unwrap();
        assert_eq!(resolved.findings, ["Effusion", "Mass", "Support Devices"]);
        let found: Vec<(usize, &[Presence])> = resolved
            .films
            .iter()
            .map(|(label, presence, _)| (*label, presence.as_slice()))
            .collect();
        let expected: [(usize, &[Presence]); 6] = [
            (0, &[Present, Present, Absent]),
            (1, &[Absent, Absent, Absent]),
            (0, &[Present, Unknown, Absent]),
            (1, &[Absent, Unknown, Absent]),
            (0, &[Absent, Absent, Present]),
            (1, &[Unknown, Unknown, Absent]),
        ];
        assert_eq!(found, expected);
        let reasons: Vec<&str> = listing.rejected.iter().map(|r| r.reason.as_str()).collect();
        assert_eq!(reasons, ["`Mass` is both a finding and unknown"]);
    }

    #[test]
    fn a_film_of_which_nothing_is_known_is_set_aside() {
        let mut listing = listing(&[("Mass", ""), ("No Finding", "Mass")]);
        let resolved = resolve(&mut listing, None).unwrap();
        assert_eq!(resolved.films.len(), 1);
        assert_eq!(
            listing.rejected[0].reason,
            "the table does not say which findings it shows"
        );
    }

    #[test]
    fn asked_findings_keep_their_order_and_the_others_do_not_count() {
        let rows = [("Mass|Effusion", ""), ("Nodule", ""), ("normal", "")];
        let asked = ["Mass".to_owned(), "Effusion".to_owned()];
        let resolved = resolve(&mut listing(&rows), Some(&asked)).unwrap();
        assert_eq!(resolved.findings, asked);
        let labels: Vec<usize> = resolved.films.iter().map(|film| film.0).collect();
        assert_eq!(labels, [0, 1, 1], "a nodule is none of those asked for");
        let error = resolve(&mut listing(&rows), Some(&["mas".to_owned()])).unwrap_err();
        assert!(error.to_string().contains("Mass"), "{error}");
    }
}
