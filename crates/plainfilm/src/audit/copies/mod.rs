//! Copies: films that are in a data set twice, as they are or changed.

use std::collections::HashMap;

use image::GrayImage;
use image_hasher::{HashAlg, HasherConfig};
use sha2::{Digest, Sha256};

use crate::radiograph::Radiograph;

/// What is kept of a film to find its copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 of size, depth and pixels.
    digest: [u8; 32],
    /// Gradient hashes of the film and of its mirror image; none when it is one even grey.
    hashes: Option<[[u64; 4]; 2]>,
}

/// How alike two films are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// The same pixels at the same size and depth.
    Exact,
    /// One picture, changed.
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
    /// 0 when exact; the greater, the less alike.
    pub distance: u32,
    /// Whether one is the mirror image of the other.
    pub mirrored: bool,
}

impl Fingerprint {
    /// The fingerprint of a film.
    #[must_use]
    pub fn of(radiograph: &Radiograph) -> Self {
        let mut digest = Sha256::new();
        digest.update(radiograph.width.to_le_bytes());
        digest.update(radiograph.height.to_le_bytes());
        digest.update([radiograph.bit_depth]);
        for pixel in &radiograph.pixels {
            digest.update(pixel.to_le_bytes());
        }
        let even = radiograph.pixels.windows(2).all(|two| two[0] == two[1]);
        let shift = radiograph.bit_depth.saturating_sub(8);
        let picture = GrayImage::from_fn(radiograph.width, radiograph.height, |x, y| {
            let at = y as usize * radiograph.width as usize + x as usize;
            image::Luma([(radiograph.pixels[at] >> shift).min(255) as u8])
        });
        let hasher = HasherConfig::with_bytes_type::<[u8; 32]>()
            .hash_alg(HashAlg::Gradient)
            .hash_size(16, 16)
            .to_hasher();
        let hash = |picture: &GrayImage| {
            let hash = hasher.hash_image(picture);
            let mut words = [0; 4];
            for (word, bytes) in words.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
                *word = u64::from_le_bytes(bytes.try_into().expect("chunks of eight bytes"));
            }
            words
        };
        let mirrored = image::imageops::flip_horizontal(&picture);
        Self {
            digest: digest.finalize().into(),
            hashes: (!even).then(|| [hash(&picture), hash(&mirrored)]),
        }
    }
}

/// All pairs of films that are one picture, in order of their indices.
#[must_use]
pub fn find_pairs(fingerprints: &[Fingerprint]) -> Vec<Pair> {
    let mut firsts: HashMap<[u8; 32], usize> = HashMap::new();
    let mut pairs = Vec::new();
    for (second, fingerprint) in fingerprints.iter().enumerate() {
        let first = *firsts.entry(fingerprint.digest).or_insert(second);
        if first != second {
            pairs.push(Pair {
                first,
                second,
                likeness: Likeness::Exact,
                distance: 0,
                mirrored: false,
            });
            continue;
        }
        let Some([hash, _]) = fingerprint.hashes else {
            continue;
        };
        for (first, other) in fingerprints[..second].iter().enumerate() {
            let Some(hashes) = other.hashes else { continue };
            let distances: [u32; 2] = hashes.map(|other| {
                hash.iter()
                    .zip(other)
                    .map(|(a, b)| (a ^ b).count_ones())
                    .sum()
            });
            let distance = distances[0].min(distances[1]);
            if distance <= 24 {
                pairs.push(Pair {
                    first,
                    second,
                    likeness: Likeness::Near,
                    distance,
                    mirrored: distances[1] < distances[0],
                });
            }
        }
    }
    pairs.sort_unstable_by_key(|pair| (pair.first, pair.second));
    pairs
}
