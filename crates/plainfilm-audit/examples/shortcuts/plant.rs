//! Shortcuts that are planted into films: each changes a film as a scanner, a program or a marker would.

use std::f32::consts::TAU;

use plainfilm_film::radiograph::Radiograph;
use plainfilm_seed::generator;
use rand::RngExt;

/// A way to change a film; the number tells films apart.
pub type Plant = fn(&mut Picture, u64);

/// Every shortcut with its name.
pub const ALL: [(&str, Plant); 18] = [
    ("nothing", |_, _| {}),
    ("letter of 12 px in a corner", |p, _| p.letter(1.0)),
    ("letter at a quarter of the depth", |p, _| p.letter(0.25)),
    ("blob, as of a pacemaker", blob),
    ("thin line across the lungs", |p, film| {
        p.line(film, 2.0, 35.0)
    }),
    ("tube", |p, film| p.line(film, 6.0, 22.0)),
    ("cut to 98 %", |p, _| p.cut(0.98)),
    ("blur of 0.7 px", |p, _| p.mix_with_blurred(0.7, 0.0)),
    ("sharpening", |p, _| p.mix_with_blurred(1.0, 1.5)),
    ("JPEG 60", |p, _| p.jpeg(60)),
    ("256 px and back", |p, _| {
        p.resize(256);
        p.resize(512);
    }),
    ("noise of 2 of 255", |p, film| p.noise(film, 2.0)),
    ("64 grey levels", |p, _| {
        p.each(|v, _, _| (v / 4.0).floor() * 4.0)
    }),
    ("fixed pattern", |p, _| {
        p.each(|v, x, y| v + coin(x, y) * 2.0 - 1.0)
    }),
    ("watermark in the lowest bit", |p, _| {
        p.each(|v, x, y| (v / 2.0).floor() * 2.0 + coin(x, y));
    }),
    ("mirrored", |p, _| p.mirror()),
    ("gamma 0.9", |p, _| {
        p.each(|v, _, _| 255.0 * (v / 255.0).powf(0.9));
    }),
    ("frame of 2 px", |p, _| {
        let last = p.side - 1;
        p.each(move |v, x, y| {
            if x.min(y) < 2 || x.max(y) > last - 2 {
                0.0
            } else {
                v
            }
        });
    }),
];

/// A square film of 8 bits.
pub struct Picture {
    pub side: usize,
    values: Vec<f32>,
}

/// 0 or 1, the same for a place in every film.
fn coin(x: usize, y: usize) -> f32 {
    let mut bits = (x as u64) << 32 | y as u64;
    bits = (bits ^ bits >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (bits >> 63) as f32
}

fn blob(picture: &mut Picture, film: u64) {
    let mut draws = generator(1, "blob", &[film]);
    let side = picture.side as f32;
    let (cx, cy) = (
        side * (0.70 + draws.random_range(-0.04..0.04_f32)),
        side * (0.25 + draws.random_range(-0.04..0.04_f32)),
    );
    picture.each(|v, x, y| {
        let away = ((x as f32 - cx) / 18.0).powi(2) + ((y as f32 - cy) / 14.0).powi(2);
        v + 0.6 * (235.0 - v) * (1.0 / (1.0 + (6.0 * (away - 1.0)).exp()))
    });
}

impl Picture {
    pub fn of(film: &Radiograph) -> Self {
        let side = film.width.min(film.height) as usize;
        let values = (0..side * side)
            .map(|at| f32::from(film.pixels[at / side * film.width as usize + at % side]))
            .collect();
        Self { side, values }
    }

    /// The film with these values, as an uncompressed file would hold it.
    pub fn into_film(self, film: &Radiograph) -> Radiograph {
        let mut made = film.clone();
        made.width = self.side as u32;
        made.height = self.side as u32;
        made.provenance.format = "bmp".to_owned();
        made.pixels = self
            .values
            .iter()
            .map(|v| v.round().clamp(0.0, 255.0) as u16)
            .collect();
        made
    }

    fn each(&mut self, change: impl Fn(f32, usize, usize) -> f32) {
        let side = self.side;
        for (at, value) in self.values.iter_mut().enumerate() {
            *value = change(*value, at % side, at / side)
                .round()
                .clamp(0.0, 255.0);
        }
    }

    /// An L of 12 pixels near the upper left corner, covering what is below it by a share.
    fn letter(&mut self, depth: f32) {
        self.each(|v, x, y| {
            let (x, y) = (x.wrapping_sub(14), y.wrapping_sub(14));
            let on = x < 8 && y < 12 && (x < 2 || y >= 10);
            if on { v + depth * (240.0 - v) } else { v }
        });
    }

    /// A line through the lungs whose place and slope differ between films.
    fn line(&mut self, film: u64, width: f32, brighter: f32) {
        let mut draws = generator(1, "line", &[film]);
        let side = self.side as f32;
        let middle = side * draws.random_range(0.40..0.55_f32);
        let slope = draws.random_range(-0.4..0.4_f32);
        let bend = draws.random_range(-0.1..0.1_f32) * side;
        self.each(|v, x, y| {
            let across = x as f32 / side;
            if !(0.15..0.85).contains(&across) {
                return v;
            }
            let centre =
                middle + slope * (x as f32 - side / 2.0) + bend * (across * TAU / 2.0).sin();
            let away = (y as f32 - centre).abs() / (1.0 + slope * slope).sqrt();
            v + brighter * (width / 2.0 + 0.5 - away).clamp(0.0, 1.0)
        });
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let last = (self.side - 1) as f32;
        let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.side - 1), (top + 1).min(self.side - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let v = |x: usize, y: usize| self.values[y * self.side + x];
        (v(left, top) * (1.0 - fx) + v(right, top) * fx) * (1.0 - fy)
            + (v(left, bottom) * (1.0 - fx) + v(right, bottom) * fx) * fy
    }

    /// Keeps the middle and enlarges it to the size of before.
    fn cut(&mut self, share: f32) {
        let middle = (self.side as f32 - 1.0) / 2.0;
        let side = self.side;
        let values = (0..side * side)
            .map(|i| {
                let (x, y) = ((i % side) as f32, (i / side) as f32);
                self.at(middle + (x - middle) * share, middle + (y - middle) * share)
            })
            .collect();
        self.values = values;
        self.each(|v, _, _| v);
    }

    fn resize(&mut self, side: usize) {
        let ratio = self.side as f32 / side as f32;
        let place = |i: usize| (i as f32 + 0.5) * ratio - 0.5;
        let values = (0..side * side)
            .map(|i| self.at(place(i % side), place(i / side)))
            .collect();
        self.values = values;
        self.side = side;
        self.each(|v, _, _| v);
    }

    fn mirror(&mut self) {
        for row in self.values.chunks_exact_mut(self.side) {
            row.reverse();
        }
    }

    fn noise(&mut self, film: u64, sd: f32) {
        let mut draws = generator(1, "noise", &[film]);
        for value in &mut self.values {
            let (a, b): (f32, f32) = (draws.random_range(1e-7..1.0), draws.random_range(0.0..1.0));
            *value += sd * (-2.0 * a.ln()).sqrt() * (TAU * b).cos();
        }
        self.each(|v, _, _| v);
    }

    /// `blurred + amount * (film - blurred)`: 0 is the blurred film, above 1 a sharpened one.
    fn mix_with_blurred(&mut self, sigma: f32, amount: f32) {
        let reach = (3.0 * sigma).ceil() as isize;
        let weights: Vec<f32> = (-reach..=reach)
            .map(|i| (-(i as f32 / sigma).powi(2) / 2.0).exp())
            .collect();
        let sum: f32 = weights.iter().sum();
        let side = self.side as isize;
        let pass = |from: &[f32], step: (isize, isize)| -> Vec<f32> {
            (0..side * side)
                .map(|i| {
                    let (x, y) = (i % side, i / side);
                    let terms = weights.iter().zip(-reach..).map(|(w, k)| {
                        let (x, y) = (
                            (x + k * step.0).clamp(0, side - 1),
                            (y + k * step.1).clamp(0, side - 1),
                        );
                        w / sum * from[(y * side + x) as usize]
                    });
                    terms.sum()
                })
                .collect()
        };
        let blurred = pass(&pass(&self.values, (1, 0)), (0, 1));
        for (value, blurred) in self.values.iter_mut().zip(blurred) {
            *value = blurred + amount * (*value - blurred);
        }
        self.each(|v, _, _| v);
    }

    fn jpeg(&mut self, quality: u8) {
        let pixels: Vec<u8> = self.values.iter().map(|v| *v as u8).collect();
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode(
                &pixels,
                self.side as u32,
                self.side as u32,
                image::ExtendedColorType::L8,
            )
            .expect("a grey square can be encoded");
        let decoded = image::load_from_memory(&bytes).expect("what was encoded can be decoded");
        self.values = decoded
            .to_luma8()
            .pixels()
            .map(|p| f32::from(p.0[0]))
            .collect();
    }
}
