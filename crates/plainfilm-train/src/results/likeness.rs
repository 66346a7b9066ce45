//! What a model file keeps of its own films, to say how others differ.

use crate::batch;
use crate::error::TrainError;
use crate::trainer::Trainer;
use burn::tensor::{Tensor, TensorData};
use plainfilm_data::Part;
use plainfilm_model::likeness::{FilmMeasures, LEAST_VALIDATION, Likeness, MOST_FILMS};
use plainfilm_model::networks::Network;
use plainfilm_model::predict::rows_of;

/// None where too few validation films say what is far.
pub(super) fn of(trainer: &Trainer<'_>, network: &Network) -> Result<Option<Likeness>, TrainError> {
    // Measuring takes a while, and would be for nothing.
    if trainer.split.indices(Part::Validation).len() < LEAST_VALIDATION {
        return Ok(None);
    }
    let training = measured(trainer, network, Part::Train)?;
    let validation = measured(trainer, network, Part::Validation)?;
    Ok(Likeness::of(&training, &validation, trainer.settings.seed))
}

/// At most [`MOST_FILMS`] of a part, evenly from first to last: those whose facts were measured.
fn measured(
    trainer: &Trainer<'_>,
    network: &Network,
    part: Part,
) -> Result<Vec<FilmMeasures>, TrainError> {
    let indices = trainer.split.indices(part);
    let count = indices.len().min(MOST_FILMS);
    let chosen: Vec<usize> = (0..count)
        .map(|index| indices[index * indices.len() / count])
        .collect();
    let facts = trainer.films.facts(&chosen);
    let mut measures = Vec::with_capacity(count);
    for (films, facts) in chosen
        .chunks(trainer.settings.batch.max(1))
        .zip(facts.chunks(trainer.settings.batch.max(1)))
    {
        let pixels = batch::pixels(trainer.films, films, None)?;
        let data = TensorData::new(pixels, trainer.shape_of(films.len()));
        let input = Tensor::<4>::from_data(data, &trainer.device);
        let (_, features) = network.forward_with_features(input);
        let rows = rows_of(features).into_iter().zip(facts);
        measures.extend(rows.filter_map(|(features, facts)| {
            let facts = (*facts)?;
            Some(FilmMeasures { facts, features })
        }));
    }
    Ok(measures)
}
