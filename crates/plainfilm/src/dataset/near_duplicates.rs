//! Films that look the same: copies, other sizes and other compressions of one picture.
//!
//! A film is shrunk to a small grey square and described by a double-gradient hash: one bit for each
//! pair of neighbours, which of the two is brighter. Brightness, contrast, size and compression
//! change few bits; another film changes about half of them.

use std::collections::HashMap;

use image::GrayImage;
use image_hasher::{HashAlg, HasherConfig};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::listing::Listed;
use crate::radiograph::{self, Limits, Radiograph};

/// 64-bit words of a hash.
const WORDS: usize = 4;
/// Bits that may differ between two films that look the same.
const THRESHOLD: u32 = 16;

type Hash = [u64; WORDS];

/// A group for each film: the index of the first film in it. Films with equal bytes are in one
/// group, and films whose hashes differ in at most [`THRESHOLD`] bits, directly or through others
/// in between. A film that cannot be read or decoded shares a group with exact copies only.
pub(super) fn groups(
    films: &[Listed],
    read: &(dyn Fn(&Listed) -> Option<Vec<u8>> + Sync),
    limits: &Limits,
) -> Vec<usize> {
    let prints: Vec<Option<Print>> = films
        .par_iter()
        .map(|film| {
            let bytes = read(film)?;
            let decoded = radiograph::decode(&bytes, &film.path, limits).ok();
            Some(Print {
                digest: Sha256::digest(&bytes).into(),
                hash: decoded.as_ref().and_then(hash),
            })
        })
        .collect();
    let mut sets = DisjointSets::new(films.len());
    let mut first: HashMap<[u8; 32], usize> = HashMap::new();
    for (index, print) in prints.iter().enumerate() {
        if let Some(print) = print {
            sets.join(*first.entry(print.digest).or_insert(index), index);
        }
    }
    let hashes: Vec<Option<Hash>> = prints
        .iter()
        .map(|print| print.as_ref().and_then(|print| print.hash))
        .collect();
    for (a, b) in close_pairs(&hashes, THRESHOLD) {
        sets.join(a, b);
    }
    (0..films.len()).map(|index| sets.first_of(index)).collect()
}

struct Print {
    digest: [u8; 32],
    /// Missing when the film cannot be decoded or is featureless.
    hash: Option<Hash>,
}

/// Side of the grey square that is hashed.
const SQUARE: u32 = 64;

/// The hash of a film; none when all its pixels are the same, as nothing tells such films apart.
fn hash(film: &Radiograph) -> Option<Hash> {
    let full_scale = (1u32 << film.bit_depth) - 1;
    let mut sums = vec![(0u64, 0u64); (SQUARE * SQUARE) as usize];
    let column_of = |x: usize| x * SQUARE as usize / film.width as usize;
    for (y, row) in film.pixels.chunks_exact(film.width as usize).enumerate() {
        let start = y * SQUARE as usize / film.height as usize * SQUARE as usize;
        for (x, pixel) in row.iter().enumerate() {
            let cell = &mut sums[start + column_of(x)];
            cell.0 += u64::from(*pixel);
            cell.1 += 1;
        }
    }
    // Films smaller than the square leave cells empty: they are read through from the pixel there.
    let pixels: Vec<u8> = sums
        .into_iter()
        .enumerate()
        .map(|(cell, (sum, count))| {
            let value = match count {
                0 => {
                    let (x, y) = (cell as u32 % SQUARE, cell as u32 / SQUARE);
                    let (x, y) = (x * film.width / SQUARE, y * film.height / SQUARE);
                    u64::from(film.pixels[(y * film.width + x) as usize])
                }
                _ => sum / count,
            };
            (value * 255 / u64::from(full_scale)) as u8
        })
        .collect();
    if pixels.iter().all(|pixel| *pixel == pixels[0]) {
        return None;
    }
    let square = GrayImage::from_raw(SQUARE, SQUARE, pixels)
        .expect("one pixel for each cell of the square was made above");
    let bytes = HasherConfig::with_bytes_type::<[u8; 32]>()
        .hash_alg(HashAlg::DoubleGradient)
        .hash_size(16, 16)
        .to_hasher()
        .hash_image(&square);
    let mut words = [0; WORDS];
    for (word, chunk) in words.iter_mut().zip(bytes.as_bytes().chunks_exact(8)) {
        *word = u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes"));
    }
    Some(words)
}

fn distance(a: &Hash, b: &Hash) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// All pairs of hashes at most `threshold` bits apart, without comparing all with all.
///
/// A hash is cut into `threshold + 1` bands. Two hashes that differ in at most `threshold` bits are
/// equal in at least one band, so only films that share a band are compared (multi-index hashing,
/// Norouzi et al. 2012). Within a band's bucket every film is compared with every other: buckets
/// are small, as long as films are not copies of each other, which a run of equal hashes covers.
fn close_pairs(hashes: &[Option<Hash>], threshold: u32) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    // Equal hashes: each joined to the first only, or a thousand copies would make a million pairs.
    let mut distinct: HashMap<Hash, usize> = HashMap::new();
    let mut representatives: Vec<(usize, Hash)> = Vec::new();
    for (index, hash) in hashes.iter().enumerate() {
        let Some(hash) = hash else { continue };
        let first = *distinct.entry(*hash).or_insert(index);
        if first == index {
            representatives.push((index, *hash));
        } else {
            pairs.push((first, index));
        }
    }
    let bands = threshold as usize + 1;
    let bits = WORDS * 64;
    let near: Vec<(usize, usize)> = (0..bands)
        .into_par_iter()
        .flat_map_iter(|band| {
            let range = band * bits / bands..(band + 1) * bits / bands;
            let mut buckets: HashMap<u64, Vec<usize>> = HashMap::new();
            for (position, (_, hash)) in representatives.iter().enumerate() {
                buckets
                    .entry(bits_of(hash, range.clone()))
                    .or_default()
                    .push(position);
            }
            let mut found = Vec::new();
            for bucket in buckets.values() {
                for (place, a) in bucket.iter().enumerate() {
                    for b in &bucket[place + 1..] {
                        let (a, b) = (&representatives[*a], &representatives[*b]);
                        if distance(&a.1, &b.1) <= threshold {
                            found.push((a.0, b.0));
                        }
                    }
                }
            }
            found
        })
        .collect();
    pairs.extend(near);
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
