//! SVG text, written piece by piece.
//!
//! The page and the picture files want different colours: on the page they follow the reader's light or
//! dark setting through CSS variables, in a file they are fixed. So shapes name an [`Ink`], and the
//! [`Theme`] says what it is.

use std::fmt::Write;

use plainfilm_film::NOT_A_MEDICAL_DEVICE;

/// Where a picture will be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Inside the page, whose style sheet defines the colours.
    Page,
    /// As a file of its own, dark on white.
    Paper,
}

/// What a colour is for. Series colours are those of Okabe and Ito (2008), chosen to be told apart by
/// people with any colour vision; the light and dark values of all inks are in `report.css`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Text,
    Muted,
    Grid,
    Surface,
    Series(usize),
    Right,
    Wrong,
    /// Cells of a confusion matrix on the diagonal.
    Hit,
    /// Cells of a confusion matrix off the diagonal.
    Miss,
}

/// Number of different series colours.
pub(crate) const SERIES: usize = 6;

impl Ink {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Muted => "muted",
            Self::Grid => "grid",
            Self::Surface => "surface",
            Self::Series(index) => [
                "series-1", "series-2", "series-3", "series-4", "series-5", "series-6",
            ][index % SERIES],
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }

    fn on_paper(self) -> &'static str {
        match self {
            Self::Text => "#1a1f24",
            Self::Muted => "#57606a",
            Self::Grid => "#d9dee3",
            Self::Surface => "#ffffff",
            Self::Series(index) => [
                "#0072b2", "#d55e00", "#009e73", "#a6508a", "#9a6b00", "#2f8fc4",
            ][index % SERIES],
            Self::Right => "#147a3d",
            Self::Wrong => "#c02626",
            Self::Hit => "#1373c4",
            Self::Miss => "#d9560b",
        }
    }

    fn value(self, theme: Theme) -> String {
        match theme {
            Theme::Page => format!("var(--{})", self.name()),
            Theme::Paper => self.on_paper().to_owned(),
        }
    }
}

/// Which end of a text its position names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture under construction. Lengths are in user units, which are pixels at scale 1.
pub(crate) struct Canvas {
    theme: Theme,
    width: f64,
    height: f64,
    body: String,
}

/// Height of the line that every picture file ends with.
const FOOTER: f64 = 20.0;

impl Canvas {
    pub(crate) fn new(theme: Theme, width: f64, height: f64) -> Self {
        Self {
            theme,
            width,
            height,
            body: String::new(),
        }
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.body
            .write_fmt(arguments)
            .expect("writing to a string cannot fail");
        self.body.push('\n');
    }

    pub(crate) fn rectangle(&mut self, [x, y, width, height]: [f64; 4], ink: Ink, opacity: f64) {
        let fill = ink.value(self.theme);
        self.push(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}" fill-opacity="{opacity:.3}"/>"#
        ));
    }

    pub(crate) fn frame(&mut self, [x, y, width, height]: [f64; 4], ink: Ink, thickness: f64) {
        let stroke = ink.value(self.theme);
        self.push(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="none" stroke="{stroke}" stroke-width="{thickness}"/>"#
        ));
    }

    /// A line through points, with the dash pattern of SVG (empty: solid).
    pub(crate) fn line(&mut self, points: &[(f64, f64)], ink: Ink, thickness: f64, dash: &str) {
        let stroke = ink.value(self.theme);
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        let dash = match dash {
            "" => String::new(),
            dash => format!(r#" stroke-dasharray="{dash}""#),
        };
        self.push(format_args!(
            r#"<polyline points="{points}" fill="none" stroke="{stroke}" stroke-width="{thickness}" stroke-linejoin="round"{dash}/>"#
        ));
    }

    /// A filled area with these corners.
    pub(crate) fn area(&mut self, corners: &[(f64, f64)], ink: Ink, opacity: f64) {
        let fill = ink.value(self.theme);
        let corners: Vec<String> = corners
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let corners = corners.join(" ");
        self.push(format_args!(
            r#"<polygon points="{corners}" fill="{fill}" fill-opacity="{opacity}"/>"#
        ));
    }

    pub(crate) fn dot(&mut self, (x, y): (f64, f64), radius: f64, ink: Ink) {
        let fill = ink.value(self.theme);
        self.push(format_args!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{fill}"/>"#
        ));
    }

    pub(crate) fn text(&mut self, at: (f64, f64), size: f64, ink: Ink, anchor: Anchor, text: &str) {
        self.turned_text(at, 0.0, size, ink, anchor, text);
    }

    /// Text turned by `degrees` clockwise around its position.
    pub(crate) fn turned_text(
        &mut self,
        (x, y): (f64, f64),
        degrees: f64,
        size: f64,
        ink: Ink,
        anchor: Anchor,
        text: &str,
    ) {
        let fill = ink.value(self.theme);
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = if degrees == 0.0 {
            String::new()
        } else {
            format!(r#" transform="rotate({degrees} {x:.1} {y:.1})""#)
        };
        let text = escape(text);
        self.push(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size:.1}" fill="{fill}" text-anchor="{anchor}"{turn}>{text}</text>"#
        ));
    }

    /// A PNG, as base64, scaled to fit the box and centred in it.
    pub(crate) fn image(&mut self, [x, y, width, height]: [f64; 4], base64_png: &str) {
        self.push(format_args!(
            r#"<image x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" xlink:href="data:image/png;base64,{base64_png}"/>"#
        ));
    }

    /// A PNG, as base64, that fills the box whatever its own shape.
    pub(crate) fn stretched_image(&mut self, [x, y, width, height]: [f64; 4], base64_png: &str) {
        self.push(format_args!(
            r#"<image x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" preserveAspectRatio="none" xlink:href="data:image/png;base64,{base64_png}"/>"#
        ));
    }

    /// The whole SVG. `title` names the picture and `description` says in words what it shows.
    pub(crate) fn finish(mut self, title: &str, description: &str) -> String {
        let mut height = self.height;
        let family = match self.theme {
            Theme::Page => String::new(),
            Theme::Paper => {
                height += FOOTER;
                let at = (self.width / 2.0, height - 7.0);
                let size = 10.0_f64.min(self.width / (NOT_A_MEDICAL_DEVICE.len() as f64 * 0.58));
                self.text(at, size, Ink::Muted, Anchor::Middle, NOT_A_MEDICAL_DEVICE);
                r#" font-family="DejaVu Sans, Verdana, sans-serif""#.to_owned()
            }
        };
        let (width, title, description) = (self.width, escape(title), escape(description));
        let background = match self.theme {
            Theme::Page => String::new(),
            Theme::Paper => format!(
                "<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
                Ink::Surface.on_paper()
            ),
        };
        // A size of its own makes a file open at a sensible size; on the page the style decides.
        let size = match self.theme {
            Theme::Page => String::new(),
            Theme::Paper => format!(r#" width="{width}" height="{height}""#),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
             viewBox=\"0 0 {width} {height}\"{size}{family} role=\"img\">\n\
             <title>{title}</title>\n<desc>{description}</desc>\n{background}{}</svg>\n",
            self.body
        )
    }
}

/// Text as SVG and XML want it; what XML cannot carry at all becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Roughly how wide a text is: DejaVu Sans, the widest of the fonts that may be used, averages 0.6 of
/// its size per character.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.6
}

/// The text, or as much of its beginning as fits, with an ellipsis.
pub(crate) fn shortened(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let characters = ((width / (size * 0.6)).floor() as usize).max(2);
    let kept: String = text.chars().take(characters - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_wrote_cannot_become_markup() {
        for theme in [Theme::Page, Theme::Paper] {
            let mut canvas = Canvas::new(theme, 100.0, 50.0);
            let at = (0.0, 0.0);
            let text = "<script>alert('&\"')</script>\u{1}";
            canvas.text(at, 10.0, Ink::Text, Anchor::Start, text);
            let svg = canvas.finish(text, text);
            assert!(!svg.contains("<script"));
            assert_eq!(
                svg.matches("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;\u{fffd}")
                    .count(),
                3
            );
        }
    }

    #[test]
    fn a_file_says_that_it_is_not_a_medical_device_and_has_its_own_colours() {
        let mut canvas = Canvas::new(Theme::Paper, 480.0, 100.0);
        canvas.dot((1.0, 1.0), 2.0, Ink::Series(7));
        let svg = canvas.finish("a", "b");
        assert!(svg.contains(NOT_A_MEDICAL_DEVICE));
        assert!(!svg.contains("var("));
        assert!(svg.contains(Ink::Series(1).on_paper()));
    }

    #[test]
    fn the_style_sheet_knows_every_ink_and_its_light_values_are_those_on_paper() {
        let style = include_str!("../../templates/report.css");
        let (light, dark) = style.split_once("@media").unwrap();
        let series = (0..SERIES).map(Ink::Series);
        let others = [Ink::Text, Ink::Muted, Ink::Grid, Ink::Surface, Ink::Right];
        let rest = [Ink::Wrong, Ink::Hit, Ink::Miss];
        for ink in series.chain(others).chain(rest) {
            let defined = format!("--{}: {};", ink.name(), ink.on_paper());
            assert!(light.contains(&defined), "{defined}");
            assert!(dark.contains(&format!("--{}: ", ink.name())), "{ink:?}");
        }
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        let cases = [
            ("clear", 100.0, "clear"),
            ("a label too long", 60.0, "a label t…"),
            ("Ödem und mehr davon", 30.0, "Ödem…"),
            ("no room", 1.0, "n…"),
        ];
        for (text, width, expected) in cases {
            assert_eq!(shortened(text, 10.0, width), expected);
        }
    }
}
