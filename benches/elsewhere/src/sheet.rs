//! Contact sheets, to look at.

use image::{GrayImage, Luma, imageops};
use plainfilm::lungs::{BundledLungs, segment};
use plainfilm::radiograph::{Fit, Preprocessing, Radiograph};

use crate::hospital::Hospital;

const TILE: usize = 160;

/// Every nth film of a label, lungs brightened, the box drawn.
pub fn lungs(data: &str, label: &str, output: &str) -> anyhow::Result<()> {
    let dataset = crate::open(data)?;
    let films: Vec<_> = dataset
        .films
        .iter()
        .filter(|film| dataset.labels[film.label] == label)
        .collect();
    let every = (films.len() / 48).max(1);
    let (mut tiles, mut missed) = (vec![], vec![]);
    for (index, film) in films.iter().enumerate() {
        let read = dataset.film(film).map_err(anyhow::Error::msg)?;
        let mask = segment(&read);
        let found = mask.lung_box();
        if found.is_none() {
            missed.push(film.path.clone());
        }
        if index % every != 0 {
            continue;
        }
        let mut tile = shrunk(&read);
        for y in 0..TILE {
            for x in 0..TILE {
                let at = |p: usize| (p as f32 + 0.5) / TILE as f32;
                let pixel = tile.get_pixel_mut(x as u32, y as u32);
                if mask.at(at(x), at(y)) > 0.5 {
                    pixel.0[0] = pixel.0[0] / 2 + 127;
                }
                let on_edge = found.is_some_and(|b| {
                    let near =
                        |p: usize, edge: f32| (p as f32 - edge * (TILE - 1) as f32).abs() < 0.6;
                    near(x, b.left) || near(x, b.right) || near(y, b.top) || near(y, b.bottom)
                });
                if on_edge {
                    *pixel = Luma([255]);
                }
            }
        }
        tiles.push(tile);
    }
    println!(
        "{label}: no lungs found on {} of {} films: {missed:?}",
        missed.len(),
        films.len()
    );
    save(&tiles, output)
}

/// Two films of each label, as stored and as four hospitals give them.
pub fn shifted(data: &str, output: &str) -> anyhow::Result<()> {
    let dataset = crate::open(data)?;
    let mut tiles = vec![];
    for label in 0..dataset.labels.len() {
        let of_label = dataset.films.iter().filter(|film| film.label == label);
        for (index, film) in of_label.step_by(23).take(3).enumerate() {
            let read = dataset.film(film).map_err(anyhow::Error::msg)?;
            tiles.push(shrunk(&read));
            for number in 0..7 {
                tiles.push(shrunk(&Hospital::new(number).film(&read, index as u64)));
            }
        }
    }
    save(&tiles, output)
}

fn shrunk(film: &Radiograph) -> GrayImage {
    let settings = Preprocessing {
        fit: Fit::Squash,
        size: TILE,
        ..Preprocessing::default()
    };
    let plane = settings.plane(film, &BundledLungs);
    let bytes = plane.values.iter().map(|v| (v * 255.0) as u8).collect();
    GrayImage::from_raw(TILE as u32, TILE as u32, bytes).expect("a plane is square")
}

fn save(tiles: &[GrayImage], output: &str) -> anyhow::Result<()> {
    let columns = 8;
    let rows = tiles.len().div_ceil(columns);
    let mut sheet = GrayImage::new((columns * TILE) as u32, (rows * TILE) as u32);
    for (index, tile) in tiles.iter().enumerate() {
        let (x, y) = ((index % columns) * TILE, (index / columns) * TILE);
        imageops::replace(&mut sheet, tile, x as i64, y as i64);
    }
    sheet.save(output)?;
    Ok(())
}
