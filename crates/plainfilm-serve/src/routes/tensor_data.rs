//! The data of a tensor in JSON: numbers or texts, nested however a client likes, read without a tree in between.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

/// More films than any request may bring: empty texts cost a client nothing.
const MOST_TEXTS: usize = 100_000;

/// The elements in their order; a tensor has one kind of them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TensorData {
    pub(super) numbers: Vec<f32>,
    pub(super) texts: Vec<String>,
}

impl<'de> Deserialize<'de> for TensorData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut data = Self::default();
        Append(&mut data).deserialize(deserializer)?;
        Ok(data)
    }
}

/// Adds an element, or all of a list.
struct Append<'a>(&'a mut TensorData);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers or texts")
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.numbers.push(value as f32);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.numbers.push(value as f32);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.numbers.push(value as f32);
        Ok(())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        if self.0.texts.len() >= MOST_TEXTS {
            return Err(E::custom(format!("expected at most {MOST_TEXTS} texts")));
        }
        self.0.texts.push(value.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Append(self.0))?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_lists_are_one_list() {
        let data: TensorData = serde_json::from_str("[[1, 2.5], [[-3]]]").unwrap();
        assert_eq!(data.numbers, [1.0, 2.5, -3.0]);
        let data: TensorData = serde_json::from_str("[\"YQ==\", [\"\"]]").unwrap();
        assert_eq!(data.texts, ["YQ==", ""]);
        for wrong in ["[null]", "[true]", "[{}]", "{}"] {
            assert!(
                serde_json::from_str::<TensorData>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
