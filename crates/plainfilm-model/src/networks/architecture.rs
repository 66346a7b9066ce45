//! Which networks there are, one line each; what is known of a network is in its own file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::freeze::Freeze;
use super::plan::Planner;
use plainfilm_film::radiograph::Scaling;
use plainfilm_film::spelling::edits;

/// What lays the layers of a part of a network one after another.
pub(super) type Part = fn(&mut Planner) -> Result<(), ModelError>;

/// What is known of a published network. Each network's file has its own.
pub(super) struct Published {
    /// The name in prose.
    pub title: &'static str,
    pub paper: &'static str,
    /// Side of the film in pixels.
    pub size: usize,
    /// Channels of the film tensor.
    pub channels: usize,
    /// The scaling of pixel values that goes with fresh weights.
    pub scaling: Scaling,
    /// Whether only the head is trained, unless told otherwise.
    pub frozen: bool,
    /// Lays the backbone out.
    pub features: Part,
    /// Lays the head out.
    pub head: Part,
}

/// What most networks have: three equal channels of values from 0 to 1 (a grey film has no use for the
/// channel means of ImageNet with which torchvision's were published), and every layer trained.
pub(super) const USUAL: Published = Published {
    title: "",
    paper: "",
    size: 224,
    channels: 3,
    scaling: Scaling::Unit,
    frozen: false,
    features: |_| Ok(()),
    head: |_| Ok(()),
};

/// Makes the enum, its list and its table out of one line for each network.
macro_rules! networks {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal: $file:ident::$published:ident,)+) => {
        /// A published network.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Architecture {
            $($(#[$doc])+ #[serde(rename = $name)] $variant,)+
        }

        /// How many there are.
        const COUNT: usize = [$($name),+].len();

        impl Architecture {
            /// Every architecture, in the order in which they are listed.
            pub fn all() -> [Self; COUNT] {
                [$(Self::$variant),+]
            }

            /// The name on the command line and in files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            pub(super) fn published(self) -> &'static Published {
                match self {
                    $(Self::$variant => &super::$file::$published,)+
                }
            }
        }
    };
}

networks! {
    /// DarkCovidNet: 17 small convolutions after Darknet.
    DarkCovidNet = "darkcovidnet": dark_covid_net::DARK_COVID_NET,
    /// VGG16 without its classifier, under the small head of the Keras notebook.
    Vgg16 = "vgg16": vgg::VGG16,
    /// VGG19 in the same way: three convolutions more.
    Vgg19 = "vgg19": vgg::VGG19,
    /// ResNet-18: residual sums.
    ResNet18 = "resnet18": resnet::RESNET18,
    /// ResNet-50: residual sums around bottlenecks.
    ResNet50 = "resnet50": resnet::RESNET50,
    /// ResNet-50 as Keras has it: the stride in the first convolution of a block.
    ResNet50Keras = "resnet50-keras": resnet::RESNET50_KERAS,
    /// MobileNetV2: inverted residuals with depthwise convolutions.
    MobileNetV2 = "mobilenet-v2": mobile_net_v2::MOBILE_NET_V2,
    /// MobileNetV2 as Keras has it: padded as TensorFlow does, with its constants.
    MobileNetV2Keras = "mobilenet-v2-keras": mobile_net_v2::MOBILE_NET_V2_KERAS,
    /// EfficientNet-Lite0: MobileNetV2's blocks in EfficientNet-B0's sizes.
    EfficientNetLite0 = "efficientnet-lite0": efficient_net_lite0::EFFICIENT_NET_LITE0,
    /// EfficientNet-B0: inverted residuals with squeeze-and-excitation.
    EfficientNetB0 = "efficientnet-b0": efficient_net_b0::EFFICIENT_NET_B0,
    /// EfficientNet-B0 as its authors, Keras and timm's `tf_efficientnet_b0` have it: padded as
    /// TensorFlow does, with its constants.
    EfficientNetB0Keras = "efficientnet-b0-keras": efficient_net_b0::EFFICIENT_NET_B0_KERAS,
    /// DenseNet-121: every layer reads all before it in its block.
    DenseNet121 = "densenet121": dense_net121::DENSE_NET121,
    /// DenseNet-121 as torchxrayvision fitted it to chest films: one channel, its own scaling.
    XrvDenseNet121 = "xrv-densenet121": dense_net121::XRV_DENSE_NET121,
    /// The plain CNN of the notebook's plant-identification reference.
    PlantsCnn = "plants": plants_cnn::PLANTS_CNN,
}

impl Architecture {
    /// The name in prose.
    pub fn title(self) -> &'static str {
        self.published().title
    }

    /// Where the network was published.
    pub fn paper(self) -> &'static str {
        self.published().paper
    }

    /// Side of the film in pixels, as published.
    pub fn default_size(self) -> usize {
        self.published().size
    }

    /// Channels of the film tensor, as published: 3 equal ones, but for torchxrayvision's network.
    pub fn default_channels(self) -> usize {
        self.published().channels
    }

    /// The scaling of pixel values that goes with fresh weights: 0 to 1, but for torchxrayvision's
    /// network.
    pub fn default_scaling(self) -> Scaling {
        self.published().scaling
    }

    /// Which layers keep their weights unless told otherwise: the backbones of VGG16 and VGG19, as in
    /// the notebook.
    pub fn default_freeze(self) -> Freeze {
        if self.published().frozen {
            Freeze::Backbone
        } else {
            Freeze::None
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
