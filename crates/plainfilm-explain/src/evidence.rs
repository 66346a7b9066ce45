//! Evidence maps: how much each place of a film speaks for a label, and where the places lie.

use std::borrow::Cow;

use super::Method;
use plainfilm_film::radiograph::Placement;
use plainfilm_model::networks::{LayerPlan, Placed};

/// Where the cells of a square map lie in the square that a network is shown. Places are continuous, as
/// in [`Placement`]: pixel `i` reaches from `i` to `i + 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Columns and rows of the map.
    pub side: usize,
    /// Centre of the first cell, in pixels; the same across and down. Below 0 where padding lets a map
    /// reach beyond the film.
    pub start: f64,
    /// From one centre to the next, in pixels.
    pub step: f64,
}

impl Grid {
    /// One cell a pixel.
    pub fn pixels(size: usize) -> Self {
        Self::stretched(size, size)
    }

    /// Cells of equal size that cover the square exactly: what other programs take for granted.
    pub fn stretched(side: usize, size: usize) -> Self {
        let step = size as f64 / side as f64;
        Self {
            side,
            start: step / 2.0,
            step,
        }
    }

    /// Each cell at the centre of the pixels that it depends on.
    ///
    /// Padding by more than half a kernel makes a map larger than the film: DarkCovidNet pads its 1x1
    /// convolutions too, and of the 13 columns of its last map at 256 pixels (32 pixels apart) the
    /// outer ones lie 77 pixels outside. Stretched over the film, that map would show everything
    /// drawn together towards the middle, by two fifths.
    pub(crate) fn of_layers<'a>(layers: impl Iterator<Item = &'a Placed>, side: usize) -> Self {
        let mut grid = Self {
            side,
            start: 0.5,
            step: 1.0,
        };
        for placed in layers {
            grid.follow(&placed.layer);
        }
        grid
    }

    fn follow(&mut self, layer: &LayerPlan) {
        match layer {
            LayerPlan::Conv(conv) => {
                self.windows(conv.kernel, conv.stride, conv.padding[0]);
                if conv.pool {
                    self.windows(2, 2, 0);
                }
            }
            LayerPlan::Residual(block) => {
                for conv in &block.body {
                    self.windows(conv.kernel, conv.stride, conv.padding[0]);
                }
            }
            LayerPlan::MaxPool {
                size,
                stride,
                padding,
            } => self.windows(*size, *stride, *padding),
            LayerPlan::AveragePool { size } => self.windows(*size, *size, 0),
            // Growth keeps its input in place and adds maps around the same centres.
            LayerPlan::Growth(_)
            | LayerPlan::Norm(_)
            | LayerPlan::Dropout { .. }
            | LayerPlan::Flatten
            | LayerPlan::Dense(_) => {}
        }
    }

    fn windows(&mut self, size: usize, stride: usize, padding: usize) {
        self.start += ((size as f64 - 1.0) / 2.0 - padding as f64) * self.step;
        self.step *= stride as f64;
    }
}

/// How much each place speaks for a label.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Where the cells lie.
    pub grid: Grid,
    /// `side * side` values, row by row. Above 0 speaks for the label. Methods that know evidence against
    /// it have values below 0.
    pub values: Vec<f32>,
}

/// Evidence on the film that was explained, pixel by pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmEvidence {
    /// Columns of the film.
    pub width: usize,
    /// Rows of the film.
    pub height: usize,
    /// `width * height` values, row by row; not a number where the network was not shown the film.
    pub values: Vec<f32>,
}

/// Two neighbouring cells and the weight of the second.
type Between = (usize, usize, f32);

impl Evidence {
    /// Greatest value; 0 where nothing speaks for the label.
    pub fn greatest(&self) -> f32 {
        self.values.iter().copied().fold(0.0, f32::max)
    }

    /// Value at a place in the network's square, linear between the centres of cells and constant beyond
    /// the outer ones.
    pub fn at(&self, x: f64, y: f64) -> f32 {
        self.between(self.neighbours(x), self.neighbours(y))
    }

    /// The map at every pixel of a square of `size` pixels.
    pub fn square(&self, size: usize) -> Vec<f32> {
        let places: Vec<Between> = (0..size)
            .map(|pixel| self.neighbours(pixel as f64 + 0.5))
            .collect();
        places
            .iter()
            .flat_map(|&down| places.iter().map(move |&across| (across, down)))
            .map(|(across, down)| self.between(across, down))
            .collect()
    }

    /// The map at every pixel of the film.
    pub fn on_film(&self, placement: &Placement) -> FilmEvidence {
        self.over_film(placement, placement.film)
    }

    /// The map at every pixel of the whole film as it looks with other numbers of columns and rows.
    pub fn over_film(&self, placement: &Placement, [width, height]: [usize; 2]) -> FilmEvidence {
        let [columns, rows] = placement.film;
        // Centres of the pixels, in pixels of the film.
        let across: Vec<f64> = (0..width)
            .map(|column| (column as f64 + 0.5) * columns as f64 / width as f64)
            .collect();
        let cells: Vec<Between> = across
            .iter()
            .map(|&x| self.neighbours(placement.to_square(x, 0.0).0))
            .collect();
        let mut values = Vec::with_capacity(width * height);
        for row in 0..height {
            let y = (row as f64 + 0.5) * rows as f64 / height as f64;
            let down = self.neighbours(placement.to_square(0.0, y).1);
            values.extend(across.iter().zip(&cells).map(|(&x, &across)| {
                if placement.shows(x as usize, y as usize) {
                    self.between(across, down)
                } else {
                    f32::NAN
                }
            }));
        }
        FilmEvidence {
            width,
            height,
            values,
        }
    }

    /// The map as pictures show it: with one value a pixel it is [`Self::smoothed`] by a 60th of its side.
    pub fn as_shown(&self, method: Method) -> Cow<'_, Self> {
        if method.is_by_pixel() {
            Cow::Owned(self.smoothed(self.grid.side as f32 / 60.0))
        } else {
            Cow::Borrowed(self)
        }
    }

    /// What speaks for the label alone, spread out by a Gaussian with this standard deviation in cells: single
    /// pixels cannot be seen on a picture. The total stays about the same.
    #[must_use]
    pub fn smoothed(&self, deviation: f32) -> Self {
        let side = self.grid.side;
        let reach = (3.0 * deviation).ceil() as usize;
        let kernel: Vec<f32> = (0..=reach)
            .map(|step| (-0.5 * (step as f32 / deviation.max(1e-3)).powi(2)).exp())
            .collect();
        let whole: f32 = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
        // Along rows, then the result along its columns: both times read in one order, written in the other.
        let pass = |values: &[f32]| {
            let mut turned = vec![0.0; side * side];
            for (row, line) in values.chunks_exact(side).enumerate() {
                for column in 0..side {
                    let mut sum = kernel[0] * line[column];
                    for (step, weight) in kernel.iter().enumerate().skip(1) {
                        let before = column.checked_sub(step).map_or(0.0, |at| line[at]);
                        let after = line.get(column + step).copied().unwrap_or(0.0);
                        sum += weight * (before + after);
                    }
                    turned[column * side + row] = sum / whole;
                }
            }
            turned
        };
        let positive: Vec<f32> = self.values.iter().map(|value| value.max(0.0)).collect();
        Self {
            grid: self.grid,
            values: pass(&pass(&positive)),
        }
    }

    fn neighbours(&self, place: f64) -> Between {
        let last = self.grid.side - 1;
        let cell = ((place - self.grid.start) / self.grid.step).clamp(0.0, last as f64);
        let first = cell as usize;
        (first, (first + 1).min(last), (cell - first as f64) as f32)
    }

    fn between(&self, (left, right, x): Between, (above, below, y): Between) -> f32 {
        let side = self.grid.side;
        let row = |row: usize| {
            let (from, to) = (
                self.values[row * side + left],
                self.values[row * side + right],
            );
            from + (to - from) * x
        };
        let (from, to) = (row(above), row(below));
        from + (to - from) * y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_film::radiograph::{Fit, Preprocessing, Provenance, Radiograph};
    use plainfilm_model::networks::{Architecture, NetworkSettings};

    fn grid_of(architecture: Architecture, size: usize) -> Grid {
        let settings = NetworkSettings {
            size,
            ..NetworkSettings::published(architecture, 2)
        };
        let plan = settings.plan().expect("published settings");
        let side = plan.features.last().expect("has layers").output[1];
        Grid::of_layers(plan.features.iter(), side)
    }

    #[test]
    fn grids_of_networks_by_hand() {
        // Centres: ResNet's convolutions are padded by half a kernel, so its first cell is centred on
        // the first pixel; VGG16's five pools of 2 move it by (1 + 2 + 4 + 8 + 16) / 2.
        let cases = [
            (Architecture::ResNet18, 224, 7, 0.5, 32.0),
            (Architecture::Vgg16, 224, 7, 16.0, 32.0),
            // As VGG16, less one cell at each of 4, 8, 16, 32 and 32 pixels.
            (Architecture::DarkCovidNet, 256, 13, 16.0 - 92.0, 32.0),
            // TensorFlow pads the strided convolutions after the map: each moves it by one more pixel of its own.
            (Architecture::EfficientNetLite0, 224, 7, 31.5, 32.0),
        ];
        for (architecture, size, side, start, step) in cases {
            let grid = grid_of(architecture, size);
            assert_eq!(
                (grid.side, grid.start, grid.step),
                (side, start, step),
                "{architecture}"
            );
        }
    }

    #[test]
    fn stretching_is_the_half_pixel_rule() {
        let map = Evidence {
            grid: Grid::stretched(2, 4),
            values: vec![0.0, 1.0, 2.0, 3.0],
        };
        assert_eq!(map.square(4)[..4], [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(map.square(4)[12..], [2.0, 2.25, 2.75, 3.0]);
        assert_eq!(map.greatest(), 3.0);
        assert_eq!(map.at(2.0, 2.0), 1.5);
    }

    #[test]
    fn smoothing_spreads_a_point_evenly_and_keeps_its_sum() {
        let mut values = vec![0.0; 81];
        values[4 * 9 + 4] = 10.0;
        values[0] = -5.0;
        let point = Evidence {
            grid: Grid::pixels(9),
            values,
        };
        let spread = point.smoothed(1.0);
        let sum: f32 = spread.values.iter().sum();
        assert!((sum - 10.0).abs() < 1e-4, "{sum}");
        assert_eq!(spread.values[4 * 9 + 3], spread.values[3 * 9 + 4]);
        assert_eq!(spread.values[4 * 9 + 2], spread.values[4 * 9 + 6]);
        assert!(spread.values[4 * 9 + 4] > spread.values[4 * 9 + 5]);
    }

    #[test]
    fn a_cell_comes_back_to_its_own_pixels_of_the_film() {
        let film = Radiograph {
            width: 41,
            height: 23,
            bit_depth: 8,
            pixels: vec![0; 41 * 23],
            provenance: Provenance {
                name: "film".into(),
                format: "png".into(),
                colour: "grey 8-bit".into(),
                orientation: 1,
                synthetic: true,
                coloured_pixels: 0,
                used_bits: 8,
            },
        };
        for fit in [Fit::Crop, Fit::Letterbox, Fit::Squash] {
            let settings = Preprocessing {
                fit,
                size: 16,
                ..Preprocessing::default()
            };
            let placement = settings
                .placement(&film, &plainfilm_model::lungs::BundledLungs)
                .expect("has pixels");
            // One bright pixel of the square, somewhere on the film.
            let (column, row) = (9, 7);
            let mut values = vec![0.0; 256];
            values[row * 16 + column] = 1.0;
            let map = Evidence {
                grid: Grid::pixels(16),
                values,
            };
            let on_film = map.on_film(&placement);
            assert_eq!(on_film.values.len(), 41 * 23);
            let (x, y) = placement.to_film(column as f64 + 0.5, row as f64 + 0.5);
            let brightest = (0..on_film.values.len())
                .filter(|&index| !on_film.values[index].is_nan())
                .max_by(|&a, &b| on_film.values[a].total_cmp(&on_film.values[b]))
                .expect("some pixel is shown");
            let found = ((brightest % 41) as f64 + 0.5, (brightest / 41) as f64 + 0.5);
            assert!(
                (found.0 - x).abs() <= 0.5 && (found.1 - y).abs() <= 0.5,
                "{fit}"
            );
            let hidden = on_film.values.iter().filter(|value| value.is_nan()).count();
            let expected = if fit == Fit::Crop { (41 - 23) * 23 } else { 0 };
            assert_eq!(hidden, expected, "{fit}");
        }
    }
}
