//! The methods by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ExplainError;

/// A way to find out what a network looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Selvaraju et al. 2017: maps of the last layer, each weighted by the mean of its gradient.
    GradCam,
    /// Chattopadhay et al. 2018: weighted by gradients above 0, more where a map has few.
    GradCamPlusPlus,
    /// Draelos and Carin 2020: each cell of each map weighted by its own gradient. Where one linear layer
    /// follows the maps it is exact.
    HiResCam,
    /// Muhammad and Yeasin 2020: the first principal component of the maps. It knows no label.
    EigenCam,
    /// Sundararajan et al. 2017: gradients of the pixels, summed on the way from a film without
    /// structure to the film.
    IntegratedGradients,
    /// The same, averaged over copies of the film with noise (Smilkov et al. 2017).
    SmoothIntegratedGradients,
    /// Zeiler and Fergus 2014: how much the score falls when a patch is covered.
    Occlusion,
    /// Petsiuk et al. 2018: random masks, weighted by the score they leave.
    Rise,
}

/// What a method needs to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Maps of one layer and their gradient.
    MapGradients,
    /// Maps of one layer.
    Maps,
    /// Gradients of the pixels.
    PixelGradients,
    /// Scores alone.
    Scores,
}

impl Method {
    /// Every method, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::GradCam,
        Self::GradCamPlusPlus,
        Self::HiResCam,
        Self::EigenCam,
        Self::IntegratedGradients,
        Self::SmoothIntegratedGradients,
        Self::Occlusion,
        Self::Rise,
    ];

    /// Those that need a model's probabilities alone, and so work with any model.
    pub fn of_probabilities() -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|method| method.needs() == Needs::Scores)
    }

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::GradCam => "grad-cam",
            Self::GradCamPlusPlus => "grad-cam-plus-plus",
            Self::HiResCam => "hi-res-cam",
            Self::EigenCam => "eigen-cam",
            Self::IntegratedGradients => "integrated-gradients",
            Self::SmoothIntegratedGradients => "smooth-integrated-gradients",
            Self::Occlusion => "occlusion",
            Self::Rise => "rise",
        }
    }

    /// The name as its paper writes it.
    pub fn title(self) -> &'static str {
        match self {
            Self::GradCam => "Grad-CAM",
            Self::GradCamPlusPlus => "Grad-CAM++",
            Self::HiResCam => "HiResCAM",
            Self::EigenCam => "Eigen-CAM",
            Self::IntegratedGradients => "Integrated gradients",
            Self::SmoothIntegratedGradients => "Smooth integrated gradients",
            Self::Occlusion => "Occlusion",
            Self::Rise => "RISE",
        }
    }

    pub(crate) fn needs(self) -> Needs {
        match self {
            Self::GradCam | Self::GradCamPlusPlus | Self::HiResCam => Needs::MapGradients,
            Self::EigenCam => Needs::Maps,
            Self::IntegratedGradients | Self::SmoothIntegratedGradients => Needs::PixelGradients,
            Self::Occlusion | Self::Rise => Needs::Scores,
        }
    }

    /// Whether its maps have one value a pixel, so that pictures have to smooth them.
    pub fn is_by_pixel(self) -> bool {
        self.needs() == Needs::PixelGradients
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Method {
    type Err = ExplainError;

    /// Names with or without hyphens: `gradcam`, `grad-cam++`.
    fn from_str(text: &str) -> Result<Self, ExplainError> {
        let plain = |text: &str| {
            let text = text.to_lowercase().replace("++", "plusplus");
            text.replace(['-', '_', ' '], "")
        };
        Self::ALL
            .into_iter()
            .find(|method| plain(method.name()) == plain(text))
            .ok_or_else(|| ExplainError::UnknownMethod {
                found: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        for method in Method::ALL {
            assert_eq!(method.name().parse::<Method>().ok(), Some(method));
            let json = serde_json::to_value(method).expect("a unit variant is a string");
            assert_eq!(json, method.name());
        }
        for (text, method) in [
            ("gradcam", Method::GradCam),
            ("Grad-CAM++", Method::GradCamPlusPlus),
            ("HiResCAM", Method::HiResCam),
            ("integrated_gradients", Method::IntegratedGradients),
        ] {
            assert_eq!(text.parse::<Method>().ok(), Some(method), "{text}");
        }
        let error = "gradcan".parse::<Method>().expect_err("not a method");
        assert!(
            error.to_string().contains("expected one of grad-cam, "),
            "{error}"
        );
    }
}
