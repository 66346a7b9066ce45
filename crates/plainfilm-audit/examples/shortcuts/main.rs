//! How strong a shortcut must be for the audit to find it, and how often it finds one where none is.
//!
//! `shortcuts FOLDER LABEL plant N [WORDS]` plants each shortcut whose name has one of the words in half of the
//! patients of N films with a label (`after` among the words: also preprocessed) and prints what every check says; `shortcuts FOLDER LABEL null N TIMES` relabels
//! N films at random by patient and counts alarms; `shortcuts FOLDER time` times an audit of all films.

#![expect(clippy::print_stdout)]

mod plant;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use plainfilm_audit::{Audit, AuditSettings, Collector, Networks, Status, conclude};
use plainfilm_data::{Dataset, DatasetOptions, Split, SplitOptions};
use plainfilm_film::radiograph::{Fit, NoLungs, Preprocessing, Radiograph};
use plainfilm_seed::generator;
use rand::seq::SliceRandom;
use rayon::prelude::*;

/// What can go wrong is told and ends the program.
type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [folder, label, "plant", films, words @ ..] => {
            plant_all(some(one_label(folder, label)?, films.parse()?), words)
        }
        [folder, label, "null", films, times] => {
            null(some(one_label(folder, label)?, films.parse()?), times.parse()?)
        }
        [folder, "time"] => time(folder),
        [folder, "pairs", first, second] => pair(folder, first, second),
        _ => Err("usage: shortcuts FOLDER LABEL plant N [WORDS] | FOLDER LABEL null N TIMES | FOLDER time | FOLDER pairs A B".into()),
    }
}

fn one_label(folder: &str, label: &str) -> Result<Dataset, Failure> {
    let mut dataset = Dataset::open(folder.as_ref(), &DatasetOptions::default())?;
    let number = dataset.labels.iter().position(|name| name == label);
    let number = number.ok_or("no such label")?;
    dataset.films.retain(|film| film.label == number);
    Ok(dataset)
}

/// As many of the films, drawn at random.
fn some(mut dataset: Dataset, count: usize) -> Dataset {
    dataset
        .films
        .shuffle(&mut generator(count as u64, "subset", &[]));
    dataset.films.truncate(count);
    dataset.films.sort_by(|a, b| a.path.cmp(&b.path));
    dataset
}

/// Gives half of the patients the label A and half B.
fn relabel(dataset: &mut Dataset, seed: u64) {
    let mut patients: Vec<String> = dataset
        .films
        .iter()
        .map(|film| film.patient_id.clone())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    patients.shuffle(&mut generator(seed, "relabel", &[]));
    let half: BTreeSet<&String> = patients[..patients.len() / 2].iter().collect();
    for film in &mut dataset.films {
        film.label = usize::from(!half.contains(&film.patient_id));
    }
    dataset.labels = vec!["A".to_owned(), "B".to_owned()];
}

fn films(dataset: &Dataset) -> Result<Vec<Radiograph>, Failure> {
    let films: Result<Vec<_>, String> = dataset
        .films
        .par_iter()
        .map(|film| dataset.film_with_bytes(film).map(|(_, decoded)| decoded))
        .collect();
    Ok(films?)
}

fn look(
    dataset: &Dataset,
    films: &[Radiograph],
    settings: &AuditSettings,
    plant: plant::Plant,
) -> Collector {
    let collector = Collector::new(dataset, settings);
    films.par_iter().enumerate().for_each(|(index, film)| {
        let mut picture = plant::Picture::of(film);
        if dataset.films[index].label == 0 {
            plant(&mut picture, index as u64);
        }
        let made = picture.into_film(film);
        // As long as an uncompressed file: its size says nothing.
        let bytes = vec![0; made.pixels.len() + 1078];
        collector.look(index, &bytes, &made, Networks::lungs_only(&NoLungs));
    });
    collector
}

fn judge(dataset: &Dataset, collector: Collector, seed: u64) -> Audit {
    let split = Split::make(
        dataset,
        &SplitOptions {
            method: AuditSettings::default().split,
            seed,
            fractions: [0.8, 0.1, 0.1],
        },
    );
    conclude(
        collector,
        dataset,
        &split.into_iter().collect::<Vec<_>>(),
        &|_| {},
    )
}

fn after() -> Preprocessing {
    Preprocessing {
        fit: Fit::Crop,
        strip_borders: 8,
        size: 448,
        ..Preprocessing::default()
    }
}

fn plant_all(mut dataset: Dataset, words: &[&str]) -> Result<(), Failure> {
    let films = films(&dataset)?;
    relabel(&mut dataset, 7);
    let settings = AuditSettings {
        after: words.contains(&"after").then(after),
        ..AuditSettings::default()
    };
    for (name, plant) in plant::ALL {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word)) {
            continue;
        }
        let begun = Instant::now();
        let collector = look(&dataset, &films, &settings, plant);
        let looked = begun.elapsed().as_secs_f64();
        let audit = judge(&dataset, collector, 42);
        print!("{name:34} {:5}", audit.verdict.name());
        tell(&audit.checks);
        if let Some(after) = &audit.after {
            print!(" | after {:5}", after.verdict.name());
            tell(&after.checks);
        }
        println!(
            " [{looked:.1} s + {:.1} s]",
            begun.elapsed().as_secs_f64() - looked
        );
    }
    Ok(())
}

/// Status and figure of what was found, and, where the checks give more, of their areas.
fn tell(checks: &[plainfilm_audit::Check]) {
    for check in checks {
        let value = check.value.value().unwrap_or(f64::NAN);
        if matches!(check.status, Status::Warn | Status::Fail) || check.measure == "AUROC" {
            print!("  {}:{} {value:.2}", check.id.name(), check.status.name());
        }
        if matches!(check.id.name(), "processing" | "marks") {
            let areas = check
                .details
                .iter()
                .filter(|detail| detail.measure == "AUROC");
            let areas: Vec<String> = areas
                .map(|d| format!("{:.2}", d.value.value().unwrap_or(f64::NAN)))
                .collect();
            print!(" ({})", areas.join(" "));
        }
    }
}

fn null(mut dataset: Dataset, times: u64) -> Result<(), Failure> {
    let count = dataset.films.len();
    let films = films(&dataset)?;
    let settings = AuditSettings {
        after: Some(after()),
        ..AuditSettings::default()
    };
    relabel(&mut dataset, 0);
    let looked = look(&dataset, &films, &settings, |_, _| {});
    let mut alarms: BTreeMap<String, usize> = BTreeMap::new();
    let mut any = [0, 0];
    for seed in 0..times {
        relabel(&mut dataset, seed);
        let audit = judge(&dataset, looked.clone(), seed);
        any[0] += usize::from(audit.verdict != Status::Pass);
        let after = audit.after.as_ref();
        any[1] += usize::from(after.is_some_and(|after| after.verdict != Status::Pass));
        let all = [
            ("", Some(&audit.checks)),
            ("after ", after.map(|after| &after.checks)),
        ];
        for (when, checks) in all {
            for check in checks.into_iter().flatten() {
                if matches!(check.status, Status::Warn | Status::Fail) {
                    let name = format!("{when}{} {}", check.id.name(), check.status.name());
                    *alarms.entry(name).or_default() += 1;
                }
            }
        }
    }
    println!(
        "{count} films, {times} relabelings: {} as stored and {} after do not pass {alarms:?}",
        any[0], any[1]
    );
    Ok(())
}

fn pair(folder: &str, first: &str, second: &str) -> Result<(), Failure> {
    let options = DatasetOptions {
        labels: Some(vec![first.to_owned(), second.to_owned()]),
        ..DatasetOptions::default()
    };
    tell_all(&Dataset::open(folder.as_ref(), &options)?)
}

fn time(folder: &str) -> Result<(), Failure> {
    tell_all(&Dataset::open(folder.as_ref(), &DatasetOptions::default())?)
}

fn tell_all(dataset: &Dataset) -> Result<(), Failure> {
    let begun = Instant::now();
    let (audit, _) = plainfilm_audit::audit(
        dataset,
        &AuditSettings::default(),
        Networks::lungs_only(&NoLungs),
        &|_| {},
    )?;
    println!(
        "{} films: {:.1} s, {}",
        audit.films,
        begun.elapsed().as_secs_f64(),
        audit.sentence
    );
    for check in &audit.checks {
        println!(
            "{:20} {:11} {}",
            check.id.name(),
            check.status.name(),
            check.explanation
        );
    }
    Ok(())
}
