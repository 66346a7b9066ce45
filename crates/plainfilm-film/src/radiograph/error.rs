//! What can be wrong with a film.

use std::path::PathBuf;

use super::Format;

/// Why a file is not a usable film. Every variant names the file and says what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RadiographError {
    /// The file could not be read.
    #[error("{}: could not be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// There is nothing in the file.
    #[error("{name}: expected a film, found an empty file")]
    Empty {
        /// The file or archive entry.
        name: String,
    },
    /// The content is none of the formats that are read.
    #[error(
        "{name}: expected PNG, JPEG, TIFF, BMP, WebP or DICOM, found {found}{}",
        hint_for(found)
    )]
    NotAFilm {
        /// The file or archive entry.
        name: String,
        /// What the first bytes look like.
        found: String,
    },
    /// The file is larger than [`super::Limits::max_file_bytes`].
    #[error("{name}: expected a file of at most {limit} bytes, found {found}")]
    FileTooLarge {
        /// The file or archive entry.
        name: String,
        /// Its size in bytes.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// The header claims more pixels than [`super::Limits`] allows.
    #[error(
        "{name}: expected at most {max_side} pixels a side and {max_pixels} in all, \
         found {width}x{height}"
    )]
    TooLarge {
        /// The file or archive entry.
        name: String,
        /// Columns claimed.
        width: u32,
        /// Rows claimed.
        height: u32,
        /// Longest side allowed.
        max_side: u32,
        /// Most pixels allowed.
        max_pixels: u64,
    },
    /// The header claims no pixels at all.
    #[error("{name}: expected at least one pixel, found {width}x{height}")]
    NoPixels {
        /// The file or archive entry.
        name: String,
        /// Columns claimed.
        width: u32,
        /// Rows claimed.
        height: u32,
    },
    /// The file ends before its pixels do.
    #[error("{name}: expected a whole {format} file, found a truncated one: {detail}")]
    Truncated {
        /// The file or archive entry.
        name: String,
        /// Its format by content.
        format: Format,
        /// Where it ends, or what the decoder said.
        detail: String,
    },
    /// The file breaks its format's rules.
    #[error("{name}: expected a valid {format} file, found a damaged one: {detail}")]
    Damaged {
        /// The file or archive entry.
        name: String,
        /// Its format by content.
        format: Format,
        /// What the decoder said.
        detail: String,
    },
    /// The file may be fine, but uses a part of its format that is not read.
    #[error("{name}: this kind of {format} is not supported: {detail}")]
    Unsupported {
        /// The file or archive entry.
        name: String,
        /// Its format by content.
        format: Format,
        /// Which part.
        detail: String,
    },
}

fn hint_for(found: &str) -> &'static str {
    match found {
        "a zip archive" => "; hint: an archive is opened as a data set, not as a film",
        "a Git LFS pointer" => "; hint: fetch the file itself with `git lfs pull`",
        _ => "",
    }
}

/// A reason stands beside the film's path and need not begin with it again.
#[must_use]
pub fn without_name(reason: &str, name: &str) -> String {
    let rest = reason
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(": "));
    rest.unwrap_or(reason).to_owned()
}
