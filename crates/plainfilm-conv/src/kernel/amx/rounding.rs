//! Loops that end in bfloat16. CPUs with AMX have instructions that round; numbers too small for a
//! float's full digits become zero on the way, and not-a-number stays.

use crate::fused::Curve;

/// What follows the sums of a few outputs.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    /// One value an output: as many as there are sums of a pixel.
    pub bias: &'a [f32],
    /// After the bias.
    pub curve: Curve,
    /// Outputs that are wanted, at most as many as there are sums of a pixel.
    pub outputs: usize,
}

/// Writes `pixels` pixels of [`Finish::outputs`] values, `step` apart, from sums `[pixels, bias.len()]`.
///
/// # Panics
/// Where the CPU lacks the vectors, or a slice is too short.
pub(crate) fn finish(sums: &[f32], pixels: usize, how: Finish<'_>, out: &mut [u16], step: usize) {
    let width = check(pixels, how, out, step);
    assert!(sums.len() >= pixels * width);
    // SAFETY: the vectors are there, and rows and pixels lie within the slices (checked).
    unsafe { imp::finish(sums, pixels, how, out, step) }
}

/// The same for the largest of two neighbouring pixels in two rows of sums, which has a pixel each.
///
/// # Panics
/// As [`finish`].
pub(crate) fn finish_pooled(
    sums: [&[f32]; 2],
    pixels: usize,
    how: Finish<'_>,
    out: &mut [u16],
    step: usize,
) {
    let width = check(pixels, how, out, step);
    assert!(sums.iter().all(|sums| sums.len() >= 2 * pixels * width));
    // SAFETY: the vectors are there, and rows and pixels lie within the slices (checked).
    unsafe { imp::finish_pooled(sums, pixels, how, out, step) }
}

fn check(pixels: usize, how: Finish<'_>, out: &[u16], step: usize) -> usize {
    assert!(vectors_available(), "vectors of bfloat16 are not available");
    let width = how.bias.len();
    assert!(width == 16 || width == 32);
    assert!(pixels > 0 && how.outputs <= width && how.outputs <= step);
    assert!((pixels - 1) * step + how.outputs <= out.len());
    width
}

/// Two channels as pairs of bfloat16, the even one in the lower half.
///
/// # Panics
/// Where the CPU lacks the vectors, or the lengths differ.
pub(crate) fn interleave(even: &[f32], odd: &[f32], out: &mut [u32]) {
    assert!(vectors_available(), "vectors of bfloat16 are not available");
    assert!(even.len() == out.len() && odd.len() == out.len());
    // SAFETY: the vectors are there, and the slices are of one length (checked).
    unsafe { imp::interleave(even, odd, out) }
}

/// Rounds.
///
/// # Panics
/// Where the CPU lacks the vectors, or the lengths differ.
pub(crate) fn round(values: &[f32], out: &mut [u16]) {
    assert!(vectors_available(), "vectors of bfloat16 are not available");
    assert_eq!(values.len(), out.len());
    // SAFETY: the vectors are there, and the slices are of one length (checked).
    unsafe { imp::round(values, out) }
}

/// Planes of values, up to sixteen and `plane` apart, rounded and turned: value `2 i` and the next of every
/// plane as pairs at row `i` of `out`, whose rows are `columns` long. Beyond the planes there are zeros.
///
/// # Panics
/// Where the CPU lacks the vectors, or a slice does not hold the values: `pairs` is a multiple of 16.
pub(crate) fn turn(planes: &[f32], plane: usize, pairs: usize, out: &mut [u32], columns: usize) {
    assert!(vectors_available(), "vectors of bfloat16 are not available");
    let count = planes.len() / plane;
    assert!((1..=16).contains(&count) && pairs > 0 && pairs.is_multiple_of(16));
    assert!(plane >= 2 * pairs && columns >= 16 && (pairs - 1) * columns + 16 <= out.len());
    // SAFETY: the vectors are there, and planes and rows lie within the slices (checked).
    unsafe { imp::turn(planes, plane, pairs, out, columns) }
}

/// Whether the CPU has the vectors that this module needs.
pub(crate) fn vectors_available() -> bool {
    imp::available()
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod imp {
    use std::arch::x86_64::*;

    use super::Finish;

    pub fn available() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16")
    }

    /// A register of an output's constants.
    struct Constants {
        bias: __m512,
        below: __m512,
        ceiling: __m512,
        wanted: __mmask16,
    }

    impl Constants {
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn new(how: Finish<'_>, tile: usize) -> Self {
            let mut bias = [0.0; 16];
            bias.copy_from_slice(&how.bias[16 * tile..][..16]);
            let wanted = how.outputs.saturating_sub(16 * tile).min(16);
            Self {
                // SAFETY: sixteen values are read from an array of sixteen.
                bias: unsafe { _mm512_loadu_ps(bias.as_ptr()) },
                below: _mm512_set1_ps(how.curve.below),
                ceiling: _mm512_set1_ps(how.curve.ceiling),
                wanted: ((1u32 << wanted) - 1) as __mmask16,
            }
        }

        /// `activation(sums + bias)`, as [`Curve::value`](super::Curve::value) has it, rounded.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bf16")]
        fn apply(&self, sums: __m512) -> __m256i {
            let value = _mm512_add_ps(sums, self.bias);
            let zero = _mm512_setzero_ps();
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(value, zero);
            let bent = _mm512_mul_ps(value, self.below);
            let value = _mm512_mask_blend_ps(positive, bent, value);
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(value, self.ceiling);
            let value = _mm512_mask_blend_ps(above, value, self.ceiling);
            let rounded = _mm512_cvtneps_pbh(value);
            // SAFETY: both are 32 bytes in which every pattern means something.
            unsafe { std::mem::transmute::<__m256bh, __m256i>(rounded) }
        }
    }

    /// The larger of both; what is not a number counts as the largest.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn larger(a: __m512, b: __m512) -> __m512 {
        let more = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(b, a);
        let broken = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(b, b);
        _mm512_mask_blend_ps(more | broken, a, b)
    }

    /// # Safety
    /// As checked by [`super::finish`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub unsafe fn finish(
        sums: &[f32],
        pixels: usize,
        how: Finish<'_>,
        out: &mut [u16],
        step: usize,
    ) {
        let width = how.bias.len();
        for tile in 0..how.outputs.div_ceil(16) {
            let constants = Constants::new(how, tile);
            // SAFETY: the caller's promise.
            unsafe {
                let sums = sums.as_ptr().add(16 * tile);
                let out = out.as_mut_ptr().add(16 * tile);
                for pixel in 0..pixels {
                    let value = _mm512_loadu_ps(sums.add(pixel * width));
                    let place = out.add(pixel * step).cast();
                    _mm256_mask_storeu_epi16(place, constants.wanted, constants.apply(value));
                }
            }
        }
    }

    /// # Safety
    /// As checked by [`super::finish_pooled`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub unsafe fn finish_pooled(
        sums: [&[f32]; 2],
        pixels: usize,
        how: Finish<'_>,
        out: &mut [u16],
        step: usize,
    ) {
        let width = how.bias.len();
        for tile in 0..how.outputs.div_ceil(16) {
            let constants = Constants::new(how, tile);
            // SAFETY: the caller's promise.
            unsafe {
                let [upper, lower] = sums.map(|sums| sums.as_ptr().add(16 * tile));
                let out = out.as_mut_ptr().add(16 * tile);
                for pixel in 0..pixels {
                    let two = |row: *const f32| {
                        let row = row.add(2 * pixel * width);
                        larger(_mm512_loadu_ps(row), _mm512_loadu_ps(row.add(width)))
                    };
                    let value = constants.apply(larger(two(upper), two(lower)));
                    let place = out.add(pixel * step).cast();
                    _mm256_mask_storeu_epi16(place, constants.wanted, value);
                }
            }
        }
    }

    /// # Safety
    /// As checked by [`super::interleave`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub unsafe fn interleave(even: &[f32], odd: &[f32], out: &mut [u32]) {
        // Values 0 and 16, 1 and 17, …: those of both halves side by side.
        let mut order = [0i16; 32];
        for (at, order) in order.iter_mut().enumerate() {
            *order = (at / 2 + at % 2 * 16) as i16;
        }
        // SAFETY: the caller's promise; registers are masked at the end of the slices.
        unsafe {
            let order = _mm512_loadu_si512(order.as_ptr().cast());
            for first in (0..out.len()).step_by(16) {
                let wanted = ((1u32 << (out.len() - first).min(16)) - 1) as __mmask16;
                let even = _mm512_maskz_loadu_ps(wanted, even.as_ptr().add(first));
                let odd = _mm512_maskz_loadu_ps(wanted, odd.as_ptr().add(first));
                let halves = _mm512_cvtne2ps_pbh(odd, even);
                let halves = std::mem::transmute::<__m512bh, __m512i>(halves);
                let pairs = _mm512_permutexvar_epi16(order, halves);
                _mm512_mask_storeu_epi32(out.as_mut_ptr().add(first).cast(), wanted, pairs);
            }
        }
    }

    /// # Safety
    /// As checked by [`super::round`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub unsafe fn round(values: &[f32], out: &mut [u16]) {
        // SAFETY: the caller's promise; registers are masked at the end of the slices.
        unsafe {
            for first in (0..out.len()).step_by(16) {
                let wanted = ((1u32 << (out.len() - first).min(16)) - 1) as __mmask16;
                let value = _mm512_maskz_loadu_ps(wanted, values.as_ptr().add(first));
                let half = _mm512_cvtneps_pbh(value);
                let half = std::mem::transmute::<__m256bh, __m256i>(half);
                _mm256_mask_storeu_epi16(out.as_mut_ptr().add(first).cast(), wanted, half);
            }
        }
    }

    /// # Safety
    /// As checked by [`super::turn`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub unsafe fn turn(
        planes: &[f32],
        plane: usize,
        pairs: usize,
        out: &mut [u32],
        columns: usize,
    ) {
        let count = planes.len() / plane;
        // SAFETY: the caller's promise.
        unsafe {
            for first in (0..pairs).step_by(16) {
                let mut rows = [_mm512_setzero_si512(); 16];
                for (at, row) in rows.iter_mut().enumerate().take(count) {
                    let from = planes.as_ptr().add(at * plane + 2 * first);
                    let (low, high) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16)));
                    let halves = _mm512_cvtne2ps_pbh(high, low);
                    *row = std::mem::transmute::<__m512bh, __m512i>(halves);
                }
                for (at, row) in transposed(rows).into_iter().enumerate() {
                    let to = out.as_mut_ptr().add((first + at) * columns);
                    _mm512_storeu_epi32(to.cast(), row);
                }
            }
        }
    }

    /// A square of 16 by 16 values, turned.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transposed(rows: [__m512i; 16]) -> [__m512i; 16] {
        let zero = _mm512_setzero_si512();
        // Squares of two, then of four, within every 128 bits.
        let (mut twos, mut fours) = ([zero; 16], [zero; 16]);
        for at in 0..8 {
            twos[2 * at] = _mm512_unpacklo_epi32(rows[2 * at], rows[2 * at + 1]);
            twos[2 * at + 1] = _mm512_unpackhi_epi32(rows[2 * at], rows[2 * at + 1]);
        }
        for at in 0..4 {
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| twos[4 * at + i]);
            fours[4 * at] = _mm512_unpacklo_epi64(a, c);
            fours[4 * at + 1] = _mm512_unpackhi_epi64(a, c);
            fours[4 * at + 2] = _mm512_unpacklo_epi64(b, d);
            fours[4 * at + 3] = _mm512_unpackhi_epi64(b, d);
        }
        // `fours[4 a + i]` has, for rows 4 a to 4 a + 3, column i of each 128 bits. Those 128 bits are squares
        // that have to change places.
        let mut out = [zero; 16];
        for i in 0..4 {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| fours[4 * at + i]);
            let even = _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
            let odd = _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
            let even_after = _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d);
            let odd_after = _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d);
            out[i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even, even_after);
            out[8 + i] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even, even_after);
            out[4 + i] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd, odd_after);
            out[12 + i] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd, odd_after);
        }
        out
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod imp {
    use super::Finish;

    pub fn available() -> bool {
        false
    }

    /// # Safety
    /// Never called: the vectors are not available.
    pub unsafe fn finish(_: &[f32], _: usize, _: Finish<'_>, _: &mut [u16], _: usize) {
        unreachable!("vectors of bfloat16 are not available here")
    }

    /// # Safety
    /// Never called: the vectors are not available.
    pub unsafe fn finish_pooled(_: [&[f32]; 2], _: usize, _: Finish<'_>, _: &mut [u16], _: usize) {
        unreachable!("vectors of bfloat16 are not available here")
    }

    /// # Safety
    /// Never called: the vectors are not available.
    pub unsafe fn round(_: &[f32], _: &mut [u16]) {
        unreachable!("vectors of bfloat16 are not available here")
    }

    /// # Safety
    /// Never called: the vectors are not available.
    pub unsafe fn turn(_: &[f32], _: usize, _: usize, _: &mut [u32], _: usize) {
        unreachable!("vectors of bfloat16 are not available here")
    }

    /// # Safety
    /// Never called: the vectors are not available.
    pub unsafe fn interleave(_: &[f32], _: &[f32], _: &mut [u32]) {
        unreachable!("vectors of bfloat16 are not available here")
    }
}

#[cfg(test)]
mod tests {
    use super::super::bfloat16;
    use super::*;
    use crate::fused::Activation;

    fn values(count: usize) -> Vec<f32> {
        (0..count)
            .map(|i| ((i * 7919) % 1001) as f32 / 97.0 - 5.0)
            .collect()
    }

    #[test]
    fn rows_are_finished_as_a_loop_does() {
        if !vectors_available() {
            return;
        }
        let activations = [
            Activation::Identity,
            Activation::Relu,
            Activation::LeakyRelu(0.1),
            Activation::Relu6,
        ];
        for (width, outputs, pixels, step) in [(16, 3, 5, 3), (32, 32, 9, 40), (32, 17, 1, 17)] {
            for activation in activations {
                let curve = activation.curve();
                let mut sums = values(4 * pixels * width);
                sums[1] = f32::NAN;
                let (upper, lower) = sums.split_at(2 * pixels * width);
                let bias = values(width);
                let how = Finish {
                    bias: &bias,
                    curve,
                    outputs,
                };
                let mut out = vec![7; pixels * step];
                finish(&sums, pixels, how, &mut out, step);
                let mut pooled = vec![7; pixels * step];
                finish_pooled([upper, lower], pixels, how, &mut pooled, step);
                for pixel in 0..pixels {
                    for output in 0..step {
                        let found = [&out, &pooled].map(|out| out[pixel * step + output]);
                        if output >= outputs {
                            assert_eq!(found, [7, 7]);
                            continue;
                        }
                        let value = |sum: f32| bfloat16(curve.value(sum + bias[output]));
                        let plain = sums[pixel * width + output];
                        let four = [upper, lower].map(|row| {
                            [0, 1].map(|right| row[(2 * pixel + right) * width + output])
                        });
                        let four = four.as_flattened();
                        let most = if four.iter().any(|v| v.is_nan()) {
                            f32::NAN
                        } else {
                            four.iter().copied().fold(f32::MIN, f32::max)
                        };
                        for (found, expected) in found.into_iter().zip([plain, most]) {
                            let broken = |bits: u16| f32::from_bits(u32::from(bits) << 16).is_nan();
                            assert!(
                                found == value(expected) || broken(found) && expected.is_nan(),
                                "{found:x} for {expected}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn planes_are_turned() {
        if !vectors_available() {
            return;
        }
        for (count, plane, pairs, columns) in [(16, 64, 32, 16), (3, 40, 16, 24)] {
            let planes = values(count * plane);
            let mut out = vec![7; pairs * columns];
            turn(&planes, plane, pairs, &mut out, columns);
            for (pair, column) in (0..pairs).flat_map(|p| (0..16).map(move |c| (p, c))) {
                let expected = if column < count {
                    let [low, high] =
                        [0, 1].map(|odd| bfloat16(planes[column * plane + 2 * pair + odd]));
                    u32::from(low) | u32::from(high) << 16
                } else {
                    0
                };
                assert_eq!(out[pair * columns + column], expected, "{pair} {column}");
            }
        }
        let all = values(37);
        let mut out = vec![0; 37];
        round(&all, &mut out);
        assert!(
            out.iter()
                .zip(&all)
                .all(|(&found, &v)| found == bfloat16(v))
        );
    }

    #[test]
    fn pairs_are_rounded_side_by_side() {
        if !vectors_available() {
            return;
        }
        for count in [1, 16, 37] {
            let both = values(2 * count);
            let (even, odd) = both.split_at(count);
            let mut out = vec![0; count];
            interleave(even, odd, &mut out);
            for at in 0..count {
                let expected = u32::from(bfloat16(even[at])) | u32::from(bfloat16(odd[at])) << 16;
                assert_eq!(out[at], expected, "{at} of {count}");
            }
        }
    }
}
