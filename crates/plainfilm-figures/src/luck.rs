//! How much of a calibration error is luck: a few films are never right exactly as often as was said, so the plain
//! error of a perfectly calibrated network is above 0, and resampling films repeats that bias.

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bootstrap::percentile;
use super::{CALIBRATION_BINS, Figure, ScoredFilm, equal_mass_bins, patient_indices};
use plainfilm_seed as seed;

/// Sets of labels that are drawn from the probabilities.
const DRAWS: usize = 1000;
/// With more films than would be drawn so often, fewer sets are drawn: the range is narrow then.
const MOST_FILMS_DRAWN: usize = 20_000_000;
/// However many films there are, this many.
const FEWEST_DRAWS: usize = 200;
/// The same films give the same range: the seed is no setting.
const SEED: u64 = 20_070_122;

/// What stands beside the plain calibration error ([`super::PartMetrics::ece`]), which luck alone keeps above 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationLuck {
    /// Mean over films of the square of their bin's gap between accuracy and mean probability, less what luck adds to it:
    /// `sum of n_b / n (gap_b^2 - variance of gap_b)` over bins of `n_b` of `n` films (Bröcker, Clim Dyn 2012; Kumar, Liang
    /// and Ma, NeurIPS 2019). The variance is that of the films' own gaps, films of one patient together, which makes it
    /// unbiased where probabilities differ within a bin too. Negative where the gaps are smaller than luck makes them on
    /// average. A bin with films of one patient adds nothing. Undefined with a probability that is not a number, and with fewer than two patients.
    pub squared_debiased: Figure,
    /// Its root, in the units of the calibration error; 0 where it is negative.
    pub debiased: Figure,
    /// The plain error that a perfectly calibrated network would have on these films in 95 of 100 cases: its 2.5th and
    /// 97.5th percentile when labels are drawn from the probabilities themselves (consistency resampling, Bröcker and
    /// Smith, Weather Forecast 2007). Films of one patient share the draw.
    pub if_perfect: Option<[f64; 2]>,
}

impl CalibrationLuck {
    /// Of films with their probabilities.
    pub fn of(scored: &[ScoredFilm]) -> Self {
        let films = Films::of(scored);
        films.map_or_else(Self::default, |films| {
            let squared = films.squared_debiased();
            Self {
                squared_debiased: squared.map_or(Figure::UNDEFINED, Figure::from),
                debiased: squared.map_or(Figure::UNDEFINED, |squared| {
                    Figure::from(squared.max(0.0).sqrt())
                }),
                if_perfect: films.if_perfect(),
            }
        })
    }

    /// The range as percentages, such as `6.1 to 13.9 %`; empty where there is none.
    pub fn range(&self) -> String {
        self.if_perfect.map_or_else(String::new, |[low, high]| {
            format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
        })
    }

    /// The range in words, such as `6.1 to 13.9 % if perfectly calibrated`; empty where there is none.
    pub fn in_words(&self) -> String {
        match self.range() {
            range if range.is_empty() => range,
            range => format!("{range} if perfectly calibrated"),
        }
    }

    /// Why the plain error has no interval, with what stands in its place.
    pub(super) fn instead_of_an_interval(&self) -> String {
        let beside = match self.in_words() {
            words if words.is_empty() => words,
            words => format!("; {words}"),
        };
        format!("few films raise it, and resampling them repeats that{beside}")
    }
}

/// Where the draw of a film must lie for its most probable label to be the true one.
struct Film {
    patient: u32,
    bin: u32,
    from: f64,
    confidence: f64,
    is_right: bool,
}

/// Films that can be put into bins.
struct Films {
    films: Vec<Film>,
    patients: usize,
}

impl Films {
    fn of(scored: &[ScoredFilm]) -> Option<Self> {
        if scored.is_empty() {
            return None;
        }
        let labels: Vec<usize> = scored.iter().map(ScoredFilm::most_probable).collect();
        let confidences: Vec<f64> = scored
            .iter()
            .zip(&labels)
            .map(|(film, &label)| film.probabilities[label])
            .collect();
        let bins = equal_mass_bins(&confidences, CALIBRATION_BINS)?;
        let (patient_of, patients) = patient_indices(scored);
        let films = scored
            .iter()
            .enumerate()
            .map(|(index, film)| Film {
                patient: patient_of[index] as u32,
                bin: bins[index] as u32,
                from: film.probabilities[..labels[index]].iter().sum(),
                confidence: confidences[index],
                is_right: labels[index] == film.truth,
            })
            .collect();
        Some(Self { films, patients })
    }

    /// The plain calibration error, had films been right where `is_right` says so.
    fn error(&self, is_right: impl Fn(&Film) -> bool) -> f64 {
        let mut gaps = [0.0; CALIBRATION_BINS];
        for film in &self.films {
            gaps[film.bin as usize] += f64::from(u8::from(is_right(film))) - film.confidence;
        }
        gaps.iter().map(|gap| gap.abs()).sum::<f64>() / self.films.len() as f64
    }

    /// See [`CalibrationLuck::if_perfect`].
    fn if_perfect(&self) -> Option<[f64; 2]> {
        let count = (MOST_FILMS_DRAWN / self.films.len()).clamp(FEWEST_DRAWS, DRAWS);
        let mut errors: Vec<f64> = (0..count as u64)
            .into_par_iter()
            .map(|draw| {
                let mut random = seed::generator(SEED, "labels as said", &[draw]);
                let place: Vec<f64> = (0..self.patients).map(|_| random.random()).collect();
                self.error(|film| {
                    let place = place[film.patient as usize] - film.from;
                    (0.0..film.confidence).contains(&place)
                })
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        Some([percentile(&errors, 0.025), percentile(&errors, 0.975)])
    }

    /// See [`CalibrationLuck::squared_debiased`].
    fn squared_debiased(&self) -> Option<f64> {
        // For each bin its patients' films and sums of gaps.
        let mut bins: Vec<std::collections::BTreeMap<u32, (f64, f64)>> =
            vec![Default::default(); CALIBRATION_BINS];
        for film in &self.films {
            let sums = bins[film.bin as usize].entry(film.patient).or_default();
            sums.0 += 1.0;
            sums.1 += f64::from(u8::from(film.is_right)) - film.confidence;
        }
        let mut sum = 0.0;
        for bin in bins.iter().filter(|bin| !bin.is_empty()) {
            let patients = bin.len() as f64;
            let (films, gaps) = bin.values().fold((0.0, 0.0), |(films, gaps), own| {
                (films + own.0, gaps + own.1)
            });
            let gap = gaps / films;
            // What one patient's luck is cannot be seen from one patient: the bin's gap is taken to be luck.
            if patients < 2.0 {
                continue;
            }
            let squares: f64 = bin.values().map(|own| (own.1 - own.0 * gap).powi(2)).sum();
            let variance = patients / (patients - 1.0) * squares / (films * films);
            sum += films * (gap * gap - variance);
        }
        (self.patients > 1).then(|| sum / self.films.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Films whose labels are drawn from `truth(what is said)`, `per_patient` of each patient, who share the draw.
    fn drawn(run: u64, films: usize, per_patient: usize, truth: fn(f64) -> f64) -> Vec<ScoredFilm> {
        let mut random = seed::generator(7, "films of a network", &[run]);
        let mut place = 0.0;
        (0..films)
            .map(|index| {
                let said: f64 = random.random_range(0.02..0.98);
                if index % per_patient == 0 {
                    place = random.random();
                }
                let label = usize::from(place >= truth(said));
                ScoredFilm {
                    patient: (index / per_patient).to_string(),
                    ..ScoredFilm::alone(index.to_string(), label, vec![said, 1.0 - said])
                }
            })
            .collect()
    }

    #[test]
    fn a_perfectly_calibrated_network_is_in_the_range_and_has_no_error_on_average() {
        let runs = 400;
        for (films, per_patient) in [(100, 1), (120, 3)] {
            let (mut inside, mut plain, mut squared) = (0, 0.0, 0.0);
            for run in 0..runs {
                let scored = drawn(run, films, per_patient, |said| said);
                let luck = CalibrationLuck::of(&scored);
                let own = Films::of(&scored).unwrap().error(|film| film.is_right);
                let [low, high] = luck.if_perfect.unwrap();
                inside += u32::from(low <= own && own <= high);
                plain += own / runs as f64;
                squared += luck.squared_debiased.value().unwrap() / runs as f64;
            }
            // 95 % of 400 runs: a standard error of 1.1 %.
            let share = f64::from(inside) / runs as f64;
            assert!((0.92..=0.98).contains(&share), "{share} of {films}");
            assert!(plain > 0.08, "{plain}: the plain error is not 0");
            assert!(squared.abs() < 0.001, "{squared} of {films}");
        }
    }

    #[test]
    fn an_error_that_is_there_is_found() {
        // Said twice as surely, in log odds, as is so: the squared gap over all probabilities by Simpson's rule.
        let truth = |said: f64| 1.0 / (1.0 + ((1.0 - said) / said).sqrt());
        let steps = 2000;
        let squared: f64 = (0..=steps)
            .map(|step| {
                let weight = match step {
                    0 => 1.0,
                    step if step == steps => 1.0,
                    step => 2.0 + 2.0 * f64::from(step % 2),
                };
                let said = 0.02 + 0.96 * f64::from(step) / f64::from(steps);
                weight * (truth(said) - said).powi(2)
            })
            .sum::<f64>()
            / f64::from(3 * steps);
        let runs = 200;
        let (mut mean, mut outside) = (0.0, 0);
        for run in 0..runs {
            let scored = drawn(run, 400, 1, truth);
            let luck = CalibrationLuck::of(&scored);
            let own = Films::of(&scored).unwrap().error(|film| film.is_right);
            mean += luck.squared_debiased.value().unwrap() / runs as f64;
            outside += u32::from(own > luck.if_perfect.unwrap()[1]);
        }
        // Bins keep a little less than the whole gap.
        assert!((mean / squared - 1.0).abs() < 0.1, "{mean} for {squared}");
        assert!(
            outside > 170,
            "{outside} of {runs} are classified as miscalibrated"
        );
    }

    #[test]
    fn what_cannot_be_said_is_not_and_words_are_plain() {
        assert_eq!(CalibrationLuck::of(&[]), CalibrationLuck::default());
        let no_number = ScoredFilm::alone("a", 0, vec![f64::NAN, f64::NAN]);
        assert_eq!(
            CalibrationLuck::of(&[no_number]),
            CalibrationLuck::default()
        );
        let one = CalibrationLuck::of(&drawn(0, 3, 3, |said| said));
        assert_eq!(one.squared_debiased, Figure::UNDEFINED);
        let many = CalibrationLuck::of(&drawn(0, 100, 1, |said| said));
        assert_eq!(many, CalibrationLuck::of(&drawn(0, 100, 1, |said| said)));
        assert!(
            many.in_words().ends_with(" % if perfectly calibrated"),
            "{}",
            many.in_words()
        );
        assert_eq!(CalibrationLuck::default().in_words(), "");
    }
}
