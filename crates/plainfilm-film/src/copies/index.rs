//! Films by what they look like: locality-sensitive hashing with random planes.
//!
//! A plane through the origin cuts the spectra in two; a key holds, one bit each, on which side of
//! some planes a spectrum lies (Charikar 2002). Two spectra at a small angle fall on the same side
//! of most planes, so among many tables, each with its own planes, there is one in which they share
//! a key.

use rand::Rng;
use rayon::prelude::*;

use super::fingerprint::{CELLS, Fingerprint};
use super::spectrum::{self, LENGTH, Spectrum, VIEWS};
use super::view::View;
use plainfilm_seed as seed;

/// Tables of an index.
const TABLES: usize = 24;
/// Films that a bucket holds on average, when they are spread evenly.
const BUCKET: usize = 8;
/// Most films of one bucket that a film meets: those next to it in one more random direction. It
/// bounds what a thousand look-alikes cost.
const WINDOW: usize = 128;
/// Cosine of the angle between spectra from which two films are laid over each other.
const MIN_COSINE: f32 = 0.7;
/// Most candidates of one film, the closest.
pub(super) const MOST: usize = 32;

/// A film that another may be a copy of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) film: usize,
    /// Under which the sought film looks like this one.
    pub(super) view: View,
}

/// All films' spectra, ordered in tables by their keys.
pub(super) struct Index {
    spectra: Vec<Spectrum>,
    tables: Vec<Table>,
}

struct Table {
    planes: Vec<Spectrum>,
    /// Orders the films of one key.
    direction: Spectrum,
    /// Where each key's films start in `films`; one more than there are keys.
    starts: Vec<u32>,
    films: Vec<u32>,
}

impl Index {
    pub(super) fn of(prints: &[&Fingerprint]) -> Self {
        let spectra: Vec<Spectrum> = prints
            .par_iter()
            .map(|print| spectrum::plain(&print.square()))
            .collect();
        let bits = (prints.len() / BUCKET).max(2).ilog2();
        let tables = (0..TABLES)
            .into_par_iter()
            .map(|table| Table::of(&spectra, table as u64, bits))
            .collect();
        Self { spectra, tables }
    }

    /// The films that `film`, whose square is given, may be a copy of, closest first.
    pub(super) fn candidates(&self, square: &[f32; CELLS], film: usize) -> Vec<Candidate> {
        let mut found: Vec<(u32, i32, usize)> = Vec::new();
        for (view, spectrum) in spectrum::spectra(square).iter().enumerate() {
            for table in &self.tables {
                for &other in table.bucket(spectrum, &self.spectra) {
                    let product = spectrum::product(spectrum, &self.spectra[other as usize]);
                    if product >= spectrum::product_of_cosine(MIN_COSINE) && other as usize != film
                    {
                        found.push((other, -product, view));
                    }
                }
            }
        }
        // The best view of each film, then the best films.
        found.sort_unstable();
        found.dedup_by_key(|(other, ..)| *other);
        found.sort_unstable_by_key(|&(other, product, _)| (product, other));
        found.truncate(MOST);
        found
            .into_iter()
            .map(|(other, _, view)| Candidate {
                film: other as usize,
                view: VIEWS[view],
            })
            .collect()
    }
}

impl Table {
    fn of(spectra: &[Spectrum], table: u64, bits: u32) -> Self {
        let mut draws = seed::generator(0, "planes of the copies' index", &[table]);
        // The sum of bits is close enough to a normal distribution.
        let mut draw = || [0; LENGTH].map(|_| (draws.next_u64().count_ones() as i32 - 32) as i8);
        let direction = draw();
        let planes: Vec<Spectrum> = (0..bits).map(|_| draw()).collect();
        let keys: Vec<usize> = spectra
            .iter()
            .map(|spectrum| key(&planes, spectrum))
            .collect();
        let mut starts = vec![0_u32; (1 << bits) + 1];
        for &key in &keys {
            starts[key + 1] += 1;
        }
        for key in 1..starts.len() {
            starts[key] += starts[key - 1];
        }
        let mut next = starts.clone();
        let mut films = vec![0; spectra.len()];
        for (film, &key) in keys.iter().enumerate() {
            films[next[key] as usize] = film as u32;
            next[key] += 1;
        }
        for key in 0..1 << bits {
            let bucket = starts[key] as usize..starts[key + 1] as usize;
            if bucket.len() > WINDOW {
                films[bucket].sort_by_cached_key(|&film| {
                    spectrum::product(&direction, &spectra[film as usize])
                });
            }
        }
        Self {
            planes,
            direction,
            starts,
            films,
        }
    }

    /// The films with the key of `spectrum`; of a long bucket, those around its place in it.
    fn bucket(&self, spectrum: &Spectrum, spectra: &[Spectrum]) -> &[u32] {
        let key = key(&self.planes, spectrum);
        let films = &self.films[self.starts[key] as usize..self.starts[key + 1] as usize];
        if films.len() <= WINDOW {
            return films;
        }
        let along = |spectrum| spectrum::product(&self.direction, spectrum);
        let place = films.partition_point(|&film| along(&spectra[film as usize]) < along(spectrum));
        let start = place.saturating_sub(WINDOW / 2).min(films.len() - WINDOW);
        &films[start..start + WINDOW]
    }
}

fn key(planes: &[Spectrum], spectrum: &Spectrum) -> usize {
    planes.iter().fold(0, |key, plane| {
        key << 1 | usize::from(spectrum::product(plane, spectrum) > 0)
    })
}
