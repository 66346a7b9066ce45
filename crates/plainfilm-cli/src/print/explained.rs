//! Films that were explained: what `explain` says about them as a table, as CSV and as JSON.

use plainfilm::evaluate::Estimate;
use plainfilm::explain::{ExplainSettings, LungSummary, Method, MethodCheck};
use serde::Serialize;

use super::table::{Align, render};
use crate::maps::{FilmMaps, LungRecord, lung_cell};
use plainfilm::predict::{Probabilities, Status};

/// What became of one film; its JSON is a stable output.
#[derive(Debug, Serialize)]
pub struct ExplainedRecord {
    pub path: String,
    pub status: Status,
    pub label: Option<String>,
    pub probabilities: Option<Probabilities>,
    #[serde(flatten)]
    pub maps: Option<FilmMaps>,
    pub reason: Option<String>,
}

/// `explain.json`
#[derive(Debug, Serialize)]
pub struct Explanations<'a> {
    pub model: &'a str,
    pub labels: &'a [String],
    pub settings: &'a ExplainSettings,
    pub films: &'a [ExplainedRecord],
    /// Where the evidence lies over all films, by method.
    pub lungs: Vec<MethodLungs>,
    /// Whether the maps follow the network, with `--check`.
    pub checks: Vec<MethodCheck>,
    pub notice: &'static str,
}

/// Where one method's evidence lies.
#[derive(Debug, Serialize)]
pub struct MethodLungs {
    pub method: Method,
    #[serde(flatten)]
    pub summary: LungSummary,
}

/// One line a film, then the lungs and the checks by method, for stdout.
pub fn explained_text(methods: &[Method], output: &Explanations<'_>) -> String {
    let mut header = vec![
        ("film", Align::Left),
        ("label", Align::Left),
        ("probability", Align::Right),
        ("evidence for", Align::Left),
        ("lungs are", Align::Right),
    ];
    header.extend(methods.iter().map(|method| (method.name(), Align::Left)));
    let rows: Vec<Vec<String>> = output
        .films
        .iter()
        .map(|film| {
            let mut row = vec![film.path.clone()];
            match (&film.maps, &film.label, &film.probabilities) {
                (Some(maps), Some(label), Some(probabilities)) => {
                    let area = maps.maps.iter().find_map(|map| map.lungs);
                    row.extend([
                        label.clone(),
                        probabilities
                            .of(label)
                            // Several findings, or none, have no probability together.
                            .or_else(|| probabilities.of(&maps.explained_label))
                            .map_or(String::new(), |p| format!("{p:.3}")),
                        maps.explained_label.clone(),
                        area.map_or_else(
                            || without_share(maps).to_owned(),
                            |area| format!("{:.0} %", 100.0 * area.share.area),
                        ),
                    ]);
                    row.extend(maps.maps.iter().map(|map| lung_cell(map.lungs.as_ref())));
                }
                _ => {
                    row.push("(set aside)".to_owned());
                    row.push(String::new());
                    row.push(film.reason.clone().unwrap_or_default());
                    row.push(String::new());
                    row.extend(methods.iter().map(|_| String::new()));
                }
            }
            row
        })
        .collect();
    let mut text = render(&header, &rows);
    for lungs in &output.lungs {
        if lungs.summary.all().films > 1 {
            text.push('\n');
            text.push_str(&summary_table(lungs));
        }
    }
    if !output.checks.is_empty() {
        text.push('\n');
        text.push_str(&check_table(&output.checks));
    }
    text
}

/// Why a film has no share on the lungs.
fn without_share(maps: &FilmMaps) -> &'static str {
    match maps.lungs_from {
        Some(_) => "no evidence",
        None => "not found",
    }
}

fn check_table(checks: &[MethodCheck]) -> String {
    let header = [
        ("check", Align::Left),
        ("verdict", Align::Left),
        ("alike with random head", Align::Right),
        ("with random network", Align::Right),
        ("insertion", Align::Right),
        ("deletion", Align::Right),
        ("ROAD", Align::Right),
    ];
    let two = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|check| {
            vec![
                check.method.name().to_owned(),
                if check.failed() { "FAILED" } else { "passed" }.to_owned(),
                two(check.randomised.first().map(|part| part.alike)),
                two(check.randomised.last().map(|part| part.alike)),
                two(check.insertion),
                two(check.deletion),
                two(check.road),
            ]
        })
        .collect();
    render(&header, &rows)
}

fn summary_table(lungs: &MethodLungs) -> String {
    let header = [
        (lungs.method.name(), Align::Left),
        ("films", Align::Right),
        ("patients", Align::Right),
        ("evidence on lungs", Align::Left),
        ("lungs are", Align::Right),
        ("times chance", Align::Left),
        ("points at a lung", Align::Left),
    ];
    let with_ends = |figure: String, ends: String| {
        if ends.is_empty() {
            figure
        } else {
            format!("{figure} ({ends})")
        }
    };
    let percent = |figure: &Estimate| with_ends(figure.percent(0), figure.percent_ends(0));
    let rows: Vec<Vec<String>> = lungs
        .summary
        .groups
        .iter()
        .map(|group| {
            vec![
                group.films_of.clone(),
                group.films.to_string(),
                group.patients.to_string(),
                percent(&group.share),
                group.area.percent(0),
                with_ends(
                    group
                        .gain
                        .value()
                        .map_or("n/a".to_owned(), |gain| format!("{gain:.2}")),
                    group.gain.number_ends(2),
                ),
                percent(&group.pointing),
            ]
        })
        .collect();
    render(&header, &rows)
}

/// One line a film and method.
///
/// # Errors
///
/// When a field is no UTF-8, which it always is.
pub fn explained_csv(methods: &[Method], output: &Explanations<'_>) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "path",
        "status",
        "label",
        "evidence_for",
        "method",
        "lung_share",
        "lung_area",
        "gain",
        "points_at_lung",
        "picture",
        "raw",
        "reason",
    ])?;
    for film in output.films {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let Some(maps) = &film.maps else {
            let mut row = vec![film.path.clone(), "set_aside".to_owned()];
            row.extend((0..9).map(|_| String::new()));
            row.push(text(&film.reason));
            writer.write_record(row)?;
            continue;
        };
        for (method, map) in methods.iter().zip(&maps.maps) {
            let lungs =
                |of: &dyn Fn(&LungRecord) -> String| map.lungs.as_ref().map_or(String::new(), of);
            writer.write_record([
                film.path.clone(),
                "scored".to_owned(),
                text(&film.label),
                maps.explained_label.clone(),
                method.name().to_owned(),
                lungs(&|lungs| format!("{:.6}", lungs.share.share)),
                lungs(&|lungs| format!("{:.6}", lungs.share.area)),
                lungs(&|lungs| format!("{:.6}", lungs.gain)),
                lungs(&|lungs| lungs.share.points_at_lung.to_string()),
                text(&maps.picture),
                text(&map.raw),
                String::new(),
            ])?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
