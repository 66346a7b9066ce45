//! Walking a folder on disk: links are followed, cycles are cut, one file is taken once.

use std::collections::HashMap;
use std::path::Path;

use walkdir::WalkDir;

use super::DatasetError;
use super::identity::{Identity, file_identity};
use super::left_out::is_left_out;
use super::listing::Listing;

/// All regular files below `root` as relative paths, sorted.
///
/// Hidden folders and mask folders are not entered and are noted in `listing.ignored`, hidden
/// files likewise. What is a link cycle, a broken link or unreadable is in `listing.rejected`. Of a
/// file that is reached more than once through links, the path without a link is kept, else the
/// first in order, and the others are rejected.
pub(super) fn files(root: &Path, listing: &mut Listing) -> Result<Vec<String>, DatasetError> {
    std::fs::read_dir(root).map_err(|source| DatasetError::Io {
        action: "open",
        path: root.to_owned(),
        source,
    })?;
    let mut found: Vec<Found> = Vec::new();
    let mut walk = WalkDir::new(root)
        .min_depth(1)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(root);
                let relative = relative(root, path).unwrap_or_else(|shown| shown);
                listing.reject(&relative, label_of(&relative), unreachable_because(&error));
                continue;
            }
        };
        let path = match relative(root, entry.path()) {
            Ok(path) => path,
            Err(shown) => {
                listing.reject(&shown, label_of(&shown), "expected a name in UTF-8");
                if entry.file_type().is_dir() {
                    walk.skip_current_dir();
                }
                continue;
            }
        };
        let name = entry.file_name().to_string_lossy();
        if let Some(reason) = is_left_out(&name, entry.file_type().is_dir()) {
            listing.ignore(&path, reason);
            if entry.file_type().is_dir() {
                walk.skip_current_dir();
            }
        } else if !entry.file_type().is_dir() {
            match file_identity(entry.path()) {
                Ok(identity) => found.push(Found {
                    linked: is_linked(root, entry.path()),
                    path,
                    identity,
                }),
                Err(reason) => listing.reject(&path, label_of(&path), reason),
            }
        }
    }
    Ok(keep_each_once(found, listing))
}

struct Found {
    /// False sorts first: a path without links is the one to keep.
    linked: bool,
    path: String,
    identity: Identity,
}

fn keep_each_once(mut found: Vec<Found>, listing: &mut Listing) -> Vec<String> {
    found.sort_by(|a, b| (a.linked, &a.path).cmp(&(b.linked, &b.path)));
    let mut first: HashMap<Identity, String> = HashMap::new();
    let mut kept = Vec::new();
    for file in found {
        if let Some(same) = first.get(&file.identity) {
            let reason = format!("the same file as {same}, reached through a link");
            listing.reject(&file.path, label_of(&file.path), reason);
        } else {
            first.insert(file.identity, file.path.clone());
            kept.push(file.path);
        }
    }
    kept.sort();
    kept
}

/// The path below `root` with `/` between parts, or how to show it when it is not UTF-8.
fn relative(root: &Path, path: &Path) -> Result<String, String> {
    let below = path.strip_prefix(root).unwrap_or(path);
    let mut parts = Vec::new();
    for part in below.components() {
        let part = part.as_os_str();
        parts.push(
            part.to_str()
                .ok_or_else(|| below.to_string_lossy().into_owned())?,
        );
    }
    Ok(parts.join("/"))
}

fn label_of(path: &str) -> Option<&str> {
    path.split_once('/').map(|(label, _)| label)
}

/// Whether any part of `path` below `root` is a symbolic link.
fn is_linked(root: &Path, path: &Path) -> bool {
    path.ancestors()
        .take_while(|ancestor| *ancestor != root)
        .any(|ancestor| ancestor.is_symlink())
}

fn unreachable_because(error: &walkdir::Error) -> String {
    if let Some(ancestor) = error.loop_ancestor() {
        let name = ancestor.file_name().unwrap_or(ancestor.as_os_str());
        return format!(
            "a link back to its own parent folder {}: not followed",
            name.to_string_lossy()
        );
    }
    match error.io_error() {
        Some(io) if io.kind() == std::io::ErrorKind::NotFound => {
            "a link to something that does not exist".into()
        }
        Some(io) => format!("cannot be read: {io}"),
        None => error.to_string(),
    }
}
