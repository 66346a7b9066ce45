//! Films for tests.

/// A grey film as a bitmap file of 8 x 8 pixels.
pub(super) fn bitmap(grey: u8) -> Vec<u8> {
    let header_len = 14 + 40 + 4 * 256;
    let mut bytes = b"BM".to_vec();
    bytes.extend((header_len + 64_u32).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(header_len.to_le_bytes());
    for field in [40_u32, 8, 8, 1 | (8 << 16), 0, 64, 0, 0, 256, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend((0..=255_u8).flat_map(|level| [level, level, level, 0]));
    bytes.extend([grey; 64]);
    bytes
}
