//! Outputs that look as if a model's description were wrong.

use plainfilm_model::predict::Usage;

/// Films that tell something; of fewer nothing is said.
pub const FEWEST_FILMS: usize = 8;

/// Beyond what rounding does to numbers that are the same.
const SAME: f64 = 1e-6;

/// How far a sum of probabilities may be off one.
const SUM: f64 = 1e-3;

/// What is strange about the probabilities of films, each with what is likely wrong; empty where nothing is, and of
/// fewer than [`FEWEST_FILMS`].
#[must_use]
pub fn doubts(usage: &Usage, films: &[&[f64]]) -> Vec<String> {
    if films.len() < FEWEST_FILMS {
        return Vec::new();
    }
    let mut doubts = Vec::new();
    let all = films.len();
    let first = films[0];
    let is_constant = films.iter().all(|film| {
        film.iter()
            .zip(first)
            .all(|(p, of_first)| (p - of_first).abs() < SAME)
    });
    let is_saturated = films
        .iter()
        .flat_map(|film| film.iter())
        .all(|&p| !(SAME..=1.0 - SAME).contains(&p));
    if is_constant {
        doubts.push(format!(
            "the model says the same of all {all} films: it does not see them as it was trained to. Its description's \
             `preprocessing.scaling` (or `normalisation`) and `input.layout` are the first to doubt"
        ));
    }
    if is_saturated {
        doubts.push(format!(
            "every probability of all {all} films is 0 or 1: values of another range than the model was trained on \
             do that, or a link that is applied twice or not at all. `preprocessing.scaling` (or `normalisation`), \
             `output.holds` and `output.link` are the first to doubt"
        ));
    }
    let off = films
        .iter()
        .filter(|film| (film.iter().sum::<f64>() - 1.0).abs() > SUM)
        .count();
    if usage.findings.is_empty() && off > 0 {
        doubts.push(format!(
            "the probabilities of {off} of {all} films do not sum to one: `output.holds` may have to be \"logits\", or \
             `output.link` \"sigmoid\" where a film may have several of the labels"
        ));
    }
    doubts
}
