//! What the audit finds of planted copies, how fast it is, and which films it says are flawed.
//!
//! ```text
//! bench-audit copies DATA [--every N]   # twelve changed copies of every Nth film (10), sought among all
//! bench-audit scale [--films N]         # copies planted among N (100,000) phantoms
//! bench-audit quality DATA              # findings on every film, counted and listed
//! ```
//!
//! `DATA` is a folder of films, or of folders of films.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its table"
)]

mod copies;
mod plant;
mod quality;
mod scale;

use std::path::{Path, PathBuf};

use mimalloc::MiMalloc;
use plainfilm::radiograph::{Limits, Radiograph, open};
use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const USAGE: &str = "usage: bench-audit copies DATA [--every N] | scale [--films N] | quality DATA";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["copies", data] => read(data).map(|films| copies::run(&films, 10)),
        ["copies", data, "--every", every] => {
            number(every).and_then(|every| read(data).map(|films| copies::run(&films, every)))
        }
        ["scale"] => number("100000").map(scale::run),
        ["scale", "--films", films] => number(films).map(scale::run),
        ["quality", data] => read(data).map(|films| quality::run(&films)),
        _ => Err(USAGE.to_owned()),
    };
    if let Err(message) = done {
        eprintln!("{message}");
        std::process::exit(2);
    }
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("expected a number above 0, found `{text}`")),
    }
}

/// All films in a folder and its folders, in order of their paths.
fn read(folder: &str) -> Result<Vec<(String, Radiograph)>, String> {
    let root = Path::new(folder);
    let mut paths = list(root)?;
    for folder in paths.clone().iter().filter(|path| path.is_dir()) {
        paths.extend(list(folder)?);
    }
    paths.retain(|path| path.is_file() && path.extension().is_some_and(|end| end != "csv"));
    paths.sort();
    let films: Vec<_> = paths
        .par_iter()
        .filter_map(|path| {
            let name = path
                .strip_prefix(root)
                .unwrap_or(path)
                .display()
                .to_string();
            Some((name, open(path, &Limits::default()).ok()?))
        })
        .collect();
    if films.is_empty() {
        return Err(format!("expected films in {folder}, found none"));
    }
    Ok(films)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Lung masks lie beside the reference films and are none.
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.ends_with("lung_masks"))
        .collect())
}
