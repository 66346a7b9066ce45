//! The split that a data set comes with, as folders `train`, `val` and `test`.

use std::collections::BTreeSet;

use super::Part;
use super::listing::Listed;

/// What the folders that a film is in say of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is in none.
    Beside,
    /// It is in one that names a part of a split, and in none that names a label.
    Part(String),
    /// It has a label, and maybe a part.
    Label { label: String, part: Option<Part> },
}

/// The part that a folder or a manifest's cell names.
pub(super) fn named(name: &str) -> Option<Part> {
    match name.trim().to_lowercase().as_str() {
        "train" | "training" => Some(Part::Train),
        "val" | "valid" | "validation" => Some(Part::Validation),
        "test" | "testing" => Some(Part::Test),
        _ => None,
    }
}

/// What the folders say of each film. The label is the first folder; where that names a part of a
/// split and was not asked for as a label, the folder inside it. So it is with a part further in
/// (`images/train/LABEL`) if all parts are in the same folder: else that folder is a label, and the
/// part is one of its own.
pub(super) fn places(films: &[String], wanted: Option<&[String]>) -> Vec<Place> {
    let split: Vec<Vec<&str>> = films.iter().map(|path| path.split('/').collect()).collect();
    let is_asked = |name: &str| wanted.is_some_and(|labels| labels.iter().any(|one| one == name));
    let part_at = |path: &[&str]| {
        let folders = &path[..path.len() - 1];
        folders
            .iter()
            .position(|name| named(name).is_some() && !is_asked(name))
    };
    let outer: BTreeSet<&[&str]> = split
        .iter()
        .filter_map(|path| Some(&path[..part_at(path)?]))
        .filter(|outer| !outer.is_empty())
        .collect();
    let of = |path: &Vec<&str>| {
        let folders = &path[..path.len() - 1];
        let Some(first) = folders.first() else {
            return Place::Beside;
        };
        let at = part_at(path);
        let part = at.and_then(|at| named(folders[at]));
        let inside = at.and_then(|at| folders.get(at + 1));
        let label = match (at, inside) {
            (Some(0), None) => return Place::Part((*first).to_owned()),
            (Some(0), Some(inside)) => inside,
            (Some(_), Some(inside)) if outer.len() == 1 && !is_asked(first) => inside,
            _ => first,
        };
        Place::Label {
            label: (*label).to_owned(),
            part,
        }
    };
    split.iter().map(of).collect()
}

/// How many films each part has, and what is made of that; none where no film has one.
pub(super) fn note(films: &[Listed], whose: &str) -> Option<String> {
    let count = |part| films.iter().filter(|film| film.part == Some(part)).count();
    let counts: Vec<String> = [Part::Train, Part::Validation, Part::Test]
        .into_iter()
        .map(|part| (part.name(), count(part)))
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    (!counts.is_empty()).then(|| {
        format!(
            "{whose} divide the films into {}: used with --split folders, and not otherwise, for \
             patients may be on both sides",
            counts.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[&str], wanted: Option<&[String]>) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(|&path| path.into()).collect();
        let shown = |place| match place {
            Place::Beside => "beside".to_owned(),
            Place::Part(name) => format!("in {name}"),
            Place::Label { label, part } => format!("{label} {}", part.map_or("", Part::name)),
        };
        places(&paths, wanted).into_iter().map(shown).collect()
    }

    #[test]
    fn parts_of_a_split_became_labels() {
        let cases: [(&[&str], &[&str]); 6] = [
            (
                &[
                    "train/NORMAL/1.png",
                    "Val/NORMAL/2.png",
                    "TESTING/PNEUMONIA/3.png",
                ],
                &["NORMAL train", "NORMAL validation", "PNEUMONIA test"],
            ),
            (
                &["images/train/a/1.png", "images/test/b/p/2.png"],
                &["a train", "b test"],
            ),
            (
                &["a/train/1.png", "b/train/p1/2.png", "b/test/3.png"],
                &["a train", "b train", "b test"],
            ),
            (&["a/1.png", "b/c/2.png"], &["a ", "b "]),
            (
                &["train/a/1.png", "chest/train/b/2.png", "other/3.png"],
                &["a train", "b train", "other "],
            ),
            (
                &["test/1.png", "2.png", "a/3.png"],
                &["in test", "beside", "a "],
            ),
        ];
        for (paths, expected) in cases {
            assert_eq!(of(paths, None), expected, "{paths:?}");
        }
        let asked = ["test".to_owned(), "control".to_owned()];
        assert_eq!(
            of(&["test/1.png", "control/2.png"], Some(&asked)),
            ["test ", "control "]
        );
    }
}
