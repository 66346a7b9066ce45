//! Makes a small network's backbone out of a large one's features: no weight of the large one is in it.

use std::path::Path;

use anyhow::{Context, ensure};
use burn::tensor::{Tensor, TensorData};
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::device;
use plainfilm::likeness::whitened_axes;
use plainfilm::lungs::BundledLungs;
use plainfilm::model::NamedTensor;
use plainfilm::model::{Architecture, Head, Network, NetworkSettings};
use plainfilm::radiograph::Plane;
use plainfilm::seed;
use plainfilm::train::distil::{DistilSettings, distil, view};
use plainfilm::train::{OptimiserKind, OptimiserSettings, Schedule, TrainDefaults, TrainSettings};
use plainfilm::weights::{ImportOptions, StartingWeights};
use rand::RngExt;
use rayon::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

use crate::transfer::{merge, recipe_named};

/// Films in one pass through the large network.
const BATCH: usize = 16;
/// Directions of the large network's features that the small one learns.
const TARGETS: usize = 64;
const SEED: u64 = 42;

/// `weights` are the large network's; preprocessing and augmentation are those of the recipe.
pub fn run(
    data: &str,
    recipes: &str,
    name: &str,
    weights: &Path,
    student: &str,
    epochs: usize,
    output: &str,
) -> anyhow::Result<()> {
    let dataset = Dataset::open(Path::new(data), &DatasetOptions::default()).context("data")?;
    let mut table = toml::Table::try_from(TrainSettings::defaults(TrainDefaults {
        data: data.into(),
        model: Architecture::EfficientNetLite0,
        seed: SEED,
        threads: std::thread::available_parallelism()?.get(),
    }))?;
    merge(&mut table, recipe_named(recipes, name)?);
    let mut settings: TrainSettings = table.try_into()?;
    settings.labels.clone_from(&dataset.labels);
    let opened = StartingWeights::open(weights, &settings.network(), &ImportOptions::default())?;
    let mut large = settings.preprocessing.clone();
    large.scaling = opened.record.scaling;
    let device = device::parse("cpu")?;
    let network = opened
        .read(&settings.network(), &settings.labels)?
        .load_into(Network::new(&settings.network(), SEED, &device)?)?;
    let planes: Vec<Plane> = dataset
        .films
        .par_iter()
        .map(|film| {
            let film = dataset.film(film).map_err(anyhow::Error::msg)?;
            Ok(large.plane(&film, &BundledLungs))
        })
        .collect::<anyhow::Result<_>>()?;
    let views = match settings.views {
        plainfilm::train::Views::Kept(views) => views,
        plainfilm::train::Views::Fresh => 1,
    };
    eprintln!(
        "{} films of {} views through the large network",
        planes.len(),
        views
    );
    let work: Vec<(usize, usize)> = (0..planes.len())
        .flat_map(|film| (0..views).map(move |view| (film, view)))
        .collect();
    let mut features: Vec<Vec<f32>> = Vec::with_capacity(work.len());
    for group in work.chunks(BATCH) {
        let length = large.tensor_len();
        let mut pixels = vec![0.0_f32; group.len() * length];
        pixels
            .par_chunks_mut(length)
            .zip(group)
            .for_each(|(pixels, &(film, index))| {
                let plane = view(&settings.augmentation, &planes[film], SEED, film, index);
                large.write_tensor(&plane, pixels);
            });
        let shape = [group.len(), large.channels, large.size, large.size];
        let input = Tensor::<4>::from_data(TensorData::new(pixels, shape), &device);
        let (_, averages) = network.forward_with_features(input);
        features.extend(plainfilm::predict::rows_of(averages));
        if features.len().is_multiple_of(BATCH * 100) {
            eprintln!("{} of {}", features.len(), work.len());
        }
    }
    let targets = targets(&features)?;
    let student: Architecture = student.parse()?;
    let mut preprocessing = settings.preprocessing.clone();
    let own = TrainSettings::defaults(TrainDefaults {
        data: data.into(),
        model: student,
        seed: SEED,
        threads: settings.threads,
    });
    preprocessing.channels = own.preprocessing.channels;
    preprocessing.scaling = own.preprocessing.scaling;
    let settings = DistilSettings {
        network: NetworkSettings {
            size: preprocessing.size,
            channels: preprocessing.channels,
            head: Head::Linear,
            ..NetworkSettings::published(student, TARGETS)
        },
        preprocessing,
        augmentation: settings.augmentation,
        views,
        epochs,
        batch: BATCH,
        seed: SEED,
        optimiser: OptimiserSettings {
            kind: OptimiserKind::AdamW,
            learning_rate: 3e-3,
            beta_1: 0.9,
            beta_2: 0.99,
            epsilon: 1e-8,
            weight_decay: 1e-2,
        },
        schedule: Schedule::OneCycle { warm_up: 0.2 },
    };
    let target = |film: usize, view: usize| targets[film * views + view].as_slice();
    let tensors = distil(&planes, &settings, &target, &mut |epoch, error| {
        eprintln!("epoch {epoch} of {epochs}: mean squared error {error:.4}");
    })?;
    std::fs::write(output, safetensors_of(&tensors)?).with_context(|| output.to_owned())
}

/// The backbone as a file that `--weights` takes; the head's outputs were the large network's business.
fn safetensors_of(tensors: &[NamedTensor]) -> anyhow::Result<Vec<u8>> {
    let stored: Vec<(&NamedTensor, Vec<u8>)> = tensors
        .iter()
        .filter(|tensor| !tensor.name.starts_with("head."))
        .map(|tensor| {
            let bytes = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (tensor, bytes)
        })
        .collect();
    let views = stored
        .iter()
        .map(|(tensor, bytes)| {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?;
            Ok((tensor.name.as_str(), view))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(safetensors::serialize(views, None)?)
}

/// Features along their principal axes: the first has deviation 1, and the others the roots of theirs.
fn targets(features: &[Vec<f32>]) -> anyhow::Result<Vec<Vec<f32>>> {
    let width = features.first().map_or(0, Vec::len);
    let mut mean = vec![0.0_f64; width];
    for row in features {
        for (sum, &value) in mean.iter_mut().zip(row) {
            *sum += f64::from(value) / features.len() as f64;
        }
    }
    let mean: Vec<f32> = mean.into_iter().map(|value| value as f32).collect();
    // Every fifth row has the same axes as all, in a fifth of the time.
    let some: Vec<Vec<f32>> = features.iter().step_by(5).cloned().collect();
    let mut generator = seed::generator(SEED, "axes to distil", &[]);
    let axes = whitened_axes(&some, &mean, TARGETS, &mut || {
        generator.random::<f32>() - 0.5
    });
    ensure!(
        axes.len() == TARGETS,
        "expected {TARGETS} directions, found {}",
        axes.len()
    );
    // A whitened axis has the length of one over the deviation along it.
    let deviations: Vec<f32> = axes
        .iter()
        .map(|axis| 1.0 / axis.iter().map(|value| value * value).sum::<f32>().sqrt())
        .collect();
    Ok(features
        .iter()
        .map(|row| {
            let along = |(axis, deviation): (&[f32], &f32)| {
                let value: f32 = axis
                    .iter()
                    .zip(row.iter().zip(&mean))
                    .map(|(axis, (value, mean))| axis * (value - mean))
                    .sum();
                value * (deviation / deviations[0]).sqrt()
            };
            axes.iter().zip(&deviations).map(along).collect()
        })
        .collect())
}
