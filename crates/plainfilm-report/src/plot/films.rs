//! Films side by side, each under its title.

use super::canvas::{Anchor, Canvas, Ink, Theme, shortened, text_width};

const TILE: f64 = 168.0;
const GAP: f64 = 16.0;
const TITLE: f64 = 24.0;
const MARGIN: f64 = 16.0;

/// A film under its title.
pub(crate) struct Tile {
    pub(crate) title: String,
    pub(crate) ink: Ink,
    /// The film, as base64 of a PNG.
    pub(crate) base64_png: String,
}

/// Lays films out in rows of `columns`; an empty list leaves a line that says so.
pub(crate) fn draw(theme: Theme, title: &str, tiles: &[Tile], columns: usize) -> String {
    let columns = columns.min(tiles.len()).max(1);
    let rows = tiles.len().div_ceil(columns);
    let width = (MARGIN * 2.0 + columns as f64 * (TILE + GAP) - GAP).max(480.0);
    let height = 44.0 + rows.max(1) as f64 * (TILE + TITLE + GAP);
    let mut canvas = Canvas::new(theme, width, height);
    let shown_title = shortened(title, 16.0, width - 2.0 * MARGIN);
    canvas.text((MARGIN, 26.0), 16.0, Ink::Text, Anchor::Start, &shown_title);
    if tiles.is_empty() {
        let at = (MARGIN, 64.0);
        canvas.text(at, 13.0, Ink::Muted, Anchor::Start, "no films to show");
    }
    // Long titles shrink before they are cut, and all alike.
    let size = tiles
        .iter()
        .map(|tile| 12.5 * TILE / text_width(&tile.title, 12.5))
        .fold(12.5, f64::min)
        .max(9.0);
    for (index, tile) in tiles.iter().enumerate() {
        let x = MARGIN + (index % columns) as f64 * (TILE + GAP);
        let y = 44.0 + (index / columns) as f64 * (TILE + TITLE + GAP);
        let text = shortened(&tile.title, size, TILE + GAP - 2.0);
        let at = (x + TILE / 2.0, y + TITLE - 8.0);
        canvas.text(at, size, tile.ink, Anchor::Middle, &text);
        let place = [x, y + TITLE, TILE, TILE];
        canvas.rectangle(place, Ink::Text, 0.06);
        canvas.image(place, &tile.base64_png);
        if tile.ink != Ink::Text {
            canvas.frame(place, tile.ink, 2.5);
        }
    }
    let described: Vec<&str> = tiles.iter().map(|tile| tile.title.as_str()).collect();
    canvas.finish(title, &described.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_fill_rows_from_the_left() {
        let tiles: Vec<Tile> = (0..5)
            .map(|index| Tile {
                title: format!("film {index}"),
                ink: Ink::Right,
                base64_png: String::new(),
            })
            .collect();
        let svg = draw(Theme::Paper, "Test films", &tiles, 4);
        assert_eq!(svg.matches("<image ").count(), 5);
        assert!(svg.contains(r#"<image x="568.0" y="68.0""#));
        assert!(svg.contains(r#"<image x="16.0" y="276.0""#));
    }

    #[test]
    fn no_films_is_said() {
        assert!(draw(Theme::Paper, "Test films", &[], 4).contains("no films to show"));
    }
}
