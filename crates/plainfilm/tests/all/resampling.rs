//! Fit and resampling against Pillow (`reference/resampling`).

use std::collections::BTreeMap;
use std::fs;

use plainfilm::radiograph::{
    Fit, Limits, NoLungs, Preprocessing, Provenance, Radiograph, Resampling, open,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::support::{reference_films, reference_output};

#[derive(Deserialize)]
struct NoiseCase {
    width: u32,
    height: u32,
    fit: Fit,
    size: usize,
    resampling: Resampling,
    pixels: Vec<u8>,
}

#[derive(Deserialize)]
struct FilmCase {
    path: String,
    fit: Fit,
    size: usize,
    resampling: Resampling,
    mean: f64,
    pixels: Vec<u8>,
    sha256: Option<String>,
}

fn cases<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let path = reference_output("resampling").join(name);
    let text = fs::read_to_string(path).expect("the expected values are committed");
    serde_json::from_str(&text).expect("the exporting script writes valid JSON")
}

/// The formula of the exporting script; full-range noise is the hardest film to resample.
pub fn noise(width: u32, height: u32) -> Vec<u16> {
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| {
            let h = x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663);
            let h = (h ^ (h >> 13)).wrapping_mul(1_274_126_177);
            ((h >> 16) & 255) as u16
        })
        .collect()
}

fn settings(fit: Fit, size: usize, resampling: Resampling) -> Preprocessing {
    Preprocessing {
        fit,
        size,
        resampling,
        ..Preprocessing::default()
    }
}

/// Largest difference seen, in levels of 255, per filter.
#[derive(Default)]
struct Differences(BTreeMap<String, f32>);

impl Differences {
    fn note(&mut self, group: &str, value: f32, level: u8) {
        let most = self.0.entry(group.to_owned()).or_default();
        *most = most.max((value * 255.0 - f32::from(level)).abs());
    }

    fn check(&self, what: &str) {
        for (group, most) in &self.0 {
            eprintln!("{what}, {group}: largest difference {most:.3} levels of 255");
            let is_exact = group.starts_with("nearest") && !group.contains("16-bit");
            let allowed = if is_exact { 1e-4 } else { 1.001 };
            assert!(*most <= allowed, "{what}, {group}: {most}");
        }
    }
}

#[test]
fn noise_is_resampled_as_in_pillow() {
    let mut differences = Differences::default();
    for case in cases::<NoiseCase>("noise.json") {
        let film = Radiograph {
            width: case.width,
            height: case.height,
            bit_depth: 8,
            pixels: noise(case.width, case.height),
            provenance: Provenance {
                name: "noise".to_owned(),
                format: "png".to_owned(),
                colour: "grey 8-bit".to_owned(),
                orientation: 1,
                synthetic: true,
                coloured_pixels: 0,
                used_bits: 8,
            },
        };
        let plane = settings(case.fit, case.size, case.resampling).plane(&film, &NoLungs);
        assert_eq!(plane.values.len(), case.pixels.len());
        for (value, level) in plane.values.iter().zip(&case.pixels) {
            differences.note(case.resampling.name(), *value, *level);
        }
    }
    differences.check("noise");
}

#[test]
fn films_are_resampled_as_in_pillow() {
    let Some(root) = reference_films("films_are_resampled_as_in_pillow") else {
        return;
    };
    let mut png = Differences::default();
    let mut jpeg = BTreeMap::new();
    let mut last: Option<(String, Radiograph)> = None;
    for case in cases::<FilmCase>("films.json") {
        if last.as_ref().is_none_or(|(path, _)| *path != case.path) {
            let film = open(&root.join(&case.path), &Limits::default())
                .unwrap_or_else(|error| panic!("{error}"));
            last = Some((case.path.clone(), film));
        }
        let (_, film) = last.as_ref().expect("set just above");
        let values = settings(case.fit, case.size, case.resampling)
            .plane(film, &NoLungs)
            .values;
        let mean =
            values.iter().map(|&value| f64::from(value)).sum::<f64>() * 255.0 / values.len() as f64;
        // Pillow rounds halves up after each pass; where it averages pairs, that adds up to 1/4.
        assert!(
            (mean - case.mean).abs() < 0.3,
            "{} {}: mean {mean}, expected {}",
            case.path,
            case.resampling,
            case.mean
        );
        let sampled = (0..case.pixels.len()).map(|k| values[(k * 7919 + 13) % values.len()]);
        if film.provenance.format == "jpeg" {
            // The two JPEG decoders may differ by a level or two before anything is resized.
            for (value, level) in sampled.zip(&case.pixels) {
                let most = jpeg.entry(case.resampling.name()).or_insert(0.0_f32);
                *most = most.max((value * 255.0 - f32::from(*level)).abs());
            }
            continue;
        }
        for (value, level) in sampled.zip(&case.pixels) {
            // Pillow cuts a 16-bit film to 8 bits as it reads it.
            let group = format!("{} of {}-bit films", case.resampling, film.bit_depth);
            png.note(&group, value, *level);
        }
        if let Some(expected) = &case.sha256 {
            let levels: Vec<u8> = values.iter().map(|v| (v * 255.0).round() as u8).collect();
            let found: String = Sha256::digest(&levels)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(found, *expected, "{} nearest to {}", case.path, case.size);
        }
    }
    png.check("PNG films");
    for (resampling, most) in jpeg {
        eprintln!("JPEG films, {resampling}: largest difference {most:.3} levels of 255");
        assert!(most <= 2.0, "JPEG films, {resampling}: {most}");
    }
}
