//! Names in Keras files: those of `keras.applications`, and a head of dense layers in order.

use std::collections::HashMap;

use super::super::formats::{Entry, KerasConfig};
use super::{InputStatistic, Layout, Place, Target};
use crate::networks::Architecture;
use plainfilm_film::radiograph::Scaling;

/// What a Keras layer is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Convolution,
    Depthwise,
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
        Architecture::MobileNetV2Keras => Ok(mobile_net()),
        Architecture::ResNet50Keras => Ok(resnet(&[3, 4, 6, 3])),
        Architecture::EfficientNetB0Keras => Ok(efficient_net(&[1, 2, 2, 3, 3, 4, 1])),
        Architecture::MobileNetV2 | Architecture::EfficientNetB0 => Err(format!(
            "Keras pads the map at stride 2 below and to the right, {architecture} on all sides; \
             hint: import it as `{architecture}-keras`"
        )),
        Architecture::ResNet50 => Err(format!(
            "Keras has the stride in the first convolution of a block, {architecture} in the second; \
             hint: import it as `{architecture}-keras`"
        )),
        other => Err(format!("Keras publishes no network like {other}")),
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

/// MobileNetV2: the first block has no number and no convolution to more channels.
fn mobile_net() -> Vec<Pair> {
    let mut pairs = vec![
        ("Conv1".into(), "features.0.0".into(), Kind::Convolution),
        ("bn_Conv1".into(), "features.0.1".into(), Kind::Norm),
        ("Conv_1".into(), "features.18.0".into(), Kind::Convolution),
        ("Conv_1_bn".into(), "features.18.1".into(), Kind::Norm),
    ];
    for block in 0..=16 {
        let (keras, steps) = match block {
            0 => (
                "expanded_conv".to_owned(),
                [None, Some(["0.0", "0.1"]), Some(["1", "2"])],
            ),
            _ => (
                format!("block_{block}"),
                [Some(["0.0", "0.1"]), Some(["1.0", "1.1"]), Some(["2", "3"])],
            ),
        };
        let parts = [
            ("expand", Kind::Convolution),
            ("depthwise", Kind::Depthwise),
            ("project", Kind::Convolution),
        ];
        for ((part, kind), step) in parts.into_iter().zip(steps) {
            let Some([conv, norm]) = step else { continue };
            let ours = format!("features.{}.conv", block + 1);
            pairs.push((format!("{keras}_{part}"), format!("{ours}.{conv}"), kind));
            pairs.push((
                format!("{keras}_{part}_BN"),
                format!("{ours}.{norm}"),
                Kind::Norm,
            ));
        }
    }
    pairs
}

/// ResNet: stages count from `conv2` and blocks from 1; a block's shortcut is number 0.
fn resnet(blocks: &[usize]) -> Vec<Pair> {
    let mut pairs = vec![
        ("conv1_conv".into(), "conv1".into(), Kind::Convolution),
        ("conv1_bn".into(), "bn1".into(), Kind::Norm),
    ];
    for (stage, &blocks) in (1..).zip(blocks) {
        for block in 0..blocks {
            let keras = format!("conv{}_block{}", stage + 1, block + 1);
            let ours = format!("layer{stage}.{block}");
            let steps = usize::from(block > 0)..=3;
            for step in steps {
                let (conv, norm) = match step {
                    0 => ("downsample.0".to_owned(), "downsample.1".to_owned()),
                    _ => (format!("conv{step}"), format!("bn{step}")),
                };
                pairs.push((
                    format!("{keras}_{step}_conv"),
                    format!("{ours}.{conv}"),
                    Kind::Convolution,
                ));
                pairs.push((
                    format!("{keras}_{step}_bn"),
                    format!("{ours}.{norm}"),
                    Kind::Norm,
                ));
            }
        }
    }
    pairs
}

/// EfficientNet: stages count from 1, the blocks of a stage from `a`.
fn efficient_net(blocks: &[usize]) -> Vec<Pair> {
    let mut pairs = vec![
        ("stem_conv".into(), "features.0.0".into(), Kind::Convolution),
        ("stem_bn".into(), "features.0.1".into(), Kind::Norm),
        ("top_conv".into(), "features.8.0".into(), Kind::Convolution),
        ("top_bn".into(), "features.8.1".into(), Kind::Norm),
    ];
    for (stage, &blocks) in (1..).zip(blocks) {
        for (block, letter) in (0..blocks).zip('a'..) {
            let keras = format!("block{stage}{letter}");
            let ours = format!("features.{stage}.{block}.block");
            let mut add = |part: &str, ours: String, kind| {
                pairs.push((format!("{keras}_{part}"), ours, kind));
            };
            // The first stage does not go to more channels.
            let depthwise = usize::from(stage > 1);
            if depthwise > 0 {
                add("expand_conv", format!("{ours}.0.0"), Kind::Convolution);
                add("expand_bn", format!("{ours}.0.1"), Kind::Norm);
            }
            let [gate, project] = [depthwise + 1, depthwise + 2];
            add("dwconv", format!("{ours}.{depthwise}.0"), Kind::Depthwise);
            add("bn", format!("{ours}.{depthwise}.1"), Kind::Norm);
            add("se_reduce", format!("{ours}.{gate}.fc1"), Kind::Convolution);
            add("se_expand", format!("{ours}.{gate}.fc2"), Kind::Convolution);
            add(
                "project_conv",
                format!("{ours}.{project}.0"),
                Kind::Convolution,
            );
            add("project_bn", format!("{ours}.{project}.1"), Kind::Norm);
        }
    }
    pairs
}

/// The norm after a convolution, where the network has the convolution's bias in it.
fn norm_after(convolution: &str) -> Option<String> {
    let (before, last) = convolution.rsplit_once('.').unwrap_or(("", convolution));
    let norm = match last {
        "0" => "1".to_owned(),
        last => format!("bn{}", last.strip_prefix("conv")?),
    };
    Some(match before {
        "" => norm,
        _ => format!("{before}.{norm}"),
    })
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
            // Keras 2 and files of weights call it `depthwise_kernel`, whole models of Keras 3 `kernel`.
            Kind::Depthwise => &[
                ("depthwise_kernel", "weight", Layout::Depthwise),
                ("kernel", "weight", Layout::Depthwise),
            ],
            Kind::Norm => &[
                ("gamma", "weight", Layout::Same),
                ("beta", "bias", Layout::Same),
                ("moving_mean", "running_mean", Layout::Same),
                ("moving_variance", "running_var", Layout::Same),
            ],
        };
        for (there, here, layout) in weights {
            let ours_name = format!("{name}.{here}");
            let place = match norm_after(name) {
                Some(norm)
                    if *here == "bias" && *kind == Kind::Convolution && !target.has(&ours_name) =>
                {
                    Place::FoldedBias(format!("{norm}.running_mean"))
                }
                _ => Place::Ours(ours_name, *layout),
            };
            ours.insert(format!("{keras}/{there}"), place);
        }
    }
    let head = head(config, entries, target);
    Ok(entries
        .iter()
        .map(|entry| {
            let layer = entry.name.split('/').next().unwrap_or_default();
            ours.get(&entry.name)
                .or_else(|| normalization(&entry.name))
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

/// The layer that EfficientNet begins with: `normalization`, numbered where a program made several.
fn normalization(entry: &str) -> Option<&'static Place> {
    let (layer, weight) = entry.split_once('/')?;
    let number = layer.strip_prefix("normalization")?;
    if !number
        .chars()
        .all(|letter| letter == '_' || letter.is_ascii_digit())
    {
        return None;
    }
    match weight {
        "mean" => Some(&Place::Input(InputStatistic::Mean)),
        "variance" => Some(&Place::Input(InputStatistic::Variance)),
        "count" => Some(&Place::Bookkeeping),
        _ => None,
    }
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
        Architecture::Vgg16 | Architecture::Vgg19 | Architecture::ResNet50Keras => Scaling::Caffe,
        Architecture::MobileNetV2Keras => Scaling::Tf,
        _ => Scaling::ImageNet,
    }
}

/// What `keras.applications` adds to a variance, for files that do not say.
pub(in super::super) fn published_epsilon(architecture: Architecture) -> f64 {
    match architecture {
        Architecture::DenseNet121 | Architecture::ResNet50Keras => 1.001e-5,
        _ => 1e-3,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::networks::NetworkSettings;

    /// Every tensor of a backbone has one Keras layer, and every weight of a Keras layer one place;
    /// that the names are Keras' own is what `reference/weights/check.sh` shows.
    #[test]
    fn tables_cover_every_backbone_that_keras_publishes() {
        // The second number is how many biases go into a norm.
        for (architecture, biases) in [
            (Architecture::Vgg16, 0),
            (Architecture::Vgg19, 0),
            (Architecture::DenseNet121, 0),
            (Architecture::MobileNetV2Keras, 0),
            (Architecture::ResNet50Keras, 53),
            (Architecture::EfficientNetB0Keras, 0),
        ] {
            let settings = NetworkSettings::published(architecture, 2);
            let plan = settings.plan().unwrap();
            let backbone: HashMap<String, Vec<usize>> = plan
                .features
                .iter()
                .flat_map(|placed| placed.layer.tensors())
                .map(|tensor| (tensor.name, tensor.shape))
                .collect();
            let target = Target {
                settings: &settings,
                file: "weights.h5".into(),
                backbone: backbone.clone(),
                head: vec![],
                flattened: [0, 1, 1],
            };
            // As ResNet has it: a bias wherever there is a convolution.
            let entries: Vec<Entry> = table(architecture)
                .unwrap()
                .iter()
                .flat_map(|(layer, ours, kind)| {
                    let weights: &[&str] = match kind {
                        Kind::Convolution
                            if biases > 0 || backbone.contains_key(&format!("{ours}.bias")) =>
                        {
                            &["kernel", "bias"]
                        }
                        Kind::Convolution => &["kernel"],
                        Kind::Depthwise => &["depthwise_kernel"],
                        Kind::Norm => &["gamma", "beta", "moving_mean", "moving_variance"],
                    };
                    weights.iter().map(move |weight| Entry {
                        name: format!("{layer}/{weight}"),
                        shape: vec![],
                    })
                })
                .collect();
            let places = places(&KerasConfig::default(), &entries, &target).unwrap();
            let mut folded = 0;
            let mut found = BTreeSet::new();
            for (entry, place) in entries.iter().zip(&places) {
                match place {
                    Place::Ours(name, _) => {
                        assert!(
                            backbone.contains_key(name),
                            "{architecture}: {entry:?} {name}"
                        );
                        assert!(found.insert(name.clone()), "{architecture}: {name} twice");
                    }
                    Place::FoldedBias(mean) => {
                        assert!(
                            backbone.contains_key(mean),
                            "{architecture}: {entry:?} {mean}"
                        );
                        folded += 1;
                    }
                    other => panic!("{architecture}: {entry:?} is {other:?}"),
                }
            }
            assert_eq!(found, backbone.into_keys().collect(), "{architecture}");
            assert_eq!(folded, biases, "{architecture}");
        }
    }

    #[test]
    fn torchvisions_networks_send_keras_files_to_their_keras_twins() {
        for architecture in [
            Architecture::MobileNetV2,
            Architecture::ResNet50,
            Architecture::EfficientNetB0,
        ] {
            let reason = table(architecture).unwrap_err();
            assert!(
                reason.ends_with(&format!("hint: import it as `{architecture}-keras`")),
                "{reason}"
            );
        }
    }

    #[test]
    fn the_normalization_is_found_under_any_number() {
        for (entry, expected) in [
            (
                "normalization/mean",
                Some(Place::Input(InputStatistic::Mean)),
            ),
            (
                "normalization_12/variance",
                Some(Place::Input(InputStatistic::Variance)),
            ),
            ("normalization/count", Some(Place::Bookkeeping)),
            ("normalization/gamma", None),
            ("normalizations/mean", None),
        ] {
            assert_eq!(normalization(entry).cloned(), expected, "{entry}");
        }
    }
}
