//! From a painted chest to a film: exposure, tone, grain, and the habits of a site.

use super::body::Body;
use super::noise::{Draws, grain, step};

/// One of the two invented sites; each leaves traces that have nothing to do with the lungs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// Landscape films of varying shape, a dark collimated border, hard contrast, a bright `L`.
    A,
    /// Square films without a border, softer and greyer, a small grey `R`.
    B,
}

impl Site {
    /// The name in the manifest: `site-a` or `site-b`.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "site-a",
            Self::B => "site-b",
        }
    }

    /// Columns and rows of a film whose longer side is `size`.
    pub(super) fn shape(self, size: usize, draws: &mut Draws) -> (usize, usize) {
        match self {
            Self::A => {
                let ratio = draws.between(1.14, 1.28);
                (size, (size as f32 / ratio).round() as usize)
            }
            Self::B => (size, size),
        }
    }
}

/// Letters as strokes in a box from (0, 0), upper left, to (1, 1).
const LETTER_L: &[[(f32, f32); 2]] = &[[(0.15, 0.0), (0.15, 1.0)], [(0.15, 1.0), (0.8, 1.0)]];
const LETTER_R: &[[(f32, f32); 2]] = &[
    [(0.15, 0.0), (0.15, 1.0)],
    [(0.15, 0.0), (0.55, 0.0)],
    [(0.55, 0.0), (0.78, 0.14)],
    [(0.78, 0.14), (0.78, 0.36)],
    [(0.78, 0.36), (0.55, 0.5)],
    [(0.55, 0.5), (0.15, 0.5)],
    [(0.45, 0.5), (0.85, 1.0)],
];

/// A side marker, in fractions of the film's height.
struct Marker {
    strokes: &'static [[(f32, f32); 2]],
    left: f32,
    top: f32,
    size: f32,
    stroke: f32,
    brightness: f32,
}

impl Marker {
    /// How much of the marker covers a point, `0.0..=1.0`.
    fn cover(&self, x: f32, y: f32) -> f32 {
        let (u, v) = ((x - self.left) / self.size, (y - self.top) / self.size);
        if !(-0.3..=1.3).contains(&u) || !(-0.3..=1.3).contains(&v) {
            return 0.0;
        }
        let mut nearest = f32::INFINITY;
        for [from, to] in self.strokes {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let t = ((u - from.0) * dx + (v - from.1) * dy) / (dx * dx + dy * dy);
            let t = t.clamp(0.0, 1.0);
            nearest = nearest.min((u - from.0 - t * dx).hypot(v - from.1 - t * dy));
        }
        step(self.stroke * 1.35, self.stroke * 0.65, nearest)
    }
}

/// Exposes `body` as `site` would: `width * height` grey values, 0 to 255, row by row.
pub(super) fn expose(
    body: &Body,
    site: Site,
    (width, height): (usize, usize),
    draws: &mut Draws,
) -> Vec<u8> {
    let pose = Pose::draw(draws);
    let brightness = draws.between(-0.05, 0.05);
    let gradient = (draws.between(-0.10, 0.10), draws.between(-0.08, 0.08));
    let grain_seed = draws.word();
    let (contrast, gamma, floor, ceiling, noise) = match site {
        Site::A => (draws.between(4.3, 4.9), 1.12, 0.015, 0.985, 0.85),
        Site::B => (draws.between(3.5, 4.0), 0.90, 0.06, 0.90, 1.15),
    };
    let border = match site {
        Site::A => draws.between(0.018, 0.03),
        Site::B => 0.0,
    };
    let aspect = width as f32 / height as f32;
    let marker = match site {
        Site::A => Marker {
            strokes: LETTER_L,
            left: 0.5 * aspect + draws.between(0.34, 0.38),
            top: draws.between(0.055, 0.09),
            size: 0.055,
            stroke: 0.11,
            brightness: 0.98,
        },
        Site::B => Marker {
            strokes: LETTER_R,
            left: draws.between(0.05, 0.08),
            top: draws.between(0.10, 0.14),
            size: 0.042,
            stroke: 0.09,
            brightness: 0.88,
        },
    };

    let pixel = 1.0 / height as f32;
    let mut tones = vec![0.0; width * height];
    for row in 0..height {
        let v = (row as f32 + 0.5) * pixel;
        for column in 0..width {
            let u = (column as f32 + 0.5) * pixel;
            let centred = u - 0.5 * aspect;
            let (x, y) = pose.to_body(centred, v - 0.5);
            let shadow = body.at(x, y) + gradient.0 * centred + gradient.1 * (v - 0.5);
            // The film's characteristic curve: flat in the deep shadows and in the highlights.
            let tone = 1.0 / (1.0 + (-contrast * (shadow - 0.62 + brightness)).exp());
            tones[row * width + column] = floor + (ceiling - floor) * tone.powf(gamma);
        }
    }
    let tones = soften(&tones, width, height);

    let mut pixels = Vec::with_capacity(width * height);
    for row in 0..height {
        let v = (row as f32 + 0.5) * pixel;
        for column in 0..width {
            let u = (column as f32 + 0.5) * pixel;
            let index = row * width + column;
            let tone = tones[index];
            // Quantum noise: fewer photons arrive where the film is bright.
            let sigma = noise * (0.008 + 0.014 * tone.max(0.0).sqrt());
            let mut value = tone + sigma * grain(grain_seed, index as u32);
            let cover = marker.cover(u, v);
            value += cover * (marker.brightness - value);
            if border > 0.0 {
                let edge = u.min(aspect - u).min(v).min(1.0 - v);
                value *= step(border - 0.004, border + 0.002, edge);
            }
            pixels.push((value.clamp(0.0, 1.0) * 255.0).round() as u8);
        }
    }
    pixels
}

/// How the patient stood in front of the detector.
struct Pose {
    sine: f32,
    cosine: f32,
    scale: f32,
    shift: (f32, f32),
}

impl Pose {
    fn draw(draws: &mut Draws) -> Self {
        let (sine, cosine) = draws.between(-0.045, 0.045).sin_cos();
        Self {
            sine,
            cosine,
            scale: draws.between(0.96, 1.06),
            shift: (draws.between(-0.02, 0.02), draws.between(-0.025, 0.02)),
        }
    }

    /// From film coordinates around the middle of the film to body coordinates.
    fn to_body(&self, x: f32, y: f32) -> (f32, f32) {
        (
            self.scale * (self.cosine * x - self.sine * y) + self.shift.0,
            self.scale * (self.sine * x + self.cosine * y) + self.shift.1 + 0.49,
        )
    }
}

/// The blur of screen and focal spot: a 1-2-1 kernel both ways; edges repeat.
fn soften(tones: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut across = vec![0.0; tones.len()];
    for (blurred, row) in across
        .chunks_exact_mut(width)
        .zip(tones.chunks_exact(width))
    {
        for (column, value) in blurred.iter_mut().enumerate() {
            let before = row[column.saturating_sub(1)];
            let after = row[(column + 1).min(width - 1)];
            *value = 0.25 * before + 0.5 * row[column] + 0.25 * after;
        }
    }
    let mut down = vec![0.0; tones.len()];
    for (row, blurred) in down.chunks_exact_mut(width).enumerate() {
        let above = &across[row.saturating_sub(1) * width..][..width];
        let here = &across[row * width..][..width];
        let below = &across[(row + 1).min(height - 1) * width..][..width];
        for (column, value) in blurred.iter_mut().enumerate() {
            *value = 0.25 * above[column] + 0.5 * here[column] + 0.25 * below[column];
        }
    }
    down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_differ_in_shape() {
        for index in 0..50 {
            let mut draws = Draws::new(1, "shape", index);
            let (width, height) = Site::A.shape(320, &mut draws);
            assert_eq!(width, 320);
            assert!((250..=281).contains(&height), "{height}");
            assert_eq!(Site::B.shape(320, &mut draws), (320, 320));
        }
    }

    #[test]
    fn softening_keeps_a_flat_field_and_spreads_a_point() {
        assert_eq!(soften(&[0.5; 12], 4, 3), vec![0.5; 12]);
        let mut point = vec![0.0; 25];
        point[12] = 16.0;
        let soft = soften(&point, 5, 5);
        assert_eq!(
            [soft[12], soft[11], soft[6], soft[10]],
            [4.0, 2.0, 1.0, 0.0]
        );
    }
}
