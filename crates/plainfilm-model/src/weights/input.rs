//! What a Keras model does to pixel values before its first convolution: EfficientNet begins with
//! `Rescaling(1/255)`, `Normalization` and, with ImageNet's weights, a `Rescaling` for each channel
//! (Keras 3.15, `applications/efficientnet.py`).

use super::error::{Problem, refused};
use super::formats::{Dialect, WeightsFile};
use super::naming::{InputStatistic, Place};
use crate::networks::NamedTensor;
use plainfilm_film::radiograph::Scaling;

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

#[cfg(test)]
mod tests {
    use super::super::formats::{Entry, KerasConfig, ReadTensor};
    use super::*;

    struct Values(Vec<Vec<f32>>);

    impl ReadTensor for Values {
        fn read(&mut self, index: usize) -> Result<Vec<f32>, Problem> {
            Ok(self.0[index].clone())
        }
    }

    fn file(mean: &[f32], variance: &[f32], config: KerasConfig) -> WeightsFile {
        let entry = |name: &str, values: &[f32]| Entry {
            name: format!("normalization/{name}"),
            shape: vec![values.len()],
        };
        WeightsFile {
            format: "Keras HDF5",
            dialect: Dialect::Keras(config),
            entries: vec![entry("mean", mean), entry("variance", variance)],
            tensors: Box::new(Values(vec![mean.to_vec(), variance.to_vec()])),
        }
    }

    const PLACES: [Place; 2] = [
        Place::Input(InputStatistic::Mean),
        Place::Input(InputStatistic::Variance),
    ];
    const IMAGE_NET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    const IMAGE_NET_VARIANCE: [f32; 3] = [0.052_441, 0.050_176, 0.050_625];

    #[test]
    fn first_layers_are_followed_or_refused() {
        let silent = KerasConfig::default;
        let said = |channel_scale| KerasConfig {
            known: true,
            channel_scale,
            ..KerasConfig::default()
        };
        let twos = said(Some(vec![2.0; 3]));
        let of_image_net: Vec<f32> = IMAGE_NET
            .map(|(_, deviation)| 1.0 / deviation.sqrt())
            .into();
        for (mean, variance, config, scaling, factors) in [
            // A file of weights does not say what its model multiplies by: Keras' own factors.
            (
                IMAGE_NET_MEAN,
                IMAGE_NET_VARIANCE,
                silent(),
                Scaling::ImageNet,
                Some(of_image_net),
            ),
            (
                IMAGE_NET_MEAN,
                IMAGE_NET_VARIANCE,
                said(None),
                Scaling::ImageNet,
                None,
            ),
            (
                IMAGE_NET_MEAN,
                IMAGE_NET_VARIANCE,
                twos,
                Scaling::ImageNet,
                Some(vec![2.0; 3]),
            ),
            ([0.0; 3], [1.0; 3], silent(), Scaling::Unit, None),
        ] {
            let read = InputScaling::read(&mut file(&mean, &variance, config), &PLACES);
            assert_eq!(read.unwrap(), Some(InputScaling { scaling, factors }));
        }
        for (mean, variance, config, reason) in [
            (
                &[0.5; 3][..],
                &[1.0; 3][..],
                silent(),
                "only ImageNet's, or none",
            ),
            (
                &[0.0],
                &[1.0],
                silent(),
                "expected one value for each of 3 channels",
            ),
            (
                &[0.0; 3],
                &[1.0; 3],
                said(Some(vec![1.0])),
                "other than 3 channels",
            ),
        ] {
            let error = InputScaling::read(&mut file(mean, variance, config), &PLACES).unwrap_err();
            let error = error.at(std::path::Path::new("b0.h5")).to_string();
            assert!(error.contains(reason), "{error}");
        }
        let none = InputScaling::read(&mut file(&[], &[], silent()), &[Place::Unknown]);
        assert_eq!(none.unwrap(), None);
    }

    #[test]
    fn factors_multiply_each_input_channel_of_the_first_convolution() {
        let scaling = InputScaling {
            scaling: Scaling::ImageNet,
            factors: Some(vec![1.0, 10.0, 100.0]),
        };
        // Two kernels of 3 channels and 1x2 places.
        let mut tensors = [NamedTensor {
            name: "features.0.0.weight".into(),
            shape: vec![2, 3, 1, 2],
            values: (1..=12_u8).map(f32::from).collect(),
        }];
        assert!(scaling.fold(&mut tensors).is_some());
        let expected = [
            1.0, 2.0, 30.0, 40.0, 500.0, 600.0, 7.0, 8.0, 90.0, 100.0, 1100.0, 1200.0,
        ];
        assert_eq!(tensors[0].values, expected);
    }
}
