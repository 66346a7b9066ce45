//! What is wrong with somebody's model.

use std::path::PathBuf;

/// Why a model that is not ours cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignError {
    /// A file that cannot be read.
    #[error("{}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A file that is larger than any model worth reading.
    #[error("{}: {found} bytes, expected at most {most} with the files of its weights", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// What is read at most.
        most: u64,
    },
    /// An ONNX file without its description.
    #[error(
        "{}: not there; it says how films become the input of {} and what its outputs are called\n\
         hint: `plainfilm model describe {}` writes a draft for you to correct",
        path.display(), model.display(), model.display()
    )]
    NoDescription {
        /// Where it was looked for.
        path: PathBuf,
        /// The model.
        model: PathBuf,
    },
    /// A description that is no TOML, or has other keys or types than one has.
    #[error("{}: {reason}", path.display())]
    Toml {
        /// The description.
        path: PathBuf,
        /// Line, key and what was expected.
        reason: String,
    },
    /// A value of the description that cannot be, or does not fit the model.
    #[error("{}: `{key}`: expected {expected}, found {found}", path.display())]
    Setting {
        /// The description.
        path: PathBuf,
        /// The key, with its table.
        key: &'static str,
        /// What fits.
        expected: String,
        /// What it says.
        found: String,
    },
    /// An ONNX file whose bytes make no sense.
    #[error("{}: not an ONNX model, or damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// A model that this program would compute wrongly.
    #[error(
        "{}: node {node} is a {operator} of operator set {opset}, which works along other axes than that of 13 and \
         later that is computed here\n\
         hint: export the model with operator set 13 or later, or without its {operator} and with `holds = \"logits\"`",
        path.display()
    )]
    OldOperator {
        /// The file.
        path: PathBuf,
        /// The node's name, or its place.
        node: String,
        /// Softmax, LogSoftmax or Hardmax.
        operator: String,
        /// What the file says.
        opset: i64,
    },
    /// What the runtime says of the model.
    #[error("{}: {reason}", path.display())]
    Runtime {
        /// The file.
        path: PathBuf,
        /// Its words, with the node where it names one.
        reason: String,
    },
}
