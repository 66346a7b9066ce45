//! Copies: films that are in a data set twice, as they are or changed.
//!
//! Chest films resemble each other more than photographs do, so a perceptual hash alone either
//! misses copies or takes two patients for one. Three steps are taken, from cheap to sure:
//!
//! 1. [`Fingerprint::of`] keeps a digest of the pixels and a small square of the film with a plain
//!    frame cut off and its grey levels replaced by their ranks, which no change of brightness,
//!    contrast or gamma alters.
//! 2. Its lowest spatial frequencies, measured from those of an average chest film (`spectrum`), are
//!    hashed by random planes, once as they are and again as if the film were mirrored, cropped or
//!    turned a little (`index`). Films that meet in a bucket and point the same way are candidates.
//! 3. Two candidates are laid over each other by least squares, and the correlation of their fine
//!    detail decides (`alignment`).
//!
//! A pair depends on its two films and, but for data sets with very many look-alikes, on nothing
//! else; the result does not depend on the number of threads.

mod alignment;
mod fingerprint;
mod index;
mod spectrum;
mod view;

use std::collections::HashMap;

use rayon::prelude::*;

pub use fingerprint::{Fingerprint, pixel_digest};

/// How alike two films are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Likeness {
    /// The same pixels at the same size and depth.
    Exact,
    /// One picture, changed: other size or compression, exposure, crop, rotation and so on.
    Near,
}

/// Two films that are one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Index of the earlier film.
    pub first: usize,
    /// Index of the later film.
    pub second: usize,
    /// Exact or near.
    pub likeness: Likeness,
    /// Thousandths by which the correlation of the films' detail falls short of 1; 0 when exact.
    pub distance: u32,
    /// Whether one is the mirror image of the other.
    pub mirrored: bool,
}

/// All pairs of films that are one picture, in order of their indices.
///
/// Of films with equal pixels the first stands for all: each later one makes one pair with it and
/// takes no part in the search for near copies. A film with more than a few dozen near copies is
/// paired with the most alike of them, so the number of pairs grows with the number of films, and
/// pairs that share films are to be joined into groups.
///
/// Time grows about in proportion to the number of films, and so does memory. Near copies are sought
/// on all threads of the current rayon pool.
#[must_use]
pub fn find_pairs(fingerprints: &[Fingerprint]) -> Vec<Pair> {
    let mut firsts: HashMap<&[u8; 32], usize> = HashMap::with_capacity(fingerprints.len());
    let mut pairs = Vec::new();
    let mut sought = Vec::new();
    for (index, fingerprint) in fingerprints.iter().enumerate() {
        let first = *firsts.entry(fingerprint.digest()).or_insert(index);
        if first != index {
            pairs.push(Pair {
                first,
                second: index,
                likeness: Likeness::Exact,
                distance: 0,
                mirrored: false,
            });
        } else if fingerprint.has_detail() {
            sought.push(index);
        }
    }
    let prints: Vec<&Fingerprint> = sought.iter().map(|&index| &fingerprints[index]).collect();
    let index = index::Index::of(&prints);
    let mut near: Vec<Pair> = (0..prints.len())
        .into_par_iter()
        .flat_map_iter(|film| {
            let square = prints[film].square();
            let candidates = index.candidates(&square, film);
            let prints = &prints;
            let sought = &sought;
            candidates.into_iter().filter_map(move |candidate| {
                let other = prints[candidate.film].square();
                let correlation = alignment::correlation(&square, &other, &candidate.view)?;
                Some(Pair {
                    first: sought[film.min(candidate.film)],
                    second: sought[film.max(candidate.film)],
                    likeness: Likeness::Near,
                    distance: ((1.0 - correlation) * 1000.0).round() as u32,
                    mirrored: candidate.view.mirrored,
                })
            })
        })
        .collect();
    // A pair is mostly found from both of its films; the closer finding is kept.
    near.par_sort_unstable_by_key(|pair| (pair.first, pair.second, pair.distance, pair.mirrored));
    near.dedup_by_key(|pair| (pair.first, pair.second));
    pairs.extend(near);
    pairs.sort_unstable_by_key(|pair| (pair.first, pair.second));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    use crate::radiograph::{Provenance, Radiograph};

    /// Soft waves, others for each seed. Phantoms would not do: they share one anatomy.
    fn picture(seed: u64) -> Radiograph {
        let side = 160;
        let mut draws = plainfilm_seed::generator(seed, "picture", &[]);
        let waves: Vec<[f32; 5]> = (0..60)
            .map(|_| std::array::from_fn(|_| draws.next_u32() as f32 / u32::MAX as f32))
            .collect();
        let value = |x: u32, y: u32| {
            let (x, y) = (x as f32 / side as f32, y as f32 / side as f32);
            let sum: f32 = waves
                .iter()
                .map(|[across, down, strength, a, b]| {
                    let wave =
                        |rate: f32, at: f32, phase: f32| (rate * 40.0 * at + phase * 7.0).sin();
                    strength * wave(*across, x, *a) * wave(*down, y, *b)
                })
                .sum();
            (127.0 + sum * 14.0).clamp(0.0, 255.0) as u16
        };
        Radiograph {
            width: side,
            height: side,
            bit_depth: 8,
            pixels: (0..side * side)
                .map(|at| value(at % side, at / side))
                .collect(),
            provenance: Provenance {
                name: "picture".into(),
                format: "png".into(),
                colour: "grey 8-bit".into(),
                orientation: 1,
                synthetic: false,
                coloured_pixels: 0,
                used_bits: 8,
            },
        }
    }

    /// A film of other size, whose pixel at (x, y) is that of `film` at `source(x, y)`.
    fn moved(
        film: &Radiograph,
        (width, height): (u32, u32),
        source: impl Fn(f32, f32) -> (f32, f32),
    ) -> Radiograph {
        let at = |x: u32, y: u32| {
            let (x, y) = source(x as f32 + 0.5, y as f32 + 0.5);
            let x = x.clamp(0.0, film.width as f32 - 1.0) as u32;
            let y = y.clamp(0.0, film.height as f32 - 1.0) as u32;
            film.pixels[(y * film.width + x) as usize]
        };
        Radiograph {
            width,
            height,
            pixels: (0..height)
                .flat_map(|y| (0..width).map(move |x| (x, y)))
                .map(|(x, y)| at(x, y))
                .collect(),
            ..film.clone()
        }
    }

    fn changed(film: &Radiograph, change: impl Fn(f32) -> f32) -> Radiograph {
        let change = |&pixel: &u16| (change(f32::from(pixel) / 255.0) * 255.0).round() as u16;
        Radiograph {
            pixels: film.pixels.iter().map(change).collect(),
            ..film.clone()
        }
    }

    fn prints(films: &[Radiograph]) -> Vec<Fingerprint> {
        films.iter().map(Fingerprint::of).collect()
    }

    #[test]
    fn a_fingerprint_is_small() {
        assert!(size_of::<Fingerprint>() <= 514);
    }

    #[test]
    fn each_change_of_a_film_is_found_and_no_other_film_is() {
        let film = picture(3);
        let (width, height) = (film.width as f32, film.height as f32);
        let size = (film.width, film.height);
        let turned = |degrees: f32| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            moved(&film, size, move |x, y| {
                let (x, y) = (x - width / 2.0, y - height / 2.0);
                (
                    cos * x - sin * y + width / 2.0,
                    sin * x + cos * y + height / 2.0,
                )
            })
        };
        let framed = {
            let mut framed = moved(&film, (size.0 + 30, size.1 + 30), |x, y| {
                (x - 15.0, y - 15.0)
            });
            for (at, pixel) in framed.pixels.iter_mut().enumerate() {
                let (x, y) = (at as u32 % framed.width, at as u32 / framed.width);
                if x < 15 || y < 15 || x >= size.0 + 15 || y >= size.1 + 15 {
                    *pixel = 0;
                }
            }
            framed
        };
        let copies = [
            (
                "half the size",
                moved(&film, (80, 80), |x, y| {
                    (x / 80.0 * width, y / 80.0 * height)
                }),
            ),
            ("darker", changed(&film, |value| value * 0.7)),
            ("gamma", changed(&film, |value| value.powf(0.6))),
            ("mirrored", moved(&film, size, |x, y| (width - x, y))),
            (
                "cropped",
                moved(&film, (size.0 - 16, size.1 - 12), |x, y| (x + 6.0, y + 8.0)),
            ),
            ("turned left", turned(-3.0)),
            ("turned right", turned(3.0)),
            ("framed", framed),
        ];
        let mut films = vec![film.clone()];
        films.extend((10..40).map(picture));
        let others = films.len();
        films.extend(copies.iter().map(|(_, copy)| copy.clone()));
        let pairs = find_pairs(&prints(&films));
        for (index, (change, _)) in copies.iter().enumerate() {
            let pair = pairs
                .iter()
                .find(|pair| (pair.first, pair.second) == (0, others + index));
            let pair = pair.unwrap_or_else(|| panic!("{change}: not found"));
            assert_eq!(pair.likeness, Likeness::Near, "{change}");
            assert_eq!(pair.mirrored, *change == "mirrored", "{change}");
            assert!(pair.distance <= 50, "{change}: {}", pair.distance);
        }
        let is_copy = |index: usize| index == 0 || index >= others;
        let wrong: Vec<_> = pairs
            .iter()
            .filter(|pair| !is_copy(pair.first) || !is_copy(pair.second))
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn exact_copies_have_equal_pixels_size_and_depth() {
        let film = picture(1);
        let deeper = Radiograph {
            bit_depth: 16,
            ..film.clone()
        };
        let (width, height) = (film.height * 2, film.width / 2);
        let reshaped = Radiograph {
            width,
            height,
            ..film.clone()
        };
        let mut renamed = film.clone();
        renamed.provenance.name = "other".into();
        let pairs = find_pairs(&prints(&[film, deeper, reshaped, renamed.clone(), renamed]));
        let exact: Vec<_> = pairs
            .iter()
            .filter(|pair| pair.likeness == Likeness::Exact)
            .map(|pair| (pair.first, pair.second, pair.distance))
            .collect();
        assert_eq!(exact, [(0, 3, 0), (0, 4, 0)]);
    }

    #[test]
    fn even_films_are_copies_only_when_they_are_equal() {
        let even = |size: u32, level| Radiograph {
            width: size,
            height: size,
            pixels: vec![level; (size * size) as usize],
            ..picture(1)
        };
        let films = [
            even(1, 5),
            even(50, 5),
            even(60, 5),
            even(50, 9),
            even(50, 5),
        ];
        let pairs = find_pairs(&prints(&films));
        let found: Vec<_> = pairs.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(found, [(1, 4)]);
        assert!(find_pairs(&[]).is_empty());
    }

    #[test]
    fn many_look_alikes_make_few_pairs_on_any_number_of_threads() {
        let film = picture(5);
        let count = 400;
        let films: Vec<Fingerprint> = (0..count)
            .map(|copy| {
                let mut film = film.clone();
                // Another pixel of each copy is changed: not exact, and as near as can be.
                film.pixels[copy * 17] ^= 1;
                Fingerprint::of(&film)
            })
            .collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| find_pairs(&films))
        };
        let pairs = on(1);
        assert_eq!(pairs, on(3));
        assert!(pairs.len() <= count * index::MOST, "{}", pairs.len());
        // They hang together all the same.
        let mut group: Vec<usize> = (0..count).collect();
        for pair in &pairs {
            let (keep, drop) = (group[pair.first], group[pair.second]);
            group
                .iter_mut()
                .filter(|of| **of == drop)
                .for_each(|of| *of = keep);
        }
        assert!(group.iter().all(|of| *of == group[0]));
    }
}
