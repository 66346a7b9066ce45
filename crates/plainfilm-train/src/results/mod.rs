//! After the last epoch: score every part with the best weights and write what the run found.

mod findings;
pub(crate) mod judge;
mod likeness;

use crate::error::TrainError;
use crate::reporter::TestedNetwork;
use crate::run_metrics::RunMetrics;
use crate::trainer::{Trained, Trainer};
use judge::Judged;
use plainfilm_data::Part;
use plainfilm_figures::ScoredFilm;
use plainfilm_model::bundle::{ModelFile, ModelHeader, Precision, TestPredictions};
use plainfilm_model::networks::{NamedTensor, Network};

/// Evaluates the kept weights on every part and writes predictions, metrics, model and report.
/// Returns the figures and the scored test films.
pub(crate) fn write(
    trainer: &Trainer<'_>,
    trained: &Trained,
) -> Result<(RunMetrics, Vec<ScoredFilm>), TrainError> {
    let dataset = &trainer.films.dataset;
    if !dataset.findings.is_empty() {
        return findings::write(trainer, trained);
    }
    let network_of = |tensors: &[NamedTensor]| {
        Network::from_state_dict(&trainer.settings.network(), tensors, &trainer.device)
    };
    let scored_by = |network: &Network, part| -> Result<Vec<ScoredFilm>, TrainError> {
        let indices = trainer.split.indices(part);
        let probabilities = trainer.score(network, &indices)?;
        Ok(indices
            .iter()
            .zip(probabilities)
            .map(|(&index, probabilities)| dataset.films[index].scored(probabilities))
            .collect())
    };
    let network = network_of(&trained.tensors)?;
    let last_test = match &trained.last {
        Some(last) => Some(scored_by(&network_of(last)?, Part::Test)?),
        None => None,
    };
    let Judged {
        metrics,
        test,
        operation,
    } = judge::judge(
        trainer,
        trained,
        &|part| scored_by(&network, part),
        last_test,
    )?;
    let model = ModelFile {
        header: ModelHeader {
            likeness: likeness::of(trainer, &network)?,
            test_predictions: (!test.is_empty()).then(|| {
                let positive = trainer.settings.positive_of(&dataset.labels);
                TestPredictions::of(
                    test.iter()
                        .map(|film| (film.truth, film.probabilities[positive])),
                )
            }),
            ..judge::header(trainer, &metrics, &operation)
        },
        tensors: trained.tensors.clone(),
    };
    model.save(&trainer.folder.model_path(), Precision::F32)?;
    // A fold's network is one of several, and the report that people read is of all of them.
    let networks: &[TestedNetwork] = match trainer.settings.split.folds {
        None => &[TestedNetwork {
            split: trainer.split.clone(),
            model,
        }],
        Some(_) => &[],
    };
    judge::report(trainer, trained, &metrics, &test, networks)?;
    Ok((metrics, test))
}
