//! From a file that was sent to what is said of it: the same calls as `plainfilm predict`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use plainfilm::bundle::FilmDigest;
use plainfilm::predict::FilmPrediction;
use plainfilm::radiograph::Radiograph;
use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};

use crate::metrics::Metrics;
use crate::models::{Models, ServedModel};
use crate::pictures::data_uri;
use crate::problem::Problem;
use crate::sandbox::Decoders;
use crate::settings::ServeLimits;

/// All that requests share.
pub(crate) struct Service {
    pub(crate) models: Models,
    pub(crate) decoders: Decoders,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: ServeLimits,
    /// Films that are prepared for a network at once.
    pub(crate) workers: Semaphore,
    /// Films of archives that may be in memory unpacked, of all requests together.
    pub(crate) unpacked: Arc<Semaphore>,
    /// How many `workers` there are.
    pub(crate) workers_at_once: usize,
    /// Requests with films that may be worked on.
    pub(crate) requests: Arc<Semaphore>,
    /// Kibibytes of bodies that may be in memory.
    pub(crate) uploads: Arc<Semaphore>,
    /// Becomes false when the service is told to end.
    pub(crate) ready: std::sync::atomic::AtomicBool,
}

/// [`FilmPrediction`], with a small picture of the film where one was asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Scored {
    #[serde(flatten)]
    pub(crate) film: FilmPrediction,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<String>,
}

impl Service {
    /// Decodes a film.
    pub(crate) async fn decode(&self, name: &str, bytes: Bytes) -> Result<Radiograph, String> {
        let decoded = self.decoders.decode(name, bytes).await;
        self.metrics.decoders_lost.set(self.decoders.lost() as i64);
        decoded
    }

    /// Runs what takes a core for a while, on as many cores as there are workers.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let _place = self
            .workers
            .acquire()
            .await
            .map_err(|_| Problem::internal("the service ends"))?;
        // Not on threads that come and go: each would pack the lung network's weights anew.
        let (answer, answered) = oneshot::channel();
        rayon::spawn(move || {
            let _ = answer.send(catch_unwind(AssertUnwindSafe(work)));
        });
        let failed = || Problem::internal("a film could not be worked on");
        answered.await.map_err(|_| failed())?.map_err(|_| failed())
    }

    /// Scores a film; one that cannot be read is set aside with its reason.
    pub(crate) async fn score(
        &self,
        model: &Arc<ServedModel>,
        name: String,
        bytes: Result<Bytes, String>,
        thumbnail: Option<usize>,
    ) -> Result<Scored, Problem> {
        let on_its_way = model.queue.on_its_way();
        let decoded = match bytes {
            Ok(bytes) => self.decode(&name, bytes).await,
            Err(reason) => Err(reason),
        };
        let film = match decoded {
            Ok(film) => film,
            Err(reason) => {
                self.count(model, "set_aside");
                return Ok(Scored {
                    film: FilmPrediction::set_aside(name, reason),
                    thumbnail: None,
                });
            }
        };
        let of = model.clone();
        let work = move || {
            let fitted_on = of.usage.fitted_on.as_ref();
            let seen = fitted_on.and_then(|fitted| fitted.part_of(FilmDigest::of(&film)));
            let prepared = of.preparation.prepare(&film);
            let thumbnail = thumbnail.and_then(|side| data_uri(&film, side).ok());
            (prepared, seen, thumbnail)
        };
        let (prepared, seen, thumbnail) = self.work(work).await?;
        drop(on_its_way);
        let film = model.queue.score(name, prepared, seen).await?;
        self.count(model, "scored");
        Ok(Scored { film, thumbnail })
    }

    fn count(&self, model: &ServedModel, status: &str) {
        let films = &self.metrics.films;
        films.with_label_values(&[&model.name, status]).inc();
    }
}
