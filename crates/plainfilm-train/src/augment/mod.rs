//! Small random changes to training films, so that a network does not learn films by heart.
//!
//! What a film undergoes is a function of the seed, the epoch and the film alone, so neither
//! threads nor the order of loading can change it.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use plainfilm_film::radiograph::Plane;

mod file;
mod markers;
mod scanner;
mod tone;

pub use scanner::{Scanner, ScannerChange};

/// How far training films may be changed. Every figure is drawn uniformly from its range, once
/// per film and epoch.
///
/// Differences from Keras' `ImageDataGenerator`: one zoom for both axes, where Keras draws two;
/// a zoom above 1 magnifies, where Keras' shrinks; brightness and contrast are fastai's, where
/// Keras multiplies. Differences from fastai's `get_transforms`: each change is always drawn, not
/// with a probability of 0.75; the film's edge is repeated where fastai mirrors it; zoom is about
/// the middle, not about a random point; and there is no warp.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Rotation within plus and minus this many degrees.
    pub rotation_degrees: f32,
    /// Shift along each axis within plus and minus this fraction of the film's size.
    pub shift_fraction: f32,
    /// Least and greatest magnification; 1.1 shows the film a tenth larger.
    pub zoom: (f32, f32),
    /// fastai's `max_lighting` for brightness, 0 up to but not including 1. On the logistic scale
    /// the film is moved by `logit(u)`, `u` within `0.5 * (1 - b)` to `0.5 * (1 + b)`. Black stays
    /// black and white stays white.
    pub brightness: f32,
    /// fastai's `max_lighting` for contrast, 0 up to but not including 1. On the logistic scale
    /// the film is multiplied by a factor within `1 - c` to `1 / (1 - c)`, uniform in its
    /// logarithm.
    pub contrast: f32,
    /// Whether half of the films are mirrored left to right. Off by default: a mirrored chest has
    /// its heart on the wrong side.
    pub flip: bool,
    /// How far the apparatus and the film's way into a file may differ. Left out of settings files
    /// where nothing of it is on, as they were before it existed.
    #[serde(skip_serializing_if = "Scanner::is_none")]
    pub scanner: Scanner,
}

impl Default for Augmentation {
    /// The notebook's: rotation within 15 degrees either way, and nothing else.
    fn default() -> Self {
        Self {
            rotation_degrees: 15.0,
            ..Self::NONE
        }
    }
}

/// A setting of [`Augmentation`] outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("augmentation {setting}: expected {expected}, found {found}")]
pub struct AugmentationError {
    /// Which setting.
    pub setting: &'static str,
    /// Its range.
    pub expected: &'static str,
    /// What it was.
    pub found: String,
}

impl Augmentation {
    /// Films as they are.
    pub const NONE: Self = Self {
        rotation_degrees: 0.0,
        shift_fraction: 0.0,
        zoom: (1.0, 1.0),
        brightness: 0.0,
        contrast: 0.0,
        flip: false,
        scanner: Scanner::NONE,
    };

    /// Whether every film stays as it is.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Checks settings that came from outside.
    ///
    /// # Errors
    ///
    /// Names the first setting that is not a finite number within its range.
    pub fn check(&self) -> Result<(), AugmentationError> {
        let (least, most) = self.zoom;
        let checks = [
            (
                "rotation_degrees",
                (0.0..=180.0).contains(&self.rotation_degrees),
                "0 to 180",
                self.rotation_degrees.to_string(),
            ),
            (
                "shift_fraction",
                (0.0..=1.0).contains(&self.shift_fraction),
                "0 to 1",
                self.shift_fraction.to_string(),
            ),
            (
                "zoom",
                least >= 0.1 && most <= 10.0 && least <= most,
                "two magnifications within 0.1 to 10, the lesser first",
                format!("({least}, {most})"),
            ),
            (
                "brightness",
                (0.0..1.0).contains(&self.brightness),
                "0 to less than 1",
                self.brightness.to_string(),
            ),
            (
                "contrast",
                (0.0..1.0).contains(&self.contrast),
                "0 to less than 1",
                self.contrast.to_string(),
            ),
        ];
        for (setting, holds, expected, found) in checks {
            if !holds {
                return Err(AugmentationError {
                    setting,
                    expected,
                    found,
                });
            }
        }
        self.scanner.check()
    }

    /// How the film at `film_index` is moved and lit in `epoch`: a pure function of its arguments.
    pub fn draw(&self, seed: u64, epoch: u64, film_index: u64) -> Transform {
        let mut hash = Sha256::new();
        hash.update(b"plainfilm augmentation");
        for number in [seed, epoch, film_index] {
            hash.update(number.to_le_bytes());
        }
        self.draw_from(&mut ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// Changes a plane by figures drawn from `rng`.
    pub fn apply(&self, plane: &Plane, rng: &mut ChaCha8Rng) -> Plane {
        let (transform, change) = self.draw_changes(rng);
        let mut changed = transform.apply(plane);
        if let Some(change) = change {
            change.apply(&mut changed);
        }
        changed
    }

    /// The move and, if any of it is on, the change of apparatus that [`Self::apply`] makes.
    pub fn draw_changes(&self, rng: &mut ChaCha8Rng) -> (Transform, Option<ScannerChange>) {
        let transform = self.draw_from(rng);
        if self.scanner.is_none() {
            return (transform, None);
        }
        let change = self.scanner.draw(rng);
        let transform = Transform {
            aspect: change.aspect,
            ..transform
        };
        (transform, Some(change))
    }

    /// Always takes the same number of draws, so that turning one change on leaves the others as
    /// they were.
    fn draw_from(&self, rng: &mut impl Rng) -> Transform {
        let mut within = |least: f32, most: f32| least + (most - least) * rng.random::<f32>();
        let rotation_degrees = within(-self.rotation_degrees, self.rotation_degrees);
        let shift_x = within(-self.shift_fraction, self.shift_fraction);
        let shift_y = within(-self.shift_fraction, self.shift_fraction);
        let zoom = within(self.zoom.0, self.zoom.1);
        let change = within(0.5 - 0.5 * self.brightness, 0.5 + 0.5 * self.brightness);
        let reach = -(1.0 - self.contrast).ln();
        let contrast = within(-reach, reach).exp();
        let flip = within(0.0, 1.0) < 0.5 && self.flip;
        Transform {
            rotation_degrees,
            shift_x,
            shift_y,
            zoom,
            flip,
            brightness: (change / (1.0 - change)).ln(),
            contrast,
            aspect: 1.0,
        }
    }
}

/// One drawn change. The film is sampled at `rotation (zoom⁻¹ flip (pixel) + shift)` about its
/// middle, which is Keras' order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// Degrees; positive turns the picture clockwise.
    pub rotation_degrees: f32,
    /// Fraction of the film's size by which columns are read further right, so that the picture
    /// moves left.
    pub shift_x: f32,
    /// Fraction of the film's size by which rows are read further down, so that the picture moves
    /// up.
    pub shift_y: f32,
    /// Magnification.
    pub zoom: f32,
    /// Whether left and right change places.
    pub flip: bool,
    /// Added on the logistic scale; 0 changes nothing.
    pub brightness: f32,
    /// Factor on the logistic scale; 1 changes nothing.
    pub contrast: f32,
    /// How much wider than tall a square becomes; 1 changes nothing. The area stays.
    pub aspect: f32,
}

impl Transform {
    /// Changes nothing.
    pub const IDENTITY: Self = Self {
        rotation_degrees: 0.0,
        shift_x: 0.0,
        shift_y: 0.0,
        zoom: 1.0,
        flip: false,
        brightness: 0.0,
        contrast: 1.0,
        aspect: 1.0,
    };

    /// The changed plane: one affine resampling, bilinear, with the edge repeated outside (SciPy's
    /// `order=1, mode="nearest"`), then brightness and contrast. Values stay within 0..=1.
    pub fn apply(&self, plane: &Plane) -> Plane {
        let mut changed = Plane {
            size: plane.size,
            values: vec![0.0; plane.values.len()],
        };
        self.apply_into(plane, &mut changed.values);
        changed
    }

    /// As [`Self::apply`], into a buffer of the plane's length.
    ///
    /// # Panics
    ///
    /// When `out` and the plane differ in length, which is a mistake of the caller.
    pub fn apply_into(&self, plane: &Plane, out: &mut [f32]) {
        let in_place = Self {
            brightness: self.brightness,
            contrast: self.contrast,
            ..Self::IDENTITY
        };
        if *self == in_place {
            out.copy_from_slice(&plane.values);
        } else {
            self.resample(plane, out);
        }
        if self.brightness != 0.0 || self.contrast != 1.0 {
            Lighting::new(self.brightness, self.contrast).apply(out);
        }
    }

    fn resample(&self, plane: &Plane, out: &mut [f32]) {
        let size = plane.size;
        let values = plane.values.as_slice();
        assert_eq!(values.len(), size * size, "a plane is square");
        assert_eq!(out.len(), values.len(), "room for exactly one plane");
        if size < 2 {
            out.copy_from_slice(values);
            return;
        }
        let (sin, cos) = f64::from(self.rotation_degrees).to_radians().sin_cos();
        let stretch = f64::from(self.aspect).sqrt();
        let scale = stretch / f64::from(self.zoom);
        let across_scale = 1.0 / (stretch * f64::from(self.zoom));
        let mirror = if self.flip {
            -across_scale
        } else {
            across_scale
        };
        let middle = (size - 1) as f64 / 2.0;
        let shift_row = f64::from(self.shift_y) * size as f64;
        let shift_column = f64::from(self.shift_x) * size as f64;
        // Coordinates are fixed-point with 32 fractional bits: stepping along a row is an addition
        // and clamping is integer work, which is what makes this loop fast.
        let fixed = |pixels: f64| (pixels * ONE as f64).round() as i64;
        // One step along a row of the result moves this far in the film.
        let (row_step, column_step) = (fixed(-sin * mirror), fixed(cos * mirror));
        let last = (size as i64 - 1) * ONE;
        let before_last = size as i64 - 2;
        for (row, line) in out.chunks_exact_mut(size).enumerate() {
            let down = (row as f64 - middle) * scale + shift_row;
            let across = -middle * mirror + shift_column;
            let mut next_y = fixed(cos * down - sin * across + middle);
            let mut next_x = fixed(sin * down + cos * across + middle);
            for out in line {
                let (y, x) = (next_y.clamp(0, last), next_x.clamp(0, last));
                next_y += row_step;
                next_x += column_step;
                let (top, left) = ((y / ONE).min(before_last), (x / ONE).min(before_last));
                let (fy, fx) = (fraction(y - top * ONE), fraction(x - left * ONE));
                // One slice for the four neighbours: a single bounds check.
                let around = &values[top as usize * size + left as usize..][..size + 2];
                let upper = around[0] + (around[1] - around[0]) * fx;
                let lower = around[size] + (around[size + 1] - around[size]) * fx;
                *out = upper + (lower - upper) * fy;
            }
        }
    }
}

/// One pixel in the fixed-point coordinates of [`Transform::resample`].
const ONE: i64 = 1 << 32;

/// A fixed-point distance of 0 to 1 pixels, in 24 bits: as many as an `f32` holds.
#[inline]
fn fraction(distance: i64) -> f32 {
    (distance >> 8) as i32 as f32 / (1 << 24) as f32
}

/// fastai's brightness and contrast, `sigmoid(contrast * logit(v) + brightness)`, as a table with
/// linear interpolation: two transcendental functions a pixel would cost more than the rest.
struct Lighting {
    table: [f32; Self::STEPS + 1],
}

impl Lighting {
    const STEPS: usize = 256;

    fn new(brightness: f32, contrast: f32) -> Self {
        let (odds_factor, power) = (brightness.exp(), contrast);
        let mut table = [0.0; Self::STEPS + 1];
        for (index, entry) in table.iter_mut().enumerate() {
            let value = index as f32 / Self::STEPS as f32;
            // The same as the formula above, written with odds so that 0 and 1 need no infinity.
            let light = odds_factor * value.powf(power);
            *entry = light / (light + (1.0 - value).powf(power));
        }
        Self { table }
    }

    fn apply(&self, values: &mut [f32]) {
        for value in values {
            let position = value.clamp(0.0, 1.0) * Self::STEPS as f32;
            let below = (position as usize).min(Self::STEPS - 1);
            let (low, high) = (self.table[below], self.table[below + 1]);
            *value = low + (high - low) * (position - below as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(size: usize) -> Plane {
        let values = (0..size * size)
            .map(|index| (index * 37 % 101) as f32 / 100.0)
            .collect();
        Plane { size, values }
    }

    const EVERYTHING: Augmentation = Augmentation {
        rotation_degrees: 10.0,
        shift_fraction: 0.1,
        zoom: (0.9, 1.1),
        brightness: 0.2,
        contrast: 0.2,
        flip: true,
        scanner: Scanner::NONE,
    };

    #[test]
    fn a_draw_depends_on_its_arguments_alone() {
        let first = EVERYTHING.draw(1, 2, 3);
        assert_eq!(EVERYTHING.draw(1, 2, 3), first);
        for other in [(0, 2, 3), (1, 3, 3), (1, 2, 4), (1, 3, 2), (2, 1, 3)] {
            assert_ne!(EVERYTHING.draw(other.0, other.1, other.2), first);
        }
    }

    type Figure = fn(&Transform) -> f32;

    #[test]
    fn draws_stay_within_their_ranges_and_fill_them() {
        let drawn: Vec<Transform> = (0..2000).map(|film| EVERYTHING.draw(7, 0, film)).collect();
        let range = |of: Figure| {
            drawn
                .iter()
                .map(of)
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
                    (low.min(value), high.max(value))
                })
        };
        let logit = (0.6_f32 / 0.4).ln();
        let cases: [(&str, Figure, f32, f32); 6] = [
            ("rotation", |t| t.rotation_degrees, -10.0, 10.0),
            ("shift x", |t| t.shift_x, -0.1, 0.1),
            ("shift y", |t| t.shift_y, -0.1, 0.1),
            ("zoom", |t| t.zoom, 0.9, 1.1),
            ("brightness", |t| t.brightness, -logit, logit),
            ("contrast", |t| t.contrast, 0.8, 1.25),
        ];
        for (what, of, least, most) in cases {
            let (low, high) = range(of);
            let slack = (most - least) * 0.01;
            assert!(low >= least - 1e-5 && low < least + slack, "{what}: {low}");
            assert!(high <= most + 1e-5 && high > most - slack, "{what}: {high}");
        }
        let flipped = drawn.iter().filter(|transform| transform.flip).count();
        assert!((900..1100).contains(&flipped), "{flipped} of 2000 flipped");
    }

    #[test]
    fn one_change_does_not_disturb_the_draws_of_another() {
        let alone = Augmentation::default().draw(5, 6, 7);
        let with_more = Augmentation {
            shift_fraction: 0.2,
            flip: true,
            ..Augmentation::default()
        };
        assert_eq!(
            with_more.draw(5, 6, 7).rotation_degrees,
            alone.rotation_degrees
        );
        assert!(!alone.flip && alone.zoom == 1.0 && alone.contrast == 1.0);
        assert_eq!(alone.brightness, 0.0);
    }

    #[test]
    fn nothing_changes_nothing() {
        let film = plane(9);
        assert!(Augmentation::NONE.is_none());
        assert_eq!(Augmentation::NONE.draw(1, 1, 1), Transform::IDENTITY);
        assert_eq!(Transform::IDENTITY.apply(&film), film);
    }

    #[test]
    fn geometry_by_hand() {
        let film = Plane {
            size: 2,
            values: vec![0.1, 0.2, 0.3, 0.4],
        };
        let flip = Transform {
            flip: true,
            ..Transform::IDENTITY
        };
        let quarter = Transform {
            rotation_degrees: 90.0,
            ..Transform::IDENTITY
        };
        let right = Transform {
            shift_x: 0.5,
            ..Transform::IDENTITY
        };
        let up = Transform {
            shift_y: 0.5,
            ..Transform::IDENTITY
        };
        let wide = Transform {
            aspect: 4.0,
            ..Transform::IDENTITY
        };
        let cases = [
            (flip, [0.2, 0.1, 0.4, 0.3]),
            (quarter, [0.3, 0.1, 0.4, 0.2]),
            (right, [0.2, 0.2, 0.4, 0.4]),
            (up, [0.3, 0.4, 0.3, 0.4]),
            // Four times as wide as tall: columns are read at half, rows at twice the distance.
            (wide, [0.125, 0.175, 0.325, 0.375]),
        ];
        for (transform, expected) in cases {
            let values = transform.apply(&film).values;
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-6, "{transform:?}: {values:?}");
            }
        }
    }

    #[test]
    fn lighting_follows_its_formula_and_keeps_black_and_white() {
        for (brightness, contrast) in [(0.4, 1.0), (-0.4, 1.25), (0.0, 0.8), (0.2, 1.1)] {
            let transform = Transform {
                brightness,
                contrast,
                ..Transform::IDENTITY
            };
            let values = transform.apply(&plane(11)).values;
            for (value, before) in values.iter().zip(plane(11).values) {
                let logit = (before / (1.0 - before)).ln();
                let expected = 1.0 / (1.0 + (-(contrast * logit + brightness)).exp());
                assert!(
                    (value - expected).abs() < 2e-3,
                    "{before}: {value} {expected}"
                );
                if before == 0.0 || before == 1.0 {
                    assert_eq!(*value, before);
                }
            }
        }
    }

    #[test]
    fn values_stay_within_0_and_1() {
        for film in 0..50 {
            let changed = EVERYTHING.draw(3, 0, film).apply(&plane(17));
            assert!(
                changed
                    .values
                    .iter()
                    .all(|value| (0.0..=1.0).contains(value))
            );
        }
        for size in [0, 1] {
            let changed = EVERYTHING.draw(3, 0, 0).apply(&plane(size));
            assert_eq!(changed.values.len(), size * size);
        }
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        assert_eq!(Augmentation::default().check(), Ok(()));
        assert_eq!(EVERYTHING.check(), Ok(()));
        let wrong = [
            Augmentation {
                rotation_degrees: f32::NAN,
                ..EVERYTHING
            },
            Augmentation {
                zoom: (1.2, 1.0),
                ..EVERYTHING
            },
            Augmentation {
                zoom: (0.0, 1.0),
                ..EVERYTHING
            },
            Augmentation {
                brightness: 1.0,
                ..EVERYTHING
            },
            Augmentation {
                contrast: -0.1,
                ..EVERYTHING
            },
        ];
        for settings in wrong {
            assert!(settings.check().is_err(), "{settings:?}");
        }
    }
}
