//! The TOML file beside an ONNX file: what the graph does not say.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ForeignError;
use plainfilm_film::radiograph::{Preprocessing, Scaling};

/// How films become a model's input, and what its outputs mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Name of the ONNX file, which is in the same folder.
    pub model: String,
    /// What the outputs are of, in their order. Two labels may share one output, which is then that of the second.
    pub labels: Vec<String>,
    /// The label that the threshold is about; where it is left out, the one that sounds like a finding.
    pub positive: Option<String>,
    /// The probability from which a film gets that label, or a finding is called: 0 to 1.
    #[serde(default = "half")]
    pub threshold: f64,
    /// The same for single findings, by name, where they differ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, f64>,
    /// Where pixels go in.
    pub input: Input,
    /// Where answers come out.
    pub output: Output,
    /// What a film goes through, as our own models' files have it.
    #[serde(default)]
    pub preprocessing: Preprocessing,
    /// What values go through after that, where no `scaling` of `preprocessing` is right.
    pub normalisation: Option<Normalisation>,
}

fn half() -> f64 {
    0.5
}

/// The input of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// As the graph calls it.
    pub name: String,
    /// The order of its axes.
    pub layout: Layout,
}

/// The order of the axes of an input: films (N), channels (C), rows (H) and columns (W).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// PyTorch's.
    Nchw,
    /// TensorFlow's and Keras'.
    Nhwc,
}

impl Layout {
    /// The shape of so many films.
    #[must_use]
    pub fn shape(self, films: usize, channels: usize, size: usize) -> [usize; 4] {
        match self {
            Self::Nchw => [films, channels, size, size],
            Self::Nhwc => [films, size, size, channels],
        }
    }
}

/// The output of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// As the graph calls it.
    pub name: String,
    /// What its numbers are.
    pub holds: Holds,
    /// What makes (or made) probabilities of them.
    pub link: LinkName,
}

/// What the numbers of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// 0 to 1: the link is the graph's last operator.
    Probabilities,
    /// Any number: the link is still to be applied.
    Logits,
}

/// What makes probabilities of logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkName {
    /// A film has one of the labels: probabilities sum to one.
    Softmax,
    /// A film may have any of the labels, each for itself; or the one output of two labels.
    Sigmoid,
}

/// `(value * times - mean) / std` of values from 0 (black) to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// 255 for models that were fitted on bytes.
    #[serde(default = "one")]
    pub times: f32,
    /// One for each channel, or one for all.
    #[serde(default = "zeros")]
    pub mean: Vec<f32>,
    /// One for each channel, or one for all; none is 0.
    #[serde(default = "ones")]
    pub std: Vec<f32>,
}

fn one() -> f32 {
    1.0
}

fn zeros() -> Vec<f32> {
    vec![0.0]
}

fn ones() -> Vec<f32> {
    vec![1.0]
}

impl Normalisation {
    /// Of `[films, channels, size, size]` values.
    pub(crate) fn apply(&self, values: &mut [f32], channels: usize, area: usize) {
        let of = |figures: &[f32], channel: usize| figures[channel.min(figures.len() - 1)];
        for (place, plane) in values.chunks_exact_mut(area).enumerate() {
            let channel = place % channels;
            let (mean, std) = (of(&self.mean, channel), of(&self.std, channel));
            for value in plane {
                *value = (*value * self.times - mean) / std;
            }
        }
    }
}

impl Description {
    /// Reads what somebody wrote.
    ///
    /// # Errors
    ///
    /// [`ForeignError::Toml`] and [`ForeignError::Setting`], which name the key.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ForeignError> {
        let description: Self = toml::from_str(text).map_err(|error| ForeignError::Toml {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        description.check(path)?;
        Ok(description)
    }

    /// Checks what the types cannot.
    fn check(&self, path: &Path) -> Result<(), ForeignError> {
        let refuse = |key, expected: &str, found: String| {
            Err(ForeignError::Setting {
                path: path.to_owned(),
                key,
                expected: expected.to_owned(),
                found,
            })
        };
        let model = Path::new(&self.model);
        if model
            .file_name()
            .is_none_or(|name| name != model.as_os_str())
        {
            let expected = "the name of a file in the same folder";
            return refuse("model", expected, format!("{:?}", self.model));
        }
        if self.labels.len() < 2 && self.output.link == LinkName::Softmax {
            let expected = "two or more names, as the link is softmax";
            return refuse("labels", expected, self.labels.len().to_string());
        }
        if self.labels.is_empty() {
            return refuse("labels", "one name or more", "none".to_owned());
        }
        for (index, label) in self.labels.iter().enumerate() {
            if label.trim().is_empty() || self.labels[..index].contains(label) {
                let expected = "names that are neither empty nor repeated";
                return refuse("labels", expected, format!("{label:?}"));
            }
        }
        if let Some(label) = &self.positive
            && !self.labels.contains(label)
        {
            let expected = format!("one of {}", self.labels.join(", "));
            return refuse("positive", &expected, format!("{label:?}"));
        }
        if let Some(label) = self
            .thresholds
            .keys()
            .find(|label| !self.labels.contains(label))
        {
            let expected = format!("names among {}", self.labels.join(", "));
            return refuse("thresholds", &expected, format!("{label:?}"));
        }
        if !self.thresholds.is_empty() && self.output.link == LinkName::Softmax {
            let expected = "none, as a film has one of the labels: `threshold` is for these";
            return refuse("thresholds", expected, self.thresholds.len().to_string());
        }
        let outside = |threshold: &&f64| !(0.0..=1.0).contains(*threshold);
        if let Some(threshold) = self.thresholds.values().find(outside) {
            let expected = "probabilities, 0 to 1";
            return refuse("thresholds", expected, threshold.to_string());
        }
        if !(0.0..=1.0).contains(&self.threshold) {
            return refuse(
                "threshold",
                "a probability, 0 to 1",
                self.threshold.to_string(),
            );
        }
        if let Err(error) = self.preprocessing.check() {
            let found = format!("{} = {}", error.setting, error.found);
            return refuse("preprocessing", &error.expected, found);
        }
        let Some(normalisation) = &self.normalisation else {
            return Ok(());
        };
        if self.preprocessing.scaling != Scaling::Unit {
            let expected = "`unit`, as there is a `normalisation`";
            return refuse("preprocessing.scaling", expected, "another".to_owned());
        }
        let channels = self.preprocessing.channels;
        let counts = format!("1 or {channels} finite numbers");
        let fits = |numbers: &[f32]| {
            (numbers.len() == 1 || numbers.len() == channels)
                && numbers.iter().all(|number| number.is_finite())
        };
        if !normalisation.times.is_finite() || normalisation.times == 0.0 {
            let found = normalisation.times.to_string();
            return refuse("normalisation.times", "a number that is not 0", found);
        }
        if !fits(&normalisation.mean) {
            return refuse(
                "normalisation.mean",
                &counts,
                format!("{:?}", normalisation.mean),
            );
        }
        if !fits(&normalisation.std) || normalisation.std.contains(&0.0) {
            let expected = format!("{counts}, none of them 0");
            return refuse(
                "normalisation.std",
                &expected,
                format!("{:?}", normalisation.std),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
model = "m.onnx"
labels = ["no finding", "pneumonia"]

[input]
name = "x"
layout = "nhwc"

[output]
name = "y"
holds = "logits"
link = "sigmoid"

[preprocessing]
size = 64
channels = 3
"#;

    #[test]
    fn what_is_left_out_has_its_default() {
        let found = Description::parse(GOOD, Path::new("m.toml")).unwrap();
        assert_eq!((found.threshold, found.positive), (0.5, None));
        assert_eq!(found.preprocessing.size, 64);
        assert_eq!(found.input.layout.shape(2, 3, 64), [2, 64, 64, 3]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let with = |more: &str| format!("{GOOD}{more}");
        let cases = [
            (GOOD.replace("layout", "layuot"), "layuot"),
            (GOOD.replace("nhwc", "hwc"), "hwc"),
            (GOOD.replace("name = \"x\"\n", ""), "name"),
            (GOOD.replace("\"m.onnx\"", "\"../m.onnx\""), "`model`"),
            (GOOD.replace("\"m.onnx\"", "\"\""), "`model`"),
            (GOOD.replace("pneumonia", "no finding"), "`labels`"),
            (
                GOOD.replace("labels = [\"no finding\", \"pneumonia\"]", "labels = []"),
                "`labels`",
            ),
            (format!("positive = \"x\"\n{GOOD}"), "`positive`"),
            (format!("threshold = 1.5\n{GOOD}"), "`threshold`"),
            (format!("threshold = nan\n{GOOD}"), "`threshold`"),
            (
                GOOD.replace("channels = 3", "channels = 2"),
                "`preprocessing`",
            ),
            (
                GOOD.replace("size = 64", "size = 100000"),
                "`preprocessing`",
            ),
            (with("[normalisation]\ntimes = 0"), "`normalisation.times`"),
            (
                with("[normalisation]\nmean = [1, 2]"),
                "`normalisation.mean`",
            ),
            (with("[normalisation]\nmean = []"), "`normalisation.mean`"),
            (
                with("[normalisation]\nstd = [1, 0, 1]"),
                "`normalisation.std`",
            ),
            (
                with("scaling = \"tf\"\n[normalisation]"),
                "`preprocessing.scaling`",
            ),
            ("no toml".to_owned(), "m.toml"),
        ];
        for (text, expected) in cases {
            let error = Description::parse(&text, Path::new("m.toml")).unwrap_err();
            assert!(error.to_string().contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn each_channel_has_its_own_mean_and_deviation() {
        let normalisation = Normalisation {
            times: 2.0,
            mean: vec![1.0, 0.0, 0.5],
            std: vec![2.0],
        };
        let mut values = vec![1.0; 2 * 3 * 2];
        normalisation.apply(&mut values, 3, 2);
        let film = [0.5, 0.5, 1.0, 1.0, 0.75, 0.75];
        assert_eq!(values, [film, film].concat());
    }
}
