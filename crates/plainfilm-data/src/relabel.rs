//! Bringing a data set's labels to those of a trained model, or to one finding alone.

use std::collections::BTreeMap;

use super::error::quoted;
use super::findings::any_of;
use super::labels::check_renames;
use super::{Dataset, DatasetError, Film, SetAside};
use plainfilm_figures::{Presence, says_nothing_found};

impl Dataset {
    /// The same films under a model's labels: names in `renames` are replaced first, then each film
    /// takes the index of its name in `labels`. Films of any other label are set aside.
    ///
    /// # Errors
    ///
    /// When a name in `renames` is of no label, or no film is left.
    pub fn with_labels(
        mut self,
        labels: &[String],
        renames: &BTreeMap<String, String>,
    ) -> Result<Self, DatasetError> {
        check_renames(renames, &self.labels, labels, |_| false)?;
        let own = std::mem::replace(&mut self.labels, labels.to_vec());
        let targets: Vec<Option<usize>> = own
            .iter()
            .map(|name| {
                let name = renames.get(name).unwrap_or(name);
                labels.iter().position(|label| label == name)
            })
            .collect();
        self.retain(|film| match targets[film.label] {
            Some(label) => {
                film.label = label;
                Ok(())
            }
            None => Err(format!(
                "its label {} is none of the model's ({})",
                own[film.label],
                quoted(labels)
            )),
        });
        self.unless_empty(labels, own)
    }

    /// The same films under a model's findings, renamed as in [`Self::with_labels`]. What the data set does not
    /// tell of a film is unknown: findings that it has no column for, and, where every film has one label,
    /// all others but for films with none. Films of which nothing is known are set aside.
    ///
    /// # Errors
    ///
    /// When a name in `renames` is of no label, or no film is left.
    pub fn with_findings(
        mut self,
        findings: &[String],
        renames: &BTreeMap<String, String>,
    ) -> Result<Self, DatasetError> {
        let own = self.outputs().to_vec();
        check_renames(renames, &own, findings, says_nothing_found)?;
        let renamed: Vec<&String> = own
            .iter()
            .map(|name| renames.get(name).unwrap_or(name))
            .collect();
        let single = self.findings.is_empty();
        let presence = |film: &Film, finding: &String| {
            let Some(place) = renamed.iter().position(|name| *name == finding) else {
                let nothing = single && says_nothing_found(renamed[film.label]);
                return match nothing {
                    true => Presence::Absent,
                    false => Presence::Unknown,
                };
            };
            match film.findings.get(place) {
                Some(&known) => known,
                None if film.label == place => Presence::Present,
                None if says_nothing_found(renamed[film.label]) => Presence::Absent,
                None => Presence::Unknown,
            }
        };
        self.retain(|film| {
            film.findings = findings.iter().map(|name| presence(film, name)).collect();
            film.label = any_of(&film.findings);
            match film.findings.iter().all(|&one| one == Presence::Unknown) {
                true => Err(format!(
                    "nothing is known of any of the model's findings ({})",
                    quoted(findings)
                )),
                false => Ok(()),
            }
        });
        self.findings = findings.to_vec();
        self.labels = super::findings::Resolved::labels();
        self.unless_empty(findings, own)
    }

    /// The same films in the same order with one finding as their label: it, or “no” it. Films of which it is
    /// not known have the latter: whoever uses this leaves them out.
    ///
    /// # Panics
    ///
    /// When there is no such finding.
    pub fn of_finding(&self, finding: usize) -> Self {
        let name = &self.findings[finding];
        let mut alone = self.clone();
        alone.labels = vec![name.clone(), format!("no {name}")];
        alone.findings = Vec::new();
        for film in &mut alone.films {
            film.label = usize::from(film.findings[finding] != Presence::Present);
            film.findings = Vec::new();
        }
        alone
    }

    /// Keeps the films that can be used, and sets the others aside.
    fn retain(&mut self, mut usable: impl FnMut(&mut Film) -> Result<(), String>) {
        for mut film in std::mem::take(&mut self.films) {
            match usable(&mut film) {
                Ok(()) => self.films.push(film),
                Err(reason) => self.set_aside.push(SetAside {
                    path: film.path,
                    reason,
                }),
            }
        }
        self.set_aside.sort_by(|a, b| a.path.cmp(&b.path));
    }

    fn unless_empty(self, expected: &[String], found: Vec<String>) -> Result<Self, DatasetError> {
        if self.films.is_empty() {
            return Err(DatasetError::NoSharedLabel {
                data: self.origin,
                expected: expected.to_vec(),
                found,
            });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Presence::{Absent, Present, Unknown};

    /// A data set of empty files with this manifest.
    fn open(manifest: &str) -> Dataset {
        let folder = tempfile::tempdir().unwrap();
        for film in ["a.png", "b.png", "c.png", "d.png"] {
            std::fs::write(folder.path().join(film), film).unwrap();
        }
        std::fs::write(folder.path().join("manifest.csv"), manifest).unwrap();
        Dataset::open(folder.path(), &Default::default()).unwrap()
    }

    fn presence(dataset: &Dataset) -> Vec<&[Presence]> {
        let films = dataset.films.iter();
        films.map(|film| film.findings.as_slice()).collect()
    }

    const SEVERAL: &str = "path,label,unknown,patient_id\na.png,Mass|Nodule,,1\nb.png,No Finding,Nodule,2\n\
                           c.png,Nodule,,3\n";

    #[test]
    fn a_models_findings_are_unknown_where_the_data_do_not_tell() {
        let names = ["Nodule", "Effusion", "Mass"].map(str::to_owned);
        let several = open(SEVERAL)
            .with_findings(&names, &BTreeMap::new())
            .unwrap();
        let expected: [&[Presence]; 3] = [
            &[Present, Unknown, Present],
            &[Unknown, Unknown, Absent],
            &[Present, Unknown, Absent],
        ];
        assert_eq!(presence(&several), expected);
        assert_eq!(several.findings, names);
        let labels: Vec<usize> = several.films.iter().map(|film| film.label).collect();
        assert_eq!(labels, [0, 1, 0]);

        // One label a film: what it has is known, and what films with nothing have not.
        let one = "path,label,patient_id\na.png,mass,1\nb.png,normal,2\nc.png,Fracture,3\n";
        let renames = BTreeMap::from([("mass".to_owned(), "Mass".to_owned())]);
        let one = open(one).with_findings(&names, &renames).unwrap();
        let expected: [&[Presence]; 2] = [&[Unknown, Unknown, Present], &[Absent; 3]];
        assert_eq!(presence(&one), expected);
        assert_eq!(one.set_aside.len(), 1);
        assert!(
            one.set_aside[0]
                .reason
                .contains("nothing is known of any of the model's findings"),
            "{:?}",
            one.set_aside
        );
        let other = ["Hernia".to_owned()];
        let error = open(SEVERAL)
            .with_findings(&other, &BTreeMap::new())
            .unwrap_err();
        assert!(
            matches!(error, DatasetError::NoSharedLabel { .. }),
            "{error}"
        );
    }

    #[test]
    fn one_finding_alone_is_a_question_of_two_labels() {
        let several = open(SEVERAL);
        let nodule = several.of_finding(1);
        assert_eq!(nodule.labels, ["Nodule", "no Nodule"]);
        let labels: Vec<usize> = nodule.films.iter().map(|film| film.label).collect();
        assert_eq!(labels, [0, 1, 0]);
        assert!(nodule.findings.is_empty());
    }
}
