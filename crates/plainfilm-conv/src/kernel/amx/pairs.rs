//! Weights times pairs of channels: the left operand is rows of weights, and the right one has pairs
//! of channels side by side for each pixel, so a kernel tap is the same memory shifted.

use super::{DEPTH, SIDE, available};

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

    use super::super::tiles;
    use super::{DEPTH, Product, SIDE};

    /// # Safety
    /// As checked by [`super::products`].
    pub unsafe fn products(product: &Product<'_>, out: &mut [f32], stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            tiles::configure();
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
            tiles::release();
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
    /// # Safety
    /// Never called: AMX is not available.
    pub unsafe fn products(_: &super::Product<'_>, _: &mut [f32], _: usize) {
        unreachable!("AMX is not available here")
    }
}

#[cfg(test)]
mod tests {
    use super::super::bfloat16;
    use super::*;

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
