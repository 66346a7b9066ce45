//! From a network's settings to its layers: the table of what lays each network out.

use super::architecture::Architecture;
use super::error::ModelError;
use super::head::Head;
use super::plan::{Plan, Planner};
use super::settings::NetworkSettings;
use super::tensor_plan::Initialisation;
use super::{
    dark_covid_net, dense_net121, efficient_net_b0, efficient_net_lite0, head_layouts,
    mobile_net_v2, plants_cnn, resnet, vgg,
};

/// Puts the layers of a part of a network one after another.
type Part = fn(&mut Planner) -> Result<(), ModelError>;

/// What lays out a network's backbone, and its published head.
fn parts(architecture: Architecture) -> (Part, Part) {
    use Architecture as A;
    match architecture {
        A::DarkCovidNet => (dark_covid_net::features, dark_covid_net::head),
        A::Vgg16 => (vgg::features16, head_layouts::notebook),
        A::Vgg19 => (vgg::features19, head_layouts::notebook),
        A::ResNet18 => (resnet::features18, resnet::head),
        A::ResNet50 => (resnet::features50, resnet::head),
        A::ResNet50Keras => (resnet::features50_keras, resnet::head),
        A::MobileNetV2 => (mobile_net_v2::features, mobile_net_v2::head),
        A::MobileNetV2Keras => (mobile_net_v2::features_keras, mobile_net_v2::head),
        A::EfficientNetLite0 => (efficient_net_lite0::features, efficient_net_lite0::head),
        A::EfficientNetB0 => (efficient_net_b0::features, efficient_net_b0::head),
        A::EfficientNetB0Keras => (efficient_net_b0::features_keras, efficient_net_b0::head),
        A::DenseNet121 | A::XrvDenseNet121 => (dense_net121::features, dense_net121::head),
        A::PlantsCnn => (plants_cnn::features, plants_cnn::head),
    }
}

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
        let (features, published_head) = parts(self.architecture);
        let mut planner = Planner::new(self);
        features(&mut planner)?;
        planner.end_of_features();
        match self.head {
            Head::Published => published_head(&mut planner)?,
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
