//! Times Grad-CAM of films in memory: `bench-explain ARCHITECTURE SIZE FILMS ROUNDS`.
//!
//! Prints the films per second of each round, one a line. The first round warms up and is not printed.
#![allow(clippy::print_stdout, reason = "the figures are its output")]

use std::time::Instant;

use anyhow::Context;
use plainfilm::explain::{Attribution, ExplainSettings, Method};
use plainfilm::model::{Architecture, Network, NetworkSettings, state_dict};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [architecture, size, films, rounds] = &arguments[..] else {
        anyhow::bail!("usage: bench-explain ARCHITECTURE SIZE FILMS ROUNDS");
    };
    let architecture: Architecture = architecture.parse()?;
    let size: usize = size.parse().context("SIZE")?;
    let films: usize = films.parse().context("FILMS")?;
    let rounds: usize = rounds.parse().context("ROUNDS")?;
    let settings = NetworkSettings {
        size,
        ..NetworkSettings::published(architecture, 2)
    };
    let device = plainfilm::device::parse("cpu")?;
    let tensors = state_dict(&Network::new(&settings, 1, &device)?);
    let attribution = Attribution::new(&settings, &tensors, &ExplainSettings::default(), &device)?;
    // The films of `peer.py`: how fast maps are made does not depend on them.
    let pixels: Vec<f32> = (0..films * attribution.film_len())
        .map(|index| (index * 7919 % 1009) as f32 / 1009.0)
        .collect();
    let labels = vec![0; films];
    for round in 0..=rounds {
        let start = Instant::now();
        let maps: Vec<Vec<f32>> = attribution
            .evidence(Method::GradCam, &pixels, &labels)
            .iter()
            .map(|map| map.square(size))
            .collect();
        let seconds = start.elapsed().as_secs_f64();
        anyhow::ensure!(
            maps.len() == films && maps.iter().flatten().all(|value| value.is_finite()),
            "expected {films} maps of finite numbers"
        );
        if round > 0 {
            println!("{:.2}", films as f64 / seconds);
        }
    }
    Ok(())
}
