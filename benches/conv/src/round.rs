//! One measurement, and the middle one of several.

use std::time::Instant;

use serde::Serialize;

/// One round's figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Round {
    /// Films per second.
    pub films_per_second: f64,
    /// Processor time per film of all threads in milliseconds, where the system tells it; other
    /// load on the machine hardly changes it.
    pub processor_ms: Option<f64>,
}

/// Repeats a step for at least `seconds`, and at least once; `finish` waits until the device is done.
pub fn timed(
    batch: usize,
    seconds: f64,
    mut step: impl FnMut(),
    finish: impl FnOnce() -> Result<(), String>,
) -> Result<Round, String> {
    let (start, processor) = (Instant::now(), processor_seconds());
    let mut films = 0.0;
    while films == 0.0 || start.elapsed().as_secs_f64() < seconds {
        step();
        films += batch as f64;
    }
    finish()?;
    Ok(Round {
        films_per_second: films / start.elapsed().as_secs_f64(),
        processor_ms: processor_seconds()
            .zip(processor)
            .map(|(after, before)| 1000.0 * (after - before) / films),
    })
}

/// The median of each figure.
pub fn medians(rounds: &[Round]) -> Round {
    let processor: Option<Vec<f64>> = rounds.iter().map(|round| round.processor_ms).collect();
    Round {
        films_per_second: median(rounds.iter().map(|round| round.films_per_second).collect()),
        processor_ms: processor.map(median),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Processor time of all threads so far, where the system tells it.
fn processor_seconds() -> Option<f64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let nanoseconds: f64 = tasks
        .flatten()
        .filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        })
        .sum();
    Some(nanoseconds / 1e9)
}
