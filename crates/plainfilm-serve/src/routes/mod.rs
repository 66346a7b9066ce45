//! What can be asked, by address.

mod description;
mod explain;
mod kserve;
mod page;
mod predict;
mod tensor_data;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::time::timeout;

use crate::guard::{Guard, guard};
use crate::problem::Problem;
use crate::scoring::Service;

/// All routes, behind the guard.
pub(crate) fn routes(service: Arc<Service>, rules: Arc<Guard>) -> Router {
    let with_films = Router::new()
        .route("/v1/predict", post(predict::predict))
        .route("/v1/explain", post(explain::explain))
        .route("/v1/render", post(explain::render))
        .route("/v2/models/{model}/infer", post(kserve::infer))
        .route(
            "/v2/models/{model}/versions/{version}/infer",
            post(kserve::infer_version),
        )
        // Bodies are bounded where they are read; a form's is in memory by then.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(service.clone(), bound));
    Router::new()
        .merge(with_films)
        .route("/v1/models", get(description::models))
        .route("/v2", get(kserve::server))
        .route("/v2/health/live", get(|| async { StatusCode::OK }))
        .route("/v2/health/ready", get(kserve::ready))
        .route("/v2/models/{model}", get(kserve::model))
        .route("/v2/models/{model}/ready", get(kserve::model_ready))
        .route(
            "/v2/models/{model}/versions/{version}",
            get(kserve::model_version),
        )
        .route(
            "/v2/models/{model}/versions/{version}/ready",
            get(kserve::model_version_ready),
        )
        .route("/metrics", get(description::metrics))
        .route("/openapi.json", get(description::openapi))
        .merge(page::routes())
        .fallback(|| async { Problem::not_found("see /docs for what can be asked") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "Not with this method",
                "see /docs for what can be asked",
            )
        })
        .layer(middleware::from_fn_with_state(service.clone(), watch))
        .layer(middleware::from_fn_with_state(rules, guard))
        .with_state(service)
}

/// Refuses what says that it is too large, and ends what takes too long.
async fn bound(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let limits = &service.limits;
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits.upload_bytes) {
        return Problem::too_large(limits.upload_bytes).into_response();
    }
    let all = limits.request + limits.body;
    timeout(all, next.run(request)).await.unwrap_or_else(|_| {
        Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "It took too long",
            "the service is too busy, or the film too large",
        )
        .into_response()
    })
}

/// Counts and logs a request by its route: neither names nor anything else that was sent.
async fn watch(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let seconds = begun.elapsed().as_secs_f64();
    let metrics = &service.metrics;
    metrics
        .requests
        .with_label_values(&[route.as_str(), &status.to_string()])
        .inc();
    metrics
        .seconds
        .with_label_values(&[route.as_str()])
        .observe(seconds);
    let method = match method.as_str() {
        "GET" | "POST" | "HEAD" => method.as_str(),
        _ => "other",
    };
    tracing::info!(
        target: "plainfilm_serve::requests",
        method,
        route,
        status,
        milliseconds = (seconds * 1e4).round() / 10.0,
    );
    response
}
