//! Opening a data set and reading films from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::archive::Archive;
use super::listing::{Listed, Listing};
use super::root::{Root, read_file};
use super::{
    Dataset, DatasetError, DatasetOptions, Film, Location, SetAside, findings, folder, labels,
    manifest, patients, spelling,
};
use plainfilm_figures::Presence;
use plainfilm_film::radiograph::{Limits, Radiograph, decode, without_name};

/// Films with their labels, or with their findings.
struct Labelled {
    labels: Vec<String>,
    findings: Vec<String>,
    films: Vec<(usize, Vec<Presence>, Listed)>,
}

impl Labelled {
    fn of(listing: &mut Listing, wanted: Option<&[String]>) -> Result<Self, DatasetError> {
        if listing.several {
            let resolved = findings::resolve(listing, wanted)?;
            return Ok(Self {
                labels: findings::Resolved::labels(),
                findings: resolved.findings,
                films: resolved.films,
            });
        }
        let films = listing.films.iter();
        let known: BTreeSet<&str> = films.map(|film| film.label.as_str()).collect();
        let labels = labels::choose(&known, wanted)?;
        let films = std::mem::take(&mut listing.films)
            .into_iter()
            .filter_map(|film| {
                let label = labels.iter().position(|label| *label == film.label)?;
                Some((label, Vec::new(), film))
            })
            .collect();
        Ok(Self {
            labels,
            findings: Vec::new(),
            films,
        })
    }
}

impl Dataset {
    /// The names of what a network answers: the findings where there are any, else the labels.
    pub fn outputs(&self) -> &[String] {
        if self.findings.is_empty() {
            &self.labels
        } else {
            &self.findings
        }
    }

    /// Opens a folder with one sub-folder per label, a folder that contains `manifest.csv` or
    /// `manifest.parquet` (the manifest then rules), a `.csv`, `.parquet` or `.xlsx` manifest, or a `.zip`
    /// of any of these.
    ///
    /// # Errors
    ///
    /// When `data` is none of these, a manifest lacks `path` or `label`, an archive is refused, a
    /// label asked for is unknown, the patient pattern cannot be used, or no film is left. What is
    /// wrong with single films is in [`Dataset::set_aside`].
    pub fn open(data: &Path, options: &DatasetOptions) -> Result<Self, DatasetError> {
        let wanted = options.labels.as_deref();
        let (root, mut listing) = list(data, options)?;
        spelling::unify(&mut listing, wanted);
        if listing.films.is_empty() {
            return Err(no_films(data, &listing));
        }
        let Labelled {
            labels,
            findings,
            mut films,
        } = Labelled::of(&mut listing, wanted)?;
        if films.is_empty() {
            return Err(no_films(data, &listing));
        }
        let label_of = |name: &str| labels.iter().position(|label| label == name);
        films.sort_by(|(.., a), (.., b)| a.path.cmp(&b.path));
        let (answers, films): (Vec<(usize, Vec<Presence>)>, Vec<Listed>) = films
            .into_iter()
            .map(|(label, presence, film)| ((label, presence), film))
            .unzip();

        let archive = root.archive();
        let read =
            |film: &Listed| read_at(&film.location, archive.as_deref(), &options.limits).ok();
        let pattern = options.patient_pattern.as_deref();
        let (patient_ids, patients) = patients::assign(&films, pattern, &read, &options.limits)?;

        let set_aside = listing
            .rejected
            .into_iter()
            .filter(|rejected| {
                let label = rejected.label.as_deref();
                wanted.is_none()
                    || !findings.is_empty()
                    || label.is_none_or(|label| label_of(label).is_some())
            })
            .map(|rejected| SetAside {
                path: rejected.path,
                reason: rejected.reason,
            })
            .collect();
        Ok(Self {
            origin: data.to_owned(),
            synthetic: films.iter().any(|film| film.synthetic),
            films: films
                .into_iter()
                .zip(answers)
                .zip(patient_ids)
                .map(|((film, (label, findings)), patient_id)| Film {
                    path: film.path,
                    location: film.location,
                    label,
                    findings,
                    patient_id,
                    source: film.source,
                    view: film.view,
                    sex: film.sex,
                    age: film.age,
                    mask: film.mask,
                    part: film.part,
                })
                .collect(),
            labels,
            findings,
            set_aside: sorted(set_aside),
            ignored: sorted(listing.ignored),
            notes: listing.notes,
            patients,
            limits: options.limits,
            archive,
        })
    }

    /// Whether a network can learn to tell its films apart.
    ///
    /// # Errors
    ///
    /// When all films have the same label.
    pub fn expect_two_labels(&self) -> Result<(), DatasetError> {
        let [label] = self.labels.as_slice() else {
            return Ok(());
        };
        let others: Vec<String> = self
            .ignored
            .iter()
            .filter(|ignored| ignored.reason == folder::NO_PICTURES)
            .map(|ignored| ignored.path.clone())
            .collect();
        Err(DatasetError::OneLabel {
            origin: self.origin.clone(),
            label: label.clone(),
            films: self.films.len(),
            others: (!others.is_empty()).then_some(others),
        })
    }

    /// The bytes of a film's file. Many threads may read at once.
    ///
    /// # Errors
    ///
    /// When the file is gone, is no regular file, is larger than the limits allow, or an archive's
    /// entry is damaged.
    pub fn read(&self, film: &Film) -> Result<Vec<u8>, DatasetError> {
        read_at(&film.location, self.archive.as_deref(), &self.limits).map_err(|reason| {
            DatasetError::Film {
                path: film.path.clone(),
                reason,
            }
        })
    }

    /// A film, decoded within the data set's own limits.
    ///
    /// # Errors
    ///
    /// One line, without the film's path, that says why it cannot be used.
    pub fn film(&self, film: &Film) -> Result<Radiograph, String> {
        self.film_with_bytes(film).map(|(_, film)| film)
    }

    /// [`Self::film`], together with the bytes that it was decoded from.
    ///
    /// # Errors
    ///
    /// As [`Self::film`].
    pub fn film_with_bytes(&self, film: &Film) -> Result<(Vec<u8>, Radiograph), String> {
        let reason = |error: &dyn std::fmt::Display| without_name(&error.to_string(), &film.path);
        let bytes = self.read(film).map_err(|error| reason(&error))?;
        let decoded = decode(&bytes, &film.path, &self.limits).map_err(|error| reason(&error))?;
        Ok((bytes, decoded))
    }

    /// The bytes of a film's lung mask; none where the manifest names none.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Film`] when the mask cannot be read, under the film's path.
    pub fn read_mask(&self, film: &Film) -> Result<Option<Vec<u8>>, DatasetError> {
        let Some(mask) = &film.mask else {
            return Ok(None);
        };
        read_at(mask, self.archive.as_deref(), &self.limits)
            .map(Some)
            .map_err(|reason| DatasetError::Film {
                path: film.path.clone(),
                reason: format!("its lung mask: {reason}"),
            })
    }

    /// The limits that the data set was opened with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Tells one data set from another: SHA-256, in hexadecimal, over path, label name and file
    /// size of every film, sorted by path. Contents are not read, so films that are changed
    /// without changing their size are not noticed; a folder and a zip of it have the same
    /// fingerprint.
    pub fn fingerprint(&self) -> String {
        let mut lines: Vec<String> = self
            .films
            .iter()
            .map(|film| {
                let size = match self.size_of(film) {
                    Some(size) => size.to_string(),
                    None => "missing".into(),
                };
                format!("{}\0{}\0{size}\n", film.path, self.labels[film.label])
            })
            .collect();
        lines.sort();
        let digest = Sha256::digest(lines.concat());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Size of a film's file in bytes, if it is there.
    pub fn size_of(&self, film: &Film) -> Option<u64> {
        match &film.location {
            Location::File(path) => fs::metadata(path).ok().map(|metadata| metadata.len()),
            Location::ZipEntry { entry, .. } => self.archive.as_ref()?.size(entry),
        }
    }

    /// Films of each label, in the order of [`Dataset::labels`].
    pub fn films_per_label(&self) -> Vec<usize> {
        let mut counts = vec![0; self.labels.len()];
        for film in &self.films {
            counts[film.label] += 1;
        }
        counts
    }

    /// Films of each of [`Self::outputs`]: with that label, or that finding and maybe others.
    pub fn films_per_output(&self) -> Vec<usize> {
        if self.findings.is_empty() {
            return self.films_per_label();
        }
        let count = |finding: usize| {
            let films = self.films.iter();
            let with = films.filter(|film| film.findings[finding] == Presence::Present);
            with.count()
        };
        (0..self.findings.len()).map(count).collect()
    }

    /// Different patients (or the groups that stand in for them) of each label, in the order of
    /// [`Dataset::labels`]; a patient with films of two labels counts for both.
    pub fn patients_per_label(&self) -> Vec<usize> {
        let mut patients = vec![std::collections::HashSet::new(); self.labels.len()];
        for film in &self.films {
            patients[film.label].insert(film.patient_id.as_str());
        }
        patients.iter().map(|patients| patients.len()).collect()
    }
}

fn list(data: &Path, options: &DatasetOptions) -> Result<(Root, Listing), DatasetError> {
    let metadata = fs::metadata(data).map_err(|source| DatasetError::Io {
        action: "open",
        path: data.to_owned(),
        source,
    })?;
    if metadata.is_dir() {
        return list_folder(Root::Folder(data.to_owned()), options);
    }
    let not_a_dataset = |found: &str| DatasetError::NotADataset {
        path: data.to_owned(),
        found: found.to_owned(),
    };
    if !metadata.is_file() {
        return Err(not_a_dataset("a device, socket or pipe"));
    }
    let extension = data.extension().and_then(|extension| extension.to_str());
    match extension.unwrap_or_default().to_lowercase().as_str() {
        "csv" | "tsv" | "txt" | "parquet" | "xlsx" | "gz" => {
            let name = data
                .file_name()
                .and_then(|name| name.to_str())
                .ok_or_else(|| not_a_dataset("a name that is not UTF-8"))?;
            let folder = match data.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            let root = Root::Folder(folder.to_owned());
            let listing = manifest::list(&root, name, options)?;
            Ok((root, listing))
        }
        "zip" => {
            let archive = Archive::open(data, options.limits.max_file_bytes)?;
            let note = archive.note();
            let root = Root::Archive {
                archive: Arc::new(archive),
                prefix: String::new(),
            };
            let (root, mut listing) = list_folder(root, options)?;
            listing.notes.extend(note);
            Ok((root, listing))
        }
        "" => Err(not_a_dataset("a file without an extension")),
        extension => Err(not_a_dataset(&format!("a .{extension} file"))),
    }
}

fn list_folder(root: Root, options: &DatasetOptions) -> Result<(Root, Listing), DatasetError> {
    match manifest::list_if_there(&root, options)? {
        Some(listing) => Ok((root, listing)),
        None => folder::list(&root, options),
    }
}

fn no_films(data: &Path, listing: &Listing) -> DatasetError {
    let first = listing.rejected.first();
    DatasetError::NoFilms {
        origin: data.to_owned(),
        set_aside: listing.rejected.len(),
        first_reason: first.map(|first| format!("{}: {}", first.path, first.reason)),
    }
}

/// The error is one line.
fn read_at(
    location: &Location,
    opened: Option<&Archive>,
    limits: &Limits,
) -> Result<Vec<u8>, String> {
    match (location, opened) {
        (Location::File(path), _) => read_file(path, limits.max_file_bytes),
        (Location::ZipEntry { archive, entry }, Some(opened)) if opened.path() == archive => {
            opened.read(entry, limits.max_file_bytes)
        }
        (Location::ZipEntry { archive, entry }, _) => Archive::open(archive, limits.max_file_bytes)
            .map_err(|error| error.to_string())?
            .read(entry, limits.max_file_bytes),
    }
}

fn sorted(mut list: Vec<SetAside>) -> Vec<SetAside> {
    list.sort_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
    list
}

#[cfg(test)]
mod tests;
