//! A film's lowest spatial frequencies, measured from those of an average chest film.

use std::sync::LazyLock;

use super::fingerprint::{CELLS, SIDE};
use super::view::{Affine, View};
pub(super) use crate::average_film::LENGTH;
use crate::average_film::{DEVIATIONS, MEANS, ORDER, wave};

/// A spectrum has this length, to be kept as bytes.
const SCALE: f32 = 300.0;

/// Where a film points, as seen from the average chest film: a vector of length [`SCALE`].
pub(super) type Spectrum = [i8; LENGTH];

/// The views under which copies of a film are sought.
///
/// A pair is sought from both of its films, so one side suffices: a film that was cropped, or
/// turned to the left, is found from its original; one turned to the right finds its original.
pub(super) const VIEWS: [View; 12] = {
    const fn view(mirrored: bool, zoom: f32, turned: f32) -> View {
        View {
            mirrored,
            zoom,
            turned,
        }
    }
    [
        view(false, 1.0, 0.0),
        view(false, 0.92, 0.0),
        view(false, 0.84, 0.0),
        view(false, 1.0, 4.0),
        view(false, 0.92, 4.0),
        view(false, 0.84, 4.0),
        view(true, 1.0, 0.0),
        view(true, 0.92, 0.0),
        view(true, 0.84, 0.0),
        view(true, 1.0, 4.0),
        view(true, 0.92, 4.0),
        view(true, 0.84, 4.0),
    ]
};

/// `a` times `b`: the cosine of their angle times `SCALE * SCALE`.
pub(super) fn product(a: &Spectrum, b: &Spectrum) -> i32 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| i32::from(a) * i32::from(b))
        .sum()
}

/// The product of spectra whose angle has this cosine.
pub(super) const fn product_of_cosine(cosine: f32) -> i32 {
    (cosine * SCALE * SCALE) as i32
}

/// The spectrum of a film under each of [`VIEWS`].
pub(super) fn spectra(square: &[f32; CELLS]) -> [Spectrum; VIEWS.len()] {
    std::array::from_fn(|view| spectrum(square, view))
}

/// The spectrum of a film as it is.
pub(super) fn plain(square: &[f32; CELLS]) -> Spectrum {
    spectrum(square, 0)
}

fn spectrum(square: &[f32; CELLS], view: usize) -> Spectrum {
    let mut values = [0.0_f32; LENGTH];
    let raw = raw(square, view);
    for (frequency, value) in values.iter_mut().enumerate().skip(1) {
        *value = (raw[frequency] - MEANS[frequency]) / DEVIATIONS[frequency];
    }
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.map(|value| (value / length.max(f32::MIN_POSITIVE) * SCALE).clamp(-127.0, 127.0) as i8)
}

/// Cosine transform of the film seen under a view.
fn raw(square: &[f32; CELLS], view: usize) -> [f32; LENGTH] {
    let mut values = [0.0_f32; LENGTH];
    for (row, cell) in TRANSFORMS[view].iter().zip(square) {
        for (value, weight) in values.iter_mut().zip(row) {
            *value += weight * cell;
        }
    }
    values
}

/// For each view, what a cell of the square adds to each frequency: seeing the film under the view
/// (bilinear interpolation, the edge repeated outside) and the cosine transform are both linear.
static TRANSFORMS: LazyLock<Vec<Vec<[f32; LENGTH]>>> = LazyLock::new(|| {
    VIEWS
        .iter()
        .map(|view| {
            let mut transform = vec![[0.0; LENGTH]; CELLS];
            let affine = Affine::of(view);
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let waves: [f32; LENGTH] = std::array::from_fn(|frequency| {
                        wave(frequency % ORDER, x, SIDE) * wave(frequency / ORDER, y, SIDE)
                    });
                    let (seen_x, seen_y) = affine.apply(x as f32, y as f32);
                    let last = (SIDE - 1) as f32;
                    let (seen_x, seen_y) = (seen_x.clamp(0.0, last), seen_y.clamp(0.0, last));
                    let (left, top) = (
                        (seen_x as usize).min(SIDE - 2),
                        (seen_y as usize).min(SIDE - 2),
                    );
                    let (right, down) = (seen_x - left as f32, seen_y - top as f32);
                    for (cell, weight) in [
                        (top * SIDE + left, (1.0 - right) * (1.0 - down)),
                        (top * SIDE + left + 1, right * (1.0 - down)),
                        ((top + 1) * SIDE + left, (1.0 - right) * down),
                        ((top + 1) * SIDE + left + 1, right * down),
                    ] {
                        for (value, wave) in transform[cell].iter_mut().zip(&waves) {
                            *value += weight * wave;
                        }
                    }
                }
            }
            transform
        })
        .collect()
});
