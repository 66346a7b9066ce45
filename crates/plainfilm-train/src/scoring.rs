//! What a network says of films while it is trained, and how well that is.

use burn::tensor::Tensor;

use super::batch;
use super::error::TrainError;
use super::features::FilmView;
use super::loss::{CrossEntropy, FindingsLoss, Loss};
use super::settings::Balance;
use super::trainer::Trainer;
use plainfilm_figures::Presence;
use plainfilm_model::networks::Network;
use plainfilm_model::predict::{self, Link};

/// Films whose kept features are scored together.
const SCORED_TOGETHER: usize = 256;

/// Whether an answer is right; none where the truth is not known.
fn agrees(called: bool, truth: Presence) -> Option<bool> {
    match truth {
        Presence::Unknown => None,
        truth => Some(called == (truth == Presence::Present)),
    }
}

/// The share that is true; 0 of none.
fn share(answers: impl Iterator<Item = bool>) -> f64 {
    let (mut count, mut right) = (0_usize, 0_usize);
    for answer in answers {
        count += 1;
        right += usize::from(answer);
    }
    right as f64 / count.max(1) as f64
}

impl Trainer<'_> {
    /// Probabilities for films of the data set, without augmentation.
    pub fn score(&self, network: &Network, films: &[usize]) -> Result<Vec<Vec<f64>>, TrainError> {
        let mut scored = Vec::with_capacity(films.len());
        if let Some(features) = self.features {
            for indices in films.chunks(SCORED_TOGETHER) {
                let views: Vec<FilmView> = indices.iter().map(|&film| (film, 0)).collect();
                let maps = features.tensor(&views, &self.device)?;
                let logits = network.forward_from(maps, features.layers());
                scored.extend(predict::of_logits(logits, self.link()));
            }
            return Ok(scored);
        }
        for indices in films.chunks(self.settings.batch.max(1)) {
            let pixels = batch::pixels(self.films, indices, None)?;
            scored.extend(predict::probabilities(
                network,
                pixels,
                self.shape_of(indices.len()),
                self.link(),
                &self.device,
            ));
        }
        Ok(scored)
    }

    /// Whether films have findings, of which each is judged for itself.
    pub(super) fn has_findings(&self) -> bool {
        !self.films.dataset.findings.is_empty()
    }

    pub(super) fn link(&self) -> Link {
        match self.has_findings() {
            true => Link::Sigmoid,
            false => Link::Softmax(1.0),
        }
    }

    /// What is known of the findings of films.
    pub(super) fn presence(&self, films: &[usize]) -> Vec<&[Presence]> {
        let film = |&film: &usize| self.films.dataset.films[film].findings.as_slice();
        films.iter().map(film).collect()
    }

    /// The loss, weighted by what the training films show.
    pub(super) fn loss(&self, train: &[usize]) -> Loss {
        let settings = self.settings;
        if self.has_findings() {
            return Loss::Findings(FindingsLoss::new(
                self.films.dataset.findings.len(),
                settings.label_smoothing,
                settings.balance == Balance::ClassWeights,
                &self.presence(train),
            ));
        }
        let films = &self.films.dataset.films;
        let labels: Vec<usize> = train.iter().map(|&film| films[film].label).collect();
        Loss::Labels(CrossEntropy {
            label_smoothing: settings.label_smoothing,
            class_weights: settings
                .balance
                .class_weights(settings.labels.len(), &labels),
        })
    }

    /// How many films of a batch are right; of a film with findings, the share of those known.
    pub(super) fn share_right(&self, logits: &Tensor<2>, batch: &[usize]) -> f64 {
        let films = &self.films.dataset.films;
        if self.has_findings() {
            let findings = logits.dims()[1];
            let above: Vec<bool> = logits
                .clone()
                .greater_elem(0.0)
                .into_data()
                .iter::<bool>()
                .collect();
            let right = |(row, presence): (&[bool], &[Presence])| {
                let answers = row.iter().zip(presence);
                share(answers.filter_map(|(&called, &truth)| agrees(called, truth)))
            };
            let rows = above.chunks_exact(findings);
            return rows.zip(self.presence(batch)).map(right).sum();
        }
        let guessed = logits.clone().argmax(1).into_data();
        let right = guessed
            .iter::<i64>()
            .zip(batch)
            .filter(|&(guess, &film)| guess == films[film].label as i64);
        right.count() as f64
    }

    /// Mean loss and share of right answers of scored films, at probabilities of 0.5.
    pub(super) fn judge(&self, films: &[usize], scored: &[Vec<f64>]) -> (f64, f64) {
        let count = films.len() as f64;
        let cost = |probability: f64, least: f64| -probability.max(least).ln();
        if self.has_findings() {
            let known: Vec<(f64, bool)> = self
                .presence(films)
                .into_iter()
                .zip(scored)
                .flat_map(|(film, row)| film.iter().zip(row))
                .filter_map(|(&truth, &p)| {
                    let right = agrees(p > 0.5, truth)?;
                    let of_truth = if truth == Presence::Present {
                        p
                    } else {
                        1.0 - p
                    };
                    Some((cost(of_truth, f64::EPSILON), right))
                })
                .collect();
            let count = known.len().max(1) as f64;
            let loss = known.iter().map(|(cost, _)| cost).sum::<f64>() / count;
            return (loss, share(known.into_iter().map(|(_, right)| right)));
        }
        let truth = |film: usize| self.films.dataset.films[film].label;
        let pairs = || films.iter().zip(scored);
        let loss: f64 = pairs()
            .map(|(&film, p)| cost(p[truth(film)], f64::MIN_POSITIVE))
            .sum();
        let right =
            pairs().filter(|&(&film, p)| plainfilm_figures::decide(p, 0, 0.5) == truth(film));
        (loss / count, right.count() as f64 / count)
    }

    pub(super) fn shape_of(&self, films: usize) -> [usize; 4] {
        let preprocessing = &self.settings.preprocessing;
        [
            films,
            preprocessing.channels,
            preprocessing.size,
            preprocessing.size,
        ]
    }
}
