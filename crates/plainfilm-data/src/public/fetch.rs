//! Fetching a whole data set: several films at a time, then its lock file and its manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ureq::Agent;

use crate::download::{self, Checksum, Outcome, Request};
use plainfilm_film::files::atomic_write;

use super::picture::{decodes, file_error};
use super::verify::{LockEntry, Origin, read_lock, write_lock};
use super::{LOCK_FILE, PublicDataError, PublicDataset, PublicFilm, SetAside};

/// How to fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchOptions {
    /// Base address that replaces the public ones: a folder laid out as `label/file name`.
    pub mirror: Option<String>,
    /// How many films are fetched at once, at least 1.
    pub connections: usize,
    /// Attempts after the first, for each film.
    pub retries: u32,
    /// Wait before the first of them; doubles each time.
    pub back_off: Duration,
    /// The longest wait for a connection, for an answer, or for the next bytes.
    pub timeout: Duration,
    /// A film larger than this many bytes is refused.
    pub max_film_bytes: u64,
}

impl Default for FetchOptions {
    /// Public addresses, 4 at once, 3 retries from half a second on, 30 seconds, 64 MiB.
    fn default() -> Self {
        Self {
            mirror: None,
            connections: 4,
            retries: 3,
            back_off: Duration::from_millis(500),
            timeout: Duration::from_secs(30),
            max_film_bytes: 64 << 20,
        }
    }
}

/// Told how a fetch goes on, from several threads.
pub trait FetchProgress: Sync {
    /// Once, before anything is fetched; `known_bytes` counts only films whose size is known.
    fn started(&self, films: usize, known_bytes: u64);
    /// More bytes arrived.
    fn received(&self, bytes: u64);
    /// One film is settled: fetched, there already, missing or failed.
    fn settled(&self, path: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl FetchProgress for NoProgress {
    fn started(&self, _films: usize, _known_bytes: u64) {}
    fn received(&self, _bytes: u64) {}
    fn settled(&self, _path: &str) {}
}

/// What became of every film of a data set: `fetched + present + missing + failed` is all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchReport {
    /// The data set's folder, to be opened as any other.
    pub folder: PathBuf,
    /// The manifest of the films that are there.
    pub manifest: PathBuf,
    /// Films that came over the network now.
    pub fetched: usize,
    /// Films that were there already and whose checksum was right.
    pub present: usize,
    /// Bytes that came over the network now, repeated ones included.
    pub received_bytes: u64,
    /// Films in the folder whose checksum was known beforehand.
    pub checksummed: usize,
    /// Films in the folder whose checksum was not known: they decode, and their checksum is now
    /// recorded in [`LOCK_FILE`].
    pub recorded: usize,
    /// Films that no address has, as paths.
    pub missing: Vec<String>,
    /// Films that came wrong or were refused, and why; nothing is left under their names.
    pub failed: Vec<SetAside>,
}

impl FetchReport {
    /// Whether every film of the data set is in the folder.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.failed.is_empty()
    }
}

/// Fetches the public data set `name` into `dest`; see [`fetch_dataset`].
///
/// # Errors
/// [`PublicDataError::Unknown`], and those of [`fetch_dataset`].
pub fn fetch(
    name: &str,
    dest: &Path,
    options: &FetchOptions,
    progress: &dyn FetchProgress,
) -> Result<FetchReport, PublicDataError> {
    fetch_dataset(super::find(name)?, dest, options, progress)
}

/// What one film came to.
enum Settled {
    Fetched(LockEntry),
    Present(LockEntry),
    Missing,
    Failed(String),
}

/// Fetches `dataset` into `dest`: a folder per label, `manifest.csv` and `checksums.csv`.
///
/// Films that are there already and have the right checksum are not fetched again; half-fetched
/// ones are continued. So a fetch that was broken off is simply run again.
///
/// # Errors
/// [`PublicDataError::Unreachable`] as soon as a host does not answer,
/// [`PublicDataError::Nothing`] when not one film is there in the end, and errors of the disk.
pub fn fetch_dataset(
    dataset: &PublicDataset,
    dest: &Path,
    options: &FetchOptions,
    progress: &dyn FetchProgress,
) -> Result<FetchReport, PublicDataError> {
    dataset.check_paths()?;
    let bases = options
        .mirror
        .as_ref()
        .map_or_else(|| dataset.bases.clone(), |m| vec![m.clone()]);
    for base in &bases {
        if download::host(base).is_none() {
            return Err(PublicDataError::Address {
                address: base.clone(),
            });
        }
    }
    for (label, _) in dataset.labels() {
        let folder = dest.join(label);
        std::fs::create_dir_all(&folder).map_err(|source| file_error(&folder, source))?;
    }
    let lock_path = dest.join(LOCK_FILE);
    let known = read_lock(&lock_path)?.unwrap_or_default();
    let received = AtomicU64::new(0);
    let films = &dataset.films;
    progress.started(
        films.len(),
        films.iter().filter_map(|film| film.bytes).sum(),
    );

    let agent = download::agent(options.timeout, &bases);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let settled = Mutex::new(BTreeMap::new());
    let first_error = Mutex::new(None);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(film) = films.get(index) else { break };
            let count = |bytes: u64| {
                received.fetch_add(bytes, Ordering::Relaxed);
                progress.received(bytes);
            };
            match settle(
                &agent,
                film,
                &bases,
                dest,
                known.get(&film.path),
                options,
                &count,
            ) {
                Ok(outcome) => {
                    lock(&settled).insert(index, outcome);
                    progress.settled(&film.path);
                }
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    lock(&first_error).get_or_insert(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.connections.max(1) {
            scope.spawn(work);
        }
        work();
    });

    let settled = settled
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    // Recorded even when the fetch broke off: what is here now is what a later run checks.
    let mut entries = known;
    for (&index, outcome) in &settled {
        let path = &films[index].path;
        match outcome {
            Settled::Fetched(entry) | Settled::Present(entry) => {
                entries.insert(path.clone(), entry.clone());
            }
            Settled::Missing | Settled::Failed(_) => {
                entries.remove(path);
            }
        }
    }
    write_lock(&lock_path, &entries)?;
    let broken_off = first_error
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(error) = broken_off {
        return Err(error);
    }
    report(dataset, dest, &settled, received.into_inner())
}

/// Locks a mutex whose value is sound even if another thread panicked while it held it: every
/// critical section here is a single insertion.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn settle(
    agent: &Agent,
    film: &PublicFilm,
    bases: &[String],
    dest: &Path,
    known: Option<&LockEntry>,
    options: &FetchOptions,
    received: &dyn Fn(u64),
) -> Result<Settled, PublicDataError> {
    let target = dest.join(&film.path);
    let origin = match film.sha256 {
        Some(_) => Origin::Published,
        None => Origin::FirstFetch,
    };
    if target.is_file() {
        let found = download::sha256_of(&target).map_err(|source| file_error(&target, source))?;
        let sound = match (&film.sha256, known) {
            (Some(sha256), _) => *sha256 == found,
            (None, Some(entry)) => entry.sha256 == found,
            (None, None) => decodes(&target).is_ok(),
        };
        if sound {
            let metadata = target
                .metadata()
                .map_err(|source| file_error(&target, source))?;
            let bytes = metadata.len();
            return Ok(Settled::Present(LockEntry {
                sha256: found,
                bytes,
                origin,
            }));
        }
        std::fs::remove_file(&target).map_err(|source| file_error(&target, source))?;
    }
    let addresses: Vec<_> = bases.iter().map(|base| address(base, &film.path)).collect();
    let request = Request {
        addresses: &addresses,
        target: &target,
        checksum: film
            .sha256
            .as_deref()
            .map_or(Checksum::Look(decodes), Checksum::Sha256),
        bytes: film.bytes,
        limit: options.max_film_bytes,
        retries: options.retries,
        back_off: options.back_off,
    };
    let outcome = download::download(agent, &request, received)
        .map_err(|source| file_error(&target, source))?;
    Ok(match outcome {
        Outcome::Done { sha256, bytes } => Settled::Fetched(LockEntry {
            sha256,
            bytes,
            origin,
        }),
        Outcome::Missing => Settled::Missing,
        Outcome::Failed(reason) => Settled::Failed(reason),
        Outcome::Unreachable { host, cause } => {
            return Err(PublicDataError::Unreachable { host, cause });
        }
    })
}

/// `base/path`, the path percent-encoded (RFC 3986, unreserved characters stay).
fn address(base: &str, path: &str) -> String {
    let mut address = format!("{}/", base.trim_end_matches('/'));
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                address.push(char::from(byte));
            }
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

fn report(
    dataset: &PublicDataset,
    dest: &Path,
    settled: &BTreeMap<usize, Settled>,
    received_bytes: u64,
) -> Result<FetchReport, PublicDataError> {
    let manifest = dest.join("manifest.csv");
    let mut report = FetchReport {
        folder: dest.to_path_buf(),
        manifest: manifest.clone(),
        fetched: 0,
        present: 0,
        received_bytes,
        checksummed: 0,
        recorded: 0,
        missing: Vec::new(),
        failed: Vec::new(),
    };
    let mut here = Vec::new();
    for (film, outcome) in dataset.films.iter().zip(settled.values()) {
        match outcome {
            Settled::Fetched(_) => report.fetched += 1,
            Settled::Present(_) => report.present += 1,
            Settled::Missing => {
                report.missing.push(film.path.clone());
                continue;
            }
            Settled::Failed(reason) => {
                report.failed.push(SetAside {
                    path: film.path.clone(),
                    reason: reason.clone(),
                });
                continue;
            }
        }
        match film.sha256 {
            Some(_) => report.checksummed += 1,
            None => report.recorded += 1,
        }
        here.push(film);
    }
    if here.is_empty() {
        let first = report.failed.first().map_or_else(
            || {
                report
                    .missing
                    .first()
                    .map_or("empty list".into(), |path| format!("{path}: not found"))
            },
            |failed| format!("{}: {}", failed.path, failed.reason),
        );
        return Err(PublicDataError::Nothing {
            name: dataset.name.clone(),
            expected: dataset.films.len(),
            first,
        });
    }
    atomic_write(&manifest, manifest_text(&here).as_slice())
        .map_err(|source| file_error(&manifest, source))?;
    Ok(report)
}

/// `path,label,patient_id,source,view,sex,age,licence`, one row per film.
fn manifest_text(films: &[&PublicFilm]) -> Vec<u8> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let never = "a Vec takes every byte, and every row has eight fields";
    rows.write_record([
        "path",
        "label",
        "patient_id",
        "source",
        "view",
        "sex",
        "age",
        "licence",
    ])
    .expect(never);
    for film in films {
        rows.write_record([
            &film.path,
            &film.label,
            &film.patient_id,
            &film.source,
            &film.view,
            &film.sex,
            &film.age,
            &film.licence,
        ])
        .expect(never);
    }
    rows.into_inner().expect(never)
}
