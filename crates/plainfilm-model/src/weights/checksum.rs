//! Name and checksum of a file of weights.

use std::path::Path;

use super::error::WeightsError;
use plainfilm_data::download::sha256_of;

/// SHA-256 of a file in hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, WeightsError> {
    sha256_of(path).map_err(|source| WeightsError::File {
        path: path.to_owned(),
        source,
    })
}

/// The last part of a path, for people to read.
pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
