//! A made-up hospital: one apparatus, one archive, one way of framing films, for sick and healthy alike.
//!
//! The films of both labels come from different sources, and any difference between those is a
//! shortcut. A hospital here takes away what it can of that and then adds its own: every film is
//! framed around its lungs (found by the lung network) with the hospital's own margins, brought to
//! the same small number of pixels, blurred alike, forced to one histogram, and then given the
//! hospital's gamma, noise, sharpness, size, compression and markers. What is left is anatomy and
//! disease at the resolution of 144 pixels, and whatever of the source survives that: the estimate is not
//! free of it.

use plainfilm::lungs::{BundledLungs, segment};
use plainfilm::radiograph::{Fit, Histogram, LungBox, Plane, Preprocessing, Radiograph};
use plainfilm::seed;
use plainfilm::train::augment::{Scanner, ScannerChange};
use rand::RngExt;

/// Side of the film once its fine detail, which tells sources apart, is gone.
const DETAIL: usize = 144;

/// Side of the film that the hospital puts out.
const SIDE: usize = 512;

/// What one hospital does to every film.
#[derive(Debug, Clone, Copy)]
pub struct Hospital {
    number: u64,
    margins: [f32; 4],
    gamma: f32,
    change: ScannerChange,
}

impl Hospital {
    /// The hospital of this number: a pure function of it.
    pub fn new(number: u64) -> Self {
        let mut rng = seed::generator(number, "hospital", &[]);
        let mut within = |least: f32, most: f32| least + (most - least) * rng.random::<f32>();
        // Narrow ones: beyond the edge of a film that was cut tightly there is nothing to show, and
        // what is put there would tell its source.
        let margins = [0; 4].map(|_| within(0.0, 0.06));
        let gamma = within(-0.5, 0.5).exp();
        let scanner = Scanner {
            probability: 1.0,
            noise: 0.03,
            sharpening: 1.0,
            blur: 0.7,
            jpeg: 50,
            markers: 0.5,
            ..Scanner::NONE
        };
        Self {
            number,
            margins,
            gamma,
            change: scanner.draw(&mut rng),
        }
    }

    /// The film as this hospital would have made it; `index` draws its noise and markers.
    pub fn film(&self, film: &Radiograph, index: u64) -> Radiograph {
        let framed = self.framed(film);
        let settings = Preprocessing {
            fit: Fit::Squash,
            size: DETAIL,
            channels: 1,
            histogram: Histogram::Equalised,
            ..Preprocessing::default()
        };
        let mut values = vec![0.0; settings.tensor_len()];
        settings.write_tensor(&settings.plane(&framed, &BundledLungs), &mut values);
        for value in &mut values {
            *value = value.powf(self.gamma);
        }
        let coarse = radiograph(DETAIL, &values, film);
        let enlarged = Preprocessing {
            size: SIDE,
            histogram: Histogram::Stored,
            ..settings
        };
        let mut plane: Plane = enlarged.plane(&coarse, &BundledLungs);
        let change = ScannerChange {
            seed: seed::derive(self.number, "film", &[index]),
            ..self.change
        };
        change.apply(&mut plane);
        radiograph(SIDE, &plane.values, film)
    }

    /// The film cut to its lungs with the hospital's margins, a little off from film to film as patients
    /// stand. Where no lungs are found, the whole film.
    fn framed(&self, film: &Radiograph) -> Radiograph {
        let found = segment(film).lung_box().unwrap_or(LungBox {
            left: 0.0,
            top: 0.0,
            right: 1.0,
            bottom: 1.0,
        });
        let mut rng = seed::generator(
            self.number,
            "stance",
            &[u64::from(film.width), film.pixels.len() as u64],
        );
        let mut off = |margin: f32| margin + 0.06 * (rng.random::<f32>() - 0.5);
        let (width, height) = (found.right - found.left, found.bottom - found.top);
        let [left, right, top, bottom] = [
            found.left - off(self.margins[0]) * width,
            found.right + off(self.margins[1]) * width,
            found.top - off(self.margins[2]) * height,
            found.bottom + off(self.margins[3]) * height,
        ];
        let columns = span(left, right, film.width);
        let rows = span(top, bottom, film.height);
        let pixels = rows
            .iter()
            .flat_map(|&y| {
                let start = y * film.width as usize;
                columns.iter().map(move |&x| start + x)
            })
            .map(|at| film.pixels[at])
            .collect();
        Radiograph {
            width: columns.len() as u32,
            height: rows.len() as u32,
            pixels,
            ..film.clone()
        }
    }
}

/// The pixels from one fraction of a length to another; beyond the film its edge is repeated.
fn span(from: f32, to: f32, length: u32) -> Vec<usize> {
    let (from, to) = (from * length as f32, to * length as f32);
    let last = length as usize - 1;
    (from.floor() as i64..to.ceil() as i64)
        .map(|at| (at.max(0) as usize).min(last))
        .collect()
}

fn radiograph(side: usize, values: &[f32], film: &Radiograph) -> Radiograph {
    Radiograph {
        width: side as u32,
        height: side as u32,
        bit_depth: 8,
        pixels: values.iter().map(|v| (v * 255.0).round() as u16).collect(),
        provenance: film.provenance.clone(),
    }
}
