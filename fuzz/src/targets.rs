//! The readers, and what has to hold of whatever they read.

use plainfilm::bundle::ModelFile;
use plainfilm::dataset::{Dataset, DatasetOptions, PredictionOptions, PredictionTable, Split};
use plainfilm::foreign::{Description, ForeignModel, describe};
use plainfilm::model::{Architecture, NetworkSettings};
use plainfilm::radiograph::dicom::{DicomFacts, Identities, deidentify};
use plainfilm::radiograph::{Limits, Radiograph, decode};
use plainfilm::train::RunFolder;
use plainfilm::weights::{ImportOptions, WeightsError, import};

use crate::{on_disk, seeds};

/// Small enough that no good input is slow: what a header claims beyond it is refused.
const LIMITS: Limits = Limits {
    max_side: 4_096,
    max_pixels: 4_000_000,
    max_file_bytes: 8 << 20,
};

/// A reader of files from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Good files.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads a file: whether it could, or the promise that was broken.
    pub read: fn(&[u8]) -> Result<bool, String>,
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Target> {
    let target = |name, seeds, read| Target { name, seeds, read };
    vec![
        target("film", seeds::films, film),
        target("dicom", seeds::dicom, dicom),
        target("manifest", seeds::manifests, |bytes| {
            data_set("manifest.csv", bytes)
        }),
        target("spreadsheet", seeds::spreadsheets, |bytes| {
            data_set("manifest.xlsx", bytes)
        }),
        target("parquet", seeds::parquet, |bytes| {
            data_set("manifest.parquet", bytes)
        }),
        target("packed-table", seeds::packed_tables, |bytes| {
            data_set("manifest.csv.gz", bytes)
        }),
        target("zip", seeds::zips, |bytes| data_set("films.zip", bytes)),
        target("split", seeds::splits, split),
        target("predictions", seeds::predictions, predictions),
        target("model-file", seeds::model_files, model_file),
        target("keras-weights", seeds::keras_weights, |bytes| {
            weights("weights.h5", bytes)
        }),
        target("torch-weights", seeds::torch_weights, |bytes| {
            weights("weights.pth", bytes)
        }),
        target("settings", seeds::settings, settings),
        target("onnx", seeds::onnx, onnx),
        target("description", seeds::descriptions, description),
    ]
}

fn whole(film: &Radiograph) -> Result<(), String> {
    let pixels = film.width as usize * film.height as usize;
    if film.pixels.len() != pixels {
        return Err(format!("{} pixels of {pixels}", film.pixels.len()));
    }
    let most = if film.bit_depth == 16 { u16::MAX } else { 255 };
    match film.pixels.iter().find(|pixel| **pixel > most) {
        Some(pixel) => Err(format!("a pixel of {pixel} in {} bits", film.bit_depth)),
        None => Ok(()),
    }
}

fn film(bytes: &[u8]) -> Result<bool, String> {
    match decode(bytes, "film", &LIMITS) {
        Ok(film) => whole(&film).map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Everybody is nobody.
struct Nobody;

impl Identities for Nobody {
    fn patient(&self, _: &str) -> String {
        "nobody".to_owned()
    }

    fn uid(&self, _: &str) -> String {
        "2.25.1".to_owned()
    }

    fn days(&self, _: &str) -> Option<i64> {
        None
    }
}

fn dicom(bytes: &[u8]) -> Result<bool, String> {
    // Neither may depend on the other.
    let _facts = DicomFacts::read(bytes, "film", &LIMITS);
    let Ok(film) = decode(bytes, "film", &LIMITS) else {
        return Ok(false);
    };
    whole(&film)?;
    if let Ok(new) = deidentify(bytes, "film", &LIMITS, &Nobody) {
        let again = decode(&new.bytes, "film", &LIMITS);
        let again = again.map_err(|error| format!("written anew it is unreadable: {error}"))?;
        if again.pixels != film.pixels {
            return Err("written anew it has other pixels".to_owned());
        }
    }
    Ok(true)
}

fn data_set(name: &str, bytes: &[u8]) -> Result<bool, String> {
    on_disk("a.png", b"film a");
    on_disk("b.png", b"film b");
    let path = on_disk(name, bytes);
    let options = DatasetOptions {
        limits: LIMITS,
        ..DatasetOptions::default()
    };
    let Ok(dataset) = Dataset::open(&path, &options) else {
        return Ok(false);
    };
    let labels = dataset.labels.len();
    for film in &dataset.films {
        if film.label >= labels {
            return Err(format!("label {} of {labels}", film.label));
        }
        if film.path.starts_with('/') || film.path.split('/').any(|part| part == "..") {
            return Err(format!("a path that leaves its folder: {}", film.path));
        }
        if film.age.is_some_and(|age| !(0.0..=150.0).contains(&age)) {
            return Err(format!("an age of {:?}", film.age));
        }
        let _bytes = dataset.read(film);
    }
    Ok(true)
}

fn split(bytes: &[u8]) -> Result<bool, String> {
    on_disk("a.png", b"film a");
    on_disk("b.png", b"film b");
    let manifest = on_disk("manifest.csv", seeds::MANIFEST.as_bytes());
    let dataset = Dataset::open(&manifest, &DatasetOptions::default());
    let dataset = dataset.map_err(|error| format!("the manifest beside it: {error}"))?;
    match Split::read_csv(&dataset, &on_disk("split.csv", bytes)) {
        Ok(split) if split.parts.len() == dataset.films.len() => Ok(true),
        Ok(split) => Err(format!("{} parts", split.parts.len())),
        Err(_) => Ok(false),
    }
}

fn predictions(bytes: &[u8]) -> Result<bool, String> {
    let path = on_disk("predictions.csv", bytes);
    let Ok(table) = PredictionTable::open(&path, &PredictionOptions::default()) else {
        return Ok(false);
    };
    for film in &table.films {
        let is_probability = |p: &f64| (0.0..=1.0).contains(p);
        if film.truth >= table.labels.len() || !film.probabilities.iter().all(is_probability) {
            return Err(format!("label {} and {:?}", film.truth, film.probabilities));
        }
    }
    Ok(true)
}

fn model_file(bytes: &[u8]) -> Result<bool, String> {
    let Ok(file) = ModelFile::from_bytes(bytes, "model") else {
        return Ok(false);
    };
    for tensor in &file.tensors {
        if tensor.values.len() != tensor.shape.iter().product::<usize>() {
            return Err(format!("{} is not of its shape", tensor.name));
        }
    }
    Ok(true)
}

fn weights(name: &str, bytes: &[u8]) -> Result<bool, String> {
    let path = on_disk(name, bytes);
    let network = NetworkSettings::published(Architecture::ResNet18, 2);
    // The good files are of other networks: their tensors are read, and then do not fit.
    match import(&path, &network, &ImportOptions::default()) {
        Ok(_) | Err(WeightsError::Tensors { .. } | WeightsError::Unsupported { .. }) => Ok(true),
        Err(_) => Ok(false),
    }
}

fn settings(bytes: &[u8]) -> Result<bool, String> {
    let path = on_disk("settings.toml", bytes);
    let folder = path.parent().unwrap_or(&path);
    let Ok(settings) = RunFolder::at(folder).read_settings() else {
        return Ok(false);
    };
    let _checked = settings.check();
    Ok(true)
}

fn onnx(bytes: &[u8]) -> Result<bool, String> {
    let path = on_disk("model.onnx", bytes);
    let Ok(draft) = describe(&path) else {
        return Ok(false);
    };
    on_disk("model.toml", draft.as_bytes());
    // A draft is a guess, and need not fit.
    let _opened = ForeignModel::open(&path, Some(1));
    Ok(true)
}

fn description(bytes: &[u8]) -> Result<bool, String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Ok(false);
    };
    Ok(Description::parse(text, std::path::Path::new("model.toml")).is_ok())
}
