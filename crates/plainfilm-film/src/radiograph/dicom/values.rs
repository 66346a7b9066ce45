//! What elements say, whatever representation they were written in: scanners write text where the standard has
//! binary numbers, and the other way round. What cannot be understood counts as missing.

use super::elements::{DataSet, Element};

impl DataSet<'_> {
    /// The first of an element's values as text, without the spaces and zeros that pad it.
    pub(super) fn text(&self, tag: u32) -> Option<String> {
        let bytes = self.get(tag)?.bytes;
        let first = bytes.split(|&byte| byte == b'\\').next()?;
        let text = match std::str::from_utf8(first) {
            Ok(text) => text.to_owned(),
            // Latin 1 is what nearly every other film of Europe and America is written in, and none of the facts
            // that are read is free text.
            Err(_) => first.iter().map(|&byte| char::from(byte)).collect(),
        };
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A text in capitals, as code strings (CS) are compared.
    pub(super) fn code(&self, tag: u32) -> Option<String> {
        self.text(tag).map(|text| text.to_ascii_uppercase())
    }

    /// The first of an element's numbers.
    pub(super) fn number(&self, tag: u32) -> Option<f64> {
        let element = self.get(tag)?;
        let value = match (element.vr.as_ref(), element.bytes.len()) {
            (Some(b"US"), _) => self.words(element).next()?.into(),
            (Some(b"SS"), _) => (self.words(element).next()? as i16).into(),
            (Some(b"UL"), 4..) => self.wide(element)?.into(),
            (Some(b"SL"), 4..) => (self.wide(element)? as i32).into(),
            (Some(b"FL"), 4..) => f32::from_bits(self.wide(element)?).into(),
            (Some(b"FD"), 8..) => {
                let bytes = *element.bytes.first_chunk::<8>()?;
                if self.encoding.big {
                    f64::from_be_bytes(bytes)
                } else {
                    f64::from_le_bytes(bytes)
                }
            }
            _ => self.text(tag)?.parse().ok()?,
        };
        value.is_finite().then_some(value)
    }

    /// A whole number of 16 bits: US where nothing else is said, as the description of pixels is.
    pub(super) fn whole(&self, tag: u32) -> Option<u16> {
        let element = self.get(tag)?;
        if element.vr.is_none() && element.bytes.len() == 2 {
            return self.words(element).next();
        }
        let number = self.number(tag)?;
        (number.fract() == 0.0 && (0.0..=65_535.0).contains(&number)).then_some(number as u16)
    }

    /// All 16-bit words of an element.
    pub(super) fn words<'e>(
        &self,
        element: &'e Element<'_>,
    ) -> impl Iterator<Item = u16> + use<'e> {
        self.encoding.words(element.bytes)
    }

    fn wide(&self, element: &Element<'_>) -> Option<u32> {
        let bytes = *element.bytes.first_chunk::<4>()?;
        Some(if self.encoding.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}
