//! What a film may cost before any of it is allocated.

/// Limits that a film must keep; they are checked before its pixels are allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest side, in pixels.
    pub max_side: u32,
    /// Columns times rows.
    pub max_pixels: u64,
    /// Size of the file, in bytes.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_side: 16_384,
            max_pixels: 100_000_000,
            max_file_bytes: 512 << 20,
        }
    }
}
