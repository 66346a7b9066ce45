//! The section of the report that says where the network looked.

use super::heat_maps::mean_svg;
use super::pictures::Picture;
use super::plot::canvas::{Ink, Theme};
use super::plot::heat::{Frame, Overlay, Tile, draw};
use super::wording::films;
use super::{ReportError, ReportInput};
use plainfilm_explain::{
    LabelNull, LungFigures, LungShare, LungSummary, MeanEvidence, Method, MethodCheck,
};
use plainfilm_figures::{Estimate, counted};

/// Films in a row, and the side of each in the picture's units.
const COLUMNS: usize = 4;
const SIDE: f64 = 190.0;

/// Where a network looked on its test films.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceSection {
    /// How maps were made.
    pub method: Method,
    /// Whether that method follows this network.
    pub check: Option<MethodCheck>,
    /// Some test films, right and wrong ones.
    pub films: Vec<EvidenceFilm>,
    /// The mean map of each label.
    pub means: Vec<MeanEvidence>,
    /// How much of the evidence is on the lungs, over all films that were looked at.
    pub lungs: LungSummary,
    /// The same beside networks of the same recipe that learned from permuted labels; none where there are none.
    pub null: Option<LabelNull>,
    /// How many test films were looked at, and how many there are.
    pub looked_at: [usize; 2],
    /// How many networks looked, each at test films of its own: one, or the folds of a cross-validation.
    /// The check is of the first.
    pub networks: usize,
    /// On how many of the films the lungs were drawn by somebody, and not found by the program.
    pub drawn_lungs: usize,
}

/// A test film under its map, as the network was shown it.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceFilm {
    /// Path as in [`plainfilm_data::Film::path`].
    pub path: String,
    /// Index of the true label.
    pub truth: usize,
    /// Index of the predicted label, which the evidence is for.
    pub predicted: usize,
    /// How much of it is on the lungs.
    pub lungs: Option<LungShare>,
    /// Columns and rows of what follows.
    pub size: usize,
    /// Grey values of the film, 0 to 1.
    pub film: Vec<f32>,
    /// Evidence as a share of the greatest on the film, 0 to 1.
    pub shares: Vec<f32>,
    /// Which pixels are lung, where lungs were found.
    pub lung: Option<Vec<bool>>,
}

/// What the template shows.
pub(super) struct EvidenceView {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) sentence: String,
    pub(super) method: &'static str,
    pub(super) looked_at: String,
    pub(super) lungs_are: String,
    pub(super) failures: Vec<String>,
    pub(super) check: String,
    pub(super) rows: Vec<EvidenceRow>,
    pub(super) pictures: Vec<EvidencePicture>,
}

/// A picture for the page, no wider than it was drawn.
pub(super) struct EvidencePicture {
    pub(super) svg: String,
    pub(super) width: u32,
}

/// Films of one kind.
pub(super) struct EvidenceRow {
    pub(super) films_of: String,
    pub(super) films: usize,
    /// Share on the lungs, area of the lungs, quotient, pointing; each with its interval.
    pub(super) figures: Vec<(String, String)>,
}

impl EvidenceView {
    pub(super) fn of(section: &EvidenceSection, pictures: &[Picture], audit_failed: bool) -> Self {
        let all = section.lungs.all();
        let (class, word) = judge(section, audit_failed);
        Self {
            class,
            word,
            sentence: sentence(all, section.null.as_ref()),
            method: section.method.title(),
            looked_at: looked_at(section),
            lungs_are: lungs_are(section),
            failures: section
                .check
                .iter()
                .flat_map(|check| check.failures.clone())
                .collect(),
            check: section.check.as_ref().map_or_else(String::new, |check| {
                check.randomised.last().map_or_else(String::new, |last| {
                    format!(
                        "With random weights{} maps of {} correlate {:.2} with these (rank correlation; from \
                         {} on the method fails).",
                        if section.networks > 1 { " in the first fold's network" } else { "" },
                        films(check.films),
                        last.alike,
                        plainfilm_explain::TOO_ALIKE
                    )
                })
            }),
            // A label without a map has nothing to show; all films together say that there is none.
            rows: (section.lungs.groups.iter().enumerate())
                .filter(|(index, group)| *index == 0 || group.films > 0)
                .map(|(_, group)| row(group))
                .collect(),
            pictures: pictures
                .iter()
                .map(|picture| EvidencePicture {
                    width: drawn_width(&picture.inline),
                    svg: picture.inline.clone(),
                })
                .collect(),
        }
    }
}

/// Which films, by which networks.
fn looked_at(section: &EvidenceSection) -> String {
    let [looked, there] = section.looked_at;
    let which = if looked == there {
        format!("all {}", films(there))
    } else {
        format!("{looked} of {}, drawn at random", films(there))
    };
    match section.networks {
        1 => which,
        _ => format!("{which}, each seen by the network of the fold that tests it"),
    }
}

/// Who says where the lungs are.
fn lungs_are(section: &EvidenceSection) -> String {
    let found = "as plainfilm's own network finds them";
    match section.drawn_lungs {
        0 => found.to_owned(),
        drawn if drawn == section.looked_at[0] => "as they were drawn".to_owned(),
        drawn => format!("as they were drawn on {}, else {found}", films(drawn)),
    }
}

/// The width that an SVG's view box gives; half a page where there is none.
fn drawn_width(svg: &str) -> u32 {
    svg.split_once("viewBox=\"0 0 ")
        .and_then(|(_, rest)| rest.split([' ', '.']).next()?.parse().ok())
        .unwrap_or(600)
}

fn row(group: &LungFigures) -> EvidenceRow {
    let percent = |figure: &Estimate| (figure.percent(0), figure.percent_ends(0));
    let gain = group.gain.value();
    EvidenceRow {
        films_of: group.films_of.clone(),
        films: group.films,
        figures: vec![
            percent(&group.share),
            percent(&group.area),
            (
                gain.map_or_else(|| "n/a".to_owned(), |gain| format!("{gain:.2}")),
                group.gain.number_ends(2),
            ),
            percent(&group.pointing),
        ],
    }
}

/// Better than chance, worse, or neither can be said. Nothing is green where the label can be told without the lungs.
fn judge(section: &EvidenceSection, audit_failed: bool) -> (&'static str, &'static str) {
    if section.check.as_ref().is_some_and(MethodCheck::failed) {
        return ("unknown", "NOT SHOWN");
    }
    if section.null.as_ref().is_some_and(LabelNull::is_below) {
        return ("fail", "NOT THE LUNGS");
    }
    match section.lungs.all().gain.ends() {
        Some((low, _)) if low > 1.0 => match &section.null {
            // Networks that learned nothing of the lungs get here too: see `sentence`.
            None => ("unknown", "INCONCLUSIVE"),
            Some(null) if !null.is_above() => ("warn", "AS WITH RANDOM LABELS"),
            Some(_) if audit_failed => ("warn", "LUNGS, AND MORE"),
            Some(_) => ("pass", "LUNGS"),
        },
        Some((_, high)) if high < 1.0 => ("fail", "NOT THE LUNGS"),
        Some(_) => ("warn", "CHANCE"),
        None => ("unknown", "FEW FILMS"),
    }
}

fn sentence(all: &LungFigures, null: Option<&LabelNull>) -> String {
    let (Some(_), Some(gain)) = (all.share.value(), all.gain.value()) else {
        return "On no film lungs and evidence were both found, so nothing is known of where the network looks."
            .to_owned();
    };
    let ends = match all.gain.number_ends(2) {
        ends if ends.is_empty() => String::new(),
        ends => format!(" (95 % interval {ends})"),
    };
    let above = match (null, all.gain.ends()) {
        (Some(null), _) => {
            let [low, high] = null.range;
            let compared = if null.is_above() {
                "this network looks at the lungs more than that. It does not show that what it sees there is disease"
            } else if null.is_below() {
                "this network looks at the lungs less than one that learned nothing"
            } else {
                "this network looks at the lungs as much as one that learned nothing"
            };
            format!(
                " {} of the same recipe that learned from permuted labels reached {:.2} on average, and one more would \
                 be expected from {low:.2} to {high:.2}; on the same {} this one has {:.2}: {compared}.",
                counted(null.gains.len(), "network"),
                null.gains.iter().sum::<f64>() / null.gains.len() as f64,
                films(null.films),
                null.gain
            )
        }
        (None, Some((low, _))) if low > 1.0 => {
            " That is no evidence that the lungs were learned: networks trained on random labels of the \
             reference data reached 1.43, on a planted letter 1.33 and on a planted blur 1.45. Networks on \
             permuted labels, to compare with, are trained where the backbone is frozen."
                .to_owned()
        }
        _ => String::new(),
    };
    format!(
        "Of the evidence for the predicted label, {} is on the lungs, which are {} of the picture: {gain:.2} times \
         the share of a uniform map{ends}. It is strongest on a lung on {} of the films.{above}",
        all.share.percent(0),
        all.area.percent(0),
        all.pointing.percent(0)
    )
}

/// The pictures of the section: films under their maps, and the mean map of each label.
pub(super) fn pictures(input: &ReportInput) -> Result<Vec<Picture>, ReportError> {
    let Some(section) = &input.evidence else {
        return Ok(vec![]);
    };
    let mut pictures = vec![];
    let mut add = |name: &'static str, svg: &dyn Fn(Theme) -> Result<String, String>| {
        let refuse = |reason| ReportError::Picture {
            name: name.to_owned(),
            reason,
        };
        pictures.push(Picture {
            name,
            inline: svg(Theme::Page).map_err(refuse)?,
            paper: svg(Theme::Paper).map_err(refuse)?,
        });
        Ok::<(), ReportError>(())
    };
    if section.means.iter().any(|mean| mean.films > 0) {
        let line = format!(
            "{} of {}; each film counts alike",
            section.method.title(),
            films(section.looked_at[0])
        );
        add("mean_evidence", &|theme| {
            mean_svg(theme, &line, &section.means)
        })?;
    }
    if !section.films.is_empty() {
        add("evidence", &|theme| grid(theme, input, section))?;
    }
    Ok(pictures)
}

fn grid(theme: Theme, input: &ReportInput, section: &EvidenceSection) -> Result<String, String> {
    let tiles = section
        .films
        .iter()
        .map(|film| {
            let right = film.truth == film.predicted;
            let name = |label: usize| input.labels.get(label).map_or("?", String::as_str);
            let overlay = Overlay {
                width: film.size,
                height: film.size,
                film: &film.film,
                shares: &film.shares,
                lung: film.lung.as_deref(),
            };
            Ok(Tile {
                title: format!(
                    "{} {} ({})",
                    if right { "✓" } else { "✗" },
                    name(film.predicted),
                    name(film.truth)
                ),
                note: film.lungs.map_or_else(
                    || "no lungs or no evidence found".to_owned(),
                    |lungs| {
                        format!(
                            "{:.0} % on lungs, {:.1} x chance",
                            100.0 * lungs.share,
                            lungs.gain()
                        )
                    },
                ),
                ink: if right { Ink::Right } else { Ink::Wrong },
                base64_png: overlay.base64_png()?,
            })
        })
        .collect::<Result<Vec<Tile>, String>>()?;
    let frame = Frame {
        title: "Test films with the evidence for the predicted label",
        lines: &["predicted (true); green: right, red: wrong".to_owned()],
        meaning: "evidence for\nthe prediction",
        legend: &["white line: lungs".to_owned()],
    };
    Ok(draw(theme, &frame, &tiles, COLUMNS, [SIDE, SIDE]))
}

#[cfg(test)]
mod tests {
    use super::super::example::example;
    use super::*;
    use crate::write;
    use plainfilm_explain::{ExplainedFilm, Randomised, summarise};

    fn section(share: f64) -> EvidenceSection {
        let lungs = |index: usize| LungShare {
            share: share + 0.001 * index as f64,
            area: 0.4,
            points_at_lung: !index.is_multiple_of(5),
        };
        let films: Vec<ExplainedFilm> = (0..20)
            .map(|index| ExplainedFilm {
                patient: index.to_string(),
                truth: Some(["opacity", "clear"][index % 2].to_owned()),
                source: None,
                right: Some(index != 3),
                lungs: Some(lungs(index)),
            })
            .collect();
        let mut mean = MeanEvidence::new("opacity", 4);
        mean.films = 1;
        EvidenceSection {
            method: Method::GradCam,
            check: None,
            films: vec![EvidenceFilm {
                path: "a.png".into(),
                truth: 0,
                predicted: 1,
                lungs: Some(lungs(0)),
                size: 2,
                film: vec![0.5; 4],
                shares: vec![0.0, 0.5, 1.0, 0.0],
                lung: None,
            }],
            means: vec![mean, MeanEvidence::new("clear", 4)],
            lungs: summarise(&films),
            null: None,
            looked_at: [20, 30],
            networks: 1,
            drawn_lungs: 0,
        }
    }

    #[test]
    fn pictures_are_as_wide_as_drawn() {
        for (svg, width) in [
            ("<svg viewBox=\"0 0 736.5 300\" role", 736),
            ("<svg viewBox=\"0 0 984 300\">", 984),
            ("<svg>", 600),
        ] {
            assert_eq!(drawn_width(svg), width, "{svg}");
        }
    }

    #[test]
    fn the_verdict_follows_the_interval() {
        let cases = [
            (0.6, "INCONCLUSIVE"),
            (0.2, "NOT THE LUNGS"),
            (0.39, "CHANCE"),
        ];
        for (share, word) in cases {
            assert_eq!(judge(&section(share), false).1, word, "{share}");
            assert_ne!(judge(&section(share), false).0, "pass", "{share}");
        }
        assert!(
            sentence(section(0.6).lungs.all(), None)
                .contains("no evidence that the lungs were learned")
        );
        assert!(!sentence(section(0.39).lungs.all(), None).contains("no evidence"));
        let mut failed = section(0.6);
        failed.check = Some(MethodCheck {
            method: Method::GradCam,
            films: 8,
            randomised: vec![Randomised {
                from: "stem".into(),
                alike: 0.9,
            }],
            insertion: None,
            deletion: None,
            road: None,
            failures: vec!["maps stay alike".into()],
        });
        assert_eq!(judge(&failed, false).1, "NOT SHOWN");
        let empty = EvidenceSection {
            lungs: summarise(&[]),
            ..section(0.6)
        };
        assert_eq!(judge(&empty, false).1, "FEW FILMS");
        assert!(sentence(empty.lungs.all(), None).starts_with("On no film"));
    }

    #[test]
    fn the_report_shows_maps_figures_and_failures() {
        let mut input = example();
        let mut shown = section(0.2);
        shown.check = Some(MethodCheck {
            method: Method::GradCam,
            films: 8,
            randomised: vec![],
            insertion: None,
            deletion: None,
            road: None,
            failures: vec!["maps <stay> alike".into()],
        });
        input.evidence = Some(shown);
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), &input).unwrap();
        let html = std::fs::read_to_string(&files.html).unwrap();
        for text in [
            "Where the network looked",
            "20 of 30 films, drawn at random",
            "0.52",
            "label clear",
            "NOT SHOWN",
        ] {
            assert!(html.contains(text), "{text}");
        }
        assert!(html.contains("maps &lt;stay&gt;") || html.contains("maps &#60;stay&#62;"));
        for name in ["evidence.png", "mean_evidence.svg"] {
            assert!(
                folder.path().join("pictures").join(name).is_file(),
                "{name}"
            );
        }
    }

    #[test]
    fn beside_permuted_labels_the_lungs_count_or_do_not() {
        let beside = |low: f64, high: f64| EvidenceSection {
            null: Some(LabelNull {
                films: 20,
                gain: 1.52,
                gains: vec![1.2, 1.3, 1.4],
                range: [low, high],
            }),
            ..section(0.6)
        };
        let more = "looks at the lungs more than that";
        let same = "as much as one that learned nothing";
        let less = "less than one that learned nothing";
        for (low, high, audit_failed, expected, words) in [
            (1.1, 1.51, false, ("pass", "LUNGS"), more),
            (1.1, 1.51, true, ("warn", "LUNGS, AND MORE"), more),
            (1.1, 1.53, false, ("warn", "AS WITH RANDOM LABELS"), same),
            (1.53, 1.6, false, ("fail", "NOT THE LUNGS"), less),
        ] {
            let section = beside(low, high);
            assert_eq!(judge(&section, audit_failed), expected);
            let sentence = sentence(section.lungs.all(), section.null.as_ref());
            assert!(sentence.contains(words), "{sentence}");
            assert!(
                sentence.contains("3 networks of the same recipe"),
                "{sentence}"
            );
            assert!(sentence.contains("reached 1.30 on average"), "{sentence}");
        }
    }
}
