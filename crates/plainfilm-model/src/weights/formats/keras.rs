//! Keras' three layouts of the same tensors, each brought to `<layer>/<weight>`.
//!
//! - `.h5` of a whole model, or of weights from Keras 2: `/model_weights/<model>/…/<layer>/kernel`
//!   (Keras 2 wrote `kernel:0`); the order is in the attributes `layer_names` and `weight_names`.
//! - `.weights.h5` of Keras 3: `/layers/…/<class>_<n>/vars/<i>`, the layer's own name in the
//!   attribute `name` of `vars`.
//! - `.keras`: a zip of the latter with the configuration.
//!
//! (Facts as in Keras 3.15's `saving_lib.py` and `legacy_h5_format.py`.)

use std::fs::File;
use std::io::{BufReader, Read, Seek};

use zip::ZipArchive;

use super::super::error::{Problem, damaged, refused};
use super::hdf5::{Found, Hdf5};
use super::keras_config::KerasConfig;
use super::{Dialect, Entry, ReadTensor, WeightsFile};

/// The tensors of a `.keras` file.
pub(super) const WEIGHTS_IN_ZIP: &str = "model.weights.h5";
/// The configuration of a `.keras` file.
const CONFIG_IN_ZIP: &str = "config.json";
/// The longest configuration that is read; a network of a thousand layers needs 1 MB.
const MAX_CONFIG: u64 = 8 << 20;
/// What lies beside the weights and is none.
const SKIPPED: [&str; 4] = [
    "optimizer",
    "optimizer_weights",
    "metrics",
    "top_level_model_weights",
];

/// Weights of each class of layer in the order of its `vars`.
const VARIABLES: [(&str, &[&str]); 6] = [
    (
        "batch_normalization",
        &["gamma", "beta", "moving_mean", "moving_variance"],
    ),
    ("depthwise_conv2d", &["depthwise_kernel", "bias"]),
    (
        "separable_conv2d",
        &["depthwise_kernel", "pointwise_kernel", "bias"],
    ),
    ("conv2d", &["kernel", "bias"]),
    ("dense", &["kernel", "bias"]),
    ("normalization", &["mean", "variance", "count"]),
];

struct Tensors {
    file: Hdf5,
    found: Vec<Found>,
}

/// Reads the directory of an `.h5` file.
pub(super) fn open_hdf5(file: File, length: u64) -> Result<WeightsFile, Problem> {
    let file = Hdf5::open(file, length)?;
    let root = if file.strings("/model_weights", "layer_names").is_some() {
        "/model_weights"
    } else {
        "/"
    };
    let version = file
        .text("/", "keras_version")
        .or_else(|| file.text(root, "keras_version"));
    let config = KerasConfig {
        version,
        ..file
            .text("/", "model_config")
            .map(|text| KerasConfig::read(&text))
            .unwrap_or_default()
    };
    let format = if config.known {
        "Keras whole model (.h5)"
    } else {
        "Keras weights (.h5)"
    };
    directory(file, root, config, format)
}

/// Reads the directory of a `.keras` file.
pub(super) fn open_zip(
    mut archive: ZipArchive<BufReader<File>>,
    length: u64,
) -> Result<WeightsFile, Problem> {
    let problem = |error| damaged(format!("the zip cannot be read: {error}"));
    let mut text = String::new();
    let config = archive.by_name(CONFIG_IN_ZIP).map_err(problem)?;
    config
        .take(MAX_CONFIG)
        .read_to_string(&mut text)
        .map_err(|error| damaged(format!("{CONFIG_IN_ZIP}: {error}")))?;
    let mut version = String::new();
    if let Ok(metadata) = archive.by_name("metadata.json") {
        // Only the version is wanted from it, and only for people.
        let _unreadable = metadata.take(1 << 16).read_to_string(&mut version);
    }
    let version = serde_json::from_str::<serde_json::Value>(&version)
        .ok()
        .and_then(|metadata| Some(metadata.get("keras_version")?.as_str()?.to_owned()));
    // HDF5 wants to seek; the copy has no name and vanishes with its last reader.
    let mut copy = tempfile::tempfile()?;
    let limit = length.saturating_mul(8).min(4 << 30);
    let weights = archive.by_name(WEIGHTS_IN_ZIP).map_err(problem)?;
    let copied = std::io::copy(&mut weights.take(limit + 1), &mut copy)
        .map_err(|error| damaged(format!("{WEIGHTS_IN_ZIP}: {error}")))?;
    if copied > limit {
        return Err(refused(format!(
            "{WEIGHTS_IN_ZIP} unpacks to more than {limit} bytes, eight times the file"
        )));
    }
    copy.rewind()?;
    let config = KerasConfig {
        version,
        ..KerasConfig::read(&text)
    };
    directory(Hdf5::open(copy, copied)?, "/", config, "Keras zip (.keras)")
}

fn directory(
    file: Hdf5,
    root: &str,
    config: KerasConfig,
    format: &'static str,
) -> Result<WeightsFile, Problem> {
    let order = written_order(&file, root);
    let mut named: Vec<(String, Found)> = vec![];
    for found in file.datasets(&SKIPPED)? {
        if !found
            .path
            .first()
            .is_some_and(|first| root == "/" || root[1..] == **first)
        {
            continue;
        }
        if let Some(name) = name(&found) {
            named.push((name, found));
        }
    }
    if named.is_empty() {
        return Err(damaged("an HDF5 file without the weights of a Keras layer"));
    }
    // Keras 2 and legacy files say the order; Keras 3's numbers layers of a class in order.
    named.sort_by_cached_key(|(name, found)| {
        let place = order.iter().position(|written| written == name);
        (place.unwrap_or(order.len()), natural(&found.path))
    });
    let (names, found): (Vec<_>, Vec<_>) = named.into_iter().unzip();
    let entries = names
        .into_iter()
        .zip(&found)
        .map(|(name, found)| Entry {
            name,
            shape: found.shape.clone(),
        })
        .collect();
    Ok(WeightsFile {
        format,
        dialect: Dialect::Keras(config),
        entries,
        tensors: Box::new(Tensors { file, found }),
    })
}

impl ReadTensor for Tensors {
    fn read(&mut self, index: usize) -> Result<Vec<f32>, Problem> {
        self.file.read(&self.found[index])
    }
}

/// `<layer>/<weight>` for every weight in the order of the attributes; empty where there are none.
fn written_order(file: &Hdf5, root: &str) -> Vec<String> {
    let layers = file.strings(root, "layer_names").unwrap_or_default();
    layers
        .iter()
        .flat_map(|layer| {
            file.strings(&format!("{root}/{layer}"), "weight_names")
                .unwrap_or_default()
        })
        .map(|weight| legacy_name(&weight.split('/').collect::<Vec<_>>()))
        .collect()
}

/// The last layer and the weight of a legacy path, without Keras 2's `:0`.
fn legacy_name(path: &[&str]) -> String {
    let weight = path.last().copied().unwrap_or_default();
    let weight = weight.strip_suffix(":0").unwrap_or(weight);
    // Some layers' own names hold a slash, such as DenseNet's `conv1/bn` in old files.
    let layer: &str = path.len().checked_sub(2).map_or("", |place| path[place]);
    let group = path.len().checked_sub(3).map_or("", |place| path[place]);
    // Keras 1 repeated the layer in the weight: `block1_conv1_W_1`.
    let weight = match weight
        .strip_prefix(layer)
        .and_then(|rest| rest.strip_prefix('_'))
    {
        Some("W" | "W_1") => "kernel",
        Some("b" | "b_1") => "bias",
        _ => weight,
    };
    if matches!(layer, "bn" | "conv") && group.starts_with("conv") {
        return format!("{group}_{layer}/{weight}");
    }
    format!("{layer}/{weight}")
}

/// The name of a data set in either layout; `None` for what is no weight.
fn name(found: &Found) -> Option<String> {
    let path: Vec<&str> = found.path.iter().map(String::as_str).collect();
    let &[.., class, "vars", variable] = path.as_slice() else {
        return Some(legacy_name(&path)).filter(|_| path.len() >= 2);
    };
    let index: usize = variable.parse().ok()?;
    let base = class.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let base = if base.len() < class.len() {
        base.strip_suffix('_').unwrap_or(class)
    } else {
        base
    };
    // A class of the user's own keeps the number as the weight's name.
    let weight = VARIABLES
        .iter()
        .find(|(known, _)| *known == base || *known == class)
        .map_or(Some(variable), |(_, weights)| weights.get(index).copied())?;
    let layer = found.group_name.as_deref().unwrap_or(class);
    Some(format!("{layer}/{weight}"))
}

/// A path whose numbers sort as numbers: `conv2d_2` before `conv2d_10`.
fn natural(path: &[String]) -> Vec<(String, u64)> {
    path.iter()
        .map(|part| {
            let text = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
            let number = part[text.len()..].parse().unwrap_or(0);
            (text.trim_end_matches('_').to_owned(), number)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_paths_give_layer_and_weight() {
        let cases = [
            ("block1_conv1/block1_conv1_W_1:0", "block1_conv1/kernel"),
            ("block1_conv1/kernel:0", "block1_conv1/kernel"),
            ("sequential_1/sequential/dense_1/bias", "dense_1/bias"),
            ("conv1/bn/gamma:0", "conv1_bn/gamma"),
            (
                "conv2_block1_0_bn/conv2_block1_0_bn/beta",
                "conv2_block1_0_bn/beta",
            ),
        ];
        for (path, expected) in cases {
            assert_eq!(legacy_name(&path.split('/').collect::<Vec<_>>()), expected);
        }
    }

    #[test]
    fn layers_are_in_the_order_of_their_numbers() {
        let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        let mut paths = [
            "layers/conv2d_10/vars/0",
            "layers/conv2d_2/vars/0",
            "layers/conv2d/vars/1",
        ]
        .map(path);
        paths.sort_by_cached_key(|path| natural(path));
        let order: Vec<&str> = paths.iter().map(|path| path[1].as_str()).collect();
        assert_eq!(order, ["conv2d", "conv2d_2", "conv2d_10"]);
    }
}
