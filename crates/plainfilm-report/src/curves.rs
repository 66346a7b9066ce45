//! Charts of what the test films' probabilities are worth.

use super::ReportInput;
use super::decision::decision_chart;
use super::plot::chart::{Chart, Series, between, unit_chart};
use super::plot::scale::Scale;
use super::wording::calibration_text;
use plainfilm_data::Part;
use plainfilm_figures::{
    Estimate, Figure, Interval, ScoredFilm, SweepOver, SweepPoint, against_the_rest, auroc,
    average_precision, precision_recall_curve, ranked_labels, reliability, roc_curve, sweep,
};
use plainfilm_train::LearningPoint;

/// Lines with more points than this are thinned: no picture shows more.
const MOST_POINTS: usize = 1000;
/// With more lines than this, areas would hide one another.
const MOST_BANDS: usize = 3;
/// With more labels than this, only those with the best and the worst areas have a curve, half each.
const MOST_CURVES: usize = 10;
/// Bins of a histogram of probabilities.
const BINS: usize = 20;
/// Sources, or labels, with a histogram of their own.
const MOST_SOURCES: usize = 6;

fn percent(tick: f64) -> String {
    format!("{:.0} %", tick * 100.0)
}

/// Every n-th point, and the last.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(MOST_POINTS);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|(index, _)| index % step.max(1) == 0 || *index == last)
        .map(|(_, point)| point)
        .collect()
}

/// All charts that the test films give, with their file names; those that would be empty are left out.
pub(super) fn charts(input: &ReportInput) -> Vec<(&'static str, Chart)> {
    if input.scored.is_empty() {
        return Vec::new();
    }
    let two = input.labels.len() == 2;
    let mut charts = vec![("roc", roc(input)), ("precision_recall", recall(input))];
    charts.push(("calibration", calibration(input)));
    if two {
        let points = sweep(&input.scored, input.positive, SweepOver::Probabilities);
        charts.push(("threshold_sweep", threshold_sweep(input, &points)));
        charts.push(("decision_curve", decision_chart(input)));
    }
    charts.push(("coverage_accuracy", coverage(input)));
    charts.push(("learning_curve", learning_curve(input)));
    charts.push(("scores_by_label", scores_by_label(input)));
    charts.push(("scores_by_source", scores_by_source(input)));
    charts.retain(|(_, chart)| chart.series.iter().any(|series| !series.points.is_empty()));
    charts
}

/// ROC curves of the test films: of the positive label when there are two, else of each label against
/// the rest; labels that no film has, or every film, have none.
fn roc(input: &ReportInput) -> Chart {
    let (shown, of) = shown_labels(input, auroc);
    let banded = shown.len() <= MOST_BANDS;
    let series: Vec<Series> = shown
        .into_iter()
        .filter_map(|label| {
            let (truth, scores) = against_the_rest(&input.scored, label);
            let curve = roc_curve(&truth, &scores)?;
            let area = auroc(&truth, &scores);
            let name = format!("{}, AUROC {area:.3}", input.labels[label]);
            let points = curve
                .false_positive_rate
                .into_iter()
                .zip(curve.true_positive_rate)
                .collect();
            let mut band = Vec::new();
            if banded {
                let points = sweep(&input.scored, label, SweepOver::Films);
                let corner = |x: fn(&Interval) -> f64, y: fn(&Interval) -> f64| {
                    points
                        .iter()
                        .map(|point| (x(&point.false_alarms), y(&point.sensitivity)))
                        .collect::<Vec<_>>()
                };
                let start = vec![(0.0, 0.0)];
                band = between(
                    [
                        start.clone(),
                        corner(|x| x.low, |y| y.high),
                        vec![(1.0, 1.0)],
                    ]
                    .concat(),
                    [start, corner(|x| x.high, |y| y.low), vec![(1.0, 1.0)]].concat(),
                );
            }
            Some(Series {
                band,
                ..Series::line(name, thinned(points))
            })
        })
        .collect();
    Chart {
        description: names(&series),
        x_name: "1 − specificity (false alarms)",
        y_name: "sensitivity".to_owned(),
        series,
        diagonal: Some("guessing"),
        ..unit_chart(format!("ROC, {} test films{of}", input.scored.len()))
    }
}

/// The labels with curves, and what the title says of them: all, or those with the five best and the five worst
/// areas, in that order.
fn shown_labels(input: &ReportInput, area: fn(&[bool], &[f64]) -> Figure) -> (Vec<usize>, String) {
    let ranked: Vec<usize> = ranked_labels(input.labels.len(), input.positive).collect();
    if ranked.len() <= MOST_CURVES {
        return (ranked, String::new());
    }
    let mut with: Vec<(usize, f64)> = ranked
        .iter()
        .filter_map(|&label| {
            let (truth, scores) = against_the_rest(&input.scored, label);
            Some((label, area(&truth, &scores).value()?))
        })
        .collect();
    with.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let all = with.len();
    if all > MOST_CURVES {
        let half = MOST_CURVES / 2;
        with.drain(half..all - half);
    }
    let title = format!(", best and worst of {} labels", input.labels.len());
    (with.into_iter().map(|(label, _)| label).collect(), title)
}

fn names(series: &[Series]) -> String {
    let names: Vec<&str> = series.iter().map(|series| series.name.as_str()).collect();
    names.join("; ")
}

fn recall(input: &ReportInput) -> Chart {
    let (shown, of) = shown_labels(input, average_precision);
    let banded = shown.len() <= MOST_BANDS;
    let series: Vec<Series> = shown
        .into_iter()
        .filter_map(|label| {
            let (truth, scores) = against_the_rest(&input.scored, label);
            let curve = precision_recall_curve(&truth, &scores)?;
            let precision = average_precision(&truth, &scores);
            let mut points: Vec<(f64, f64)> =
                curve.recall.into_iter().zip(curve.precision).collect();
            points.reverse();
            let mut band = Vec::new();
            if banded {
                let ends = |end: fn(&Interval) -> f64| -> Vec<(f64, f64)> {
                    sweep(&input.scored, label, SweepOver::Films)
                        .iter()
                        .filter_map(|point| {
                            Some((point.sensitivity.value, end(point.precision.as_ref()?)))
                        })
                        .collect()
                };
                band = between(
                    ends(|precision| precision.high),
                    ends(|precision| precision.low),
                );
            }
            let name = format!("{}, AUPRC {precision:.3}", input.labels[label]);
            Some(Series {
                band,
                ..Series::line(name, thinned(points))
            })
        })
        .collect();
    Chart {
        description: names(&series),
        x_name: "recall (sensitivity)",
        y_name: "precision".to_owned(),
        series,
        ..unit_chart(format!("Precision and recall{of}"))
    }
}

fn calibration(input: &ReportInput) -> Chart {
    let bins = reliability(&input.scored, input.positive);
    let name = match input.labels.len() {
        2 => format!("{}, tenths of the test films", input.labels[input.positive]),
        _ => "most probable label, tenths of the test films".to_owned(),
    };
    let series = Series {
        bars: bins
            .iter()
            .map(|bin| (bin.said, bin.found.low, bin.found.high))
            .collect(),
        ..Series::line(
            name,
            bins.iter().map(|bin| (bin.said, bin.found.value)).collect(),
        )
    };
    let error = input
        .part(Part::Test)
        .map(|test| calibration_text(test).join(", "));
    Chart {
        description: format!(
            "what was said against what was found; {}",
            error.unwrap_or_default()
        ),
        x_name: "probability said",
        y_name: "share found".to_owned(),
        series: vec![series],
        diagonal: Some("said = found"),
        ..unit_chart("Calibration".to_owned())
    }
}

fn threshold_sweep(input: &ReportInput, points: &[SweepPoint]) -> Chart {
    let line = |name: &str, of: &dyn Fn(&SweepPoint) -> Interval| {
        let ends = |end: fn(&Interval) -> f64| {
            let points = points.iter().rev();
            points
                .map(|point| (point.threshold, end(&of(point))))
                .collect::<Vec<_>>()
        };
        Series {
            band: between(ends(|share| share.high), ends(|share| share.low)),
            ..Series::line(name, ends(|share| share.value))
        }
    };
    let specificity = |point: &SweepPoint| {
        let share = &point.false_alarms;
        Interval::new(1.0 - share.value, 1.0 - share.high, 1.0 - share.low, "")
    };
    let series = match points {
        [] => Vec::new(),
        _ => vec![
            line("sensitivity", &|point| point.sensitivity.clone()),
            line("specificity", &specificity),
        ],
    };
    Chart {
        description: "sensitivity and specificity at every threshold".to_owned(),
        x_name: "classified as positive from this probability on",
        y_name: "share of films".to_owned(),
        y_tick: percent,
        series,
        mark: input.operation.as_ref().map(|operation| {
            let threshold = operation.threshold;
            (threshold, format!("in force: {threshold:.2}"))
        }),
        height: 260.0,
        ..unit_chart(format!("Thresholds for “{}”", input.labels[input.positive]))
    }
}

fn coverage(input: &ReportInput) -> Chart {
    let figures = input.operation_on_test.as_ref();
    let points = figures.map_or(&[][..], |figures| &figures.coverage);
    let ends = |end: fn(&Estimate) -> Option<f64>| -> Vec<(f64, f64)> {
        points
            .iter()
            .filter_map(|point| Some((point.coverage, end(&point.accuracy)?)))
            .collect()
    };
    let low = points
        .iter()
        .filter_map(|point| point.accuracy.low.value())
        .fold(0.9, f64::min);
    let series = Series {
        band: between(
            ends(|accuracy| accuracy.high.value()),
            ends(|accuracy| accuracy.low.value()),
        ),
        ..Series::line(
            "accuracy of the surest films",
            ends(|accuracy| accuracy.value()),
        )
    };
    Chart {
        description: "accuracy when only the most certain films are classified".to_owned(),
        x_name: "% of films classified, most certain first",
        y_name: "accuracy".to_owned(),
        x_tick: |tick| format!("{:.0}", tick * 100.0),
        y: Scale::linear(low, 1.0, 4, true),
        y_tick: percent,
        series: vec![series],
        height: 260.0,
        ..unit_chart("Accuracy of the most certain predictions".to_owned())
    }
}

/// Test accuracy and AUROC by the number of training films.
fn learning_curve(input: &ReportInput) -> Chart {
    let points = &input.learning_curve;
    let line = |name: &str, of: fn(&LearningPoint) -> &Estimate| {
        let with = |end: fn(&Estimate) -> Option<f64>| {
            points
                .iter()
                .filter_map(move |point| Some((point.films as f64, end(of(point))?)))
        };
        Series {
            bars: with(|figure| figure.low.value())
                .zip(with(|figure| figure.high.value()))
                .map(|((films, low), (_, high))| (films, low, high))
                .collect(),
            ..Series::line(name, with(Estimate::value).collect())
        }
    };
    let series = vec![
        line("accuracy", |point| &point.accuracy),
        line("AUROC", |point| &point.auroc),
    ];
    let lowest = series
        .iter()
        .flat_map(|series| &series.bars)
        .fold(0.9_f64, |lowest, bar| lowest.min(bar.1));
    let most = points.last().map_or(1, |point| point.films);
    Chart {
        description: "test accuracy and AUROC by number of training films".to_owned(),
        x_name: "training films",
        y_name: "on the test films".to_owned(),
        x: Scale::linear(0.0, most as f64, 5, true),
        x_tick: |tick| format!("{tick:.0}"),
        y: Scale::linear(lowest, 1.0, 4, true),
        y_tick: |tick| format!("{tick:.2}"),
        series,
        height: 260.0,
        ..unit_chart("Learning curve".to_owned())
    }
}

/// The share of films in each twentieth of the probability, as the outline of a histogram.
fn histogram<'a>(films: impl Iterator<Item = &'a ScoredFilm>, label: usize) -> Vec<(f64, f64)> {
    let mut counts = [0_usize; BINS];
    for film in films {
        let place = (film.probabilities[label] * BINS as f64) as usize;
        counts[place.min(BINS - 1)] += 1;
    }
    let all = counts.iter().sum::<usize>().max(1) as f64;
    let edge = |bin: usize| bin as f64 / BINS as f64;
    counts
        .iter()
        .enumerate()
        .flat_map(|(bin, &count)| {
            let share = count as f64 / all;
            [(edge(bin), share), (edge(bin + 1), share)]
        })
        .collect()
}

fn histograms(
    input: &ReportInput,
    title: String,
    groups: Vec<(String, Vec<&ScoredFilm>)>,
) -> Chart {
    let series: Vec<Series> = groups
        .into_iter()
        .filter(|(_, films)| !films.is_empty())
        .map(|(name, films)| {
            let outline = histogram(films.iter().copied(), input.positive);
            let closed = [vec![(0.0, 0.0)], outline.clone(), vec![(1.0, 0.0)]].concat();
            Series {
                band: closed,
                ..Series::line(format!("{name} ({})", films.len()), outline)
            }
        })
        .collect();
    let highest = series
        .iter()
        .flat_map(|series| &series.points)
        .fold(0.0_f64, |highest, point| highest.max(point.1));
    Chart {
        description: names(&series),
        x_name: "probability of the finding",
        y_name: "share of the films".to_owned(),
        y: Scale::linear(0.0, highest.max(0.05), 4, true),
        y_tick: percent,
        series,
        height: 220.0,
        ..unit_chart(title)
    }
}

fn scores_by_label(input: &ReportInput) -> Chart {
    let mut groups: Vec<(String, Vec<&ScoredFilm>)> = input
        .labels
        .iter()
        .enumerate()
        .map(|(label, name)| {
            let films = input.scored.iter().filter(|film| film.truth == label);
            (name.clone(), films.collect())
        })
        .collect();
    let mut title = format!("Probability of “{}” by label", input.labels[input.positive]);
    if groups.len() > MOST_SOURCES {
        groups.sort_by_key(|(_, films)| std::cmp::Reverse(films.len()));
        groups.truncate(MOST_SOURCES);
        title.push_str(&format!(", the commonest of {}", input.labels.len()));
    }
    histograms(input, title, groups)
}

fn scores_by_source(input: &ReportInput) -> Chart {
    let mut groups: Vec<(String, Vec<&ScoredFilm>)> = Vec::new();
    for film in &input.scored {
        let Some(source) = &film.source else { continue };
        match groups.iter_mut().find(|(name, _)| name == source) {
            Some((_, films)) => films.push(film),
            None => groups.push((source.clone(), vec![film])),
        }
    }
    groups.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    groups.truncate(MOST_SOURCES);
    let title = format!(
        "Probability of “{}” by source",
        input.labels[input.positive]
    );
    histograms(input, title, groups)
}

#[cfg(test)]
mod tests {
    use super::super::example::{example, with_labels};
    use super::super::plot::canvas::Theme;
    use super::*;

    #[test]
    fn two_labels_have_every_chart_and_three_those_that_make_sense() {
        let mut input = example();
        let names = |input: &ReportInput| -> Vec<&str> {
            charts(input).iter().map(|(name, _)| *name).collect()
        };
        assert_eq!(
            names(&input),
            [
                "roc",
                "precision_recall",
                "calibration",
                "threshold_sweep",
                "decision_curve",
                "coverage_accuracy",
                "scores_by_label",
                "scores_by_source"
            ]
        );
        for (name, chart) in charts(&input) {
            let svg = chart.draw(Theme::Paper);
            for bad in ["NaN", "\"inf", ",inf", "-inf"] {
                assert!(!svg.contains(bad), "{name}: {svg}");
            }
        }
        input.labels.push("third".into());
        for film in &mut input.scored {
            film.probabilities.push(0.0);
        }
        assert!(!names(&input).contains(&"decision_curve"));
        input.scored.clear();
        assert_eq!(charts(&input).len(), 0);
    }

    #[test]
    fn many_labels_have_curves_of_the_best_and_the_worst() {
        let input = with_labels(40);
        for (chart, title) in [
            (
                roc(&input),
                "ROC, 160 test films, best and worst of 40 labels",
            ),
            (
                recall(&input),
                "Precision and recall, best and worst of 40 labels",
            ),
        ] {
            assert_eq!(chart.title, title);
            let named: Vec<&str> = chart
                .series
                .iter()
                .map(|series| series.name.split(',').next().unwrap_or_default())
                .collect();
            assert_eq!(named.len(), 10);
            // The worse, the higher the number of the label.
            assert_eq!((named[0], named[9]), ("label 0", "label 39"), "{named:?}");
        }
        assert_eq!(scores_by_label(&input).series.len(), MOST_SOURCES);
        let few = with_labels(8);
        assert_eq!(roc(&few).series.len(), 8);
        assert_eq!(roc(&few).title, "ROC, 32 test films");
    }

    #[test]
    fn histograms_hold_all_films() {
        let input = example();
        let outline = histogram(input.scored.iter(), 0);
        assert_eq!(outline.len(), 2 * BINS);
        let sum: f64 = outline.iter().step_by(2).map(|(_, share)| share).sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn long_lines_are_thinned_and_keep_their_ends() {
        let points: Vec<(f64, f64)> = (0..10_001).map(|i| (f64::from(i), 0.0)).collect();
        let kept = thinned(points);
        assert!(kept.len() <= MOST_POINTS + 1);
        assert_eq!((kept[0].0, kept[kept.len() - 1].0), (0.0, 10_000.0));
    }
}
