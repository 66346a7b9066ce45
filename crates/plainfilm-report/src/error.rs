//! What can go wrong while a report is written.

use std::path::PathBuf;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Two pieces of the input contradict each other.
    #[error("{what}: expected {expected}, found {found}")]
    Inconsistent {
        /// Which piece, with its path where it is a film.
        what: String,
        /// What the rest of the input asks for.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The file system refused.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A picture could not be drawn.
    #[error("picture {name}: {reason}")]
    Picture {
        /// Name of the picture, without extension.
        name: String,
        /// What the renderer said.
        reason: String,
    },
    /// The page could not be filled in.
    #[error("report.html: {0}")]
    Page(#[from] askama::Error),
}
