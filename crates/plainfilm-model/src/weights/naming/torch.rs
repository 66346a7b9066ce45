//! Names in PyTorch files: torchvision's, which are ours, and where timm or older files differ.

use super::super::formats::Entry;
use super::{Layout, Place, Target};
use crate::networks::Architecture;
use plainfilm_film::radiograph::Scaling;

/// What wrappers put before every name: `DataParallel` and Lightning.
const PREFIXES: [&str; 3] = ["module.", "model.", "net."];

/// What the heads of torchvision's and timm's networks begin with, where ours has another.
const HEADS: [&str; 6] = [
    "classifier.",
    "fc.",
    "head.",
    "pre_logits.",
    "last_linear.",
    "_fc.",
];

/// Blocks in the stages of the EfficientNets.
const EFFICIENT_NET_STAGES: [usize; 7] = [1, 2, 2, 3, 3, 4, 1];

/// Blocks in the stages of MobileNetV2: timm numbers stages and blocks, torchvision blocks only.
const MOBILE_NET_STAGES: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

/// What each entry is.
pub(super) fn places(entries: &[Entry], target: &Target<'_>) -> Result<Vec<Place>, String> {
    let architecture = target.settings.architecture;
    if matches!(
        architecture,
        Architecture::MobileNetV2Keras | Architecture::ResNet50Keras
    ) {
        return Err(format!(
            "no PyTorch library publishes a network that computes what Keras' does; hint: import it \
             as `{}`",
            architecture.name().trim_end_matches("-keras")
        ));
    }
    // What tells timm's two apart is the file's name alone: their tensors are called the same.
    let timm = entries.iter().any(|entry| {
        entry.name.ends_with("conv_stem.weight") && !entry.name.ends_with("_conv_stem.weight")
    });
    if timm
        && architecture == Architecture::EfficientNetLite0
        && !target.file.contains("tf_efficientnet_lite0")
    {
        return Err(
            "timm's `efficientnet_lite0` and `tf_efficientnet_lite0` have the same names and pad \
             differently, and only the latter computes what this network does; hint: if that is what \
             it holds, let the file's name begin with `tf_efficientnet_lite0`"
                .to_owned(),
        );
    }
    Ok(entries
        .iter()
        .map(|entry| place(&entry.name, architecture, target))
        .collect())
}

fn place(name: &str, architecture: Architecture, target: &Target<'_>) -> Place {
    let mut name = name;
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    let candidates = [
        Some(name.to_owned()),
        old_dense_net(name),
        timm(name, architecture),
    ];
    if let Some(ours) = candidates
        .into_iter()
        .flatten()
        .find(|name| target.has(name))
    {
        return Place::Ours(ours, Layout::Same);
    }
    // torchxrayvision keeps thresholds of its labels beside the weights.
    if name.ends_with(".num_batches_tracked") || name == "op_threshs" {
        return Place::Bookkeeping;
    }
    if HEADS.iter().any(|head| name.starts_with(head)) {
        return Place::OtherHead;
    }
    Place::Unknown
}

/// torchvision's first DenseNets had dots where names have none today: `norm.1` for `norm1`.
fn old_dense_net(name: &str) -> Option<String> {
    let mut renamed = name.to_owned();
    for part in ["norm", "conv"] {
        for number in ["1", "2"] {
            renamed = renamed.replace(&format!(".{part}.{number}."), &format!(".{part}{number}."));
        }
    }
    (renamed != name).then_some(renamed)
}

/// timm's names, where they are not torchvision's.
fn timm(name: &str, architecture: Architecture) -> Option<String> {
    match architecture {
        Architecture::MobileNetV2 => timm_mobile_net(name),
        Architecture::EfficientNetB0 | Architecture::EfficientNetB0Keras => timm_b0(name),
        Architecture::EfficientNetLite0 => timm_lite0(name),
        _ => None,
    }
}

/// Stage, block, layer and weight of `blocks.<stage>.<block>.<layer>.<weight>`, where a network has
/// such a block; a layer of squeeze-and-excitation is `se.conv_reduce` or `se.conv_expand`.
fn timm_block<'a>(name: &'a str, stages: &[usize]) -> Option<(usize, usize, &'a str, &'a str)> {
    let mut parts = name.strip_prefix("blocks.")?.splitn(3, '.');
    let stage: usize = parts.next()?.parse().ok()?;
    let block: usize = parts.next()?.parse().ok()?;
    let (layer, weight) = parts.next()?.rsplit_once('.')?;
    (block < *stages.get(stage)?).then_some((stage, block, layer, weight))
}

/// The name of a tensor outside the blocks, from pairs of beginnings.
fn renamed(name: &str, beginnings: &[(&str, &str)]) -> Option<String> {
    beginnings.iter().find_map(|(theirs, ours)| {
        let weight = name.strip_prefix(theirs)?;
        Some(format!("{ours}{weight}"))
    })
}

/// EfficientNet-B0, whose names here are torchvision's.
fn timm_b0(name: &str) -> Option<String> {
    let outside = [
        ("conv_stem.", "features.0.0."),
        ("bn1.", "features.0.1."),
        ("conv_head.", "features.8.0."),
        ("bn2.", "features.8.1."),
        ("classifier.", "classifier.1."),
    ];
    if let Some(ours) = renamed(name, &outside) {
        return Some(ours);
    }
    let (stage, block, layer, weight) = timm_block(name, &EFFICIENT_NET_STAGES)?;
    // The first stage does not go to more channels.
    let step = match (stage, layer) {
        (0, "conv_dw") => "0.0",
        (0, "bn1") => "0.1",
        (0, "se.conv_reduce") => "1.fc1",
        (0, "se.conv_expand") => "1.fc2",
        (0, "conv_pw") => "2.0",
        (0, "bn2") => "2.1",
        (1.., "conv_pw") => "0.0",
        (1.., "bn1") => "0.1",
        (1.., "conv_dw") => "1.0",
        (1.., "bn2") => "1.1",
        (1.., "se.conv_reduce") => "2.fc1",
        (1.., "se.conv_expand") => "2.fc2",
        (1.., "conv_pwl") => "3.0",
        (1.., "bn3") => "3.1",
        _ => return None,
    };
    Some(format!(
        "features.{}.{block}.block.{step}.{weight}",
        stage + 1
    ))
}

/// EfficientNet-Lite0, whose names here are those of `efficientnet_lite_pytorch`.
fn timm_lite0(name: &str) -> Option<String> {
    let outside = [
        ("conv_stem.", "_conv_stem."),
        ("bn1.", "_bn0."),
        ("conv_head.", "_conv_head."),
        ("bn2.", "_bn1."),
        ("classifier.", "_fc."),
    ];
    if let Some(ours) = renamed(name, &outside) {
        return Some(ours);
    }
    let (stage, block, layer, weight) = timm_block(name, &EFFICIENT_NET_STAGES)?;
    let position = EFFICIENT_NET_STAGES[..stage].iter().sum::<usize>() + block;
    let step = match (stage, layer) {
        (_, "conv_dw") => "_depthwise_conv",
        (0, "bn1") | (1.., "bn2") => "_bn1",
        (0, "conv_pw") | (1.., "conv_pwl") => "_project_conv",
        (0, "bn2") | (1.., "bn3") => "_bn2",
        (1.., "conv_pw") => "_expand_conv",
        (1.., "bn1") => "_bn0",
        _ => return None,
    };
    Some(format!("_blocks.{position}.{step}.{weight}"))
}

fn timm_mobile_net(name: &str) -> Option<String> {
    let outside = [
        ("conv_stem.", "features.0.0."),
        ("bn1.", "features.0.1."),
        ("conv_head.", "features.18.0."),
        ("bn2.", "features.18.1."),
        ("classifier.", "classifier.1."),
    ];
    if let Some(ours) = renamed(name, &outside) {
        return Some(ours);
    }
    let (stage, block, layer, weight) = timm_block(name, &MOBILE_NET_STAGES)?;
    let position = 1 + MOBILE_NET_STAGES[..stage].iter().sum::<usize>() + block;
    // The first block has no convolution to more channels.
    let step = match (stage, layer) {
        (0, "conv_dw") => "0.0",
        (0, "bn1") => "0.1",
        (0, "conv_pw") => "1",
        (0, "bn2") => "2",
        (1.., "conv_pw") => "0.0",
        (1.., "bn1") => "0.1",
        (1.., "conv_dw") => "1.0",
        (1.., "bn2") => "1.1",
        (1.., "conv_pwl") => "2",
        (1.., "bn3") => "3",
        _ => return None,
    };
    Some(format!("features.{position}.conv.{step}.{weight}"))
}

/// torchvision and timm fitted theirs with ImageNet's channel means; EfficientNet-Lite0's weights come
/// from TensorFlow, which fitted them on values from -1 to 1.
pub(super) fn published_scaling(architecture: Architecture) -> Scaling {
    match architecture {
        Architecture::EfficientNetLite0 => Scaling::Tf,
        Architecture::XrvDenseNet121 => Scaling::XRayVision,
        _ => Scaling::ImageNet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_become_ours() {
        for (name, expected) in [
            ("conv_stem.weight", "features.0.0.weight"),
            ("bn2.running_var", "features.18.1.running_var"),
            ("blocks.0.0.conv_pw.weight", "features.1.conv.1.weight"),
            ("blocks.1.0.conv_pw.weight", "features.2.conv.0.0.weight"),
            ("blocks.6.0.bn3.bias", "features.17.conv.3.bias"),
            ("classifier.bias", "classifier.1.bias"),
        ] {
            assert_eq!(timm_mobile_net(name).as_deref(), Some(expected), "{name}");
        }
        for name in [
            "blocks.7.0.bn1.bias",
            "blocks.1.2.bn1.bias",
            "blocks.x",
            "fc.bias",
        ] {
            assert_eq!(timm_mobile_net(name), None, "{name}");
        }
        for (name, b0, lite0) in [
            (
                "conv_head.weight",
                "features.8.0.weight",
                "_conv_head.weight",
            ),
            (
                "blocks.0.0.conv_pw.weight",
                "features.1.0.block.2.0.weight",
                "_blocks.0._project_conv.weight",
            ),
            (
                "blocks.5.3.bn2.running_var",
                "features.6.3.block.1.1.running_var",
                "_blocks.14._bn1.running_var",
            ),
        ] {
            assert_eq!(timm_b0(name).as_deref(), Some(b0), "{name}");
            assert_eq!(timm_lite0(name).as_deref(), Some(lite0), "{name}");
        }
        assert_eq!(
            timm_b0("blocks.5.3.se.conv_reduce.bias").as_deref(),
            Some("features.6.3.block.2.fc1.bias")
        );
        assert_eq!(timm_lite0("blocks.5.3.se.conv_reduce.bias"), None);
        assert_eq!(
            old_dense_net("features.denseblock1.denselayer1.norm.1.weight").as_deref(),
            Some("features.denseblock1.denselayer1.norm1.weight")
        );
        assert_eq!(old_dense_net("features.norm0.weight"), None);
    }
}
