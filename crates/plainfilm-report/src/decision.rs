//! The decision curve: what answers are worth at a prevalence.

use super::ReportInput;
use super::plot::chart::{Chart, Series, between, unit_chart};
use super::plot::scale::Scale;
use plainfilm_figures::{DecisionPoint, decision_curve};

pub(super) fn decision_chart(input: &ReportInput) -> Chart {
    let with = input
        .scored
        .iter()
        .filter(|film| film.truth == input.positive)
        .count();
    let own = with as f64 / input.scored.len() as f64;
    let stated = input.operation_on_test.as_ref();
    let prevalence = stated.map_or(own, |figures| figures.prevalence);
    let threshold = stated.and_then(|figures| Some(figures.points.first()?.threshold));
    let curve = decision_curve(&input.scored, input.positive, threshold, prevalence);
    let (points, in_force) =
        curve.map_or_else(Default::default, |curve| (curve.points, curve.in_force));
    let line = |of: fn(&DecisionPoint) -> f64| -> Vec<(f64, f64)> {
        let points = points.iter();
        points.map(|point| (point.threshold, of(point))).collect()
    };
    let by_network = |point: &DecisionPoint| point.by_network.value;
    let extreme = |pick: fn(f64, f64) -> f64, first: f64| {
        let worth = in_force.iter().map(by_network);
        worth.fold(first, pick)
    };
    let top = extreme(f64::max, prevalence) * 1.15;
    let bottom = extreme(f64::min, -top / 4.0);
    // What lies below the picture is a gap.
    let shown = |points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        let gap = |(x, y)| (x, if y < bottom { f64::NAN } else { y });
        points.into_iter().map(gap).collect()
    };
    let end = points.last().map_or(1.0, |point| point.threshold);
    let mut series = Vec::new();
    if !points.is_empty() {
        series = vec![
            Series {
                band: between(
                    line(|point| point.by_network.high),
                    line(|point| point.by_network.low),
                ),
                ..Series::line("by the model", shown(line(by_network)))
            },
            Series::line(
                "call every film positive",
                shown(line(|point| point.call_all)),
            ),
            Series::line("call none", vec![(0.0, 0.0), (end, 0.0)]),
        ];
    }
    Chart {
        description: format!(
            "net benefit at a prevalence of {:.1} %: findings found per film, less false alarms at \
             the exchange rate of each threshold; probabilities are those at this prevalence",
            prevalence * 100.0
        ),
        x_name: "threshold t at this prevalence: a finding is worth (1 − t) / t alarms",
        y_name: "net benefit per film".to_owned(),
        x: Scale::linear(0.0, end, 5, true),
        x_tick: |tick| format!("{tick:.2}"),
        y: Scale::linear(bottom, top, 4, true),
        y_tick: |tick| format!("{tick:.3}"),
        series,
        mark: in_force.as_ref().map(|point| {
            let worth = by_network(point);
            (
                point.threshold,
                format!("in force: {:.2}, worth {worth:+.3}", point.threshold),
            )
        }),
        height: 260.0,
        ..unit_chart(format!(
            "Decision curve, prevalence {:.1} %",
            prevalence * 100.0
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::example;
    use super::*;

    #[test]
    fn the_threshold_in_force_is_on_the_decision_curve() {
        // The example states a prevalence of 10 %, and half of its films have the finding.
        let chart = decision_chart(&example());
        let (at, name) = chart.mark.unwrap();
        assert!((at - 0.1).abs() < 1e-12, "0.5 at 50 % is 0.1 at 10 %: {at}");
        assert!(name.starts_with("in force: 0.10, worth +0.0"), "{name}");
        let names: Vec<&str> = chart.series.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            ["by the model", "call every film positive", "call none"]
        );
        let ends = (chart.x.ticks[0], chart.x.ticks[chart.x.ticks.len() - 1]);
        assert!(ends.0 < at && at < ends.1, "{ends:?}");
    }
}
