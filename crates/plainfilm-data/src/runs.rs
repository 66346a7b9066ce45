//! What plainfilm itself wrote among the films: runs and explanations, whose pictures are no films.

use std::collections::BTreeSet;

use super::listing::Listing;

/// The files outside such folders, which are noted in `listing`.
pub(super) fn without(files: Vec<String>, listing: &mut Listing) -> Vec<String> {
    let known: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    let has = |folder: &str, name: &str| known.contains(format!("{folder}/{name}").as_str());
    let has_below = |folder: &str, name: &str| {
        let start = format!("{folder}/{name}/");
        let next = known.range(start.as_str()..).next();
        next.is_some_and(|path| path.starts_with(&start))
    };
    let mut folders: BTreeSet<String> = BTreeSet::new();
    for path in &files {
        let found = match path.rsplit_once('/') {
            Some((folder, "settings.toml")) => {
                let written = ["metrics.json", "split.csv", "history.csv"];
                (written.iter().any(|name| has(folder, name)) || has_below(folder, "checkpoints"))
                    .then_some(folder)
            }
            Some((folder, "explain.json")) => Some(folder),
            _ => None,
        };
        folders.extend(found.map(str::to_owned));
    }
    let inside = |path: &str| {
        path.match_indices('/')
            .map(|(end, _)| &path[..end])
            .find(|folder| folders.contains(*folder))
            .map(str::to_owned)
    };
    for folder in &folders {
        // One inside another is part of it.
        if inside(folder).is_none() {
            listing.ignore(folder, "written by plainfilm, no films");
            listing.notes.push(format!(
                "{folder} was written by plainfilm: its pictures are no films"
            ));
        }
    }
    files
        .into_iter()
        .filter(|path| inside(path).is_none())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_inside_the_films_became_a_label() {
        let files = [
            "a/1.png",
            "explanations/1.png",
            "explanations/explain.json",
            "mine/1.png",
            "mine/settings.toml",
            "runs/r/checkpoints/last.safetensors",
            "runs/r/fold-1/metrics.json",
            "runs/r/fold-1/settings.toml",
            "runs/r/maps/1.png",
            "runs/r/settings.toml",
        ];
        let mut listing = Listing::default();
        let kept = without(files.map(str::to_owned).to_vec(), &mut listing);
        assert_eq!(kept, ["a/1.png", "mine/1.png", "mine/settings.toml"]);
        let noted: Vec<&str> = listing
            .ignored
            .iter()
            .map(|one| one.path.as_str())
            .collect();
        assert_eq!(noted, ["explanations", "runs/r"]);
        assert_eq!(listing.notes.len(), 2);
    }
}
