//! Trains the lung network on four fifths of every source's patients and measures Dice on the last fifth.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use plainfilm::dataset::{Dataset, DatasetOptions, Film};
use plainfilm::lungs::Outline;
use plainfilm::radiograph::{Limits, decode};
use plainfilm::seed;
use plainfilm::train::lungs::{Pair, train};
use rand::RngExt;

/// Draws the held-out patients and everything else.
const SEED: u64 = 42;

/// `data` are data sets whose manifests name masks, or which have them in `lung_masks`, by the films' stems.
pub fn run(output: &str, epochs: usize, data: &[&str]) -> anyhow::Result<()> {
    let (mut train_pairs, mut held_out, mut names) = (vec![], vec![], vec![]);
    for folder in data {
        let dataset = Dataset::open(Path::new(folder), &DatasetOptions::default())
            .with_context(|| (*folder).to_owned())?;
        for film in &dataset.films {
            let Some(mask) = mask_of(&dataset, film)? else {
                continue;
            };
            let mask = decode(&mask, "its mask", &Limits::default()).context(film.path.clone())?;
            let source = source_of(film);
            let outline = match source.as_str() {
                "jsrt" => Outline::WithoutHeart,
                _ => Outline::WithHeart,
            };
            let read = dataset.film(film).map_err(anyhow::Error::msg)?;
            let pair = Pair::new(&read, &mask, outline);
            // By patient: all films of one are on the same side.
            let draw: f64 =
                seed::generator(SEED, &format!("held out {}", film.patient_id), &[]).random();
            if draw < 0.2 {
                held_out.push(pair);
                names.push((source, film.path.clone()));
            } else {
                train_pairs.push(pair);
            }
        }
    }
    ensure!(
        !train_pairs.is_empty(),
        "expected films with masks, found none"
    );
    eprintln!(
        "{} films to learn from, {} held out by patient",
        train_pairs.len(),
        held_out.len()
    );
    let trained = train(&train_pairs, &held_out, epochs, SEED, &mut |epoch, loss| {
        eprintln!("epoch {epoch} of {epochs}: loss {loss:.4}");
    })?;
    std::fs::write(output, &trained.file).with_context(|| output.to_owned())?;
    let mut by_source: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for ((source, _), &dice) in names.iter().zip(&trained.held_out) {
        by_source.entry(source).or_default().push(dice);
    }
    for (source, mut dice) in by_source {
        dice.sort_by(f64::total_cmp);
        let count = dice.len() as f64;
        let mean = dice.iter().sum::<f64>() / count;
        let variance =
            dice.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        let error = 1.96 * (variance / count).sqrt();
        println!(
            "Dice on {count} held-out films of {source}: mean {mean:.3} ({:.3} to {:.3}), median {:.3}, least {:.3}",
            mean - error,
            mean + error,
            dice[dice.len() / 2],
            dice[0]
        );
    }
    for ((_, name), dice) in names.iter().zip(&trained.held_out) {
        println!("{dice:.3} {name}");
    }
    Ok(())
}

/// The collection that drew the masks, or the site within it; all publications are one.
fn source_of(film: &Film) -> String {
    match film.source.as_deref() {
        Some(source @ ("jsrt" | "guangzhou")) => source.to_owned(),
        _ => "Covid-19 and other publications".to_owned(),
    }
}

/// The bytes of a film's mask; none where it has none.
fn mask_of(dataset: &Dataset, film: &Film) -> anyhow::Result<Option<Vec<u8>>> {
    if let Some(bytes) = dataset.read_mask(film)? {
        return Ok(Some(bytes));
    }
    let stem = Path::new(&film.path).file_stem().unwrap_or_default();
    let name = format!("{}.png", stem.to_string_lossy());
    let beside = dataset.origin.join("lung_masks").join(name);
    match beside.is_file() {
        true => Ok(Some(std::fs::read(&beside)?)),
        false => Ok(None),
    }
}
