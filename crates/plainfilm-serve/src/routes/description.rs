//! What the service says of itself: its models, its counters and its API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use plainfilm::NOT_A_MEDICAL_DEVICE;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::scoring::Service;

/// The API, after OpenAPI 3.1.
pub(crate) const OPENAPI: &str = include_str!("../../openapi.json");

/// `GET /v1/models`
pub(super) async fn models(State(service): State<Arc<Service>>) -> Json<Value> {
    let models = service.models.all();
    let models: Vec<&Value> = models.iter().map(|model| &model.about).collect();
    Json(json!({
        "notice": NOT_A_MEDICAL_DEVICE,
        "version": env!("CARGO_PKG_VERSION"),
        "limits": {
            "upload_bytes": service.limits.upload_bytes,
            "films": service.limits.films,
        },
        "models": models,
    }))
}

/// `GET /metrics`
pub(super) async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    let text = service.metrics.text();
    let text = text.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(with_type("text/plain; version=0.0.4", text))
}

/// `GET /openapi.json`
pub(super) async fn openapi() -> Response {
    with_type("application/json", OPENAPI)
}

fn with_type(media_type: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
