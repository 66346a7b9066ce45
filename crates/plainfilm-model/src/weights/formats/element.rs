//! Numbers as files store them, little-endian.

use half::{bf16, f16};

/// How one number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    BF16,
    /// No weight: such as a counter of batches. The name, and its bytes.
    Other(&'static str, usize),
}

impl Element {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other(_, bytes) => bytes,
        }
    }

    /// The numbers as f32; the reason where they are no weights.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<f32>, String> {
        Ok(match self {
            Self::F64 => each(bytes, |number: [u8; 8]| f64::from_le_bytes(number) as f32),
            Self::F32 => each(bytes, f32::from_le_bytes),
            Self::F16 => each(bytes, |number| f16::from_le_bytes(number).to_f32()),
            Self::BF16 => each(bytes, |number| bf16::from_le_bytes(number).to_f32()),
            Self::Other(name, _) => {
                return Err(format!("expected numbers with a fraction, found {name}"));
            }
        })
    }
}

fn each<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|&number| decode(number))
        .collect()
}

/// How many elements a shape has; `None` where that is more than a machine can count.
pub(super) fn count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1_usize, |all, &side| all.checked_mul(side))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_number_becomes_the_same_f32() {
        let cases: [(Element, &[u8]); 4] = [
            (Element::F64, &(-1.5_f64).to_le_bytes()),
            (Element::F32, &(-1.5_f32).to_le_bytes()),
            (Element::F16, &f16::from_f32(-1.5).to_le_bytes()),
            (Element::BF16, &bf16::from_f32(-1.5).to_le_bytes()),
        ];
        for (element, bytes) in cases {
            assert_eq!(element.bytes(), bytes.len());
            assert_eq!(element.decode(bytes), Ok(vec![-1.5]), "{element:?}");
        }
        assert_eq!(
            Element::Other("int64", 8).decode(&[0; 8]),
            Err("expected numbers with a fraction, found int64".to_owned())
        );
        assert_eq!(count(&[usize::MAX, 2]), None);
    }
}
