//! `plainfilm doctor`: what this machine and this build offer, and whether the program works here.

mod machine;

use std::path::Path;

use plainfilm::bundle::{bundled, bundled_bytes};
use plainfilm::workflows::self_test::{Check, of_convolution, of_film, of_folder};
use serde::Serialize;

use crate::args::{DoctorArgs, TableFormat};
use crate::cache::feature_cache;
use crate::disk::nearest;
use crate::exit::Exit;
use crate::printer::Printer;
use machine::{Cpu, Memory, Place};

/// Everything that is printed. It holds no name of a person or a machine.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    system: &'static str,
    architecture: &'static str,
    /// Of model files.
    schema_version: Option<u32>,
    cpu: Cpu,
    memory: Memory,
    devices: Vec<DeviceState>,
    places: Vec<Place>,
    cache: Option<Cache>,
    bundled_model: Bundled,
    self_test: Vec<Check>,
    /// Whether every check passed.
    passed: bool,
    seconds: f64,
}

/// A kind of device.
#[derive(Debug, Serialize)]
struct DeviceState {
    name: &'static str,
    usable: bool,
    /// Why not; empty otherwise.
    reason: String,
}

/// Features that are kept between runs.
#[derive(Debug, Serialize)]
struct Cache {
    used: Option<u64>,
    limit: u64,
}

#[derive(Debug, Serialize)]
struct Bundled {
    loads: bool,
    bytes: u64,
    labels: Vec<String>,
}

/// Looks, tests and prints.
///
/// # Errors
///
/// None of what is looked at is an error; a self-test that fails is the exit code 1.
pub fn run(args: &DoctorArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let report = look();
    match args.format {
        TableFormat::Json => printer.data(&(serde_json::to_string_pretty(&report)? + "\n")),
        TableFormat::Table => lines(&report)
            .iter()
            .for_each(|line| printer.sentence(line)),
    }
    Ok(if report.passed {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn look() -> Report {
    let cache = feature_cache(None);
    let runs = Path::new("runs");
    let mut places = vec![
        Place::look("runs", runs),
        Place::look("temporary", &std::env::temp_dir()),
    ];
    let model = bundled();
    let begun = std::time::Instant::now();
    let mut self_test = vec![of_film(), of_convolution()];
    if let Some(cache) = &cache {
        places.push(Place::look("cache", &cache.folder));
        // A training makes the folder; here only whether it could is tried.
        self_test.push(of_folder(
            "a file in the cache folder",
            &nearest(&cache.folder),
        ));
    }
    Report {
        version: env!("CARGO_PKG_VERSION"),
        system: std::env::consts::OS,
        architecture: std::env::consts::ARCH,
        schema_version: model.as_ref().ok().map(|model| model.header.schema_version),
        cpu: Cpu::look(),
        memory: Memory::look(),
        devices: ["cpu", "vulkan", "cuda", "metal"].map(device).into(),
        places,
        cache: cache.map(|cache| Cache {
            used: cache.used().ok(),
            limit: cache.limit,
        }),
        bundled_model: Bundled {
            loads: model.is_ok(),
            bytes: bundled_bytes(),
            labels: model.map(|model| model.header.labels).unwrap_or_default(),
        },
        passed: self_test.iter().all(|check| check.passed),
        self_test,
        seconds: begun.elapsed().as_secs_f64(),
    }
}

fn device(name: &'static str) -> DeviceState {
    let found = plainfilm::device::parse(name);
    let reason = match &found {
        Ok(_) => String::new(),
        Err(plainfilm::device::DeviceError::NotBuilt { .. }) => "not in this build".to_owned(),
        Err(error) => error.to_string().replace('\n', "; "),
    };
    DeviceState {
        name,
        usable: found.is_ok(),
        reason,
    }
}

/// The report for people: a heading and what is there, line by line.
fn lines(report: &Report) -> Vec<String> {
    let line = |heading: &str, text: String| format!("{heading:<10}  {text}");
    let cpu = &report.cpu;
    let name = cpu.name.as_deref().unwrap_or("of unknown name");
    let kernels = match cpu.kernels {
        "plain" => "plain kernels, the slowest".to_owned(),
        kernels => format!("{kernels} kernels"),
    };
    let bf16 = match cpu.bf16 {
        true => "--precision bf16 can be used (AMX)",
        false => "no --precision bf16 (no AMX)",
    };
    let memory = &report.memory;
    let limit = memory.limit.map_or(String::new(), |limit| {
        format!("; this container may use {}", size(Some(limit)))
    });
    let schema = report.schema_version.map_or(String::new(), |version| {
        format!(", model files of schema {version}")
    });
    let model = &report.bundled_model;
    let mut lines = vec![
        line(
            "plainfilm",
            format!(
                "{} for {} on {}{schema}",
                report.version, report.system, report.architecture
            ),
        ),
        line("cpu", format!("{name}; {} threads", cpu.threads)),
        line("features", cpu.features.join(", ")),
        line("kernels", format!("{kernels}; {bf16}")),
        line(
            "memory",
            format!(
                "{} in all, {} available{limit}",
                size(memory.total),
                size(memory.available)
            ),
        ),
    ];
    let devices: Vec<String> = report.devices.iter().map(device_text).collect();
    lines.push(line("devices", devices.join(", ")));
    for place in &report.places {
        let absent = if place.exists { "" } else { ", not there yet" };
        let cache = match (&report.cache, place.what) {
            (Some(cache), "cache") => format!(
                "; {} of at most {} used",
                size(cache.used),
                size(Some(cache.limit))
            ),
            _ => String::new(),
        };
        let text = format!("{}{absent}: {} free{cache}", place.path, size(place.free));
        lines.push(line(place.what, text));
    }
    if report.cache.is_none() {
        lines.push(line("cache", "none: no home folder is known".to_owned()));
    }
    let loads = match model.loads {
        true => format!("loads; labels {}", model.labels.join(", ")),
        false => "DOES NOT LOAD".to_owned(),
    };
    lines.push(line(
        "model",
        format!("{}, {loads}", size(Some(model.bytes))),
    ));
    for check in &report.self_test {
        let verdict = if check.passed { "pass" } else { "FAIL" };
        lines.push(line(verdict, format!("{}: {}", check.name, check.detail)));
    }
    let verdict = match report.passed {
        true => "works here",
        false => "DOES NOT WORK as it should on this machine",
    };
    lines.push(line(
        "verdict",
        format!("plainfilm {verdict} ({:.1} s of self-test)", report.seconds),
    ));
    lines
}

fn device_text(device: &DeviceState) -> String {
    match device.reason.as_str() {
        "" => device.name.to_owned(),
        reason => format!("{} ({reason})", device.name),
    }
}

/// Bytes for people.
fn size(bytes: Option<u64>) -> String {
    match bytes {
        None => "an unknown amount".to_owned(),
        Some(bytes) if bytes >= 10 << 30 => format!("{:.0} GiB", bytes as f64 / f64::from(1 << 30)),
        Some(bytes) if bytes >= 1 << 30 => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
        Some(bytes) => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, expected) in [
            (None, "an unknown amount"),
            (Some(0), "0.0 MiB"),
            (Some(3 << 20), "3.0 MiB"),
            (Some(3 << 29), "1.5 GiB"),
            (Some(100 << 30), "100 GiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
