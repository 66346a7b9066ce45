//! Findings on every film.

use image::imageops::{crop_imm, invert, replace, rotate90, rotate180, thumbnail};
use image::{GrayImage, Luma};
use plainfilm::audit::quality::{Defect, Finding, examine};
use plainfilm::radiograph::Radiograph;
use plainfilm::seed;
use rayon::prelude::*;

use crate::plant::{film, picture, write};

/// Defects are planted in every so many films.
const EVERY: usize = 10;

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
    let planted: Vec<(&str, bool, bool)> = (0..films.len())
        .into_par_iter()
        .step_by(EVERY)
        .flat_map_iter(|index| {
            flawed(&picture(&films[index].1), index as u64).map(|(name, defect, flawed)| {
                let found = examine(&film(&flawed));
                let is_found = found.iter().any(|finding| finding.defect == defect);
                (
                    name,
                    is_found,
                    found.iter().any(|finding| finding.defect != defect),
                )
            })
        })
        .collect();
    println!("\nplanted              found   with another finding");
    for kind in planted.iter().map(|(name, ..)| *name).take(KINDS) {
        let of = || planted.iter().filter(|(name, ..)| *name == kind);
        println!(
            "{kind:<18} {:>3} of {:>3}   {:>3}",
            of().filter(|(_, found, _)| *found).count(),
            of().count(),
            of().filter(|(.., other)| *other).count()
        );
    }
    println!();
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

/// Ways to spoil a film.
const KINDS: usize = 9;

fn flawed(film: &GrayImage, index: u64) -> [(&'static str, Defect, GrayImage); KINDS] {
    let (width, height) = film.dimensions();
    let mut negative = film.clone();
    invert(&mut negative);
    let small = thumbnail(film, 300, 300);
    let mut four = GrayImage::new(600, 600);
    let mut two = GrayImage::new(600, 300);
    for (x, y) in [(0, 0), (300, 0), (0, 300), (300, 300)] {
        replace(&mut four, &small, x, y);
        replace(&mut two, &small, x, y);
    }
    let mut written = film.clone();
    let mut draws = seed::generator(1, "text", &[index]);
    let tall = (width.min(height) / 30).max(5);
    for line in 0..6 {
        let top = height / 20 + line * tall * 3 / 2;
        write(&mut written, width / 20, top, tall, 20, &mut draws);
    }
    let cut = |x, y, width, height| crop_imm(film, x, y, width, height).to_image();
    [
        ("negative", Defect::Inverted, negative),
        (
            "even grey",
            Defect::Blank,
            GrayImage::from_pixel(width, height, Luma([128])),
        ),
        ("on its side", Defect::Rotated, rotate90(film)),
        ("on its head", Defect::Rotated, rotate180(film)),
        ("four in one", Defect::Collage, four),
        ("two in one", Defect::Collage, two),
        ("six lines of text", Defect::TextHeavy, written),
        (
            "left half",
            Defect::OverCropped,
            cut(0, 0, width / 2, height),
        ),
        (
            "middle quarter",
            Defect::OverCropped,
            cut(width / 4, height / 4, width / 2, height / 2),
        ),
    ]
}
