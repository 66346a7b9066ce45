//! What a frozen backbone makes of every film, computed once instead of in every epoch.
//!
//! A film has a fixed number of views: the film itself, as in prediction, and that film augmented, one
//! way a view. Each view goes through the frozen layers once, in batches and without gradients; training
//! then begins where they end. What was computed stays in memory as far as it fits, and on disk for the
//! next run. The values do not depend on where they came from, so a run ends with the same bytes whether
//! it found anything in the cache or not.

mod store;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use store::FeatureCache;
use store::{Key, Store};

use super::batch;
use super::error::TrainError;
use super::films::LoadedFilms;
use super::settings::TrainSettings;
use plainfilm_model::device::Precision;
use plainfilm_model::networks::{Network, state_dict};
use plainfilm_seed as seed;

/// Films in one pass through the frozen layers.
const BATCH: usize = 16;
/// Bytes of features that are kept in memory; the rest is read from disk when needed.
const MEMORY_BYTES: usize = 1 << 30;

/// A film, by its index in the data set, and one of its views.
pub(super) type FilmView = (usize, usize);

/// What [`Features::prepare`] did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prepared {
    /// Views in all.
    pub views: usize,
    /// Those of them that went through the network.
    pub computed: usize,
    /// Bytes of one view.
    pub view_bytes: usize,
    /// How long it all took.
    pub time: Duration,
}

/// The features of a data set's films.
#[derive(Debug)]
pub(super) struct Features<'a> {
    films: &'a LoadedFilms,
    settings: &'a TrainSettings,
    /// For prediction; the layers after the frozen ones are not asked.
    network: Network,
    device: Device,
    layers: usize,
    shape: [usize; 3],
    views: usize,
    store: Option<Store>,
    /// All that a film's features depend on, but for the film.
    basis: Sha256,
    memory: HashMap<FilmView, Box<[f32]>>,
}

/// One file of the cache: the film itself, or all its augmented views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unit {
    film: usize,
    augmented: bool,
}

impl<'a> Features<'a> {
    /// For a network whose first [`Network::frozen_prefix`] layers stay as they are; `cache` is where
    /// features are kept between runs, if anywhere.
    ///
    /// # Errors
    ///
    /// When no layer is frozen.
    pub fn new(
        films: &'a LoadedFilms,
        settings: &'a TrainSettings,
        network: Network,
        device: Device,
        views: usize,
        cache: Option<&FeatureCache>,
    ) -> Result<Self, TrainError> {
        let layers = network.frozen_prefix();
        let shape = network
            .map_shape(layers)
            .filter(|_| layers > 0)
            .ok_or_else(|| settings.no_frozen_layer())?;
        // Features are kept to save time: where they cannot be, the training takes it.
        let store = cache.and_then(|cache| {
            Store::open(cache)
                .inspect_err(|cause| {
                    tracing::warn!("no feature cache: {}: {cause}", cache.folder.display());
                })
                .ok()
        });
        // Views that nothing augments would all be the film itself.
        let views = if settings.augmentation.is_none() {
            1
        } else {
            views
        };
        Ok(Self {
            basis: basis(settings, &network, layers),
            films,
            settings,
            network,
            device,
            layers,
            shape,
            views,
            store,
            memory: HashMap::new(),
        })
    }

    /// How many layers are done with.
    pub fn layers(&self) -> usize {
        self.layers
    }

    fn length(&self) -> usize {
        self.shape.iter().product()
    }

    /// The view of a training film that an epoch, counted from 0, sees: in as many epochs as there are
    /// views a film shows each of them once, in an order of its own.
    pub fn view(&self, film: usize, epoch: usize) -> usize {
        let (cycle, position) = (epoch / self.views, epoch % self.views);
        let mut order: Vec<usize> = (0..self.views).collect();
        let indices = [film as u64, cycle as u64];
        order.shuffle(&mut seed::generator(
            self.settings.seed,
            "order of views",
            &indices,
        ));
        order[position]
    }

    /// Reads or computes every film, and the augmented views of those in `augmented`. `progress` is told
    /// how many views of how many are computed.
    ///
    /// # Errors
    ///
    /// When a film cannot be read any more, or someone asked to stop. A cache that cannot be written is
    /// no error: it is left alone from then on.
    pub fn prepare(
        &mut self,
        augmented: &[usize],
        interrupt: &AtomicBool,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Prepared, TrainError> {
        let begun = Instant::now();
        let mut units: Vec<Unit> = (0..self.films.dataset.films.len())
            .map(|film| Unit {
                film,
                augmented: false,
            })
            .collect();
        if self.views > 1 {
            units.extend(augmented.iter().map(|&film| Unit {
                film,
                augmented: true,
            }));
        }
        let in_memory = AtomicUsize::new(0);
        let kept = Mutex::new(HashMap::new());
        let keep = |unit: Unit, values: &[f32]| {
            let bytes = size_of_val(values);
            if in_memory.fetch_add(bytes, Ordering::Relaxed) + bytes > MEMORY_BYTES {
                return;
            }
            let views = values.chunks_exact(self.length());
            let mut kept = kept.lock().expect("nothing panics while it is held");
            kept.extend(
                self.views_of(unit)
                    .zip(views)
                    .map(|(view, values)| ((unit.film, view), Box::from(values))),
            );
        };
        let is_stored = |unit: &Unit| {
            let read = self.store.as_ref().and_then(|store| {
                store.read(&self.key(*unit), self.views_of(*unit).len(), self.length())
            });
            if let Some(values) = &read {
                keep(*unit, values);
            }
            read.is_some()
        };
        let (stored, missing): (Vec<Unit>, Vec<Unit>) =
            units.par_iter().partition(|u| is_stored(u));
        let count =
            |units: &[Unit]| -> usize { units.iter().map(|u| self.views_of(*u).len()).sum() };
        let computed = count(&missing);
        let mut store = self.store.as_ref();
        let has_failed = |result: std::io::Result<()>| match result {
            Ok(()) => false,
            Err(error) => {
                tracing::warn!("the feature cache is left alone: {error}");
                true
            }
        };
        let bytes = |units: &[Unit]| -> u64 {
            let of = |unit: &Unit| Store::file_bytes(self.views_of(*unit).len(), self.length());
            units.iter().map(of).sum()
        };
        if !missing.is_empty() {
            store = store.filter(|s| !has_failed(s.make_room(bytes(&stored), bytes(&missing))));
        }
        let mut done = 0;
        for group in groups(&missing, self.views.max(2) - 1) {
            if interrupt.load(Ordering::Relaxed) {
                return Err(TrainError::Interrupted { epoch: 1 });
            }
            let views: Vec<FilmView> = group
                .iter()
                .flat_map(|unit| self.views_of(*unit).map(|view| (unit.film, view)))
                .collect();
            let values = self.compute(&views)?;
            let mut rest = values.as_slice();
            for unit in group {
                let (own, others) = rest.split_at(self.views_of(*unit).len() * self.length());
                keep(*unit, own);
                store = store
                    .filter(|store| !has_failed(store.write(&self.key(*unit), own, self.length())));
                rest = others;
            }
            done += views.len();
            progress(done, computed);
        }
        if let Some(store) = store.filter(|_| computed > 0) {
            has_failed(store.trim());
        }
        let prepared = Prepared {
            views: count(&units),
            computed,
            view_bytes: self.length() * size_of::<f32>(),
            time: begun.elapsed(),
        };
        self.memory = kept
            .into_inner()
            .expect("nothing panicked while it was held");
        Ok(prepared)
    }

    /// Features of these views, one after another: from memory, from disk, or computed again.
    ///
    /// # Errors
    ///
    /// When a film cannot be read any more.
    pub fn batch(&self, views: &[FilmView]) -> Result<Vec<f32>, TrainError> {
        let length = self.length();
        let mut values = vec![0.0; views.len() * length];
        let mut missing = Vec::new();
        for (position, (view, target)) in views
            .iter()
            .zip(values.chunks_exact_mut(length))
            .enumerate()
        {
            if let Some(known) = self.memory.get(view) {
                target.copy_from_slice(known);
            } else if let Some(stored) = self.stored(*view) {
                target.copy_from_slice(&stored);
            } else {
                missing.push((position, *view));
            }
        }
        for group in missing.chunks(BATCH) {
            let views: Vec<FilmView> = group.iter().map(|&(_, view)| view).collect();
            let computed = self.compute(&views)?;
            for (&(position, _), own) in group.iter().zip(computed.chunks_exact(length)) {
                values[position * length..][..length].copy_from_slice(own);
            }
        }
        Ok(values)
    }

    /// [`Self::batch`] as a tensor `[views, maps, side, side]`.
    ///
    /// # Errors
    ///
    /// As [`Self::batch`].
    pub fn tensor(&self, views: &[FilmView], device: &Device) -> Result<Tensor<4>, TrainError> {
        let [maps, height, width] = self.shape;
        let data = TensorData::new(self.batch(views)?, [views.len(), maps, height, width]);
        Ok(Tensor::from_data(data, device))
    }

    fn stored(&self, (film, view): FilmView) -> Option<Vec<f32>> {
        let augmented = view > 0;
        let unit = Unit { film, augmented };
        let records = self.views_of(unit);
        let record = view - records.start;
        let store = self.store.as_ref()?;
        store.read_one(&self.key(unit), record, records.len(), self.length())
    }

    fn views_of(&self, unit: Unit) -> std::ops::Range<usize> {
        if unit.augmented { 1..self.views } else { 0..1 }
    }

    fn key(&self, unit: Unit) -> Key {
        let mut hash = self.basis.clone();
        hash.update(self.films.digest(unit.film));
        if unit.augmented {
            let settings = self.settings;
            hash.update(json(&settings.augmentation));
            hash.update(settings.seed.to_le_bytes());
            hash.update((self.views as u64).to_le_bytes());
        }
        hash.finalize().into()
    }

    /// Views through the frozen layers.
    fn compute(&self, views: &[FilmView]) -> Result<Vec<f32>, TrainError> {
        let settings = self.settings;
        let films: Vec<usize> = views.iter().map(|&(film, _)| film).collect();
        // The film's content stands for it, not its place in the data set, so that a view stays what it
        // is when other films come and go.
        let generator = |position: usize| {
            let (film, view) = views[position];
            let [a, b, c, d, e, f, g, h, ..] = *self.films.digest(film);
            let film = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
            (view > 0).then(|| seed::generator(settings.seed, "view", &[view as u64, film]))
        };
        let change: batch::Change<'_> = (&settings.augmentation, &generator);
        let pixels = batch::pixels(self.films, &films, Some(change))?;
        let [channels, size] = [settings.preprocessing.channels, settings.preprocessing.size];
        let data = TensorData::new(pixels, [views.len(), channels, size, size]);
        let input = Tensor::<4>::from_data(data, &self.device);
        let maps = self.network.features_up_to(input, self.layers);
        Ok(maps
            .into_data()
            .try_into_vec::<f32>()
            .expect("maps are 32-bit floats on every device we offer"))
    }
}

/// Units that go through the network together: about [`BATCH`] views, all of one kind.
fn groups(units: &[Unit], augmented_views: usize) -> impl Iterator<Item = &[Unit]> {
    let films = units.partition_point(|unit| !unit.augmented);
    let (films, augmented) = units.split_at(films);
    films
        .chunks(BATCH)
        .chain(augmented.chunks((BATCH / augmented_views).max(1)))
}

fn basis(settings: &TrainSettings, network: &Network, layers: usize) -> Sha256 {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(env!("CARGO_PKG_VERSION").as_bytes());
    add(settings.model.name().as_bytes());
    add(json(&settings.head).as_bytes());
    add(&(layers as u64).to_le_bytes());
    add(json(&settings.preprocessing).as_bytes());
    // Sums are promised to the last bit for one device and one number of threads.
    add(settings.device.as_bytes());
    add(&[u8::from(settings.precision == Precision::BFloat16)]);
    add(&(settings.threads as u64).to_le_bytes());
    let frozen = network.tensors_before(layers);
    for tensor in state_dict(network).into_iter().take(frozen) {
        add(tensor.name.as_bytes());
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        add(&bytes);
    }
    hash
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("settings hold only text and finite numbers")
}
