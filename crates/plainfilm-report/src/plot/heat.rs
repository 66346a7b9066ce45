//! Films under the colours of evidence, with the bar that says what the colours mean.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::canvas::{Anchor, Canvas, Ink, Theme, shortened, text_width};
use super::colour::over;
use super::raster::rgb_png;

/// How much darker a film is where the network was not shown it.
const NOT_SHOWN: f32 = 0.35;
/// Grey under the colour bar: between lung and bone.
const UNDER_THE_BAR: f32 = 0.42;

/// A film with evidence, pixel by pixel.
pub(crate) struct Overlay<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Grey values of the film, 0 to 1.
    pub(crate) film: &'a [f32],
    /// Share of the greatest evidence, 0 to 1; not a number where the network was not shown the film.
    pub(crate) shares: &'a [f32],
    /// Which pixels are lung, where that is known: their outline is drawn.
    pub(crate) lung: Option<&'a [bool]>,
}

impl Overlay<'_> {
    /// The picture as a PNG in base64.
    pub(crate) fn base64_png(&self) -> Result<String, String> {
        let pixels: Vec<u8> = (0..self.width * self.height)
            .flat_map(|pixel| self.pixel(pixel))
            .collect();
        let png = rgb_png(self.width as u32, self.height as u32, &pixels);
        png.map(|png| BASE64.encode(png))
            .map_err(|error| error.to_string())
    }

    fn pixel(&self, pixel: usize) -> [u8; 3] {
        let grey = self.film[pixel];
        let share = self.shares[pixel];
        if self.is_outline(pixel) {
            return [235, 245, 255];
        }
        if share.is_nan() {
            return over(grey * NOT_SHOWN, 0.0);
        }
        over(grey, share)
    }

    /// Lung beside what is none, on a line wide enough for the picture.
    fn is_outline(&self, pixel: usize) -> bool {
        let Some(lung) = self.lung else {
            return false;
        };
        if !lung[pixel] {
            return false;
        }
        let reach = (self.width.max(self.height) / 400).max(1);
        let (x, y) = (pixel % self.width, pixel / self.width);
        let outside = |x: Option<usize>, y: Option<usize>| match (x, y) {
            (Some(x), Some(y)) if x < self.width && y < self.height => !lung[y * self.width + x],
            _ => true,
        };
        outside(x.checked_sub(reach), Some(y))
            || outside(Some(x + reach), Some(y))
            || outside(Some(x), y.checked_sub(reach))
            || outside(Some(x), Some(y + reach))
    }
}

/// Room that [`bar`] takes to the right of the pictures.
pub(crate) const BAR_ROOM: f64 = 150.0;

/// The colour bar with its scale: `top` and `height` of the bar itself.
pub(crate) fn bar(canvas: &mut Canvas, x: f64, top: f64, height: f64) {
    const WIDTH: f64 = 16.0;
    // Row by row as in the pictures, over a grey between those of lung and bone.
    let rows = 128;
    let pixels: Vec<u8> = (0..rows)
        .flat_map(|row| over(UNDER_THE_BAR, 1.0 - row as f32 / (rows - 1) as f32))
        .collect();
    let png = rgb_png(1, rows as u32, &pixels).expect("128 pixels of three bytes are a picture");
    canvas.stretched_image([x, top, WIDTH, height], &BASE64.encode(png));
    canvas.frame([x, top, WIDTH, height], Ink::Muted, 0.75);
    for (share, text) in [(1.0, "greatest"), (0.5, "half of it"), (0.0, "none")] {
        let y = top + height * (1.0 - share);
        canvas.line(
            &[(x + WIDTH, y), (x + WIDTH + 4.0, y)],
            Ink::Muted,
            0.75,
            "",
        );
        let at = (x + WIDTH + 8.0, y + 4.0);
        canvas.text(at, 11.5, Ink::Text, Anchor::Start, text);
    }
}

/// A picture under its title.
pub(crate) struct Tile {
    pub(crate) title: String,
    /// Under the title, smaller; may be empty.
    pub(crate) note: String,
    pub(crate) ink: Ink,
    /// The picture as base64 of a PNG.
    pub(crate) base64_png: String,
}

/// What stands around pictures.
pub(crate) struct Frame<'a> {
    pub(crate) title: &'a str,
    /// Lines under the title.
    pub(crate) lines: &'a [String],
    /// What the colours stand for, in a few words, above the bar.
    pub(crate) meaning: &'a str,
    /// Lines under the bar, such as what the outline is.
    pub(crate) legend: &'a [String],
}

const MARGIN: f64 = 16.0;
const GAP: f64 = 14.0;

/// Pictures in rows of `columns`, each in a box of `[width, height]`, beside one colour bar.
pub(crate) fn draw(
    theme: Theme,
    frame: &Frame<'_>,
    tiles: &[Tile],
    columns: usize,
    [width, height]: [f64; 2],
) -> String {
    let columns = columns.min(tiles.len()).max(1);
    let rows = tiles.len().div_ceil(columns).max(1);
    let titled = tiles.iter().any(|tile| !tile.title.is_empty());
    let noted = tiles.iter().any(|tile| !tile.note.is_empty());
    let head = if titled { 20.0 } else { 0.0 } + if noted { 16.0 } else { 0.0 };
    let pictures = columns as f64 * (width + GAP) - GAP;
    let whole_width = MARGIN * 2.0 + pictures + BAR_ROOM;
    let top = 34.0 + 17.0 * frame.lines.len() as f64 + 6.0;
    let legend_room = 190.0 + 15.0 * frame.legend.len() as f64;
    let body = (rows as f64 * (height + head + GAP)).max(legend_room);
    let mut canvas = Canvas::new(theme, whole_width, top + body);
    let room = whole_width - 2.0 * MARGIN;
    let mut line = |y: f64, size: f64, ink: Ink, text: &str| {
        let text = shortened(text, size, room);
        canvas.text((MARGIN, y), size, ink, Anchor::Start, &text);
    };
    line(26.0, 16.0, Ink::Text, frame.title);
    for (index, text) in frame.lines.iter().enumerate() {
        line(45.0 + 17.0 * index as f64, 12.5, Ink::Muted, text);
    }
    for (index, tile) in tiles.iter().enumerate() {
        let x = MARGIN + (index % columns) as f64 * (width + GAP);
        let y = top + (index / columns) as f64 * (height + head + GAP);
        let titles = [
            (13.0, tile.ink, &tile.title),
            (11.0, Ink::Muted, &tile.note),
        ];
        let mut at = y;
        for (size, ink, text) in titles.into_iter().filter(|(_, _, text)| !text.is_empty()) {
            // Long names shrink before they are cut.
            let size = (size * (width + GAP - 4.0) / text_width(text, size)).clamp(9.0, size);
            let text = shortened(text, size, width + GAP - 4.0);
            canvas.text((x, at + 13.0), size, ink, Anchor::Start, &text);
            at += 17.0;
        }
        let place = [x, y + head, width, height];
        canvas.image(place, &tile.base64_png);
        if tile.ink != Ink::Text {
            canvas.frame(place, tile.ink, 2.5);
        }
    }
    let x = MARGIN + pictures + 18.0;
    for (index, words) in frame.meaning.lines().enumerate() {
        let at = (x, top + head + 11.0 + 14.0 * index as f64);
        canvas.text(at, 11.5, Ink::Text, Anchor::Start, words);
    }
    let bar_top = top + head + 16.0 + 14.0 * frame.meaning.lines().count() as f64;
    let bar_height = 110.0;
    bar(&mut canvas, x, bar_top, bar_height);
    for (index, text) in frame.legend.iter().enumerate() {
        let at = (x, bar_top + bar_height + 26.0 + 15.0 * index as f64);
        canvas.text(at, 10.5, Ink::Muted, Anchor::Start, text);
    }
    let mut described: Vec<String> = frame.lines.to_vec();
    described.extend(
        tiles
            .iter()
            .map(|tile| format!("{} {}", tile.title, tile.note)),
    );
    canvas.finish(frame.title, described.join("; ").trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_shown_is_darker_and_lungs_are_outlined() {
        let film = [0.8; 12];
        let mut shares = [0.0; 12];
        shares[0] = f32::NAN;
        shares[11] = 1.0;
        let lung: Vec<bool> = (0..12).map(|pixel| [5, 6].contains(&pixel)).collect();
        let mut overlay = Overlay {
            width: 4,
            height: 3,
            film: &film,
            shares: &shares,
            lung: Some(&lung),
        };
        assert_eq!(overlay.pixel(0), [71; 3]);
        assert_eq!(overlay.pixel(1), [204; 3]);
        assert_eq!(overlay.pixel(5), [235, 245, 255]);
        let [red, _, blue] = overlay.pixel(11);
        assert!(red > blue + 50, "yellow over grey: {:?}", overlay.pixel(11));
        overlay.lung = None;
        assert_eq!(overlay.pixel(5), [204; 3]);
        assert!(overlay.base64_png().is_ok_and(|text| text.len() > 40));
    }

    #[test]
    fn pictures_stand_in_rows_beside_one_bar() {
        let tiles: Vec<Tile> = (0..5)
            .map(|index| Tile {
                title: format!("film {index}"),
                note: String::new(),
                ink: Ink::Right,
                base64_png: String::new(),
            })
            .collect();
        let frame = Frame {
            title: "five <films>",
            lines: &["a line".to_owned()],
            meaning: "evidence\nfor x",
            legend: &["outline: lungs".to_owned()],
        };
        let svg = draw(Theme::Paper, &frame, &tiles, 3, [100.0, 80.0]);
        assert_eq!(svg.matches("<image ").count(), 6);
        for text in [
            "greatest",
            "half of it",
            "none",
            "outline: lungs",
            "evidence",
            "for x",
        ] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}");
        }
        assert!(
            svg.contains("five &lt;films&gt;")
                && svg.contains(plainfilm_film::NOT_A_MEDICAL_DEVICE)
        );
    }
}
