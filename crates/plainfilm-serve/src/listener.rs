//! Connections: how many, how long, and how they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tower::ServiceExt;

use crate::error::ServeError;
use crate::metrics::Metrics;
use crate::settings::{ServeLimits, TlsFiles};
use crate::timed::TimedWrites;

/// After this the system has a moment to recover, as when there are too many open files.
const AFTER_A_FAILURE: Duration = Duration::from_millis(50);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 32 << 10;

/// Answers connections until `end` says so; then lets requests end that have begun.
pub(crate) async fn listen(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: ServeLimits,
    metrics: Arc<Metrics>,
    mut end: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections.max(1)));
    let graceful = GracefulShutdown::new();
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            _ = end.wait_for(|end| *end) => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = end.wait_for(|end| *end) => break,
        };
        let Ok((stream, _)) = accepted else {
            sleep(AFTER_A_FAILURE).await;
            continue;
        };
        // Answers are small: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let (router, tls, metrics) = (router.clone(), tls.clone(), metrics.clone());
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            metrics.connections.inc();
            match tls {
                None => serve(stream, router, limits, watcher).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
                        serve(stream, router, limits, watcher).await;
                    }
                }
            }
            metrics.connections.dec();
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(limits.drain, graceful.shutdown()).await;
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    limits: ServeLimits,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES.max(8 << 10))
        .serve_connection(TokioIo::new(TimedWrites::new(stream, limits.write)), answer);
    // A client that breaks off is no fault of ours.
    let _ = watcher.watch(connection).await;
}

/// Binds the address.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

/// Reads certificate and key.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let refuse = |path: &std::path::Path, reason: String| ServeError::Tls {
        path: path.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refuse(&files.certificate, error.to_string()))?;
    if chain.is_empty() {
        let reason = "expected a certificate in PEM, found none".to_owned();
        return Err(refuse(&files.certificate, reason));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| refuse(&files.key, error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| refuse(&files.certificate, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
