//! What passes between the service and a decoding process.
//!
//! To the child: the length of a film's file as 8 bytes, little endian, and the file. Back: one byte, [`DECODED`] or
//! [`REFUSED`]; the length of a text as 8 bytes, and the text: [`Shape`] as JSON, or the reason. After a shape the
//! pixels follow, as many bytes as it says.

use plainfilm::radiograph::{Provenance, Radiograph};
use serde::{Deserialize, Serialize};

pub(super) const DECODED: u8 = 0;
pub(super) const REFUSED: u8 = 1;

/// The name that a child gives to every film: it is told none.
pub(super) const NAME: &str = "film";

/// A film without its pixels.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Shape {
    width: u32,
    height: u32,
    bit_depth: u8,
    provenance: Provenance,
}

impl Shape {
    pub(super) fn of(film: &Radiograph) -> Self {
        Self {
            width: film.width,
            height: film.height,
            bit_depth: film.bit_depth,
            provenance: film.provenance.clone(),
        }
    }

    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes of the pixels: one each for up to 8 bits, else two.
    pub(super) fn bytes(&self) -> u64 {
        self.pixels() * if self.bit_depth > 8 { 2 } else { 1 }
    }

    /// The film again; none where the bytes are not its own.
    pub(super) fn film(self, name: &str, bytes: &[u8]) -> Option<Radiograph> {
        if bytes.len() as u64 != self.bytes() {
            return None;
        }
        let pixels = match self.bit_depth > 8 {
            true => {
                let (pairs, _) = bytes.as_chunks::<2>();
                pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect()
            }
            false => bytes.iter().map(|&value| u16::from(value)).collect(),
        };
        Some(Radiograph {
            width: self.width,
            height: self.height,
            bit_depth: self.bit_depth,
            pixels,
            provenance: Provenance {
                name: name.to_owned(),
                ..self.provenance
            },
        })
    }
}

/// Pixels as [`Shape::film`] reads them.
pub(super) fn pixel_bytes(film: &Radiograph) -> Vec<u8> {
    match film.bit_depth > 8 {
        true => film.pixels.iter().flat_map(|v| v.to_le_bytes()).collect(),
        false => film.pixels.iter().map(|&value| value as u8).collect(),
    }
}

/// What a child says once it has given up its rights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ready {
    /// Whether files and network are out of reach: as far as this kernel can.
    pub(super) confined: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_of_both_depths_come_back_as_they_were() {
        for (bit_depth, pixels) in [
            (8, vec![0, 1, 255, 7, 9, 0]),
            (16, vec![0, 1, 65_535, 256, 9, 1]),
        ] {
            let film = Radiograph {
                width: 3,
                height: 2,
                bit_depth,
                pixels,
                provenance: Provenance {
                    name: "a.png".to_owned(),
                    format: "png".to_owned(),
                    colour: "grey".to_owned(),
                    orientation: 1,
                    synthetic: false,
                    coloured_pixels: 0,
                    used_bits: 8,
                },
            };
            let bytes = pixel_bytes(&film);
            assert_eq!(Shape::of(&film).film("a.png", &bytes), Some(film.clone()));
            assert_eq!(Shape::of(&film).film("a.png", &bytes[1..]), None);
        }
    }
}
