//! Methods that need scores alone: what is covered, and how much the score falls.

use rand::RngExt;

use super::scores::{PixelScores, without_structure};
use super::{Evidence, Grid};
use plainfilm_seed as seed;

/// Columns and rows of the coarse grid of a random mask (Petsiuk et al. 2018 use 7 at 224 pixels).
const MASK_CELLS: usize = 7;
/// Films made and scored at once.
const AT_ONCE: usize = 32;

/// How much the score falls when a patch of the film is replaced by the film's mean, averaged over the
/// patches that cover a pixel (Zeiler and Fergus 2014, arXiv:1311.2901). Patches overlap by half.
pub(super) fn occlusion<M: PixelScores>(
    model: &M,
    film: &[f32],
    label: usize,
) -> Result<Evidence, M::Error> {
    let size = model.size();
    let across = model.settings().patches.min(size);
    // Every patch has this side; the last ones end at the edge.
    let side = size.div_ceil(across);
    let places = 2 * across - 1;
    let start = |place: usize| (place * side / 2).min(size - side);
    let plain = model.scores(film)?[0][label];
    let covered = without_structure(film, size * size);
    let (mut sums, mut counts) = (vec![0.0_f32; size * size], vec![0.0_f32; size * size]);
    let patches: Vec<[usize; 2]> = (0..places * places)
        .map(|index| [start(index % places), start(index / places)])
        .collect();
    let pixels_of = |[left, top]: [usize; 2]| {
        (top..top + side).flat_map(move |row| row * size + left..row * size + left + side)
    };
    for patches in patches.chunks(AT_ONCE) {
        let mut pixels = Vec::with_capacity(patches.len() * film.len());
        for &patch in patches {
            let from = pixels.len();
            pixels.extend_from_slice(film);
            for channel in (0..film.len()).step_by(size * size) {
                for pixel in pixels_of(patch) {
                    pixels[from + channel + pixel] = covered[channel + pixel];
                }
            }
        }
        for (&patch, scores) in patches.iter().zip(model.scores(&pixels)?) {
            for pixel in pixels_of(patch) {
                sums[pixel] += plain - scores[label];
                counts[pixel] += 1.0;
            }
        }
    }
    Ok(Evidence {
        grid: Grid::pixels(size),
        values: sums.iter().zip(&counts).map(|(s, c)| s / c).collect(),
    })
}

/// RISE (Petsiuk et al. 2018, arXiv:1806.07421): how much higher the score is than on average when a
/// pixel is seen, over random masks that show half of the film and replace the rest by its mean.
///
/// Deviations: the paper multiplies films by masks, which turns what is hidden black, and adds up
/// probabilities, whose mean over all masks lies under the whole map; here the hidden part fades to
/// the film's mean, and the mean score is taken off, so that 0 is no evidence.
pub(super) fn rise<M: PixelScores>(
    model: &M,
    film: &[f32],
    label: usize,
) -> Result<Evidence, M::Error> {
    let size = model.size();
    let area = size * size;
    let hidden = without_structure(film, size * size);
    let count = model.settings().masks;
    let mut scores = Vec::with_capacity(count);
    let (mut weighted, mut shown) = (vec![0.0_f64; area], vec![0.0_f64; area]);
    for first in (0..count).step_by(AT_ONCE) {
        let masks: Vec<Vec<f32>> = (first..count.min(first + AT_ONCE))
            .map(|index| random_mask(size, model.settings().seed, index))
            .collect();
        let mut pixels = Vec::with_capacity(masks.len() * film.len());
        for mask in &masks {
            pixels.extend(
                film.iter()
                    .zip(&hidden)
                    .zip(mask.iter().cycle())
                    .map(|((to, from), share)| from + (to - from) * share),
            );
        }
        for (mask, found) in masks.iter().zip(model.scores(&pixels)?) {
            let score = f64::from(found[label]);
            scores.push(score);
            for ((weighted, shown), &share) in weighted.iter_mut().zip(&mut shown).zip(mask) {
                *weighted += score * f64::from(share);
                *shown += f64::from(share);
            }
        }
    }
    let mean = scores.iter().sum::<f64>() / count as f64;
    let values = weighted
        .iter()
        .zip(&shown)
        .map(|(sum, shown)| {
            // With very few masks a pixel may never be shown.
            if *shown > 0.0 {
                (sum / shown - mean) as f32
            } else {
                0.0
            }
        })
        .collect();
    Ok(Evidence {
        grid: Grid::pixels(size),
        values,
    })
}

/// Shares of the film to show, 0 to 1: a coarse grid of coin tosses, enlarged linearly and shifted by up to
/// one cell.
fn random_mask(size: usize, seed: u64, index: usize) -> Vec<f32> {
    let mut random = seed::generator(seed, "mask", &[index as u64]);
    // One cell more for the shift, and one because cells end in two corners.
    let side = MASK_CELLS + 2;
    let values = (0..side * side)
        .map(|_| if random.random::<bool>() { 1.0 } else { 0.0 })
        .collect();
    let step = size as f64 / MASK_CELLS as f64;
    let mut shift = || random.random::<f64>() * step;
    let (right, down) = (shift(), shift());
    let coarse = Evidence {
        grid: Grid {
            side,
            start: 0.0,
            step,
        },
        values,
    };
    (0..size * size)
        .map(|pixel| {
            coarse.at(
                (pixel % size) as f64 + 0.5 + right,
                (pixel / size) as f64 + 0.5 + down,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_half_of_the_film_everywhere_and_repeat() {
        let masks: Vec<Vec<f32>> = (0..400).map(|index| random_mask(21, 1, index)).collect();
        assert_eq!(masks[7], random_mask(21, 1, 7));
        assert_ne!(masks[7], masks[8]);
        for pixel in [0, 20, 10 * 21 + 10, 21 * 21 - 1] {
            let mean = masks.iter().map(|mask| mask[pixel]).sum::<f32>() / 400.0;
            assert!((0.42..0.58).contains(&mean), "{pixel}: {mean}");
        }
        let all = masks.iter().flatten();
        assert!(all.clone().all(|share| (0.0..=1.0).contains(share)));
    }
}
