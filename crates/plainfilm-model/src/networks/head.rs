//! Which heads there are: one of three that fit every network, or the network's own.

use serde::{Deserialize, Serialize};

/// What turns a backbone's maps into logits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// The network's own; for VGG16 and VGG19 the notebook's.
    #[default]
    Published,
    /// The Keras notebook's: average over 4x4 squares, 64 units with ReLU, dropout 0.5, logits.
    /// What is left over beside the last whole square is not looked at.
    Notebook,
    /// Average over the whole map, logits.
    Linear,
    /// Average over the whole map, 64 units with ReLU, dropout 0.5, logits.
    Mlp,
}

impl Head {
    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Notebook => "notebook",
            Self::Linear => "linear",
            Self::Mlp => "mlp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, NetworkSettings};
    use super::*;

    #[test]
    fn every_head_fits_every_network() {
        for architecture in Architecture::all() {
            for (head, expected) in [
                (Head::Linear, vec!["head.output"]),
                (Head::Mlp, vec!["head.hidden", "head.output"]),
                (Head::Notebook, vec!["head.hidden", "head.output"]),
            ] {
                let settings = NetworkSettings {
                    head,
                    ..NetworkSettings::published(architecture, 5)
                };
                let plan = settings.plan().expect("published size");
                let tensors: Vec<_> = plan.head.iter().flat_map(|l| l.layer.tensors()).collect();
                let names: Vec<&str> = tensors
                    .iter()
                    .filter_map(|tensor| tensor.name.strip_suffix(".weight"))
                    .collect();
                assert_eq!(names, expected, "{architecture} {}", head.name());
                let last = plan.head.last().expect("has layers");
                assert_eq!(last.output, [5]);
                assert_eq!(serde_json::to_value(head).ok(), Some(head.name().into()));
            }
        }
    }
}
