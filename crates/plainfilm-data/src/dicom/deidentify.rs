//! A folder of DICOM films written anew into another folder, without what identifies a person.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use plainfilm_film::radiograph::dicom::{Identities, deidentify as anew};
use plainfilm_film::radiograph::{Format, Limits, read_bytes, without_name};
use rayon::prelude::*;

use super::{Salt, below, io};
use crate::DatasetError;

/// How films are de-identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeidentifyOptions {
    /// Take films too whose file says that text is drawn into them.
    pub allow_burned_in: bool,
    /// Shift dates by a number of days that is the patient's own; they are emptied otherwise.
    pub shift_dates: bool,
    /// Keep the first folder of each film's path, which is its label; all films lie in one folder otherwise.
    pub keep_folders: bool,
    /// How large files and films may be.
    pub limits: Limits,
}

/// What came of a folder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeidentifiedFilms {
    /// Files that were written, sorted, below the output folder: named after hashes.
    pub written: Vec<String>,
    /// Those of them whose file does not say whether text is drawn into the film.
    pub may_be_burned_in: Vec<String>,
    /// Files that were refused, and why, by path. No reason says anything of a person; the paths are the user's own.
    pub refused: BTreeMap<String, String>,
}

struct Pseudonyms<'s> {
    salt: &'s Salt,
    shift_dates: bool,
}

impl Identities for Pseudonyms<'_> {
    fn patient(&self, identifier: &str) -> String {
        self.salt.pseudonym(identifier)
    }

    fn uid(&self, uid: &str) -> String {
        self.salt.uid(uid)
    }

    fn days(&self, patient: &str) -> Option<i64> {
        self.shift_dates.then(|| self.salt.days(patient))
    }
}

/// Writes the DICOM films below `from` anew into `output`, which must be new or empty and not below `from`.
///
/// Patients get the pseudonyms that [`films`](super::films()) gives them with the same salt. See
/// [`plainfilm_film::radiograph::dicom::deidentify()`] for what stays of a file.
///
/// # Errors
///
/// [`DatasetError::Io`] where a folder cannot be read or written, and [`DatasetError::NotADataset`] where `output`
/// holds files or lies where the films do. What is wrong with one film is in [`DeidentifiedFilms::refused`].
pub fn deidentify(
    from: &Path,
    output: &Path,
    salt: &Salt,
    options: &DeidentifyOptions,
) -> Result<DeidentifiedFilms, DatasetError> {
    let mut films = DeidentifiedFilms::default();
    let paths = below(from, &mut films.refused)?;
    prepare(from, output)?;
    let own =
        |path: &String| path == "manifest.csv" || path == "left_out.csv" || path.ends_with(".salt");
    let results: Vec<_> = paths
        .into_par_iter()
        // What an import left in the folder is no film that is refused.
        .filter(|path| !own(path))
        .map(|path| {
            let done = one(from, &path, output, salt, options);
            (path, done)
        })
        .collect();
    for (path, done) in results {
        match done {
            Ok((written, burned_in)) => {
                if burned_in.is_none() {
                    films.may_be_burned_in.push(written.clone());
                }
                films.written.push(written);
            }
            Err(reason) => {
                films.refused.insert(path, reason);
            }
        }
    }
    films.written.sort();
    films.may_be_burned_in.sort();
    Ok(films)
}

/// Makes the output folder, and refuses one where something could be overwritten or read as an input.
fn prepare(from: &Path, output: &Path) -> Result<(), DatasetError> {
    let refused = |found: &str| DatasetError::Io {
        action: "write into",
        path: output.to_owned(),
        source: std::io::Error::other(format!(
            "expected a new or empty folder elsewhere, found {found}"
        )),
    };
    std::fs::create_dir_all(output).map_err(|source| io("write", output, source))?;
    let real = |path: &Path| std::fs::canonicalize(path).map_err(|source| io("open", path, source));
    if real(output)?.starts_with(real(from)?) {
        return Err(refused("one where the films are"));
    }
    let mut entries = std::fs::read_dir(output).map_err(|source| io("open", output, source))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(refused("one with files in it")),
    }
}

/// The name of the file that was written, and what the film says of text drawn into it.
fn one(
    from: &Path,
    path: &str,
    output: &Path,
    salt: &Salt,
    options: &DeidentifyOptions,
) -> Result<(String, Option<bool>), String> {
    let limits = &options.limits;
    let because =
        |error: plainfilm_film::radiograph::RadiographError| without_name(&error.to_string(), path);
    // The name on disk is longer than the path that is shown, so errors are told the latter.
    let bytes =
        read_bytes(&from.join(path), limits).map_err(|_| "it could not be read".to_owned())?;
    if Format::of(&bytes, path).map_err(because)? != Format::Dicom {
        return Err("expected a DICOM file, found a picture of another format".to_owned());
    }
    let identities = Pseudonyms {
        salt,
        shift_dates: options.shift_dates,
    };
    let film = anew(&bytes, path, limits, &identities).map_err(because)?;
    if film.burned_in_annotation == Some(true) && !options.allow_burned_in {
        return Err(
            "its file says that text is drawn into it (Burned In Annotation), which may name a person"
                .to_owned(),
        );
    }
    // Of a film without an identifier, its own bytes are one.
    let name = match &film.instance {
        Some(instance) => salt.pseudonym(instance),
        None => salt.pseudonym_of(&bytes),
    };
    let mut written = format!("{}.dcm", &name[..16]);
    if options.keep_folders
        && let Some((folder, _)) = path.split_once('/')
    {
        written = format!("{folder}/{written}");
        std::fs::create_dir_all(output.join(folder))
            .map_err(|_| "its folder could not be made".to_owned())?;
    }
    let created = std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(output.join(&written));
    match created.and_then(|mut file| file.write_all(&film.bytes)) {
        Ok(()) => Ok((written, film.burned_in_annotation)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err("another file has the same identifier (SOP Instance UID)".to_owned())
        }
        Err(error) => Err(format!("it could not be written: {}", error.kind())),
    }
}
