//! How much fits on the disk that a folder is on.

use std::path::{Path, PathBuf};

/// The folder, or the nearest above it that is there: where it would be made.
pub fn nearest(folder: &Path) -> PathBuf {
    // What is there and no folder stays: whoever writes below it has to be told.
    let above = folder
        .ancestors()
        .find(|above| above.exists() && above != &Path::new(""));
    above.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Bytes that may still be written there by whoever runs the program; none where the system does not say.
#[cfg(unix)]
pub fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes that may still be written there by whoever runs the program; none where the system does not say.
#[cfg(not(unix))]
pub fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_is_one_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest(&folder.path().join("a/b")), folder.path());
        assert_eq!(nearest(folder.path()), folder.path());
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(nearest(&file.join("a")), file);
    }
}
