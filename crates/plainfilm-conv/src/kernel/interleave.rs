//! Rows side by side: sixteen rows become columns of sixteen values, so that what is done to every
//! row alike is done to whole registers.

use pulp::{Simd, WithSimd};

use super::{WIDEST, dispatch};

/// Writes value `x` of row `lane` to `out[x * 16 + lane]`. There are at most sixteen rows, of
/// `out.len() / 16` values each; lanes without a row are zero.
pub(crate) fn interleave(rows: &[&[f32]], out: &mut [f32]) {
    let width = out.len() / WIDEST;
    assert!(
        rows.len() <= WIDEST && out.len() == width * WIDEST,
        "{} rows into {} values",
        rows.len(),
        out.len()
    );
    assert!(
        rows.iter().all(|row| row.len() == width),
        "rows of {width} values"
    );
    // Rows that are missing are read from one of zeros, a block at a time.
    let mut all: [&[f32]; WIDEST] = [&[]; WIDEST];
    all[..rows.len()].copy_from_slice(rows);
    dispatch(Interleave { rows: &all, out });
}

struct Interleave<'a> {
    rows: &'a [&'a [f32]; WIDEST],
    out: &'a mut [f32],
}

impl WithSimd for Interleave<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = (&simd as &dyn std::any::Any).downcast_ref::<pulp::x86::V4>() {
            return wide::interleave(*simd, self.rows, self.out);
        }
        let _ = simd;
        for (lane, row) in self.rows.iter().enumerate() {
            let mut values = row.iter();
            for column in self.out.chunks_exact_mut(WIDEST) {
                column[lane] = values.next().copied().unwrap_or(0.0);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::__m512;

    use pulp::x86::V4;

    use super::WIDEST;

    /// Sixteen rows of sixteen values at a time, turned in registers.
    #[inline(always)]
    pub fn interleave(simd: V4, rows: &[&[f32]; WIDEST], out: &mut [f32]) {
        let count = out.len() / WIDEST;
        let columns = out.as_chunks_mut::<WIDEST>().0;
        for (block, columns) in columns.chunks_mut(WIDEST).enumerate() {
            let first = block * WIDEST;
            let mask = u16::MAX >> (WIDEST - (count - first).min(WIDEST));
            let mut registers = [simd.avx512f._mm512_setzero_ps(); WIDEST];
            for (register, row) in registers.iter_mut().zip(rows) {
                if let Some(values) = row.get(first..count) {
                    // SAFETY: the mask has a bit for each value that is left, of a row as long as `out`
                    // has columns.
                    *register =
                        unsafe { simd.avx512f._mm512_maskz_loadu_ps(mask, values.as_ptr()) };
                }
            }
            let turned = turn(simd, registers);
            for (values, column) in turned.iter().zip(columns) {
                // SAFETY: both types are 64 bytes of sixteen floats, and every pattern of bits is a float.
                *column = unsafe { std::mem::transmute::<__m512, [f32; WIDEST]>(*values) };
            }
        }
    }

    /// The transpose: pairs, fours, and then quarters of registers change places.
    #[inline(always)]
    fn turn(simd: V4, r: [__m512; WIDEST]) -> [__m512; WIDEST] {
        let f = simd.avx512f;
        let mut pairs = r;
        for i in 0..8 {
            pairs[2 * i] = f._mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            pairs[2 * i + 1] = f._mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        let mut fours = r;
        for i in 0..4 {
            for half in 0..2 {
                let a = f._mm512_castps_pd(pairs[4 * i + half]);
                let b = f._mm512_castps_pd(pairs[4 * i + 2 + half]);
                fours[4 * i + 2 * half] = f._mm512_castpd_ps(f._mm512_unpacklo_pd(a, b));
                fours[4 * i + 2 * half + 1] = f._mm512_castpd_ps(f._mm512_unpackhi_pd(a, b));
            }
        }
        // Register `4 i + c` now holds, in its quarter `q`, column `4 q + c` of rows `4 i` to `4 i + 3`.
        let mut out = r;
        for c in 0..4 {
            let upper_even = f._mm512_shuffle_f32x4::<0x88>(fours[c], fours[4 + c]);
            let upper_odd = f._mm512_shuffle_f32x4::<0xdd>(fours[c], fours[4 + c]);
            let lower_even = f._mm512_shuffle_f32x4::<0x88>(fours[8 + c], fours[12 + c]);
            let lower_odd = f._mm512_shuffle_f32x4::<0xdd>(fours[8 + c], fours[12 + c]);
            out[c] = f._mm512_shuffle_f32x4::<0x88>(upper_even, lower_even);
            out[4 + c] = f._mm512_shuffle_f32x4::<0x88>(upper_odd, lower_odd);
            out[8 + c] = f._mm512_shuffle_f32x4::<0xdd>(upper_even, lower_even);
            out[12 + c] = f._mm512_shuffle_f32x4::<0xdd>(upper_odd, lower_odd);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_its_lane() {
        for (count, width) in [(16, 16), (16, 9), (5, 33), (1, 1), (16, 0), (12, 48)] {
            let values: Vec<f32> = (0..count * width).map(|i| i as f32 + 1.0).collect();
            let rows: Vec<&[f32]> = (0..count)
                .map(|row| &values[row * width..][..width])
                .collect();
            let mut out = vec![f32::NAN; width * WIDEST];
            interleave(&rows, &mut out);
            for (at, &found) in out.iter().enumerate() {
                let (x, lane) = (at / WIDEST, at % WIDEST);
                let expected = if lane < count {
                    values[lane * width + x]
                } else {
                    0.0
                };
                assert_eq!(found, expected, "{count} rows of {width}: {x}, lane {lane}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows of 2 values")]
    fn rows_of_another_length_are_refused() {
        interleave(&[&[1.0, 2.0], &[1.0]], &mut [0.0; 32]);
    }
}
