//! The models that are served, and how they are read again while requests go on.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::SystemTime;

use plainfilm::bundle::ModelFile;
use plainfilm::device;
use plainfilm::explain::{ExplainSettings, Explainer, Method};
use plainfilm::foreign::ForeignModel;
use plainfilm::predict::{Predictor, Preparation, Usage};
use serde_json::Value;

use crate::about::about;
use crate::error::ServeError;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::queue::{METHODS, MapQueue, ScoreQueue};
use crate::settings::{ModelToServe, ServeLimits};

/// A model as requests use it. Requests that began with it keep it, whatever is read meanwhile.
pub(crate) struct ServedModel {
    pub(crate) name: String,
    pub(crate) usage: Usage,
    pub(crate) preparation: Preparation,
    pub(crate) queue: ScoreQueue,
    /// What the page and `GET /v1/models` say of it.
    pub(crate) about: Value,
    maps: OnceLock<MapQueue>,
    /// What heat maps are drawn with, once somebody asks for one.
    read: ModelRead,
    device: String,
}

/// A model as it lies on disk.
pub(crate) enum ModelRead {
    /// One of ours.
    Ours(Box<ModelFile>),
    /// An ONNX file with its description, opened anew by whoever computes with it.
    Foreign(PathBuf),
}

fn cannot_use(error: impl std::fmt::Display) -> ServeError {
    ServeError::Device(error.to_string())
}

impl ModelRead {
    /// Ready to score films.
    fn predictor(&self, device: &str) -> Result<Predictor, ServeError> {
        match self {
            Self::Ours(file) => {
                let on = device::parse(device).map_err(cannot_use)?;
                Ok(Predictor::new(file, &on)?)
            }
            Self::Foreign(path) => {
                if device != "cpu" {
                    let reason = "ONNX models are computed by the CPU".to_owned();
                    return Err(ServeError::Device(reason));
                }
                Ok(ForeignModel::open(path, None)?.into_predictor())
            }
        }
    }

    /// Ready to say where it looked.
    fn explainer(&self, device: &str) -> Result<Explainer, ServeError> {
        let settings = ExplainSettings::default();
        match self {
            Self::Ours(file) => {
                let on = device::parse(device).map_err(cannot_use)?;
                Ok(Explainer::new(file, &settings, &on)?)
            }
            Self::Foreign(_) => {
                let predictor = self.predictor(device)?;
                Ok(Explainer::of_probabilities(predictor, &settings)?)
            }
        }
    }

    /// How it may be explained, the usual way first: what answers within seconds.
    pub(crate) fn methods(&self) -> &'static [Method] {
        match self {
            Self::Ours(_) => &METHODS,
            Self::Foreign(_) => &[Method::Occlusion],
        }
    }
}

impl ServedModel {
    fn new(
        source: &ModelToServe,
        device: &str,
        limits: &ServeLimits,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let read = source.read()?;
        let predictor = read.predictor(device)?;
        let usage = predictor.usage().clone();
        Ok(Self {
            name: source.name.clone(),
            about: about(&source.name, &read, &usage, source.bytes()),
            usage,
            preparation: Preparation::of(&predictor),
            queue: ScoreQueue::start(predictor, limits, metrics.clone())?,
            maps: OnceLock::new(),
            read,
            device: device.to_owned(),
        })
    }

    /// How its heat maps may be drawn, the usual way first.
    pub(crate) fn methods(&self) -> &'static [Method] {
        self.read.methods()
    }

    /// What draws its heat maps.
    pub(crate) fn maps(&self) -> Result<&MapQueue, Problem> {
        if let Some(maps) = self.maps.get() {
            return Ok(maps);
        }
        let failed = |error: &dyn std::fmt::Display| Problem::internal(error.to_string());
        let explainer = self.read.explainer(&self.device);
        let explainer = explainer.map_err(|error| failed(&error))?;
        let maps = MapQueue::start(explainer).map_err(|error| failed(&error))?;
        Ok(self.maps.get_or_init(|| maps))
    }
}

/// All models, the default first.
pub(crate) struct Models {
    sources: Vec<ModelToServe>,
    served: RwLock<Vec<(Arc<ServedModel>, Option<SystemTime>)>>,
    device: String,
    limits: ServeLimits,
    metrics: Arc<Metrics>,
}

impl Models {
    /// Reads them all.
    pub(crate) fn read(
        sources: Vec<ModelToServe>,
        device: &str,
        limits: &ServeLimits,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        for (index, source) in sources.iter().enumerate() {
            let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            let refuse = |expected| ServeError::ModelName {
                found: source.name.clone(),
                expected,
            };
            if source.name.is_empty() || !source.name.chars().all(fits) {
                return Err(refuse("letters, digits, `-`, `_` and `.`"));
            }
            if sources[..index]
                .iter()
                .any(|other| other.name == source.name)
            {
                return Err(refuse("a name that no other model has"));
            }
        }
        let served = sources
            .iter()
            .map(|source| {
                let changed = changed(source);
                let model = ServedModel::new(source, device, limits, &metrics)?;
                Ok((Arc::new(model), changed))
            })
            .collect::<Result<_, ServeError>>()?;
        Ok(Self {
            sources,
            served: RwLock::new(served),
            device: device.to_owned(),
            limits: *limits,
            metrics,
        })
    }

    /// The model of this name; the first where none is named.
    pub(crate) fn get(&self, name: Option<&str>) -> Result<Arc<ServedModel>, Problem> {
        let served = self.all();
        let found = match name {
            None => served.first(),
            Some(name) => served.iter().find(|model| model.name == name),
        };
        found.cloned().ok_or_else(|| {
            let names: Vec<&str> = served.iter().map(|model| model.name.as_str()).collect();
            Problem::not_found(format!("expected one of the models {}", names.join(", ")))
        })
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<ServedModel>> {
        let served = self
            .served
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        served.iter().map(|(model, _)| model.clone()).collect()
    }

    /// Reads again what has changed on disk, or everything; a file that cannot be used leaves its model as it was.
    pub(crate) fn refresh(&self, everything: bool) {
        for (index, source) in self.sources.iter().enumerate() {
            let now = changed(source);
            let before = {
                let served = self
                    .served
                    .read()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                served[index].1
            };
            if source.path.is_none() || now.is_none() || (now == before && !everything) {
                continue;
            }
            let model = ServedModel::new(source, &self.device, &self.limits, &self.metrics);
            let mut served = self
                .served
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            served[index].1 = now;
            match model {
                Ok(model) => {
                    tracing::info!(model = source.name, "read again");
                    served[index].0 = Arc::new(model);
                }
                Err(error) => tracing::warn!(
                    "{}: {error}; the model read before stays in use",
                    source.name
                ),
            }
        }
    }
}

/// When the file was last written.
fn changed(source: &ModelToServe) -> Option<SystemTime> {
    let path = source.path.as_ref()?;
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .ok()
}
