//! One check: what was measured, how it was judged, what to do about it.

use serde::{Deserialize, Serialize};

use super::labels::SuspectLabel;
use plainfilm_figures::{Figure, Interval};

/// The checks of an audit; their names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckId {
    /// The label from facts of the file.
    HeaderOnly,
    /// The label from parts of the film without lungs.
    BorderOnly,
    /// The label from how films were processed.
    Processing,
    /// The label from letters, lines and objects.
    Marks,
    /// Films that are there twice.
    ExactDuplicates,
    /// Films that look the same.
    NearDuplicates,
    /// Patients on both sides of the split.
    PatientOverlap,
    /// The label from the hospital.
    SourceConfounding,
    /// The label from age, sex and view.
    CohortBalance,
    /// The label from several columns of the manifest at once.
    ColumnsTogether,
    /// Films that are not what they should be.
    ImageQuality,
    /// Films whose label is probably wrong.
    Labels,
}

impl CheckId {
    /// The name, as in `audit.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HeaderOnly => "header_only",
            Self::BorderOnly => "border_only",
            Self::Processing => "processing",
            Self::Marks => "marks",
            Self::ExactDuplicates => "exact_duplicates",
            Self::NearDuplicates => "near_duplicates",
            Self::PatientOverlap => "patient_overlap",
            Self::SourceConfounding => "source_confounding",
            Self::CohortBalance => "cohort_balance",
            Self::ColumnsTogether => "columns_together",
            Self::ImageQuality => "image_quality",
            Self::Labels => "labels",
        }
    }

    /// What is asked, for a heading.
    pub fn question(self) -> &'static str {
        match self {
            Self::HeaderOnly => "Can the label be predicted from the file alone?",
            Self::BorderOnly => "Can the label be predicted without the lungs?",
            Self::Processing => "Does how the film was processed predict the label?",
            Self::Marks => "Do letters, lines or objects predict the label?",
            Self::ExactDuplicates => "Are films there twice?",
            Self::NearDuplicates => "Do films look the same?",
            Self::PatientOverlap => "Are patients on both sides of the split?",
            Self::SourceConfounding => "Does the hospital predict the label?",
            Self::CohortBalance => "Do age, sex or view predict the label?",
            Self::ColumnsTogether => "Do columns of the manifest predict the label together?",
            Self::ImageQuality => "Are the films what they should be?",
            Self::Labels => "Are labels wrong?",
        }
    }

    /// The figure that is judged.
    pub fn measure(self) -> &'static str {
        match self {
            Self::HeaderOnly | Self::BorderOnly | Self::Processing | Self::Marks => "AUROC",
            Self::ExactDuplicates | Self::NearDuplicates => "pairs",
            Self::PatientOverlap => "share of test films",
            Self::SourceConfounding | Self::ColumnsTogether => "Cramér's V",
            Self::CohortBalance => "standardised difference",
            Self::ImageQuality => "share of films",
            Self::Labels => "share of labels",
        }
    }

    /// The publication that the check follows.
    pub fn source(self) -> &'static str {
        match self {
            Self::HeaderOnly => {
                "Garcia Santa Cruz et al., Med Image Anal 2021; Roberts et al., Nat Mach Intell 2021"
            }
            Self::BorderOnly => {
                "Maguolo & Nanni 2020 (arXiv:2004.12823); DeGrave et al., Nat Mach Intell 2021"
            }
            Self::Processing => {
                "Farid & Lyu, CVPR Workshops 2003; Popescu & Farid, IEEE Trans Signal Process 2005"
            }
            Self::Marks => "Oakden-Rayner et al., CHIL 2020; Zech et al., PLoS Med 2018",
            Self::ExactDuplicates | Self::NearDuplicates => {
                "Roberts et al., Nat Mach Intell 2021 (\"Frankenstein\" data sets)"
            }
            Self::PatientOverlap => "Yagis et al., Sci Rep 2021",
            Self::SourceConfounding | Self::ColumnsTogether => "Zech et al., PLoS Med 2018",
            Self::CohortBalance => "Austin, Commun Stat 2009; Larrazabal et al., PNAS 2020",
            Self::ImageQuality => "Oakden-Rayner, Acad Radiol 2020",
            Self::Labels => "Northcutt, Jiang & Chuang, J Artif Intell Res 2021",
        }
    }
}

/// How a check, or the whole audit, came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing found that matters.
    Pass,
    /// Found to a degree that matters.
    Warn,
    /// Enough to explain a good result by itself.
    Fail,
    /// Could not be looked at; the explanation says why.
    NotChecked,
}

impl Status {
    /// As in `audit.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::NotChecked => "not_checked",
        }
    }
}

/// How a figure came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    Pass,
    Warn,
    Fail,
    /// Too few films to tell a pass from a failure.
    Unclear,
}

impl Judged {
    pub fn status(self) -> Status {
        match self {
            Self::Pass => Status::Pass,
            Self::Warn => Status::Warn,
            Self::Fail => Status::Fail,
            Self::Unclear => Status::NotChecked,
        }
    }
}

/// Something to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// Arguments of `plainfilm train` (and of `plainfilm audit --after`), or none where the data
    /// themselves must change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// What it does, or what to do.
    pub what: String,
    /// Why it helps.
    pub why: String,
    /// Whether `plainfilm audit --after` can show what it does.
    pub can_be_tried: bool,
}

impl Remedy {
    /// Preprocessing that can be tried with `--after`.
    pub fn preprocessing(arguments: &str, why: &str) -> Self {
        Self {
            arguments: Some(arguments.to_owned()),
            what: format!("preprocess with {arguments}"),
            why: why.to_owned(),
            can_be_tried: true,
        }
    }

    /// Other arguments of `plainfilm train`.
    pub fn arguments(arguments: &str, why: &str) -> Self {
        Self {
            arguments: Some(arguments.to_owned()),
            what: format!("train with {arguments}"),
            why: why.to_owned(),
            can_be_tried: false,
        }
    }

    /// The remedy that hiding things cannot replace.
    pub(super) fn same_sources() -> Self {
        Self::advice(
            "use only sources that have films of every label",
            "what a source does to its films is then no hint, whether preprocessing hides it or not",
        )
    }

    /// Something that no flag does.
    pub fn advice(what: &str, why: &str) -> Self {
        Self {
            arguments: None,
            what: what.to_owned(),
            why: why.to_owned(),
            can_be_tried: false,
        }
    }
}

/// A further figure of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// What it is about.
    pub name: String,
    /// The figure's name, such as `AUROC`.
    pub measure: String,
    /// Its value.
    pub value: Figure,
    /// Lower end of its 95 % interval.
    pub low: Figure,
    /// Upper end.
    pub high: Figure,
    /// Whether it counts in the check's status.
    pub judged: bool,
}

impl Detail {
    /// An area under the ROC curve that is told but not judged.
    pub fn area(name: &str, area: &Interval) -> Self {
        Self::of(name, "AUROC", area)
    }

    /// Any figure with its interval, not judged.
    pub fn of(name: &str, measure: &str, interval: &Interval) -> Self {
        Self {
            name: name.to_owned(),
            measure: measure.to_owned(),
            value: interval.value.into(),
            low: interval.low.into(),
            high: interval.high.into(),
            judged: false,
        }
    }

    /// The same, counted in the check's status.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.judged = true;
        self
    }

    /// A plain number.
    pub fn number(name: &str, measure: &str, value: f64) -> Self {
        Self {
            name: name.to_owned(),
            measure: measure.to_owned(),
            value: value.into(),
            low: Figure::UNDEFINED,
            high: Figure::UNDEFINED,
            judged: false,
        }
    }
}

/// Rows of counts, such as films by source and label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountTable {
    /// What the rows are.
    pub rows_are: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Name and counts of each row.
    pub rows: Vec<(String, Vec<usize>)>,
}

/// A film with what was found on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilmFinding {
    /// Path as in [`plainfilm_data::Film::path`].
    pub path: String,
    /// Its label.
    pub label: String,
    /// What was found, in one line.
    pub finding: String,
}

/// Two films that are the same or look the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmPair {
    /// Path and label of the first.
    pub first: String,
    /// Label of the first.
    pub first_label: String,
    /// Path of the second.
    pub second: String,
    /// Label of the second.
    pub second_label: String,
    /// What makes the pair matter: `labels differ`, `patients differ`, `training and test`.
    pub crosses: Vec<String>,
    /// Whether one is the mirror image of the other.
    pub mirrored: bool,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which one.
    pub id: CheckId,
    /// How it came out.
    pub status: Status,
    /// The figure that was judged; none when it could not be found.
    pub value: Figure,
    /// Lower end of its 95 % interval, where it has one.
    pub low: Figure,
    /// Upper end.
    pub high: Figure,
    /// The check fails when the figure, or the lower end of its interval where it has one, is above
    /// this; none for a check that never fails.
    pub threshold: Figure,
    /// It warns above this.
    pub warns_above: Figure,
    /// The figure's name.
    pub measure: String,
    /// What was found, in one or two plain sentences, or why nothing could be.
    pub explanation: String,
    /// A clause for the verdict, where the check failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// The publication that the check follows.
    pub source: String,
    /// What to do about it.
    pub remedies: Vec<Remedy>,
    /// Further figures.
    pub details: Vec<Detail>,
    /// Counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<CountTable>,
    /// Films that were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub films: Vec<FilmFinding>,
    /// Pairs that were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<FilmPair>,
    /// Films whose label is probably wrong, the surest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<SuspectLabel>,
}

impl Check {
    /// A check that has not been made.
    pub fn new(id: CheckId) -> Self {
        Self {
            id,
            status: Status::NotChecked,
            value: Figure::UNDEFINED,
            low: Figure::UNDEFINED,
            high: Figure::UNDEFINED,
            threshold: Figure::UNDEFINED,
            warns_above: Figure::UNDEFINED,
            measure: id.measure().to_owned(),
            explanation: String::new(),
            headline: None,
            source: id.source().to_owned(),
            remedies: Vec::new(),
            details: Vec::new(),
            tables: Vec::new(),
            films: Vec::new(),
            pairs: Vec::new(),
            suspects: Vec::new(),
        }
    }

    /// The thresholds that the figure is held against.
    #[must_use]
    pub fn against(mut self, warns_above: f64, fails_above: f64) -> Self {
        self.warns_above = warns_above.into();
        self.threshold = fails_above.into();
        self
    }

    /// Not checked, for this reason.
    #[must_use]
    pub fn cannot(mut self, reason: String) -> Self {
        self.status = Status::NotChecked;
        self.explanation = sentence(&reason);
        self
    }

    /// With its figure and status.
    #[must_use]
    pub fn found(mut self, status: Status, value: f64, explanation: String) -> Self {
        self.status = status;
        self.value = value.into();
        self.explanation = sentence(&explanation);
        self
    }

    /// With an area that was judged by [`super::judge::judge_area`].
    #[must_use]
    pub(super) fn judged(self, judged: Judged, area: &Interval, explanation: String) -> Self {
        self.against(super::settings::AREA_WARNS, super::settings::AREA_FAILS)
            .found(judged.status(), area.value, explanation)
            .with_ends(area)
    }

    /// With the ends of an interval.
    #[must_use]
    pub fn with_ends(mut self, interval: &Interval) -> Self {
        self.low = interval.low.into();
        self.high = interval.high.into();
        self
    }
}

/// With a capital at the beginning and a full stop at the end.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", letters.as_str())
}
