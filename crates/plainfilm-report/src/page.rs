//! `report.html`: fills the template.

use askama::Template;

use super::audit::{AuditView, ON_JUDGED_FILMS, VerdictView};
use super::cautions::{Headline, headlines};
use super::elsewhere::ElsewhereView;
use super::evidence::EvidenceView;
use super::findings::FindingsView;
use super::pictures::{Picture, base64_png};
use super::sections::{FoldsView, OperationView, SubgroupsView, calibration_error};
use super::wording::{counted, duration, thousands, work};
use super::{ModelFacts, Record, ReportError, ReportInput, Severity, TestSample};
use plainfilm_data::{Part, PatientOrigin};
use plainfilm_figures::{Estimate, Figure, LabelMetrics, PartMetrics, classification_report};
use plainfilm_film::NOT_A_MEDICAL_DEVICE;

/// The page. Everything that a user may have written passes the template's HTML escaping; `safe` is
/// used only for the style sheet and for SVG, which escapes its own text.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    input: &'a ReportInput,
    disclaimer: &'static str,
    style: &'static str,
    /// Below the title: what is judged, on what, when.
    under: String,
    is_training: bool,
    settings: &'a str,
    heading: String,
    headlines: Vec<Headline>,
    notices: Vec<NoticeView<'a>>,
    verdict: VerdictView<'a>,
    shown: Option<AuditView<'a>>,
    evidence: Option<EvidenceView>,
    findings: Option<FindingsView<'a>>,
    charts: Vec<&'a str>,
    parts: Vec<&'static str>,
    figures: Vec<FigureRow>,
    test: Option<&'a PartMetrics>,
    /// The labels of the test films with their figures; where there are many, the highest F1 first.
    by_label: Vec<&'a (String, LabelMetrics)>,
    sorted: bool,
    classification_report: String,
    operation: Option<OperationView>,
    folds: Option<FoldsView>,
    elsewhere: Option<ElsewhereView<'a>>,
    subgroups: Option<SubgroupsView<'a>>,
    errors: Vec<FilmView<'a>>,
    test_films: Vec<FilmView<'a>>,
    training_films: Vec<FilmView<'a>>,
    counts: Vec<CountRow<'a>>,
    source_columns: Vec<&'a str>,
    sources: Vec<SourceRow<'a>>,
    patients_are: &'static str,
    facts: Vec<(&'static str, String)>,
}

struct NoticeView<'a> {
    class: &'static str,
    mark: &'static str,
    name: &'static str,
    text: &'a str,
}

/// One figure over all parts.
struct FigureRow {
    name: &'static str,
    meaning: &'static str,
    /// Each with its 95 % interval, empty where it has none.
    values: Vec<(String, String)>,
}

struct FilmView<'a> {
    path: &'a str,
    /// The predicted label of a test film, the label of a training film.
    title: &'a str,
    truth: &'a str,
    class: &'static str,
    mark: &'static str,
    detail: String,
    base64_png: String,
    width: u32,
    height: u32,
}

struct CountRow<'a> {
    name: &'a str,
    parts: [usize; 3],
    all: usize,
}

struct SourceRow<'a> {
    name: &'a str,
    films: Vec<usize>,
}

/// Renders the page.
pub(crate) fn render(
    input: &ReportInput,
    charts: &[Picture],
    evidence: &[Picture],
) -> Result<String, ReportError> {
    let test = input.part(Part::Test).filter(|metrics| metrics.n > 0);
    let page = Page {
        input,
        disclaimer: NOT_A_MEDICAL_DEVICE,
        style: include_str!("../templates/report.css"),
        under: under(input),
        is_training: input.training().is_some(),
        settings: input
            .training()
            .map_or("", |training| training.settings.as_str()),
        heading: format!(
            "{} {} from {}",
            match input.findings {
                None => "On",
                Some(_) => "Does a film show any finding? On",
            },
            counted(test.map_or(0, |metrics| metrics.n), "test film"),
            counted(input.data.patients[2], "patient")
        ),
        headlines: headlines(input),
        notices: input
            .notices
            .iter()
            .map(|notice| {
                let (class, mark, name) = match notice.severity {
                    Severity::Note => ("note", "i", "Note"),
                    Severity::Warning => ("warning", "!", "Warning"),
                    Severity::Problem => ("problem", "✗", "Problem"),
                };
                NoticeView {
                    class,
                    mark,
                    name,
                    text: &notice.text,
                }
            })
            .collect(),
        verdict: VerdictView::of(&input.audit.summary),
        shown: AuditView::of(&input.audit)?.map(|view| match &input.record {
            Record::Training(_) => view,
            Record::Evaluation(_) => AuditView {
                measured: ON_JUDGED_FILMS,
                ..view
            },
        }),
        evidence: input.evidence.as_ref().map(|section| {
            let audit_failed = input.audit.summary.verdict == plainfilm_audit::Status::Fail;
            EvidenceView::of(section, evidence, audit_failed)
        }),
        findings: input.findings.as_ref().map(FindingsView::of),
        charts: charts
            .iter()
            .map(|picture| picture.inline.as_str())
            .collect(),
        parts: input
            .metrics
            .iter()
            .map(|(part, _)| part_name(*part))
            .collect(),
        figures: figure_rows(input),
        test,
        by_label: by_label(input, test),
        sorted: input.has_many_labels(),
        classification_report: test.map(classification_report).unwrap_or_default(),
        operation: OperationView::of(input),
        folds: FoldsView::of(input),
        elsewhere: ElsewhereView::of(input),
        subgroups: SubgroupsView::of(input),
        errors: film_views(input, &input.errors)?,
        test_films: film_views(input, &input.test_samples)?,
        training_films: training_films(input)?,
        counts: input
            .labels
            .iter()
            .zip(&input.data.counts)
            .map(|(name, parts)| CountRow {
                name,
                parts: *parts,
                all: parts.iter().sum(),
            })
            .collect(),
        source_columns: match input.has_many_labels() {
            true => vec!["films"],
            false => input.labels.iter().map(String::as_str).collect(),
        },
        sources: input
            .data
            .sources
            .iter()
            .map(|(name, films)| SourceRow {
                name,
                films: match input.has_many_labels() {
                    true => vec![films.iter().sum()],
                    false => films.clone(),
                },
            })
            .collect(),
        patients_are: match input.data.patient_origin {
            Some(PatientOrigin::Manifest) => "Patients as the data name them.",
            Some(PatientOrigin::Pattern) => "Patients by a pattern over file names.",
            Some(PatientOrigin::NearDuplicates) => {
                "Nothing says who the patients are: groups of near-duplicate films stand in for them."
            }
            None => {
                "Nothing says who the patients are: every film is taken to show one of its own."
            }
        },
        facts: facts(input),
    };
    Ok(page.render()?)
}

/// The labels of the test films, in their order or, where there are many, the highest F1 first.
fn by_label<'a>(
    input: &ReportInput,
    test: Option<&'a PartMetrics>,
) -> Vec<&'a (String, LabelMetrics)> {
    let mut labels: Vec<_> = test.iter().flat_map(|test| &test.per_label).collect();
    if input.has_many_labels() {
        // What is not defined comes last.
        let height = |label: &LabelMetrics| label.f1.value().unwrap_or(-1.0);
        labels.sort_by(|a, b| height(&b.1).total_cmp(&height(&a.1)));
    }
    labels
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Train => "training",
        Part::Validation => "validation",
        Part::Test => "test",
        Part::LeftOut => "left out",
    }
}

fn figure_rows(input: &ReportInput) -> Vec<FigureRow> {
    let row = |name, meaning, value: &dyn Fn(&PartMetrics) -> (String, String)| FigureRow {
        name,
        meaning,
        values: input.metrics.iter().map(|(_, part)| value(part)).collect(),
    };
    let percent = |figure: &Estimate| (figure.percent(1), figure.percent_ends(1));
    let number = |figure: &Estimate| (format!("{figure:.3}"), figure.number_ends(3));
    vec![
        row("films", "", &|part| {
            (thousands(part.n as u64), String::new())
        }),
        row("patients", "", &|part| {
            (thousands(part.patients as u64), String::new())
        }),
        row("accuracy", "films predicted right", &|part| {
            percent(&part.accuracy)
        }),
        row(
            "balanced accuracy",
            "mean sensitivity over labels",
            &|part| percent(&part.balanced_accuracy),
        ),
        row(
            "AUROC",
            "chance to rank a finding above none; 0.5 is guessing",
            &|part| number(&part.auroc),
        ),
        row("AUPRC", "average precision over all thresholds", &|part| {
            number(&part.auprc)
        }),
        row("loss", "cross-entropy in nats; lower is better", &|part| {
            number(&part.loss)
        }),
        row(
            "Brier score",
            "squared error of probabilities; lower is better",
            &|part| number(&part.brier),
        ),
        row(
            "calibration error",
            "gap between confidence and accuracy; above 0 by chance alone",
            &|part| calibration_error(&part.ece, &part.calibration),
        ),
        row(
            "calibration error without chance",
            "root mean square, less what chance adds",
            &|part| (part.calibration.debiased.percent(1), String::new()),
        ),
        row(
            "Cohen's kappa",
            "agreement beyond chance; 1 is perfect, 0 is chance",
            &|part| number(&part.kappa),
        ),
        row(
            "Matthews correlation",
            "of truth and prediction; 1 is perfect, 0 is chance",
            &|part| number(&part.mcc),
        ),
    ]
}

fn film_views<'a>(
    input: &'a ReportInput,
    samples: &'a [TestSample],
) -> Result<Vec<FilmView<'a>>, ReportError> {
    samples
        .iter()
        .map(|sample| {
            let right = sample.truth == sample.predicted;
            Ok(FilmView {
                path: &sample.path,
                title: &input.labels[sample.predicted],
                truth: &input.labels[sample.truth],
                class: if right { "right" } else { "wrong" },
                mark: if right { "✓" } else { "✗" },
                detail: Figure::from(sample.probability).percent(1),
                base64_png: base64_png(&sample.path, &sample.thumbnail)?,
                width: sample.thumbnail.width,
                height: sample.thumbnail.height,
            })
        })
        .collect()
}

fn training_films(input: &ReportInput) -> Result<Vec<FilmView<'_>>, ReportError> {
    input
        .training_samples
        .iter()
        .map(|sample| {
            Ok(FilmView {
                path: &sample.path,
                title: &input.labels[sample.label],
                truth: "",
                class: "",
                mark: "",
                detail: String::new(),
                base64_png: base64_png(&sample.path, &sample.thumbnail)?,
                width: sample.thumbnail.width,
                height: sample.thumbnail.height,
            })
        })
        .collect()
}

/// What is judged, on what, when.
fn under(input: &ReportInput) -> String {
    let (judged, when) = match &input.record {
        Record::Training(training) => (&training.model.name, &training.run.started),
        Record::Evaluation(evaluation) => (&evaluation.judged, &evaluation.when),
    };
    let synthetic = match input.data.synthetic {
        true => " (synthetic films)",
        false => "",
    };
    let origin = &input.data.origin;
    match judged == origin {
        true => format!("{judged}{synthetic}, {when}"),
        false => format!("{judged} on {origin}{synthetic}, {when}"),
    }
}

fn facts(input: &ReportInput) -> Vec<(&'static str, String)> {
    let training = match &input.record {
        Record::Training(training) => training,
        Record::Evaluation(evaluation) => {
            let mut facts = vec![("Judged", evaluation.judged.clone())];
            facts.extend(evaluation.model.iter().flat_map(model_facts));
            facts.extend(evaluation.facts.iter().cloned());
            return facts;
        }
    };
    let run = &training.run;
    let mut facts = model_facts(&training.model);
    facts.push(("Device", run.device.clone()));
    facts.push(("Threads", run.threads.to_string()));
    facts.push(("Training time", duration(run.seconds)));
    if let Some(speed) = run.films_per_second {
        facts.push(("Speed", format!("{speed:.1} films/s")));
    }
    if let Some(last) = input.history.last() {
        let kept = input
            .kept_epoch
            .map(|epoch| format!(", epoch {epoch} kept"))
            .unwrap_or_default();
        facts.push(("Epochs", format!("{}{kept}", last.epoch)));
    }
    facts.push(("Seed", run.seed.to_string()));
    facts.push(("Started", run.started.clone()));
    facts.push(("plainfilm", run.version.clone()));
    facts
}

fn model_facts(model: &ModelFacts) -> Vec<(&'static str, String)> {
    let [channels, rows, columns] = model.input;
    let mut facts = vec![
        ("Network", model.name.clone()),
        (
            "Input",
            format!(
                "{rows} × {columns} pixels, {channels} {}",
                if channels == 1 { "channel" } else { "channels" }
            ),
        ),
        (
            "Parameters",
            format!(
                "{} ({} trainable)",
                thousands(model.parameters),
                thousands(model.trainable)
            ),
        ),
    ];
    if let Some(flops) = model.flops {
        facts.push(("Work per film", work(flops)));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::super::example::{example, with_labels};
    use super::super::pictures::charts;
    use super::*;
    use crate::{Notice, Severity};
    use plainfilm_data::SetAside;

    fn page(input: &ReportInput) -> String {
        render(input, &charts(input), &[]).unwrap()
    }

    #[test]
    fn what_users_wrote_is_never_markup() {
        const EVIL: &str = "<script>alert(\"x\")</script>'\"><img src=x onerror=y>";
        let clean = page(&example());
        let mut input = example();
        input.title = EVIL.into();
        input.audit.summary.sentence = EVIL.into();
        input.labels[0] = EVIL.into();
        for (_, metrics) in &mut input.metrics {
            metrics.per_label[0].0 = EVIL.into();
        }
        input.test_samples[0].path = EVIL.into();
        input.training_samples[0].path = EVIL.into();
        input.data.origin = EVIL.into();
        input.data.split_method = EVIL.into();
        input.data.sources[0].0 = EVIL.into();
        input.data.set_aside.push(SetAside {
            path: EVIL.into(),
            reason: EVIL.into(),
        });
        let Record::Training(training) = &mut input.record else {
            panic!("the example is of a training")
        };
        training.settings = EVIL.into();
        training.model.name = EVIL.into();
        training.run.device = EVIL.into();
        input.notices.push(Notice {
            severity: Severity::Problem,
            text: EVIL.into(),
        });
        let html = page(&input);
        assert!(!html.contains("<script"));
        assert!(!html.contains("<img src=x"));
        assert!(!html.contains("x\")"));
        assert_eq!(
            html.matches("<img ").count(),
            clean.matches("<img ").count()
        );
        assert!(
            html.matches("&lt;script&gt;").count() + html.matches("&#60;script&#62;").count() > 12
        );
    }

    #[test]
    fn the_page_needs_nothing_but_itself() {
        let html = page(&example());
        for (index, _) in html.match_indices("http") {
            // SVG's name spaces are names, not addresses to fetch.
            assert!(
                html[index..].starts_with("http://www.w3.org/"),
                "{}",
                &html[index..][..60]
            );
        }
        for tag in ["<link", "<script", "@import", "url("] {
            assert!(!html.contains(tag), "{tag}");
        }
        for (index, _) in html.match_indices("src=") {
            assert!(html[index..].starts_with("src=\"data:image/png;base64,"));
        }
    }

    #[test]
    fn many_labels_are_sorted_by_figure_and_sources_by_films_alone() {
        let html = page(&with_labels(40));
        let row = |label: usize| html.find(&format!("<th scope=\"row\">label {label}</th>"));
        assert!(row(1) < row(39) && row(1).is_some());
        assert!(html.contains("the highest F1 first"));
        assert!(html.contains("<th scope=\"col\" class=\"number\">films</th></tr>"));
        assert!(!html.contains("<th scope=\"col\" class=\"number\">label 3</th>"));
        let few = page(&with_labels(6));
        assert!(!few.contains("the highest F1 first"));
        assert!(few.contains("<th scope=\"col\" class=\"number\">label 3</th>"));
    }

    #[test]
    fn the_disclaimer_stands_at_the_top_and_at_the_bottom() {
        let html = page(&example());
        let (first, last) = (
            html.find(NOT_A_MEDICAL_DEVICE).unwrap(),
            html.rfind(NOT_A_MEDICAL_DEVICE).unwrap(),
        );
        assert!(first < html.find("<h1").unwrap());
        assert!(last > html.rfind("<section").unwrap());
    }

    #[test]
    fn an_input_with_nothing_to_show_makes_a_page_without_figures() {
        let mut input = example();
        input.history.clear();
        input.metrics.clear();
        input.scored.clear();
        input.test_samples.clear();
        input.training_samples.clear();
        input.notices.clear();
        input.data.sources.clear();
        input.data.set_aside.clear();
        let html = page(&input);
        assert!(html.contains("There are no test films"));
        for absent in ["NaN", ">inf", "<svg"] {
            assert!(!html.contains(absent), "{absent}");
        }
    }

    #[test]
    fn undefined_figures_read_n_a() {
        let mut input = example();
        for film in &mut input.scored {
            film.truth = 0;
        }
        let metrics = plainfilm_figures::evaluate(&input.labels, 0, &input.scored);
        input.metrics = vec![(Part::Test, metrics)];
        let html = page(&input);
        assert!(html.contains("n/a"));
        assert!(!html.contains("NaN"));
        assert!(html.contains("Not defined: a label has no test films."));
    }
}
