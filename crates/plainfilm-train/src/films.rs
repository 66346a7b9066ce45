//! Every film of a data set, decoded and resized once and then kept in memory.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use plainfilm_audit::{Collector, Networks};
use plainfilm_data::{Dataset, SetAside};
use plainfilm_film::radiograph::{Plane, Preprocessing};
use plainfilm_model::bundle::FilmDigest;
use plainfilm_model::likeness::FACTS;
use plainfilm_model::lungs::{BundledLungs, film_facts};

/// Bytes of resized films that are kept in memory; the rest is decoded again when needed.
pub const CACHE_BYTES: usize = 1 << 30;

/// A data set whose films have all been read once.
#[derive(Debug, Clone)]
pub struct LoadedFilms {
    /// The films that could be read; the others are in [`Dataset::set_aside`].
    pub dataset: Dataset,
    preprocessing: Preprocessing,
    planes: Arc<Vec<Option<Plane>>>,
    digests: Arc<Vec<[u8; 32]>>,
    film_digests: Arc<Vec<FilmDigest>>,
    facts: Arc<Vec<OnceLock<Option<FilmFacts>>>>,
}

/// See [`film_facts`].
type FilmFacts = [f32; FACTS.len()];

/// A film that could be read.
struct Loaded {
    /// Of the film as it was decoded.
    film_digest: FilmDigest,
    /// Of the resized film.
    digest: [u8; 32],
    /// The resized film, where it fitted into memory.
    plane: Option<Plane>,
}

fn digest(plane: &Plane) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((plane.size as u64).to_le_bytes());
    // In blocks: a copy of the whole plane as bytes would be the larger part of the time.
    for values in plane.values.chunks(1024) {
        let mut bytes = [0; 4096];
        for (target, value) in bytes.chunks_exact_mut(4).zip(values) {
            target.copy_from_slice(&value.to_le_bytes());
        }
        hash.update(&bytes[..values.len() * 4]);
    }
    hash.finalize().into()
}

impl LoadedFilms {
    /// Decodes and resizes every film on all threads. What cannot be read is set aside with its
    /// reason; `progress` is told how many of how many are done. An audit may look at every film on
    /// the way.
    pub fn load(
        mut dataset: Dataset,
        preprocessing: &Preprocessing,
        progress: &(dyn Fn(usize, usize) + Sync),
        audit: Option<&Collector>,
    ) -> Self {
        let total = dataset.films.len();
        let (done, cached) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let any_synthetic = AtomicBool::new(dataset.synthetic);
        let read: Vec<Result<Loaded, String>> = dataset
            .films
            .par_iter()
            .enumerate()
            .map(|(index, film)| {
                let plane = dataset.film_with_bytes(film).map(|(bytes, film)| {
                    if let Some(audit) = audit {
                        audit.look(index, &bytes, &film, Networks::lungs_only(&BundledLungs));
                    }
                    any_synthetic.fetch_or(film.provenance.synthetic, Ordering::Relaxed);
                    let plane = preprocessing.plane(&film, &BundledLungs);
                    let digest = digest(&plane);
                    let bytes = plane.values.len() * size_of::<f32>();
                    let before = cached.fetch_add(bytes, Ordering::Relaxed);
                    Loaded {
                        film_digest: FilmDigest::of(&film),
                        digest,
                        plane: (before + bytes <= CACHE_BYTES).then_some(plane),
                    }
                });
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                plane
            })
            .collect();
        let mut planes = Vec::with_capacity(total);
        let mut digests = Vec::with_capacity(total);
        let mut film_digests = Vec::with_capacity(total);
        let films = std::mem::take(&mut dataset.films);
        for (film, plane) in films.into_iter().zip(read) {
            match plane {
                Ok(loaded) => {
                    film_digests.push(loaded.film_digest);
                    digests.push(loaded.digest);
                    planes.push(loaded.plane);
                    dataset.films.push(film);
                }
                Err(reason) => dataset.set_aside.push(SetAside {
                    path: film.path,
                    reason,
                }),
            }
        }
        dataset.synthetic = any_synthetic.into_inner();
        dataset.set_aside.sort_by(|a, b| a.path.cmp(&b.path));
        let facts = (0..planes.len()).map(|_| OnceLock::new()).collect();
        Self {
            dataset,
            facts: Arc::new(facts),
            preprocessing: preprocessing.clone(),
            planes: Arc::new(planes),
            digests: Arc::new(digests),
            film_digests: Arc::new(film_digests),
        }
    }

    /// The same films with one finding as their label ([`Dataset::of_finding`]); pixels are shared.
    #[must_use]
    pub fn of_finding(&self, finding: usize) -> Self {
        Self {
            dataset: self.dataset.of_finding(finding),
            ..self.clone()
        }
    }

    /// The same films with other labels, one index each; pixels are shared.
    pub(super) fn with_labels(&self, labels: &[usize]) -> Self {
        let mut films = self.clone();
        for (film, &label) in films.dataset.films.iter_mut().zip(labels) {
            film.label = label;
        }
        films
    }

    /// SHA-256 of the resized film at `index`: films that the network cannot tell apart share it.
    #[must_use]
    pub fn digest(&self, index: usize) -> &[u8; 32] {
        &self.digests[index]
    }

    /// What a model file keeps of the film at `index`, to know it when it comes again.
    #[must_use]
    pub fn film_digest(&self, index: usize) -> FilmDigest {
        self.film_digests[index]
    }

    /// The facts of some films, each measured once and then remembered; none of a film that has become
    /// unreadable since it was first read.
    #[must_use]
    pub fn facts(&self, indices: &[usize]) -> Vec<Option<FilmFacts>> {
        let measured = |&index: &usize| {
            *self.facts[index].get_or_init(|| {
                let film = self.dataset.film(&self.dataset.films[index]).ok()?;
                Some(film_facts(&film, self.preprocessing.inversion))
            })
        };
        indices.par_iter().map(measured).collect()
    }

    /// The resized film at `index` of [`Self::dataset`].
    ///
    /// # Errors
    ///
    /// When a film that did not fit into memory has become unreadable since it was first read.
    pub fn plane(&self, index: usize) -> Result<Cow<'_, Plane>, String> {
        match &self.planes[index] {
            Some(plane) => Ok(Cow::Borrowed(plane)),
            None => self
                .dataset
                .film(&self.dataset.films[index])
                .map(|film| Cow::Owned(self.preprocessing.plane(&film, &BundledLungs))),
        }
    }

    /// How films become tensors.
    #[must_use]
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }
}
