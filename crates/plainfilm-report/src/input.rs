//! Everything that a report is made from: owned, plain data.

use super::{AuditSection, EvidenceSection};
use plainfilm_data::{Part, PatientOrigin, SetAside};
use plainfilm_figures::{Operation, OperationFigures, PartMetrics, ScoredFilm, Subgroups};
use plainfilm_film::radiograph::{Fit, Preprocessing, Radiograph};
use plainfilm_model::lungs::BundledLungs;
use plainfilm_train::{
    ElsewhereEstimate, FindingsFigures, FoldSummary, HistoryRow, LearningPoint, Ungrouped,
};

/// From so many labels on a page is laid out for many.
const MANY_LABELS: usize = 7;

/// The record of a network, or of predictions that any tool wrote, as the report shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportInput {
    /// Heading of the page.
    pub title: String,
    /// Label names in the order of the network's outputs; at least one.
    pub labels: Vec<String>,
    /// Index of the label whose presence is the finding
    /// (see [`plainfilm_figures::positive_label`]).
    pub positive: usize,
    /// One row per epoch, in order; empty when nothing was trained.
    pub history: Vec<HistoryRow>,
    /// The epoch whose weights were kept and evaluated, as in [`HistoryRow::epoch`].
    pub kept_epoch: Option<usize>,
    /// Figures of the parts that were evaluated, in the order in which they are shown.
    pub metrics: Vec<(Part, PartMetrics)>,
    /// The test films with their probabilities.
    pub scored: Vec<ScoredFilm>,
    /// How probabilities become answers; none for folds together.
    pub operation: Option<Operation>,
    /// What that does on the test films.
    pub operation_on_test: Option<OperationFigures>,
    /// The test films by sex, age, view and source.
    pub subgroups: Subgroups,
    /// What fewer training films reached, the most films last; empty where that was not tried.
    pub learning_curve: Vec<LearningPoint>,
    /// What the training reaches on sources that it has not seen; none where nobody asked.
    pub elsewhere: Option<ElsewhereEstimate>,
    /// The folds of a cross-validation.
    pub folds: Option<FoldSummary>,
    /// The same without regard to patients.
    pub ungrouped: Option<Ungrouped>,
    /// Test films that the network was surest and wrong about.
    pub errors: Vec<TestSample>,
    /// Test films to show; the picture holds the first 16.
    pub test_samples: Vec<TestSample>,
    /// Training films to show.
    pub training_samples: Vec<TrainingSample>,
    /// What the data set is and how it was split.
    pub data: DataSummary,
    /// What the page is a record of.
    pub record: Record,
    /// What the reader must know before the figures, most important first.
    pub notices: Vec<Notice>,
    /// How far the data set lets any figure be believed.
    pub audit: AuditSection,
    /// Where the network looked, where that was found out.
    pub evidence: Option<EvidenceSection>,
    /// Each finding for itself and all together, where films may have any number of them.
    pub findings: Option<FindingsFigures>,
}

/// What a page is a record of.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A network at the end of its training.
    Training(TrainingRecord),
    /// A network, or predictions that any tool wrote, judged on labelled films, all of which are test films.
    Evaluation(EvaluationRecord),
}

/// A training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRecord {
    /// The resolved settings, as TOML.
    pub settings: String,
    /// The network.
    pub model: ModelFacts,
    /// How it was run.
    pub run: RunFacts,
}

/// An evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRecord {
    /// What is judged, such as a network's name or a table's path.
    pub judged: String,
    /// When, as text.
    pub when: String,
    /// The network, where there is one.
    pub model: Option<ModelFacts>,
    /// One sentence beside the headline figures: whether training may have seen the films or their patients.
    pub seen: String,
    /// What else is known of how the probabilities came about: name and value.
    pub facts: Vec<(&'static str, String)>,
}

/// A small grey picture of a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` grey values, row by row.
    pub pixels: Vec<u8>,
}

impl Thumbnail {
    /// A whole film, at most `side` pixels along its longer side, over black.
    pub fn of(film: &Radiograph, side: usize) -> Self {
        let plane = Preprocessing {
            fit: Fit::Letterbox,
            size: side,
            ..Preprocessing::default()
        }
        .plane(film, &BundledLungs);
        Self {
            width: side as u32,
            height: side as u32,
            pixels: plane
                .values
                .iter()
                .map(|value| (value * 255.0).round() as u8)
                .collect(),
        }
    }
}

/// A test film with what the network said.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSample {
    /// Path as in [`plainfilm_data::Film::path`].
    pub path: String,
    /// Index of the true label.
    pub truth: usize,
    /// Index of the predicted label.
    pub predicted: usize,
    /// Probability of the predicted label.
    pub probability: f64,
    /// How it looks.
    pub thumbnail: Thumbnail,
}

/// A training film.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSample {
    /// Path as in [`plainfilm_data::Film::path`].
    pub path: String,
    /// Index of its label.
    pub label: usize,
    /// How it looks.
    pub thumbnail: Thumbnail,
}

/// What the data set is and how it was split.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSummary {
    /// The folder, manifest or archive, as the user named it.
    pub origin: String,
    /// For each label, in label order: training, validation and test films.
    pub counts: Vec<[usize; 3]>,
    /// Patients with films in training, validation and test.
    pub patients: [usize; 3],
    /// Different patients in all.
    pub patients_in_all: usize,
    /// How films were assigned to patients; none: every film is taken to show a patient of its own.
    pub patient_origin: Option<PatientOrigin>,
    /// Each source (hospital or collection) with its films by label, in label order; empty when no
    /// source is known.
    pub sources: Vec<(String, Vec<usize>)>,
    /// One sentence: how the split was made.
    pub split_method: String,
    /// Whether the split keeps each patient's films together.
    pub grouped: bool,
    /// Test films with a patient who has films in training too.
    pub shared_test_films: usize,
    /// What was found and not used.
    pub set_aside: Vec<SetAside>,
    /// Whether a generator drew the films.
    pub synthetic: bool,
}

/// The network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFacts {
    /// As users know it, such as `DarkCovidNet`.
    pub name: String,
    /// Values in it.
    pub parameters: u64,
    /// Of these, fitted in training.
    pub trainable: u64,
    /// Floating-point operations for one film, where known.
    pub flops: Option<u64>,
    /// Input channels, rows and columns.
    pub input: [usize; 3],
}

/// How the network was run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFacts {
    /// Such as `cpu` or `vulkan:0`.
    pub device: String,
    /// Threads on the CPU.
    pub threads: usize,
    /// Wall-clock time of training.
    pub seconds: f64,
    /// Training films seen per second, where anything was trained.
    pub films_per_second: Option<f64>,
    /// Seed of every random draw.
    pub seed: u64,
    /// Version of plainfilm.
    pub version: String,
    /// Start of the run, as text.
    pub started: String,
}

/// Something that the reader must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub severity: Severity,
    /// One or two sentences.
    pub text: String,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// The figures may mislead.
    Warning,
    /// The figures must not be relied on.
    Problem,
}

impl ReportInput {
    /// The training, where the page is a record of one.
    pub(crate) fn training(&self) -> Option<&TrainingRecord> {
        match &self.record {
            Record::Training(training) => Some(training),
            Record::Evaluation(_) => None,
        }
    }

    /// Whether a network that plainfilm knows gave the probabilities.
    pub(crate) fn has_network(&self) -> bool {
        match &self.record {
            Record::Training(_) => true,
            Record::Evaluation(evaluation) => evaluation.model.is_some(),
        }
    }

    /// Whether there are so many labels that lists and pictures of all of them would not be read.
    #[must_use]
    pub fn has_many_labels(&self) -> bool {
        self.labels.len() >= MANY_LABELS
    }

    /// Figures of one part, where it was evaluated.
    pub fn part(&self, part: Part) -> Option<&PartMetrics> {
        self.metrics
            .iter()
            .find(|(found, _)| *found == part)
            .map(|(_, metrics)| metrics)
    }
}
