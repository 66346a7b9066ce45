//! Pixels times weights: a pixel's channels lie side by side, which is a row of the left operand as it
//! is, so that maps are read where they lie; the right operand is packed weights.

use super::{DEPTH, TILE, available};

/// Values of a tile of weights.
pub(crate) const WEIGHT_TILE: usize = TILE * DEPTH;

/// What [`products`] multiplies.
pub(crate) struct Product<'a> {
    /// For each step, `tiles` tiles of 16 outputs: for each pair of values the outputs' weights side by side.
    pub weights: &'a [u16],
    /// Tiles of outputs: one or two.
    pub tiles: usize,
    /// Where the [`DEPTH`] values of each step lie, from the pixel's place in `source`.
    pub offsets: &'a [usize],
    /// The largest of `offsets`.
    pub reach: usize,
    /// So many steps are summed for all pixels before the next ones: their weights stay in the first-level cache.
    pub together: usize,
    /// Maps in bfloat16.
    pub source: &'a [u16],
    /// The first pixel's place.
    pub first: usize,
    /// From pixel to pixel.
    pub step: usize,
    /// Pixels to compute.
    pub pixels: usize,
}

/// Writes the products to `out`, `[pixels, tiles * 16]`, pixels rounded up to a multiple of 16. Each sum is
/// taken in the order of the steps, however many pixels there are.
///
/// # Panics
/// Where AMX is not available, or an operand is too short.
pub(crate) fn products(product: &Product<'_>, out: &mut [f32]) {
    assert!(available(), "AMX is not available");
    let Product {
        tiles,
        offsets,
        reach,
        ..
    } = *product;
    assert!(tiles == 1 || tiles == 2);
    assert!(product.pixels > 0 && product.together > 0);
    assert_eq!(product.weights.len(), offsets.len() * tiles * WEIGHT_TILE);
    debug_assert!(offsets.iter().all(|&offset| offset <= reach));
    let rounded = product.pixels.next_multiple_of(TILE);
    let last = product.first + reach + (rounded - 1) * product.step;
    assert!(
        last + DEPTH <= product.source.len(),
        "the last pixel at {last} leaves a source of {}",
        product.source.len()
    );
    assert!(rounded * tiles * TILE <= out.len());
    // SAFETY: AMX is there and allowed, and the operands are as long as the tiles read (checked
    // above): weights by whole tiles, the source by 32 values a pixel, `out` likewise.
    unsafe { imp::products(product, out) }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod imp {
    use std::arch::asm;

    use super::super::tiles;
    use super::{DEPTH, Product, TILE, WEIGHT_TILE};

    /// # Safety
    /// As checked by [`super::products`].
    pub unsafe fn products(product: &Product<'_>, out: &mut [f32]) {
        let Product { tiles, .. } = *product;
        let all = product.pixels.div_ceil(TILE);
        // SAFETY: the caller's promise.
        unsafe {
            tiles::configure();
            let mut weights = product.weights.as_ptr();
            for (part, offsets) in product.offsets.chunks(product.together).enumerate() {
                let mut tile = 0;
                while tile < all {
                    let pixels = product
                        .source
                        .as_ptr()
                        .add(product.first + tile * TILE * product.step);
                    let block = Block {
                        weights,
                        offsets,
                        pixels,
                        row_bytes: 2 * product.step,
                        out: out.as_mut_ptr().add(tile * TILE * tiles * TILE),
                        goes_on: part > 0,
                    };
                    tile += match (tiles, all - tile) {
                        (1, 4..) => block.run::<4, 1>(),
                        (1, 2..) => block.run::<2, 1>(),
                        (1, _) => block.run::<1, 1>(),
                        (_, 2..) => block.run::<2, 2>(),
                        (_, _) => block.run::<1, 2>(),
                    };
                }
                weights = weights.add(offsets.len() * tiles * WEIGHT_TILE);
            }
            tiles::release();
        }
    }

    /// Up to four tiles of sums over some steps. Tiles 0 to 3 are the sums, 4 and 5 pixels, 6 and 7
    /// weights; the compiler itself never uses them.
    struct Block<'a> {
        weights: *const u16,
        offsets: &'a [usize],
        pixels: *const u16,
        row_bytes: usize,
        out: *mut f32,
        /// Whether `out` has the sums of the steps before.
        goes_on: bool,
    }

    macro_rules! load {
        ($tile:literal, $place:expr, $stride:expr) => {
            asm!(concat!("tileloadd tmm", $tile, ", [{p} + {s}]"), p = in(reg) $place,
                s = in(reg) $stride, options(nostack, readonly))
        };
    }

    macro_rules! add_products {
        ($sum:literal, $left:literal, $right:literal) => {
            asm!(
                concat!("tdpbf16ps tmm", $sum, ", tmm", $left, ", tmm", $right),
                options(nostack, nomem)
            )
        };
    }

    macro_rules! store {
        ($tile:literal, $place:expr, $stride:expr) => {
            asm!(concat!("tilestored [{p} + {s}], tmm", $tile), p = in(reg) $place,
                s = in(reg) $stride, options(nostack))
        };
    }

    impl Block<'_> {
        /// `M` tiles of pixels by `N` of outputs: gives `M`.
        ///
        /// # Safety
        /// As checked by [`super::products`], with tiles configured.
        #[inline(always)]
        unsafe fn run<const M: usize, const N: usize>(&self) -> usize {
            let bytes = N * TILE * size_of::<f32>();
            // Of the tile below, and of the one to the right.
            let (below, right) = (TILE * N * TILE, TILE);
            let out = self.out;
            // SAFETY: the caller's promise.
            unsafe {
                if self.goes_on {
                    load!("0", out, bytes);
                    match (M, N) {
                        (1, 2) => load!("1", out.add(right), bytes),
                        (2, 2) => {
                            load!("1", out.add(right), bytes);
                            load!("2", out.add(below), bytes);
                            load!("3", out.add(below + right), bytes);
                        }
                        _ => {
                            if M > 1 {
                                load!("1", out.add(below), bytes);
                            }
                            if M > 2 {
                                load!("2", out.add(2 * below), bytes);
                                load!("3", out.add(3 * below), bytes);
                            }
                        }
                    }
                } else {
                    asm!(
                        "tilezero tmm0",
                        "tilezero tmm1",
                        "tilezero tmm2",
                        "tilezero tmm3",
                        options(nostack, nomem)
                    );
                }
                let mut weights = self.weights;
                // From one tile of pixels to the next.
                let next = TILE * self.row_bytes / size_of::<u16>();
                for &offset in self.offsets {
                    let pixels = self.pixels.add(offset);
                    load!("4", pixels, self.row_bytes);
                    load!("6", weights, 2 * DEPTH);
                    add_products!("0", "4", "6");
                    if N == 2 {
                        load!("7", weights.add(WEIGHT_TILE), 2 * DEPTH);
                        add_products!("1", "4", "7");
                        if M == 2 {
                            load!("5", pixels.add(next), self.row_bytes);
                            add_products!("2", "5", "6");
                            add_products!("3", "5", "7");
                        }
                    } else {
                        if M > 1 {
                            load!("5", pixels.add(next), self.row_bytes);
                            add_products!("1", "5", "6");
                        }
                        if M > 2 {
                            load!("4", pixels.add(2 * next), self.row_bytes);
                            add_products!("2", "4", "6");
                            load!("5", pixels.add(3 * next), self.row_bytes);
                            add_products!("3", "5", "6");
                        }
                    }
                    weights = weights.add(N * WEIGHT_TILE);
                }
                store!("0", out, bytes);
                match (M, N) {
                    (1, 2) => store!("1", out.add(right), bytes),
                    (2, 2) => {
                        store!("1", out.add(right), bytes);
                        store!("2", out.add(below), bytes);
                        store!("3", out.add(below + right), bytes);
                    }
                    _ => {
                        if M > 1 {
                            store!("1", out.add(below), bytes);
                        }
                        if M > 2 {
                            store!("2", out.add(2 * below), bytes);
                            store!("3", out.add(3 * below), bytes);
                        }
                    }
                }
            }
            M
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
mod imp {
    /// # Safety
    /// Never called: AMX is not available.
    pub unsafe fn products(_: &super::Product<'_>, _: &mut [f32]) {
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
        let value = |i: usize| (i % 7) as f32 - 3.0;
        // Small whole numbers, which bfloat16 holds and float32 adds without rounding.
        for (tiles, steps, together, pixels, step) in [
            (1usize, 1usize, 1usize, 1usize, 8usize),
            (1, 5, 2, 130, 3),
            (2, 3, 9, 16, 32),
            (2, 7, 3, 81, 40),
            (1, 2, 2, 33, 16),
        ] {
            let weights: Vec<u16> = (0..steps * tiles * WEIGHT_TILE)
                .map(|i| bfloat16(value(i * 5)))
                .collect();
            let offsets: Vec<usize> = (0..steps).map(|step| step * 37).collect();
            let rounded = pixels.div_ceil(TILE) * TILE;
            let length = 3 + offsets[steps - 1] + rounded * step + DEPTH;
            let source: Vec<u16> = (0..length).map(|i| bfloat16(value(i * 3))).collect();
            let mut out = vec![f32::NAN; rounded * tiles * TILE];
            let product = Product {
                weights: &weights,
                tiles,
                offsets: &offsets,
                reach: offsets[steps - 1],
                together,
                source: &source,
                first: 3,
                step,
                pixels,
            };
            products(&product, &mut out);
            for pixel in 0..pixels {
                for output in 0..tiles * TILE {
                    let (tile, column) = (output / TILE, output % TILE);
                    let mut expected = 0.0;
                    for (number, offset) in offsets.iter().enumerate() {
                        for depth in 0..DEPTH {
                            let place = (number * tiles + tile) * WEIGHT_TILE
                                + depth / 2 * 2 * TILE
                                + 2 * column
                                + depth % 2;
                            let from = 3 + pixel * step + offset + depth;
                            expected += value(place * 5) * value(from * 3);
                        }
                    }
                    let found = out[pixel * tiles * TILE + output];
                    assert_eq!(
                        found, expected,
                        "{tiles} {steps} {pixels}: {pixel} {output}"
                    );
                }
            }
        }
    }
}
