//! What the same training reaches on sources that it has not seen.

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::folds::finished;
use super::observer::TrainObserver;
use super::reporter::NoReport;
use super::run::Run;
use super::run_folder::RunFolder;
use super::settings::{TrainSettings, Views};
use plainfilm_data::{Dataset, Part, Split};
use plainfilm_figures::{Elsewhere, SourceLeftOut, counted};

/// Most sources that are left out, the largest first: each costs a training.
const MOST_SOURCES: usize = 12;

/// What is known of the training's worth elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ElsewhereEstimate {
    /// Sources were left out in turn.
    Measured(Box<Elsewhere>),
    /// Nothing.
    Unknown {
        /// Why not.
        unknown: String,
    },
}

impl ElsewhereEstimate {
    /// The figures, where there are any.
    #[must_use]
    pub fn measured(&self) -> Option<&Elsewhere> {
        match self {
            Self::Measured(elsewhere) => Some(elsewhere),
            Self::Unknown { .. } => None,
        }
    }
}

/// The splits that the estimate needs, or why there is none.
pub(super) fn splits(
    dataset: &Dataset,
    settings: &TrainSettings,
) -> Result<Vec<(String, Split)>, String> {
    if settings.elsewhere == Some(false) {
        return Err("not asked for".to_owned());
    }
    if !dataset.findings.is_empty() || dataset.labels.len() < 2 {
        return Err("films with any number of findings are not tested by source".to_owned());
    }
    if settings.split.shard.is_some() {
        return Err("not measured in shards".to_owned());
    }
    if dataset.films.iter().all(|film| film.source.is_none()) {
        return Err("the data do not say where films are from (column source)".to_owned());
    }
    let positive = settings.positive_of(&dataset.labels);
    let (seed, validation) = (settings.seed, settings.split.fractions[1]);
    let mut splits = Split::sources_left_out(dataset, positive, seed, validation)
        .map_err(|error| error.to_string())?;
    if splits.is_empty() {
        return Err(format!(
            "no source has films of “{}” and others",
            dataset.labels[positive]
        ));
    }
    splits.sort_by_key(|(_, split)| std::cmp::Reverse(split.indices(Part::Test).len()));
    splits.truncate(MOST_SOURCES);
    // Kept features make a training a matter of seconds; else each source costs as much as the network.
    if settings.views == Views::Fresh && settings.elsewhere.is_none() {
        return Err(format!(
            "not measured: --elsewhere yes trains {} more, each without a source",
            counted(splits.len(), "network")
        ));
    }
    Ok(splits)
}

/// Trains without each source in turn, in a folder of its own, and judges its films. A source that is finished is
/// read.
pub(super) fn estimate(
    run: &Run<'_>,
    splits: &Result<Vec<(String, Split)>, String>,
    folder: &RunFolder,
    observer: &mut dyn TrainObserver,
) -> Result<ElsewhereEstimate, TrainError> {
    let splits = match splits {
        Ok(splits) => splits,
        Err(reason) => {
            let unknown = reason.clone();
            return Ok(ElsewhereEstimate::Unknown { unknown });
        }
    };
    let settings = TrainSettings {
        learning_curve: Vec::new(),
        ..run.settings.clone()
    };
    let run = Run {
        settings: &settings,
        shares: &[],
        // More pages with heat maps would take longer than the trainings.
        reporter: &NoReport,
        ..*run
    };
    observer.notice(&format!(
        "elsewhere: training without each of {} in turn",
        counted(splits.len(), "source")
    ));
    let mut sources = Vec::with_capacity(splits.len());
    for (index, (name, split)) in splits.iter().enumerate() {
        // A source's name may be no name for a folder.
        let inside = format!("elsewhere/source-{}", index + 1);
        let own = folder.inside(&inside);
        let films = match finished(&run, split, &own) {
            Some(films) => films,
            None => {
                observer.fold(&inside);
                run.train_split(split, &own, observer)?.1
            }
        };
        let name = name.clone();
        sources.push(SourceLeftOut { name, films });
    }
    observer.fold("");
    let positive = settings.positive_of(&run.films.dataset.labels);
    Ok(match Elsewhere::of(&sources, positive) {
        Some(elsewhere) => ElsewhereEstimate::Measured(Box::new(elsewhere)),
        None => ElsewhereEstimate::Unknown {
            unknown: "no pair of films of one source could be compared".to_owned(),
        },
    })
}
