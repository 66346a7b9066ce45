//! How often frozen layers look at a film.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How often the frozen layers look at a training film. In files `"fresh"` or a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Views {
    /// In every epoch, augmented anew.
    #[default]
    Fresh,
    /// As often as this in the whole training: once as it is, else augmented. Epochs take turns with
    /// the views. Only where the first layers are frozen.
    Kept(usize),
}

impl Views {
    /// Where nothing is said and the backbone is frozen.
    pub const DEFAULT_KEPT: Self = Self::Kept(8);
    pub(super) const MOST: usize = 256;
}

impl fmt::Display for Views {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => formatter.pad("fresh"),
            Self::Kept(count) => count.fmt(formatter),
        }
    }
}

impl FromStr for Views {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("fresh", _) => Ok(Self::Fresh),
            (_, Ok(count)) => Ok(Self::Kept(count)),
            _ => Err(format!("expected a number or \"fresh\", found {text:?}")),
        }
    }
}

impl Serialize for Views {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fresh => serializer.serialize_str("fresh"),
            Self::Kept(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Views {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected `\"fresh\"` or a number of views")]
        enum Written {
            Count(usize),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Count(count) => Ok(Self::Kept(count)),
            Written::Word(word) => word.parse().map_err(serde::de::Error::custom),
        }
    }
}
