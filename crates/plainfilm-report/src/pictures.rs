//! Which pictures a report has, and what is on them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::curves;
use super::plot::canvas::{Ink, Theme};
use super::plot::chart::{Chart, Series};
use super::plot::films::{self, Tile};
use super::plot::scale::Scale;
use super::plot::{confusion, raster};
use super::{ReportError, ReportInput, Thumbnail};
use plainfilm_data::Part;
use plainfilm_train::HistoryRow;

/// Films on the picture of test films: four rows of four.
pub(crate) const GRID: usize = 16;

/// A picture for the page and, in fixed colours, for a file.
pub(crate) struct Picture {
    /// File name without extension.
    pub(crate) name: &'static str,
    /// For the page; empty where the page shows films as text and images of its own.
    pub(crate) inline: String,
    /// For the file.
    pub(crate) paper: String,
}

/// Draws the charts that the input has data for: curves over epochs, confusion matrix, and what the
/// probabilities are worth.
pub(crate) fn charts(input: &ReportInput) -> Vec<Picture> {
    let mut pictures = Vec::new();
    let mut add = |name, draw: &dyn Fn(Theme) -> String| {
        pictures.push(Picture {
            name,
            inline: draw(Theme::Page),
            paper: draw(Theme::Paper),
        });
    };
    if !input.history.is_empty() {
        let (accuracy, loss) = (accuracy_curve(input), loss_curve(input));
        add("accuracy", &|theme| accuracy.draw(theme));
        add("loss", &|theme| loss.draw(theme));
    }
    if let Some(metrics) = input.part(Part::Test).filter(|metrics| metrics.n > 0) {
        let title = format!("Confusion matrix, {} test films", metrics.n);
        add("confusion_matrix", &|theme| {
            confusion::draw(theme, &title, &input.labels, &metrics.confusion_matrix)
        });
    }
    for (name, chart) in curves::charts(input) {
        add(name, &|theme| chart.draw(theme));
    }
    pictures
}

/// Draws the films: a grid of test films, and a sample of the training films.
pub(crate) fn film_pictures(input: &ReportInput) -> Result<Vec<Picture>, ReportError> {
    let mut pictures = Vec::new();
    if !input.test_samples.is_empty() {
        let tiles = input
            .test_samples
            .iter()
            .take(GRID)
            .map(|sample| {
                let right = sample.truth == sample.predicted;
                Ok(Tile {
                    title: format!(
                        "{} {} ({})",
                        if right { '✓' } else { '✗' },
                        input.labels[sample.predicted],
                        input.labels[sample.truth]
                    ),
                    ink: if right { Ink::Right } else { Ink::Wrong },
                    base64_png: base64_png(&sample.path, &sample.thumbnail)?,
                })
            })
            .collect::<Result<Vec<_>, ReportError>>()?;
        let title = "Test films: predicted (true)";
        pictures.push(Picture {
            name: "test_films",
            inline: String::new(),
            paper: films::draw(Theme::Paper, title, &tiles, 4),
        });
    }
    if !input.training_samples.is_empty() {
        let tiles = input
            .training_samples
            .iter()
            .map(|sample| {
                Ok(Tile {
                    title: input.labels[sample.label].clone(),
                    ink: Ink::Text,
                    base64_png: base64_png(&sample.path, &sample.thumbnail)?,
                })
            })
            .collect::<Result<Vec<_>, ReportError>>()?;
        pictures.push(Picture {
            name: "training_films",
            inline: String::new(),
            paper: films::draw(Theme::Paper, "Training films", &tiles, 5),
        });
    }
    Ok(pictures)
}

/// A film's small picture as base64 of a PNG.
pub(crate) fn base64_png(path: &str, film: &Thumbnail) -> Result<String, ReportError> {
    raster::grey_png(film.width, film.height, &film.pixels)
        .map(|png| BASE64.encode(png))
        .map_err(|error| ReportError::Picture {
            name: path.to_owned(),
            reason: error.to_string(),
        })
}

fn over_epochs(
    history: &[HistoryRow],
    train: impl Fn(&HistoryRow) -> f64,
    validation: impl Fn(&HistoryRow) -> Option<f64>,
) -> Vec<Series> {
    let points = |value: &dyn Fn(&HistoryRow) -> Option<f64>| {
        history
            .iter()
            .filter_map(|row| Some((row.epoch as f64, value(row)?)))
            .filter(|(_, value)| value.is_finite())
            .collect::<Vec<_>>()
    };
    [
        ("validation", points(&validation)),
        ("training", points(&|row| Some(train(row)))),
    ]
    .into_iter()
    .filter(|(_, points)| !points.is_empty())
    .map(|(name, points)| Series::line(name, points))
    .collect()
}

fn epochs(history: &[HistoryRow]) -> Scale {
    let first = history.first().map_or(1, |row| row.epoch);
    let last = history.last().map_or(1, |row| row.epoch);
    Scale::whole(first as f64, last as f64, 7)
}

fn range(series: &[Series]) -> (f64, f64) {
    series
        .iter()
        .flat_map(|series| &series.points)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
            (low.min(point.1), high.max(point.1))
        })
}

/// What a chart says in words: where each line begins and ends.
fn in_words(series: &[Series], number: impl Fn(f64) -> String) -> String {
    let sentences: Vec<String> = series
        .iter()
        .filter_map(|series| {
            let (first, last) = (series.points.first()?, series.points.last()?);
            Some(format!(
                "{}: {} in epoch {}, {} in epoch {}",
                series.name,
                number(first.1),
                first.0,
                number(last.1),
                last.0
            ))
        })
        .collect();
    sentences.join("; ")
}

fn kept(input: &ReportInput) -> Option<(f64, String)> {
    let epoch = input.kept_epoch?;
    Some((epoch as f64, format!("kept: epoch {epoch}")))
}

fn accuracy_curve(input: &ReportInput) -> Chart {
    let series = over_epochs(
        &input.history,
        |row| row.train_accuracy,
        |row| row.validation_accuracy,
    );
    let low = range(&series).0;
    Chart {
        title: "Accuracy by epoch".to_owned(),
        description: in_words(&series, |value| format!("{:.1} %", value * 100.0)),
        x_name: "epoch",
        y_name: "accuracy".to_owned(),
        x: epochs(&input.history),
        // The top is always 100 %, so that nearness to it is never exaggerated by the axis alone.
        y: Scale::linear(low.clamp(0.0, 0.8), 1.0, 4, true),
        x_tick: |tick| format!("{tick:.0}"),
        y_tick: |tick| format!("{:.0} %", tick * 100.0),
        series,
        mark: kept(input),
        diagonal: None,
        height: 220.0,
    }
}

fn loss_curve(input: &ReportInput) -> Chart {
    let series = over_epochs(
        &input.history,
        |row| row.train_loss,
        |row| row.validation_loss,
    );
    let (low, high) = range(&series);
    // One early spike would flatten everything after it on an even axis.
    let logarithmic = low > 0.0 && high / low > 30.0;
    Chart {
        title: "Loss by epoch".to_owned(),
        description: in_words(&series, |value| format!("{value:.4}")),
        x_name: "epoch",
        y_name: if logarithmic {
            "loss (logarithmic axis)".to_owned()
        } else {
            "loss".to_owned()
        },
        x: epochs(&input.history),
        y: if logarithmic {
            Scale::logarithmic(low, high)
        } else {
            Scale::linear(0.0, high.max(1e-6), 4, true)
        },
        x_tick: |tick| format!("{tick:.0}"),
        y_tick: short_number,
        series,
        mark: kept(input),
        diagonal: None,
        height: 220.0,
    }
}

/// Few digits, no trailing zeros: `0.05`, `1`, `20`.
fn short_number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::example::example;
    use super::*;

    #[test]
    fn a_full_input_has_every_picture() {
        let input = example();
        let names: Vec<&str> = charts(&input)
            .iter()
            .chain(&film_pictures(&input).unwrap())
            .map(|picture| picture.name)
            .collect();
        assert_eq!(
            names,
            [
                "accuracy",
                "loss",
                "confusion_matrix",
                "roc",
                "precision_recall",
                "calibration",
                "threshold_sweep",
                "decision_curve",
                "coverage_accuracy",
                "scores_by_label",
                "scores_by_source",
                "test_films",
                "training_films"
            ]
        );
    }

    #[test]
    fn what_there_is_no_data_for_is_left_out() {
        let mut input = example();
        input.history.clear();
        input.metrics.clear();
        input.scored.clear();
        input.test_samples.clear();
        input.training_samples.clear();
        assert!(charts(&input).is_empty());
        assert!(film_pictures(&input).unwrap().is_empty());
    }

    #[test]
    fn an_early_spike_makes_the_loss_axis_logarithmic() {
        let mut input = example();
        assert_eq!(loss_curve(&input).y_name, "loss");
        input.history[0].validation_loss = Some(60.0);
        assert_eq!(loss_curve(&input).y_name, "loss (logarithmic axis)");
        input.history[0].validation_loss = Some(f64::NAN);
        assert!(!loss_curve(&input).draw(Theme::Paper).contains("NaN"));
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.05, "0.05"),
            (1.0, "1"),
            (20.0, "20"),
            (0.0001, "1e-4"),
        ];
        for (value, expected) in cases {
            assert_eq!(short_number(value), expected);
        }
    }
}
