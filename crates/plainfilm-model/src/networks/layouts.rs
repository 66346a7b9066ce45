//! From a network's settings to its layers.

use super::error::ModelError;
use super::head::Head;
use super::head_layouts;
use super::plan::{Plan, Planner};
use super::settings::NetworkSettings;
use super::tensor_plan::Initialisation;

impl NetworkSettings {
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
        let published = self.architecture.published();
        let mut planner = Planner::new(self);
        (published.features)(&mut planner)?;
        planner.end_of_features();
        match self.head {
            Head::Published => (published.head)(&mut planner)?,
            Head::Notebook => head_layouts::notebook(&mut planner)?,
            Head::Linear => {
                head_layouts::linear(&mut planner, "head.output", None, Initialisation::PyTorch)?;
            }
            Head::Mlp => head_layouts::mlp(&mut planner)?,
        }
        planner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Architecture;
    use super::*;

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
