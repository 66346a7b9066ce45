//! Writing a file so that nobody ever sees half of it.

use std::io::Write;
use std::path::Path;

const PREFIX: &str = ".plainfilm-";
const SUFFIX: &str = ".part";

/// Whether a path is a temporary file of [`atomic_write`]: left over, unless a write is under way.
#[must_use]
pub fn is_unfinished(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

/// Writes `bytes` to `path` through a temporary file in the same folder: written, synced, renamed.
///
/// Afterwards `path` holds either what it held before or all of `bytes`. The folder must exist.
///
/// # Errors
/// Whatever the file system says; the temporary file is removed then.
pub fn atomic_write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    // Temporary files are private to their owner; a finished file follows the folder's custom.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = match std::fs::metadata(path) {
            Ok(existing) => existing.permissions(),
            Err(_) => std::fs::Permissions::from_mode(0o644),
        };
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_no_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        atomic_write(&path, b"first, and longer").unwrap();
        atomic_write(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(atomic_write(&folder.path().join("absent/model"), b"x").is_err());
    }
}
