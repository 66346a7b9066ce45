//! What a Keras model does to pixel values before its first convolution: EfficientNet begins with
//! `Rescaling(1/255)`, `Normalization` and, with ImageNet's weights, a `Rescaling` for each channel
//! (Keras 3.15, `applications/efficientnet.py`).

use super::error::{Problem, refused};
use super::formats::{Dialect, WeightsFile};
use super::naming::{InputStatistic, Place};
use crate::model::NamedTensor;
use crate::radiograph::Scaling;

/// ImageNet's channel means and standard deviations, of values from 0 to 1.
const IMAGE_NET: [(f32, f32); 3] = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)];
/// How far a statistic may be from a known one; files hold them as 32-bit floats.
const TOLERANCE: f32 = 1e-5;

/// The first layers of a model as a scaling that is known here, and a factor for each channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct InputScaling {
    pub scaling: Scaling,
    /// What the first convolution's weights are multiplied by, for each channel that it reads.
    factors: Option<Vec<f32>>,
}

impl InputScaling {
    /// What the file's statistics amount to; nothing where it has none.
    ///
    /// # Errors
    ///
    /// When they cannot be read, or are neither ImageNet's nor those of a layer that changes nothing.
    pub fn read(file: &mut WeightsFile, places: &[Place]) -> Result<Option<Self>, Problem> {
        let position = |statistic| {
            places
                .iter()
                .position(|place| *place == Place::Input(statistic))
        };
        let (Some(mean), Some(variance)) = (
            position(InputStatistic::Mean),
            position(InputStatistic::Variance),
        ) else {
            return Ok(None);
        };
        // A wrong shape is refused before it is read.
        for index in [mean, variance] {
            let entry = &file.entries[index];
            if entry.shape.iter().product::<usize>() != IMAGE_NET.len() {
                return Err(refused(format!(
                    "`{}` has the shape {:?}, expected one value for each of 3 channels",
                    entry.name, entry.shape
                )));
            }
        }
        let (mean, variance) = (file.tensors.read(mean)?, file.tensors.read(variance)?);
        let near = |known: [(f32, f32); 3]| {
            known.iter().zip(mean.iter().zip(&variance)).all(
                |((mean, deviation), (found_mean, found_variance))| {
                    (mean - found_mean).abs() < TOLERANCE
                        && (deviation * deviation - found_variance).abs() < TOLERANCE
                },
            )
        };
        let scaling = if near(IMAGE_NET) {
            Scaling::ImageNet
        } else if near([(0.0, 1.0); 3]) {
            Scaling::Unit
        } else {
            return Err(refused(format!(
                "the model scales its input by means {mean:?} and variances {variance:?}; only \
                 ImageNet's, or none, can be followed here"
            )));
        };
        let factors = match &file.dialect {
            Dialect::Keras(config) if config.known => config
                .channel_scale
                .as_ref()
                .map(|factors| factors.iter().map(|&factor| factor as f32).collect()),
            // A file of weights alone does not say; Keras builds the layer with ImageNet's weights.
            _ if scaling == Scaling::ImageNet => Some(
                IMAGE_NET
                    .iter()
                    .map(|(_, deviation)| 1.0 / deviation.sqrt())
                    .collect(),
            ),
            _ => None,
        };
        if factors
            .as_ref()
            .is_some_and(|factors: &Vec<f32>| factors.len() != IMAGE_NET.len())
        {
            return Err(refused(
                "the model multiplies other than 3 channels".to_owned(),
            ));
        }
        Ok(Some(Self { scaling, factors }))
    }

    /// Multiplies the first convolution's weights; says what it did. The maps are padded with zeros
    /// after the multiplication, so this is the same.
    pub fn fold(&self, tensors: &mut [NamedTensor]) -> Option<String> {
        let factors = self.factors.as_ref()?;
        let first = tensors.first_mut()?;
        let &[_, inputs, rows, columns] = first.shape.as_slice() else {
            return None;
        };
        if inputs != factors.len() {
            return None;
        }
        for (kernel, factor) in first
            .values
            .chunks_mut(rows * columns)
            .zip(factors.iter().cycle())
        {
            kernel.iter_mut().for_each(|value| *value *= factor);
        }
        Some(format!(
            "{}: input channels multiplied by {factors:?}, as a layer of the model does",
            first.name
        ))
    }
}
