//! A zip archive as a read-only folder: nothing is unpacked to disk, and what an archive can do to
//! its reader (leave its folder, follow links, grow without end) is refused.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::read::ZipFileEntry;
use zip::{CompressionMethod, ZipArchive};

use super::left_out::is_left_out;
use super::legacy_names::LegacyNames;
use super::listing::Listing;
use super::{DatasetError, Location};

/// More entries than any collection of films has.
const MAX_ENTRIES: usize = 2_000_000;
/// Declared sizes of all entries together, in bytes: 1 TiB.
const MAX_TOTAL_BYTES: u64 = 1 << 40;
/// Deflate reaches about 1,030 on constant bytes; films stay below 20, a black 16-bit TIFF frame
/// with a small film in it below 200.
const MAX_RATIO: u64 = 400;
/// Below this size a high ratio cannot hurt.
const RATIO_MATTERS_FROM: u64 = 4 << 20;

/// An opened archive; reading from it needs no lock, so many threads may.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    zip: ZipArchive<PositionedFile>,
    /// Cleaned entry names, with `/` between parts, and what is behind them.
    entries: BTreeMap<String, Entry>,
    /// Entries that are refused: name as stored, reason.
    refused: Vec<(String, String)>,
    /// What names are read as that are not UTF-8.
    legacy: LegacyNames,
}

#[derive(Debug)]
struct Entry {
    index: usize,
    /// Declared size in bytes; reading stops there.
    size: u64,
    refused: Option<String>,
}

impl Archive {
    /// Reads the central directory and checks every entry. An entry larger than `max_entry_bytes`
    /// is refused.
    pub fn open(path: &Path, max_entry_bytes: u64) -> Result<Self, DatasetError> {
        let refuse = |reason: String| DatasetError::Archive {
            archive: path.to_owned(),
            reason,
        };
        let file = PositionedFile::open(path).map_err(|source| DatasetError::Io {
            action: "open",
            path: path.to_owned(),
            source,
        })?;
        let mut zip = ZipArchive::new(file).map_err(|error| refuse(error.to_string()))?;
        if zip.len() > MAX_ENTRIES {
            return Err(refuse(format!(
                "expected at most {MAX_ENTRIES} entries, found {}",
                zip.len()
            )));
        }
        if zip.has_duplicate_names() {
            return Err(refuse("two entries have the same name".into()));
        }
        match zip.has_overlapping_entries() {
            Ok(false) => {}
            Ok(true) => return Err(refuse("entries overlap, as in a zip bomb".into())),
            Err(error) => return Err(refuse(error.to_string())),
        }
        let mut archive = Self {
            path: path.to_owned(),
            entries: BTreeMap::new(),
            refused: Vec::new(),
            legacy: LegacyNames::none(),
            zip,
        };
        archive.legacy = archive.legacy_names().map_err(refuse)?;
        let mut total = 0u64;
        for index in 0..archive.zip.len() {
            total = total.saturating_add(archive.add(index, max_entry_bytes).map_err(refuse)?);
        }
        if total > MAX_TOTAL_BYTES {
            return Err(refuse(format!(
                "expected at most {MAX_TOTAL_BYTES} bytes when unpacked, found {total} declared"
            )));
        }
        Ok(archive)
    }

    /// Takes in one entry and returns its declared size.
    fn add(&mut self, index: usize, max_entry_bytes: u64) -> Result<u64, String> {
        let entry = self
            .zip
            .by_index_data(index)
            .map_err(|error| error.to_string())?;
        if entry.is_dir() {
            return Ok(0);
        }
        let (size, refused) = (entry.size(), refusal(&entry, max_entry_bytes));
        let raw = entry.name_raw();
        let stored = String::from_utf8_lossy(raw).into_owned();
        let name = match (std::str::from_utf8(raw), self.legacy.decode(raw)) {
            (Ok(name), _) => Ok(name.to_owned()),
            (Err(_), Some(name)) => Ok(name),
            (Err(_), None) => match entry.name() {
                Ok(name) => Ok(name.into_owned()),
                Err(_) => Err("the entry's name cannot be decoded".to_owned()),
            },
        };
        match name.and_then(|name| clean_path(&name)) {
            Err(reason) => self.refused.push((stored, reason)),
            Ok(clean) => {
                let entry = Entry {
                    index,
                    size,
                    refused,
                };
                if self.entries.insert(clean.clone(), entry).is_some() {
                    return Err(format!("two entries have the name {clean}"));
                }
            }
        }
        Ok(size)
    }

    /// Looks at the names that are not UTF-8, all together: the more letters, the surer the guess.
    fn legacy_names(&self) -> Result<LegacyNames, String> {
        let mut names = Vec::new();
        for index in 0..self.zip.len() {
            let entry = self.zip.by_index_data(index);
            let entry = entry.map_err(|error| error.to_string())?;
            let raw = entry.name_raw();
            if std::str::from_utf8(raw).is_err() {
                names.push(raw.to_vec());
            }
        }
        Ok(LegacyNames::guess(&names))
    }

    /// What the user should know of names that are not UTF-8; none where all are.
    pub fn note(&self) -> Option<String> {
        self.legacy.note(&self.path)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the entry `name` is.
    pub fn location(&self, name: &str) -> Location {
        Location::ZipEntry {
            archive: self.path.clone(),
            entry: name.to_owned(),
        }
    }

    /// Whether the entry `name` is there and may be read; the error is one line.
    pub fn check(&self, name: &str) -> Result<(), String> {
        let entry = self.entries.get(name).ok_or("file not found in archive")?;
        entry.refused.clone().map_or(Ok(()), Err)
    }

    /// Declared size of the entry `name` in bytes.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.size)
    }

    /// Unpacks the entry `name` into memory; the error is one line.
    pub fn read(&self, name: &str, max_bytes: u64) -> Result<Vec<u8>, String> {
        self.check(name)?;
        let declared = self.entries[name].size;
        if declared > max_bytes {
            return Err(format!(
                "expected at most {max_bytes} bytes, found {declared}"
            ));
        }
        // One byte more than declared shows an entry that lies about its size.
        let bytes = self.peek(name, declared.saturating_add(1))?;
        if bytes.len() as u64 != declared {
            return Err(format!(
                "expected {declared} bytes as the archive declares, found {}",
                if bytes.len() as u64 > declared {
                    "more"
                } else {
                    "fewer"
                }
            ));
        }
        Ok(bytes)
    }

    /// The first `count` bytes of the entry `name`, or all if it has fewer.
    pub fn peek(&self, name: &str, count: u64) -> Result<Vec<u8>, String> {
        self.check(name)?;
        // The clone shares the directory and the file, and has its own position.
        let mut zip = self.zip.clone();
        let entry = zip
            .by_index(self.entries[name].index)
            .map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        entry
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("cannot be unpacked: {error}"))?;
        Ok(bytes)
    }

    /// Puts the entries whose very names are refused into `listing`.
    pub fn report_refused_names(&self, listing: &mut Listing) {
        for (name, reason) in &self.refused {
            listing.reject(name, None, reason.clone());
        }
    }

    /// All readable files below `prefix` as relative paths, sorted.
    pub fn files(&self, prefix: &str, listing: &mut Listing) -> Vec<String> {
        self.report_refused_names(listing);
        let mut files = Vec::new();
        for (name, entry) in &self.entries {
            let Some(relative) = name.strip_prefix(prefix) else {
                continue;
            };
            let parts: Vec<&str> = relative.split('/').collect();
            let left_out = parts
                .iter()
                .enumerate()
                .find_map(|(depth, part)| is_left_out(part, depth + 1 < parts.len()));
            if let Some(reason) = left_out {
                listing.ignore(relative, reason);
            } else if let Some(reason) = &entry.refused {
                let label = relative.split_once('/').map(|(label, _)| label);
                listing.reject(relative, label, reason.clone());
            } else {
                files.push(relative.to_owned());
            }
        }
        files
    }
}

/// Why an entry is not read, if so.
fn refusal(entry: &ZipFileEntry<'_>, max_entry_bytes: u64) -> Option<String> {
    let size = entry.size();
    let ratio = size / entry.compressed_size().max(1);
    if entry.is_symlink() {
        return Some(
            "expected a file, found a symbolic link, which is not followed in archives".into(),
        );
    }
    if entry.encrypted() {
        return Some("expected a plain entry, found an encrypted one".into());
    }
    if !matches!(
        entry.compression(),
        CompressionMethod::Stored | CompressionMethod::Deflated
    ) {
        return Some(format!(
            "expected an entry stored or deflated, found method {}",
            entry.compression()
        ));
    }
    if size > max_entry_bytes {
        return Some(format!(
            "expected at most {max_entry_bytes} bytes, found an entry of {size}"
        ));
    }
    (size >= RATIO_MATTERS_FROM && ratio > MAX_RATIO).then(|| {
        format!(
            "expected a compression ratio of at most {MAX_RATIO}, found {ratio}, as in a zip bomb"
        )
    })
}

/// A path relative to its root, with `/` between parts and no part that means "here". Absolute
/// paths and `..` are errors: they would leave the root.
pub(super) fn clean_path(path: &str) -> Result<String, String> {
    let slashes = path.replace('\\', "/");
    let drive = slashes.as_bytes().get(1) == Some(&b':');
    if slashes.starts_with('/') || drive {
        return Err("expected a relative path, found an absolute one".into());
    }
    if slashes.contains('\0') {
        return Err("expected a path, found a NUL in it".into());
    }
    let parts: Vec<&str> = slashes
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err("expected a path that stays inside its folder, found `..`".into());
    }
    if parts.is_empty() {
        return Err("expected a path, found none".into());
    }
    Ok(parts.join("/"))
}

/// A file with a position of its own over a shared handle.
#[derive(Debug, Clone)]
struct PositionedFile {
    file: Arc<File>,
    position: u64,
    length: u64,
}

impl PositionedFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self {
            length: file.metadata()?.len(),
            file: Arc::new(file),
            position: 0,
        })
    }
}

impl Read for PositionedFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(&*self.file, out, self.position)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(&*self.file, out, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for PositionedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "seek before the start of the file",
            )
        })?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn archive(fill: impl FnOnce(&mut ZipWriter<File>)) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("films.zip");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        fill(&mut writer);
        writer.finish().unwrap();
        (folder, path)
    }

    fn add(writer: &mut ZipWriter<File>, name: &str, bytes: &[u8]) {
        writer
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }

    fn listed(archive: &Archive) -> (Vec<String>, Vec<(String, String)>) {
        let mut listing = Listing::default();
        let files = archive.files("", &mut listing);
        let rejected = listing.rejected.into_iter();
        (files, rejected.map(|r| (r.path, r.reason)).collect())
    }

    #[test]
    fn entries_are_read_by_many_threads_at_once() {
        let (_folder, path) = archive(|writer| {
            for index in 0..50u8 {
                add(writer, &format!("x/{index}.png"), &[index; 5_000]);
            }
        });
        let archive = Archive::open(&path, 10_000).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for index in 0..50u8 {
                        let bytes = archive.read(&format!("x/{index}.png"), 10_000).unwrap();
                        assert_eq!(bytes, [index; 5_000]);
                    }
                });
            }
        });
    }

    #[test]
    fn names_that_leave_the_archive_are_refused() {
        let (_folder, path) = archive(|writer| {
            add(writer, "../evil.png", b"x");
            add(writer, "x/../../evil.png", b"x");
            add(writer, "x\\..\\..\\evil.png", b"x");
            add(writer, "C:\\evil.png", b"x");
            add(writer, "x/good.png", b"x");
        });
        let (files, rejected) = listed(&Archive::open(&path, 100).unwrap());
        assert_eq!(files, ["x/good.png"]);
        assert_eq!(rejected.len(), 4, "{rejected:?}");
    }

    #[test]
    fn links_large_entries_and_bombs_are_refused() {
        let (_folder, path) = archive(|writer| {
            writer
                .add_symlink("x/link.png", "/etc/passwd", SimpleFileOptions::default())
                .unwrap();
            add(writer, "x/bomb.png", &vec![0; 8 << 20]);
            add(writer, "x/large.png", &vec![0; 20 << 20]);
        });
        let archive = Archive::open(&path, 10 << 20).unwrap();
        let (files, rejected) = listed(&archive);
        assert!(files.is_empty());
        for (name, expected) in [
            ("x/link.png", "symbolic link"),
            ("x/bomb.png", "zip bomb"),
            ("x/large.png", "expected at most 10485760 bytes"),
        ] {
            let found = rejected.iter().find(|(path, _)| path == name);
            assert!(found.is_some_and(|(_, reason)| reason.contains(expected)));
            assert!(archive.read(name, u64::MAX).is_err());
        }
    }

    #[test]
    fn an_encrypted_entry_is_refused() {
        let (_folder, path) = archive(|writer| add(writer, "x/a.png", b"film"));
        // Bit 0 of the flags, in the local header (offset 6) and in the central one (offset 8).
        let mut bytes = std::fs::read(&path).unwrap();
        let central = bytes.windows(4).position(|four| four == b"PK\x01\x02");
        bytes[6] |= 1;
        bytes[central.unwrap() + 8] |= 1;
        std::fs::write(&path, bytes).unwrap();
        let (files, rejected) = listed(&Archive::open(&path, 100).unwrap());
        assert!(files.is_empty());
        assert!(rejected[0].1.contains("encrypted"), "{rejected:?}");
    }

    #[test]
    fn an_entry_that_lies_about_its_size_is_an_error() {
        let (_folder, path) = archive(|writer| add(writer, "x/a.png", &[7; 1_000]));
        let mut bytes = std::fs::read(&path).unwrap();
        let central = bytes.windows(4).position(|four| four == b"PK\x01\x02");
        let size = central.unwrap() + 24;
        bytes[size..size + 4].copy_from_slice(&10u32.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        let archive = Archive::open(&path, 2_000).unwrap();
        assert!(archive.read("x/a.png", 2_000).is_err());
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("films.zip");
        for bytes in [&b""[..], b"not a zip", b"PK\x03\x04 cut off"] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(
                Archive::open(&path, 100),
                Err(DatasetError::Archive { .. })
            ));
        }
    }

    #[test]
    fn paths_are_cleaned_or_refused() {
        let cases = [
            ("a/b.png", Some("a/b.png")),
            ("./a//b.png", Some("a/b.png")),
            ("a\\b.png", Some("a/b.png")),
            ("/a.png", None),
            ("\\\\host\\a.png", None),
            ("c:/a.png", None),
            ("a/../b.png", None),
            ("a\0.png", None),
            ("", None),
            (".", None),
        ];
        for (path, expected) in cases {
            assert_eq!(clean_path(path).ok().as_deref(), expected, "{path:?}");
        }
    }
}
