//! Pictures for browsers, which show neither DICOM nor 16 bits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use plainfilm::explain::LungMask;
use plainfilm::radiograph::Radiograph;
use plainfilm::report::{ReportError, film_png};

/// A film for an `img` element.
pub(crate) fn data_uri(film: &Radiograph, longest: usize) -> Result<String, ReportError> {
    film_png(film, longest).map(|png| as_data_uri(&png))
}

/// A PNG for an `img` element.
pub(crate) fn as_data_uri(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", BASE64.encode(png))
}

/// The outlines of the lungs as closed polygons, in fractions of the film's width and height.
pub(crate) fn outlines(lungs: &LungMask) -> Vec<Vec<[f64; 2]>> {
    const SIDE: usize = 128;
    let at = |x: isize, y: isize| {
        let inside = (0..SIDE as isize).contains(&x) && (0..SIDE as isize).contains(&y);
        let middle = |place: isize| (place as f64 + 0.5) / SIDE as f64;
        inside && lungs.at(middle(x), middle(y))
    };
    polygons(SIDE, &at)
        .into_iter()
        // Specks say nothing.
        .filter(|polygon| polygon.len() >= 16)
        .map(|polygon| {
            let scaled = |place: f64| (place / SIDE as f64 * 1e4).round() / 1e4;
            polygon
                .iter()
                .map(|[x, y]| [scaled(*x), scaled(*y)])
                .collect()
        })
        .collect()
}

/// Walks around what is inside, cell by cell, with the inside on the left: the middles of the edges, which rounds
/// the corners off.
fn polygons(side: usize, at: &dyn Fn(isize, isize) -> bool) -> Vec<Vec<[f64; 2]>> {
    // Each edge of a cell inside whose neighbour is outside, from one corner to the next.
    let mut next = std::collections::BTreeMap::new();
    for y in 0..side as isize {
        for x in 0..side as isize {
            if !at(x, y) {
                continue;
            }
            let edges = [
                ((x, y - 1), (x + 1, y), (x, y)),
                ((x - 1, y), (x, y), (x, y + 1)),
                ((x, y + 1), (x, y + 1), (x + 1, y + 1)),
                ((x + 1, y), (x + 1, y + 1), (x + 1, y)),
            ];
            for ((beside_x, beside_y), from, to) in edges {
                if !at(beside_x, beside_y) {
                    next.entry(from).or_insert_with(Vec::new).push(to);
                }
            }
        }
    }
    let mut polygons = Vec::new();
    while let Some((&start, _)) = next.first_key_value() {
        let mut polygon = Vec::new();
        let mut corner = start;
        while let Some(ends) = next.get_mut(&corner) {
            let Some(end) = ends.pop() else { break };
            if ends.is_empty() {
                next.remove(&corner);
            }
            let middle = |a: isize, b: isize| (a + b) as f64 / 2.0;
            polygon.push([middle(corner.0, end.0), middle(corner.1, end.1)]);
            corner = end;
        }
        polygons.push(polygon);
    }
    polygons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polygons_go_around_what_is_inside_and_close() {
        // Two squares of two cells.
        let inside = |x: isize, y: isize| {
            (1..3).contains(&y) && ((1..3).contains(&x) || (5..7).contains(&x))
        };
        let found = polygons(8, &inside);
        assert_eq!(found.len(), 2);
        for (polygon, left) in found.iter().zip([1.0, 5.0]) {
            assert_eq!(polygon.len(), 8, "one point an edge");
            for [x, y] in polygon {
                assert!((left..=left + 2.0).contains(x) && (1.0..=3.0).contains(y));
            }
            // The area of the squares less the corners that are rounded off.
            let area: f64 = (0..8)
                .map(|i| {
                    let ([a, b], [c, d]) = (polygon[i], polygon[(i + 1) % 8]);
                    (a * d - b * c) / 2.0
                })
                .sum();
            assert_eq!(area.abs(), 3.5);
        }
    }
}
