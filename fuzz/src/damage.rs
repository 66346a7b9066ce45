//! What is done to good files.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Most changes to one file.
const MOST_CHANGES: usize = 8;
/// Longest file that comes out, in bytes.
const LONGEST: usize = 4 << 20;
/// Where formats say how the rest is to be read, in bytes.
const HEAD: usize = 1 << 12;
/// Numbers that lengths and offsets go wrong at.
const NUMBERS: [u32; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];
/// Pieces of text that readers of tables and settings trip over.
const WORDS: [&str; 22] = [
    ",",
    ";",
    "\n",
    "\r\n",
    "\"",
    "\"\"",
    "\0",
    "nan",
    "inf",
    "-1",
    "1e309",
    "99999999999999999999",
    "../",
    "/",
    "|",
    "[",
    "]",
    "=",
    "{",
    "\u{feff}",
    "\u{202e}",
    "é",
];

/// Damages files, the same ones for the same seed.
pub(crate) struct Damage(ChaCha8Rng);

impl Damage {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let shift = name.bytes().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Self(ChaCha8Rng::seed_from_u64(seed.wrapping_add(shift)))
    }

    /// One of the files, damaged.
    pub(crate) fn one_of(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(MOST_CHANGES) {
            self.change(&mut bytes, seeds);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.place(bytes);
        let rest = bytes.len() - at;
        match self.below(9) {
            0 if rest > 0 => bytes[at] ^= 1 << self.below(8),
            1 if rest > 0 => bytes[at] = self.0.random(),
            2 => {
                let number = NUMBERS[self.below(NUMBERS.len())];
                let width = [1, 2, 4][self.below(3)].min(rest);
                let written = match self.0.random::<bool>() {
                    true => number.to_le_bytes(),
                    false => number.to_be_bytes(),
                };
                bytes[at..at + width].copy_from_slice(&written[..width]);
            }
            3 => bytes.truncate(at),
            4 => {
                let length = self.below(rest.min(64) + 1);
                bytes.drain(at..at + length);
            }
            5 => {
                let length = self.below(rest.min(256) + 1);
                let piece = bytes[at..at + length].to_vec();
                self.insert(bytes, &piece);
            }
            6 => {
                let word = WORDS[self.below(WORDS.len())];
                self.insert(bytes, word.as_bytes());
            }
            7 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                let length = self.below((other.len() - from).min(512) + 1);
                let piece = other[from..from + length].to_vec();
                self.insert(bytes, &piece);
            }
            _ => {
                let piece: Vec<u8> = (0..=self.below(16)).map(|_| self.0.random()).collect();
                self.insert(bytes, &piece);
            }
        }
    }

    /// Somewhere in a file, half of the time in its head.
    fn place(&mut self, bytes: &[u8]) -> usize {
        let end = match self.0.random::<bool>() {
            true => bytes.len().min(HEAD),
            false => bytes.len(),
        };
        self.below(end + 1)
    }

    fn insert(&mut self, bytes: &mut Vec<u8>, piece: &[u8]) {
        let at = self.place(bytes);
        bytes.splice(at..at, piece.iter().copied());
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }
}
