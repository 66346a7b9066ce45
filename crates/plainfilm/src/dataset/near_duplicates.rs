//! Films that look the same: copies of one picture in other sizes, compressions or exposures.
//!
//! Chest films resemble each other more than photographs do, so one hash is not enough: two steps
//! are taken. A gradient hash (one bit for each pair of horizontal neighbours in a small square:
//! which of the two is brighter) names candidates, and the correlation of their edges decides.

use std::collections::HashMap;

use image::GrayImage;
use image_hasher::{HashAlg, HasherConfig};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::listing::Listed;
use crate::radiograph::{self, Limits, Radiograph};

/// 64-bit words of a hash.
const WORDS: usize = 4;
/// Bits, of 256, that may differ between candidates.
///
/// Chosen on the reference data (1,124 films of 764 patients). Of 113 films (every tenth), copies
/// at half size, squashed to 224x224 by nearest neighbour, as JPEG of quality 50 and 20, with gamma
/// 0.8 and 1.3, darkened by a fifth, and cropped by 1 % a side were all found; of copies brightened
/// by a fifth until they clip 107, turned by 2 degrees 69, cropped by 2 % a side 8, by 4 % none:
/// those are not sought.
const MAX_DISTANCE: u32 = 24;
/// Correlation of edges from which two films are the same picture.
///
/// Over all pairs of the reference films it is at most 0.826 for films of different patients and at
/// least 0.881 for the copies above that are sought, so that no two patients are merged; two pairs
/// of films are, both of one patient. Other films of one patient look as different as those of two:
/// near-duplicate groups find copies, and stand in poorly for patients.
const MIN_CORRELATION: f32 = 0.88;

type Hash = [u64; WORDS];

/// A group for each film: the index of the first film in it.
///
/// In one group are films with equal bytes, and films that look the same, directly or through
/// others in between. A film that cannot be read or decoded, or is one even grey, shares a group
/// with exact copies only.
pub(super) fn groups(
    films: &[Listed],
    read: &(dyn Fn(&Listed) -> Option<Vec<u8>> + Sync),
    limits: &Limits,
) -> Vec<usize> {
    let prints: Vec<Option<([u8; 32], Option<Look>)>> = films
        .par_iter()
        .map(|film| {
            let bytes = read(film)?;
            let decoded = radiograph::decode(&bytes, &film.path, limits).ok();
            let digest = Sha256::digest(&bytes).into();
            Some((digest, decoded.as_ref().and_then(Look::of)))
        })
        .collect();
    let mut sets = DisjointSets::new(films.len());
    let mut first: HashMap<[u8; 32], usize> = HashMap::new();
    let mut looks: Vec<(usize, Look)> = Vec::new();
    for (index, print) in prints.into_iter().enumerate() {
        let Some((digest, look)) = print else {
            continue;
        };
        let same = *first.entry(digest).or_insert(index);
        sets.join(same, index);
        // Of exact copies the first stands for all: a thousand would make a million pairs.
        if let (true, Some(look)) = (same == index, look) {
            looks.push((index, look));
        }
    }
    let hashes: Vec<Hash> = looks.iter().map(|(_, look)| look.hash).collect();
    let same: Vec<(usize, usize)> = close_pairs(&hashes, MAX_DISTANCE)
        .into_par_iter()
        .filter(|(a, b)| looks[*a].1.correlation(&looks[*b].1) >= MIN_CORRELATION)
        .collect();
    for (a, b) in same {
        sets.join(looks[a].0, looks[b].0);
    }
    (0..films.len()).map(|index| sets.first_of(index)).collect()
}

/// Side of the square that is hashed.
const SQUARE: usize = 64;
/// Side of the square whose edges are compared.
const SMALL: usize = 32;

/// What a film looks like, in about one kilobyte.
struct Look {
    hash: Hash,
    /// `SMALL * SMALL` values, darkest 0 and brightest 255.
    small: Vec<u8>,
}

impl Look {
    /// None when all of the film is one grey: nothing tells such films apart.
    fn of(film: &Radiograph) -> Option<Self> {
        let square = stretched(&shrunk(film))?;
        let small: Vec<f32> = (0..SMALL * SMALL)
            .map(|cell| {
                let corner = cell / SMALL * 2 * SQUARE + cell % SMALL * 2;
                [0, 1, SQUARE, SQUARE + 1]
                    .map(|step| f32::from(square[corner + step]))
                    .iter()
                    .sum()
            })
            .collect();
        let small = stretched(&small)?;
        let side = SQUARE as u32;
        let picture = GrayImage::from_raw(side, side, square)
            .expect("one value for each cell of the square was made above");
        let bytes = HasherConfig::with_bytes_type::<[u8; 32]>()
            .hash_alg(HashAlg::Gradient)
            .hash_size(16, 16)
            .to_hasher()
            .hash_image(&picture);
        let mut hash = [0; WORDS];
        for (word, chunk) in hash.iter_mut().zip(bytes.as_bytes().chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes"));
        }
        Some(Self { hash, small })
    }

    /// Differences of horizontal and vertical neighbours.
    fn edges(&self) -> impl Iterator<Item = f32> + '_ {
        (0..SMALL * SMALL).flat_map(|cell| {
            let here = f32::from(self.small[cell]);
            let right = (cell % SMALL + 1 < SMALL).then(|| self.small[cell + 1]);
            let below = (cell / SMALL + 1 < SMALL).then(|| self.small[cell + SMALL]);
            [right, below]
                .into_iter()
                .flatten()
                .map(move |next| f32::from(next) - here)
        })
    }

    /// Pearson's correlation of the two films' edges.
    fn correlation(&self, other: &Self) -> f32 {
        let mean = |look: &Self| look.edges().sum::<f32>() / look.edges().count() as f32;
        let (mean_a, mean_b) = (mean(self), mean(other));
        let (mut both, mut a_alone, mut b_alone) = (0.0, 0.0, 0.0);
        for (a, b) in self.edges().zip(other.edges()) {
            let (a, b) = (a - mean_a, b - mean_b);
            both += a * b;
            a_alone += a * a;
            b_alone += b * b;
        }
        both / (a_alone * b_alone).sqrt().max(f32::MIN_POSITIVE)
    }
}

/// Means over a square grid. A cell between the pixels of a film smaller than the grid has the value
/// of the pixel it lies in.
fn shrunk(film: &Radiograph) -> Vec<f32> {
    let (width, height) = (film.width as usize, film.height as usize);
    let range = |cell: usize, length: usize| {
        let start = cell * length / SQUARE;
        start..((cell + 1) * length / SQUARE).max(start + 1)
    };
    let mut cells = Vec::with_capacity(SQUARE * SQUARE);
    for row in 0..SQUARE {
        for column in 0..SQUARE {
            let (rows, columns) = (range(row, height), range(column, width));
            let count = rows.len() * columns.len();
            let sum: u64 = rows
                .flat_map(|y| &film.pixels[y * width..][columns.clone()])
                .map(|pixel| u64::from(*pixel))
                .sum();
            cells.push(sum as f32 / count as f32);
        }
    }
    cells
}

/// Values moved and scaled to 0 to 255; none when all are equal.
fn stretched(values: &[f32]) -> Option<Vec<u8>> {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = |value: &f32| ((value - low) / (high - low) * 255.0).round() as u8;
    (high > low).then(|| values.iter().map(scale).collect())
}

fn distance(a: &Hash, b: &Hash) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// All pairs of hashes at most `threshold` bits apart, without comparing all with all.
///
/// A hash is cut into `threshold + 1` bands. Two hashes that differ in at most `threshold` bits are
/// equal in at least one band, so only films that share a band are compared (multi-index hashing,
/// Norouzi et al. 2012).
fn close_pairs(hashes: &[Hash], threshold: u32) -> Vec<(usize, usize)> {
    let bands = threshold as usize + 1;
    let bits = WORDS * 64;
    let mut pairs: Vec<(usize, usize)> = (0..bands)
        .into_par_iter()
        .flat_map_iter(|band| {
            let range = band * bits / bands..(band + 1) * bits / bands;
            let mut buckets: HashMap<u64, Vec<usize>> = HashMap::new();
            let mut found = Vec::new();
            for (index, hash) in hashes.iter().enumerate() {
                let bucket = buckets.entry(bits_of(hash, range.clone())).or_default();
                let close = bucket
                    .iter()
                    .filter(|earlier| distance(&hashes[**earlier], hash) <= threshold)
                    .map(|earlier| (*earlier, index));
                found.extend(close);
                bucket.push(index);
            }
            found
        })
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The bits of `hash` in `range`, at most 64 of them.
fn bits_of(hash: &Hash, range: std::ops::Range<usize>) -> u64 {
    range.fold(0, |bits, bit| {
        bits << 1 | (hash[bit / 64] >> (bit % 64)) & 1
    })
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
    use super::*;
    use crate::dataset::Location;

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

    #[test]
    fn close_pairs_are_those_of_comparing_all_with_all() {
        // Hashes in clusters: a base and copies with a few bits turned.
        let mut hashes: Vec<Hash> = Vec::new();
        for cluster in 0..20u64 {
            let word = |index: u64| (cluster * 4 + index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let base = [word(0), word(1), word(2), word(3)];
            for copy in 0..6u32 {
                let mut hash = base;
                for bit in 0..copy * 9 {
                    let place = (bit * 37 + copy * 11) as usize % 256;
                    hash[place / 64] ^= 1 << (place % 64);
                }
                hashes.push(hash);
            }
        }
        for threshold in [0, 1, 10, 24, 40] {
            let mut expected = Vec::new();
            for b in 0..hashes.len() {
                for a in 0..b {
                    if distance(&hashes[a], &hashes[b]) <= threshold {
                        expected.push((a, b));
                    }
                }
            }
            expected.sort_unstable();
            assert_eq!(close_pairs(&hashes, threshold), expected, "{threshold}");
        }
    }
}
