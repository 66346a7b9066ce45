//! Twelve changed copies of real films, sought among all films.

use std::collections::HashSet;
use std::time::Instant;

use plainfilm::copies::{Fingerprint, find_pairs};
use plainfilm::radiograph::Radiograph;
use rayon::prelude::*;

use crate::plant::{CHANGES, changed, picture};

pub fn run(films: &[(String, Radiograph)], every: usize) {
    let start = Instant::now();
    let mut prints: Vec<Fingerprint> = films
        .par_iter()
        .map(|(_, film)| Fingerprint::of(film))
        .collect();
    println!(
        "{} films, {:.0} fingerprints/s from decoded films, {} bytes each",
        films.len(),
        films.len() as f64 / start.elapsed().as_secs_f64(),
        size_of::<Fingerprint>()
    );
    let among_films = find_pairs(&prints);
    let planted: Vec<(usize, &str, Fingerprint)> = (0..films.len())
        .into_par_iter()
        .step_by(every)
        .flat_map_iter(|index| {
            let original = picture(&films[index].1);
            CHANGES.map(|change| {
                let copy = changed(&original, change, index as u64);
                (index, change, Fingerprint::of(&copy))
            })
        })
        .collect();
    prints.extend(planted.iter().map(|(.., print)| print.clone()));
    let start = Instant::now();
    let pairs = find_pairs(&prints);
    println!(
        "{} fingerprints compared in {:.2?}",
        prints.len(),
        start.elapsed()
    );
    let found: HashSet<(usize, usize)> =
        pairs.iter().map(|pair| (pair.first, pair.second)).collect();
    let is_found = |copy: usize| found.contains(&(planted[copy].0, films.len() + copy));
    println!(
        "\n{:<12} {:>7} {:>7} {:>7}",
        "change", "planted", "found", "recall"
    );
    let row = |name: &str, copies: &[usize]| {
        let hits = copies.iter().filter(|copy| is_found(**copy)).count();
        let recall = hits as f64 / copies.len() as f64;
        println!("{name:<12} {:>7} {hits:>7} {recall:>7.3}", copies.len());
        hits
    };
    for change in CHANGES {
        let copies: Vec<usize> = (0..planted.len())
            .filter(|copy| planted[*copy].1 == change)
            .collect();
        row(change, &copies);
    }
    let hits = row("all", &(0..planted.len()).collect::<Vec<_>>());
    println!(
        "\n{} pairs of films that nobody planted; precision {:.4} if all of them are false:",
        among_films.len(),
        hits as f64 / (hits + among_films.len()) as f64
    );
    for pair in &among_films {
        println!(
            "{:>5}  {}  {}",
            pair.distance, films[pair.first].0, films[pair.second].0
        );
    }
    let original = |index: usize| match index.checked_sub(films.len()) {
        Some(copy) => planted[copy].0,
        None => index,
    };
    let same = pairs
        .iter()
        .filter(|pair| original(pair.first) == original(pair.second))
        .count();
    println!(
        "with copies of copies: {} pairs, {} of them of different films",
        pairs.len(),
        pairs.len() - same
    );
}
