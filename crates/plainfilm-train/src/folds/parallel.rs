//! Folds that are trained at the same time.
//!
//! A network that goes through all its layers in every step uses every core by itself, and its maps take
//! gigabytes: such folds come one after another. Where features of the frozen layers are kept, a fold is a
//! small head with small batches, which leaves cores idle and needs little memory: then as many folds are
//! trained at once as there are threads. A fold's bytes do not depend on what is trained beside it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use super::job::{Job, finished, train_fold};
use crate::checkpoint::{Best, HistoryRow};
use crate::error::TrainError;
use crate::observer::{BatchProgress, TrainObserver};
use crate::run::Run;
use crate::run_folder::RunFolder;
use plainfilm_audit::AuditSummary;
use plainfilm_figures::ScoredFilm;

/// Trains the folds that are not finished, and gives each job with its test films, in the jobs' order. What
/// observers are told comes in that order too.
pub(super) fn train<'a>(
    run: &Run<'_>,
    jobs: &[&'a Job],
    folder: &RunFolder,
    observer: &mut dyn TrainObserver,
) -> Result<Vec<(&'a Job, Vec<ScoredFilm>)>, TrainError> {
    let mut scored: Vec<Option<Vec<ScoredFilm>>> = jobs
        .iter()
        .map(|job| finished(run, job.split(), &folder.inside(job.folder())))
        .collect();
    let waiting: Vec<usize> = (0..jobs.len())
        .filter(|&job| scored[job].is_none())
        .collect();
    for (job, _) in jobs.iter().zip(&scored).filter(|(_, done)| done.is_some()) {
        observer.notice(&format!("{} is finished", job.folder()));
    }
    let title = |job: usize| {
        let name = jobs[job].folder().replace('-', " ");
        format!("{name} ({} of {})", job + 1, jobs.len())
    };
    let workers = match run.features {
        None => 1,
        Some(_) => rayon::current_num_threads().min(waiting.len()),
    };
    if workers < 2 {
        for job in waiting {
            observer.notice(&title(job));
            observer.fold(jobs[job].folder());
            let fold = folder.inside(jobs[job].folder());
            scored[job] = Some(train_fold(run, jobs[job], &fold, observer)?);
        }
    } else {
        observer.notice(&format!("{workers} folds at once"));
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        let work = |sender: mpsc::Sender<(usize, Notes, Result<Vec<ScoredFilm>, TrainError>)>| {
            while let Some(&job) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let mut notes = Notes::default();
                let fold = folder.inside(jobs[job].folder());
                let result = train_fold(run, jobs[job], &fold, &mut notes);
                stop.fetch_or(result.is_err(), Ordering::Relaxed);
                // After a failure nobody listens any more.
                let _ = sender.send((job, notes, result));
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let sender = sender.clone();
                scope.spawn(|| work(sender));
            }
            drop(sender);
            let mut ended: Vec<Option<(Notes, Result<_, _>)>> = jobs.iter().map(|_| None).collect();
            let mut told = 0;
            for (job, notes, result) in receiver {
                ended[job] = Some((notes, result));
                while let Some(&job) = waiting.get(told)
                    && let Some((notes, result)) = ended[job].take()
                {
                    observer.notice(&title(job));
                    observer.fold(jobs[job].folder());
                    notes.tell(observer);
                    scored[job] = Some(result?);
                    told += 1;
                }
            }
            // After a failure the jobs before it may not have begun.
            let failed = ended
                .into_iter()
                .flatten()
                .find_map(|(_, result)| result.err());
            failed.map_or(Ok(()), Err)
        })?;
    }
    Ok(jobs
        .iter()
        .zip(scored)
        .map(|(job, films)| {
            let films = films.expect("every job ended, or an error has been returned");
            (*job, films)
        })
        .collect())
}

/// What a fold would have told, for later.
#[derive(Default)]
struct Notes(Vec<Note>);

enum Note {
    Epoch(HistoryRow, Option<Best>),
    Notice(String),
}

impl Notes {
    fn tell(self, observer: &mut dyn TrainObserver) {
        for note in self.0 {
            match note {
                Note::Epoch(row, best) => observer.epoch(&row, best),
                Note::Notice(sentence) => observer.notice(&sentence),
            }
        }
    }
}

impl TrainObserver for Notes {
    fn loading(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &|_, _| {}
    }

    fn features(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &|_, _| {}
    }

    fn batch(&mut self, _: &BatchProgress) {}

    fn epoch(&mut self, row: &HistoryRow, best: Option<Best>) {
        self.0.push(Note::Epoch(row.clone(), best));
    }

    fn audited(&mut self, _: &AuditSummary) {}

    fn notice(&mut self, sentence: &str) {
        self.0.push(Note::Notice(sentence.to_owned()));
    }
}
