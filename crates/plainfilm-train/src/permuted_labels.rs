//! The same training on labels that mean nothing: what its networks show is what any network of this recipe shows.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::error::TrainError;
use super::observer::{Silent, TrainObserver};
use super::reporter::NoReport;
use super::run::Run;
use super::run_folder::RunFolder;
use super::settings::TrainSettings;
use plainfilm_data::{Dataset, Part, Split};
use plainfilm_model::networks::NamedTensor;
use plainfilm_seed as seed;

/// Networks that are trained so.
const NETWORKS: usize = 5;
/// Where they are trained; nothing of it stays.
const FOLDER: &str = "permuted-labels";

/// Trains the recipe on labels dealt anew among the patients, and returns the weights. Only where features are kept, so that this takes seconds,
/// and only of films with one label each; otherwise there is no network.
pub(super) fn train(
    run: &Run<'_>,
    split: &Split,
    folder: &RunFolder,
    observer: &mut dyn TrainObserver,
) -> Result<Vec<Vec<NamedTensor>>, TrainError> {
    let dataset = &run.films.dataset;
    let is_asked = run.features.is_some() && dataset.findings.is_empty();
    if !is_asked || split.indices(Part::Test).is_empty() {
        return Ok(Vec::new());
    }
    let settings = TrainSettings {
        learning_curve: Vec::new(),
        ..run.settings.clone()
    };
    observer.notice(&format!(
        "permuted labels: training {NETWORKS} networks on labels that mean nothing, to compare their heat maps"
    ));
    let mut networks = Vec::with_capacity(NETWORKS);
    for number in 1..=NETWORKS {
        let films = run
            .films
            .with_labels(&permuted(dataset, settings.seed, number));
        let run = Run {
            films: &films,
            settings: &settings,
            audit: None,
            shares: &[],
            curve: &[],
            elsewhere: None,
            // More pages with heat maps would take longer than the trainings.
            reporter: &NoReport,
            ..*run
        };
        let own = folder.inside(&format!("{FOLDER}/{number}"));
        own.create_for_training()?;
        // Nobody wants to see their epochs.
        let trained = run.trainer(split, &own)?.run(None, &mut Silent)?;
        networks.push(trained.tensors);
    }
    let path = folder.root().join(FOLDER);
    std::fs::remove_dir_all(&path).map_err(|cause| TrainError::File { path, cause })?;
    Ok(networks)
}

/// A label for each film: every patient gets that of another one, drawn without replacement, so that films of a
/// patient still go together and labels stay about as frequent as they were.
fn permuted(dataset: &Dataset, seed: u64, number: usize) -> Vec<usize> {
    let mut patients: BTreeMap<&str, usize> = BTreeMap::new();
    for film in &dataset.films {
        patients.entry(&film.patient_id).or_insert(film.label);
    }
    let mut labels: Vec<usize> = patients.values().copied().collect();
    let mut random = seed::generator(seed, "permuted labels", &[number as u64]);
    labels.shuffle(&mut random);
    for (label, dealt) in patients.values_mut().zip(labels) {
        *label = dealt;
    }
    let films = dataset.films.iter();
    films
        .map(|film| patients[film.patient_id.as_str()])
        .collect()
}
