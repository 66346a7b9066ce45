//! The settings that make a network.

use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::freeze::Freeze;
use super::head::Head;

/// Everything that decides a network's layers and their shapes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkSettings {
    /// Which network.
    pub architecture: Architecture,
    /// How many labels: one logit each; 2 to 1000.
    pub classes: usize,
    /// Side of the square film in pixels; up to 4096, and no less than the layers need.
    pub size: usize,
    /// Channels of the film tensor, 1 to 16; published networks have 3 equal ones.
    pub channels: usize,
    /// Which layers keep their weights in training. Read from `freeze_backbone` too, its name in files
    /// from before stages could be named.
    #[serde(alias = "freeze_backbone")]
    pub freeze: Freeze,
    /// What turns the backbone's maps into logits. Left out of files where it is the network's own, as
    /// it was before there was a choice.
    #[serde(default, skip_serializing_if = "is_published")]
    pub head: Head,
}

fn is_published(head: &Head) -> bool {
    *head == Head::Published
}

impl NetworkSettings {
    /// The published settings of an architecture, for `classes` labels.
    pub fn published(architecture: Architecture, classes: usize) -> Self {
        Self {
            architecture,
            classes,
            size: architecture.default_size(),
            channels: architecture.default_channels(),
            freeze: architecture.default_freeze(),
            head: Head::Published,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_older_files_are_read() {
        let text = r#"{"architecture": "vgg16", "classes": 2, "size": 224, "channels": 3,
            "freeze_backbone": true}"#;
        let found: NetworkSettings = serde_json::from_str(text).expect("an older file");
        assert_eq!(found, NetworkSettings::published(Architecture::Vgg16, 2));
        let text = serde_json::to_string(&found).expect("plain values");
        assert_eq!(
            serde_json::from_str::<NetworkSettings>(&text).ok(),
            Some(found)
        );
    }
}
