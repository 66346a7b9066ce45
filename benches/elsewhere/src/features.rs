//! What a frozen backbone makes of every film and of its augmented views, as an array for other programs.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use burn::tensor::{Tensor, TensorData};
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::device;
use plainfilm::lungs::BundledLungs;
use plainfilm::model::{Architecture, Network};
use plainfilm::seed;
use plainfilm::train::{TrainDefaults, TrainSettings, Views};
use plainfilm::weights::{ImportOptions, StartingWeights};
use rayon::prelude::*;

use crate::transfer::{merge, recipe_named};

/// Films in one pass through the network.
const BATCH: usize = 16;

/// Writes `OUTPUT.npy`, 32-bit floats `[films, views, features]` (maps averaged), and `OUTPUT.csv`, the films'
/// paths in the same order.
pub fn run(
    data: &str,
    recipes: &str,
    name: &str,
    weights: &Path,
    output: &str,
) -> anyhow::Result<()> {
    let recipe = recipe_named(recipes, name)?;
    let model: Architecture = match recipe.get("model").and_then(toml::Value::as_str) {
        Some(name) => name.parse()?,
        None => Architecture::EfficientNetLite0,
    };
    let dataset = Dataset::open(Path::new(data), &DatasetOptions::default()).context("data")?;
    let defaults = TrainSettings::defaults(TrainDefaults {
        data: PathBuf::from(data),
        model,
        seed: 42,
        threads: std::thread::available_parallelism()?.get(),
    });
    let mut table = toml::Table::try_from(defaults)?;
    merge(&mut table, recipe);
    let mut settings: TrainSettings = table.try_into()?;
    settings.labels.clone_from(&dataset.labels);
    let opened = StartingWeights::open(weights, &settings.network(), &ImportOptions::default())?;
    settings.preprocessing.scaling = opened.record.scaling;
    let device = device::parse("cpu")?;
    let network = Network::new(&settings.network(), 42, &device)?;
    let network = opened
        .read(&settings.network(), &settings.labels)?
        .load_into(network)?;
    let views = match settings.views {
        Views::Kept(views) => views,
        Views::Fresh => 1,
    };
    let preprocessing = settings.preprocessing.clone();
    let mut paths = std::fs::File::create(format!("{output}.csv"))?;
    let mut values: Vec<f32> = Vec::new();
    let mut features = 0;
    let work: Vec<(usize, usize)> = (0..dataset.films.len())
        .flat_map(|film| (0..views).map(move |view| (film, view)))
        .collect();
    for film in &dataset.films {
        writeln!(paths, "{}", film.path)?;
    }
    let planes: Vec<_> = dataset
        .films
        .par_iter()
        .map(|film| {
            let film = dataset.film(film).map_err(anyhow::Error::msg)?;
            Ok(preprocessing.plane(&film, &BundledLungs))
        })
        .collect::<anyhow::Result<_>>()?;
    for group in work.chunks(BATCH) {
        let length = preprocessing.tensor_len();
        let mut pixels = vec![0.0_f32; group.len() * length];
        pixels
            .par_chunks_mut(length)
            .zip(group)
            .for_each(|(target, &(film, view))| {
                if view == 0 {
                    preprocessing.write_tensor(&planes[film], target);
                    return;
                }
                let mut draws = seed::generator(42, "view", &[view as u64, film as u64]);
                let changed = settings.augmentation.apply(&planes[film], &mut draws);
                preprocessing.write_tensor(&changed, target);
            });
        let shape = [
            group.len(),
            preprocessing.channels,
            preprocessing.size,
            preprocessing.size,
        ];
        let maps = network.features(Tensor::<4>::from_data(
            TensorData::new(pixels, shape),
            &device,
        ));
        let [films, channels, height, width] = maps.dims();
        features = channels;
        let pooled = maps.reshape([films, channels, height * width]).mean_dim(2);
        values.extend(
            pooled
                .into_data()
                .try_into_vec::<f32>()
                .expect("32-bit floats"),
        );
        if (values.len() / channels).is_multiple_of(1600) {
            eprintln!("{} of {}", values.len() / channels, work.len());
        }
    }
    let mut array = std::fs::File::create(format!("{output}.npy"))?;
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {views}, {features}), }}",
        dataset.films.len()
    );
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    array.write_all(b"\x93NUMPY\x01\x00")?;
    array.write_all(&u16::try_from(header.len())?.to_le_bytes())?;
    array.write_all(header.as_bytes())?;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    array.write_all(&bytes)?;
    Ok(())
}
