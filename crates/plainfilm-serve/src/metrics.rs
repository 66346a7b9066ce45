//! What the service counts, in the text format of Prometheus.

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// Seconds from a fast answer to a slow one.
const SECONDS: [f64; 12] = [
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 10.0, 60.0,
];

/// All counters.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: IntCounterVec,
    pub(crate) seconds: HistogramVec,
    pub(crate) films: IntCounterVec,
    pub(crate) batch: Histogram,
    pub(crate) connections: IntGauge,
    pub(crate) decoders_lost: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("plainfilm_requests_total", "Requests by route and status."),
            &["route", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "plainfilm_request_seconds",
                "From a request's head to its answer, by route.",
            )
            .buckets(SECONDS.to_vec()),
            &["route"],
        )?;
        let films = IntCounterVec::new(
            Opts::new(
                "plainfilm_films_total",
                "Films by model and what became of them.",
            ),
            &["model", "status"],
        )?;
        let batch = Histogram::with_opts(
            HistogramOpts::new(
                "plainfilm_batch_films",
                "Films in one pass through a network.",
            )
            .buckets(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0]),
        )?;
        let connections = IntGauge::new("plainfilm_connections", "Open connections.")?;
        let decoders_lost = IntGauge::new(
            "plainfilm_decoders_lost",
            "Decoding processes that crashed or had to be ended.",
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(films.clone()))?;
        registry.register(Box::new(batch.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(decoders_lost.clone()))?;
        Ok(Self {
            registry,
            requests,
            seconds,
            films,
            batch,
            connections,
            decoders_lost,
        })
    }

    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        let mut buffer = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }
}
