//! Where the films of a table are.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use super::Location;
use super::archive::clean_path;
use super::identity::{Identity, file_identity};
use super::listing::Listing;
use super::root::Root;
use super::runs;

/// A file that a table names.
pub(super) struct Found {
    /// As in [`Film::path`](super::Film::path).
    pub path: String,
    pub location: Location,
    pub identity: Identity,
    /// Whether the table gave the path from the root of the disk on.
    pub absolute: bool,
}

/// Finds the files that a table names.
pub(super) struct Finder<'a> {
    root: &'a Root,
    /// Whether a file may be anywhere below the root.
    anywhere: bool,
    below: OnceCell<Below>,
}

impl<'a> Finder<'a> {
    pub fn new(root: &'a Root, anywhere: bool) -> Self {
        Self {
            root,
            anywhere,
            below: OnceCell::new(),
        }
    }

    /// The file under the path `given`: from the table's folder on, or on disk from its root on;
    /// else, where films may be anywhere, the one below the table whose path ends as `given` does.
    ///
    /// # Errors
    ///
    /// One line: why there is no such file.
    pub fn find(&self, given: &str) -> Result<Found, String> {
        if let (Root::Folder(folder), true) = (self.root, Path::new(given).is_absolute()) {
            return absolute(folder, given);
        }
        let path = clean_path(given)?;
        match self.root.locate(&path) {
            Ok((location, identity)) => Ok(Found {
                path,
                location,
                identity,
                absolute: false,
            }),
            Err(reason) if self.anywhere || !path.is_ascii() => {
                let below = self.below.get_or_init(|| Below::of(self.root));
                if let Some(path) = below.spelled_otherwise(&path) {
                    let (location, identity) = self.root.locate(path)?;
                    return Ok(Found {
                        path: path.to_owned(),
                        location,
                        identity,
                        absolute: false,
                    });
                }
                if !self.anywhere {
                    return Err(reason);
                }
                let path = match below.ending_as(&path).as_slice() {
                    [] => return Err(format!("{reason}, nor anywhere below the table's folder")),
                    [one] => (*one).to_owned(),
                    [first, second, ..] => {
                        return Err(format!(
                            "expected one file of that name, found {first} and {second}"
                        ));
                    }
                };
                let (location, identity) = self.root.locate(&path)?;
                Ok(Found {
                    path,
                    location,
                    identity,
                    absolute: false,
                })
            }
            Err(reason) => Err(reason),
        }
    }
}

/// A path from the root of the disk. The film's own path stays one that is safe to write results
/// under: relative, and inside whatever folder it is put.
fn absolute(folder: &Path, given: &str) -> Result<Found, String> {
    let whole = Path::new(given);
    let inside = std::path::absolute(folder)
        .ok()
        .and_then(|folder| whole.strip_prefix(folder).ok().map(Path::to_owned));
    let shown = inside.as_deref().unwrap_or(whole).to_string_lossy();
    let below_a_drive = shown.split_once(':').map_or(&*shown, |(_, rest)| rest);
    let path = clean_path(below_a_drive.trim_start_matches(['/', '\\']))?;
    let identity = file_identity(whole)?;
    Ok(Found {
        path,
        location: Location::File(whole.to_owned()),
        identity,
        absolute: true,
    })
}

/// All files below a root.
struct Below {
    /// By name with and without extension.
    by_name: HashMap<String, Vec<String>>,
    /// Paths with other letters than ASCII's, by themselves with all accents composed: macOS takes accents
    /// apart in the names of files (Unicode Standard Annex 15, form D), and tables mostly do not.
    composed: HashMap<String, String>,
}

impl Below {
    fn of(root: &Root) -> Self {
        let mut unused = Listing::default();
        // A folder that cannot be listed has no files: every row then says that its film is not there.
        let files = root.files(&mut unused).unwrap_or_default();
        let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
        let mut composed_paths = HashMap::new();
        for path in runs::without(files, &mut unused) {
            if !path.is_ascii() {
                composed_paths.insert(composed(&path), path.clone());
            }
            let name = file_name(&path);
            if let Some((stem, _)) = name.rsplit_once('.') {
                by_name
                    .entry(stem.to_owned())
                    .or_default()
                    .push(path.clone());
            }
            by_name.entry(name.to_owned()).or_default().push(path);
        }
        Self {
            by_name,
            composed: composed_paths,
        }
    }

    /// The file whose path differs only in how accents are written.
    fn spelled_otherwise(&self, given: &str) -> Option<&str> {
        self.composed.get(&composed(given)).map(String::as_str)
    }

    /// Files whose path ends with all of `given`, or with all of which `given` ends where that is
    /// more than a name: names alone such as `view1_frontal.jpg` are those of many films.
    fn ending_as(&self, given: &str) -> Vec<&str> {
        let named = self
            .by_name
            .get(file_name(given))
            .map_or(&[][..], Vec::as_slice);
        let fits = |path: &&str| {
            let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
            match (folder(path), folder(given)) {
                (_, None) => true,
                (Some(found), Some(given)) => {
                    ends_with(&found, &given) || ends_with(&given, &found)
                }
                (None, Some(_)) => false,
            }
        };
        named.iter().map(String::as_str).filter(fits).collect()
    }
}

fn composed(path: &str) -> String {
    path.nfc().collect()
}

/// Whether the path ends with all parts of `end`.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_are_found_below_by_the_end_of_their_path() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "images_001/images/1.png",
            "train/patient1/study1/view1.jpg",
            "train/patient2/study1/view1.jpg",
            "films/uuid.dcm",
            "a/twice.png",
            "b/twice.png",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        let root = Root::Folder(folder.path().into());
        let finder = Finder::new(&root, true);
        let cases = [
            ("1.png", Ok("images_001/images/1.png")),
            ("images/1.png", Ok("images_001/images/1.png")),
            (
                "CheXpert/train/patient1/study1/view1.jpg",
                Ok("train/patient1/study1/view1.jpg"),
            ),
            (
                "CheXpert/train/patient3/study1/view1.jpg",
                Err("file not found"),
            ),
            ("uuid", Ok("films/uuid.dcm")),
            ("twice.png", Err("found a/twice.png and b/twice.png")),
            ("../1.png", Err("found `..`")),
        ];
        for (given, expected) in cases {
            match (finder.find(given), expected) {
                (Ok(found), Ok(path)) => assert_eq!(found.path, path, "{given}"),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{given}: {reason}"),
                (found, _) => panic!("{given}: {:?}", found.map(|found| found.path)),
            }
        }
        let strict = Finder::new(&root, false);
        assert!(strict.find("1.png").is_err());
    }

    #[test]
    fn a_name_whose_accents_macos_took_apart_was_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let apart = "Fu\u{308}ße/e\u{301}le\u{300}ve.png";
        let together = "F\u{fc}ße/\u{e9}l\u{e8}ve.png";
        std::fs::create_dir(folder.path().join("Fu\u{308}ße")).unwrap();
        std::fs::write(folder.path().join(apart), "film").unwrap();
        let root = Root::Folder(folder.path().into());
        for anywhere in [false, true] {
            let finder = Finder::new(&root, anywhere);
            for given in [apart, together] {
                let found = finder.find(given).unwrap();
                assert_eq!(found.path, apart);
                assert_eq!(found.location, Location::File(folder.path().join(apart)));
            }
            assert!(finder.find("F\u{fc}ße/eleve.png").is_err());
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_absolute_path_was_refused_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        for folder in [&folder, &elsewhere] {
            std::fs::write(folder.path().join("a.png"), "film").unwrap();
        }
        let root = Root::Folder(folder.path().into());
        let at = |folder: &tempfile::TempDir| folder.path().join("a.png").display().to_string();
        let finder = Finder::new(&root, false);
        assert_eq!(finder.find(&at(&folder)).unwrap().path, "a.png");
        let found = finder.find(&at(&elsewhere)).unwrap();
        assert_eq!(
            found.location,
            Location::File(elsewhere.path().join("a.png"))
        );
        assert_eq!(found.path, at(&elsewhere).trim_start_matches('/'));
        assert!(finder.find("/no/such/film.png").is_err());
    }
}
