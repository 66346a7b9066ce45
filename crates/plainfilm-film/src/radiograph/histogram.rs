//! Histogram standardisation: what a film's grey levels mean, without the apparatus' own scale.

use serde::{Deserialize, Serialize};

use super::Plane;
use super::options::names;

/// What happens to a film's grey levels before they are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Histogram {
    /// They stay.
    #[default]
    Stored,
    /// Every value becomes its rank among the film's pixels, 0 to 1: whatever an apparatus or a
    /// viewer did to brightness, contrast or gamma is gone.
    Equalised,
    /// Contrast-limited adaptive equalisation (Zuiderveld 1994): 8x8 tiles, 256 levels, a level
    /// holding at most 3 times the mean count, tiles joined bilinearly.
    Clahe,
}

names!(Histogram {
    Stored => "stored",
    Equalised => "equalised",
    Clahe => "clahe",
});

/// Levels that values are counted in for [`equalise`]; finer than 8-bit films' own.
const LEVELS: usize = 1024;

/// Tiles along each side, levels, and the limit as a multiple of the mean count, for [`clahe`].
const TILES: usize = 8;
const CLAHE_LEVELS: usize = 256;
const CLIP: f32 = 3.0;

/// Gives every value (0..=1) its rank: the share of the pixels below it plus half the share equal to
/// it, at 1/1024 of full scale. A constant film becomes 0.5.
pub fn equalise(values: &mut [f32]) {
    if values.is_empty() {
        return;
    }
    let level = |value: f32| ((value.clamp(0.0, 1.0) * LEVELS as f32) as usize).min(LEVELS - 1);
    let mut counts = [0_u32; LEVELS];
    for &value in values.iter() {
        counts[level(value)] += 1;
    }
    let all = values.len() as f64;
    let mut below = 0_u32;
    let ranks = counts.map(|count| {
        let rank = (f64::from(below) + f64::from(count) / 2.0) / all;
        below += count;
        rank as f32
    });
    for value in values {
        *value = ranks[level(*value)];
    }
}

/// Adaptive equalisation, see [`Histogram::Clahe`]. A film of fewer than 16 pixels a side is
/// equalised as a whole.
pub fn clahe(plane: &mut Plane) {
    let size = plane.size;
    if size < 2 * TILES {
        equalise(&mut plane.values);
        return;
    }
    let edge = |tile: usize| tile * size / TILES;
    let level =
        |value: f32| ((value.clamp(0.0, 1.0) * CLAHE_LEVELS as f32) as usize).min(CLAHE_LEVELS - 1);
    let maps: Vec<[f32; CLAHE_LEVELS]> = (0..TILES * TILES)
        .map(|tile| {
            let (rows, columns) = (tile / TILES, tile % TILES);
            let mut counts = [0.0_f32; CLAHE_LEVELS];
            for y in edge(rows)..edge(rows + 1) {
                for &value in &plane.values[y * size + edge(columns)..y * size + edge(columns + 1)]
                {
                    counts[level(value)] += 1.0;
                }
            }
            limited_ranks(counts)
        })
        .collect();
    // Position of each pixel between the centres of the two nearest tiles.
    let between: Vec<(usize, usize, f32)> = (0..size)
        .map(|at| {
            let place = ((at as f32 + 0.5) * TILES as f32 / size as f32 - 0.5)
                .clamp(0.0, (TILES - 1) as f32);
            let low = (place as usize).min(TILES - 2);
            (low, low + 1, place - low as f32)
        })
        .collect();
    for (y, row) in plane.values.chunks_exact_mut(size).enumerate() {
        let (top, bottom, down) = between[y];
        for (value, &(left, right, across)) in row.iter_mut().zip(&between) {
            let level = level(*value);
            let at = |row: usize, column: usize| maps[row * TILES + column][level];
            let upper = at(top, left) + (at(top, right) - at(top, left)) * across;
            let lower = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * across;
            *value = upper + (lower - upper) * down;
        }
    }
}

/// Ranks of levels whose counts were cut at the limit, the excess spread over all levels.
fn limited_ranks(mut counts: [f32; CLAHE_LEVELS]) -> [f32; CLAHE_LEVELS] {
    let all: f32 = counts.iter().sum();
    let limit = CLIP * all / CLAHE_LEVELS as f32;
    let mut excess = 0.0;
    for count in &mut counts {
        excess += (*count - limit).max(0.0);
        *count = count.min(limit);
    }
    let share = excess / CLAHE_LEVELS as f32;
    let mut below = 0.0;
    counts.map(|count| {
        let rank = (below + (count + share) / 2.0) / all;
        below += count + share;
        rank.min(1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(gamma: f32) -> Plane {
        let values = (0..64 * 64)
            .map(|index| ((index * 37 % 4093) as f32 / 4092.0).powf(gamma))
            .collect();
        Plane { size: 64, values }
    }

    #[test]
    fn ranks_by_hand() {
        let mut values = vec![0.2, 0.9, 0.2, 0.5];
        equalise(&mut values);
        assert_eq!(values, [0.25, 0.875, 0.25, 0.625]);
        let mut flat = vec![0.3; 5];
        equalise(&mut flat);
        assert_eq!(flat, [0.5; 5]);
        equalise(&mut []);
    }

    #[test]
    fn equalising_undoes_a_gamma() {
        let (mut plain, mut bent) = (film(1.0), film(1.8));
        equalise(&mut plain.values);
        equalise(&mut bent.values);
        let most = plain
            .values
            .iter()
            .zip(&bent.values)
            .fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        // The darkest levels of the bent film share a bin.
        assert!(most < 0.02, "{most}");
    }

    #[test]
    fn clahe_raises_local_contrast_and_keeps_the_range() {
        let size = 64;
        // A faint chequered half beside a bright one.
        let values: Vec<f32> = (0..size * size)
            .map(|index| {
                let (y, x) = (index / size, index % size);
                let base = if x < size / 2 { 0.2 } else { 0.8 };
                base + 0.02 * ((x / 2 + y / 2) % 2) as f32
            })
            .collect();
        let mut plane = Plane { size, values };
        clahe(&mut plane);
        let (a, b) = (plane.values[8 * size + 8], plane.values[8 * size + 10]);
        assert!((a - b).abs() > 0.025, "{a} {b}");
        assert!(plane.values.iter().all(|v| (0.0..=1.0).contains(v)));
        for size in [0, 1, 5, 16, 17] {
            let mut tiny = Plane {
                size,
                values: vec![0.4; size * size],
            };
            clahe(&mut tiny);
            assert!(tiny.values.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}
