//! What tells one file from another.

use std::fs;
use std::path::Path;
#[cfg(not(unix))]
use std::path::PathBuf;

/// What makes two paths the same file, however they are spelt or linked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Identity {
    #[cfg(unix)]
    Inode(u64, u64),
    #[cfg(not(unix))]
    Canonical(PathBuf),
    Entry(String),
}

/// What tells one file from another; the error is one line.
pub(super) fn file_identity(path: &Path) -> Result<Identity, String> {
    let metadata = fs::metadata(path).map_err(|error| cause(&error))?;
    if metadata.is_dir() {
        return Err("expected a file, found a folder".into());
    }
    if !metadata.is_file() {
        return Err("expected a regular file, found a device, socket or pipe".into());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok(Identity::Inode(metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    fs::canonicalize(path)
        .map(Identity::Canonical)
        .map_err(|error| cause(&error))
}

/// An I/O error in the words of this library where it has some.
pub(super) fn cause(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "file not found".into(),
        _ => format!("cannot be read: {error}"),
    }
}
