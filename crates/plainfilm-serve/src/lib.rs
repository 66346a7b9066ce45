//! The service: films in over HTTP, answers and heat maps out, and a page for the browser.
//!
//! Research and teaching only: nothing here is a medical device.
//!
//! A request passes `guard` (is it for us, from our page, with the token?), `routes` (what is asked?), `films`
//! (which files came?), `sandbox` (decoding, in a process that can do nothing else), `scoring` (the same
//! preparation as `plainfilm predict`), `queue` (films that come together are scored together). Films stay in memory
//! and are gone after the answer; nothing is written, and no name, identifier or pixel is logged.

mod about;
mod error;
mod examples;
mod films;
mod guard;
mod listener;
mod metrics;
mod models;
mod pictures;
mod problem;
mod queue;
mod routes;
mod sandbox;
mod scoring;
mod settings;
mod signals;
mod timed;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval};

pub use error::ServeError;
pub use sandbox::decode_films;
pub use settings::{Decoding, ModelToServe, ServeLimits, ServeSettings, TlsFiles};

use guard::Guard;
use metrics::Metrics;
use models::Models;
use sandbox::Decoders;
use scoring::Service;
use signals::{Signal, Signals};

/// Files and connections that are asked for, where the system allows so many.
#[cfg(target_os = "linux")]
const OPEN_FILES: u64 = 8_192;
/// How often files of models are looked at.
const LOOK_AT_FILES: Duration = Duration::from_secs(2);

/// What a service says once it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Where it listens, with the port that the system chose where none was asked for.
    pub address: SocketAddr,
    /// Whether decoding processes are kept from files and network; none where there are none.
    pub confined: Option<bool>,
}

/// Serves models, the first by default, until the process is told to end (SIGTERM, SIGINT); then requests that have
/// begun are answered. SIGHUP, or a change of a model's file, reads models again. `started` is told once.
///
/// # Errors
///
/// When it cannot start: see [`ServeError`].
pub fn serve(
    settings: &ServeSettings,
    models: Vec<ModelToServe>,
    started: impl FnOnce(&Started),
) -> Result<(), ServeError> {
    if !settings.listen.ip().is_loopback() && settings.token.is_none() {
        return Err(ServeError::NoToken(settings.listen));
    }
    // Connections and decoding processes need more files than systems allow at first.
    #[cfg(target_os = "linux")]
    let _ = rlimit::increase_nofile_limit(OPEN_FILES);
    let tls = settings.tls.as_ref().map(listener::acceptor).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.workers.clamp(1, 4))
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let metrics = Arc::new(Metrics::new().map_err(std::io::Error::other)?);
        let limits = settings.limits;
        let service = Arc::new(Service {
            models: Models::read(models, &settings.device, &limits, metrics.clone())?,
            decoders: Decoders::new(settings.decoding.clone(), settings.workers, limits.decode),
            metrics: metrics.clone(),
            limits,
            workers: Semaphore::new(settings.workers.max(1)),
            unpacked: Arc::new(Semaphore::new(settings.workers.max(1) + 1)),
            workers_at_once: settings.workers.max(1),
            requests: Arc::new(Semaphore::new(limits.requests.max(1))),
            uploads: Arc::new(Semaphore::new(limits.upload_bytes_at_once / 1024)),
            ready: AtomicBool::new(true),
        });
        let confined = service.decoders.try_out().await?;
        let listener = listener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let guard = Arc::new(Guard::new(settings, address));
        let router = routes::routes(service.clone(), guard);
        let (ending, end) = watch::channel(false);
        let signals = Signals::new()?;
        started(&Started { address, confined });
        tokio::spawn(watch_models(service.clone(), signals, ending));
        listener::listen(listener, tls, router, limits, metrics, end).await;
        Ok(())
    })
}

/// Reads models again when they change or SIGHUP asks for it, and says when to end.
async fn watch_models(service: Arc<Service>, mut signals: Signals, ending: watch::Sender<bool>) {
    let mut look = interval(LOOK_AT_FILES);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let everything = tokio::select! {
            signal = signals.next() => match signal {
                Signal::End => {
                    service.ready.store(false, Ordering::Relaxed);
                    // Nobody listens any more only where the service has ended already.
                    let _ = ending.send(true);
                    return;
                }
                Signal::ReadAgain => true,
            },
            _ = look.tick() => false,
        };
        let service = service.clone();
        let _ = tokio::task::spawn_blocking(move || service.models.refresh(everything)).await;
    }
}
