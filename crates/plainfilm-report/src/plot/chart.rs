//! Lines over two axes: training curves and ROC curves.

use super::canvas::{Anchor, Canvas, Ink, SERIES, Theme, shortened, text_width};
use super::scale::Scale;

const WIDTH: f64 = 480.0;
const PLOT_LEFT: f64 = 66.0;
const PLOT_RIGHT: f64 = 464.0;
const TEXT: f64 = 13.0;
const LEGEND_ROW: f64 = 22.0;

/// One line of a chart.
#[derive(Default)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Points in the units of the axes, left to right.
    pub(crate) points: Vec<(f64, f64)>,
    /// Corners of the area in which the line may as well lie.
    pub(crate) band: Vec<(f64, f64)>,
    /// Where points have an interval of their own: position, lower and upper end. Such points are dots.
    pub(crate) bars: Vec<(f64, f64, f64)>,
}

impl Series {
    pub(crate) fn line(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points,
            ..Self::default()
        }
    }
}

/// A chart; `draw` turns it into SVG.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) x_name: &'static str,
    pub(crate) y_name: String,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    pub(crate) y_tick: fn(f64) -> String,
    pub(crate) x_tick: fn(f64) -> String,
    /// At most [`SERIES`] have a colour of their own; further ones differ by their dashes.
    pub(crate) series: Vec<Series>,
    /// A value of `x` to point out, and what to call it.
    pub(crate) mark: Option<(f64, String)>,
    /// What the line from corner to corner is called, where there is one.
    pub(crate) diagonal: Option<&'static str>,
    /// Height of the plotting area.
    pub(crate) height: f64,
}

/// Dashes set lines apart for those who do not see the colours, and on a grey print.
fn dash(index: usize) -> &'static str {
    ["", "7 4", "2 3", "9 3 2 3", "12 5", "4 2"][(index + index / SERIES) % 6]
}

/// How high a line through these places is here and there from `first` to `last`.
fn heights_between(places: &[(f64, f64)], first: f64, last: f64) -> Vec<f64> {
    const STEPS: usize = 12;
    let at = |x: f64| {
        let pair = places
            .windows(2)
            .find(|pair| pair[0].0 <= x && x <= pair[1].0)?;
        let share = (x - pair[0].0) / (pair[1].0 - pair[0].0).max(f64::MIN_POSITIVE);
        Some(pair[0].1 + share * (pair[1].1 - pair[0].1))
    };
    (0..=STEPS)
        .filter_map(|step| at(first + (last - first) * step as f64 / STEPS as f64))
        .collect()
}

impl Chart {
    pub(crate) fn draw(&self, theme: Theme) -> String {
        let legend = self.legend_rows();
        let top = 50.0 + legend.len() as f64 * LEGEND_ROW;
        let bottom = top + self.height;
        let mut canvas = Canvas::new(theme, WIDTH, bottom + 48.0);
        let across = |x: f64| PLOT_LEFT + self.x.position(x) * (PLOT_RIGHT - PLOT_LEFT);
        let up = |y: f64| bottom - self.y.position(y) * self.height;

        let title = shortened(&self.title, 16.0, WIDTH - 24.0);
        canvas.text((16.0, 26.0), 16.0, Ink::Text, Anchor::Start, &title);
        for (row, entries) in legend.iter().enumerate() {
            let middle = 48.0 + row as f64 * LEGEND_ROW;
            for (index, left, name) in entries {
                let sample = [(*left, middle), (left + 28.0, middle)];
                canvas.line(&sample, Ink::Series(*index), 2.5, dash(*index));
                let at = (left + 34.0, middle + 4.5);
                canvas.text(at, TEXT, Ink::Text, Anchor::Start, name);
            }
        }

        for tick in &self.y.ticks {
            let y = up(*tick);
            canvas.line(&[(PLOT_LEFT, y), (PLOT_RIGHT, y)], Ink::Grid, 1.0, "");
            let at = (PLOT_LEFT - 8.0, y + 4.5);
            canvas.text(at, TEXT, Ink::Muted, Anchor::End, &(self.y_tick)(*tick));
        }
        for tick in &self.x.ticks {
            let x = across(*tick);
            canvas.line(&[(x, bottom), (x, bottom + 5.0)], Ink::Muted, 1.0, "");
            let at = (x, bottom + 19.0);
            canvas.text(at, TEXT, Ink::Muted, Anchor::Middle, &(self.x_tick)(*tick));
        }
        canvas.line(
            &[(PLOT_LEFT, bottom), (PLOT_RIGHT, bottom)],
            Ink::Muted,
            1.0,
            "",
        );
        let middle = (PLOT_LEFT + PLOT_RIGHT) / 2.0;
        canvas.text(
            (middle, bottom + 39.0),
            TEXT,
            Ink::Muted,
            Anchor::Middle,
            self.x_name,
        );
        let at = (14.0, top + self.height / 2.0);
        canvas.turned_text(at, -90.0, TEXT, Ink::Muted, Anchor::Middle, &self.y_name);

        if let Some(name) = self.diagonal {
            let corners = [(PLOT_LEFT, bottom), (PLOT_RIGHT, top)];
            canvas.line(&corners, Ink::Muted, 1.0, "3 4");
            // Just below the line and along it.
            let slope = self.height / (PLOT_RIGHT - PLOT_LEFT);
            let at = (middle + 95.0, top + self.height / 2.0 - 95.0 * slope + 17.0);
            let degrees = -slope.atan().to_degrees();
            canvas.turned_text(at, degrees, 12.0, Ink::Muted, Anchor::Middle, name);
        }
        if let Some((value, name)) = &self.mark {
            let x = across(*value);
            canvas.line(&[(x, top), (x, bottom)], Ink::Text, 1.2, "3 3");
            // The name stands on the side that has room, and at the end that the lines leave free.
            let (x, anchor, side) = if x > middle {
                (x - 6.0, Anchor::End, -1.0)
            } else {
                (x + 6.0, Anchor::Start, 1.0)
            };
            let far = x + side * 0.6 * TEXT * name.chars().count() as f64;
            let (first, last) = (x.min(far), x.max(far));
            let heights = self.series.iter().flat_map(|series| {
                let places = series.points.iter().map(|&(x, y)| (across(x), up(y)));
                heights_between(&places.collect::<Vec<_>>(), first, last)
            });
            let (highest, lowest) = heights.fold((bottom, top), |(highest, lowest), height| {
                (height.min(highest), height.max(lowest))
            });
            let y = match bottom - lowest >= highest - top {
                true => bottom - 8.0,
                false => top + 14.0,
            };
            canvas.text((x, y), TEXT, Ink::Text, anchor, name);
        }
        // Areas lie below all lines.
        for (index, series) in self.series.iter().enumerate() {
            let corners: Vec<(f64, f64)> = series
                .band
                .iter()
                .map(|(x, y)| (across(*x), up(*y)))
                .collect();
            if !corners.is_empty() {
                canvas.area(&corners, Ink::Series(index), 0.16);
            }
        }
        for (index, series) in self.series.iter().enumerate() {
            for (x, low, high) in &series.bars {
                let ends = [(across(*x), up(*low)), (across(*x), up(*high))];
                canvas.line(&ends, Ink::Series(index), 1.5, "");
                for (x, y) in ends {
                    canvas.line(&[(x - 3.0, y), (x + 3.0, y)], Ink::Series(index), 1.5, "");
                }
            }
            let points: Vec<(f64, f64)> = series
                .points
                .iter()
                .map(|(x, y)| (across(*x), up(*y)))
                .collect();
            for piece in points.split(|(_, y)| !y.is_finite()) {
                if !piece.is_empty() {
                    canvas.line(piece, Ink::Series(index), 2.5, dash(index));
                }
            }
            // A line of few points shows where they are; a single one would not show at all.
            if (points.len() <= 2 && self.diagonal.is_none()) || !series.bars.is_empty() {
                for point in points {
                    canvas.dot(point, 4.0, Ink::Series(index));
                }
            }
        }
        canvas.finish(&self.title, &self.description)
    }

    /// Rows of legend entries: series, left edge, name.
    fn legend_rows(&self) -> Vec<Vec<(usize, f64, String)>> {
        let room = PLOT_RIGHT - 16.0;
        let mut rows = vec![Vec::new()];
        let mut left = 16.0;
        for (index, series) in self.series.iter().enumerate() {
            let name = shortened(&series.name, TEXT, room - 40.0);
            let width = 34.0 + text_width(&name, TEXT) + 20.0;
            if left > 16.0 && left + width > PLOT_RIGHT + 20.0 {
                rows.push(Vec::new());
                left = 16.0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((index, left, name));
            }
            left += width;
        }
        rows
    }
}

/// The area between upper points, left to right, and lower ones.
pub(crate) fn between(upper: Vec<(f64, f64)>, mut lower: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    lower.reverse();
    upper.into_iter().chain(lower).collect()
}

fn decimal(tick: f64) -> String {
    format!("{tick:.1}")
}

/// An empty chart over probabilities or shares, 0 to 1 both ways.
pub(crate) fn unit_chart(title: String) -> Chart {
    Chart {
        title,
        description: String::new(),
        x_name: "",
        y_name: String::new(),
        x: Scale::linear(0.0, 1.0, 5, true),
        y: Scale::linear(0.0, 1.0, 5, true),
        x_tick: decimal,
        y_tick: decimal,
        series: Vec::new(),
        mark: None,
        diagonal: None,
        height: 300.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(series: Vec<Series>) -> Chart {
        Chart {
            title: "Loss".into(),
            description: "two lines".into(),
            x_name: "epoch",
            y_name: "loss".into(),
            x: Scale::whole(1.0, 3.0, 6),
            y: Scale::linear(0.0, 1.0, 4, true),
            x_tick: |tick| format!("{tick}"),
            y_tick: |tick| format!("{tick:.1}"),
            series,
            mark: Some((2.0, "kept".into())),
            diagonal: None,
            height: 220.0,
        }
    }

    #[test]
    fn points_lie_where_the_axes_say() {
        let points = vec![(1.0, 1.0), (2.0, 0.5), (3.0, 0.0)];
        let mut line = Series::line("training", points);
        line.band = vec![(1.0, 0.9), (3.0, 0.9), (3.0, 0.1)];
        line.bars = vec![(2.0, 0.25, 0.75)];
        let svg = chart(vec![line]).draw(Theme::Paper);
        assert!(
            svg.contains(r#"<polygon points="66.0,94.0 464.0,94.0 464.0,270.0""#),
            "{svg}"
        );
        assert!(svg.contains("265.0,237.0 265.0,127.0"), "{svg}");
        assert!(svg.contains("66.0,72.0 265.0,182.0 464.0,292.0"), "{svg}");
        assert!(svg.contains(">kept</text>"));
    }

    #[test]
    fn a_point_that_is_not_a_number_is_a_gap() {
        let points = vec![
            (1.0, 1.0),
            (1.5, 0.5),
            (2.0, f64::NAN),
            (2.5, 0.5),
            (3.0, 0.0),
        ];
        let svg = chart(vec![Series::line("training", points)]).draw(Theme::Paper);
        assert!(svg.contains(r#""66.0,72.0 165.5,182.0""#), "{svg}");
        assert!(svg.contains(r#""364.5,182.0 464.0,292.0""#), "{svg}");
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn a_legend_takes_as_many_rows_as_it_needs() {
        let names = ["a long name for a label", "another long name for one", "c"];
        let chart = chart(
            names
                .map(|name| Series::line(name, vec![(1.0, 0.5)]))
                .into(),
        );
        let rows = chart.legend_rows();
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_mark_is_named_where_no_line_is() {
        let height_of_name = |line: f64| {
            let series = Series::line("loss", vec![(1.0, line), (3.0, line)]);
            let svg = chart(vec![series]).draw(Theme::Paper);
            let name = svg.split("<text").find(|text| text.contains(">kept<"));
            let after = name
                .expect("it is named")
                .split_once(" y=\"")
                .expect("a place")
                .1;
            after
                .split_once('"')
                .expect("a number")
                .0
                .parse::<f64>()
                .expect("a number")
        };
        assert!(
            height_of_name(0.05) < height_of_name(0.95),
            "above a low line, below a high one"
        );
    }
}
