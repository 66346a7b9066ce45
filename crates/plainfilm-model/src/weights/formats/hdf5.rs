//! HDF5 as far as Keras uses it: groups, data sets of numbers, text in attributes.
//!
//! A file may point into other files (external links, external raw data). No weight file needs
//! that, and following it would let a download read what lies beside it, so it is refused.

use std::fs::File;
use std::sync::{Arc, Mutex};

use hdf5_reader::error::Error;
use hdf5_reader::storage::{DynStorage, FileStorage};
use hdf5_reader::{
    Dataset, Datatype, ExternalFileResolver, ExternalLinkResolver, Hdf5File, OpenOptions,
    error::Result as Hdf5Result, group::Group,
};

use super::super::error::{Problem, damaged, refused};
use super::element::{Element, count};

/// Groups within groups within groups; links may make a circle.
const MAX_DEPTH: usize = 24;
/// Groups and data sets of one file.
const MAX_MEMBERS: usize = 50_000;
/// Deflate, Keras' only compression, cannot do better.
const MAX_RATIO: u64 = 1100;

/// A data set with where it lies and the text attributes of its group.
pub(super) struct Found {
    /// Names of the groups and of the data set, from the root.
    pub path: Vec<String>,
    pub shape: Vec<usize>,
    /// The attribute `name` of the group that it lies in.
    pub group_name: Option<String>,
    dataset: Dataset,
    element: Element,
}

/// An opened file.
pub(super) struct Hdf5 {
    file: Hdf5File,
    length: u64,
    /// What pointed out of the file, once something did.
    outside: Arc<Mutex<Option<String>>>,
}

/// Refuses whatever points out of the file, and remembers it: a caller may swallow the error.
struct Refuse(Arc<Mutex<Option<String>>>);

impl Refuse {
    fn refuse<T>(&self, kind: &str, name: &str) -> Hdf5Result<Option<T>> {
        let shown: String = name.chars().take(100).collect();
        let reason = format!("{kind} to `{}`", shown.escape_debug());
        let error = Error::InvalidData(reason.clone());
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(reason);
        Err(error)
    }
}

impl ExternalLinkResolver for Refuse {
    fn resolve_external_link(&self, filename: &str) -> Hdf5Result<Option<Hdf5File>> {
        self.refuse("an external link", filename)
    }
}

impl ExternalFileResolver for Refuse {
    fn resolve_external_file(&self, filename: &str) -> Hdf5Result<Option<DynStorage>> {
        self.refuse("external data", filename)
    }
}

impl Hdf5 {
    /// Opens a file, reading no more than its superblock.
    pub fn open(file: File, length: u64) -> Result<Self, Problem> {
        let outside = Arc::default();
        let refuse = || Arc::new(Refuse(Arc::clone(&outside)));
        let options = OpenOptions::default()
            .with_external_link_resolver(refuse())
            .with_external_file_resolver(refuse())
            .with_chunk_cache_bytes(0)
            // A chunk is read whole, so it is bounded by what a file of this length can hold.
            .with_max_chunk_bytes(limit(length))
            .with_max_read_bytes(limit(length))
            .with_max_object_header_bytes(limit(length).min(4 << 20));
        let opened = FileStorage::from_file(file)
            .and_then(|storage| Hdf5File::from_storage_with_options(Arc::new(storage), options));
        let problem = |error: Error| damaged(format!("the HDF5 file cannot be read: {error}"));
        let file = opened.map_err(problem)?;
        let superblock = file.superblock();
        let end = superblock
            .base_address
            .saturating_add(superblock.eof_address);
        if end > length {
            return Err(damaged(format!(
                "the HDF5 file should end at byte {end}, and ends at {length}"
            )));
        }
        Ok(Self {
            file,
            length,
            outside,
        })
    }

    /// Every data set of numbers below the root, but for the groups named.
    pub fn datasets(&self, skipped: &[&str]) -> Result<Vec<Found>, Problem> {
        let root = self
            .file
            .root_group()
            .map_err(|error| self.problem(&error, "/"))?;
        let mut found = vec![];
        let mut members = 0;
        self.walk(&root, &mut vec![], skipped, &mut members, &mut found)?;
        Ok(found)
    }

    /// A text attribute of a group, if it is there.
    pub fn text(&self, group: &str, attribute: &str) -> Option<String> {
        self.strings(group, attribute)?.into_iter().next()
    }

    /// A list of texts, if it is there. An empty list has no type that says text.
    pub fn strings(&self, group: &str, attribute: &str) -> Option<Vec<String>> {
        strings(&self.group(group)?, attribute)
    }

    fn group(&self, path: &str) -> Option<Group> {
        path.split('/')
            .filter(|part| !part.is_empty())
            .try_fold(self.file.root_group().ok()?, |group, part| {
                group.group(part).ok()
            })
    }

    fn walk(
        &self,
        group: &Group,
        path: &mut Vec<String>,
        skipped: &[&str],
        members: &mut usize,
        found: &mut Vec<Found>,
    ) -> Result<(), Problem> {
        if path.len() > MAX_DEPTH {
            return Err(refused(format!(
                "groups nested more than {MAX_DEPTH} deep, or in a circle"
            )));
        }
        let here = || format!("/{}", path.join("/"));
        let (groups, datasets) = group
            .members()
            .map_err(|error| self.problem(&error, &here()))?;
        self.check_outside()?;
        *members += groups.len() + datasets.len();
        if *members > MAX_MEMBERS {
            return Err(refused(format!(
                "more than {MAX_MEMBERS} groups and data sets"
            )));
        }
        let group_name = if datasets.is_empty() {
            None
        } else {
            strings(group, "name").and_then(|names| names.into_iter().next())
        };
        for dataset in datasets {
            let Some(element) = element(dataset.dtype()) else {
                continue;
            };
            let name = dataset
                .name()
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned();
            let mut path = path.clone();
            path.push(name);
            let shape: Option<Vec<usize>> = dataset
                .shape()
                .iter()
                .map(|&side| usize::try_from(side).ok())
                .collect();
            let shape = shape.ok_or_else(|| {
                damaged(format!("/{}: shape {:?}", path.join("/"), dataset.shape()))
            })?;
            found.push(Found {
                path,
                shape,
                group_name: group_name.clone(),
                dataset,
                element,
            });
        }
        for inner in groups {
            let name = inner
                .name()
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned();
            if path.is_empty() && skipped.contains(&name.as_str()) {
                continue;
            }
            path.push(name);
            self.walk(&inner, path, skipped, members, found)?;
            path.pop();
        }
        Ok(())
    }

    /// The values of a data set.
    pub fn read(&self, found: &Found) -> Result<Vec<f32>, Problem> {
        let name = format!("/{}", found.path.join("/"));
        let bytes = count(&found.shape).and_then(|count| count.checked_mul(found.element.bytes()));
        let stored = match found.dataset.chunks() {
            Some(_) => self.length.saturating_mul(MAX_RATIO),
            None => self.length,
        };
        if bytes.is_none_or(|bytes| bytes as u64 > stored) {
            return Err(damaged(format!(
                "{name} of shape {:?} does not fit into a file of {} bytes",
                found.shape, self.length
            )));
        }
        let read = found.dataset.read_native_bytes();
        self.check_outside()?;
        let read = read.map_err(|error| self.problem(&error, &name))?;
        let values = found.element.decode(&native_to_little(read, found.element));
        let values = values.map_err(|reason| damaged(format!("{name}: {reason}")))?;
        match Some(values.len()) == count(&found.shape) {
            true => Ok(values),
            false => Err(damaged(format!(
                "{name} of shape {:?} holds {} numbers",
                found.shape,
                values.len()
            ))),
        }
    }

    fn problem(&self, error: &Error, place: &str) -> Problem {
        match self.check_outside() {
            Err(refused) => refused,
            Ok(()) => damaged(format!("{place}: {error}")),
        }
    }

    fn check_outside(&self) -> Result<(), Problem> {
        let outside = self.outside.lock();
        match &*outside.unwrap_or_else(std::sync::PoisonError::into_inner) {
            None => Ok(()),
            Some(reason) => Err(refused(format!(
                "{reason}: a file of weights must not point to another file"
            ))),
        }
    }
}

/// Decoded bytes that a file of this length can hold.
fn limit(length: u64) -> usize {
    let most = length.saturating_mul(MAX_RATIO).min(1 << 30);
    usize::try_from(most).unwrap_or(usize::MAX)
}

fn strings(group: &Group, attribute: &str) -> Option<Vec<String>> {
    let attribute = group.attribute(attribute).ok()?;
    attribute
        .read_strings()
        .ok()
        .or_else(|| Some(vec![attribute.read_string().ok()?]))
}

fn element(datatype: &Datatype) -> Option<Element> {
    match datatype {
        Datatype::FloatingPoint { size: 8, .. } => Some(Element::F64),
        Datatype::FloatingPoint { size: 4, .. } => Some(Element::F32),
        Datatype::FloatingPoint { size: 2, .. } => Some(Element::F16),
        Datatype::FixedPoint { size, .. } => Some(Element::Other("integers", (*size).into())),
        _ => None,
    }
}

/// The reader gives numbers in the machine's order of bytes.
fn native_to_little(mut bytes: Vec<u8>, element: Element) -> Vec<u8> {
    if cfg!(target_endian = "big") {
        bytes
            .chunks_exact_mut(element.bytes())
            .for_each(<[u8]>::reverse);
    }
    bytes
}
