//! Does a map follow the network? A map that looks convincing and does not is worse than none.
//!
//! Two questions, each with an answer that a map of chance would get:
//!
//! - **Weights** (Adebayo et al. 2018, arXiv:1810.03292): with random weights, from the head down to the first
//!   layer, a network knows nothing, so its maps must not look as before. A method whose maps stay
//!   alike draws the film, not the network.
//! - **Pixels**: covering what a map shows must cost the score more than covering the rest. By insertion and
//!   deletion (Petsiuk et al. 2018, arXiv:1806.07421) and by ROAD, which fills holes from around
//!   them ([`super::road`]). Both differences are 0 for a map of chance.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::road::fill_in;
use super::scores::without_structure;
use super::{Attribution, Evidence, ExplainError, Explainer, Method, Model, outside_evidence};
use plainfilm_model::networks::{NamedTensor, starting_values, state_dict};
use plainfilm_seed as seed;

/// Steps from no pixel to all of them, for insertion and deletion.
const STEPS: usize = 20;
/// Shares of pixels that ROAD removes.
const REMOVED: [f64; 4] = [0.2, 0.4, 0.6, 0.8];
/// Noise on what ROAD fills in, as a share of the range of the film's values.
const NOISE: f32 = 0.01;
/// Mean rank correlation with the maps of random weights from which on a method fails: our choice,
/// since maps of one film resemble one another a little by the shape of the chest alone.
pub const TOO_ALIKE: f64 = 0.5;
/// Side of the squares that maps are compared on.
const COMPARED: usize = 32;

/// How alike maps stay while weights become random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Randomised {
    /// The weights of this part and of everything after it are random: `head`, or a stage.
    pub from: String,
    /// Mean rank correlation (Spearman) with the maps of the trained network; 0 for maps without evidence.
    pub alike: f64,
}

/// What became of one method's check on one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodCheck {
    /// Which method.
    pub method: Method,
    /// Films that it was checked on.
    pub films: usize,
    /// From the head to the first stage; the last has no trained weight left. Empty of a model that does not show
    /// its weights.
    pub randomised: Vec<Randomised>,
    /// Mean area under the probability while pixels are shown, strongest evidence first. None where only
    /// weights were checked.
    pub insertion: Option<f64>,
    /// The same while pixels are covered: lower is better.
    pub deletion: Option<f64>,
    /// ROAD: half of how much more probable the label stays when the weakest evidence is removed than when the
    /// strongest is; above 0 is better than chance.
    pub road: Option<f64>,
    /// Why the method fails on this network; empty where it does not.
    pub failures: Vec<String>,
}

impl MethodCheck {
    /// Whether its maps are not to be relied on.
    pub fn failed(&self) -> bool {
        !self.failures.is_empty()
    }

    fn judge(&mut self) {
        if let Some(last) = self.randomised.last()
            && last.alike >= TOO_ALIKE
        {
            self.failures.push(format!(
                "maps stay alike when all weights are random (rank correlation {:.2}, {TOO_ALIKE} is too much): \
                 they show the film, not the network",
                last.alike
            ));
        }
        if let (Some(insertion), Some(deletion)) = (self.insertion, self.deletion)
            && insertion <= deletion
        {
            self.failures.push(format!(
                "covering what maps show costs no more than covering the rest (insertion {insertion:.2}, \
                 deletion {deletion:.2})"
            ));
        }
        if let Some(road) = self.road
            && road <= 0.0
        {
            self.failures.push(format!(
                "removing what maps show costs no more than removing the rest (ROAD {road:.2})"
            ));
        }
    }
}

/// Which questions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckDepth {
    /// Random weights alone, all at once: as long as explaining the films once more.
    Weights,
    /// Random weights part by part, insertion, deletion and ROAD: some hundred looks at each film.
    Everything,
}

impl Explainer {
    /// Checks methods on films as the network is shown them ([`Self::pixels`]), each with the label to find
    /// evidence for. `progress` is told the checks done and those there are.
    ///
    /// # Errors
    ///
    /// When a network with random weights cannot be built, which its own settings rule out; of a model that is not
    /// ours, when it fails or a method is not for it.
    pub fn check(
        &self,
        pixels: &[f32],
        labels: &[usize],
        methods: &[Method],
        depth: CheckDepth,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Vec<MethodCheck>, ExplainError> {
        self.check_methods(methods)?;
        let trained = self.maps(pixels, labels, methods)?;
        let mut checks: Vec<MethodCheck> = methods
            .iter()
            .map(|&method| MethodCheck {
                method,
                films: labels.len(),
                randomised: vec![],
                insertion: None,
                deletion: None,
                road: None,
                failures: vec![],
            })
            .collect();
        let mut parts = match &self.model {
            Model::Network(attribution) => attribution.parts(),
            Model::Outside(_) => vec![],
        };
        if depth == CheckDepth::Weights {
            parts.drain(..parts.len().saturating_sub(1));
        }
        let all = parts.len()
            + if depth == CheckDepth::Everything {
                methods.len()
            } else {
                0
            };
        if let Model::Network(attribution) = &self.model {
            for (done, (name, tensors_kept)) in parts.into_iter().enumerate() {
                progress(done, all);
                let random = attribution.randomised(tensors_kept)?;
                for (check, trained) in checks.iter_mut().zip(&trained) {
                    let maps = random.evidence(check.method, pixels, labels);
                    let alike: f64 = maps.iter().zip(trained).map(|(a, b)| likeness(a, b)).sum();
                    check.randomised.push(Randomised {
                        from: name.clone(),
                        alike: alike / labels.len().max(1) as f64,
                    });
                }
            }
        }
        if depth == CheckDepth::Everything {
            for (index, (check, maps)) in checks.iter_mut().zip(&trained).enumerate() {
                progress(all - methods.len() + index, all);
                let films = pixels.chunks_exact(self.film_len());
                let mut sums = [0.0; 3];
                for ((film, &label), map) in films.zip(labels).zip(maps) {
                    let [insertion, deletion] = self.insertion_and_deletion(film, label, map)?;
                    let found = [insertion, deletion, self.road(film, label, map)?];
                    for (sum, found) in sums.iter_mut().zip(found) {
                        *sum += found / labels.len() as f64;
                    }
                }
                check.insertion = Some(sums[0]);
                check.deletion = Some(sums[1]);
                check.road = Some(sums[2]);
            }
        }
        checks.iter_mut().for_each(MethodCheck::judge);
        Ok(checks)
    }

    /// The maps of each method for each film.
    fn maps(
        &self,
        pixels: &[f32],
        labels: &[usize],
        methods: &[Method],
    ) -> Result<Vec<Vec<Evidence>>, ExplainError> {
        let of_method = |method: Method| match &self.model {
            Model::Network(attribution) => Ok(attribution.evidence(method, pixels, labels)),
            Model::Outside(model) => pixels
                .chunks_exact(self.film_len())
                .zip(labels)
                .map(|(film, &label)| outside_evidence(model, method, film, label))
                .collect(),
        };
        methods.iter().map(|&method| of_method(method)).collect()
    }

    /// Areas under the label's probability while pixels appear on, and disappear from, the film. What is
    /// covered is the film's mean in both, so that an order of chance gives the same area twice.
    fn insertion_and_deletion(
        &self,
        film: &[f32],
        label: usize,
        map: &Evidence,
    ) -> Result<[f64; 2], ExplainError> {
        let size = self.usage().preprocessing.size;
        let order = strongest_first(map, size);
        let bare = without_structure(film, size * size);
        let mut pixels = vec![];
        // Step 0 shows nothing or covers nothing, the last all.
        for (from, to) in [(&bare[..], film), (film, &bare[..])] {
            let mut shown = from.to_vec();
            let mut done = 0;
            pixels.extend_from_slice(&shown);
            for step in 1..=STEPS {
                let end = order.len() * step / STEPS;
                for &pixel in &order[done..end] {
                    for channel in (0..film.len()).step_by(size * size) {
                        shown[channel + pixel] = to[channel + pixel];
                    }
                }
                done = end;
                pixels.extend_from_slice(&shown);
            }
        }
        let probabilities = self.probabilities(&pixels)?;
        let area = |rows: &[Vec<f64>]| {
            let heights: Vec<f64> = rows.iter().map(|row| row[label]).collect();
            heights
                .windows(2)
                .map(|pair| (pair[0] + pair[1]) / 2.0)
                .sum::<f64>()
                / STEPS as f64
        };
        Ok([
            area(&probabilities[..=STEPS]),
            area(&probabilities[STEPS + 1..]),
        ])
    }

    fn road(&self, film: &[f32], label: usize, map: &Evidence) -> Result<f64, ExplainError> {
        let size = self.usage().preprocessing.size;
        let order = strongest_first(map, size);
        let (low, high) = film
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
                (low.min(value), high.max(value))
            });
        let mut random = seed::generator(self.settings().seed, "road", &[]);
        let noise: Vec<f32> = (0..size * size)
            .map(|_| (random.random::<f32>() - 0.5) * NOISE * (high - low) * 12_f32.sqrt())
            .collect();
        let mut pixels = vec![];
        for share in REMOVED {
            let count = (order.len() as f64 * share) as usize;
            for gone in [&order[order.len() - count..], &order[..count]] {
                let mut removed = vec![false; size * size];
                for &pixel in gone {
                    removed[pixel] = true;
                }
                let first = &film[..size * size];
                let mut filled: Vec<Vec<f32>> = vec![];
                for channel in film.chunks_exact(size * size) {
                    // Mostly all channels show the same.
                    let same = channel == first && !filled.is_empty();
                    filled.push(if same {
                        filled[0].clone()
                    } else {
                        let mut values = fill_in(channel, &removed, size);
                        for &pixel in gone {
                            values[pixel] += noise[pixel];
                        }
                        values
                    });
                }
                pixels.extend(filled.concat());
            }
        }
        let rows = self.probabilities(&pixels)?;
        let probabilities: Vec<f64> = rows.iter().map(|row| row[label]).collect();
        let differences = probabilities
            .chunks_exact(2)
            .map(|pair| (pair[0] - pair[1]) / 2.0);
        Ok(differences.sum::<f64>() / REMOVED.len() as f64)
    }
}

impl Attribution {
    /// The parts of the network from the head to the first stage, each with the tensors before it.
    fn parts(&self) -> Vec<(String, usize)> {
        let network = self.weights();
        let plan = network.plan();
        let head = (
            "head".to_owned(),
            network.tensors_before(plan.features.len()),
        );
        let stages = plan.stages.iter().rev().map(|stage| {
            (
                stage.name.clone(),
                network.tensors_before(stage.first_layer),
            )
        });
        std::iter::once(head).chain(stages).collect()
    }

    /// The same network, of whose tensors the first `kept` are as they were and the others as before any training.
    fn randomised(&self, kept: usize) -> Result<Self, ExplainError> {
        let network = self.weights();
        let seed = seed::derive(self.settings().seed, "random weights", &[]);
        let tensors: Vec<NamedTensor> = state_dict(network)
            .into_iter()
            .zip(network.plan().tensors())
            .enumerate()
            .map(|(index, (tensor, plan))| {
                if index < kept {
                    return tensor;
                }
                NamedTensor {
                    values: starting_values(seed, &plan),
                    ..tensor
                }
            })
            .collect();
        let device = self.device();
        Self::new(network.settings(), &tensors, self.settings(), device)
    }
}

/// The pixels of the square, strongest evidence first; of equals, in an order that has nothing to do with
/// where they are.
fn strongest_first(map: &Evidence, size: usize) -> Vec<usize> {
    let values = map.square(size);
    let mut order: Vec<usize> = (0..size * size).collect();
    let mut random = seed::generator(0, "order of equals", &[]);
    rand::seq::SliceRandom::shuffle(&mut order[..], &mut random);
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

/// Rank correlation of two maps of one film (Spearman); 0 where one of them is flat.
fn likeness(a: &Evidence, b: &Evidence) -> f64 {
    // Over the same places, whatever the size of the film.
    let coarse = |map: &Evidence| {
        let span = map.grid.step * map.grid.side as f64;
        let first = map.grid.start - map.grid.step / 2.0;
        let place = |cell: usize| first + (cell as f64 + 0.5) / COMPARED as f64 * span;
        let values: Vec<f32> = (0..COMPARED * COMPARED)
            .map(|cell| map.at(place(cell % COMPARED), place(cell / COMPARED)))
            .collect();
        ranks(&values)
    };
    let (a, b) = (coarse(a), coarse(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let (mut both, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        both += (a - mean) * (b - mean);
        square_a += (a - mean).powi(2);
        square_b += (b - mean).powi(2);
    }
    if square_a == 0.0 || square_b == 0.0 {
        return 0.0;
    }
    both / (square_a * square_b).sqrt()
}

/// Ranks from 0; equals share the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let mut to = from + 1;
        while to < order.len() && values[order[to]] == values[order[from]] {
            to += 1;
        }
        for &index in &order[from..to] {
            ranks[index] = (from + to - 1) as f64 / 2.0;
        }
        from = to;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Grid;

    fn map(values: Vec<f32>) -> Evidence {
        Evidence {
            grid: Grid::pixels(COMPARED),
            values,
        }
    }

    #[test]
    fn likeness_is_of_ranks() {
        let rising: Vec<f32> = (0..1024).map(|v| v as f32).collect();
        let cubed = rising.iter().map(|v| v.powi(3)).collect();
        let falling = rising.iter().map(|v| -v).collect();
        assert!((likeness(&map(rising.clone()), &map(cubed)) - 1.0).abs() < 1e-9);
        assert!((likeness(&map(rising.clone()), &map(falling)) + 1.0).abs() < 1e-9);
        assert_eq!(likeness(&map(rising), &map(vec![2.0; 1024])), 0.0);
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
    }

    #[test]
    fn failures_are_named() {
        let mut check = MethodCheck {
            method: Method::EigenCam,
            films: 3,
            randomised: vec![Randomised {
                from: "stem".into(),
                alike: 0.5,
            }],
            insertion: Some(0.25),
            deletion: Some(0.5),
            road: Some(0.0),
            failures: vec![],
        };
        check.judge();
        assert_eq!(check.failures.len(), 3, "{:?}", check.failures);
        let mut good = MethodCheck {
            randomised: vec![Randomised {
                from: "stem".into(),
                alike: 0.49,
            }],
            insertion: Some(0.75),
            road: Some(0.125),
            failures: vec![],
            ..check
        };
        good.judge();
        assert!(!good.failed(), "{:?}", good.failures);
    }

    #[test]
    fn the_strongest_come_first_and_equals_in_no_order_of_place() {
        let mut values = vec![0.0; 1024];
        values[700] = 2.0;
        values[3] = 1.0;
        let order = strongest_first(&map(values), COMPARED);
        assert_eq!(order[..2], [700, 3]);
        let rest = &order[2..];
        assert!(rest.windows(2).filter(|pair| pair[0] < pair[1]).count() < 700);
        assert_eq!(order.len(), 1024);
    }
}
