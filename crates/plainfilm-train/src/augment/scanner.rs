//! Domain randomisation: the same chest as another apparatus, another viewer and another file would
//! show it.
//!
//! A network that has seen one hospital learns its sharpness, noise, windowing, compression and
//! lead markers, because they give the label away. Changed at random on every film of every label,
//! they give nothing away (Tobin et al. 2017 for the idea; Zhang et al. 2020, "Generalizing deep
//! learning for medical image segmentation to unseen domains via deep stacked transformation", for
//! stacking such changes on medical images).

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{AugmentationError, file, markers, tone};
use plainfilm_film::radiograph::Plane;

/// How far one film may be changed. 0 turns a change off; each that is on happens to a film with
/// [`Self::probability`], at a strength drawn uniformly from its range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scanner {
    /// Probability of each change, 0 to 1.
    pub probability: f32,
    /// Exponent of the values within `1 / (1 + g)` to `1 + g`, uniform in its logarithm; 0 to 4.
    pub gamma: f32,
    /// Share of the film's darkest and, drawn apart, brightest pixels that are clipped before the
    /// rest is stretched to black and white; 0 to 0.4.
    pub window: f32,
    /// Greatest weight of the film's histogram-equalised self in a mixture with it; 0 to 1.
    pub equalisation: f32,
    /// Greatest standard deviation of Gaussian noise, as a fraction of full scale; 0 to 0.5.
    pub noise: f32,
    /// Greatest standard deviation of a Gaussian blur in pixels of a film 224 pixels wide; 0 to 10.
    pub blur: f32,
    /// Greatest share of the difference from its blurred self that is added to a film (unsharp
    /// mask); 0 to 4.
    pub sharpening: f32,
    /// Greatest share of a film's side that is lost when it is shrunk and enlarged again, each with
    /// a filter drawn from four; 0 to 0.9.
    pub resizing: f32,
    /// How far JPEG's quality may fall below 100; 0 to 95.
    pub jpeg: u8,
    /// Probability of letters or bars in each corner, instead of [`Self::probability`]; 0 to 1.
    pub markers: f32,
    /// Greatest ratio of a film's stretch along one axis to that along the other, less 1, either
    /// way; 0 to 1.
    pub aspect: f32,
    /// Greatest width of a black or white frame, as a fraction of the side, drawn for each side; 0
    /// to 0.3.
    pub frame: f32,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::NONE
    }
}

impl Scanner {
    /// The film as it is.
    pub const NONE: Self = Self {
        probability: 0.5,
        gamma: 0.0,
        window: 0.0,
        equalisation: 0.0,
        noise: 0.0,
        blur: 0.0,
        sharpening: 0.0,
        resizing: 0.0,
        jpeg: 0,
        markers: 0.0,
        aspect: 0.0,
        frame: 0.0,
    };

    /// Everything, about as far as films of different hospitals differ by eye.
    pub const STRONG: Self = Self {
        probability: 0.6,
        gamma: 1.0,
        window: 0.06,
        equalisation: 1.0,
        noise: 0.05,
        blur: 1.5,
        sharpening: 1.5,
        resizing: 0.6,
        jpeg: 80,
        markers: 0.35,
        aspect: 0.25,
        frame: 0.08,
    };

    /// Whether every film stays as it is.
    pub fn is_none(&self) -> bool {
        Self {
            probability: Self::NONE.probability,
            ..*self
        } == Self::NONE
    }

    /// Checks settings that came from outside.
    ///
    /// # Errors
    ///
    /// Names the first setting that is outside its range.
    pub fn check(&self) -> Result<(), AugmentationError> {
        let ranges = [
            ("scanner.probability", self.probability, 1.0, "0 to 1"),
            ("scanner.gamma", self.gamma, 4.0, "0 to 4"),
            ("scanner.window", self.window, 0.4, "0 to 0.4"),
            ("scanner.equalisation", self.equalisation, 1.0, "0 to 1"),
            ("scanner.noise", self.noise, 0.5, "0 to 0.5"),
            ("scanner.blur", self.blur, 10.0, "0 to 10"),
            ("scanner.sharpening", self.sharpening, 4.0, "0 to 4"),
            ("scanner.resizing", self.resizing, 0.9, "0 to 0.9"),
            ("scanner.jpeg", f32::from(self.jpeg), 95.0, "0 to 95"),
            ("scanner.markers", self.markers, 1.0, "0 to 1"),
            ("scanner.aspect", self.aspect, 1.0, "0 to 1"),
            ("scanner.frame", self.frame, 0.3, "0 to 0.3"),
        ];
        match ranges
            .into_iter()
            .find(|(_, value, most, _)| !(0.0..=*most).contains(value))
        {
            None => Ok(()),
            Some((setting, value, _, expected)) => Err(AugmentationError {
                setting,
                expected,
                found: value.to_string(),
            }),
        }
    }

    /// Draws one change. Always takes the same number of draws, so that turning one change on leaves
    /// the others as they were.
    pub fn draw(&self, rng: &mut impl Rng) -> ScannerChange {
        let mut figure = |least: f32, most: f32| {
            let happens = rng.random::<f32>() < self.probability;
            let drawn = least + (most - least) * rng.random::<f32>();
            happens.then_some(drawn)
        };
        let log_range = |reach: f32| (1.0 + reach).ln();
        let gamma = figure(-log_range(self.gamma), log_range(self.gamma));
        let (dark, bright) = (figure(0.0, self.window), figure(0.0, self.window));
        let equalisation = figure(0.0, self.equalisation);
        let noise = figure(0.0, self.noise);
        let blur = figure(0.0, self.blur);
        let sharpening = figure(0.0, self.sharpening);
        let resizing = figure(0.0, self.resizing);
        let jpeg = figure(0.0, f32::from(self.jpeg));
        let aspect = figure(-log_range(self.aspect), log_range(self.aspect));
        let sides = [0; 4].map(|_| figure(0.0, self.frame));
        ScannerChange {
            gamma: gamma.unwrap_or(0.0).exp(),
            clipped: (dark.unwrap_or(0.0), bright.unwrap_or(0.0)),
            equalisation: equalisation.unwrap_or(0.0),
            noise: noise.unwrap_or(0.0),
            blur: blur.unwrap_or(0.0),
            sharpening: sharpening.unwrap_or(0.0),
            kept: 1.0 - resizing.unwrap_or(0.0),
            quality: jpeg.map_or(100, |lost| 100 - lost.round() as u8),
            markers: self.markers,
            aspect: aspect.unwrap_or(0.0).exp(),
            frame: sides.map(|side| side.unwrap_or(0.0)),
            seed: rng.random(),
        }
    }
}

/// One drawn change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScannerChange {
    /// Exponent of the values; 1 changes nothing.
    pub gamma: f32,
    /// Share of the darkest and of the brightest pixels that are clipped.
    pub clipped: (f32, f32),
    /// Weight of the equalised film.
    pub equalisation: f32,
    /// Standard deviation of the noise, as a fraction of full scale.
    pub noise: f32,
    /// Standard deviation of the blur in pixels of a film 224 wide.
    pub blur: f32,
    /// Weight of the unsharp mask.
    pub sharpening: f32,
    /// Share of the side that is left between shrinking and enlarging; 1 changes nothing.
    pub kept: f32,
    /// JPEG's quality; 100 leaves the film uncompressed.
    pub quality: u8,
    /// Probability of a marker in each corner.
    pub markers: f32,
    /// The stretch, for [`super::Transform::aspect`].
    pub aspect: f32,
    /// Width of the frame at the left, right, top and bottom, as a fraction of the side.
    pub frame: [f32; 4],
    /// Seeds what is drawn for each pixel: noise, the letters of markers, filters.
    pub seed: u64,
}

impl ScannerChange {
    /// Changes a film in the order in which it happens to one: tone and optics in the apparatus,
    /// frame and markers on the film, size and compression in the file. Values stay within 0..=1.
    /// The stretch is no part of it: it is done with the rotation, in one resampling.
    pub fn apply(&self, plane: &mut Plane) {
        if plane.size < 2 {
            return;
        }
        tone::clip(&mut plane.values, self.clipped);
        tone::power(&mut plane.values, self.gamma);
        tone::mix_equalised(&mut plane.values, self.equalisation);
        let pixel = plane.size as f32 / 224.0;
        if self.sharpening > 0.0 {
            // Viewers' edge enhancement has a radius of a millimetre or two.
            tone::sharpen(plane, 1.5 * pixel, self.sharpening);
        }
        if self.blur > 0.0 {
            tone::blur(plane, self.blur * pixel);
        }
        let mut rng = plainfilm_seed::generator(self.seed, "scanner", &[]);
        tone::add_noise(&mut plane.values, self.noise, &mut rng);
        markers::frame(plane, self.frame, &mut rng);
        markers::corners(plane, self.markers, &mut rng);
        file::resize_and_back(plane, self.kept, &mut rng);
        if self.quality < 100 {
            file::through_jpeg(plane, self.quality);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Augmentation;
    use super::*;

    fn film(size: usize) -> Plane {
        let values = (0..size * size)
            .map(|index| {
                let (y, x) = (index / size, index % size);
                (0.2 + 0.5 * (x as f32 / size as f32) + 0.2 * ((y / 4 + x / 4) % 2) as f32).min(1.0)
            })
            .collect();
        Plane { size, values }
    }

    fn rng(seed: u64) -> rand_chacha::ChaCha8Rng {
        plainfilm_seed::generator(seed, "test", &[])
    }

    #[test]
    fn nothing_on_changes_nothing() {
        let mut changed = film(32);
        Scanner::NONE.draw(&mut rng(1)).apply(&mut changed);
        assert_eq!(changed, film(32));
        assert!(Scanner::NONE.is_none() && !Scanner::STRONG.is_none());
    }

    #[test]
    fn each_change_alone_changes_the_film_and_keeps_its_range() {
        let on = |scanner: Scanner| Scanner {
            probability: 1.0,
            ..scanner
        };
        let none = Scanner::NONE;
        let strong = Scanner::STRONG;
        let changes = [
            (
                "gamma",
                on(Scanner {
                    gamma: strong.gamma,
                    ..none
                }),
            ),
            (
                "window",
                on(Scanner {
                    window: strong.window,
                    ..none
                }),
            ),
            (
                "equalisation",
                on(Scanner {
                    equalisation: 1.0,
                    ..none
                }),
            ),
            (
                "noise",
                on(Scanner {
                    noise: strong.noise,
                    ..none
                }),
            ),
            (
                "blur",
                on(Scanner {
                    blur: strong.blur,
                    ..none
                }),
            ),
            (
                "sharpening",
                on(Scanner {
                    sharpening: strong.sharpening,
                    ..none
                }),
            ),
            (
                "resizing",
                on(Scanner {
                    resizing: strong.resizing,
                    ..none
                }),
            ),
            (
                "jpeg",
                on(Scanner {
                    jpeg: strong.jpeg,
                    ..none
                }),
            ),
            (
                "markers",
                on(Scanner {
                    markers: 1.0,
                    ..none
                }),
            ),
            ("frame", on(Scanner { frame: 0.2, ..none })),
        ];
        for (what, scanner) in changes {
            let mut changed = film(64);
            scanner.draw(&mut rng(2)).apply(&mut changed);
            let moved = changed
                .values
                .iter()
                .zip(&film(64).values)
                .filter(|(a, b)| (*a - *b).abs() > 1e-3)
                .count();
            assert!(moved > 20, "{what} moved {moved} pixels");
            assert!(
                changed.values.iter().all(|v| (0.0..=1.0).contains(v)),
                "{what} leaves 0..=1"
            );
            let mut again = film(64);
            scanner.draw(&mut rng(2)).apply(&mut again);
            assert_eq!(again, changed, "{what} repeats by its seed");
        }
    }

    #[test]
    fn one_change_does_not_disturb_the_draws_of_another() {
        let alone = Scanner {
            noise: 0.1,
            probability: 1.0,
            ..Scanner::NONE
        };
        let more = Scanner {
            gamma: 1.0,
            aspect: 0.2,
            ..alone
        };
        assert_eq!(alone.draw(&mut rng(3)).noise, more.draw(&mut rng(3)).noise);
        assert_eq!(alone.draw(&mut rng(3)).seed, more.draw(&mut rng(3)).seed);
    }

    #[test]
    fn an_augmentation_without_scanner_is_as_it_was() {
        let settings = Augmentation::default();
        let text = toml::to_string(&settings).unwrap();
        assert!(!text.contains("scanner"), "{text}");
        assert_eq!(toml::from_str::<Augmentation>(&text).unwrap(), settings);
        let with = Augmentation {
            scanner: Scanner::STRONG,
            ..settings
        };
        let text = toml::to_string(&with).unwrap();
        assert_eq!(toml::from_str::<Augmentation>(&text).unwrap(), with);
    }

    #[test]
    fn tiny_films_survive_everything() {
        let everything = Scanner {
            probability: 1.0,
            markers: 1.0,
            ..Scanner::STRONG
        };
        for size in [0, 1, 2, 3, 17] {
            for seed in 0..20 {
                let mut changed = film(size);
                everything.draw(&mut rng(seed)).apply(&mut changed);
                assert_eq!(changed.values.len(), size * size);
                assert!(changed.values.iter().all(|v| (0.0..=1.0).contains(v)));
            }
        }
    }

    #[test]
    fn strengths_outside_their_range_are_refused() {
        assert_eq!(Scanner::STRONG.check(), Ok(()));
        for wrong in [
            Scanner {
                gamma: f32::NAN,
                ..Scanner::NONE
            },
            Scanner {
                noise: -0.1,
                ..Scanner::NONE
            },
            Scanner {
                jpeg: 100,
                ..Scanner::NONE
            },
            Scanner {
                frame: 0.5,
                ..Scanner::NONE
            },
        ] {
            let error = wrong.check().unwrap_err();
            assert!(
                error.to_string().starts_with("augmentation scanner."),
                "{error}"
            );
        }
    }
}
