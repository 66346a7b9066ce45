//! Products of 16-bit floats with AMX, the matrix unit of Intel's CPUs since Sapphire Rapids.
//!
//! Stable Rust has no functions for it, so its eight instructions are written out. A tile register
//! holds 16 rows of 64 bytes: `C[m][n] += sum over q and i of A[m][2q + i] * B[q][2n + i]`, with
//! `A` and `B` in bfloat16 and `C` in float32. The right operand has pairs of channels side by side
//! for each pixel, so a kernel tap is once more the same memory shifted.

use std::sync::LazyLock;

/// Rows of the left operand, and pixels, in a block: two tiles each.
pub(crate) const SIDE: usize = 32;
/// Channels in a step: the depth of a tile.
pub(crate) const DEPTH: usize = 32;

/// A float as the nearest bfloat16, ties to even; not-a-number stays so.
#[inline(always)]
pub(crate) fn bfloat16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let bits = if value.is_nan() { 0x7fc0_0000 } else { rounded };
    (bits >> 16) as u16
}

/// Whether this CPU has AMX for bfloat16 and the system lets this process use it.
pub(crate) fn available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(imp::request);
    *AVAILABLE
}

/// What [`products`] multiplies.
pub(crate) struct Product<'a> {
    /// For each step, `SIDE` rows of `DEPTH` bfloat16.
    pub weights: &'a [u16],
    /// Rows that are wanted, at most [`SIDE`].
    pub rows: usize,
    /// Where pixel zero of each step's first channel pair lies in `source`.
    pub offsets: &'a [usize],
    /// The largest of `offsets`.
    pub reach: usize,
    /// Added to every offset.
    pub first: usize,
    /// Pairs of channels, one `u32` a pixel (the even channel in the lower half).
    pub source: &'a [u32],
    /// Distance between channel pairs.
    pub plane: usize,
    /// Pixels to compute.
    pub length: usize,
}

/// Writes the products to `out`: row `m` starts at `m * stride`, and up to `length` rounded up to
/// [`SIDE`] values of all [`SIDE`] rows may be written.
///
/// # Panics
/// Where AMX is not [`available`], or an operand is too short.
pub(crate) fn products(product: &Product<'_>, out: &mut [f32], stride: usize) {
    assert!(available(), "AMX is not available");
    let rounded = product.length.next_multiple_of(SIDE);
    assert_eq!(product.weights.len(), product.offsets.len() * SIDE * DEPTH);
    debug_assert!(
        product
            .offsets
            .iter()
            .all(|&offset| offset <= product.reach)
    );
    let last_row = (DEPTH / 2 - 1) * product.plane;
    assert!(
        product.first + product.reach + last_row + rounded <= product.source.len(),
        "offsets up to {} leave a source of {}",
        product.first + product.reach,
        product.source.len()
    );
    assert!(rounded <= stride && SIDE * stride <= out.len() && product.rows <= SIDE);
    // SAFETY: AMX is there and allowed, and the operands are as long as the tiles read (checked
    // above): weights by whole blocks, the source by 16 rows of `rounded` values, `out` likewise.
    unsafe { imp::products(product, out, stride) }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod imp {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;

    use super::{DEPTH, Product, SIDE};

    /// Asks the system for the tile registers' state, once per process (Linux: `arch_prctl` with
    /// `ARCH_REQ_XCOMP_PERM` for feature 18; Documentation/arch/x86/xstate.rst).
    pub fn request() -> bool {
        // Leaf 7: bit 22 AMX-BF16, bit 24 AMX-TILE.
        let features = __cpuid_count(7, 0).edx;
        if features >> 22 & 1 == 0 || features >> 24 & 1 == 0 {
            return false;
        }
        let result: i64;
        // SAFETY: a system call that reads no memory; it clobbers rcx and r11 only.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") 158i64 => result,
                in("rdi") 0x1023,
                in("rsi") 18,
                out("rcx") _,
                out("r11") _,
                options(nostack)
            );
        }
        result == 0
    }

    /// The layout of the tile registers: eight of 16 rows of 64 bytes.
    #[repr(C, align(64))]
    struct Configuration {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        bytes_per_row: [u16; 16],
        rows: [u8; 16],
    }

    /// # Safety
    /// As checked by [`super::products`].
    pub unsafe fn products(product: &Product<'_>, out: &mut [f32], stride: usize) {
        let mut configuration = Configuration {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            bytes_per_row: [0; 16],
            rows: [0; 16],
        };
        configuration.bytes_per_row[..8].fill(64);
        configuration.rows[..8].fill(16);
        // SAFETY: the caller's promise; the configuration is palette 1's.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &configuration, options(nostack, readonly));
            let mut at = 0;
            while at < product.length {
                let out = out.as_mut_ptr().add(at);
                let narrow = product.length - at <= SIDE / 2;
                match (product.rows <= SIDE / 2, narrow) {
                    (false, false) => block::<true, true>(product, at, out, stride),
                    (false, true) => block::<true, false>(product, at, out, stride),
                    (true, false) => block::<false, true>(product, at, out, stride),
                    (true, true) => block::<false, false>(product, at, out, stride),
                }
                at += SIDE;
            }
            asm!("tilerelease", options(nostack, nomem));
        }
    }

    /// 32 or 16 rows (`TALL`) by 32 or 16 pixels (`WIDE`). Tiles 0 to 3 are the sums, 4 and 5 the
    /// weights, 6 and 7 the pixels; the compiler itself never uses them.
    ///
    /// # Safety
    /// As checked by [`super::products`], with tiles configured.
    #[inline(always)]
    unsafe fn block<const TALL: bool, const WIDE: bool>(
        product: &Product<'_>,
        at: usize,
        out: *mut f32,
        stride: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                options(nostack, nomem)
            );
            let source = product.source.as_ptr().add(product.first + at);
            let row_bytes = product.plane * size_of::<u32>();
            let mut weights = product.weights.as_ptr();
            for &offset in product.offsets {
                let pixels = source.add(offset);
                asm!(
                    "tileloadd tmm4, [{a} + {sa}]", "tileloadd tmm6, [{b} + {sb}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    a = in(reg) weights, sa = in(reg) 2 * DEPTH, b = in(reg) pixels,
                    sb = in(reg) row_bytes, options(nostack, readonly)
                );
                if WIDE {
                    asm!(
                        "tileloadd tmm7, [{b} + {sb}]", "tdpbf16ps tmm1, tmm4, tmm7",
                        b = in(reg) pixels.add(16), sb = in(reg) row_bytes,
                        options(nostack, readonly)
                    );
                }
                if TALL {
                    asm!(
                        "tileloadd tmm5, [{a} + {sa}]", "tdpbf16ps tmm2, tmm5, tmm6",
                        a = in(reg) weights.add(16 * DEPTH), sa = in(reg) 2 * DEPTH,
                        options(nostack, readonly)
                    );
                }
                if TALL && WIDE {
                    asm!("tdpbf16ps tmm3, tmm5, tmm7", options(nostack, nomem));
                }
                weights = weights.add(SIDE * DEPTH);
            }
            let bytes = stride * size_of::<f32>();
            asm!("tilestored [{c} + {s}], tmm0", c = in(reg) out, s = in(reg) bytes,
                options(nostack));
            if WIDE {
                asm!("tilestored [{c} + {s}], tmm1", c = in(reg) out.add(16), s = in(reg) bytes,
                    options(nostack));
            }
            if TALL {
                let out = out.add(16 * stride);
                asm!("tilestored [{c} + {s}], tmm2", c = in(reg) out, s = in(reg) bytes,
                    options(nostack));
                if WIDE {
                    asm!("tilestored [{c} + {s}], tmm3", c = in(reg) out.add(16),
                        s = in(reg) bytes, options(nostack));
                }
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
mod imp {
    /// Other systems have no AMX, or another way to ask for it.
    pub fn request() -> bool {
        false
    }

    /// # Safety
    /// Never called: AMX is not available.
    pub unsafe fn products(_: &super::Product<'_>, _: &mut [f32], _: usize) {
        unreachable!("AMX is not available here")
    }
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

    #[test]
    fn products_agree_with_a_loop() {
        if !available() {
            // Nothing to test on this CPU; `available` says so to users too.
            return;
        }
        // Small whole numbers, which bfloat16 holds and float32 adds without rounding.
        for (rows, steps, length) in [
            (1usize, 1usize, 1usize),
            (16, 2, 16),
            (17, 3, 40),
            (32, 4, 64),
        ] {
            let plane = 150;
            let value = |i: usize| (i % 7) as f32 - 3.0;
            let weights: Vec<u16> = (0..steps * SIDE * DEPTH)
                .map(|i| bfloat16(value(i * 5)))
                .collect();
            let offsets: Vec<usize> = (0..steps).map(|s| s * 3).collect();
            let even = |pair: usize, p: usize| value(pair * plane + p);
            let odd = |pair: usize, p: usize| value(pair * plane + p + 2);
            let source: Vec<u32> = (0..17 * plane)
                .map(|i| {
                    let (pair, p) = (i / plane, i % plane);
                    u32::from(bfloat16(even(pair, p))) | u32::from(bfloat16(odd(pair, p))) << 16
                })
                .collect();
            let stride = length.next_multiple_of(SIDE);
            let mut out = vec![f32::NAN; SIDE * stride];
            let product = Product {
                weights: &weights,
                rows,
                offsets: &offsets,
                reach: offsets[steps - 1],
                first: 1,
                source: &source,
                plane,
                length,
            };
            products(&product, &mut out, stride);
            for m in 0..rows {
                for p in 0..length {
                    let mut expected = 0.0;
                    for (step, offset) in offsets.iter().enumerate() {
                        for pair in 0..DEPTH / 2 {
                            let weight =
                                |k: usize| value(((step * SIDE + m) * DEPTH + 2 * pair + k) * 5);
                            let at = 1 + offset + p;
                            let (pair, at) = (pair + at / plane, at % plane);
                            expected += weight(0) * even(pair, at) + weight(1) * odd(pair, at);
                        }
                    }
                    assert_eq!(out[m * stride + p], expected, "{rows} {steps} {length}");
                }
            }
        }
    }
}
