//! Finding the reference data, and saying loudly when it is not there.
#![allow(dead_code, reason = "each test module uses the helpers it needs")]

use std::path::{Path, PathBuf};

/// The folder `covid-xray` of the reference data: from `PLAINFILM_DATA`, else from the nearest
/// `shared/data` beside or above the checkout. Prints why a test is skipped when there is none.
pub fn reference_films(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("PLAINFILM_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/data"))
        .find(|folder| folder.is_dir());
    let found = named
        .or(beside)
        .into_iter()
        .flat_map(|root| [root.join("covid-xray"), root])
        .find(|folder| folder.join("manifest.csv").is_file());
    if found.is_none() {
        eprintln!(
            "SKIPPED: {test}: the reference data is not here; set PLAINFILM_DATA to its folder"
        );
    }
    found
}

/// The repository's `reference/<subject>` folder.
pub fn reference_output(subject: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../reference")
        .join(subject)
}
