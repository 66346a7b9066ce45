//! Which part of a film a network is shown, and where each of its pixels lies on the film.

/// Where the square that a network is shown lies on the film it was made from.
///
/// Places are continuous: pixel `i` reaches from `i` to `i + 1`, its centre is at `i + 0.5`. The map from
/// the square to the film is affine and has no rotation, so a column goes to a column and a row to a
/// row; resampling filters look further than one pixel but are centred on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Columns and rows of the film.
    pub film: [usize; 2],
    /// The part of the film that is shown: left, top, width and height in whole pixels of the film.
    pub area: [usize; 4],
    /// The part of the square that it fills: left, top, width and height in whole pixels of the square; what
    /// lies outside is the black bars of a letterbox.
    pub filled: [usize; 4],
    /// Columns and rows of the square.
    pub size: usize,
}

impl Placement {
    /// The place on the film of a place in the square. Of a place in a bar it lies outside the film or its
    /// shown part.
    pub fn to_film(&self, x: f64, y: f64) -> (f64, f64) {
        let [[across, _, left], [_, down, top]] = self.affine();
        (across * x + left, down * y + top)
    }

    /// The place in the square of a place on the film; outside the square for what was cut off.
    pub fn to_square(&self, x: f64, y: f64) -> (f64, f64) {
        let [[across, _, left], [_, down, top]] = self.affine();
        ((x - left) / across, (y - top) / down)
    }

    /// The map from the square to the film as two rows of a matrix: `x' = m[0][0] x + m[0][1] y + m[0][2]`.
    pub fn affine(&self) -> [[f64; 3]; 2] {
        let scale = |axis: usize| self.area[axis + 2] as f64 / self.filled[axis + 2] as f64;
        let shift = |axis: usize| self.area[axis] as f64 - self.filled[axis] as f64 * scale(axis);
        [[scale(0), 0.0, shift(0)], [0.0, scale(1), shift(1)]]
    }

    /// Whether a pixel of the film is shown.
    pub fn shows(&self, column: usize, row: usize) -> bool {
        let [left, top, width, height] = self.area;
        (left..left + width).contains(&column) && (top..top + height).contains(&row)
    }

    /// Whether a pixel of the square shows the film, not a bar.
    pub fn is_film(&self, column: usize, row: usize) -> bool {
        let [left, top, width, height] = self.filled;
        (left..left + width).contains(&column) && (top..top + height).contains(&row)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fit, NoLungs, Preprocessing, Provenance, Radiograph, Resampling};

    /// A film whose pixels all differ, so that a value says where it came from.
    fn numbered(width: usize, height: usize) -> Radiograph {
        Radiograph {
            width: width as u32,
            height: height as u32,
            bit_depth: 16,
            pixels: (0..width * height).map(|index| index as u16).collect(),
            provenance: Provenance {
                name: "numbered".into(),
                format: "png".into(),
                colour: "grey 16-bit".into(),
                orientation: 1,
                synthetic: true,
                coloured_pixels: 0,
                used_bits: 8,
            },
        }
    }

    #[test]
    fn every_pixel_of_the_square_comes_from_where_the_map_says() {
        for (width, height) in [(97, 61), (61, 97), (128, 128), (33, 200), (255, 31)] {
            let film = numbered(width, height);
            for fit in [Fit::Crop, Fit::Letterbox, Fit::Squash, Fit::Lungs] {
                for strip_borders in [0, 7] {
                    for size in [16, 31, 32, 64, 77] {
                        let settings = Preprocessing {
                            fit,
                            size,
                            strip_borders,
                            resampling: Resampling::Nearest,
                            ..Preprocessing::default()
                        };
                        let what = format!("{width}x{height} {fit} {strip_borders} % {size}");
                        let placement = settings
                            .placement(&film, &NoLungs)
                            .expect("the film has pixels");
                        assert_eq!(placement.size, size);
                        let plane = settings.plane(&film, &NoLungs);
                        for row in 0..size {
                            for column in 0..size {
                                let value = plane.values[row * size + column];
                                let (x, y) =
                                    placement.to_film(column as f64 + 0.5, row as f64 + 0.5);
                                let (u, v) = placement.to_square(x, y);
                                assert!((u - column as f64 - 0.5).abs() < 1e-9, "{what}");
                                assert!((v - row as f64 - 0.5).abs() < 1e-9, "{what}");
                                if !placement.is_film(column, row) {
                                    assert_eq!(value, 0.0, "{what}: a bar");
                                    continue;
                                }
                                let found = (value * 65_535.0).round() as usize;
                                let (found_x, found_y) = (found % width, found / width);
                                // Where a centre falls on the edge of two pixels, either is right.
                                let near = |place: f64, pixel: usize| {
                                    (pixel as f64 - 1e-6..=pixel as f64 + 1.0 + 1e-6)
                                        .contains(&place)
                                };
                                assert!(
                                    near(x, found_x) && near(y, found_y),
                                    "{what}: pixel {column},{row} is {found_x},{found_y} of the \
                                     film, expected {x},{y}"
                                );
                                assert!(placement.shows(found_x, found_y), "{what}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_crop_of_an_odd_film_by_hand() {
        let settings = Preprocessing {
            size: 10,
            ..Preprocessing::default()
        };
        let placement = settings
            .placement(&numbered(35, 20), &NoLungs)
            .expect("has pixels");
        assert_eq!(placement.area, [7, 0, 20, 20]);
        assert_eq!(placement.to_film(0.0, 0.0), (7.0, 0.0));
        assert_eq!(placement.to_film(10.0, 5.0), (27.0, 10.0));
        assert_eq!(placement.to_square(8.0, 1.0), (0.5, 0.5));
        let letterbox = Preprocessing {
            fit: Fit::Letterbox,
            ..settings
        };
        let placement = letterbox
            .placement(&numbered(40, 20), &NoLungs)
            .expect("has pixels");
        assert_eq!(placement.filled, [0, 2, 10, 5]);
        assert_eq!(placement.to_film(0.0, 2.0), (0.0, 0.0));
        assert!(placement.is_film(0, 2) && !placement.is_film(0, 1) && !placement.is_film(0, 7));
        assert_eq!(letterbox.placement(&numbered(0, 0), &NoLungs), None);
    }
}
