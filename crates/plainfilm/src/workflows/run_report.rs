//! What the report says about a training: a finished run turned into the plain data of a page.

use plainfilm_audit::AuditSummary;
use plainfilm_data::{Dataset, Part, PatientOrigin, Split};
use plainfilm_figures::ScoredFilm;
use plainfilm_film::radiograph::Plane;
use plainfilm_model::device::Precision;
use plainfilm_model::networks::Freeze;
use plainfilm_report::{
    AuditSection, DataSummary, EvidenceSection, Notice, Record, ReportInput, RunFacts, Severity,
    TestSample, Thumbnail, TrainingRecord, TrainingSample,
};
use plainfilm_train::{
    ElsewhereEstimate, FinishedRun, HistoryRow, Progress, RunMetrics, TrainError, TrainSettings,
    settings_text,
};

use super::on_any_page::{
    TEST_SAMPLES, THUMBNAIL, draw, labels_in_title, model_facts, notices_of_figures, sample,
    surest_errors,
};

/// Films in the row of training films.
const TRAINING_SAMPLES: usize = 8;

/// The page of a finished run, with the heat maps that belong on it.
///
/// # Errors
///
/// When a film that the page shows cannot be read any more, or the network cannot be summed up.
pub(super) fn report_input(
    run: &FinishedRun<'_>,
    evidence: Option<EvidenceSection>,
) -> Result<ReportInput, TrainError> {
    Pages(run).input(evidence)
}

/// What is asked of the run several times.
struct Pages<'a>(&'a FinishedRun<'a>);

impl Pages<'_> {
    fn input(&self, evidence: Option<EvidenceSection>) -> Result<ReportInput, TrainError> {
        let (progress, metrics, test) = (self.0.progress, self.0.metrics, self.0.test);
        let settings = self.0.settings;
        let dataset = &self.0.films.dataset;
        let history = progress
            .map(|progress| progress.history.clone())
            .unwrap_or_default();
        let parts = [Part::Test, Part::Validation, Part::Train];
        Ok(ReportInput {
            title: format!(
                "{}: {}",
                settings.model.title(),
                match dataset.findings.len() {
                    0 => labels_in_title(&dataset.labels),
                    count => format!("{count} findings"),
                }
            ),
            labels: dataset.labels.clone(),
            positive: settings.positive_of(&dataset.labels),
            kept_epoch: metrics.best_epoch,
            metrics: parts
                .into_iter()
                .filter_map(|part| Some((part, metrics.part(part)?.clone())))
                .collect(),
            scored: test.to_vec(),
            operation: metrics.operation.clone(),
            operation_on_test: metrics.operation_on_test.clone(),
            subgroups: metrics.subgroups.clone(),
            learning_curve: metrics.learning_curve.clone(),
            elsewhere: metrics.elsewhere.clone(),
            folds: metrics.folds.clone(),
            ungrouped: metrics.ungrouped.clone(),
            errors: self.errors(test)?,
            test_samples: self.test_samples(test)?,
            training_samples: self.training_samples()?,
            data: data_summary(dataset, self.0.split, metrics),
            record: Record::Training(TrainingRecord {
                settings: settings_text(settings),
                model: model_facts(
                    settings.model.title(),
                    &settings.network(),
                    &settings.preprocessing,
                )?,
                run: self.run_facts(progress, &history),
            }),
            notices: notices(dataset, settings, metrics),
            audit: AuditSection::of(
                metrics
                    .audit
                    .clone()
                    .unwrap_or_else(AuditSummary::not_audited),
                self.0.audit,
                Some(dataset),
            ),
            evidence,
            findings: metrics.findings.clone(),
            history,
        })
    }

    fn run_facts(&self, progress: Option<&Progress>, history: &[HistoryRow]) -> RunFacts {
        let seconds: f64 = history.iter().map(|row| row.seconds).sum();
        let films = history.len() * self.0.split.indices(Part::Train).len();
        RunFacts {
            device: match self.0.settings.precision {
                Precision::Float32 => self.0.settings.device.clone(),
                Precision::BFloat16 => format!("{} (bf16)", self.0.settings.device),
            },
            threads: self.0.settings.threads,
            seconds,
            films_per_second: (seconds > 0.0).then(|| films as f64 / seconds),
            seed: self.0.settings.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: progress.map_or("fold by fold".to_owned(), |progress| {
                progress.started.clone()
            }),
        }
    }

    /// A seeded draw of test films, in the order of the split's films.
    fn test_samples(&self, test: &[ScoredFilm]) -> Result<Vec<TestSample>, TrainError> {
        let drawn = draw(
            test.len(),
            TEST_SAMPLES,
            self.0.settings.seed,
            "test samples",
        );
        self.samples(test, &drawn)
    }

    /// The test films that were called wrongly, the most probable first.
    fn errors(&self, test: &[ScoredFilm]) -> Result<Vec<TestSample>, TrainError> {
        self.samples(test, &surest_errors(test))
    }

    fn samples(
        &self,
        test: &[ScoredFilm],
        positions: &[usize],
    ) -> Result<Vec<TestSample>, TrainError> {
        let indices = self.0.split.indices(Part::Test);
        positions
            .iter()
            .map(|&position| Ok(sample(&test[position], self.thumbnail(indices[position])?)))
            .collect()
    }

    fn training_samples(&self) -> Result<Vec<TrainingSample>, TrainError> {
        let indices = self.0.split.indices(Part::Train);
        draw(
            indices.len(),
            TRAINING_SAMPLES,
            self.0.settings.seed,
            "training samples",
        )
        .into_iter()
        .map(|position| {
            let film = &self.0.films.dataset.films[indices[position]];
            Ok(TrainingSample {
                path: film.path.clone(),
                label: film.label,
                thumbnail: self.thumbnail(indices[position])?,
            })
        })
        .collect()
    }

    fn thumbnail(&self, index: usize) -> Result<Thumbnail, TrainError> {
        self.0
            .films
            .plane(index)
            .map(|plane| shrink(&plane))
            .map_err(|problem| {
                let dataset = &self.0.films.dataset;
                TrainError::Corrupt {
                    path: dataset.origin.join(&dataset.films[index].path),
                    problem,
                }
            })
    }
}

/// Means over equal blocks; a plane that is small already stays as it is.
fn shrink(plane: &Plane) -> Thumbnail {
    let side = plane.size.min(THUMBNAIL);
    let edge = |i: usize| i * plane.size / side;
    let mut pixels = Vec::with_capacity(side * side);
    for row in 0..side {
        for column in 0..side {
            let (rows, columns) = (edge(row)..edge(row + 1), edge(column)..edge(column + 1));
            let count = (rows.len() * columns.len()) as f32;
            let sum: f32 = rows
                .map(|y| {
                    plane.values[y * plane.size..][columns.clone()]
                        .iter()
                        .sum::<f32>()
                })
                .sum();
            pixels.push((sum / count * 255.0).round() as u8);
        }
    }
    Thumbnail {
        width: side as u32,
        height: side as u32,
        pixels,
    }
}

fn data_summary(dataset: &Dataset, split: &Split, metrics: &RunMetrics) -> DataSummary {
    let mut counts = vec![[0; 3]; dataset.labels.len()];
    let mut sources = std::collections::BTreeMap::<String, Vec<usize>>::new();
    for (film, part) in dataset.films.iter().zip(&split.parts) {
        // What a learning curve leaves out is in no part.
        if let Some(count) = counts[film.label].get_mut(*part as usize) {
            *count += 1;
        }
        if let Some(source) = &film.source {
            let row = sources
                .entry(source.clone())
                .or_insert_with(|| vec![0; counts.len()]);
            row[film.label] += 1;
        }
    }
    let everyone: std::collections::BTreeSet<&str> = dataset
        .films
        .iter()
        .map(|film| film.patient_id.as_str())
        .collect();
    DataSummary {
        origin: dataset.origin.display().to_string(),
        counts,
        patients: [Part::Train, Part::Validation, Part::Test].map(|part| split.patients_in(part)),
        patients_in_all: everyone.len(),
        patient_origin: Some(dataset.patients),
        sources: sources.into_iter().collect(),
        split_method: metrics.split.clone(),
        grouped: !split.method.ignores_patients(),
        shared_test_films: metrics.test_films_with_patient_in_training,
        set_aside: dataset.set_aside.clone(),
        synthetic: dataset.synthetic,
    }
}

/// What the reader must know before the figures.
fn notices(dataset: &Dataset, settings: &TrainSettings, metrics: &RunMetrics) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut say = |severity, text: String| notices.push(Notice { severity, text });
    let shared = metrics.test_films_with_patient_in_training;
    if shared > 0 {
        say(
            Severity::Problem,
            format!(
                "{shared} of {} test films show a patient who is in training too. The figures say how \
                 well the network knows these patients, not how well it would do on new ones.",
                metrics.test.as_ref().map_or(0, |test| test.n)
            ),
        );
    }
    if let (Some(elsewhere), Some(test)) = (
        metrics
            .elsewhere
            .as_ref()
            .and_then(ElsewhereEstimate::measured),
        &metrics.test,
    ) {
        say(
            Severity::Warning,
            format!(
                "The test films are from the sources that the network was trained on: AUROC {}. On sources that were left \
                 out in turn the same training reaches {}: that is what to expect elsewhere.",
                test.auroc.number_with_ends(2),
                elsewhere.auroc.number_with_ends(2)
            ),
        );
    }
    if dataset.synthetic {
        say(
            Severity::Warning,
            "The films are synthetic: no figure here says anything about patients.".to_owned(),
        );
    }
    if dataset.patients == PatientOrigin::NearDuplicates {
        say(
            Severity::Warning,
            "Nothing says which films are of one patient. Groups of near-duplicate films stand in for \
             patients, so films of one patient may be on both sides of the split."
                .to_owned(),
        );
    }
    if let Some(test) = &metrics.test {
        notices.extend(notices_of_figures(test, &metrics.subgroups));
    }
    let mut say = |severity, text: String| notices.push(Notice { severity, text });
    if let (Some(last), Some(test), Some(best)) =
        (&metrics.last_epoch, &metrics.test, metrics.best_epoch)
    {
        say(
            Severity::Note,
            format!(
                "The notebook tests the weights of its last epoch: here that is epoch {}, with accuracy \
                 {} and loss {}. The figures of this report are of epoch {best}, with accuracy {} and \
                 loss {}: it was chosen on the validation films, which are not test films, and is the one \
                 to report, for what a network learns after its best epoch is its training films.",
                last.epoch, last.test.accuracy, last.test.loss, test.accuracy, test.loss,
            ),
        );
    }
    if let Some(weights) = &settings.weights {
        say(
            Severity::Note,
            format!(
                "Training began with the weights of {} ({}, SHA-256 {}), not at random.",
                weights.record.file, weights.record.format, weights.record.sha256
            ),
        );
    }
    match &settings.freeze {
        // The frozen layers have what they came with.
        _ if settings.weights.is_some() => {}
        Freeze::None => {}
        Freeze::Backbone => say(
            Severity::Warning,
            "The backbone is frozen with random weights: only the head has learned.".to_owned(),
        ),
        Freeze::Before(stage) => say(
            Severity::Warning,
            format!("The layers before {stage} are frozen with random weights."),
        ),
    }
    if !dataset.set_aside.is_empty() {
        say(
            Severity::Note,
            format!(
                "{} files could not be used; they are listed below.",
                dataset.set_aside.len()
            ),
        );
    }
    notices
}
