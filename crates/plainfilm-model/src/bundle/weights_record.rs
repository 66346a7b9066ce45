//! Where weights came from and what was done to them: kept with every model that starts from them.

use serde::{Deserialize, Serialize};

use crate::networks::Architecture;
use plainfilm_film::radiograph::Scaling;

/// The metadata key of an imported file's record.
pub(crate) const WEIGHTS_RECORD_KEY: &str = "plainfilm.weights";

/// The origin of weights. It holds no path and no time, so that the same import gives the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsRecord {
    /// Name of the file that the library wrote.
    pub file: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Its format and writer, such as `PyTorch zip`.
    pub format: String,
    /// The network that the tensors are named for.
    pub architecture: Architecture,
    /// The scaling of values that the weights were fitted with.
    pub scaling: Scaling,
    /// How that is known.
    pub scaling_known_from: String,
    /// Whether the head came along; else it starts afresh.
    pub head: bool,
    /// The labels of the head's outputs, in their order here. Empty where no head came along, where the file
    /// did not say, and in records from before they were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What was made of the file's head because of its labels, in words; none where it came along as it was
    /// for the same labels, and where there was none to speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_note: Option<String>,
    /// What was changed so that the weights compute here what they computed there, in words.
    pub changes: Vec<String>,
    /// Tensors of the file that the network has no use for.
    pub left_out: Vec<String>,
    /// The licence of the weights, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}
