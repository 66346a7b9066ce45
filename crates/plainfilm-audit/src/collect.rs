//! What is kept of every film while films stream by: facts, small pictures, fingerprints; never pixels.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rand::seq::SliceRandom;

use super::border::Sketch;
use super::features::Networks;
use super::header::FileFacts;
use super::learner::Subjects;
use super::quality::{Finding, examine};
use super::settings::{AuditSettings, LEARNED_FILMS, View};
use super::traces::Traces;
use plainfilm_data::Dataset;
use plainfilm_film::copies::Fingerprint;
use plainfilm_film::radiograph::Radiograph;
use plainfilm_seed as seed;

/// What is kept of one film.
#[derive(Debug, Clone)]
pub(super) struct Observation {
    /// By which copies are found.
    pub fingerprint: Fingerprint,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// For films that the learners are shown.
    pub learned: Option<Learned>,
}

/// What the learners are shown of one film.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    pub facts: FileFacts,
    pub stored: Sketch,
    /// As a preprocessing leaves it, where one is judged.
    pub after: Option<Sketch>,
    /// The same in the finest detail.
    pub stored_traces: Traces,
    pub after_traces: Option<Traces>,
    /// What a network sees on it, where there is one.
    pub features: Option<Vec<f32>>,
}

impl Learned {
    /// The sketch for a view; the collector has made one for each that is judged.
    pub fn sketch(&self, view: &View) -> &Sketch {
        match (view, &self.after) {
            (View::After(_), Some(after)) => after,
            _ => &self.stored,
        }
    }

    /// The traces for a view, likewise.
    pub fn traces(&self, view: &View) -> &Traces {
        match (view, &self.after_traces) {
            (View::After(_), Some(after)) => after,
            _ => &self.stored_traces,
        }
    }
}

/// Looks at films one by one, from any thread, and keeps little of each.
#[derive(Debug, Clone)]
pub struct Collector {
    pub(super) settings: AuditSettings,
    is_learned: Vec<bool>,
    slots: Vec<OnceLock<Observation>>,
}

impl Collector {
    /// A collector for the films of a data set. Which films the learners are shown depends on the
    /// seed and on the data set's films alone.
    pub fn new(dataset: &Dataset, settings: &AuditSettings) -> Self {
        Self {
            settings: settings.clone(),
            is_learned: sample(&subjects(dataset), LEARNED_FILMS, settings.seed),
            slots: dataset.films.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    /// Looks at film `index` of the data set; a second look at the same film is ignored. A film that
    /// cannot be read is never looked at.
    pub fn look(&self, index: usize, bytes: &[u8], film: &Radiograph, networks: Networks<'_>) {
        let lungs = networks.lungs;
        self.slots[index].get_or_init(|| Observation {
            fingerprint: Fingerprint::of(film),
            findings: examine(film),
            learned: self.is_learned[index].then(|| Learned {
                facts: FileFacts::of(bytes, film),
                stored: Sketch::of(film, &View::AsStored, lungs),
                after: (self.settings.after.clone())
                    .map(|preprocessing| Sketch::of(film, &View::After(preprocessing), lungs)),
                stored_traces: Traces::of(film, &View::AsStored, lungs),
                after_traces: (self.settings.after.clone())
                    .map(|preprocessing| Traces::of(film, &View::After(preprocessing), lungs)),
                features: networks.features.map(|network| network.features(film)),
            }),
        });
    }

    /// The films that were looked at, in the data set's order.
    pub(super) fn into_observations(self) -> Vec<Observation> {
        self.slots
            .into_iter()
            .filter_map(OnceLock::into_inner)
            .collect()
    }
}

/// Label and patient of every film.
pub(super) fn subjects(dataset: &Dataset) -> Subjects {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for film in &dataset.films {
        numbers.insert(&film.patient_id, 0);
    }
    for (number, slot) in numbers.values_mut().enumerate() {
        *slot = number;
    }
    Subjects {
        labels: dataset.films.iter().map(|film| film.label).collect(),
        patients: dataset
            .films
            .iter()
            .map(|film| numbers[film.patient_id.as_str()])
            .collect(),
        classes: dataset.labels.len(),
    }
}

/// Which films to learn from: all, or `limit` of them, as many of every label as there are or as fit.
fn sample(subjects: &Subjects, limit: usize, seed: u64) -> Vec<bool> {
    if subjects.len() <= limit {
        return vec![true; subjects.len()];
    }
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    order.shuffle(&mut seed::generator(seed, "audit sample", &[]));
    let mut by_label = vec![Vec::new(); subjects.classes];
    for film in order {
        by_label[subjects.labels[film]].push(film);
    }
    // Rare labels first, so that what they leave goes to the others.
    by_label.sort_by_key(Vec::len);
    let mut chosen = vec![false; subjects.len()];
    let (mut left, mut labels) = (limit, by_label.len());
    for films in by_label {
        let quota = left / labels.max(1);
        let taken = films.len().min(quota);
        for &film in &films[..taken] {
            chosen[film] = true;
        }
        left -= taken;
        labels -= 1;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_labels_are_kept_whole_in_a_sample() {
        let labels: Vec<usize> = (0..1000).map(|film| usize::from(film % 50 == 0)).collect();
        let subjects = Subjects {
            patients: (0..1000).collect(),
            labels: labels.clone(),
            classes: 2,
        };
        let chosen = sample(&subjects, 100, 3);
        let count = |label| {
            (0..1000)
                .filter(|&film| chosen[film] && labels[film] == label)
                .count()
        };
        assert_eq!((count(0), count(1)), (80, 20));
        assert_eq!(chosen, sample(&subjects, 100, 3));
        assert_ne!(chosen, sample(&subjects, 100, 4));
        assert!(sample(&subjects, 1000, 3).iter().all(|&film| film));
    }
}
