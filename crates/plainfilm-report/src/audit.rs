//! The audit, as a section of the report and as a page of its own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use askama::Template;

use super::pictures::base64_png;
use super::wording::counted;
use super::{ReportError, Thumbnail, save};
use plainfilm_audit::{Audit, AuditSummary, Check, CheckId, CountTable, Remedy, Status};
use plainfilm_data::{Dataset, SetAside};
use plainfilm_figures::Figure;
use plainfilm_film::NOT_A_MEDICAL_DEVICE;

/// Pairs and films of one check that are shown as pictures.
const PICTURED: usize = 12;
/// Films and pairs of one check that are listed by name.
const LISTED: usize = 100;
/// Side of a picture in pixels.
const SIDE: usize = 160;

/// What the audit of a data set measures.
const BEFORE_TRAINING: &str = "Measured before training: how well the label can be predicted without looking at the lungs, \
     and what leaks between the parts of the split.";
/// What the audit of judged films measures.
pub(super) const ON_JUDGED_FILMS: &str = "Measured on the judged films, whatever judged them: how well their label can be \
     predicted without looking at the lungs.";

/// An audit with the pictures that belong to it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditSection {
    /// The verdict beside the figures of a training.
    pub summary: AuditSummary,
    /// All of it; none when there was no audit.
    pub audit: Option<Audit>,
    /// The films that are shown, by path.
    pub films: BTreeMap<String, Thumbnail>,
}

impl AuditSection {
    /// A section with the pictures of the films that the audit names, read from the data set. A film that
    /// cannot be read any more is listed by name only.
    pub fn of(summary: AuditSummary, audit: Option<&Audit>, dataset: Option<&Dataset>) -> Self {
        let mut films = BTreeMap::new();
        if let (Some(audit), Some(dataset)) = (audit, dataset) {
            let by_path: BTreeMap<&str, usize> = dataset
                .films
                .iter()
                .enumerate()
                .map(|(index, film)| (film.path.as_str(), index))
                .collect();
            for path in audit.checks.iter().flat_map(pictured) {
                if let Some(&index) = by_path.get(path)
                    && let Ok(film) = dataset.film(&dataset.films[index])
                {
                    films.insert(path.to_owned(), Thumbnail::of(&film, SIDE));
                }
            }
        }
        Self {
            summary,
            audit: audit.cloned(),
            films,
        }
    }
}

/// Paths of the films that a check shows.
fn pictured(check: &Check) -> Vec<&str> {
    let pairs = check.pairs.iter().take(PICTURED);
    pairs
        .flat_map(|pair| [pair.first.as_str(), pair.second.as_str()])
        .chain(
            check
                .films
                .iter()
                .take(PICTURED)
                .map(|film| film.path.as_str()),
        )
        .collect()
}

/// A verdict as the page shows it.
pub(super) struct VerdictView<'a> {
    pub(super) class: &'static str,
    pub(super) mark: &'static str,
    pub(super) word: &'static str,
    pub(super) sentence: &'a str,
    pub(super) after: Option<(&'static str, &'static str, &'a str)>,
}

impl<'a> VerdictView<'a> {
    pub(super) fn of(summary: &'a AuditSummary) -> Self {
        let (class, mark, word) = look_of(summary.verdict);
        let after = summary.after_preprocessing.as_ref().map(|after| {
            let (class, _, word) = look_of(after.verdict);
            (class, word, after.sentence.as_str())
        });
        Self {
            class,
            mark,
            word,
            sentence: &summary.sentence,
            after,
        }
    }
}

/// Class, mark and word of a status.
fn look_of(status: Status) -> (&'static str, &'static str, &'static str) {
    match status {
        Status::Pass => ("pass", "✓", "pass"),
        Status::Warn => ("warn", "!", "warning"),
        Status::Fail => ("fail", "✗", "fail"),
        Status::NotChecked => ("unknown", "?", "not checked"),
    }
}

/// Every check as the page shows it.
pub(super) struct AuditView<'a> {
    /// One sentence: on which films, and what.
    pub(super) measured: &'static str,
    pub(super) remedies: Vec<&'a Remedy>,
    pub(super) checks: Vec<CheckView<'a>>,
}

pub(super) struct CheckView<'a> {
    pub(super) id: &'static str,
    pub(super) question: &'static str,
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) explanation: &'a str,
    pub(super) figure: String,
    pub(super) limits: String,
    pub(super) source: &'a str,
    pub(super) scale: Option<String>,
    pub(super) details: Vec<DetailView<'a>>,
    pub(super) tables: &'a [CountTable],
    pub(super) pairs: Vec<PictureView>,
    pub(super) films: Vec<PictureView>,
    pub(super) listed: Vec<(String, String)>,
}

pub(super) struct DetailView<'a> {
    pub(super) name: &'a str,
    pub(super) measure: &'a str,
    pub(super) value: String,
    pub(super) interval: String,
}

/// One film or a pair.
pub(super) struct PictureView {
    pub(super) title: String,
    pub(super) caption: String,
    pub(super) first: String,
    pub(super) second: String,
}

impl<'a> AuditView<'a> {
    /// None when there was no audit.
    pub(super) fn of(section: &'a AuditSection) -> Result<Option<Self>, ReportError> {
        let Some(audit) = &section.audit else {
            return Ok(None);
        };
        Ok(Some(Self {
            measured: BEFORE_TRAINING,
            remedies: audit.remedies(),
            checks: audit
                .checks
                .iter()
                .map(|check| check_view(check, &section.films))
                .collect::<Result<_, _>>()?,
        }))
    }
}

fn check_view<'a>(
    check: &'a Check,
    films: &BTreeMap<String, Thumbnail>,
) -> Result<CheckView<'a>, ReportError> {
    let (class, _, word) = look_of(check.status);
    let png = |path: &str| {
        films
            .get(path)
            .map(|film| base64_png(path, film))
            .transpose()
    };
    let (mut pairs, mut shown, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    for (index, pair) in check.pairs.iter().enumerate().take(LISTED) {
        let mirrored = if pair.mirrored { ", mirrored" } else { "" };
        let crosses = match pair.crosses.as_slice() {
            [] => "same patient and label".to_owned(),
            crosses => crosses.join(", "),
        };
        let caption = format!("{crosses}{mirrored}");
        if index < PICTURED
            && let (Some(first), Some(second)) = (png(&pair.first)?, png(&pair.second)?)
        {
            pairs.push(PictureView {
                title: format!("{} and {}", pair.first, pair.second),
                caption: caption.clone(),
                first,
                second,
            });
        }
        listed.push((format!("{} = {}", pair.first, pair.second), caption));
    }
    for (index, film) in check.films.iter().enumerate().take(LISTED) {
        if index < PICTURED
            && let Some(first) = png(&film.path)?
        {
            shown.push(PictureView {
                title: film.path.clone(),
                caption: film.finding.clone(),
                first,
                second: String::new(),
            });
        }
        listed.push((film.path.clone(), film.finding.clone()));
    }
    let limits = match (check.warns_above.value(), check.threshold.value()) {
        (Some(warns), Some(fails)) if warns < fails => {
            format!(
                "warns above {}, fails above {}",
                number(warns),
                number(fails)
            )
        }
        (_, Some(fails)) => format!("fails above {}", number(fails)),
        _ => String::new(),
    };
    Ok(CheckView {
        id: check.id.name(),
        question: check.id.question(),
        class,
        word,
        explanation: &check.explanation,
        figure: figure_text(check),
        limits,
        source: &check.source,
        scale: scale(check),
        details: check
            .details
            .iter()
            .map(|detail| DetailView {
                name: &detail.name,
                measure: &detail.measure,
                value: text(detail.value),
                interval: interval_text(detail.low, detail.high),
            })
            .collect(),
        tables: &check.tables,
        pairs,
        films: shown,
        listed,
    })
}

/// Such as `AUROC 0.97 (0.94 to 0.98)`.
fn figure_text(check: &Check) -> String {
    let interval = interval_text(check.low, check.high);
    let interval = if interval.is_empty() {
        interval
    } else {
        format!(" ({interval})")
    };
    format!("{} {}{interval}", check.measure, text(check.value))
}

fn text(figure: Figure) -> String {
    figure.value().map_or("n/a".to_owned(), number)
}

fn interval_text(low: Figure, high: Figure) -> String {
    match (low.value(), high.value()) {
        (Some(low), Some(high)) => format!("{} to {}", number(low), number(high)),
        _ => String::new(),
    }
}

/// Whole numbers as such, others with two decimals.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value != 1.0 && value != 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// A figure between nothing and everything with its interval, over bands of what passes, warns and fails.
fn scale(check: &Check) -> Option<String> {
    let (from, to, left, right) = match check.id {
        CheckId::HeaderOnly | CheckId::BorderOnly | CheckId::Processing | CheckId::Marks => {
            (0.5, 1.0, "0.5: guessing", "1: always right")
        }
        CheckId::SourceConfounding | CheckId::ColumnsTogether => {
            (0.0, 1.0, "0: not at all", "1: entirely")
        }
        _ => return None,
    };
    let at = |value: f64| 10.0 + 480.0 * ((value - from) / (to - from)).clamp(0.0, 1.0);
    let (value, low, high) = (
        check.value.value()?,
        check.low.value()?,
        check.high.value()?,
    );
    let (warns, fails) = (check.warns_above.value()?, check.threshold.value()?);
    let mut svg =
        String::from(r#"<svg class="scale" viewBox="0 0 500 40" role="img" aria-hidden="true">"#);
    for (start, end, colour) in [
        (from, warns, "--right"),
        (warns, fails, "--warning"),
        (fails, to, "--problem"),
    ] {
        let (x, width) = (at(start), at(end) - at(start));
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            r#"<rect x="{x:.1}" y="8" width="{width:.1}" height="10" style="fill:var({colour})" opacity="0.3"/>"#
        );
    }
    let (low, high, middle) = (at(low), at(high), at(value));
    let _ = write!(
        svg,
        r#"<line x1="{low:.1}" x2="{high:.1}" y1="13" y2="13" style="stroke:var(--text)" stroke-width="3"/><circle cx="{middle:.1}" cy="13" r="6" style="fill:var(--text)"/><text x="10" y="34">{left}</text><text x="490" y="34" text-anchor="end">{right}</text></svg>"#
    );
    Some(svg)
}

/// The page of an audit without a training.
#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'a> {
    disclaimer: &'static str,
    style: &'static str,
    origin: String,
    labels: String,
    size: String,
    synthetic: bool,
    verdict: VerdictView<'a>,
    shown: AuditView<'a>,
    preprocessing: &'a str,
    after: Vec<AfterRow>,
    set_aside: &'a [SetAside],
}

/// A check before and after preprocessing.
struct AfterRow {
    question: &'static str,
    before_class: &'static str,
    before_word: &'static str,
    before: String,
    class: &'static str,
    word: &'static str,
    now: String,
}

/// Writes `audit.json`, `audit.html` and, where labels could be judged, `suspect_labels.csv` into `folder`, which is made where it is missing.
///
/// # Errors
///
/// What the file system or the renderer refuse.
pub fn write_audit(
    folder: &Path,
    audit: &Audit,
    dataset: &Dataset,
    set_aside: &[SetAside],
) -> Result<PathBuf, ReportError> {
    std::fs::create_dir_all(folder).map_err(|source| ReportError::Write {
        path: folder.to_owned(),
        source,
    })?;
    let section = AuditSection::of(audit.summary(None), Some(audit), Some(dataset));
    let html = page(&section, audit, dataset, set_aside)?;
    save(&folder.join("audit.json"), audit.to_json().as_bytes())?;
    save_suspects(&folder.join("suspect_labels.csv"), audit)?;
    let path = folder.join("audit.html");
    save(&path, html.as_bytes())?;
    Ok(path)
}

/// The list of films to read again; a list of an earlier audit that this one cannot make is taken away.
fn save_suspects(path: &Path, audit: &Audit) -> Result<(), ReportError> {
    if let Some(rows) = audit.suspect_labels() {
        return save(path, rows.as_bytes());
    }
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(ReportError::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

fn page(
    section: &AuditSection,
    audit: &Audit,
    dataset: &Dataset,
    set_aside: &[SetAside],
) -> Result<String, ReportError> {
    let shown = AuditView::of(section)?.unwrap_or(AuditView {
        measured: BEFORE_TRAINING,
        remedies: Vec::new(),
        checks: Vec::new(),
    });
    let after = audit.after.iter().flat_map(|after| &after.checks);
    let page = AuditPage {
        disclaimer: NOT_A_MEDICAL_DEVICE,
        style: include_str!("../templates/report.css"),
        origin: dataset.origin.display().to_string(),
        labels: audit.labels.join(", "),
        size: format!(
            "{} of {}",
            counted(audit.films, "film"),
            counted(audit.patients, "patient")
        ),
        synthetic: audit.synthetic,
        verdict: VerdictView::of(&section.summary),
        shown,
        preprocessing: audit
            .after
            .as_ref()
            .map_or("", |after| after.preprocessing.as_str()),
        after: after
            .filter_map(|now| {
                let before = audit.check(now.id)?;
                let ((before_class, _, before_word), (class, _, word)) =
                    (look_of(before.status), look_of(now.status));
                Some(AfterRow {
                    question: now.id.question(),
                    before_class,
                    before_word,
                    before: figure_text(before),
                    class,
                    word,
                    now: figure_text(now),
                })
            })
            .collect(),
        set_aside,
    };
    Ok(page.render()?)
}
