//! Names in PyTorch files: torchvision's, which are ours, and where timm or older files differ.

use super::super::formats::Entry;
use super::{Layout, Place, Target};
use crate::model::Architecture;
use crate::radiograph::Scaling;

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

/// Blocks in the stages of MobileNetV2: timm numbers stages and blocks, torchvision blocks only.
const MOBILE_NET_STAGES: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

/// What each entry is.
pub(super) fn places(entries: &[Entry], target: &Target<'_>) -> Vec<Place> {
    let architecture = target.settings.architecture;
    entries
        .iter()
        .map(|entry| place(&entry.name, architecture, target))
        .collect()
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
        _ => None,
    }
}

fn timm_mobile_net(name: &str) -> Option<String> {
    if let Some(weight) = name.strip_prefix("classifier.") {
        return Some(format!("classifier.1.{weight}"));
    }
    for (timm, ours) in [
        ("conv_stem.", "features.0.0."),
        ("bn1.", "features.0.1."),
        ("conv_head.", "features.18.0."),
        ("bn2.", "features.18.1."),
    ] {
        if let Some(weight) = name.strip_prefix(timm) {
            return Some(format!("{ours}{weight}"));
        }
    }
    let mut parts = name.strip_prefix("blocks.")?.splitn(4, '.');
    let stage: usize = parts.next()?.parse().ok()?;
    let block: usize = parts.next()?.parse().ok()?;
    let (layer, weight) = (parts.next()?, parts.next()?);
    if block >= *MOBILE_NET_STAGES.get(stage)? {
        return None;
    }
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
        assert_eq!(
            old_dense_net("features.denseblock1.denselayer1.norm.1.weight").as_deref(),
            Some("features.denseblock1.denselayer1.norm1.weight")
        );
        assert_eq!(old_dense_net("features.norm0.weight"), None);
    }
}
