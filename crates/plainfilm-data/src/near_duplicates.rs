//! Films that look the same stand in for those of one patient: copies of one picture in other sizes,
//! compressions or exposures, found as [`copies`](plainfilm_film::copies) finds them.

use std::collections::HashMap;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::listing::Listed;
use plainfilm_film::copies::{self, Fingerprint};
use plainfilm_film::radiograph::{self, Limits};

/// Greatest distance of two films in one group.
///
/// Of the reference films (1,124 of 764 patients) seven pairs are within it, all of one patient: two
/// are copies, the others were taken in one position. The closest films of two patients are 48
/// apart. Other films of one patient look as different as those of two: near-duplicate groups find
/// copies, and stand in poorly for patients.
const MAX_DISTANCE: u32 = 45;

/// A group for each film: the index of the first film in it.
///
/// In one group are films with equal bytes or pixels, and films that look the same, directly or
/// through others in between. A film that cannot be read or decoded, or is one even grey, shares a
/// group with exact copies only.
pub(super) fn groups(
    films: &[Listed],
    read: &(dyn Fn(&Listed) -> Option<Vec<u8>> + Sync),
    limits: &Limits,
) -> Vec<usize> {
    let prints: Vec<Option<([u8; 32], Option<Fingerprint>)>> = films
        .par_iter()
        .map(|film| {
            let bytes = read(film)?;
            let decoded = radiograph::decode(&bytes, &film.path, limits).ok();
            let digest = Sha256::digest(&bytes).into();
            Some((digest, decoded.as_ref().map(Fingerprint::of)))
        })
        .collect();
    let mut sets = DisjointSets::new(films.len());
    let mut first: HashMap<[u8; 32], usize> = HashMap::new();
    let (mut indices, mut fingerprints) = (Vec::new(), Vec::new());
    for (index, print) in prints.into_iter().enumerate() {
        let Some((digest, fingerprint)) = print else {
            continue;
        };
        // Equal bytes make a group even of films that cannot be decoded.
        let same = *first.entry(digest).or_insert(index);
        sets.join(same, index);
        if let (true, Some(fingerprint)) = (same == index, fingerprint) {
            indices.push(index);
            fingerprints.push(fingerprint);
        }
    }
    for pair in copies::find_pairs(&fingerprints) {
        if pair.distance <= MAX_DISTANCE {
            sets.join(indices[pair.first], indices[pair.second]);
        }
    }
    (0..films.len()).map(|index| sets.first_of(index)).collect()
}

/// Union-find; a set is named after its smallest member.
struct DisjointSets(Vec<usize>);

impl DisjointSets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn first_of(&mut self, mut index: usize) -> usize {
        while self.0[index] != index {
            self.0[index] = self.0[self.0[index]];
            index = self.0[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first_of(a), self.first_of(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use image::GrayImage;

    use super::*;
    use crate::Location;

    /// A smooth picture with its own waves for each `seed`, as a PNG.
    fn film(seed: u32, width: u32, height: u32, gain: f32) -> Vec<u8> {
        let wave = |x: f32, y: f32| -> f32 {
            (1..6)
                .map(|k| {
                    let k = k as f32;
                    let phase = seed as f32 * k * 1.7;
                    (x * k * 5.0 + phase).sin() * (y * (7.0 - k) * 4.0 + phase * 0.6).cos()
                })
                .sum()
        };
        let picture = GrayImage::from_fn(width, height, |x, y| {
            let value = wave(x as f32 / width as f32, y as f32 / height as f32);
            image::Luma([(127.0 + gain * 24.0 * value) as u8])
        });
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    fn grouped(films: &[Vec<u8>]) -> Vec<usize> {
        let listed: Vec<Listed> = (0..films.len())
            .map(|index| {
                let location = Location::File(index.to_string().into());
                Listed::new(index.to_string(), location, "label".into())
            })
            .collect();
        let read = |film: &Listed| {
            let index: usize = film.path.parse().unwrap();
            (!films[index].is_empty()).then(|| films[index].clone())
        };
        groups(&listed, &read, &Limits::default())
    }

    #[test]
    fn the_same_picture_in_other_sizes_and_exposures_is_one_group() {
        let films = [
            film(1, 300, 300, 1.0),
            film(2, 300, 300, 1.0),
            film(1, 150, 200, 1.0),
            film(1, 80, 90, 1.0),
            film(2, 300, 260, 0.3),
            film(3, 300, 300, 1.0),
        ];
        assert_eq!(grouped(&films), [0, 1, 0, 0, 1, 5]);
    }

    #[test]
    fn films_that_cannot_be_compared_are_grouped_by_bytes_only() {
        let even = |width| film(1, width, 50, 0.0);
        let films = [
            even(50),
            even(60),
            even(50),
            b"garbage".to_vec(),
            b"rubbish".to_vec(),
            b"garbage".to_vec(),
            Vec::new(),
            Vec::new(),
        ];
        assert_eq!(grouped(&films), [0, 1, 0, 3, 4, 3, 6, 7]);
    }
}
