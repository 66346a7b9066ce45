//! After the last epoch: score every part with the best weights and write what the run found.

mod findings;
pub(crate) mod judge;

use std::collections::BTreeMap;

use crate::error::TrainError;
use crate::findings;
use crate::learning_point::LearningPoint;
use crate::reporter::{FinishedRun, TestedNetwork};
use crate::run_folder::RunFolder;
use crate::run_metrics::{LastEpoch, RunMetrics};
use crate::settings::TrainSettings;
use crate::trainer::{Trained, Trainer};
use plainfilm_audit::{Audit, AuditSummary};
use plainfilm_data::{Dataset, Part, Split};
use plainfilm_figures::{
    CalibrationMethod, Operation, OperationFigures, OperationSettings, PartMetrics, ScoredFilm,
    ThresholdRule, evaluate, positive_label, subgroups,
};
use plainfilm_model::bundle::{
    DatasetRecord, ModelFile, ModelHeader, Precision, SCHEMA_VERSION, Threshold,
};
use plainfilm_model::networks::{NamedTensor, Network};
use plainfilm_model::weights::StartingWeights;

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
    } = judge(
        trainer,
        trained,
        &|part| scored_by(&network, part),
        last_test,
    )?;
    let model = ModelFile {
        header: header(
            trainer.settings,
            dataset,
            trainer.split,
            &metrics,
            &operation,
        ),
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
    report(trainer, trained, &metrics, &test, networks)?;
    Ok((metrics, test))
}
