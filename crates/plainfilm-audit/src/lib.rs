//! Before any training: how much of the label can be had without looking at the lungs, and what leaks
//! between the parts of a split.
//!
//! Films are looked at once, as they stream by ([`Collector`]); what is kept of each is small, so a
//! large data set needs little memory. Then every check measures one thing, says how it is judged and
//! what to do about it ([`Check`]), and the worst of them is the verdict ([`Audit`]).
//!
//! Every random draw is a function of the seed and of what it is for, so an audit can be repeated to
//! the last digit.

mod border;
mod check;
mod cohort;
mod collect;
mod duplicates;
mod features;
mod header;
mod images;
mod judge;
mod labels;
pub mod learner;
mod patients;
pub mod quality;
mod settings;
mod sources;
mod together;
mod traces;
mod verdict;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

pub use check::{Check, CheckId, CountTable, Detail, FilmFinding, FilmPair, Remedy, Status};
pub use collect::Collector;
pub use features::{FilmFeatures, Networks};
pub use header::FileFacts;
pub use labels::SuspectLabel;
pub use patients::expected_share;
pub use settings::{AREA_FAILS, AREA_WARNS, AuditSettings, ENOUGH_PATIENTS, LEARNED_FILMS, View};
pub use verdict::{AfterPreprocessing, Audit, AuditSummary};

use border::Sketch;
use collect::Learned;
use learner::Subjects;
use traces::Traces;

use plainfilm_data::{Dataset, DatasetError, SetAside, Split, SplitMethod, SplitOptions};
use plainfilm_film::copies::{self, Fingerprint, Likeness};

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditProgress {
    /// Films that have been looked at, of how many.
    Films {
        /// So far.
        done: usize,
        /// In all.
        total: usize,
    },
    /// This check is being made.
    Check(CheckId),
}

/// Looks at every film of a data set and judges it. Films that cannot be read are set aside with the
/// reason.
///
/// # Errors
///
/// When a split file and the data do not name the same films.
pub fn audit(
    dataset: &Dataset,
    settings: &AuditSettings,
    networks: Networks<'_>,
    progress: &(dyn Fn(AuditProgress) + Sync),
) -> Result<(Audit, Vec<SetAside>), DatasetError> {
    let collector = Collector::new(dataset, settings);
    let total = dataset.films.len();
    let done = AtomicUsize::new(0);
    let lost: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());
    dataset
        .films
        .par_iter()
        .enumerate()
        .for_each(|(index, film)| {
            let looked = dataset
                .film_with_bytes(film)
                .map(|(bytes, decoded)| collector.look(index, &bytes, &decoded, networks));
            if let Err(reason) = looked {
                lost.lock()
                    .expect("nothing panics while it holds the lock")
                    .push((index, reason));
            }
            progress(AuditProgress::Films {
                done: done.fetch_add(1, Ordering::Relaxed) + 1,
                total,
            });
        });
    let mut lost = lost
        .into_inner()
        .expect("nothing panics while it holds the lock");
    lost.sort_unstable();
    let mut seen = dataset.clone();
    let mut set_aside = dataset.set_aside.clone();
    for (index, reason) in lost.into_iter().rev() {
        let film = seen.films.remove(index);
        set_aside.push(SetAside {
            path: film.path,
            reason,
        });
    }
    set_aside.sort_by(|a, b| a.path.cmp(&b.path));
    let split = match Split::make(
        &seen,
        &SplitOptions {
            method: settings.split.clone(),
            seed: settings.seed,
            fractions: settings.fractions,
        },
    ) {
        Ok(split) => vec![split],
        Err(error) if matches!(settings.split, SplitMethod::File(_)) => return Err(error),
        // Too few patients for three parts: training would say so, an audit has other things to tell.
        Err(_) => Vec::new(),
    };
    Ok((conclude(collector, &seen, &split, progress), set_aside))
}

/// Judges what a collector has seen. `dataset` holds exactly the films that it looked at, in order, and
/// `splits` how training divides them: one split, or one for each fold.
///
/// # Panics
///
/// If the collector has not looked at as many films as the data set has.
pub fn conclude(
    collector: Collector,
    dataset: &Dataset,
    splits: &[Split],
    progress: &(dyn Fn(AuditProgress) + Sync),
) -> Audit {
    let settings = collector.settings.clone();
    let observations = collector.into_observations();
    assert_eq!(
        observations.len(),
        dataset.films.len(),
        "one observation for each film"
    );
    let everyone = collect::subjects(dataset);
    let shown = Shown::new(&observations, &everyone, dataset);
    let mut checks = shown.checks(&View::AsStored, settings.seed, progress);
    checks.extend(duplicate_checks(
        &observations,
        dataset,
        &everyone,
        splits,
        progress,
    ));
    progress(AuditProgress::Check(CheckId::PatientOverlap));
    checks.push(patients::check(dataset, splits, settings.fractions));
    progress(AuditProgress::Check(CheckId::SourceConfounding));
    let stored: Vec<&Sketch> = shown.films.iter().map(|film| &film.stored).collect();
    checks.push(sources::check(
        dataset,
        &everyone,
        &shown.indices,
        &stored,
        settings.seed,
    ));
    progress(AuditProgress::Check(CheckId::CohortBalance));
    checks.push(cohort::check(dataset, &everyone));
    progress(AuditProgress::Check(CheckId::ColumnsTogether));
    checks.push(together::check(dataset, &everyone));
    progress(AuditProgress::Check(CheckId::ImageQuality));
    let findings: Vec<&[quality::Finding]> = observations
        .iter()
        .map(|film| film.findings.as_slice())
        .collect();
    checks.push(images::check(&findings, dataset, &everyone));
    progress(AuditProgress::Check(CheckId::Labels));
    checks.push(shown.labels_check(dataset, &checks, settings.seed));
    let after = settings.after.as_ref().map(|preprocessing| {
        let view = View::After(preprocessing.clone());
        let checks = shown.checks(&view, settings.seed, progress);
        AfterPreprocessing {
            preprocessing: preprocessing.to_string(),
            verdict: verdict::verdict(&checks),
            sentence: verdict::sentence(&checks, None),
            checks,
        }
    });
    Audit {
        verdict: verdict::verdict(&checks),
        sentence: verdict::sentence(&checks, None),
        labels: dataset.labels.clone(),
        films: dataset.films.len(),
        patients: everyone.patients.iter().max().map_or(0, |last| last + 1),
        synthetic: dataset.synthetic,
        checks,
        after,
        seed: settings.seed,
        plainfilm_version: env!("CARGO_PKG_VERSION").to_owned(),
        notice: plainfilm_film::NOT_A_MEDICAL_DEVICE.to_owned(),
    }
}

fn duplicate_checks(
    observations: &[collect::Observation],
    dataset: &Dataset,
    everyone: &Subjects,
    splits: &[Split],
    progress: &(dyn Fn(AuditProgress) + Sync),
) -> [Check; 2] {
    progress(AuditProgress::Check(CheckId::NearDuplicates));
    let fingerprints: Vec<Fingerprint> = observations
        .iter()
        .map(|film| film.fingerprint.clone())
        .collect();
    let pairs = copies::find_pairs(&fingerprints);
    [Likeness::Exact, Likeness::Near]
        .map(|likeness| duplicates::check(likeness, &pairs, dataset, everyone, splits))
}

/// The films that the learners are shown.
struct Shown<'a> {
    /// Indices into the data set.
    indices: Vec<usize>,
    films: Vec<&'a Learned>,
    /// Labels are numbered as in `labels`.
    subjects: Subjects,
    labels: Vec<String>,
    /// Labels with too few patients to learn from; the others are told apart without them.
    left_out: Vec<String>,
    paths: Vec<&'a str>,
}

impl<'a> Shown<'a> {
    /// Whether labels are wrong, as far as the films that the learners are shown tell.
    fn labels_check(&self, dataset: &Dataset, others: &[Check], seed: u64) -> Check {
        let judged = labels::Judged {
            films: &self.films,
            subjects: &self.subjects,
            labels: &self.labels,
            paths: &self.paths,
            all_films: dataset.films.len(),
            any_finding: !dataset.findings.is_empty(),
        };
        labels::check(&judged, others, seed)
    }

    fn new(
        observations: &'a [collect::Observation],
        everyone: &Subjects,
        dataset: &'a Dataset,
    ) -> Self {
        let labels = &dataset.labels;
        let patients = everyone.patients_per_label();
        let enough: Vec<usize> = (0..labels.len())
            .filter(|&label| patients[label] >= learner::FOLDS)
            .collect();
        // With fewer than two the check itself says what is missing.
        let kept = if enough.len() < 2 {
            (0..labels.len()).collect()
        } else {
            enough
        };
        let mut shown = Self {
            indices: Vec::new(),
            films: Vec::new(),
            subjects: Subjects {
                labels: Vec::new(),
                patients: Vec::new(),
                classes: kept.len(),
            },
            labels: kept.iter().map(|&label| labels[label].clone()).collect(),
            left_out: (0..labels.len())
                .filter(|label| !kept.contains(label) && patients[*label] > 0)
                .map(|label| labels[label].clone())
                .collect(),
            paths: Vec::new(),
        };
        for (index, observation) in observations.iter().enumerate() {
            let number = kept
                .iter()
                .position(|&label| label == everyone.labels[index]);
            if let (Some(film), Some(number)) = (&observation.learned, number) {
                shown.indices.push(index);
                shown.films.push(film);
                shown.paths.push(&dataset.films[index].path);
                shown.subjects.labels.push(number);
                shown.subjects.patients.push(everyone.patients[index]);
            }
        }
        shown
    }

    /// What preprocessing can change: the label from the file, from the border, from how films were processed and from
    /// marks on them.
    fn checks(
        &self,
        view: &View,
        seed: u64,
        progress: &(dyn Fn(AuditProgress) + Sync),
    ) -> Vec<Check> {
        let (subjects, labels) = (&self.subjects, &self.labels);
        progress(AuditProgress::Check(CheckId::HeaderOnly));
        let facts: Vec<&FileFacts> = self.films.iter().map(|film| &film.facts).collect();
        let header = header::check(&facts, subjects, labels, view, seed);
        progress(AuditProgress::Check(CheckId::BorderOnly));
        let sketches: Vec<&Sketch> = self.films.iter().map(|film| film.sketch(view)).collect();
        let border = border::check(&sketches, subjects, labels, view, seed);
        let traces: Vec<&Traces> = self.films.iter().map(|film| film.traces(view)).collect();
        progress(AuditProgress::Check(CheckId::Processing));
        let processing = traces::processing(&traces, subjects, labels, view, seed);
        progress(AuditProgress::Check(CheckId::Marks));
        let marks = traces::marks(&traces, subjects, labels, &self.paths, view, seed);
        let mut checks = vec![header, border, processing, marks];
        if !self.left_out.is_empty() {
            for check in &mut checks {
                check.explanation.push_str(&format!(
                    " Left out, with too few patients to learn from: {}.",
                    self.left_out.join(", ")
                ));
            }
        }
        checks
    }
}
