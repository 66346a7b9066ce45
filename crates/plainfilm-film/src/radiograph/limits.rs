//! How large a film may be, checked before anything is allocated for its pixels.

use serde::{Deserialize, Serialize};

use super::RadiographError;

/// Upper bounds on a film. A header that goes past one is refused before its pixels are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest allowed side, in pixels.
    pub max_side: u32,
    /// Most allowed pixels, width times height.
    pub max_pixels: u64,
    /// Largest allowed file, in bytes.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    /// 16,384 pixels a side, 100 million pixels, 512 MiB a file.
    fn default() -> Self {
        Self {
            max_side: 16_384,
            max_pixels: 100_000_000,
            max_file_bytes: 512 << 20,
        }
    }
}

impl Limits {
    /// Bytes that a decoder may allocate: the largest film allowed, as 16-bit RGBA.
    pub(super) fn decoder_bytes(&self) -> u64 {
        self.max_pixels.saturating_mul(8)
    }

    pub(super) fn check_file(&self, name: &str, bytes: u64) -> Result<(), RadiographError> {
        if bytes > self.max_file_bytes {
            return Err(RadiographError::FileTooLarge {
                name: name.to_owned(),
                found: bytes,
                limit: self.max_file_bytes,
            });
        }
        Ok(())
    }

    pub(super) fn check_size(
        &self,
        name: &str,
        width: u32,
        height: u32,
    ) -> Result<(), RadiographError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(RadiographError::NoPixels {
                name: name.to_owned(),
                width,
                height,
            });
        }
        if width.max(height) > self.max_side || pixels > self.max_pixels {
            return Err(RadiographError::TooLarge {
                name: name.to_owned(),
                width,
                height,
                max_side: self.max_side,
                max_pixels: self.max_pixels,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked_against_side_and_area() {
        let limits = Limits::default();
        let cases = [
            (1, 1, true),
            (16_384, 6_103, true),
            (16_384, 6_104, false),
            (16_385, 1, false),
            (1, 16_385, false),
            (10_000, 10_000, true),
            (10_001, 10_000, false),
            (0, 10, false),
            (u32::MAX, u32::MAX, false),
        ];
        for (width, height, allowed) in cases {
            let checked = limits.check_size("film", width, height);
            assert_eq!(checked.is_ok(), allowed, "{width}x{height}: {checked:?}");
        }
    }

    #[test]
    fn the_refusal_says_what_was_expected_and_found() {
        let text = Limits::default()
            .check_size("a.png", 20_000, 10)
            .unwrap_err()
            .to_string();
        assert!(text.contains("a.png") && text.contains("20000x10") && text.contains("16384"));
    }
}
