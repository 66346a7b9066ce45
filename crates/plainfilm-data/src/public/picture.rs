//! Whether a file of a public set is a whole picture.

use std::path::Path;

use super::PublicDataError;

/// Whether a file is a whole picture; the reason if not.
pub(super) fn decodes(path: &Path) -> Result<(), String> {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(16_384);
    limits.max_image_height = Some(16_384);
    let mut reader = image::ImageReader::open(path)
        .and_then(image::ImageReader::with_guessed_format)
        .map_err(|error| error.to_string())?;
    reader.limits(limits);
    match reader.decode() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "expected a picture, found a file that does not decode: {error}"
        )),
    }
}

pub(super) fn file_error(path: &Path, source: std::io::Error) -> PublicDataError {
    PublicDataError::File {
        path: path.to_path_buf(),
        source,
    }
}
