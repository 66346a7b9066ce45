//! One network, one queue: films that come together are scored together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use plainfilm::dataset::Part;
use plainfilm::explain::{Explainer, FilmExplanation, FilmToExplain, Method, Target};
use plainfilm::predict::{FilmPrediction, Predictor, PreparedFilm, Scorer, examined_scores};
use plainfilm::radiograph::{Plane, Radiograph};
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::settings::ServeLimits;

/// The methods that answer within seconds on any network: RISE alone looks at a film a thousand times.
pub(crate) const METHODS: [Method; 6] = [
    Method::GradCam,
    Method::GradCamPlusPlus,
    Method::HiResCam,
    Method::EigenCam,
    Method::IntegratedGradients,
    Method::Occlusion,
];

/// Heat maps that wait: each takes a while, so whoever comes later is better told so at once.
const MAPS_WAITING: usize = 16;

/// A film to score.
pub(crate) struct FilmToScore {
    pub(crate) name: String,
    pub(crate) prepared: PreparedFilm,
    pub(crate) seen: Option<Part>,
    pub(crate) answer: oneshot::Sender<Result<FilmPrediction, String>>,
}

/// Planes to score: what clients send who preprocess on their own.
pub(crate) struct PlanesToScore {
    pub(crate) planes: Vec<Plane>,
    pub(crate) answer: oneshot::Sender<Result<Vec<Vec<f64>>, String>>,
}

enum ToScore {
    Film(Box<FilmToScore>),
    Planes(PlanesToScore),
}

/// A network on a thread of its own.
pub(crate) struct ScoreQueue {
    sender: mpsc::Sender<ToScore>,
    /// Films that are on their way to the queue.
    coming: Arc<AtomicUsize>,
}

/// Counts a film as on its way until it is dropped.
pub(crate) struct OnItsWay(Arc<AtomicUsize>);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ScoreQueue {
    /// Starts the thread; it ends when the queue is dropped and empty.
    pub(crate) fn start(
        predictor: Predictor,
        limits: &ServeLimits,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let (sender, mut receiver) = mpsc::channel(limits.requests.max(1));
        let coming = Arc::new(AtomicUsize::new(0));
        let (batch, wait, on_its_way) = (limits.batch.max(1), limits.batch_wait, coming.clone());
        thread::Builder::new()
            .name("network".to_owned())
            .spawn(move || {
                while let Some(first) = receiver.blocking_recv() {
                    let mut films = Vec::new();
                    let mut planes = Vec::new();
                    let mut add = |one, films: &mut Vec<FilmToScore>| match one {
                        ToScore::Film(film) => films.push(*film),
                        ToScore::Planes(some) => planes.push(some),
                    };
                    add(first, &mut films);
                    let mut waited = Duration::ZERO;
                    while films.len() < batch {
                        match receiver.try_recv() {
                            Ok(one) => add(one, &mut films),
                            // Worth waiting for, where others are being prepared right now.
                            Err(_) if waited < wait && on_its_way.load(Ordering::Relaxed) > 0 => {
                                let nap = Duration::from_micros(250);
                                thread::sleep(nap);
                                waited += nap;
                            }
                            Err(_) => break,
                        }
                    }
                    metrics.batch.observe(films.len() as f64);
                    score_films(&predictor, films);
                    for PlanesToScore { planes, answer } in planes {
                        let scored = predictor.probabilities(&planes);
                        let _ = answer.send(scored.map_err(|error| error.to_string()));
                    }
                }
            })?;
        Ok(Self { sender, coming })
    }

    /// Says that a film will come soon.
    pub(crate) fn on_its_way(&self) -> OnItsWay {
        self.coming.fetch_add(1, Ordering::Relaxed);
        OnItsWay(self.coming.clone())
    }

    /// Scores a film with those that wait beside it.
    pub(crate) async fn score(
        &self,
        name: String,
        prepared: PreparedFilm,
        seen: Option<Part>,
    ) -> Result<FilmPrediction, Problem> {
        let (answer, answered) = oneshot::channel();
        let film = FilmToScore {
            name,
            prepared,
            seen,
            answer,
        };
        self.send(ToScore::Film(Box::new(film)), answered).await
    }

    /// Scores planes that others made.
    pub(crate) async fn score_planes(&self, planes: Vec<Plane>) -> Result<Vec<Vec<f64>>, Problem> {
        let (answer, answered) = oneshot::channel();
        let planes = ToScore::Planes(PlanesToScore { planes, answer });
        self.send(planes, answered).await
    }

    async fn send<T>(
        &self,
        one: ToScore,
        answered: oneshot::Receiver<Result<T, String>>,
    ) -> Result<T, Problem> {
        let gone = |_| Problem::internal("the network's thread ended");
        self.sender
            .send(one)
            .await
            .map_err(|_| Problem::internal("the network's thread ended"))?;
        answered.await.map_err(gone)?.map_err(Problem::internal)
    }
}

fn score_films(predictor: &Predictor, films: Vec<FilmToScore>) {
    let mut planes = Vec::with_capacity(films.len());
    let mut examined = Vec::with_capacity(films.len());
    let mut waiting = Vec::with_capacity(films.len());
    for film in films {
        planes.push(film.prepared.0);
        examined.push(film.prepared.1);
        waiting.push((film.name, film.seen, film.answer));
    }
    match examined_scores(predictor, &planes, examined) {
        Ok(scores) => {
            for ((name, seen, answer), score) in waiting.into_iter().zip(scores) {
                // Whoever asked may have gone.
                let _ = answer.send(Ok(FilmPrediction::of(predictor, name, score, seen)));
            }
        }
        Err(error) => {
            for (_, _, answer) in waiting {
                let _ = answer.send(Err(error.to_string()));
            }
        }
    }
}

struct FilmToMap {
    film: Radiograph,
    target: Target,
    method: Method,
    answer: oneshot::Sender<Result<FilmExplanation, String>>,
}

/// A network that draws heat maps, one after the other, on a thread of its own.
pub(crate) struct MapQueue(mpsc::Sender<FilmToMap>);

impl MapQueue {
    /// Starts the thread.
    pub(crate) fn start(explainer: Explainer) -> std::io::Result<Self> {
        let (sender, mut receiver) = mpsc::channel::<FilmToMap>(MAPS_WAITING);
        thread::Builder::new()
            .name("heat maps".to_owned())
            .spawn(move || {
                while let Some(wanted) = receiver.blocking_recv() {
                    if wanted.answer.is_closed() {
                        continue;
                    }
                    let film = FilmToExplain {
                        film: wanted.film,
                        lungs: None,
                    };
                    let explained =
                        explainer.explain_films(vec![film], wanted.target, &[wanted.method]);
                    let one = explained.into_iter().next();
                    let one = one.unwrap_or_else(|| Err("the film has no pixels".to_owned()));
                    let _ = wanted.answer.send(one);
                }
            })?;
        Ok(Self(sender))
    }

    /// Draws a map. The inner error is the film's.
    pub(crate) async fn explain(
        &self,
        film: Radiograph,
        target: Target,
        method: Method,
    ) -> Result<Result<FilmExplanation, String>, Problem> {
        let (answer, answered) = oneshot::channel();
        let wanted = FilmToMap {
            film,
            target,
            method,
            answer,
        };
        self.0.try_send(wanted).map_err(|_| Problem::busy())?;
        answered
            .await
            .map_err(|_| Problem::internal("the thread of the heat maps ended"))
    }
}
