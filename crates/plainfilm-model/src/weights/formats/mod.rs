//! The files that weights come in. Opening one reads its directory; tensors are read one by one,
//! once it is known that the network wants them, so a file is never in memory as a whole.
//!
//! Whatever a file says about sizes is compared with its own length before anything is allocated.

mod element;
mod hdf5;
mod keras;
mod keras_config;
mod pickle;
mod pickle_objects;
mod safetensors;
#[cfg(test)]
mod tests;
mod torch;
mod torch_objects;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

pub(super) use keras_config::KerasConfig;

use super::error::{Problem, WeightsError};

/// A tensor that a file holds, not yet read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Its name there; for Keras `<layer>/<weight>`.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
}

/// Whose names and layouts a file follows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Dialect {
    /// PyTorch: torchvision, timm, or another package.
    Torch,
    /// Keras, with what the file says of its layers.
    Keras(KerasConfig),
    /// This program: what it wrote into the metadata.
    Own(OwnMetadata),
}

/// The metadata of a safetensors file that this program wrote.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum OwnMetadata {
    /// An imported file's record, as JSON.
    Imported(String),
    /// A model file's header, as JSON.
    Model(String),
}

/// Reads tensors of an opened file.
pub(super) trait ReadTensor {
    /// The values of an entry, by its place in the list, last dimension fastest.
    fn read(&mut self, index: usize) -> Result<Vec<f32>, Problem>;
}

/// An opened file.
pub(super) struct WeightsFile {
    /// The format in words, such as `PyTorch zip`.
    pub format: &'static str,
    /// Whose names it follows.
    pub dialect: Dialect,
    /// What it holds, in the file's order.
    pub entries: Vec<Entry>,
    /// Reads them.
    pub tensors: Box<dyn ReadTensor>,
}

/// Opens a file by what it begins with; its name does not matter.
pub(super) fn open(path: &Path) -> Result<WeightsFile, WeightsError> {
    let file_error = |source| WeightsError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(file_error)?;
    let length = file.metadata().map_err(file_error)?.len();
    let mut start = [0; 512];
    let mut have = 0;
    while have < start.len() {
        match file.read(&mut start[have..]).map_err(file_error)? {
            0 => break,
            count => have += count,
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(file_error)?;
    let start = &start[..have];
    let opened = if start.starts_with(b"PK\x03\x04") {
        open_zip(file, length)
    } else if start.starts_with(b"\x89HDF\r\n\x1a\n") {
        keras::open_hdf5(file, length)
    } else if start.get(8) == Some(&b'{') {
        // Before pickles: the length of its header may begin with their first byte.
        safetensors::open(file, length)
    } else if start.first() == Some(&pickle::PROTO) {
        torch::open_legacy(file, length)
    } else {
        return Err(WeightsError::Format {
            path: path.to_owned(),
            found: beginning(start),
        });
    };
    opened.map_err(|problem| problem.at(path))
}

/// A zip is PyTorch's or Keras', by what lies in it.
fn open_zip(file: File, length: u64) -> Result<WeightsFile, Problem> {
    let copy = file.try_clone()?;
    let archive = zip::ZipArchive::new(std::io::BufReader::new(copy))
        .map_err(|error| super::error::damaged(format!("the zip cannot be read: {error}")))?;
    if archive.index_for_name(keras::WEIGHTS_IN_ZIP).is_some() {
        keras::open_zip(archive, length)
    } else {
        torch::open_zip(archive, file, length)
    }
}

/// The first bytes for an error message.
fn beginning(start: &[u8]) -> String {
    if start.is_empty() {
        return "an empty file".to_owned();
    }
    if start.get(257..262) == Some(b"ustar") {
        return "a tar archive, as PyTorch wrote before 2017".to_owned();
    }
    let shown = &start[..start.len().min(8)];
    format!("a file that begins with \"{}\"", shown.escape_ascii())
}

/// Reads `count` bytes at `offset`; the caller has compared both with the file's length.
fn read_at(file: &mut File, offset: u64, count: usize) -> Result<Vec<u8>, Problem> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; count];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
