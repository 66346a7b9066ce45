//! Grey levels of what is looked at, and where its border lies.

use std::ops::Range;

use crate::settings::View;
use plainfilm_film::radiograph::{Fit, LungFinder, Preprocessing, Radiograph, Scaling};

/// Pixels along each side of the square on which marks are sought when films are judged as stored.
pub(super) const SIDE: usize = 512;
/// The share of each side that counts as border.
const BORDER: f64 = 0.15;

/// Grey levels on the scale of 0 to 255, whatever the film's depth.
pub(super) struct Levels {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

impl Levels {
    /// Every pixel of a film as stored.
    pub fn stored(film: &Radiograph) -> Self {
        let scale = if film.bit_depth == 16 {
            255.0 / 65535.0
        } else {
            1.0
        };
        Self {
            width: film.width as usize,
            height: film.height as usize,
            values: film
                .pixels
                .iter()
                .map(|&pixel| f32::from(pixel) * scale)
                .collect(),
        }
    }

    /// What a network is shown, at the network's own size; films as stored are squashed to [`SIDE`].
    pub fn shown(film: &Radiograph, view: &View, lungs: &dyn LungFinder) -> Self {
        let preprocessing = match view {
            View::AsStored => Preprocessing {
                fit: Fit::Squash,
                size: SIDE,
                channels: 1,
                ..Preprocessing::default()
            },
            // How a network wants its numbers scaled is no trace of the film.
            View::After(preprocessing) => Preprocessing {
                channels: 1,
                scaling: Scaling::default(),
                ..preprocessing.clone()
            },
        };
        let plane = preprocessing.plane(film, lungs);
        let mut values = vec![0.0; plane.size * plane.size];
        preprocessing.write_tensor(&plane, &mut values);
        for value in &mut values {
            *value *= 255.0;
        }
        Self {
            width: plane.size,
            height: plane.size,
            values,
        }
    }

    /// One row of pixels.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// The columns of a row that belong to the border, leaving `margin` pixels at every edge.
    pub fn border(&self, row: usize, margin: usize) -> [Range<usize>; 2] {
        let depth = |side: usize| (side as f64 * BORDER) as usize;
        let (across, down) = (depth(self.width), depth(self.height));
        let end = self.width.saturating_sub(margin);
        if row < down || row + down >= self.height {
            [margin.min(end)..end, end..end]
        } else {
            let left = margin.min(end)..across.clamp(margin.min(end), end);
            let right = (self.width - across).clamp(left.end, end)..end;
            [left, right]
        }
    }

    /// Half as wide and high, each pixel the mean of four.
    pub fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut values = Vec::with_capacity(width * height);
        for row in 0..height {
            let (above, below) = (self.row(2 * row), self.row(2 * row + 1));
            for (above, below) in above.chunks_exact(2).zip(below.chunks_exact(2)) {
                values.push((above[0] + above[1] + below[0] + below[1]) / 4.0);
            }
        }
        Self {
            width,
            height,
            values,
        }
    }
}
