//! A table of numbers as one text, for the header of a model file.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Rows of equal width, one after another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    width: usize,
    values: Vec<f32>,
}

/// [`Rows`] as they are written: 32-bit floats, little-endian, in Base64.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Rows")]
struct Written {
    width: usize,
    values: String,
}

impl Rows {
    /// Rows of `width` numbers each.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            values: Vec::new(),
        }
    }

    /// Appends a row.
    ///
    /// # Panics
    ///
    /// When it is not as wide as the others, which is a mistake of the caller.
    pub fn push(&mut self, row: &[f32]) {
        assert_eq!(row.len(), self.width, "rows of one width");
        self.values.extend_from_slice(row);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Written {
            width: self.width,
            values: BASE64_STANDARD_NO_PAD.encode(bytes),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |reason: String| de::Error::custom(format!("a table of numbers: {reason}"));
        let Written { width, values } = Written::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD_NO_PAD
            .decode(values)
            .map_err(|error| refuse(error.to_string()))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        let values: Vec<f32> = numbers.iter().map(|&b| f32::from_le_bytes(b)).collect();
        if width == 0 || !rest.is_empty() || !values.len().is_multiple_of(width) {
            return Err(refuse(format!(
                "expected rows of {width} numbers of 4 bytes, found {} bytes",
                bytes.len()
            )));
        }
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(refuse(format!("expected finite numbers, found {value}")));
        }
        Ok(Self { width, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_as_they_were_and_damage_is_refused() {
        let mut rows = Rows::new(2);
        rows.push(&[1.0, -0.5]);
        rows.push(&[1e-30, 7.0]);
        let text = serde_json::to_string(&rows).unwrap();
        assert_eq!(serde_json::from_str::<Rows>(&text).unwrap(), rows);
        assert_eq!((rows.len(), rows.iter().len()), (2, 2));
        assert!(!rows.is_empty() && Rows::new(2).is_empty());
        for damaged in [
            r#"{"width":0,"values":"AACAPw"}"#,
            r#"{"width":2,"values":"AACAPw"}"#,
            r#"{"width":1,"values":"AACA"}"#,
            r#"{"width":1,"values":"AADAfw"}"#,
            r#"{"width":1,"values":"?"}"#,
        ] {
            assert!(serde_json::from_str::<Rows>(damaged).is_err(), "{damaged}");
        }
    }
}
