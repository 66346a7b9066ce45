//! Colours of evidence: from dark blue over red to yellow.
//!
//! The colours lie on a curve in OKLCh (Ottosson 2020, "A perceptual color space for image processing"),
//! and steps are equally long along it, so that equal differences look equal. Lightness only ever
//! grows, so that the order is seen by people with any colour vision, and in grey print.

use std::sync::LazyLock;

/// Lightness, chroma and hue in degrees at a place of the curve, 0 to 1. The chroma stays inside sRGB.
fn curve(t: f64) -> [f64; 3] {
    [
        0.30 + 0.63 * t,
        0.11 + 0.055 * (std::f64::consts::PI * t).sin(),
        268.0 + 197.0 * t,
    ]
}

/// OKLab's `[L, a, b]` of a place of the curve.
fn lab(t: f64) -> [f64; 3] {
    let [lightness, chroma, hue] = curve(t);
    let (sine, cosine) = hue.to_radians().sin_cos();
    [lightness, chroma * cosine, chroma * sine]
}

/// Linear red, green and blue of an OKLab colour, 0 to 1 where sRGB has it.
fn linear_rgb([l, a, b]: [f64; 3]) -> [f64; 3] {
    let cone = |from_a: f64, from_b: f64| (l + from_a * a + from_b * b).powi(3);
    let long = cone(0.396_337_777_4, 0.215_803_757_3);
    let middle = cone(-0.105_561_345_8, -0.063_854_172_8);
    let short = cone(-0.089_484_177_5, -1.291_485_548_0);
    [
        4.076_741_662_1 * long - 3.307_711_591_3 * middle + 0.230_969_929_2 * short,
        -1.268_438_004_6 * long + 2.609_757_401_1 * middle - 0.341_319_396_5 * short,
        -0.004_196_086_3 * long - 0.703_418_614_7 * middle + 1.707_614_701_0 * short,
    ]
}

fn srgb(linear: f64) -> u8 {
    let value = if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    };
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// 256 places at equal distances along the curve.
static COLOURS: LazyLock<Vec<[u8; 3]>> = LazyLock::new(|| {
    places()
        .into_iter()
        .map(|t| linear_rgb(lab(t)).map(srgb))
        .collect()
});

fn places() -> Vec<f64> {
    const FINE: usize = 4096;
    let points: Vec<[f64; 3]> = (0..=FINE).map(|i| lab(i as f64 / FINE as f64)).collect();
    let mut lengths = vec![0.0];
    for pair in points.windows(2) {
        let before = lengths[lengths.len() - 1];
        lengths.push(before + distance(pair[0], pair[1]));
    }
    let whole = lengths[FINE];
    (0..256)
        .map(|index| {
            let wanted = whole * f64::from(index) / 255.0;
            lengths.partition_point(|&length| length < wanted) as f64 / FINE as f64
        })
        .collect()
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    squares.sqrt()
}

/// The colour of a share of the greatest evidence, 0 to 1.
pub(crate) fn colour(share: f32) -> [u8; 3] {
    COLOURS[(share.clamp(0.0, 1.0) * 255.0).round() as usize]
}

/// How much a colour covers the film under it: little evidence hardly at all, so that the film can be
/// read where there is none.
pub(crate) fn opacity(share: f32) -> f32 {
    MOST_COVERED * rise(share)
}

/// How much evidence covers at most.
const MOST_COVERED: f32 = 0.72;

fn rise(share: f32) -> f32 {
    let rise = (share / 0.4).clamp(0.0, 1.0);
    rise * rise * (3.0 - 2.0 * rise)
}

/// The colour of a share of the evidence, to lay over a film: red, green, blue, and how much it covers, 255 for the
/// greatest. Nothing where the share is not a number.
pub(crate) fn layer(share: f32) -> [u8; 4] {
    if share.is_nan() {
        return [0; 4];
    }
    let [red, green, blue] = colour(share);
    [red, green, blue, (255.0 * rise(share)).round() as u8]
}

/// A film's grey (0 to 1) under the colour of a share of the evidence.
pub(crate) fn over(grey: f32, share: f32) -> [u8; 3] {
    let (colour, cover) = (colour(share), opacity(share));
    colour.map(|channel| {
        (f32::from(channel) * cover + grey.clamp(0.0, 1.0) * 255.0 * (1.0 - cover)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_in_srgb_evenly_spaced_and_ever_lighter() {
        let places = places();
        for t in &places {
            for channel in linear_rgb(lab(*t)) {
                assert!((-1e-3..=1.0 + 1e-3).contains(&channel), "{t}: {channel}");
            }
        }
        let steps: Vec<f64> = places
            .windows(2)
            .map(|pair| distance(lab(pair[0]), lab(pair[1])))
            .collect();
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        for (index, step) in steps.iter().enumerate() {
            assert!((step / mean - 1.0).abs() < 0.2, "{index}: {step} {mean}");
        }
        assert!(
            places
                .windows(2)
                .all(|pair| lab(pair[0])[0] < lab(pair[1])[0])
        );
    }

    /// Luminance (of sRGB, 0 to 1) after a linear change of colours.
    fn luminance(colour: [u8; 3], change: [[f64; 3]; 3]) -> f64 {
        let linear = colour.map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        });
        let seen = change.map(|row| row.iter().zip(linear).map(|(a, b)| a * b).sum::<f64>());
        0.2126 * seen[0] + 0.7152 * seen[1] + 0.0722 * seen[2]
    }

    #[test]
    fn the_order_is_seen_without_red_or_green_cones_and_in_grey() {
        // Machado, Oliveira and Fernandes 2009, severity 1.
        let same = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let protanopia = [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ];
        let deuteranopia = [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ];
        for vision in [same, protanopia, deuteranopia] {
            let seen: Vec<f64> = (0..=16)
                .map(|step| luminance(colour(step as f32 / 16.0), vision))
                .collect();
            assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
            assert!(seen[16] > 8.0 * seen[0], "{seen:?}");
        }
    }

    #[test]
    fn no_evidence_leaves_the_film_as_it_is() {
        assert_eq!(over(0.4, 0.0), [102; 3]);
        assert!(opacity(1.0) < 0.75 && opacity(0.1) < 0.15);
        assert_eq!(colour(-1.0), colour(0.0));
    }
}
