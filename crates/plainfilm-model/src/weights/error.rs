//! Why weights could not be imported, fetched or verified.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::networks::{ModelError, TensorDifferences};

/// Weights that cannot be used as asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is of none of the formats.
    #[error(
        "{}: not a file of weights: expected safetensors, a PyTorch state dict (.pth, .pt), Keras \
         (.h5, .weights.h5, .keras) or a plainfilm model, found {found}", path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// How it begins.
        found: String,
    },
    /// The file contradicts its format, or ends too early.
    #[error("{}: damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Expected and found.
        reason: String,
    },
    /// The file asks for something that a file of weights has no business with.
    #[error("{}: refused: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        reason: String,
    },
    /// The library's network of this name computes something else than ours.
    #[error("{}: {library} weights for {architecture} cannot be used: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Who wrote it.
        library: String,
        /// The network.
        architecture: &'static str,
        /// The difference.
        reason: String,
    },
    /// The tensors are not those of the architecture.
    #[error("{}: the {library} tensors do not fit {architecture}:{differences}{hint}", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// Who wrote it.
        library: String,
        /// The network.
        architecture: &'static str,
        /// Every tensor that does not fit, under plainfilm's names where it has one.
        differences: Box<TensorDifferences>,
        /// What to do, with its `; hint:`, or nothing.
        hint: &'static str,
    },
    /// The file is not the one that a run was started from.
    #[error(
        "{}: not the file this run was started from: expected SHA-256 {expected}, found {found}",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// SHA-256 in the run's settings.
        expected: String,
        /// SHA-256 of the file.
        found: String,
    },
    /// A setting of the network is out of range.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// No public file has this name.
    #[error("public weights `{name}`: expected one of {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The address is not one.
    #[error("address `{address}`: expected http:// or https:// and a host")]
    Address {
        /// What was given.
        address: String,
    },
    /// The server cannot be reached.
    #[error(
        "could not reach {host}: {cause}; hint: check the connection, or name a copy with --mirror \
         URL; what came already is kept"
    )]
    Unreachable {
        /// The host.
        host: String,
        /// What the connection said.
        cause: String,
    },
    /// The file did not come as it should.
    #[error("{address}: {reason}")]
    Fetch {
        /// Where it was asked for.
        address: String,
        /// What happened.
        reason: String,
    },
}

/// A problem in a file whose path the reader of the format does not know.
#[derive(Debug)]
pub(super) enum Problem {
    /// See [`WeightsError::Damaged`].
    Damaged(String),
    /// See [`WeightsError::Refused`].
    Refused(String),
    /// See [`WeightsError::File`].
    File(std::io::Error),
}

impl Problem {
    /// The error about the file at `path`.
    pub fn at(self, path: &Path) -> WeightsError {
        let path = path.to_owned();
        match self {
            Self::Damaged(reason) => WeightsError::Damaged { path, reason },
            Self::Refused(reason) => WeightsError::Refused { path, reason },
            Self::File(source) => WeightsError::File { path, source },
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            Self::Damaged("the file ends too early".to_owned())
        } else {
            Self::File(error)
        }
    }
}

/// [`Problem::Damaged`], for `ok_or_else` and `map_err`.
pub(super) fn damaged(reason: impl Into<String>) -> Problem {
    Problem::Damaged(reason.into())
}

/// [`Problem::Refused`].
pub(super) fn refused(reason: impl Into<String>) -> Problem {
    Problem::Refused(reason.into())
}
