//! What is known of one finding on one film.

use serde::{Deserialize, Serialize};

/// Whether a film shows a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It does.
    Present,
    /// It does not.
    Absent,
    /// Nobody said: the film counts neither in the loss nor in a figure of this finding.
    Unknown,
}
