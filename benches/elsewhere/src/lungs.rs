//! Trains the lung network on four fifths of the patients and measures Dice on the last fifth.

use std::path::Path;

use anyhow::Context;
use plainfilm::radiograph::{Limits, open};
use plainfilm::seed;
use plainfilm::train::lungs::{Pair, train};
use rand::RngExt;

/// Draws the held-out patients and everything else.
const SEED: u64 = 42;

pub fn run(data: &str, masks: &Path, output: &str, epochs: usize) -> anyhow::Result<()> {
    let dataset = crate::open(data)?;
    let limits = Limits::default();
    let (mut train_pairs, mut held_out, mut names) = (vec![], vec![], vec![]);
    for film in &dataset.films {
        let path = Path::new(&film.path);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mask = masks.join(format!("{stem}.png"));
        if !mask.is_file() {
            continue;
        }
        let pair = Pair::new(
            &open(&Path::new(data).join(path), &limits)?,
            &open(&mask, &limits)?,
        );
        // By patient: all films of one are on the same side.
        let draw: f64 =
            seed::generator(SEED, &format!("held out {}", film.patient_id), &[]).random();
        if draw < 0.2 {
            held_out.push(pair);
            names.push(film.path.clone());
        } else {
            train_pairs.push(pair);
        }
    }
    eprintln!(
        "{} films to learn from, {} held out by patient",
        train_pairs.len(),
        held_out.len()
    );
    let trained = train(&train_pairs, &held_out, epochs, SEED, &mut |epoch, loss| {
        eprintln!("epoch {epoch} of {epochs}: loss {loss:.4}");
    })?;
    std::fs::write(output, &trained.file).with_context(|| output.to_owned())?;
    let mut sorted = trained.held_out.clone();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let variance = sorted.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let error = 1.96 * (variance / count).sqrt();
    println!(
        "Dice on {count} held-out films: mean {mean:.3} ({:.3} to {:.3}), median {:.3}, least {:.3}",
        mean - error,
        mean + error,
        sorted[sorted.len() / 2],
        sorted[0]
    );
    for (name, dice) in names.iter().zip(&trained.held_out) {
        println!("{dice:.3} {name}");
    }
    Ok(())
}
