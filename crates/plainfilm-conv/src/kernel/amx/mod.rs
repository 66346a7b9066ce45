//! Products of 16-bit floats with AMX, the matrix unit of Intel's CPUs since Sapphire Rapids.
//!
//! Stable Rust has no functions for it, so its eight instructions are written out. A tile register
//! holds 16 rows of 64 bytes: `C[m][n] += sum over q and i of A[m][2q + i] * B[q][2n + i]`, with
//! `A` and `B` in bfloat16 and `C` in float32. [`pairs`] has weights on the left and pixels on the
//! right, for maps of one plane a channel; [`pixels`] has them the other way round, for maps whose
//! channels lie side by side; [`sums`] has the input on the left and the output's gradient on the right.

pub(crate) mod pairs;
pub(crate) mod pixels;
pub(crate) mod rounding;
pub(crate) mod sums;
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod tiles;

use std::sync::LazyLock;

/// Rows of the left operand, and pixels, in a block: two tiles each.
pub(crate) const SIDE: usize = 32;
/// Channels in a step: the depth of a tile.
pub(crate) const DEPTH: usize = 32;
/// Rows of a tile, and its columns in 32 bits.
pub(crate) const TILE: usize = 16;

/// A float as the nearest bfloat16, ties to even; not-a-number stays so.
#[inline(always)]
pub(crate) fn bfloat16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let bits = if value.is_nan() { 0x7fc0_0000 } else { rounded };
    (bits >> 16) as u16
}

/// Whether this CPU has AMX and vectors for bfloat16, and the system lets this process use them.
pub(crate) fn available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(request);
    *AVAILABLE
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
fn request() -> bool {
    rounding::vectors_available() && tiles::request()
}

/// Other systems have no AMX, or another way to ask for it.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
fn request() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_even() {
        for (value, bits) in [
            (1.0, 0x3f80),
            (-2.0, 0xc000),
            (1.0 + 1.0 / 256.0, 0x3f80),
            (1.0 + 3.0 / 256.0, 0x3f82),
            (f32::INFINITY, 0x7f80),
            (f32::MAX, 0x7f80),
        ] {
            assert_eq!(bfloat16(value), bits, "{value}");
        }
        assert!(f32::from_bits(u32::from(bfloat16(f32::from_bits(0x7fff_ffff))) << 16).is_nan());
    }
}
