//! Intervals on trial.
//!
//! `coverage [STUDIES] [PATIENTS]` draws studies from a population whose figures are known and counts how
//! often each 95 % interval holds the truth. Patients have one to three films that resemble one another, so
//! an interval that took films for independent would fail here.
//!
//! `speed [FILMS]` times all figures with their intervals on one set of predictions; `peer.py` does the same
//! with scikit-learn.

use std::time::Instant;

use plainfilm::evaluate::{Estimate, PartMetrics, ScoredFilm, evaluate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Patients of the population that stands for the truth.
const POPULATION: usize = 300_000;

/// Films of as many patients, a third of them with the finding.
fn draw(patients: usize, most_films: usize, seed: u64) -> Vec<ScoredFilm> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut films = Vec::with_capacity(patients * most_films);
    for patient in 0..patients {
        let truth = usize::from(random.random_range(0..3) > 0);
        let own = normal(&mut random);
        for film in 0..random.random_range(1..=most_films) {
            let signal = if truth == 0 { 1.2 } else { -1.2 };
            let logit = signal + 1.2 * own + 0.8 * normal(&mut random);
            let first = 1.0 / (1.0 + (-1.3 * logit).exp());
            films.push(ScoredFilm {
                patient: patient.to_string(),
                ..ScoredFilm::alone(format!("{patient}-{film}"), truth, vec![first, 1.0 - first])
            });
        }
    }
    films
}

/// Box and Muller's normal deviate.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

type Of = fn(&PartMetrics) -> &Estimate;

/// The figures on trial.
const FIGURES: [(&str, Of); 11] = [
    ("accuracy", |part| &part.accuracy),
    ("balanced accuracy", |part| &part.balanced_accuracy),
    ("sensitivity", |part| &part.per_label[0].1.sensitivity),
    ("precision", |part| &part.per_label[0].1.precision),
    ("F1", |part| &part.per_label[0].1.f1),
    ("AUROC", |part| &part.auroc),
    ("AUPRC", |part| &part.auprc),
    ("loss", |part| &part.loss),
    ("Brier score", |part| &part.brier),
    ("kappa", |part| &part.kappa),
    ("MCC", |part| &part.mcc),
];

fn labels() -> Vec<String> {
    ["finding", "none"].map(str::to_owned).into()
}

#[allow(clippy::print_stdout, reason = "a bench prints its figures")]
fn coverage(studies: usize, patients: usize) {
    let truth = evaluate(&labels(), 0, &draw(POPULATION, 3, u64::MAX));
    let parts: Vec<PartMetrics> = (0..studies as u64)
        .into_par_iter()
        .map(|study| evaluate(&labels(), 0, &draw(patients, 3, study)))
        .collect();
    println!("{studies} studies of {patients} patients with 1 to 3 films each\n");
    println!(
        "{:<20} {:>8} {:>9} {:>8} {:>8}",
        "figure", "truth", "covered", "below", "above"
    );
    for (name, of) in FIGURES {
        let truth = of(&truth).value().unwrap_or(f64::NAN);
        let ends: Vec<(f64, f64)> = parts.iter().filter_map(|part| of(part).ends()).collect();
        let share = |of: &dyn Fn(&(f64, f64)) -> bool| {
            100.0 * ends.iter().filter(|ends| of(ends)).count() as f64 / ends.len() as f64
        };
        let (too_high, too_low) = (share(&|ends| ends.0 > truth), share(&|ends| ends.1 < truth));
        println!(
            "{name:<20} {truth:>8.4} {:>7.1} % {too_low:>6.1} % {too_high:>6.1} %",
            100.0 - too_high - too_low
        );
    }
}

#[allow(clippy::print_stdout, reason = "a bench prints its figures")]
fn speed(films: usize) {
    let scored = draw(films, 1, 1);
    for round in 1..=3 {
        let start = Instant::now();
        let part = evaluate(&labels(), 0, &scored);
        println!(
            "round {round}: {films} films, every figure with its interval: {:.2} s (AUROC {:.6}, AUPRC {:.6}: {} to {})",
            start.elapsed().as_secs_f64(),
            part.auroc,
            part.auprc,
            part.auprc.low,
            part.auprc.high,
        );
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| -> anyhow::Result<usize> {
        arguments
            .get(index)
            .map_or(Ok(default), |text| Ok(text.parse()?))
    };
    match arguments.first().map(String::as_str) {
        Some("coverage") => coverage(number(1, 1000)?, number(2, 150)?),
        Some("speed") => speed(number(1, 1_000_000)?),
        _ => anyhow::bail!("usage: bench-metrics coverage [STUDIES] [PATIENTS] | speed [FILMS]"),
    }
    Ok(())
}
