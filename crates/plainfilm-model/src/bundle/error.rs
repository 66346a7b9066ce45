//! What can be wrong with a model file.

use std::path::PathBuf;

use thiserror::Error;

use super::header::SCHEMA_VERSION;
use crate::networks::ModelError;

/// A model file that cannot be read, written or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file system refused to read it.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file system refused to write it.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than any model file.
    #[error("{}: {found} bytes: expected a model file of at most {expected} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The greatest length that is read.
        expected: u64,
    },
    /// It is not a safetensors file, or it is cut off or damaged.
    #[error("{name}: expected a safetensors file: {reason}")]
    NotSafetensors {
        /// The file's name.
        name: String,
        /// What the reader of safetensors said.
        reason: String,
    },
    /// It is a safetensors file of another program.
    #[error(
        "{name}: a safetensors file without the metadata key `{key}`: not a plainfilm model; \
         hint: `plainfilm train` writes one"
    )]
    NotPlainfilm {
        /// The file's name.
        name: String,
        /// The key that was looked for.
        key: &'static str,
    },
    /// Its header was laid out by another version.
    #[error(
        "{name}: header of schema version {found}: expected {expected}{}",
        if *found > u64::from(SCHEMA_VERSION) { "; hint: a newer plainfilm wrote it" } else { "" }
    )]
    SchemaVersion {
        /// The file's name.
        name: String,
        /// The version in the file.
        found: u64,
        /// The version that this program reads.
        expected: u32,
    },
    /// Its header lacks a field or has one of the wrong kind.
    #[error("{name}: header: {reason}")]
    Header {
        /// The file's name.
        name: String,
        /// Which field, and what was expected of it.
        reason: String,
    },
    /// A field of its header has a value that cannot be.
    #[error("{name}: header field `{field}`: expected {expected}, found {found}")]
    Field {
        /// The file's name.
        name: String,
        /// The field.
        field: &'static str,
        /// What it has to be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A tensor is stored as neither f32 nor f16.
    #[error("{name}: tensor `{tensor}`: expected F32 or F16, found {found}")]
    Dtype {
        /// The file's name.
        name: String,
        /// The tensor.
        tensor: String,
        /// Its type of number.
        found: String,
    },
    /// A value is too large for f16.
    #[error("{name}: tensor `{tensor}` holds {value}, more than f16 can hold; hint: save as f32")]
    Overflow {
        /// The file's name.
        name: String,
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
    },
    /// Its tensors or settings do not make the network that its header names.
    #[error("{name}: {source}")]
    Network {
        /// The file's name.
        name: String,
        /// What does not fit.
        source: ModelError,
    },
}
