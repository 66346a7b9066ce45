//! What can go wrong when a network is described, built or filled.

use std::fmt;

use thiserror::Error;

/// How many tensor names one error lists of each kind.
const LISTED: usize = 10;

/// A network that cannot be built or filled as asked.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The name is none of [`Architecture::all`](super::Architecture::all).
    #[error(
        "unknown model `{found}`: expected one of {expected}{}",
        hint(suggestion)
    )]
    UnknownArchitecture {
        /// The name as given.
        found: String,
        /// The known names, comma-separated.
        expected: String,
        /// The known name nearest to `found`, where one is near.
        suggestion: Option<&'static str>,
    },
    /// The network has no stage of this name.
    #[error(
        "{architecture}: no stage `{found}` to train from: expected none, backbone or one of \
         {expected}"
    )]
    UnknownStage {
        /// The network's name.
        architecture: &'static str,
        /// The name as given.
        found: String,
        /// The network's stages, comma-separated.
        expected: String,
    },
    /// The film is too small: a layer's map would be empty.
    #[error(
        "{architecture}: films of {size} x {size} pixels are too small: the map at `{layer}` would \
         be empty; hint: the paper's size is {default_size}"
    )]
    SizeTooSmall {
        /// The network's name.
        architecture: &'static str,
        /// Side in pixels, as asked for.
        size: usize,
        /// The first layer whose map would be empty.
        layer: String,
        /// The paper's side in pixels.
        default_size: usize,
    },
    /// A setting lies outside its range.
    #[error("{architecture}: `{setting}` is {found}: expected {minimum} to {maximum}")]
    OutOfRange {
        /// The network's name.
        architecture: &'static str,
        /// The field of [`NetworkSettings`](super::NetworkSettings).
        setting: &'static str,
        /// Its value.
        found: usize,
        /// The least allowed value.
        minimum: usize,
        /// The greatest allowed value.
        maximum: usize,
    },
    /// The tensors are not those of the architecture.
    #[error("the tensors do not fit {architecture}:{differences}")]
    Tensors {
        /// The network's name.
        architecture: &'static str,
        /// Every tensor that does not fit.
        differences: Box<TensorDifferences>,
    },
}

/// The tensors that do not fit a network, by kind. Shown with at most 10 names of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TensorDifferences {
    /// Names that the network has and the tensors lack.
    pub missing: Vec<String>,
    /// Names that the network does not have, or that come twice.
    pub extra: Vec<String>,
    /// Tensors whose shape is not the network's.
    pub misshapen: Vec<Misshapen>,
    /// Tensors that hold NaN or an infinity, or not as many values as their shape says.
    pub unfit: Vec<String>,
}

/// A tensor whose shape is not the one that the network has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// The tensor's name.
    pub name: String,
    /// The network's shape.
    pub expected: Vec<usize>,
    /// The shape that came.
    pub found: Vec<usize>,
}

fn hint(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or_else(String::new, |name| {
        format!("; hint: did you mean `{name}`?")
    })
}

impl fmt::Display for TensorDifferences {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes: Vec<String> = self
            .misshapen
            .iter()
            .map(|tensor| {
                format!(
                    "{} (expected {:?}, found {:?})",
                    tensor.name, tensor.expected, tensor.found
                )
            })
            .collect();
        let text: String = [
            ("missing", &self.missing),
            ("not in the network", &self.extra),
            ("wrong shape", &shapes),
            ("not finite or of the wrong number", &self.unfit),
        ]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!(" {} {kind}: {};", names.len(), listed(names)))
        .collect();
        formatter.write_str(text.trim_end_matches(';'))
    }
}

fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(LISTED)].join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_error_lists_every_kind_and_at_most_ten_of_each() {
        let names = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>();
        let error = ModelError::Tensors {
            architecture: "vgg16",
            differences: Box::new(TensorDifferences {
                missing: names(12),
                extra: vec!["other".into()],
                misshapen: vec![Misshapen {
                    name: "w".into(),
                    expected: vec![2, 3],
                    found: vec![3, 2],
                }],
                unfit: vec![],
            }),
        };
        assert_eq!(
            error.to_string(),
            "the tensors do not fit vgg16: 12 missing: t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and \
             2 more; 1 not in the network: other; 1 wrong shape: w (expected [2, 3], found [3, 2])"
        );
    }
}
