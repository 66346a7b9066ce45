//! Findings on every film.

use plainfilm::audit::quality::{Defect, Finding, examine};
use plainfilm::radiograph::Radiograph;
use rayon::prelude::*;

pub fn run(films: &[(String, Radiograph)]) {
    let start = std::time::Instant::now();
    let findings: Vec<Vec<Finding>> = films.par_iter().map(|(_, film)| examine(film)).collect();
    let rate = films.len() as f64 / start.elapsed().as_secs_f64();
    println!(
        "{} films, {rate:.0} films/s from decoded films",
        films.len()
    );
    let groups: std::collections::BTreeSet<&str> =
        films.iter().map(|(name, _)| group(name)).collect();
    for defect in Defect::ALL {
        print!("{:<18}", defect.name());
        for label in &groups {
            let of = || (0..films.len()).filter(|film| group(&films[*film].0) == *label);
            let flagged =
                of().filter(|film| findings[*film].iter().any(|found| found.defect == defect));
            print!("  {label} {} of {}", flagged.count(), of().count());
        }
        println!();
    }
    for ((name, _), findings) in films.iter().zip(&findings) {
        for finding in findings {
            println!(
                "{}\t{:.2}\t{name}\t{}",
                finding.defect.name(),
                finding.score,
                finding.detail
            );
        }
    }
}

/// The folder of a film.
fn group(name: &str) -> &str {
    name.split_once('/').map_or("", |(folder, _)| folder)
}
