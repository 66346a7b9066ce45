//! A learning curve: what fewer training films would have reached.

use super::error::TrainError;
use super::folds::finished;
use super::learning_point::LearningPoint;
use super::observer::TrainObserver;
use super::run::Run;
use super::run_folder::RunFolder;
use super::settings::TrainSettings;
use plainfilm_data::Split;
use plainfilm_figures::evaluate;

/// Trains on each share of the training patients that the settings name, in a folder of its own, with the
/// validation and test films of the split. A share that is finished is read.
pub(super) fn train(
    run: &Run<'_>,
    split: &Split,
    folder: &RunFolder,
    observer: &mut dyn TrainObserver,
) -> Result<Vec<LearningPoint>, TrainError> {
    let labels = &run.films.dataset.labels;
    let settings = TrainSettings {
        learning_curve: Vec::new(),
        ..run.settings.clone()
    };
    let run = Run {
        settings: &settings,
        ..*run
    };
    let mut shares = run_shares(split, &run, folder);
    shares.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut points = Vec::with_capacity(shares.len());
    for (share, smaller, inside) in shares {
        let percent = 100.0 * share;
        let test = match finished(&run, &smaller, &inside) {
            Some(test) => test,
            None => {
                observer.notice(&format!(
                    "learning curve: {percent} % of the training patients"
                ));
                observer.fold(&format!("learning-curve/{percent}"));
                run.train_split(&smaller, &inside, observer)?.1
            }
        };
        let metrics = evaluate(labels, settings.positive_of(labels), &test);
        points.push(LearningPoint::of(&smaller, &metrics));
    }
    if !points.is_empty() {
        observer.fold("");
    }
    Ok(points)
}

/// Each share with its split and its folder.
fn run_shares(split: &Split, run: &Run<'_>, folder: &RunFolder) -> Vec<(f64, Split, RunFolder)> {
    let shares = run.shares.iter();
    shares
        .map(|&share| {
            let smaller = split.with_training_share(&run.films.dataset, share);
            let name = format!("learning-curve/{}", 100.0 * share);
            (share, smaller, folder.inside(&name))
        })
        .collect()
}
