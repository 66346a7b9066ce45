//! Films per second of networks built from `plainfilm-conv`, with the fast path on and off.
//!
//! ```text
//! bench-conv [darkcovidnet|folded|vgg16|depthwise|all] [--batch N] [--rounds N] [--ours-only]
//! ```
//!
//! Rounds of both paths alternate, so that other load on the machine falls on both; the medians and
//! their ratio are printed. Times are of the network alone: no optimizer, no data loading. Where
//! Linux tells it, the processor time per film is printed too, which other load hardly changes.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its table"
)]

mod networks;

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use mimalloc::MiMalloc;
use networks::{NETWORKS, Network};

// The allocator of the program itself: with the system's, clearing pages takes a fifth of the time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What was asked for on the command line.
struct Settings {
    network: String,
    batches: Vec<usize>,
    rounds: usize,
    ours_only: bool,
}

fn main() {
    let settings = match parse(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(message) => {
            eprintln!("{message}");
            std::process::exit(2);
        }
    };
    println!("threads: {}", rayon::current_num_threads());
    println!(
        "{:<14} {:>5} {:>12} {:>12} {:>7} {:>12} {:>12} {:>7}",
        "network",
        "batch",
        "Burn, /s",
        "ours, /s",
        "ratio",
        "Burn, CPU ms",
        "ours, CPU ms",
        "ratio"
    );
    for network in NETWORKS {
        if settings.network != "all" && settings.network != network.name {
            continue;
        }
        for &batch in &settings.batches {
            compare(network, batch, &settings);
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Settings, String> {
    let mut settings = Settings {
        network: "darkcovidnet".into(),
        batches: vec![8, 32],
        rounds: 5,
        ours_only: false,
    };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next();
            value
                .and_then(|value| value.parse().ok())
                .ok_or(format!("{argument} needs a number"))
        };
        match argument.as_str() {
            "--batch" => settings.batches = vec![number()?],
            "--rounds" => settings.rounds = number()?.max(1),
            "--ours-only" => settings.ours_only = true,
            name if name == "all" || NETWORKS.iter().any(|n| n.name == name) => {
                settings.network = name.into();
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(settings)
}

/// Alternates rounds of both paths and prints the medians.
fn compare(network: &Network, batch: usize, settings: &Settings) {
    let device = if network.trains {
        Device::flex().autodiff()
    } else {
        Device::flex()
    };
    let films = Tensor::<4>::random([batch, 3, 224, 224], Distribution::Default, &device);
    let weights = network.weights(&device);
    let round = |fast: bool| {
        plainfilm_conv::set_enabled(fast);
        let (start, processor) = (Instant::now(), processor_seconds());
        network.step(&films, &weights);
        let films = batch as f64;
        Round {
            speed: films / start.elapsed().as_secs_f64(),
            processor: 1000.0 * (processor_seconds() - processor) / films,
        }
    };
    let mut burn = Vec::new();
    let mut ours = Vec::new();
    // The first round of each warms caches and the allocator.
    for at in 0..=settings.rounds {
        if !settings.ours_only {
            let found = round(false);
            burn.extend((at > 0).then_some(found));
        }
        let found = round(true);
        ours.extend((at > 0).then_some(found));
    }
    let ours = medians(&ours);
    let burn = if settings.ours_only {
        Round {
            speed: f64::NAN,
            processor: f64::NAN,
        }
    } else {
        medians(&burn)
    };
    println!(
        "{:<14} {batch:>5} {:>12.1} {:>12.1} {:>7.2} {:>12.1} {:>12.1} {:>7.2}",
        network.name,
        burn.speed,
        ours.speed,
        ours.speed / burn.speed,
        burn.processor,
        ours.processor,
        burn.processor / ours.processor
    );
}

/// One round's figures.
struct Round {
    /// Films per second.
    speed: f64,
    /// Processor time per film, all threads, in milliseconds.
    processor: f64,
}

/// Processor time of all threads so far; not a number where the system does not tell.
fn processor_seconds() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return f64::NAN;
    };
    tasks
        .flatten()
        .filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        })
        .sum::<f64>()
        / 1e9
}

fn medians(rounds: &[Round]) -> Round {
    Round {
        speed: median(rounds.iter().map(|round| round.speed).collect()),
        processor: median(rounds.iter().map(|round| round.processor).collect()),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
