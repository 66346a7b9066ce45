//! One of several machines' share of a cross-validation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A share of the trainings of a cross-validation, for one of several machines. In files and arguments
/// `2/3`: every third, from the second on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').map(|(a, b)| (a.parse(), b.parse()));
        match parts {
            Some((Ok(index), Ok(of))) if (1..=of).contains(&index) => Ok(Self { index, of }),
            _ => Err(format!(
                "expected a shard such as 1/3, from 1/N to N/N, found {text:?}"
            )),
        }
    }
}

impl Serialize for Shard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Shard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_and_written() {
        for (text, expected) in [
            ("1/3", Some((1, 3))),
            ("3/3", Some((3, 3))),
            ("0/3", None),
            ("4/3", None),
            ("1", None),
            ("a/b", None),
        ] {
            let found = text.parse::<Shard>().ok();
            assert_eq!(
                found.map(|shard| (shard.index, shard.of)),
                expected,
                "{text}"
            );
            if let Some(shard) = found {
                assert_eq!(shard.to_string(), text);
            }
        }
    }
}
