//! Copies planted among very many synthetic films.

use std::collections::HashSet;
use std::time::Instant;

use image::{GrayImage, Luma};
use plainfilm::copies::{Fingerprint, find_pairs};
use plainfilm::seed;
use rand::Rng;
use rayon::prelude::*;

use crate::plant::{self, CHANGES, changed};

/// Side of a film.
const SIDE: u32 = 96;

/// Of a hundred films one is a changed copy of the one before it.
const PLANTED_EVERY: usize = 100;

pub fn run(count: usize) {
    let start = Instant::now();
    let prints: Vec<Fingerprint> = (0..count)
        .into_par_iter()
        .map(|index| {
            let planted = index % PLANTED_EVERY == PLANTED_EVERY - 1;
            let film = invented((index - usize::from(planted)) as u64);
            if planted {
                let change = CHANGES[index / PLANTED_EVERY % CHANGES.len()];
                Fingerprint::of(&changed(&film, change, index as u64))
            } else if index % PLANTED_EVERY < 10 && index >= PLANTED_EVERY {
                // A tenth of the films are nearly blank, all alike: a bucket to be afraid of.
                let mut blank = GrayImage::from_pixel(SIDE, SIDE, Luma([200]));
                blank.put_pixel(index as u32 % SIDE, 0, Luma([201]));
                Fingerprint::of(&plant::film(&blank))
            } else {
                Fingerprint::of(&plant::film(&film))
            }
        })
        .collect();
    println!("{count} films drawn in {:.1?}", start.elapsed());
    let before = memory();
    let start = Instant::now();
    let pairs = find_pairs(&prints);
    println!(
        "compared in {:.1?} on {} threads; memory {} before, {} at most",
        start.elapsed(),
        rayon::current_num_threads(),
        before,
        memory()
    );
    let found: HashSet<(usize, usize)> =
        pairs.iter().map(|pair| (pair.first, pair.second)).collect();
    let planted = count / PLANTED_EVERY;
    let hits = (1..=planted)
        .map(|nth| nth * PLANTED_EVERY - 1)
        .filter(|copy| found.contains(&(copy - 1, *copy)))
        .count();
    let is_blank = |index: usize| index % PLANTED_EVERY < 10 && index >= PLANTED_EVERY;
    let blanks = pairs
        .iter()
        .filter(|pair| is_blank(pair.first) && is_blank(pair.second))
        .count();
    println!(
        "{hits} of {planted} planted copies found; {} pairs in all, {blanks} of blank films, {} others",
        pairs.len(),
        pairs.len() - hits - blanks
    );
}

/// The most memory the process has held, where the system says so.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".into(), |peak| peak.trim().to_owned())
}

/// Soft waves, stronger the longer they are, as in films; others for each seed, over a shade that
/// all share.
fn invented(seed: u64) -> GrayImage {
    let mut draws = seed::generator(seed, "invented film", &[]);
    let mut draw = || draws.next_u32() as f32 / u32::MAX as f32;
    let mut values = vec![0.0_f32; (SIDE * SIDE) as usize];
    for _ in 0..40 {
        let (across, down) = (draw() * 40.0, draw() * 40.0);
        let (a, b) = (draw() * 7.0, draw() * 7.0);
        let strength = 1.0 / (1.0 + (across * across + down * down).sqrt() / 10.0);
        let wave = |rate: f32, phase: f32| -> Vec<f32> {
            (0..SIDE)
                .map(|at| (rate * at as f32 / SIDE as f32 + phase).sin())
                .collect()
        };
        let (across, down) = (wave(across, a), wave(down, b));
        for (row, down) in values.chunks_exact_mut(SIDE as usize).zip(&down) {
            for (value, across) in row.iter_mut().zip(&across) {
                *value += strength * across * down;
            }
        }
    }
    GrayImage::from_fn(SIDE, SIDE, |x, y| {
        let shade = (x.abs_diff(SIDE / 2) * 2 + y / 2) as f32 / SIDE as f32;
        let value = values[(y * SIDE + x) as usize];
        Luma([(128.0 + 40.0 * (value + shade - 0.7)).clamp(0.0, 255.0) as u8])
    })
}
