//! Which networks there are, and the settings that make one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::plan::Plan;
use super::{
    dark_covid_net, dense_net121, efficient_net_lite0, mobile_net_v2, plants_cnn, resnet18, vgg16,
};
use crate::radiograph::Scaling;

/// A published network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Architecture {
    /// DarkCovidNet: 17 small convolutions after Darknet.
    #[serde(rename = "darkcovidnet")]
    DarkCovidNet,
    /// VGG16 without its classifier, under the small head of the Keras notebook.
    #[serde(rename = "vgg16")]
    Vgg16,
    /// ResNet-18: residual sums.
    #[serde(rename = "resnet18")]
    ResNet18,
    /// MobileNetV2: inverted residuals with depthwise convolutions.
    #[serde(rename = "mobilenet-v2")]
    MobileNetV2,
    /// EfficientNet-Lite0: MobileNetV2's blocks in EfficientNet-B0's sizes.
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0,
    /// DenseNet-121: every layer reads all before it in its block.
    #[serde(rename = "densenet121")]
    DenseNet121,
    /// The plain CNN of the notebook's plant-identification reference.
    #[serde(rename = "plants")]
    PlantsCnn,
}

impl Architecture {
    /// Every architecture, in the order in which they are listed.
    pub fn all() -> [Self; 7] {
        [
            Self::DarkCovidNet,
            Self::Vgg16,
            Self::ResNet18,
            Self::MobileNetV2,
            Self::EfficientNetLite0,
            Self::DenseNet121,
            Self::PlantsCnn,
        ]
    }

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::DarkCovidNet => "darkcovidnet",
            Self::Vgg16 => "vgg16",
            Self::ResNet18 => "resnet18",
            Self::MobileNetV2 => "mobilenet-v2",
            Self::EfficientNetLite0 => "efficientnet-lite0",
            Self::DenseNet121 => "densenet121",
            Self::PlantsCnn => "plants",
        }
    }

    /// The name in prose.
    pub fn title(self) -> &'static str {
        match self {
            Self::DarkCovidNet => "DarkCovidNet",
            Self::Vgg16 => "VGG16 with a small head",
            Self::ResNet18 => "ResNet-18",
            Self::MobileNetV2 => "MobileNetV2",
            Self::EfficientNetLite0 => "EfficientNet-Lite0",
            Self::DenseNet121 => "DenseNet-121",
            Self::PlantsCnn => "Plants CNN",
        }
    }

    /// Where the network was published.
    pub fn paper(self) -> &'static str {
        match self {
            Self::DarkCovidNet => {
                "Ozturk et al. 2020, Computers in Biology and Medicine 121:103792; \
                 github.com/muhammedtalo/COVID-19"
            }
            Self::Vgg16 => {
                "Simonyan and Zisserman 2014, arXiv:1409.1556; head from \
                 github.com/zekaouinoureddine/Detecting-COVID-19-in-X-ray-Images"
            }
            Self::ResNet18 => "He et al. 2016, arXiv:1512.03385",
            Self::MobileNetV2 => "Sandler et al. 2018, arXiv:1801.04381",
            Self::EfficientNetLite0 => {
                "Tan and Le 2019, arXiv:1905.11946; github.com/tensorflow/tpu, efficientnet/lite"
            }
            Self::DenseNet121 => "Huang et al. 2017, arXiv:1608.06993",
            Self::PlantsCnn => "github.com/zekaouinoureddine/Plants_Identification_DL_SI",
        }
    }

    /// Side of the film in pixels, as published.
    pub fn default_size(self) -> usize {
        match self {
            Self::DarkCovidNet => 256,
            Self::Vgg16
            | Self::ResNet18
            | Self::MobileNetV2
            | Self::EfficientNetLite0
            | Self::DenseNet121 => 224,
            Self::PlantsCnn => 150,
        }
    }

    /// The scaling of pixel values that goes with the network: 0 to 1 for all. The torchvision
    /// networks were published with ImageNet's channel means, which a grey film has no use for.
    pub fn default_scaling(self) -> Scaling {
        match self {
            Self::DarkCovidNet
            | Self::Vgg16
            | Self::ResNet18
            | Self::MobileNetV2
            | Self::EfficientNetLite0
            | Self::DenseNet121
            | Self::PlantsCnn => Scaling::Unit,
        }
    }

    /// Whether the backbone is left as it came: only VGG16's, whose published weights were fitted
    /// on other pictures.
    pub fn default_freeze_backbone(self) -> bool {
        matches!(self, Self::Vgg16)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Architecture {
    type Err = ModelError;

    /// Reads a name; case, hyphens and underscores do not matter.
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let plain: String = text
            .chars()
            .filter(|letter| !matches!(letter, '-' | '_' | ' '))
            .flat_map(char::to_lowercase)
            .collect();
        match plain.as_str() {
            "darkcovidnet" => Ok(Self::DarkCovidNet),
            "vgg16" => Ok(Self::Vgg16),
            "resnet18" => Ok(Self::ResNet18),
            "mobilenetv2" => Ok(Self::MobileNetV2),
            "efficientnetlite0" => Ok(Self::EfficientNetLite0),
            "densenet121" => Ok(Self::DenseNet121),
            "plants" | "plantscnn" => Ok(Self::PlantsCnn),
            _ => Err(ModelError::UnknownArchitecture {
                found: text.to_owned(),
                expected: Self::all().map(Self::name).join(", "),
                suggestion: Self::all()
                    .map(|known| (distance(&plain, known.name()), known.name()))
                    .into_iter()
                    .filter(|(edits, name)| *edits <= name.len() / 2)
                    .min()
                    .map(|(_, name)| name),
            }),
        }
    }
}

/// Levenshtein distance: insertions, deletions and substitutions of characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (column, other) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

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
    /// Whether the layers before the head keep their weights in training.
    pub freeze_backbone: bool,
}

impl NetworkSettings {
    /// The published settings of an architecture, for `classes` labels.
    pub fn published(architecture: Architecture, classes: usize) -> Self {
        Self {
            architecture,
            classes,
            size: architecture.default_size(),
            channels: 3,
            freeze_backbone: architecture.default_freeze_backbone(),
        }
    }

    /// Checks the ranges and lays the layers out, without allocating any weight.
    pub(crate) fn plan(&self) -> Result<Plan, ModelError> {
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
        match self.architecture {
            Architecture::DarkCovidNet => dark_covid_net::plan(self),
            Architecture::Vgg16 => vgg16::plan(self),
            Architecture::ResNet18 => resnet18::plan(self),
            Architecture::MobileNetV2 => mobile_net_v2::plan(self),
            Architecture::EfficientNetLite0 => efficient_net_lite0::plan(self),
            Architecture::DenseNet121 => dense_net121::plan(self),
            Architecture::PlantsCnn => plants_cnn::plan(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for architecture in Architecture::all() {
            assert_eq!(architecture.name().parse(), Ok(architecture));
            assert_eq!(
                serde_json::to_value(architecture).ok(),
                Some(architecture.name().into())
            );
        }
        assert_eq!("Dark-Covid_Net".parse(), Ok(Architecture::DarkCovidNet));
        assert_eq!("MobileNetV2".parse(), Ok(Architecture::MobileNetV2));
        assert_eq!("plants-cnn".parse(), Ok(Architecture::PlantsCnn));
    }

    #[test]
    fn a_wrong_name_gets_the_nearest_one() {
        let cases = [
            ("vgg19", Some("vgg16")),
            ("darkcovid", Some("darkcovidnet")),
            ("plant", Some("plants")),
            ("resnet50", Some("resnet18")),
            ("densenet", Some("densenet121")),
            ("mobilenet", Some("mobilenet-v2")),
            ("inception", None),
            ("", None),
        ];
        for (found, expected) in cases {
            match found.parse::<Architecture>() {
                Err(ModelError::UnknownArchitecture { suggestion, .. }) => {
                    assert_eq!(suggestion, expected, "{found}");
                }
                other => panic!("{found}: {other:?}"),
            }
        }
        assert_eq!(
            "vgg"
                .parse::<Architecture>()
                .expect_err("unknown")
                .to_string(),
            "unknown model `vgg`: expected one of darkcovidnet, vgg16, resnet18, mobilenet-v2, \
             efficientnet-lite0, densenet121, plants; hint: did you mean `vgg16`?"
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
