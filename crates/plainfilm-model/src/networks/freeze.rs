//! Which layers keep their weights in training.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which layers keep their weights in training. Batch norms among them keep their running
/// statistics and normalise by them; dropouts among them drop nothing.
///
/// In files it is `"none"`, `"backbone"` or a stage's name. Files written before stages could be
/// named hold `true` for the backbone and `false` for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Freeze {
    /// Every layer is trained.
    #[default]
    None,
    /// Only the head is trained.
    Backbone,
    /// The layers before this stage keep their weights; the stage and all after it are trained.
    /// [`Summary::stages`](super::Summary::stages) lists a network's stages.
    Before(String),
}

impl fmt::Display for Freeze {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::None => "none",
            Self::Backbone => "backbone",
            Self::Before(stage) => stage,
        })
    }
}

impl FromStr for Freeze {
    type Err = Infallible;

    /// Reads `none`, `backbone` or a stage's name; which stages there are, a network knows.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "none" => Self::None,
            "backbone" => Self::Backbone,
            stage => Self::Before(stage.to_owned()),
        })
    }
}

impl Serialize for Freeze {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Freeze {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected `none`, `backbone` or a stage's name")]
        enum Written {
            Backbone(bool),
            Name(String),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Backbone(true) => Self::Backbone,
            Written::Backbone(false) => Self::None,
            Written::Name(name) => match name.parse() {
                Ok(freeze) => freeze,
                Err(never) => match never {},
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_the_switches_of_old_files_are_read() {
        let before = Freeze::Before("layer4".to_owned());
        for (text, expected) in [
            ("true", Freeze::Backbone),
            ("false", Freeze::None),
            ("\"backbone\"", Freeze::Backbone),
            ("\"none\"", Freeze::None),
            ("\"layer4\"", before.clone()),
        ] {
            let found: Freeze = serde_json::from_str(text).expect(text);
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(
            serde_json::to_string(&before).expect("a name"),
            "\"layer4\""
        );
        let error = serde_json::from_str::<Freeze>("4").expect_err("a number");
        assert!(error.to_string().contains("a stage's name"), "{error}");
    }
}
