//! The choices of preprocessing, each with the names that command line, settings file and report share.

use serde::{Deserialize, Serialize};

/// How a film becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The largest square in the middle; what lies beside it is lost.
    #[default]
    Crop,
    /// The whole film, with black bars; its aspect ratio stays visible.
    Letterbox,
    /// The whole film, its aspect ratio ignored; what Keras' `load_img(target_size=…)` does.
    Squash,
    /// The box around the lungs, as a [`LungFinder`](super::LungFinder) finds it, with a tenth of its
    /// sides around it, its aspect ratio ignored. Where no lungs are found, as [`Self::Crop`].
    Lungs,
}

/// Which part of a film is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// All of it, with whatever surrounds the exposed field.
    #[default]
    Whole,
    /// The exposed field, without the even black or white around it: collimator blades, an empty plate, bars that
    /// pad a film to a square. [`Fit::Squash`] takes the whole film all the same, as Keras does, and
    /// [`Fit::Lungs`] looks for lungs on all of it.
    Exposed,
}

/// How values reach a network, after a film was brought to 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// As they are: the pixel divided by 255 (or by 65,535).
    #[default]
    Unit,
    /// Per film: its 1st percentile becomes 0 and its 99th 1, and what lies outside is clipped.
    /// Percentiles interpolate linearly, as NumPy's do. Black bars count. A film whose two
    /// percentiles are equal becomes 0.
    Percentile,
    /// Per film: mean 0 and (population) standard deviation 1. Black bars count. A constant film
    /// becomes 0.
    ZScore,
    /// Per channel: ImageNet's mean is subtracted and its standard deviation divided by. With any
    /// number of channels but three, every channel gets the mean of the three figures.
    ImageNet,
    /// Per channel: 0 to 255, less ImageNet's mean; what Keras' VGG weights were fitted with. The
    /// channels stay red, green, blue: an import turns the weights instead. With any number of
    /// channels but three, every channel gets the mean of the three figures.
    Caffe,
    /// -1 to 1, as Keras' MobileNet weights were fitted with.
    Tf,
    /// 0 becomes -1024 and 1 becomes 1024, as torchxrayvision scales films for its networks.
    #[serde(rename = "xrv")]
    XRayVision,
}

/// Whether black and white change places, for films stored with bone black (MONOCHROME1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inversion {
    /// As stored.
    #[default]
    None,
    /// Every value `v` becomes `1 - v`; the bars of a letterbox stay black.
    Invert,
}

/// A name that is none of the allowed ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}, found `{found}`")]
pub struct ParseNameError {
    /// The allowed names, separated by commas.
    pub expected: String,
    /// What was given.
    pub found: String,
}

/// `Display`, `FromStr` and the list `ALL` for an enum of names, so that command line, settings
/// file and report spell them alike.
macro_rules! names {
    ($kind:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $kind {
            /// All of them, in the order of their definition.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, as in settings files and on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $kind {
            type Err = $crate::radiograph::ParseNameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    other => Err($crate::radiograph::ParseNameError {
                        expected: [$($name),+].join(", "),
                        found: other.to_owned(),
                    }),
                }
            }
        }
    };
}
pub(super) use names;

names!(Fit { Crop => "crop", Letterbox => "letterbox", Squash => "squash", Lungs => "lungs" });
names!(Field { Whole => "whole", Exposed => "exposed" });
names!(Scaling {
    Unit => "unit",
    Percentile => "percentile",
    ZScore => "zscore",
    ImageNet => "imagenet",
    Caffe => "caffe",
    Tf => "tf",
    XRayVision => "xrv",
});
names!(Inversion { None => "none", Invert => "invert" });

impl Scaling {
    /// Whether the channels get different values.
    pub fn is_per_channel(self) -> bool {
        matches!(self, Self::ImageNet | Self::Caffe)
    }
}
