//! Features on disk: one small file for each film, that anybody may delete at any time.
//!
//! A file is named after the SHA-256 of all that its values depend on. It is written under another
//! name and renamed, so two processes that compute the same film both leave a whole file, and every
//! record in it carries its own checksum, so a file that was cut off or changed is computed again.
//! Nothing is synced to the disk for the same reason: what a power cut takes is only time.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use plainfilm_film::files::is_unfinished;

/// The first bytes of every file; the number changes with the layout, and with anything in the
/// program that changes the values of features.
const MAGIC: &[u8; 24] = b"plainfilm features 0001\n";
/// Before every record.
const CHECKSUM: usize = 32;
/// Files end so.
const EXTENSION: &str = "features";
/// A temporary file that is older than this was left by a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// SHA-256 of all that a file's values depend on.
pub(super) type Key = [u8; 32];

/// Where features are kept between runs, and how much of the disk they may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureCache {
    /// A folder for them alone; it need not exist yet.
    pub folder: PathBuf,
    /// Bytes that the folder may hold. The files that were not read for longest go first.
    pub limit: u64,
}

impl FeatureCache {
    /// 2 GiB.
    pub const DEFAULT_LIMIT: u64 = 2 << 30;

    /// Bytes of the features that the folder holds now; 0 where it is not there yet.
    ///
    /// # Errors
    ///
    /// Where it is there and cannot be listed.
    pub fn used(&self) -> io::Result<u64> {
        match files_below(&self.folder) {
            Ok(files) => Ok(files.iter().map(|file| file.bytes).sum()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// A [`FeatureCache`] in use by one run.
#[derive(Debug)]
pub(super) struct Store {
    cache: FeatureCache,
    /// Bytes that this run may still write.
    left: AtomicU64,
}

impl Store {
    /// Makes the folder.
    pub fn open(cache: &FeatureCache) -> io::Result<Self> {
        fs::create_dir_all(&cache.folder)?;
        Ok(Self {
            cache: cache.clone(),
            left: AtomicU64::new(0),
        })
    }

    fn path(&self, key: &Key) -> PathBuf {
        let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        // Folders of a few hundred files, not one of a million.
        self.cache
            .folder
            .join(&name[..2])
            .join(name)
            .with_extension(EXTENSION)
    }

    /// Bytes of a file with this many records of so many values.
    pub fn file_bytes(records: usize, length: usize) -> u64 {
        (MAGIC.len() + records * record_bytes(length)) as u64
    }

    /// The first `records` records of a file, one after another; none when there is no such file, or
    /// it is damaged. Marks the file as used.
    pub fn read(&self, key: &Key, records: usize, length: usize) -> Option<Vec<f32>> {
        let file = self.opened(key, records, length)?;
        // Only the order of deletion depends on it.
        let _ = file.set_modified(SystemTime::now());
        self.read_records(file, 0, records, length)
    }

    /// One record of a file of `records`.
    pub fn read_one(
        &self,
        key: &Key,
        record: usize,
        records: usize,
        length: usize,
    ) -> Option<Vec<f32>> {
        let file = self.opened(key, records, length)?;
        self.read_records(file, record, 1, length)
    }

    /// The file, if it has the length that it should: nothing is allocated for another.
    fn opened(&self, key: &Key, records: usize, length: usize) -> Option<File> {
        // Writable, because its time of use is set.
        let mut file = File::options()
            .read(true)
            .append(true)
            .open(self.path(key))
            .ok()?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).ok()?;
        let expected = Self::file_bytes(records, length);
        (magic == *MAGIC && file.metadata().ok()?.len() == expected).then_some(file)
    }

    fn read_records(
        &self,
        mut file: File,
        first: usize,
        count: usize,
        length: usize,
    ) -> Option<Vec<f32>> {
        let start = MAGIC.len() + first * record_bytes(length);
        file.seek(SeekFrom::Start(start as u64)).ok()?;
        let mut bytes = vec![0; count * record_bytes(length)];
        file.read_exact(&mut bytes).ok()?;
        let mut values = Vec::with_capacity(count * length);
        for record in bytes.chunks_exact(record_bytes(length)) {
            let (checksum, record) = record.split_at(CHECKSUM);
            if Sha256::digest(record)[..] != *checksum {
                return None;
            }
            let (floats, _) = record.as_chunks::<4>();
            values.extend(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        Some(values)
    }

    /// Keeps records of `length` values each, unless that would take more room than there is.
    pub fn write(&self, key: &Key, values: &[f32], length: usize) -> io::Result<()> {
        let bytes = Self::file_bytes(values.len() / length, length);
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        if taken.is_err() {
            return Ok(());
        }
        let path = self.path(key);
        let folder = path.parent().expect("the path was joined to a folder");
        fs::create_dir_all(folder)?;
        let mut content = Vec::with_capacity(bytes as usize);
        content.extend(MAGIC);
        for record in values.chunks_exact(length) {
            let record: Vec<u8> = record.iter().flat_map(|v| v.to_le_bytes()).collect();
            content.extend(Sha256::digest(&record));
            content.extend(record);
        }
        let mut file = tempfile::Builder::new()
            .prefix(".plainfilm-")
            .suffix(".part")
            .tempfile_in(folder)?;
        file.write_all(&content)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Deletes files, the longest unread first, until this run's files fit beside the rest: those it
    /// has read, `used` bytes, stay, and `wanted` bytes more get room as far as the limit goes.
    pub fn make_room(&self, used: u64, wanted: u64) -> io::Result<()> {
        let wanted = wanted.min(self.cache.limit.saturating_sub(used));
        self.left.store(wanted, Ordering::Relaxed);
        self.shrink_to(self.cache.limit - wanted)
    }

    /// Deletes what two runs together wrote beyond the limit.
    pub fn trim(&self) -> io::Result<()> {
        self.shrink_to(self.cache.limit)
    }

    fn shrink_to(&self, bytes: u64) -> io::Result<()> {
        // One process at a time looks and deletes; it ends with the file's closing, even a killed one's.
        let lock = File::create(self.cache.folder.join("lock"))?;
        lock.lock()?;
        let mut files = files_below(&self.cache.folder)?;
        files.sort_by_key(|file| file.used);
        let mut held: u64 = files.iter().map(|file| file.bytes).sum();
        for file in files {
            if held <= bytes {
                break;
            }
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => held -= file.bytes,
            }
        }
        Ok(())
    }
}

fn record_bytes(length: usize) -> usize {
    CHECKSUM + length * size_of::<f32>()
}

struct Stored {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// The cache's own files and no others; removes temporary ones that were left behind.
fn files_below(folder: &Path) -> io::Result<Vec<Stored>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let inner = entry?.path();
        if !inner.is_dir() {
            continue;
        }
        for entry in fs::read_dir(inner)? {
            let entry = entry?;
            let path = entry.path();
            // Another process may have deleted it since.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let used = metadata.modified()?;
            if is_unfinished(&path) {
                if used.elapsed().is_ok_and(|age| age > ABANDONED) {
                    let _ = fs::remove_file(&path);
                }
            } else if path.extension().is_some_and(|e| e == EXTENSION) {
                files.push(Stored {
                    path,
                    bytes: metadata.len(),
                    used,
                });
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path, limit: u64) -> Store {
        let store = Store::open(&FeatureCache {
            folder: folder.to_owned(),
            limit,
        })
        .unwrap();
        store.make_room(0, limit).unwrap();
        store
    }

    fn bytes_in(folder: &Path) -> u64 {
        files_below(folder).unwrap().iter().map(|f| f.bytes).sum()
    }

    const VALUES: [f32; 6] = [1.5, -2.0, 0.1, f32::MIN_POSITIVE, -0.0, 3e38];

    #[test]
    fn what_is_written_is_read_whole_or_record_by_record() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 1 << 20);
        store.write(&[7; 32], &VALUES, 3).unwrap();
        assert_eq!(store.read(&[7; 32], 2, 3).unwrap(), VALUES);
        assert_eq!(store.read_one(&[7; 32], 1, 2, 3).unwrap(), VALUES[3..]);
        for (key, records, length) in [([8; 32], 2, 3), ([7; 32], 3, 3), ([7; 32], 2, 4)] {
            assert_eq!(store.read(&key, records, length), None);
        }
    }

    #[test]
    fn a_file_that_was_changed_or_cut_off_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 1 << 20);
        store.write(&[7; 32], &VALUES, 3).unwrap();
        let path = store.path(&[7; 32]);
        let whole = fs::read(&path).unwrap();
        let damaged = (0..whole.len()).step_by(5).map(|place| {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            bytes
        });
        let cut = [0, 10, whole.len() - 1].map(|length| whole[..length].to_vec());
        let mut longer = whole.clone();
        longer.push(0);
        for bytes in damaged.chain(cut).chain([longer]) {
            fs::write(&path, &bytes).unwrap();
            assert_eq!(store.read(&[7; 32], 2, 3), None);
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(store.read(&[7; 32], 2, 3).unwrap(), VALUES);
    }

    #[test]
    fn the_longest_unread_go_first_and_the_limit_holds() {
        let folder = tempfile::tempdir().unwrap();
        let one = Store::file_bytes(2, 3);
        let first = store(folder.path(), 4 * one);
        for key in 0..6 {
            first.write(&[key; 32], &VALUES, 3).unwrap();
        }
        // The fifth and sixth found no room.
        assert_eq!(bytes_in(folder.path()), 4 * one);
        assert_eq!(first.read(&[4; 32], 2, 3), None);
        let hour = SystemTime::now() - Duration::from_secs(3600);
        for key in 0..4 {
            let file = File::options()
                .append(true)
                .open(first.path(&[key; 32]))
                .unwrap();
            file.set_modified(hour + Duration::from_secs(u64::from(key)))
                .unwrap();
        }
        // Reading the oldest saves it.
        assert!(first.read(&[0; 32], 2, 3).is_some());
        first.make_room(one, 2 * one).unwrap();
        let held = |key| first.read(&[key; 32], 2, 3).is_some();
        assert_eq!([0, 1, 2, 3].map(held), [true, false, false, true]);
        first.write(&[9; 32], &VALUES, 3).unwrap();
        assert!(held(9));
        assert_eq!(first.cache.used().unwrap(), bytes_in(folder.path()));
        let absent = FeatureCache {
            folder: folder.path().join("absent"),
            limit: 1,
        };
        assert_eq!(absent.used().unwrap(), 0);
    }

    #[test]
    fn foreign_files_in_the_folder_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("films")).unwrap();
        let foreign = folder.path().join("films/film.png");
        fs::write(&foreign, [0; 1000]).unwrap();
        let store = store(folder.path(), 10);
        store.trim().unwrap();
        assert!(foreign.is_file());
    }
}
