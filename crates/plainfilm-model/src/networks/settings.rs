//! The settings that make a network.

use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::error::ModelError;
use super::freeze::Freeze;
use super::head::{self, Head};
use super::layer_plan::Initialisation;
use super::plan::{Plan, Planner};

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

    /// Checks everything that [`Network::new`](super::Network::new) checks, without allocating any
    /// weight.
    ///
    /// # Errors
    ///
    /// As [`Network::new`](super::Network::new).
    pub fn check(&self) -> Result<(), ModelError> {
        self.plan().map(|_| ())
    }

    /// How many layers, counted from the film, stay as they are: [`Network::frozen_prefix`] of the network
    /// that it makes.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    ///
    /// [`Network::frozen_prefix`]: super::Network::frozen_prefix
    pub fn frozen_layers(&self) -> Result<usize, ModelError> {
        Ok(self.plan()?.constant_layers())
    }

    /// Checks the ranges and lays the layers out, without allocating any weight.
    pub fn plan(&self) -> Result<Plan, ModelError> {
        for (setting, found, minimum, maximum) in [
            ("classes", self.classes, 2, 1000),
            ("size", self.size, 1, 4096),
            ("channels", self.channels, 1, 16),
        ] {
            if !(minimum..=maximum).contains(&found) {
                return Err(ModelError::OutOfRange {
                    architecture: self.architecture.name(),
                    setting,
                    found,
                    minimum,
                    maximum,
                });
            }
        }
        let (features, published_head) = self.architecture.parts();
        let mut planner = Planner::new(self);
        features(&mut planner)?;
        planner.end_of_features();
        match self.head {
            Head::Published => published_head(&mut planner)?,
            Head::Notebook => head::notebook(&mut planner)?,
            Head::Linear => {
                head::linear(&mut planner, "head.output", None, Initialisation::PyTorch)?;
            }
            Head::Mlp => head::mlp(&mut planner)?,
        }
        planner.finish()
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

    #[test]
    fn settings_out_of_range_are_refused() {
        let good = NetworkSettings::published(Architecture::DarkCovidNet, 2);
        let cases = [
            (
                NetworkSettings {
                    classes: 1,
                    ..good.clone()
                },
                "classes",
            ),
            (
                NetworkSettings {
                    channels: 0,
                    ..good.clone()
                },
                "channels",
            ),
            (
                NetworkSettings {
                    size: 5000,
                    ..good.clone()
                },
                "size",
            ),
            (
                NetworkSettings {
                    size: usize::MAX,
                    ..good.clone()
                },
                "size",
            ),
        ];
        for (settings, name) in cases {
            match settings.plan() {
                Err(ModelError::OutOfRange { setting, .. }) => assert_eq!(setting, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
