//! A folder with one sub-folder per label.
//!
//! What counts as a film: a file whose name ends in a known picture extension or has no extension
//! at all, and any other file whose first bytes are those of a picture. All of these become films
//! (the decoder goes by content and sets aside what it cannot read). Everything else, such as
//! notes, tables, hidden files and mask folders, is listed in
//! [`Dataset::ignored`](super::Dataset::ignored) with the reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::listing::{Listed, Listing};
use super::parts::Place;
use super::root::Root;
use super::{DatasetError, DatasetOptions, SetAside, parts, runs};

/// Extensions of files that are meant as films, whether or not the decoder knows the format.
const PICTURE_EXTENSIONS: [&str; 20] = [
    "avif", "bmp", "dcm", "dib", "dicom", "gif", "heic", "j2k", "jfif", "jp2", "jpe", "jpeg",
    "jpg", "pgm", "png", "ppm", "tga", "tif", "tiff", "webp",
];

/// Why a folder that could have been a label's is none.
pub(super) const NO_PICTURES: &str = "a folder without pictures is not a label";

/// Names without an extension that are never films.
const TEXT_NAMES: [&str; 6] = [
    "authors",
    "changelog",
    "copying",
    "licence",
    "license",
    "readme",
];

/// Whether the file at `path` is meant as a film.
fn is_film(root: &Root, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    match name.rsplit_once('.') {
        Some((_, extension)) if PICTURE_EXTENSIONS.contains(&extension) => true,
        None if !TEXT_NAMES.contains(&name.as_str()) => true,
        _ => image::guess_format(&root.peek(path, 32)).is_ok(),
    }
}

/// Lists the films below `root`, with the name of the first folder as the label, or, where that
/// names a part of a split (`train`, `test`), of the one inside it.
///
/// A single folder that holds nothing but folders is entered, as archives often have one; a name
/// in `wanted` is never entered, because it was asked for as a label.
pub(super) fn list(root: &Root, options: &DatasetOptions) -> Result<(Root, Listing), DatasetError> {
    let wanted = options.labels.as_deref();
    let mut root = root.clone();
    loop {
        let mut listing = Listing::default();
        let files = root.files(&mut listing)?;
        let files = runs::without(files, &mut listing);
        if let Some(name) = only_wrapper(&files, wanted) {
            root = root.join(&name);
            if let Some(listing) = super::manifest::list_if_there(&root, options)? {
                return Ok((root, listing));
            }
            continue;
        }
        label_files(&root, files, wanted, &mut listing);
        return Ok((root, listing));
    }
}

/// The one folder that everything is in, if that folder itself holds no file but perhaps a manifest
/// or text.
fn only_wrapper(files: &[String], wanted: Option<&[String]>) -> Option<String> {
    let (first, _) = files.first()?.split_once('/')?;
    if wanted.is_some_and(|labels| labels.iter().any(|label| label == first)) {
        return None;
    }
    let inside: Option<Vec<&str>> = files
        .iter()
        .map(|file| file.strip_prefix(first)?.strip_prefix('/'))
        .collect();
    let inside = inside?;
    let has_manifest = inside
        .iter()
        .any(|file| super::manifest::NAMES.contains(file));
    let direct_films = inside.iter().any(|file| {
        let extension = file.rsplit_once('.').map(|(_, extension)| extension);
        !file.contains('/')
            && extension.is_none_or(|extension| {
                PICTURE_EXTENSIONS.contains(&extension.to_lowercase().as_str())
            })
    });
    let nested = inside.iter().any(|file| file.contains('/'));
    (has_manifest || (nested && !direct_films)).then(|| first.to_owned())
}

/// The films below a folder, whatever their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderFilms {
    /// Sorted by path.
    pub films: Vec<PathBuf>,
    /// What looks like a film and cannot be reached, as link cycles; paths below the folder.
    pub set_aside: Vec<SetAside>,
}

/// Finds the films below a folder by the same rule as a data set does, without labels.
///
/// # Errors
///
/// When the folder cannot be listed.
pub fn films_in_folder(folder: &Path) -> Result<FolderFilms, DatasetError> {
    let root = Root::Folder(folder.to_owned());
    let mut listing = Listing::default();
    let files = root.files(&mut listing)?;
    let films = runs::without(files, &mut listing)
        .into_iter()
        .filter(|path| is_film(&root, path))
        .map(|path| folder.join(path))
        .collect();
    let set_aside = listing
        .rejected
        .into_iter()
        .map(|rejected| SetAside {
            path: rejected.path,
            reason: rejected.reason,
        })
        .collect();
    Ok(FolderFilms { films, set_aside })
}

fn label_files(root: &Root, files: Vec<String>, wanted: Option<&[String]>, listing: &mut Listing) {
    let (films, others): (Vec<String>, Vec<String>) =
        files.into_iter().partition(|path| is_film(root, path));
    let places = parts::places(&films, wanted);
    let mut with_films: BTreeSet<String> = BTreeSet::new();
    for (path, place) in films.into_iter().zip(places) {
        with_films.extend(folder_of(&path).map(str::to_owned));
        match place {
            Place::Beside => listing.reject(
                &path,
                None,
                "expected inside a label's folder, found beside them",
            ),
            Place::Part(name) => listing.reject(
                &path,
                None,
                format!(
                    "expected in a label's folder inside `{name}`, which names a part of a split: ask for \
                     it with --labels if it is a label"
                ),
            ),
            Place::Label { label, part } => match root.locate(&path) {
                Ok((location, _)) => listing.films.push(Listed {
                    part,
                    ..Listed::new(path, location, label)
                }),
                Err(reason) => listing.reject(&path, Some(&label), reason),
            },
        }
    }
    if let Some(note) = parts::note(&listing.films, "the folders") {
        listing
            .notes
            .push(format!("labels are the folders inside; {note}"));
    }
    let mut without: BTreeSet<String> = BTreeSet::new();
    for path in others {
        let folder = folder_of(&path).filter(|folder| !with_films.contains(*folder));
        without.extend(folder.map(str::to_owned));
        listing.ignore(&path, "not a picture");
    }
    for folder in without {
        listing.ignore(&folder, NO_PICTURES);
    }
}

/// The folder right below the root that a path is in.
fn folder_of(path: &str) -> Option<&str> {
    path.split_once('/').map(|(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapping_folder_is_found() {
        let cases: [(&[&str], Option<&str>); 6] = [
            (&["w/a/1.png", "w/b/2.png"], Some("w")),
            (&["w/a/1.png", "w/README.md"], Some("w")),
            (&["w/manifest.csv", "w/1.png"], Some("w")),
            (&["w/1.png", "w/a/2.png"], None),
            (&["a/1.png", "b/2.png"], None),
            (&["1.png"], None),
        ];
        for (files, expected) in cases {
            let files: Vec<String> = files.iter().map(|file| (*file).into()).collect();
            assert_eq!(only_wrapper(&files, None).as_deref(), expected, "{files:?}");
        }
        let files = ["w/a/1.png".to_owned()];
        assert_eq!(only_wrapper(&files, Some(&["w".to_owned()])), None);
    }
}
