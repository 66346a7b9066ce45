//! Where a film ends and its surround begins: collimator blades, a plate larger than the child on it, bars that
//! pad a film to a square.

use super::Radiograph;
use super::resample::Area;

/// Part of full scale within which black and white are even: blades let some light through, and JPEG rings.
const EVEN: f32 = 0.03;

/// Part of a line of the surround that letters and markers may take.
const MARKED: f32 = 0.1;

/// Part of the film's side, as a divisor, that a line of text in the surround may be high.
const TEXT: usize = 40;

/// Least part of each side of the film, as a divisor, that a field has.
const LEAST: usize = 8;

/// The exposed part of a film with at least one pixel: the upright box around what is left when even black or white
/// lines are cut off on all sides. Tips of a field that lies askew, narrower than a tenth of the line, go with them.
///
/// The whole film where no half of the box is a picture: on a film that is black itself, black says nothing.
pub(super) fn exposed(film: &Radiograph) -> Area {
    let whole = Area {
        left: 0,
        top: 0,
        width: film.width as usize,
        height: film.height as usize,
    };
    let levels = Levels::of(film);
    let mut field = whole;
    // A surround may lie in a frame of the other colour, and letters that fill much of a narrow line fill
    // less of it once the columns beside it are gone.
    for _ in 0..4 {
        let before = field;
        levels.narrow(&mut field);
        if field.width * LEAST < whole.width || field.height * LEAST < whole.height {
            return whole;
        }
        if field == before {
            break;
        }
    }
    if field == whole || levels.is_picture(&field) {
        field
    } else {
        whole
    }
}

/// A film's levels, with what counts as black and as white.
struct Levels<'a> {
    pixels: &'a [u16],
    stride: usize,
    black: u16,
    white: u16,
}

impl<'a> Levels<'a> {
    fn of(film: &'a Radiograph) -> Self {
        let full = if film.bit_depth == 16 { u16::MAX } else { 255 };
        let margin = (f32::from(full) * EVEN) as u16;
        Self {
            pixels: &film.pixels,
            stride: film.width as usize,
            black: margin,
            white: full - margin,
        }
    }

    fn row(&self, field: &Area, row: usize) -> &'a [u16] {
        let start = (field.top + row) * self.stride + field.left;
        &self.pixels[start..start + field.width]
    }

    /// Cuts even rows off, and then even columns of what is left.
    fn narrow(&self, field: &mut Area) {
        let is_even_row = |row| self.is_even(self.row(field, row).iter().copied(), field.width);
        let (top, height) = kept(field.height, is_even_row);
        field.top += top;
        field.height = height;
        let is_even_column = |column| {
            let pixels = (0..field.height).map(|row| self.row(field, row)[column]);
            self.is_even(pixels, field.height)
        };
        let (left, width) = kept(field.width, is_even_column);
        field.left += left;
        field.width = width;
    }

    /// Whether nearly all pixels of a line are black, or nearly all are white.
    fn is_even(&self, line: impl Iterator<Item = u16>, length: usize) -> bool {
        let most = (length as f32 * MARKED) as usize;
        let (mut not_black, mut not_white) = (0, 0);
        for pixel in line {
            not_black += usize::from(pixel > self.black);
            not_white += usize::from(pixel < self.white);
            if not_black > most && not_white > most {
                return false;
            }
        }
        true
    }

    fn is_picture(&self, field: &Area) -> bool {
        let greys = (0..field.height).flat_map(|row| self.row(field, row));
        let greys = greys.filter(|&&pixel| pixel > self.black && pixel < self.white);
        greys.count() * 2 >= field.width * field.height
    }
}

/// Where the lines begin that are left when even ones are cut off both ends, and how many they are.
fn kept(lines: usize, is_even: impl Fn(usize) -> bool) -> (usize, usize) {
    let start = surround(lines, &is_even);
    let rest = lines - start;
    let end = surround(rest, |line| is_even(lines - 1 - line));
    (start, rest - end)
}

/// Lines of surround from one end, with lines of text between them.
fn surround(lines: usize, is_even: impl Fn(usize) -> bool) -> usize {
    let mut end = 0;
    for line in 0..lines {
        if is_even(line) {
            end = line + 1;
        } else if line - end >= lines / TEXT {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::super::{Fit, NoLungs, Preprocessing, Provenance};
    use super::*;
    use crate::radiograph::Field;

    fn film(width: usize, height: usize, level: impl Fn(usize, usize) -> u16) -> Radiograph {
        let pixels = (0..width * height).map(|index| level(index % width, index / width));
        Radiograph {
            width: width as u32,
            height: height as u32,
            bit_depth: 8,
            pixels: pixels.collect(),
            provenance: Provenance {
                name: "field".to_owned(),
                format: "png".to_owned(),
                colour: "grey 8-bit".to_owned(),
                orientation: 1,
                synthetic: true,
                coloured_pixels: 0,
                used_bits: 8,
            },
        }
    }

    /// A chest of sorts: two black lungs, of which one reaches the left edge, in a body that is none.
    fn chest(x: usize, y: usize) -> u16 {
        let is_lung = (60..240).contains(&y) && (x < 130 || (170..280).contains(&x));
        if is_lung {
            0
        } else {
            60 + ((x * 7 + y * 5) % 150) as u16
        }
    }

    /// [`chest`] of 320 x 300 pixels at a place of a larger film.
    fn placed(width: usize, height: usize, at: (usize, usize), around: u16) -> Radiograph {
        film(width, height, |x, y| {
            let (x, y) = (x.wrapping_sub(at.0), y.wrapping_sub(at.1));
            if x < 320 && y < 300 {
                chest(x, y)
            } else {
                around
            }
        })
    }

    fn found(film: &Radiograph) -> [usize; 4] {
        let Area {
            left,
            top,
            width,
            height,
        } = exposed(film);
        [left, top, width, height]
    }

    #[test]
    fn a_field_is_found_to_the_pixel() {
        let cases = [
            (
                "nothing around it",
                placed(320, 300, (0, 0), 0),
                [0, 0, 320, 300],
            ),
            (
                "200 on each side",
                placed(720, 700, (200, 200), 0),
                [200, 200, 320, 300],
            ),
            ("a square", placed(320, 320, (0, 10), 0), [0, 10, 320, 300]),
            (
                "one side",
                placed(500, 300, (180, 0), 0),
                [180, 0, 320, 300],
            ),
            (
                "a large plate",
                placed(1500, 1400, (900, 700), 5),
                [900, 700, 320, 300],
            ),
            (
                "white",
                placed(720, 700, (150, 210), 255),
                [150, 210, 320, 300],
            ),
            (
                "grey, which is no surround",
                placed(400, 400, (9, 9), 90),
                [0, 0, 400, 400],
            ),
        ];
        for (what, film, expected) in cases {
            assert_eq!(found(&film), expected, "{what}");
        }
    }

    #[test]
    fn letters_frames_and_noise_do_not_hide_it() {
        let plain = placed(720, 700, (200, 200), 0);
        let drawn = |is_drawn: &dyn Fn(usize, usize) -> bool, level: u16| {
            let mut film = plain.clone();
            for (index, pixel) in film.pixels.iter_mut().enumerate() {
                if is_drawn(index % 720, index / 720) {
                    *pixel = level;
                }
            }
            film
        };
        let is_outside = |x: usize, y: usize| !(200..520).contains(&x) || !(200..500).contains(&y);
        let cases: [(&str, Radiograph); 4] = [
            (
                "a letter",
                drawn(&|x, y| (40..90).contains(&x) && (60..120).contains(&y), 255),
            ),
            (
                "a line of text",
                drawn(&|x, y| x % 2 == 0 && (100..115).contains(&y), 230),
            ),
            (
                "a white frame",
                drawn(&|x, y| x < 6 || y < 6 || x >= 714 || y >= 694, 255),
            ),
            (
                "noise",
                drawn(&|x, y| is_outside(x, y) && (x * 3 + y) % 4 == 0, 6),
            ),
        ];
        for (what, film) in cases {
            assert_eq!(found(&film), [200, 200, 320, 300], "{what}");
        }
    }

    #[test]
    fn a_field_that_lies_askew_is_found_but_for_its_tips() {
        for degrees in [-10.0_f32, 3.0, 10.0, 30.0, 45.0] {
            let (sine, cosine) = degrees.to_radians().sin_cos();
            let film = film(800, 800, |x, y| {
                let (x, y) = (x as f32 - 400.0, y as f32 - 400.0);
                let (u, v) = (cosine * x + sine * y, cosine * y - sine * x);
                if u.abs() < 150.0 && v.abs() < 150.0 {
                    120
                } else {
                    0
                }
            });
            let half = 150.0 * (sine.abs() + cosine.abs());
            let [left, top, width, height] = found(&film).map(|length| length as f32);
            // Down to where a corner of 90 degrees is as wide as a tenth of the line.
            let tip = 0.1 * 800.0 * (sine * cosine).abs();
            for (edge, expected) in [
                (left, 400.0 - half),
                (top, 400.0 - half),
                (800.0 - left - width, 400.0 - half),
                (800.0 - top - height, 400.0 - half),
            ] {
                let cut = edge - expected;
                assert!(
                    (-2.0..tip + 2.0).contains(&cut),
                    "{degrees}: {cut} of {tip}"
                );
            }
        }
    }

    #[test]
    fn films_that_are_black_or_white_themselves_are_left_whole() {
        let cases = [
            ("black", film(90, 80, |_, _| 0)),
            ("white", film(90, 80, |_, _| 255)),
            (
                "nearly black",
                film(90, 80, |x, y| if (x * y) % 13 == 0 { 40 } else { 2 }),
            ),
            (
                "a dot",
                film(
                    90,
                    80,
                    |x, y| if x / 4 == 10 && y / 4 == 9 { 200 } else { 0 },
                ),
            ),
            ("a pixel", film(1, 1, |_, _| 0)),
        ];
        for (what, film) in cases {
            let whole = [0, 0, film.width as usize, film.height as usize];
            assert_eq!(found(&film), whole, "{what}");
        }
    }

    #[test]
    fn what_is_around_a_film_does_not_change_its_plane() {
        let (plain, padded) = (placed(320, 300, (0, 0), 0), placed(720, 700, (200, 200), 0));
        for (fit, field, is_equal) in [
            (Fit::Crop, Field::Exposed, true),
            (Fit::Letterbox, Field::Exposed, true),
            (Fit::Lungs, Field::Exposed, true),
            (Fit::Squash, Field::Exposed, false),
            (Fit::Crop, Field::Whole, false),
        ] {
            let settings = Preprocessing {
                fit,
                field,
                size: 64,
                ..Preprocessing::default()
            };
            let planes = [&plain, &padded].map(|film| settings.plane(film, &NoLungs));
            assert_eq!(planes[0] == planes[1], is_equal, "{fit} {field}");
        }
    }
}
