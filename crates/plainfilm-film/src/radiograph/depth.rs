//! How many bits the grey levels of a film use, whatever container they stand in.
//!
//! X-ray systems measure 10 to 16 bits and export files of 16, some with the values as they are (0 to
//! 4095 for 12 bits), some with zero bits below them (times 16), some spread over the whole range. Read
//! as fractions of 65,535 these are three pictures, one of them black. What decides here, in this order:
//!
//! 1. what the file says: PNG's `sBIT`, TIFF's `MaxSampleValue` where it is less than the container's;
//! 2. levels that are all multiples of 257, as 8-bit films spread over 16 bits have them;
//! 3. zero bits below every level: what counts are the bits above them;
//! 4. levels that lie where 10 or 12 bits spread over 16 put them;
//! 5. the largest level: the least of 8, 10, 12, 14, 15 and 16 bits that holds it.
//!
//! Rule 5 is a guess that a film's brightest pixel is not much below full scale. A film of 16 bits with no
//! level above 4095 cannot be told from one of 12, and is taken for one of 12.

/// The depths that rule 5 chooses from.
const DEPTHS: [u8; 6] = [8, 10, 12, 14, 15, 16];

/// Levels that differ, from which what they have in common is no chance: of sixteen, all are even in one film
/// of 65,536.
const MANY: usize = 16;

/// The part of its container that a film uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Depth {
    /// Bits that the levels use.
    pub(super) bits: u8,
    /// The level that is white.
    full: u64,
}

impl Depth {
    /// Levels from zero to the largest that `bits` hold.
    pub(super) fn plain(bits: u8) -> Self {
        Self {
            bits,
            full: (1 << bits) - 1,
        }
    }

    /// Of 16-bit values, and of the significant bits that the file says, if it does.
    pub(super) fn of(values: impl Iterator<Item = u16>, said: Option<u8>) -> Self {
        let mut seen = vec![false; 1 << 16];
        for value in values {
            seen[usize::from(value)] = true;
        }
        // Black lies on every raster.
        let levels: Vec<u64> = (1..1 << 16).filter(|&level| seen[level as usize]).collect();
        let most = levels.last().copied().unwrap_or(0);
        let zero_bits = levels
            .iter()
            .fold(1 << 8, |all, level| all | level)
            .trailing_zeros() as u8;
        let spread = |bits| Self { bits, full: 0xffff };
        let with_zeros = |bits: u8, zero_bits: u8| Self {
            bits,
            full: ((1 << bits) - 1) << zero_bits,
        };
        if let Some(bits) = said.filter(|bits| (8..16).contains(bits)) {
            return match most >> bits {
                0 => Self::plain(bits),
                _ if zero_bits >= 16 - bits => with_zeros(bits, 16 - bits),
                _ => spread(bits),
            };
        }
        if levels.len() >= 4 && levels.iter().all(|level| level % 257 == 0) {
            return spread(8);
        }
        let shift = if levels.len() >= MANY { zero_bits } else { 0 };
        if shift < 2
            && levels.len() >= 2 * MANY
            && let Some(bits) = [10, 12].into_iter().find(|&bits| is_spread(&levels, bits))
        {
            return spread(bits);
        }
        let above_zeros = most >> shift;
        let bits = (8..=16 - shift).find(|bits| {
            let is_usual =
                DEPTHS.contains(bits) || shift % 2 == 1 && DEPTHS.contains(&(bits + shift));
            is_usual && above_zeros >> bits == 0
        });
        with_zeros(bits.unwrap_or(16 - shift), shift)
    }

    /// A level on a scale whose white is 65,535.
    pub(super) fn scale(self, level: u64) -> u16 {
        let level = level.min(self.full);
        ((level * 0xffff + self.full / 2) / self.full) as u16
    }
}

/// Whether all levels lie within one of where `bits` spread over 16 lie, as shifting with repeated bits,
/// rounding and cutting off give them.
fn is_spread(levels: &[u64], bits: u8) -> bool {
    let steps = (1 << bits) - 1;
    levels.iter().all(|&level| {
        let step = (level * steps + 0x7fff) / 0xffff;
        ((step * 0xffff + steps / 2) / steps).abs_diff(level) <= 1
    })
}

/// Brings 16-bit samples to a scale whose white is 65,535; what the bits are that they use. Of `samples` a pixel
/// the second of two and the fourth of four are alpha, which has its own scale.
pub(super) fn stretch(values: &mut [u16], samples: usize, said: Option<u8>) -> u8 {
    let kept = if samples >= 3 { 3 } else { 1 };
    let pixels = values.chunks_exact(samples.max(1));
    let depth = Depth::of(
        pixels.flat_map(|pixel| pixel.iter().take(kept).copied()),
        said,
    );
    if depth.full != 0xffff {
        for value in values {
            *value = depth.scale(u64::from(*value));
        }
    }
    depth.bits
}

/// Whole numbers of any size and sign as 16-bit levels, and the bits that they use.
///
/// Where some are negative, black is minus the least power of two that reaches them: films stored around zero (a
/// 12-bit film less 2048) come back as they were. If white at that power, less one, holds the largest, it is
/// white.
pub(super) fn of_whole(values: &[i64], said: Option<u8>) -> (Vec<u16>, u8) {
    let least = values.iter().copied().min().unwrap_or(0);
    let most = values.iter().copied().max().unwrap_or(0);
    // Samples have 32 bits at most, so none of these sums overflows.
    let lift = if least < 0 {
        least.unsigned_abs().next_power_of_two() as i64
    } else {
        0
    };
    let lifted = |value: i64| (value + lift).max(0) as u64;
    let depth = if most <= lift && lift > 0 {
        Depth::plain((lift.ilog2() as u8 + 1).max(8))
    } else if lifted(most) <= 0xffff {
        Depth::of(values.iter().map(|&value| lifted(value) as u16), said)
    } else {
        Depth::plain((lifted(most).ilog2() + 1) as u8)
    };
    let levels = values.iter().map(|&value| depth.scale(lifted(value)));
    (levels.collect(), depth.bits)
}

/// Finite floating-point values as 16-bit levels, and the bits that they use.
///
/// Values within 0 to 1 are fractions of full scale, and where all are whole numbers of 65,535ths, these numbers
/// are judged as whole ones are. From 64 to 65,535 they are grey levels of an integer depth that was computed
/// with, whole or not. Anything else has no scale of its own: its least value is black and its greatest white.
pub(super) fn of_fractions(values: &[f64], said: Option<u8>) -> (Vec<u16>, u8) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (factor, tolerance) = if most <= 1.0 {
        (65_535.0, 0.01)
    } else {
        (1.0, 0.0)
    };
    let is_levels = least >= 0.0 && (most <= 1.0 || (64.0..=65_535.0).contains(&most));
    if is_levels {
        let is_whole = |value: &f64| (value * factor - (value * factor).round()).abs() <= tolerance;
        if values.iter().all(is_whole) {
            let whole: Vec<i64> = values
                .iter()
                .map(|value| (value * factor).round() as i64)
                .collect();
            return of_whole(&whole, said);
        }
    }
    let (black, white, bits) = match is_levels {
        true if most <= 1.0 => (0.0, 1.0, 16),
        true => {
            let bits = DEPTHS
                .into_iter()
                .find(|&bits| most <= f64::from((1_u32 << bits) - 1));
            let bits = bits.unwrap_or(16);
            (0.0, f64::from((1_u32 << bits) - 1), bits)
        }
        false => (least, most, 16),
    };
    // A constant film has no range to stretch; it becomes black.
    let span = (white - black).max(f64::MIN_POSITIVE);
    let level = |value: &f64| ((value - black) / span * 65_535.0).round() as u16;
    (values.iter().map(level).collect(), bits)
}

/// The bits that a PNG's `sBIT` chunk says are significant, the most of its colours.
pub(super) fn said_by_png(bytes: &[u8]) -> Option<u8> {
    let colours = if bytes.get(25)? & 2 == 0 { 1 } else { 3 };
    let mut at = 8_usize;
    loop {
        let head = bytes.get(at..)?.first_chunk::<8>()?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        match &head[4..] {
            b"sBIT" => {
                let said = bytes.get(at + 8..)?.get(..length)?;
                return said.iter().take(colours).copied().max();
            }
            b"IDAT" | b"IEND" => return None,
            // Length, name and checksum are twelve bytes.
            _ => at = at.checked_add(length)?.checked_add(12)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a container is called, what an 8-bit level becomes in it, the bits that are used, and how far a level
    /// may be from the 8-bit film's.
    type Container = (&'static str, fn(u32) -> u32, u8, u16);

    /// Levels, the bits that the file says, the bits found, and the levels on a scale of 16 bits.
    type Said<'a> = (&'a [u16], Option<u8>, u8, &'a [u16]);

    /// Levels of an 8-bit picture up to `most`, none of them missing.
    fn picture(most: u16) -> Vec<u16> {
        (0..=most).collect()
    }

    #[test]
    fn one_picture_in_every_container_is_one_picture() {
        let cases: [Container; 16] = [
            ("as it is", |v| v, 8, 0),
            ("times 2", |v| v << 1, 8, 0),
            ("times 4", |v| v << 2, 8, 0),
            ("times 8", |v| v << 3, 8, 0),
            ("times 16", |v| v << 4, 8, 0),
            ("times 256", |v| v << 8, 8, 0),
            ("times 257", |v| v * 257, 8, 0),
            ("10 bits", |v| v * 1023 / 255, 10, 64),
            ("10 bits times 64", |v| (v * 1023 / 255) << 6, 10, 64),
            ("12 bits", |v| v * 4095 / 255, 12, 16),
            ("12 bits times 16", |v| (v * 4095 / 255) << 4, 12, 16),
            (
                "12 bits repeated",
                |v| {
                    let level = v * 4095 / 255;
                    level << 4 | level >> 8
                },
                12,
                16,
            ),
            (
                "12 bits spread",
                |v| ((v * 4095 / 255) * 65_535 + 2047) / 4095,
                12,
                16,
            ),
            ("14 bits", |v| v * 16_383 / 255, 14, 4),
            ("14 bits times 4", |v| (v * 16_383 / 255) << 2, 14, 4),
            ("15 bits", |v| v * 32_767 / 255, 15, 2),
        ];
        for most in [255, 200, 160] {
            let film = picture(most);
            for (what, make, bits, near) in cases {
                let mut levels: Vec<u16> = film.iter().map(|&v| make(v.into()) as u16).collect();
                let found = stretch(&mut levels, 1, None);
                assert_eq!(found, bits, "{what}, up to {most}");
                for (&level, &original) in levels.iter().zip(&film) {
                    let far = level.abs_diff(original * 257);
                    assert!(
                        far <= near,
                        "{what}, up to {most}: {original} became {level}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_the_file_says_comes_first() {
        let cases: [Said<'_>; 8] = [
            (&[0, 100, 200], None, 8, &[0, 25_700, 51_400]),
            (&[0, 819, 200], Some(12), 12, &[0, 13_107, 3201]),
            (&[0, 65_520, 32_768], Some(12), 12, &[0, 65_535, 32_776]),
            (&[0, 65_535, 32_776], Some(12), 12, &[0, 65_535, 32_776]),
            // Nothing that decides anything.
            (&[0, 200], Some(16), 8, &[0, 51_400]),
            (&[0, 200], Some(1), 8, &[0, 51_400]),
            (&[0, 0], None, 8, &[0, 0]),
            (&[12_345, 65_535], None, 16, &[12_345, 65_535]),
        ];
        for (values, said, bits, expected) in cases {
            let mut levels = values.to_vec();
            assert_eq!(stretch(&mut levels, 1, said), bits, "{values:?} {said:?}");
            assert_eq!(levels, expected, "{values:?} {said:?}");
        }
    }

    #[test]
    fn alpha_has_no_say() {
        let mut levels = [4095, 65_535, 2048, 65_535];
        assert_eq!(stretch(&mut levels, 2, None), 12);
        assert_eq!((levels[0], levels[2]), (65_535, 32_776));
        let mut colours = [4095, 0, 819, 65_535];
        assert_eq!(stretch(&mut colours, 4, None), 12);
        assert_eq!(colours[..3], [65_535, 0, 13_107]);
    }

    #[test]
    fn whole_numbers_around_zero_come_back_as_they_were() {
        let cases: [(&[i64], u8, &[u16]); 8] = [
            (&[-128, 0, 127], 8, &[0, 32_896, 65_535]),
            (&[-2048, 0, 2047], 12, &[0, 32_776, 65_535]),
            (&[-32_768, 0, 32_767], 16, &[0, 32_768, 65_535]),
            (&[-1024, 0, 1024], 11, &[0, 32_784, 65_535]),
            // Air is -1024 and the rest has twelve bits.
            (&[-1024, 3071], 12, &[0, 65_535]),
            (&[0, 4095], 12, &[0, 65_535]),
            (&[0, u32::MAX as i64], 32, &[0, 65_535]),
            (&[-(1 << 31), (1 << 31) - 1], 32, &[0, 65_535]),
        ];
        for (values, bits, expected) in cases {
            assert_eq!(
                of_whole(values, None),
                (expected.to_vec(), bits),
                "{values:?}"
            );
        }
    }

    #[test]
    fn fractions_have_the_scale_they_were_computed_with() {
        let cases: [(&[f64], u8, &[u16]); 8] = [
            (&[0.0, 0.25, 1.0], 16, &[0, 16_384, 65_535]),
            (&[0.0, 51.0, 204.0], 8, &[0, 13_107, 52_428]),
            (&[0.0, 51.5, 204.0], 8, &[0, 13_236, 52_428]),
            (&[0.0, 819.0, 3276.0], 12, &[0, 13_107, 52_428]),
            (
                &[0.0, 2048.0 / 65_535.0, 4095.0 / 65_535.0],
                12,
                &[0, 32_776, 65_535],
            ),
            (&[-1000.0, 0.0, 3000.0], 16, &[0, 16_384, 65_535]),
            (&[0.0, 1.02], 16, &[0, 65_535]),
            (&[7.5, 7.5], 16, &[0, 0]),
        ];
        for (values, bits, expected) in cases {
            assert_eq!(
                of_fractions(values, None),
                (expected.to_vec(), bits),
                "{values:?}"
            );
        }
    }
}
