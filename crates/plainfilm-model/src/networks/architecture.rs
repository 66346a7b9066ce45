//! Which networks there are, and what is known of each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::freeze::Freeze;
use plainfilm_film::radiograph::Scaling;
use plainfilm_film::spelling::edits;

/// A published network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Architecture {
    /// DarkCovidNet: 17 small convolutions after Darknet.
    #[serde(rename = "darkcovidnet")]
    DarkCovidNet,
    /// VGG16 without its classifier, under the small head of the Keras notebook.
    #[serde(rename = "vgg16")]
    Vgg16,
    /// VGG19 in the same way: three convolutions more.
    #[serde(rename = "vgg19")]
    Vgg19,
    /// ResNet-18: residual sums.
    #[serde(rename = "resnet18")]
    ResNet18,
    /// ResNet-50: residual sums around bottlenecks.
    #[serde(rename = "resnet50")]
    ResNet50,
    /// ResNet-50 as Keras has it: the stride in the first convolution of a block.
    #[serde(rename = "resnet50-keras")]
    ResNet50Keras,
    /// MobileNetV2: inverted residuals with depthwise convolutions.
    #[serde(rename = "mobilenet-v2")]
    MobileNetV2,
    /// MobileNetV2 as Keras has it: padded as TensorFlow does, with its constants.
    #[serde(rename = "mobilenet-v2-keras")]
    MobileNetV2Keras,
    /// EfficientNet-Lite0: MobileNetV2's blocks in EfficientNet-B0's sizes.
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0,
    /// EfficientNet-B0: inverted residuals with squeeze-and-excitation.
    #[serde(rename = "efficientnet-b0")]
    EfficientNetB0,
    /// EfficientNet-B0 as its authors, Keras and timm's `tf_efficientnet_b0` have it: padded as
    /// TensorFlow does, with its constants.
    #[serde(rename = "efficientnet-b0-keras")]
    EfficientNetB0Keras,
    /// DenseNet-121: every layer reads all before it in its block.
    #[serde(rename = "densenet121")]
    DenseNet121,
    /// DenseNet-121 as torchxrayvision fitted it to chest films: one channel, its own scaling.
    #[serde(rename = "xrv-densenet121")]
    XrvDenseNet121,
    /// The plain CNN of the notebook's plant-identification reference.
    #[serde(rename = "plants")]
    PlantsCnn,
}

/// What is known of a network.
struct Facts {
    name: &'static str,
    title: &'static str,
    paper: &'static str,
    size: usize,
}

impl Architecture {
    /// Every architecture, in the order in which they are listed.
    pub fn all() -> [Self; 14] {
        [
            Self::DarkCovidNet,
            Self::Vgg16,
            Self::Vgg19,
            Self::ResNet18,
            Self::ResNet50,
            Self::ResNet50Keras,
            Self::MobileNetV2,
            Self::MobileNetV2Keras,
            Self::EfficientNetLite0,
            Self::EfficientNetB0,
            Self::EfficientNetB0Keras,
            Self::DenseNet121,
            Self::XrvDenseNet121,
            Self::PlantsCnn,
        ]
    }

    fn facts(self) -> Facts {
        match self {
            Self::DarkCovidNet => Facts {
                name: "darkcovidnet",
                title: "DarkCovidNet",
                paper: "Ozturk et al. 2020, Computers in Biology and Medicine 121:103792; \
                        github.com/muhammedtalo/COVID-19",
                size: 256,
            },
            Self::Vgg16 => Facts {
                name: "vgg16",
                title: "VGG16",
                paper: "Simonyan and Zisserman 2014, arXiv:1409.1556; head from \
                        github.com/zekaouinoureddine/Detecting-COVID-19-in-X-ray-Images",
                size: 224,
            },
            Self::Vgg19 => Facts {
                name: "vgg19",
                title: "VGG19",
                ..Self::Vgg16.facts()
            },
            Self::ResNet18 => Facts {
                name: "resnet18",
                title: "ResNet-18",
                paper: "He et al. 2016, arXiv:1512.03385",
                size: 224,
            },
            Self::ResNet50 => Facts {
                name: "resnet50",
                title: "ResNet-50",
                ..Self::ResNet18.facts()
            },
            Self::ResNet50Keras => Facts {
                name: "resnet50-keras",
                title: "ResNet-50 of Keras",
                ..Self::ResNet18.facts()
            },
            Self::MobileNetV2 => Facts {
                name: "mobilenet-v2",
                title: "MobileNetV2",
                paper: "Sandler et al. 2018, arXiv:1801.04381",
                size: 224,
            },
            Self::MobileNetV2Keras => Facts {
                name: "mobilenet-v2-keras",
                title: "MobileNetV2 of Keras",
                ..Self::MobileNetV2.facts()
            },
            Self::EfficientNetLite0 => Facts {
                name: "efficientnet-lite0",
                title: "EfficientNet-Lite0",
                paper: "Tan and Le 2019, arXiv:1905.11946; github.com/tensorflow/tpu, \
                        efficientnet/lite",
                size: 224,
            },
            Self::EfficientNetB0 => Facts {
                name: "efficientnet-b0",
                title: "EfficientNet-B0",
                paper: "Tan and Le 2019, arXiv:1905.11946",
                size: 224,
            },
            Self::EfficientNetB0Keras => Facts {
                name: "efficientnet-b0-keras",
                title: "EfficientNet-B0 of Keras",
                ..Self::EfficientNetB0.facts()
            },
            Self::DenseNet121 => Facts {
                name: "densenet121",
                title: "DenseNet-121",
                paper: "Huang et al. 2017, arXiv:1608.06993",
                size: 224,
            },
            Self::XrvDenseNet121 => Facts {
                name: "xrv-densenet121",
                title: "DenseNet-121 of torchxrayvision",
                paper: "Huang et al. 2017, arXiv:1608.06993; Cohen et al. 2022, arXiv:2111.00595",
                ..Self::DenseNet121.facts()
            },
            Self::PlantsCnn => Facts {
                name: "plants",
                title: "Plants CNN",
                paper: "github.com/zekaouinoureddine/Plants_Identification_DL_SI",
                size: 150,
            },
        }
    }

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The name in prose.
    pub fn title(self) -> &'static str {
        self.facts().title
    }

    /// Where the network was published.
    pub fn paper(self) -> &'static str {
        self.facts().paper
    }

    /// Side of the film in pixels, as published.
    pub fn default_size(self) -> usize {
        self.facts().size
    }

    /// Channels of the film tensor, as published: 3 equal ones, but for torchxrayvision's network.
    pub fn default_channels(self) -> usize {
        match self {
            Self::XrvDenseNet121 => 1,
            _ => 3,
        }
    }

    /// The scaling of pixel values that goes with fresh weights: 0 to 1, but for torchxrayvision's
    /// network. The torchvision networks were published with ImageNet's channel means, which a grey
    /// film has no use for.
    pub fn default_scaling(self) -> Scaling {
        match self {
            Self::XrvDenseNet121 => Scaling::XRayVision,
            _ => Scaling::Unit,
        }
    }

    /// What is left as it came: the backbones of VGG16 and VGG19, as in the notebook.
    pub fn default_freeze(self) -> Freeze {
        match self {
            Self::Vgg16 | Self::Vgg19 => Freeze::Backbone,
            _ => Freeze::None,
        }
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
        let plain = |text: &str| -> String {
            text.chars()
                .filter(|letter| !matches!(letter, '-' | '_' | ' '))
                .flat_map(char::to_lowercase)
                .collect()
        };
        let found = plain(text);
        if found == "plantscnn" {
            return Ok(Self::PlantsCnn);
        }
        let known = Self::all().into_iter();
        known
            .clone()
            .find(|architecture| plain(architecture.name()) == found)
            .ok_or_else(|| ModelError::UnknownArchitecture {
                found: text.to_owned(),
                expected: Self::all().map(Self::name).join(", "),
                suggestion: known
                    .map(|known| (edits(&found, known.name()), known.name()))
                    .filter(|(edits, name)| *edits <= name.len() / 2)
                    .min()
                    .map(|(_, name)| name),
            })
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
            ("vgg11", Some("vgg16")),
            ("darkcovid", Some("darkcovidnet")),
            ("plant", Some("plants")),
            ("resnet34", Some("resnet18")),
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
            "unknown model `vgg`: expected one of darkcovidnet, vgg16, vgg19, resnet18, resnet50, \
             resnet50-keras, mobilenet-v2, mobilenet-v2-keras, efficientnet-lite0, efficientnet-b0, \
             efficientnet-b0-keras, densenet121, xrv-densenet121, plants; hint: did you mean `vgg16`?"
        );
    }
}
