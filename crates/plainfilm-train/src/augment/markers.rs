//! Frames and lead markers. Films of every label get them, so that they mean nothing.

use rand::{Rng, RngExt};

use plainfilm_film::radiograph::Plane;

/// Letters that radiographers put on films, five columns by seven rows, most significant bit left.
const LETTERS: [[u8; 7]; 8] = [
    // L
    [
        0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111,
    ],
    // R
    [
        0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001,
    ],
    // A
    [
        0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001,
    ],
    // P
    [
        0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000,
    ],
    // E
    [
        0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111,
    ],
    // D
    [
        0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110,
    ],
    // 1
    [
        0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110,
    ],
    // 7
    [
        0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000,
    ],
];

/// Covers a share of the side at the left, right, top and bottom, with one level for all.
pub(super) fn frame(plane: &mut Plane, shares: [f32; 4], rng: &mut impl Rng) {
    let level = if rng.random::<f32>() < 0.8 { 0.0 } else { 1.0 };
    let size = plane.size;
    let [left, right, top, bottom] = shares.map(|share| (share * size as f32) as usize);
    for (y, row) in plane.values.chunks_exact_mut(size).enumerate() {
        if y < top || y >= size - bottom {
            row.fill(level);
        } else {
            row[..left].fill(level);
            row[size - right..].fill(level);
        }
    }
}

/// Puts one to five letters or a bright plate into each corner with a probability.
pub(super) fn corners(plane: &mut Plane, probability: f32, rng: &mut impl Rng) {
    for corner in 0..4 {
        if rng.random::<f32>() < probability {
            corner_marker(plane, corner, rng);
        }
    }
}

fn corner_marker(plane: &mut Plane, corner: usize, rng: &mut impl Rng) {
    let size = plane.size as f32;
    let mut within = |least: f32, most: f32| least + (most - least) * rng.random::<f32>();
    let height = within(0.03, 0.10) * size;
    let cell = height / 7.0;
    let letters = within(1.0, 5.99) as usize;
    let width = (letters as f32 * 6.0 - 1.0) * cell;
    let level = within(0.6, 1.0);
    // A letter cut out of a bright plate, as lead markers on tape look, or the letter itself.
    let plate = within(0.0, 1.0) < 0.25;
    let (inset_x, inset_y) = (within(0.0, 0.12) * size, within(0.0, 0.12) * size);
    let left = if corner.is_multiple_of(2) {
        inset_x
    } else {
        size - inset_x - width
    };
    let top = if corner / 2 == 0 {
        inset_y
    } else {
        size - inset_y - height
    };
    let drawn: Vec<usize> = (0..letters)
        .map(|_| rng.random_range(0..LETTERS.len()))
        .collect();
    let rows = top.max(0.0) as usize..((top + height).max(0.0) as usize).min(plane.size);
    for y in rows {
        let line = ((y as f32 - top) / cell) as usize;
        let columns = left.max(0.0) as usize..((left + width).max(0.0) as usize).min(plane.size);
        for x in columns {
            let column = ((x as f32 - left) / cell) as usize;
            let ink = column % 6 < 5
                && LETTERS[drawn[(column / 6).min(letters - 1)]][line.min(6)] >> (4 - column % 6)
                    & 1
                    == 1;
            if ink != plate {
                plane.values[y * plane.size + x] = level;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn black() -> Plane {
        Plane {
            size: 100,
            values: vec![0.0; 10_000],
        }
    }

    #[test]
    fn markers_stay_in_the_corners() {
        let mut lit = 0;
        for seed in 0..50 {
            let mut film = black();
            corners(
                &mut film,
                1.0,
                &mut plainfilm_seed::generator(seed, "markers", &[]),
            );
            lit += film.values.iter().filter(|&&v| v > 0.5).count();
            let middle_row = &film.values[50 * 100..51 * 100];
            assert!(middle_row.iter().all(|&v| v == 0.0), "seed {seed}");
        }
        assert!(lit > 50 * 100, "{lit} pixels lit");
        let mut film = black();
        corners(
            &mut film,
            0.0,
            &mut plainfilm_seed::generator(1, "markers", &[]),
        );
        assert_eq!(film, black());
    }

    #[test]
    fn a_frame_covers_its_share() {
        let mut film = Plane {
            size: 10,
            values: vec![0.5; 100],
        };
        frame(
            &mut film,
            [0.2, 0.1, 0.0, 0.3],
            &mut plainfilm_seed::generator(1, "frame", &[]),
        );
        let inside = film.values.iter().filter(|&&v| v == 0.5).count();
        assert_eq!(inside, 7 * 7);
        assert_eq!(film.values[2], 0.5);
        assert_ne!(film.values[1], 0.5);
    }
}
