//! From a film of any size to the tensor that a network is shown.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::field;
use super::histogram::{Histogram, clahe, equalise};
use super::options::{Field, Fit, Inversion, Scaling};
use super::resample::{Area, Resampling, pad, resize};
use super::{LungBox, LungFinder, Placement, Plane, Radiograph};

/// Largest [`Preprocessing::size`] that [`Preprocessing::check`] accepts, in pixels.
const MAX_SIZE: usize = 4096;

/// Largest [`Preprocessing::strip_borders`], in percent: a fifth of each side is left.
const MAX_STRIPPED: u8 = 40;

/// Margin around the lungs of [`Fit::Lungs`], as a share of their box: the boundaries of the segmenter are
/// some pixels off, and the edge of the lung is where effusions are.
const LUNG_MARGIN: f32 = 0.1;

/// Mean and standard deviation of ImageNet's red, green and blue channels, on a scale of 0 to 1;
/// the figures that torchvision's pretrained networks are documented with.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_SD: [f32; 3] = [0.229, 0.224, 0.225];

/// Mean of ImageNet's red, green and blue channels on a scale of 0 to 255, as Caffe's VGG networks
/// and Keras' `preprocess_input` in mode `caffe` subtract it.
const CAFFE_MEAN: [f32; 3] = [123.68, 116.779, 103.939];

/// Everything between a decoded film and a network's input. It travels in the model file, so that
/// prediction repeats what training did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocessing {
    /// How the film becomes a square.
    pub fit: Fit,
    /// Columns and rows of the square, in pixels.
    pub size: usize,
    /// Channels of the tensor; the grey plane is repeated in each.
    pub channels: usize,
    /// How pixels between pixels are found.
    pub resampling: Resampling,
    /// What happens to grey levels before they are scaled. Left out of files where nothing does, as
    /// it was before it existed.
    #[serde(skip_serializing_if = "is_default")]
    pub histogram: Histogram,
    /// How values are scaled at the end.
    pub scaling: Scaling,
    /// Whether black and white change places.
    pub inversion: Inversion,
    /// Which part of the film is fitted. New trainings take the exposed field; in files from before it could be
    /// told, where it is left out, and wherever nothing else is said, it is the whole film.
    #[serde(skip_serializing_if = "is_default")]
    pub field: Field,
    /// Percent of the width cut off left and right, and of the height above and below, before the film
    /// is fitted; 0 to 40. Markers, collimator edges and scanner frames go with it. Left out of files
    /// where it is 0, as it was before it existed.
    #[serde(skip_serializing_if = "is_default")]
    pub strip_borders: u8,
}

fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

impl Default for Preprocessing {
    /// Crop, 224 pixels, 3 channels, bilinear, 0..=1, as stored.
    fn default() -> Self {
        Self {
            fit: Fit::default(),
            size: 224,
            channels: 3,
            resampling: Resampling::default(),
            histogram: Histogram::default(),
            scaling: Scaling::default(),
            inversion: Inversion::default(),
            field: Field::default(),
            strip_borders: 0,
        }
    }
}

/// A setting outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("preprocessing {setting}: expected {expected}, found {found}")]
pub struct PreprocessingError {
    /// Which setting.
    pub setting: &'static str,
    /// Its range.
    pub expected: String,
    /// What it was.
    pub found: usize,
}

impl Preprocessing {
    /// Checks settings that came from outside.
    ///
    /// # Errors
    ///
    /// When `size` is not within 1 to 4096, `channels` is not 1 or 3, or `strip_borders` is above 40.
    pub fn check(&self) -> Result<(), PreprocessingError> {
        if !(1..=MAX_SIZE).contains(&self.size) {
            return Err(PreprocessingError {
                setting: "size",
                expected: format!("1 to {MAX_SIZE} pixels"),
                found: self.size,
            });
        }
        if !matches!(self.channels, 1 | 3) {
            return Err(PreprocessingError {
                setting: "channels",
                expected: "1 or 3".to_owned(),
                found: self.channels,
            });
        }
        if self.strip_borders > MAX_STRIPPED {
            return Err(PreprocessingError {
                setting: "strip_borders",
                expected: format!("0 to {MAX_STRIPPED} percent of each side"),
                found: usize::from(self.strip_borders),
            });
        }
        Ok(())
    }

    /// Fits and resizes a film, and inverts it if asked. Values are fractions of the film's full
    /// scale, `2^bit_depth - 1`. A film without pixels gives a black plane.
    ///
    /// `crop` cuts first and resizes then, so nothing outside the square bleeds in; `letterbox`
    /// rounds the shorter side to whole pixels and leaves the odd bar pixel at the right or
    /// bottom.
    pub fn plane(&self, film: &Radiograph, lungs: &dyn LungFinder) -> Plane {
        match self.placement(film, lungs) {
            Some(placement) => self.plane_at(film, &placement),
            None => Plane {
                size: self.size,
                values: vec![0.0; self.size * self.size],
            },
        }
    }

    /// The part of a film that the network is shown, and where its pixels lie on the film; `None`
    /// for a film without pixels.
    pub fn placement(&self, film: &Radiograph, lungs: &dyn LungFinder) -> Option<Placement> {
        let size = self.size;
        let (width, height) = (film.width as usize, film.height as usize);
        if size == 0 || width == 0 || height == 0 || film.pixels.len() < width * height {
            return None;
        }
        let everything = Area {
            left: 0,
            top: 0,
            width,
            height,
        };
        let whole = if self.seeks_field() {
            self.stripped(field::exposed(film))
        } else {
            self.stripped(everything)
        };
        let (area, columns, rows) = match self.fit {
            Fit::Crop => (middle_square(whole), size, size),
            Fit::Lungs => {
                // Lungs need no help from a field that may be the wrong one.
                let around = self.stripped(everything);
                let lungs = lungs.lung_box(film, self.inversion).and_then(|found| {
                    within(found.with_margin(LUNG_MARGIN), width, height, around)
                });
                (lungs.unwrap_or(middle_square(whole)), size, size)
            }
            Fit::Letterbox => {
                let ratio = size as f64 / whole.width.max(whole.height) as f64;
                let scaled =
                    |length: usize| ((length as f64 * ratio).round() as usize).clamp(1, size);
                (whole, scaled(whole.width), scaled(whole.height))
            }
            Fit::Squash => (whole, size, size),
        };
        Some(Placement {
            film: [width, height],
            area: [area.left, area.top, area.width, area.height],
            filled: [(size - columns) / 2, (size - rows) / 2, columns, rows],
            size,
        })
    }

    /// [`Self::plane`], where [`Self::placement`] of the film is known already.
    pub fn plane_at(&self, film: &Radiograph, placement: &Placement) -> Plane {
        let size = self.size;
        let [left, top, width, height] = placement.area;
        let [_, _, columns, rows] = placement.filled;
        let full = if film.bit_depth == 16 { u16::MAX } else { 255 };
        let mut values = resize(
            &film.pixels,
            placement.film[0],
            Area {
                left,
                top,
                width,
                height,
            },
            full,
            (columns, rows),
            self.resampling,
        );
        if self.inversion == Inversion::Invert {
            for value in &mut values {
                *value = 1.0 - *value;
            }
        }
        Plane {
            size,
            values: pad(values, columns, rows, size),
        }
    }

    /// The plane with its grey levels as [`Self::histogram`] wants them.
    fn standardised<'a>(&self, plane: &'a Plane) -> Cow<'a, Plane> {
        let mut plane = Cow::Borrowed(plane);
        match self.histogram {
            Histogram::Stored => {}
            Histogram::Equalised => equalise(&mut plane.to_mut().values),
            Histogram::Clahe => clahe(plane.to_mut()),
        }
        plane
    }

    /// Whether the exposed field is looked for.
    fn seeks_field(&self) -> bool {
        self.field == Field::Exposed && self.fit != Fit::Squash
    }

    /// What is left of an area once its borders are cut off; one pixel at least.
    fn stripped(&self, whole: Area) -> Area {
        let margin = |length: usize| {
            let cut = (length as f64 * f64::from(self.strip_borders) / 100.0).round() as usize;
            cut.min((length - 1) / 2)
        };
        let (left, top) = (margin(whole.width), margin(whole.height));
        Area {
            left: whole.left + left,
            top: whole.top + top,
            width: whole.width - 2 * left,
            height: whole.height - 2 * top,
        }
    }

    /// Length of one film's tensor, `channels * size * size`.
    pub fn tensor_len(&self) -> usize {
        self.channels * self.size * self.size
    }

    /// Scales planes: `[planes, channels, size, size]`.
    ///
    /// # Panics
    ///
    /// When a plane is not `size` x `size`: a mistake of the caller, not of the data.
    #[must_use]
    pub fn tensors(&self, planes: &[Plane]) -> Vec<f32> {
        let length = self.tensor_len();
        let mut pixels = vec![0.0; planes.len() * length];
        if length > 0 {
            for (plane, target) in planes.iter().zip(pixels.chunks_exact_mut(length)) {
                self.write_tensor(plane, target);
            }
        }
        pixels
    }

    /// Scales a plane and writes it to `out` as `[channels, size, size]`.
    ///
    /// # Panics
    ///
    /// When `out` is not [`Self::tensor_len`] long or `plane` is not `size` x `size`; both are
    /// mistakes of the caller, not of the data.
    pub fn write_tensor(&self, plane: &Plane, out: &mut [f32]) {
        let area = self.size * self.size;
        assert_eq!(plane.values.len(), area, "plane and settings agree in size");
        assert_eq!(out.len(), self.tensor_len(), "room for exactly one tensor");
        if area == 0 {
            return;
        }
        let standardised = self.standardised(plane);
        let values = &standardised.values;
        for (channel, target) in out.chunks_exact_mut(area).enumerate() {
            let figure = |figures: [f32; 3]| figure_of(figures, channel, self.channels);
            match self.scaling {
                _ if channel > 0 && !self.scaling.is_per_channel() => break,
                Scaling::Unit => target.copy_from_slice(values),
                Scaling::Percentile => {
                    let (low, high) = percentiles(values);
                    let span = high - low;
                    let factor = if span > 0.0 { 1.0 / span } else { 0.0 };
                    for (out, value) in target.iter_mut().zip(values) {
                        *out = ((value - low) * factor).clamp(0.0, 1.0);
                    }
                }
                Scaling::ZScore => {
                    let (mean, sd) = moments(values);
                    let factor = if sd > 0.0 { 1.0 / sd } else { 0.0 };
                    for (out, value) in target.iter_mut().zip(values) {
                        *out = ((f64::from(*value) - mean) * factor) as f32;
                    }
                }
                Scaling::Tf => {
                    for (out, value) in target.iter_mut().zip(values) {
                        *out = value * 2.0 - 1.0;
                    }
                }
                Scaling::Caffe => {
                    let mean = figure(CAFFE_MEAN);
                    for (out, value) in target.iter_mut().zip(values) {
                        *out = value * 255.0 - mean;
                    }
                }
                Scaling::XRayVision => {
                    for (out, value) in target.iter_mut().zip(values) {
                        *out = (2.0 * value - 1.0) * 1024.0;
                    }
                }
                Scaling::ImageNet => {
                    let (mean, sd) = (figure(IMAGENET_MEAN), figure(IMAGENET_SD));
                    for (out, value) in target.iter_mut().zip(values) {
                        *out = (value - mean) / sd;
                    }
                }
            }
        }
        if !self.scaling.is_per_channel() {
            let (first, others) = out.split_at_mut(area);
            for channel in others.chunks_exact_mut(area) {
                channel.copy_from_slice(first);
            }
        }
    }
}

impl Scaling {
    /// What it does to each channel's grey levels of 0 to 1, as a factor and a shift; none where that depends on
    /// the film.
    #[must_use]
    pub fn affine(self, channels: usize) -> Option<Vec<(f32, f32)>> {
        let of_channel = |channel: usize| -> Option<(f32, f32)> {
            let figure = |figures: [f32; 3]| figure_of(figures, channel, channels);
            match self {
                Self::Unit => Some((1.0, 0.0)),
                Self::Tf => Some((2.0, -1.0)),
                Self::XRayVision => Some((2048.0, -1024.0)),
                Self::Caffe => Some((255.0, -figure(CAFFE_MEAN))),
                Self::ImageNet => {
                    let (mean, sd) = (figure(IMAGENET_MEAN), figure(IMAGENET_SD));
                    Some((1.0 / sd, -mean / sd))
                }
                Self::Percentile | Self::ZScore => None,
            }
        };
        (0..channels).map(of_channel).collect()
    }
}

/// A channel's own figure of three; the mean of them all where there are not three channels.
fn figure_of(figures: [f32; 3], channel: usize, channels: usize) -> f32 {
    match channels {
        3 => figures[channel],
        _ => figures.iter().sum::<f32>() / 3.0,
    }
}

impl fmt::Display for Preprocessing {
    /// One line, such as `crop to 224x224x3, bilinear, unit`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fit,
            size,
            channels,
            resampling,
            histogram,
            scaling,
            inversion,
            field: _,
            strip_borders,
        } = self;
        if self.seeks_field() {
            f.write_str("exposed field, ")?;
        }
        if *strip_borders > 0 {
            write!(f, "borders of {strip_borders} % stripped, ")?;
        }
        write!(
            f,
            "{fit} to {size}x{size}x{channels}, {resampling}, {scaling}"
        )?;
        if *histogram != Histogram::Stored {
            write!(f, ", histogram {histogram}")?;
        }
        if *inversion == Inversion::Invert {
            f.write_str(", inverted")?;
        }
        Ok(())
    }
}

/// The largest square in the middle of an area.
fn middle_square(whole: Area) -> Area {
    let side = whole.width.min(whole.height);
    Area {
        left: whole.left + (whole.width - side) / 2,
        top: whole.top + (whole.height - side) / 2,
        width: side,
        height: side,
    }
}

/// What a box on a film of `width` x `height` pixels shares with an area of it; `None` for nothing.
fn within(found: LungBox, width: usize, height: usize, whole: Area) -> Option<Area> {
    let pixel = |place: f32, length: usize| (f64::from(place) * length as f64).round() as usize;
    let left = pixel(found.left, width).max(whole.left);
    let right = pixel(found.right, width).min(whole.left + whole.width);
    let top = pixel(found.top, height).max(whole.top);
    let bottom = pixel(found.bottom, height).min(whole.top + whole.height);
    (left < right && top < bottom).then(|| Area {
        left,
        top,
        width: right - left,
        height: bottom - top,
    })
}

/// The 1st and 99th percentile of at least one value, linear between the two nearest ranks.
fn percentiles(values: &[f32]) -> (f32, f32) {
    let mut values = values.to_vec();
    let mut at = |fraction: f64| {
        let rank = fraction * (values.len() - 1) as f64;
        let below = rank as usize;
        let (_, &mut low, above) = values.select_nth_unstable_by(below, f32::total_cmp);
        let high = above.iter().copied().fold(f32::INFINITY, f32::min);
        let part = (rank - below as f64) as f32;
        if high.is_finite() {
            low + (high - low) * part
        } else {
            low
        }
    };
    (at(0.01), at(0.99))
}

/// Mean and population standard deviation, in double precision. The standard deviation of a
/// constant film is exactly 0.
fn moments(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let first = f64::from(values[0]);
    // Differences from the first value vanish exactly when all are equal.
    let mean = first
        + values
            .iter()
            .map(|&value| f64::from(value) - first)
            .sum::<f64>()
            / count;
    let variance = values
        .iter()
        .map(|&value| (f64::from(value) - mean).powi(2))
        .sum::<f64>()
        / count;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::NoLungs;
    use super::*;
    use crate::radiograph::Provenance;

    fn film(width: u32, height: u32, bit_depth: u8, pixels: Vec<u16>) -> Radiograph {
        Radiograph {
            width,
            height,
            bit_depth,
            pixels,
            provenance: Provenance {
                name: "film".to_owned(),
                format: "png".to_owned(),
                colour: "grey 8-bit".to_owned(),
                orientation: 1,
                synthetic: false,
                coloured_pixels: 0,
                used_bits: 8,
            },
        }
    }

    fn nearest(fit: Fit, size: usize) -> Preprocessing {
        Preprocessing {
            fit,
            size,
            resampling: Resampling::Nearest,
            ..Preprocessing::default()
        }
    }

    #[test]
    fn fits_differ_in_what_they_keep() {
        let wide = film(4, 2, 8, vec![0, 51, 102, 153, 0, 51, 102, 153]);
        let cases = [
            (Fit::Crop, [0.2, 0.4, 0.2, 0.4]),
            (Fit::Squash, [0.2, 0.6, 0.2, 0.6]),
            (Fit::Letterbox, [0.2, 0.6, 0.0, 0.0]),
        ];
        for (fit, expected) in cases {
            assert_eq!(
                nearest(fit, 2).plane(&wide, &NoLungs).values,
                expected,
                "{fit}"
            );
        }
    }

    #[test]
    fn a_scaling_as_factor_and_shift_is_the_one_that_tensors_get() {
        for channels in [1, 3] {
            for &scaling in Scaling::ALL {
                let Some(steps) = scaling.affine(channels) else {
                    assert!(matches!(scaling, Scaling::Percentile | Scaling::ZScore));
                    continue;
                };
                let settings = Preprocessing {
                    size: 2,
                    channels,
                    scaling,
                    ..Preprocessing::default()
                };
                let values = vec![0.0, 0.25, 0.5, 1.0];
                let mut tensor = vec![0.0; settings.tensor_len()];
                let plane = Plane { size: 2, values };
                settings.write_tensor(&plane, &mut tensor);
                for (found, (factor, shift)) in tensor.chunks_exact(4).zip(steps) {
                    for (found, value) in found.iter().zip(&plane.values) {
                        let expected = value * factor + shift;
                        let difference = (found - expected).abs();
                        assert!(difference <= 1e-5 * factor, "{scaling}: {found} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn borders_are_cut_off_before_the_film_is_fitted() {
        // Columns 0 to 9 in rows of ten; 20 % leaves columns 2 to 7 and rows 1 to 3.
        let ramp = film(10, 5, 8, (0..50).map(|pixel| pixel % 10 * 25).collect());
        let stripped = |fit, percent| {
            let settings = Preprocessing {
                strip_borders: percent,
                ..nearest(fit, 3)
            };
            settings.plane(&ramp, &NoLungs).values[..3]
                .iter()
                .map(|value| (value * 255.0 / 25.0).round() as u32)
                .collect::<Vec<u32>>()
        };
        assert_eq!(stripped(Fit::Squash, 20), [3, 5, 7]);
        assert_eq!(stripped(Fit::Crop, 20), [3, 4, 5]);
        assert_eq!(stripped(Fit::Squash, 0), [1, 5, 8]);
        let dot = Preprocessing {
            strip_borders: 40,
            ..nearest(Fit::Crop, 1)
        };
        assert_eq!(dot.plane(&film(1, 1, 8, vec![51]), &NoLungs).values, [0.2]);
        let too_much = Preprocessing {
            strip_borders: 41,
            ..Preprocessing::default()
        };
        assert!(too_much.check().is_err());
    }

    #[test]
    fn files_from_before_borders_could_be_cut_off_read_and_write_alike() {
        let text = serde_json::to_string(&Preprocessing::default()).unwrap();
        assert!(!text.contains("strip") && !text.contains("field"), "{text}");
        let read: Preprocessing = serde_json::from_str(&text).unwrap();
        assert_eq!((read.strip_borders, read.field), (0, Field::Whole));
        let settings = Preprocessing {
            strip_borders: 8,
            field: Field::Exposed,
            ..Preprocessing::default()
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(
            serde_json::from_str::<Preprocessing>(&text).unwrap(),
            settings
        );
        assert!(
            settings
                .to_string()
                .starts_with("exposed field, borders of 8 % stripped, ")
        );
    }

    #[test]
    fn values_are_exact_fractions_of_full_scale() {
        let every: Vec<u16> = (0..=255).collect();
        let values = nearest(Fit::Squash, 16)
            .plane(&film(16, 16, 8, every.clone()), &NoLungs)
            .values;
        for (value, pixel) in values.iter().zip(every) {
            assert_eq!(*value, f32::from(pixel) / 255.0);
        }
        let deep = nearest(Fit::Squash, 1).plane(&film(1, 1, 16, vec![12_345]), &NoLungs);
        assert_eq!(deep.values, [12_345.0 / 65_535.0]);
    }

    #[test]
    fn inversion_leaves_the_bars_black() {
        let settings = Preprocessing {
            inversion: Inversion::Invert,
            ..nearest(Fit::Letterbox, 2)
        };
        let plane = settings.plane(&film(4, 2, 8, vec![255; 8]), &NoLungs);
        assert_eq!(plane.values, [0.0; 4]);
        let plane = settings.plane(&film(4, 2, 8, vec![0; 8]), &NoLungs);
        assert_eq!(plane.values, [1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn extreme_aspect_ratios_and_empty_films_give_whole_planes() {
        for fit in Fit::ALL {
            let settings = Preprocessing {
                fit: *fit,
                size: 8,
                ..Preprocessing::default()
            };
            for (width, height) in [(1, 1), (1000, 1), (1, 1000), (0, 0)] {
                let pixels = vec![255; (width * height) as usize];
                let plane = settings.plane(&film(width, height, 8, pixels), &NoLungs);
                assert_eq!(plane.values.len(), 64, "{fit} {width}x{height}");
            }
        }
    }

    fn scaled(scaling: Scaling, channels: usize, values: Vec<f32>) -> Vec<f32> {
        let size = values.len().isqrt();
        let settings = Preprocessing {
            scaling,
            channels,
            size,
            ..Preprocessing::default()
        };
        let mut out = vec![f32::NAN; settings.tensor_len()];
        settings.write_tensor(&Plane { size, values }, &mut out);
        out
    }

    #[test]
    fn scalings_give_their_documented_values() {
        let ramp: Vec<f32> = (0..100).map(|index| index as f32 / 100.0).collect();
        let percentile = scaled(Scaling::Percentile, 1, ramp.clone());
        // numpy.percentile(ramp, [1, 99]) is [0.0099, 0.9801].
        assert!((percentile[50] - (0.5 - 0.0099) / (0.9801 - 0.0099)).abs() < 1e-6);
        assert_eq!((percentile[0], percentile[99]), (0.0, 1.0));

        let zscore = scaled(Scaling::ZScore, 1, ramp);
        let (mean, sd) = moments(&zscore);
        assert!(mean.abs() < 1e-6 && (sd - 1.0).abs() < 1e-6);

        let three = scaled(Scaling::ImageNet, 3, vec![0.5]);
        for (value, expected) in three.iter().zip([0.065_502_18, 0.196_428_57, 0.417_777_8]) {
            assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        }
        // Red, green and blue each less their own mean, on a scale of 0 to 255.
        let caffe = scaled(Scaling::Caffe, 3, vec![0.6]);
        for (found, expected) in
            caffe
                .iter()
                .zip([153.0 - 123.68, 153.0 - 116.779, 153.0 - 103.939])
        {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
        assert_eq!(scaled(Scaling::Tf, 3, vec![0.75]), [0.5; 3]);
        let one = scaled(Scaling::ImageNet, 1, vec![0.449]);
        assert!(one[0].abs() < 1e-6);
        assert_eq!(scaled(Scaling::Unit, 3, vec![0.25]), [0.25; 3]);
        let ends = scaled(Scaling::XRayVision, 1, vec![0.0, 0.75, 1.0, 0.5]);
        assert_eq!(ends, [-1024.0, 512.0, 1024.0, 0.0]);
    }

    #[test]
    fn constant_films_scale_to_zero() {
        for scaling in [Scaling::Percentile, Scaling::ZScore] {
            assert_eq!(scaled(scaling, 3, vec![0.1; 9]), [0.0; 27], "{scaling}");
        }
    }

    #[test]
    fn names_round_trip_through_text_and_serde() {
        for scaling in Scaling::ALL {
            assert_eq!(scaling.to_string().parse(), Ok(*scaling));
            let json = serde_json::to_string(scaling).expect("a unit variant is a string");
            assert_eq!(json, format!("\"{scaling}\""));
        }
        for resampling in Resampling::ALL {
            let json = serde_json::to_string(resampling).expect("a unit variant is a string");
            assert_eq!(json, format!("\"{resampling}\""));
        }
        let error = "stretch".parse::<Fit>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected one of crop, letterbox, squash, lungs, found `stretch`"
        );
    }

    #[test]
    fn a_lung_box_is_cut_to_what_the_borders_leave() {
        let whole = Area {
            left: 10,
            top: 0,
            width: 180,
            height: 100,
        };
        let found = |left, top, right, bottom| LungBox {
            left,
            top,
            right,
            bottom,
        };
        let area =
            |found| within(found, 200, 100, whole).map(|a| [a.left, a.top, a.width, a.height]);
        assert_eq!(area(found(0.25, 0.1, 0.75, 0.9)), Some([50, 10, 100, 80]));
        assert_eq!(area(found(0.0, 0.0, 1.0, 1.0)), Some([10, 0, 180, 100]));
        assert_eq!(area(found(0.0, 0.2, 0.05, 0.8)), None);
    }

    #[test]
    fn the_histogram_is_standardised_before_scaling() {
        let settings = Preprocessing {
            size: 2,
            channels: 1,
            histogram: Histogram::Equalised,
            scaling: Scaling::Tf,
            ..Preprocessing::default()
        };
        let plane = Plane {
            size: 2,
            values: vec![0.2, 0.9, 0.2, 0.5],
        };
        let mut out = [0.0; 4];
        settings.write_tensor(&plane, &mut out);
        assert_eq!(out, [-0.5, 0.75, -0.5, 0.25]);
        let stored = serde_json::to_string(&Preprocessing::default()).unwrap();
        assert!(!stored.contains("histogram"), "{stored}");
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        assert_eq!(Preprocessing::default().check(), Ok(()));
        for (size, channels) in [(0, 3), (5000, 3), (224, 0), (224, 2)] {
            let settings = Preprocessing {
                size,
                channels,
                ..Preprocessing::default()
            };
            assert!(settings.check().is_err(), "{size} {channels}");
        }
        assert!(serde_json::from_str::<Preprocessing>(r#"{"sice": 224}"#).is_err());
        assert_eq!(
            Preprocessing::default().to_string(),
            "crop to 224x224x3, bilinear, unit"
        );
    }
}
