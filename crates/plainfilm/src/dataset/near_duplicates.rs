//! Films that look the same.

use std::collections::HashMap;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::listing::Listed;
use crate::radiograph::Limits;

/// A group for each film: the index of the first film in it. Films with equal bytes are in one
/// group; a film that cannot be read is in a group of its own.
pub(super) fn groups(
    films: &[Listed],
    read: &(dyn Fn(&Listed) -> Option<Vec<u8>> + Sync),
    _limits: &Limits,
) -> Vec<usize> {
    let digests: Vec<Option<[u8; 32]>> = films
        .par_iter()
        .map(|film| read(film).map(|bytes| Sha256::digest(&bytes).into()))
        .collect();
    let mut first = HashMap::new();
    digests
        .into_iter()
        .enumerate()
        .map(|(index, digest)| digest.map_or(index, |digest| *first.entry(digest).or_insert(index)))
        .collect()
}
