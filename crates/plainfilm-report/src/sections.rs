//! What the page says in tables about operation, folds and subgroups.

use super::ReportInput;
use plainfilm_figures::{
    CalibrationLuck, CalibrationMethod, Estimate, Figure, ON_THESE_FILMS, figure_name,
};
use plainfilm_train::FoldSummary;

/// A figure and its interval, as two texts.
pub(super) type Cell = (String, String);

pub(super) fn percent(figure: &Estimate) -> Cell {
    (figure.percent(1), figure.percent_ends(1))
}

pub(super) fn number(figure: &Estimate) -> Cell {
    (format!("{figure:.3}"), figure.number_ends(3))
}

/// The calibration error, and what it would be by luck alone.
pub(super) fn calibration_error(error: &Estimate, luck: &CalibrationLuck) -> Cell {
    (error.percent(1), luck.in_words())
}

/// How probabilities become answers.
pub(super) struct OperationView {
    /// One sentence on calibration.
    pub calibration: String,
    /// Figures before and after it; empty where nothing was corrected.
    pub corrected: Vec<(&'static str, Cell, Cell)>,
    /// The Brier score in parts, in words.
    pub brier: String,
    /// One sentence on the threshold in force.
    pub threshold: String,
    /// Rule, threshold, and sensitivity, specificity, PPV and NPV on the test films.
    pub points: Vec<(String, String, [Cell; 4])>,
    /// What the predictive values are stated at.
    pub prevalence: String,
    /// On which films thresholds were chosen.
    pub honesty: &'static str,
    /// What the threshold in force is worth; empty where that cannot be said.
    pub worth: String,
    /// On films without an answer; empty where every film has one.
    pub not_sure: String,
}

impl OperationView {
    pub(super) fn of(input: &ReportInput) -> Option<Self> {
        let on_test = input.operation_on_test.as_ref()?;
        let own = input.operation.as_ref();
        let calibration = match own {
            None => "Every fold was calibrated, if at all, on its own validation films.".to_owned(),
            Some(own) if own.calibration.method == CalibrationMethod::None => {
                let whose = match input.has_network() {
                    true => "are the network's own, not calibrated",
                    false => "were not calibrated here",
                };
                format!("Probabilities {whose}: {}.", own.calibration.chosen)
            }
            Some(own) => format!("Probabilities are calibrated: {}.", own.calibration.chosen),
        };
        let test = input.part(plainfilm_data::Part::Test);
        let corrected = match (&on_test.uncalibrated, test) {
            (Some(before), Some(after)) => vec![
                (
                    "calibration error",
                    calibration_error(&before.ece, &before.calibration),
                    calibration_error(&after.ece, &after.calibration),
                ),
                ("loss", number(&before.loss), number(&after.loss)),
                ("Brier score", number(&before.brier), number(&after.brier)),
            ],
            _ => Vec::new(),
        };
        let brier = on_test.brier.as_ref().map_or(String::new(), |parts| {
            format!(
                "The Brier score, {:.3}, is {:.3} lost by probabilities that do not mean what they say, less {:.3} \
                 gained by telling films apart, plus {:.3} that the labels' shares alone leave open.",
                parts.score, parts.miscalibration, parts.discrimination, parts.uncertainty
            )
        });
        let threshold = match own {
            Some(own) if input.labels.len() == 2 => format!(
                "A film is classified as “{}” from a probability of {:.3} on ({}).",
                input.labels[input.positive], own.threshold, own.chosen
            ),
            Some(_) => "The most probable label is predicted.".to_owned(),
            None if on_test.points.is_empty() => {
                "Every fold's network has a threshold of its own, chosen on its validation films."
                    .to_owned()
            }
            None => String::new(),
        };
        let points = on_test
            .points
            .iter()
            .map(|point| {
                let of = &point.figures;
                let cells = [&of.sensitivity, &of.specificity, &of.ppv, &of.npv].map(percent);
                (rule(&point.rule), format!("{:.3}", point.threshold), cells)
            })
            .collect();
        let not_sure = match (&on_test.answered, own.and_then(|own| own.not_sure)) {
            (Some(answered), Some(band)) => format!(
                "{} a film is classified as “not sure”. Of the test films {} get a label, and {} of these labels are \
                 right.",
                if input.labels.len() == 2 {
                    format!("From {:.3} to {:.3}", band.low, band.high)
                } else {
                    format!("Below {:.3}", band.high)
                },
                answered.coverage.percent_with_ends(1, 1),
                answered.accuracy.percent_with_ends(1, 1)
            ),
            _ => String::new(),
        };
        Some(Self {
            calibration,
            corrected,
            brier,
            threshold,
            points,
            prevalence: format!(
                "{}, {}",
                Figure::from(on_test.prevalence).percent(1),
                on_test.prevalence_from
            ),
            honesty: match on_test
                .points
                .iter()
                .any(|point| point.rule.ends_with(ON_THESE_FILMS))
            {
                true => {
                    "Thresholds chosen on these very films look better than they are: take one over only to judge it \
                     on other films. The threshold in force was not chosen on them."
                }
                false => "No threshold was chosen on test films.",
            },
            worth: on_test
                .points
                .first()
                .and_then(|point| {
                    let worth = point.net_benefit.as_ref()?;
                    Some(worth.sentence(point.threshold, on_test.prevalence))
                })
                .unwrap_or_default(),
            not_sure,
        })
    }
}

/// A rule in words.
fn rule(name: &str) -> String {
    let (name, on) = match name.strip_suffix(ON_THESE_FILMS) {
        Some(name) => (name, "these films"),
        None => (name, "validation"),
    };
    match name.split_once('=') {
        None if name == "youden" => format!("Youden's J, chosen on {on}"),
        None => name.to_owned(),
        Some(("cost", costs)) => format!("cost of a miss to an alarm {costs}, on {on}"),
        Some((what, share)) => {
            let share = share.parse::<f64>().unwrap_or(f64::NAN);
            format!("{what} of {} on {on}", Figure::from(share).percent(0))
        }
    }
}

/// A cross-validation.
pub(super) struct FoldsView {
    /// Heading.
    pub heading: String,
    /// Figure, mean with its interval, deviation, range.
    pub spread: Vec<(String, Cell, String, String)>,
    /// Repeat, and the figures of all its folds together; empty with one repeat.
    pub repeats: Vec<(usize, [String; 3])>,
    /// Each fold with its repeat, films and figures.
    pub folds: Vec<(String, usize, [String; 3])>,
    /// Beside the same without regard to patients: how, accuracy, AUROC, test films of patients in training.
    pub beside: Vec<(&'static str, Cell, Cell, String)>,
}

impl FoldsView {
    pub(super) fn of(input: &ReportInput) -> Option<Self> {
        let folds = input.folds.as_ref()?;
        let figures = |row: &plainfilm_figures::FoldFigures| {
            let figure = |name| row.figure(name).map_or(Figure::UNDEFINED, Figure::from);
            [
                figure("accuracy").percent(1),
                figure("balanced_accuracy").percent(1),
                format!("{:.3}", figure("auroc")),
            ]
        };
        Some(Self {
            heading: heading(folds),
            spread: folds
                .spread
                .iter()
                .map(|spread| {
                    (
                        figure_name(&spread.name),
                        number(&spread.mean),
                        format!("{:.3}", spread.deviation),
                        format!("{:.3} to {:.3}", spread.range[0], spread.range[1]),
                    )
                })
                .collect(),
            repeats: folds
                .pooled
                .iter()
                .map(|repeat| (repeat.repeat, figures(repeat)))
                .collect(),
            folds: folds
                .folds
                .iter()
                .map(|fold| {
                    let number = fold.fold.unwrap_or(0);
                    let name = match folds.repeats {
                        1 => format!("fold {number}"),
                        _ => format!("repeat {}, fold {number}", fold.repeat),
                    };
                    (name, fold.n, figures(fold))
                })
                .collect(),
            beside: beside(input),
        })
    }
}

fn heading(folds: &FoldSummary) -> String {
    let count = folds.folds.len();
    match folds.repeats {
        1 => format!("Cross-validation, {count} folds"),
        repeats => format!("Cross-validation, {repeats} repeats, {count} folds in all"),
    }
}

fn beside(input: &ReportInput) -> Vec<(&'static str, Cell, Cell, String)> {
    let (Some(other), Some(own)) = (&input.ungrouped, input.part(plainfilm_data::Part::Test))
    else {
        return Vec::new();
    };
    let shared = |count: usize, of: usize| format!("{count} of {of}");
    vec![
        (
            "by patient",
            percent(&own.accuracy),
            number(&own.auroc),
            shared(input.data.shared_test_films, own.n),
        ),
        (
            "without regard to patients",
            percent(&other.test.accuracy),
            number(&other.test.auroc),
            shared(other.test_films_with_patient_in_training, other.test.n),
        ),
    ]
}

/// One group's figures.
pub(super) struct SubgroupRow<'a> {
    pub attribute: &'a str,
    pub group: &'a str,
    pub films: usize,
    pub patients: usize,
    /// Of the films, those with the finding.
    pub share: String,
    pub figures: Vec<Cell>,
}

/// Figures by group.
pub(super) struct SubgroupsView<'a> {
    /// Names of the columns of figures.
    pub columns: Vec<String>,
    /// One a group.
    pub rows: Vec<SubgroupRow<'a>>,
    /// Gaps that luck does not explain.
    pub gaps: &'a [String],
    /// Where there is none: what that says.
    pub no_gap: Option<String>,
    /// Groups that are left out.
    pub skipped: &'a [String],
}

impl<'a> SubgroupsView<'a> {
    pub(super) fn of(input: &'a ReportInput) -> Option<Self> {
        let subgroups = &input.subgroups;
        let sentence = subgroups.sentence()?;
        let first = subgroups.groups.first();
        let columns = first
            .iter()
            .flat_map(|group| &group.figures)
            .map(|(name, _)| figure_name(name))
            .collect();
        Some(Self {
            columns,
            rows: subgroups
                .groups
                .iter()
                .map(|group| {
                    let share = Figure::ratio(group.positives as f64, group.n as f64);
                    let cells = group.figures.iter();
                    let figures = cells.map(|(name, figure)| match name.as_str() {
                        "auroc" => number(figure),
                        _ => percent(figure),
                    });
                    SubgroupRow {
                        attribute: &group.attribute,
                        group: &group.group,
                        films: group.n,
                        patients: group.patients,
                        share: share.percent(0),
                        figures: figures.collect(),
                    }
                })
                .collect(),
            gaps: &subgroups.gaps,
            no_gap: subgroups.gaps.is_empty().then_some(sentence),
            skipped: &subgroups.skipped,
        })
    }
}
