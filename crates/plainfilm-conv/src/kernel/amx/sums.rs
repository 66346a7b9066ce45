//! Sums over pixels, for the weight's gradient: the left operand is planes of the input, the right one
//! pairs of pixels with the outputs' gradients side by side.

use super::{DEPTH, SIDE, TILE, available};

/// Sums of a kernel tap: [`SIDE`] inputs by [`SIDE`] outputs.
pub(crate) const BLOCK: usize = SIDE * SIDE;

/// What [`add_products`] multiplies.
pub(crate) struct Product<'a> {
    /// Planes of the input in bfloat16.
    pub left: &'a [u16],
    /// From one plane to the next.
    pub plane: usize,
    /// Inputs that are wanted, at most [`SIDE`]: planes of whole tiles are read.
    pub inputs: usize,
    /// Where each kernel tap begins in a plane.
    pub taps: &'a [usize],
    /// Pairs of pixels, a gradient for each of `columns` outputs.
    pub right: &'a [u32],
    pub columns: usize,
    /// The first output.
    pub column: usize,
    /// Outputs that are wanted, at most [`SIDE`]: whole tiles are read.
    pub outputs: usize,
    /// For each [`DEPTH`] pixels: where they begin in a plane, counted from the tap, and their first pair.
    pub steps: &'a [[usize; 2]],
}

/// Adds the products to `out`: for each kernel tap [`BLOCK`] sums, a row of outputs for each input.
///
/// # Panics
/// Where AMX is not available, or an operand is too short.
pub(crate) fn add_products(product: &Product<'_>, out: &mut [f32]) {
    assert!(available(), "AMX is not available");
    let most = |values: &mut dyn Iterator<Item = usize>| values.max().unwrap_or(0);
    let tap = most(&mut product.taps.iter().copied());
    let left = most(&mut product.steps.iter().map(|step| step[0]));
    let right = most(&mut product.steps.iter().map(|step| step[1]));
    assert!((1..=SIDE).contains(&product.inputs) && (1..=SIDE).contains(&product.outputs));
    let planes = product.inputs.next_multiple_of(TILE);
    let columns = product.outputs.next_multiple_of(TILE);
    assert!(tap + left + (planes - 1) * product.plane + DEPTH <= product.left.len());
    let last = (right + DEPTH / 2 - 1) * product.columns;
    assert!(last + product.column + columns <= product.right.len());
    assert_eq!(out.len(), product.taps.len() * BLOCK);
    // SAFETY: AMX is there and allowed, and the operands are as long as the tiles read (checked above).
    unsafe { imp::add_products(product, out) }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod imp {
    use std::arch::asm;

    use super::super::tiles;
    use super::{BLOCK, Product, SIDE, TILE};

    macro_rules! load {
        ($tile:literal, $place:expr, $stride:expr) => {
            asm!(concat!("tileloadd tmm", $tile, ", [{p} + {s}]"), p = in(reg) $place,
                s = in(reg) $stride, options(nostack, readonly))
        };
    }

    macro_rules! store {
        ($tile:literal, $place:expr, $stride:expr) => {
            asm!(concat!("tilestored [{p} + {s}], tmm", $tile), p = in(reg) $place,
                s = in(reg) $stride, options(nostack))
        };
    }

    macro_rules! add {
        ($sum:literal, $left:literal, $right:literal) => {
            asm!(
                concat!("tdpbf16ps tmm", $sum, ", tmm", $left, ", tmm", $right),
                options(nostack, nomem)
            )
        };
    }

    /// # Safety
    /// As checked by [`super::add_products`].
    pub unsafe fn add_products(product: &Product<'_>, out: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe {
            tiles::configure();
            for (&tap, out) in product.taps.iter().zip(out.chunks_exact_mut(BLOCK)) {
                match (product.inputs > TILE, product.outputs > TILE) {
                    (true, true) => block::<true, true>(product, tap, out.as_mut_ptr()),
                    (true, false) => block::<true, false>(product, tap, out.as_mut_ptr()),
                    (false, true) => block::<false, true>(product, tap, out.as_mut_ptr()),
                    (false, false) => block::<false, false>(product, tap, out.as_mut_ptr()),
                }
            }
            tiles::release();
        }
    }

    /// 32 or 16 inputs (`TALL`) by 32 or 16 outputs (`WIDE`). Tiles 0 to 3 are the sums, 4 and 5 the
    /// input, 6 and 7 the gradient; the compiler itself never uses them.
    ///
    /// # Safety
    /// As checked by [`super::add_products`], with tiles configured.
    #[inline(always)]
    unsafe fn block<const TALL: bool, const WIDE: bool>(
        product: &Product<'_>,
        tap: usize,
        out: *mut f32,
    ) {
        let bytes = SIDE * size_of::<f32>();
        let (plane_bytes, pair_bytes) = (2 * product.plane, 4 * product.columns);
        // SAFETY: the caller's promise.
        unsafe {
            let below = out.add(TILE * SIDE);
            load!("0", out, bytes);
            if WIDE {
                load!("1", out.add(TILE), bytes);
            }
            if TALL {
                load!("2", below, bytes);
                if WIDE {
                    load!("3", below.add(TILE), bytes);
                }
            }
            for &[left, right] in product.steps {
                let left = product.left.as_ptr().add(tap + left);
                let right = product
                    .right
                    .as_ptr()
                    .add(right * product.columns + product.column);
                load!("4", left, plane_bytes);
                load!("6", right, pair_bytes);
                add!("0", "4", "6");
                if WIDE {
                    load!("7", right.add(TILE), pair_bytes);
                    add!("1", "4", "7");
                }
                if TALL {
                    load!("5", left.add(TILE * product.plane), plane_bytes);
                    add!("2", "5", "6");
                    if WIDE {
                        add!("3", "5", "7");
                    }
                }
            }
            store!("0", out, bytes);
            if WIDE {
                store!("1", out.add(TILE), bytes);
            }
            if TALL {
                store!("2", below, bytes);
                if WIDE {
                    store!("3", below.add(TILE), bytes);
                }
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
mod imp {
    /// # Safety
    /// Never called: AMX is not available.
    pub unsafe fn add_products(_: &super::Product<'_>, _: &mut [f32]) {
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
        let value = |i: usize| (i % 7) as f32 - 3.0;
        for (inputs, outputs) in [(32, 32), (5, 20), (17, 16), (16, 3)] {
            let (plane, columns, column) = (101, 48, 16);
            let taps = [0, 1, 7];
            let steps = [[0, 0], [32, 16], [50, 40]];
            let left: Vec<u16> = (0..32 * plane).map(|i| bfloat16(value(i * 3))).collect();
            let pair = |i: usize, odd: usize| value(i * 5 + odd * 2);
            let right: Vec<u32> = (0..56 * columns)
                .map(|i| u32::from(bfloat16(pair(i, 0))) | u32::from(bfloat16(pair(i, 1))) << 16)
                .collect();
            let mut out = vec![1.0; taps.len() * BLOCK];
            let product = Product {
                left: &left,
                plane,
                inputs,
                taps: &taps,
                right: &right,
                columns,
                column,
                outputs,
                steps: &steps,
            };
            add_products(&product, &mut out);
            for (number, tap) in taps.iter().enumerate() {
                for (input, output) in (0..inputs).flat_map(|i| (0..outputs).map(move |o| (i, o))) {
                    let mut expected = 1.0;
                    for [from, first] in steps {
                        for depth in 0..DEPTH {
                            let left = input * plane + tap + from + depth;
                            let right = (first + depth / 2) * columns + column + output;
                            expected += value(left * 3) * pair(right, depth % 2);
                        }
                    }
                    let found = out[number * BLOCK + input * SIDE + output];
                    assert_eq!(found, expected, "{inputs} {outputs}: {input} {output}");
                }
            }
        }
    }
}
