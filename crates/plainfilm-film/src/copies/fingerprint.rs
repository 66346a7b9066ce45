//! What is kept of a film: a digest of its pixels and a small square that shows it.

use sha2::{Digest, Sha256};

use crate::grid::{Grid, LEVELS, ranks};
use crate::radiograph::Radiograph;

/// Side of the square that is kept.
pub(super) const SIDE: usize = 31;
/// Values of the square that is kept.
pub(super) const CELLS: usize = SIDE * SIDE;

/// What is kept of a film to find its copies, in about half a kilobyte.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 of size, depth and pixels.
    digest: [u8; 32],
    /// Ranks of the square's grey levels, two to a byte.
    ranks: [u8; CELLS.div_ceil(2)],
    /// False where near copies cannot be known: an even grey looks like any other, and all phantoms
    /// share one anatomy.
    has_detail: bool,
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Fingerprint(")?;
        for byte in &self.digest[..8] {
            write!(formatter, "{byte:02x}")?;
        }
        write!(formatter, ")")
    }
}

impl Fingerprint {
    /// The fingerprint of a film. Of one that our generator drew, only exact copies are found.
    #[must_use]
    pub fn of(radiograph: &Radiograph) -> Self {
        let grid = Grid::of(radiograph);
        let levels = ranks(&grid.square(&grid.without_frame(), SIDE));
        let mut packed = [0; CELLS.div_ceil(2)];
        for (cell, level) in levels.iter().enumerate() {
            packed[cell / 2] |= level << (cell % 2 * 4);
        }
        Self {
            digest: pixel_digest(radiograph),
            ranks: packed,
            has_detail: !radiograph.provenance.synthetic
                && levels.iter().any(|level| *level != levels[0]),
        }
    }

    /// SHA-256 of size, depth and pixels.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// False when there is nothing by which near copies could be known.
    pub(super) fn has_detail(&self) -> bool {
        self.has_detail
    }

    /// The film as a square of ranks, row by row, from -0.5 (darkest) to 0.5.
    pub(super) fn square(&self) -> [f32; CELLS] {
        std::array::from_fn(|cell| {
            let level = self.ranks[cell / 2] >> (cell % 2 * 4) & 0xf;
            (f32::from(level) + 0.5) / LEVELS as f32 - 0.5
        })
    }
}

/// SHA-256 of a film's size, depth and pixels: files that decode to one picture share it, whatever their
/// format and their metadata.
#[must_use]
pub fn pixel_digest(film: &Radiograph) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(film.width.to_le_bytes());
    digest.update(film.height.to_le_bytes());
    digest.update([film.bit_depth]);
    let mut bytes = Vec::with_capacity(2 << 12);
    for pixels in film.pixels.chunks(1 << 12) {
        bytes.clear();
        bytes.extend(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
        digest.update(&bytes);
    }
    digest.finalize().into()
}
