//! Said and found: the reliability diagram, and the Brier score in parts.

use serde::{Deserialize, Serialize};

use super::{
    CALIBRATION_BINS, Figure, Interval, ScoredFilm, equal_mass_bins, patient_indices,
    wilson_by_patient,
};

/// One bin of a reliability diagram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Mean of the probabilities in it.
    pub said: f64,
    /// Share of its films for which what was said is so, with its interval, films of one patient together.
    pub found: Interval,
    /// Films in it.
    pub films: usize,
}

/// The diagram: probabilities in [`CALIBRATION_BINS`] bins of equally many films, lowest first. With two
/// labels the probability of the positive one, otherwise that of the most probable one, of which "found"
/// is that it is the true one. Empty when a probability is not a number.
pub fn reliability(scored: &[ScoredFilm], positive: usize) -> Vec<ReliabilityBin> {
    let (said, found): (Vec<f64>, Vec<bool>) = scored
        .iter()
        .map(|film| match film.probabilities[..] {
            [_, _] => (film.probabilities[positive], film.truth == positive),
            _ => {
                let label = film.most_probable();
                (film.probabilities[label], film.truth == label)
            }
        })
        .unzip();
    let Some(bin_of) = equal_mass_bins(&said, CALIBRATION_BINS) else {
        return Vec::new();
    };
    let (patients, _) = patient_indices(scored);
    (0..CALIBRATION_BINS)
        .filter_map(|bin| {
            let inside: Vec<usize> = (0..said.len()).filter(|&i| bin_of[i] == bin).collect();
            let counted: Vec<(usize, bool)> =
                inside.iter().map(|&i| (patients[i], found[i])).collect();
            Some(ReliabilityBin {
                said: inside.iter().map(|&i| said[i]).sum::<f64>() / inside.len() as f64,
                found: wilson_by_patient(&counted)?,
                films: inside.len(),
            })
        })
        .collect()
}

/// The Brier score as `miscalibration - discrimination + uncertainty` (Dimitriadis, Gneiting and Jordan, PNAS
/// 2021): what probabilities lose by not meaning what they say, what they gain by telling films apart, and
/// what the shares of the labels alone leave open. No bins are needed: the recalibrated probabilities are
/// those of isotonic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrierParts {
    /// The score itself, as [`super::PartMetrics::brier`].
    pub score: Figure,
    /// At least 0; 0 is best.
    pub miscalibration: Figure,
    /// At least 0; more is better.
    pub discrimination: Figure,
    /// Of always saying the share that a label has.
    pub uncertainty: Figure,
}

/// The parts, summed over `labels`; none without films or with probabilities that are not numbers.
pub fn brier_parts(scored: &[ScoredFilm], labels: std::ops::Range<usize>) -> Option<BrierParts> {
    if scored.is_empty() {
        return None;
    }
    let n = scored.len() as f64;
    let (mut score, mut recalibrated, mut uncertainty) = (0.0, 0.0, 0.0);
    for label in labels {
        let mut pairs: Vec<(f64, f64)> = scored
            .iter()
            .map(|film| {
                let truth = f64::from(u8::from(film.truth == label));
                (film.probabilities[label], truth)
            })
            .collect();
        if pairs.iter().any(|pair| pair.0.is_nan()) {
            return None;
        }
        score += pairs.iter().map(|(p, y)| (p - y).powi(2)).sum::<f64>() / n;
        let share = pairs.iter().map(|pair| pair.1).sum::<f64>() / n;
        uncertainty += share * (1.0 - share);
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        recalibrated += isotonic_error(&pairs) / n;
    }
    Some(BrierParts {
        score: Figure::from(score),
        miscalibration: Figure::from(score - recalibrated),
        discrimination: Figure::from(uncertainty - recalibrated),
        uncertainty: Figure::from(uncertainty),
    })
}

/// The sum of squared errors that is left when sorted values are replaced by the best ascending ones (pool
/// adjacent violators); equal values get one answer.
fn isotonic_error(sorted: &[(f64, f64)]) -> f64 {
    // Sum of what was found, and how many films; means ascend.
    let mut blocks: Vec<(f64, f64)> = Vec::new();
    let mut last = f64::NAN;
    for &(value, found) in sorted {
        if value == last {
            if let Some(block) = blocks.last_mut() {
                block.0 += found;
                block.1 += 1.0;
            }
        } else {
            // A block of ties may only be pooled once it is whole.
            pool(&mut blocks);
            blocks.push((found, 1.0));
        }
        last = value;
    }
    pool(&mut blocks);
    // Films are 0 or 1, so a block of mean m and n films leaves n m (1 - m).
    blocks
        .iter()
        .map(|(found, films)| found * (1.0 - found / films))
        .sum()
}

fn pool(blocks: &mut Vec<(f64, f64)>) {
    while let [.., before, last] = blocks[..] {
        if before.0 / before.1 < last.0 / last.1 {
            return;
        }
        blocks.pop();
        if let Some(block) = blocks.last_mut() {
            *block = (before.0 + last.0, before.1 + last.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn films(pairs: &[(f64, usize)]) -> Vec<ScoredFilm> {
        let one = |(index, (p, truth)): (usize, &(f64, usize))| {
            ScoredFilm::alone(index.to_string(), *truth, vec![*p, 1.0 - p])
        };
        pairs.iter().enumerate().map(one).collect()
    }

    #[test]
    fn parts_add_up_and_are_what_they_are_called() {
        // Told apart perfectly, and said too carefully.
        let careful = films(&[(0.7, 0), (0.7, 0), (0.3, 1), (0.3, 1)]);
        let parts = brier_parts(&careful, 0..1).unwrap();
        let close = |figure: Figure, expected: f64| {
            assert!(
                (figure.value().unwrap() - expected).abs() < 1e-12,
                "{parts:?}"
            );
        };
        close(parts.score, 0.09);
        close(parts.uncertainty, 0.25);
        close(parts.discrimination, 0.25);
        close(parts.miscalibration, 0.09);
        // Said rightly: half of those with 0.5 have it.
        let honest = brier_parts(&films(&[(0.5, 0), (0.5, 1)]), 0..1).unwrap();
        assert_eq!(honest.miscalibration.value(), Some(0.0));
        assert_eq!(honest.discrimination.value(), Some(0.0));
        assert_eq!(brier_parts(&[], 0..1), None);
        assert_eq!(brier_parts(&films(&[(f64::NAN, 0)]), 0..1), None);
    }

    #[test]
    fn bins_say_and_find() {
        let pairs: Vec<(f64, usize)> = (0..200)
            .map(|i| (f64::from(i) / 200.0, usize::from(i % 4 != 0)))
            .collect();
        let bins = reliability(&films(&pairs), 0);
        assert_eq!(bins.len(), CALIBRATION_BINS);
        for bin in &bins {
            assert_eq!((bin.films, bin.found.value), (20, 0.25));
            assert!(bin.found.low < 0.25 && bin.found.high > 0.25);
        }
        assert!((bins[0].said - 9.5 / 200.0).abs() < 1e-12);
    }
}
