//! Names in Keras files: those of `keras.applications`, and a head of dense layers in order.

use std::collections::HashMap;

use super::super::formats::{Entry, KerasConfig};
use super::{Layout, Place, Target};
use crate::model::Architecture;
use crate::radiograph::Scaling;

/// What a Keras layer is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Convolution,
    Norm,
}

/// A Keras layer and the layer here that is the same.
type Pair = (String, String, Kind);

/// Layers of the heads of `keras.applications`.
const HEADS: [&str; 4] = ["fc1", "fc2", "predictions", "fc1000"];

/// The layers of `keras.applications`' network, or why its weights do not compute here what they
/// compute there.
fn table(architecture: Architecture) -> Result<Vec<Pair>, String> {
    match architecture {
        Architecture::Vgg16 => Ok(vgg(&[2, 2, 3, 3, 3])),
        Architecture::Vgg19 => Ok(vgg(&[2, 2, 4, 4, 4])),
        Architecture::DenseNet121 => Ok(dense_net(&[6, 12, 24, 16])),
        Architecture::MobileNetV2 => Err(
            "Keras pads the map at stride 2 below and to the right only, this network on all sides; \
             hint: torchvision's and timm's weights for it fit"
                .to_owned(),
        ),
        other => Err(format!("no table of Keras' names for {other} is known")),
    }
}

/// VGG: `block<b>_conv<c>`; here they are numbered with the activations and poolings between them.
fn vgg(stages: &[usize]) -> Vec<Pair> {
    let (mut pairs, mut position) = (vec![], 0);
    for (stage, &convolutions) in (1..).zip(stages) {
        for number in 1..=convolutions {
            pairs.push((
                format!("block{stage}_conv{number}"),
                format!("features.{position}"),
                Kind::Convolution,
            ));
            position += 2;
        }
        position += 1;
    }
    pairs
}

/// DenseNet: stages count from `conv1` and blocks from `conv2`.
fn dense_net(blocks: &[usize]) -> Vec<Pair> {
    let mut pairs = vec![];
    let mut add = |keras: String, ours: String, kind| pairs.push((keras, ours, kind));
    add(
        "conv1_conv".into(),
        "features.conv0".into(),
        Kind::Convolution,
    );
    add("conv1_bn".into(), "features.norm0".into(), Kind::Norm);
    for (number, &layers) in (1..).zip(blocks) {
        for layer in 1..=layers {
            let keras = format!("conv{}_block{layer}", number + 1);
            let ours = format!("features.denseblock{number}.denselayer{layer}");
            add(format!("{keras}_0_bn"), format!("{ours}.norm1"), Kind::Norm);
            add(
                format!("{keras}_1_conv"),
                format!("{ours}.conv1"),
                Kind::Convolution,
            );
            add(format!("{keras}_1_bn"), format!("{ours}.norm2"), Kind::Norm);
            add(
                format!("{keras}_2_conv"),
                format!("{ours}.conv2"),
                Kind::Convolution,
            );
        }
        if number < blocks.len() {
            let (keras, ours) = (
                format!("pool{}", number + 1),
                format!("features.transition{number}"),
            );
            add(format!("{keras}_bn"), format!("{ours}.norm"), Kind::Norm);
            add(
                format!("{keras}_conv"),
                format!("{ours}.conv"),
                Kind::Convolution,
            );
        }
    }
    add("bn".into(), "features.norm5".into(), Kind::Norm);
    pairs
}

/// What each entry is.
pub(super) fn places(
    config: &KerasConfig,
    entries: &[Entry],
    target: &Target<'_>,
) -> Result<Vec<Place>, String> {
    if config.channels_first {
        return Err("its maps come channels first, which Keras cannot compute on a CPU".to_owned());
    }
    let table = table(target.settings.architecture)?;
    let mut ours: HashMap<String, Place> = HashMap::new();
    for (keras, name, kind) in &table {
        let weights: &[(&str, &str, Layout)] = match kind {
            Kind::Convolution => &[
                ("kernel", "weight", Layout::Convolution),
                ("bias", "bias", Layout::Same),
            ],
            Kind::Norm => &[
                ("gamma", "weight", Layout::Same),
                ("beta", "bias", Layout::Same),
                ("moving_mean", "running_mean", Layout::Same),
                ("moving_variance", "running_var", Layout::Same),
            ],
        };
        for (there, here, layout) in weights {
            let place = Place::Ours(format!("{name}.{here}"), *layout);
            ours.insert(format!("{keras}/{there}"), place);
        }
    }
    let head = head(config, entries, target);
    Ok(entries
        .iter()
        .map(|entry| {
            let layer = entry.name.split('/').next().unwrap_or_default();
            ours.get(&entry.name)
                .or_else(|| head.get(&entry.name))
                .cloned()
                .unwrap_or(if HEADS.contains(&layer) {
                    Place::OtherHead
                } else {
                    Place::Unknown
                })
        })
        .collect())
}

/// Dense layers in their order are the head's where all shapes fit; else they are another head.
fn head(config: &KerasConfig, entries: &[Entry], target: &Target<'_>) -> HashMap<String, Place> {
    let mut layers: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.shape.len() == 2)
        .filter_map(|entry| entry.name.strip_suffix("/kernel"))
        .collect();
    // The configuration knows the order; without it, the file's order stands.
    layers.sort_by_key(|layer| config.dense.iter().position(|name| name == layer));
    let shape = |name: &str| {
        let entry = entries.iter().find(|entry| entry.name == name);
        entry.map(|entry| entry.shape.as_slice())
    };
    let weights: Vec<&(String, Vec<usize>)> = target
        .head
        .iter()
        .filter(|(name, _)| name.ends_with(".weight"))
        .collect();
    let fits = weights.len() == layers.len()
        && weights.iter().zip(&layers).all(|((_, ours), layer)| {
            shape(&format!("{layer}/kernel")) == Some(&[ours[1], ours[0]])
                && shape(&format!("{layer}/bias")) == Some(&ours[..1])
        });
    let mut places = HashMap::new();
    for (place, layer) in layers.iter().enumerate() {
        let [kernel, bias] = ["kernel", "bias"].map(|weight| format!("{layer}/{weight}"));
        if !fits {
            places.insert(kernel, Place::OtherHead);
            places.insert(bias, Place::OtherHead);
            continue;
        }
        let name = weights[place].0.trim_end_matches(".weight");
        let [_, rows, columns] = target.flattened;
        let permuted = place == 0 && rows * columns > 1;
        let layout = Layout::Dense(permuted.then_some(target.flattened));
        places.insert(kernel, Place::Ours(format!("{name}.weight"), layout));
        places.insert(bias, Place::Ours(format!("{name}.bias"), Layout::Same));
    }
    places
}

/// As the modules of `keras.applications` preprocess their ImageNet films.
pub(super) fn published_scaling(architecture: Architecture) -> Scaling {
    match architecture {
        Architecture::Vgg16 | Architecture::Vgg19 => Scaling::Caffe,
        Architecture::MobileNetV2 => Scaling::Tf,
        _ => Scaling::ImageNet,
    }
}

/// What `keras.applications` adds to a variance, for files that do not say.
pub(in super::super) fn published_epsilon(architecture: Architecture) -> f64 {
    match architecture {
        Architecture::DenseNet121 => 1.001e-5,
        _ => 1e-3,
    }
}
