//! The Open Inference Protocol, version 2, over HTTP (KServe, Triton): for clients that speak it already.
//!
//! Two inputs are understood: `film`, of type BYTES and shape `[n]`, whose elements are whole files (Base64 in JSON, as
//! they are in the binary extension); or `planes`, of type FP32 and shape `[n, 1, side, side]`, films that the client
//! preprocessed itself, 0 to 1. The output is `probabilities`, FP32 `[n, labels]`; of films also `label`, BYTES `[n]`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use plainfilm::radiograph::Plane;
use serde::Deserialize;
use serde_json::{Value, json};

use super::tensor_data::TensorData;
use crate::films::read;
use crate::models::ServedModel;
use crate::problem::Problem;
use crate::scoring::Service;

/// The one version of every model.
const VERSION: &str = "1";
/// How long the JSON of a request is that has binary data behind it.
const JSON_LENGTH: &str = "inference-header-content-length";

/// `GET /v2`
pub(super) async fn server() -> Json<Value> {
    Json(json!({
        "name": "plainfilm",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data"],
    }))
}

/// `GET /v2/health/ready`
pub(super) async fn ready(State(service): State<Arc<Service>>) -> StatusCode {
    match service.ready.load(Ordering::Relaxed) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// `GET /v2/models/{model}`
pub(super) async fn model(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let model = service.models.get(Some(&name))?;
    let side = model.preparation.preprocessing.size;
    let labels = model.usage.labels.len();
    Ok(Json(json!({
        "name": model.name,
        "versions": [VERSION],
        "platform": "plainfilm",
        "inputs": [
            { "name": "film", "datatype": "BYTES", "shape": [-1] },
            { "name": "planes", "datatype": "FP32", "shape": [-1, 1, side, side] },
        ],
        "outputs": [
            { "name": "probabilities", "datatype": "FP32", "shape": [-1, labels] },
            { "name": "label", "datatype": "BYTES", "shape": [-1] },
        ],
    })))
}

/// `GET /v2/models/{model}/versions/{version}`
pub(super) async fn model_version(
    service: State<Arc<Service>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    check_version(&version)?;
    model(service, Path(name)).await
}

/// `GET /v2/models/{model}/ready`
pub(super) async fn model_ready(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    service.models.get(Some(&name))?;
    Ok(ready(State(service)).await)
}

/// `GET /v2/models/{model}/versions/{version}/ready`
pub(super) async fn model_version_ready(
    service: State<Arc<Service>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    check_version(&version)?;
    model_ready(service, Path(name)).await
}

fn check_version(version: &str) -> Result<(), Problem> {
    match version == VERSION {
        true => Ok(()),
        false => Err(Problem::not_found("every model has the one version 1")),
    }
}

#[derive(Debug, Deserialize)]
struct Inference {
    id: Option<String>,
    inputs: Vec<Input>,
}

#[derive(Debug, Deserialize)]
struct Input {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    #[serde(default)]
    parameters: Parameters,
    #[serde(default)]
    data: TensorData,
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
}

/// `POST /v2/models/{model}/versions/{version}/infer`
pub(super) async fn infer_version(
    service: State<Arc<Service>>,
    Path((name, version)): Path<(String, String)>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    check_version(&version)?;
    infer(service, Path(name), request).await
}

/// `POST /v2/models/{model}/infer`
pub(super) async fn infer(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let model = service.models.get(Some(&name))?;
    let json_length = match request.headers().get(JSON_LENGTH) {
        None => None,
        Some(length) => {
            let length = length.to_str().ok().and_then(|text| text.parse().ok());
            Some(length.ok_or_else(|| {
                Problem::bad_request(format!("{JSON_LENGTH}: expected a number of bytes"))
            })?)
        }
    };
    let (body, _room) = read(request.into_body(), &service).await?;
    let at: usize = json_length.unwrap_or(body.len());
    if at > body.len() {
        let found = body.len();
        return Err(Problem::bad_request(format!(
            "{JSON_LENGTH}: expected at most {found}, found {at}"
        )));
    }
    let (text, binary) = (body.slice(..at), body.slice(at..));
    let asked: Inference = serde_json::from_slice(&text).map_err(|error| {
        Problem::bad_request(format!("the request is not as expected: {error}"))
    })?;
    let [input] = asked.inputs.as_slice() else {
        let found = asked.inputs.len();
        return Err(Problem::bad_request(format!(
            "expected one input, found {found}"
        )));
    };
    let mut answer = match (input.name.as_str(), input.datatype.as_str()) {
        ("film", "BYTES") => infer_films(&service, &model, input, binary).await?,
        ("planes", "FP32") => infer_planes(&service, &model, input, &binary).await?,
        (name, datatype) => {
            return Err(Problem::bad_request(format!(
                "expected `film` of type BYTES or `planes` of type FP32, found `{name}` of type {datatype}"
            )));
        }
    };
    answer["model_name"] = json!(model.name);
    answer["model_version"] = json!(VERSION);
    if let Some(id) = asked.id {
        answer["id"] = json!(id);
    }
    Ok(Json(answer))
}

async fn infer_films(
    service: &Arc<Service>,
    model: &Arc<ServedModel>,
    input: &Input,
    binary: Bytes,
) -> Result<Value, Problem> {
    let &[count] = input.shape.as_slice() else {
        return Err(Problem::bad_request("film: expected a shape of one number"));
    };
    if count > service.limits.films {
        let most = service.limits.films;
        return Err(Problem::bad_request(format!(
            "film: expected at most {most} films"
        )));
    }
    let files = match input.parameters.binary_data_size {
        Some(size) => lengths_and_bytes(&binary, size)?,
        None => from_base64(&input.data.texts)?,
    };
    if files.len() != count {
        let found = files.len();
        return Err(Problem::bad_request(format!(
            "film: expected {count} films, found {found}"
        )));
    }
    let scored: Vec<_> = stream::iter(files.into_iter().enumerate())
        .map(|(index, bytes)| service.score(model, index.to_string(), Ok(bytes), None))
        .buffered(service.limits.batch.max(2))
        .try_collect()
        .await?;
    let (mut probabilities, mut labels) = (Vec::new(), Vec::new());
    for scored in scored {
        // A tensor has no place for a film without a score, so the request has none.
        let film = scored.film;
        let Some(values) = film.probabilities else {
            let reason = film.reason.unwrap_or_default();
            return Err(Problem::unreadable(format!("film {}: {reason}", film.path)));
        };
        probabilities.extend(values.values());
        labels.push(film.label.or(film.reason).unwrap_or_default());
    }
    Ok(json!({ "outputs": [
        output("probabilities", "FP32", &[count, model.usage.labels.len()], probabilities),
        output("label", "BYTES", &[count], labels),
    ] }))
}

async fn infer_planes(
    service: &Service,
    model: &Arc<ServedModel>,
    input: &Input,
    binary: &[u8],
) -> Result<Value, Problem> {
    let size = model.preparation.preprocessing.size;
    let &[count, 1, height, width] = input.shape.as_slice() else {
        return Err(Problem::bad_request(
            "planes: expected a shape of four numbers, the second 1",
        ));
    };
    if (height, width) != (size, size) {
        return Err(Problem::bad_request(format!(
            "planes: expected {size} x {size}, found {height} x {width}"
        )));
    }
    if count > service.limits.films {
        let most = service.limits.films;
        return Err(Problem::bad_request(format!(
            "planes: expected at most {most} films"
        )));
    }
    let wrong = |found: usize| {
        Problem::bad_request(format!(
            "planes: expected {count} x {size} x {size} values, found {found}"
        ))
    };
    let expected = count.checked_mul(size * size).ok_or_else(|| wrong(0))?;
    let from_binary: Vec<f32>;
    let values = match input.parameters.binary_data_size {
        Some(_) => {
            let (values, _) = binary.as_chunks::<4>();
            from_binary = values
                .iter()
                .map(|value| f32::from_le_bytes(*value))
                .collect();
            &from_binary
        }
        None => &input.data.numbers,
    };
    if values.len() != expected {
        return Err(wrong(values.len()));
    }
    if let Some(found) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        return Err(Problem::bad_request(format!(
            "planes: expected values from 0 to 1, found {found}"
        )));
    }
    let mut rows = Vec::with_capacity(count);
    // Some at a time, so that the films of others come between.
    for values in values.chunks(size * size * service.limits.batch.max(1)) {
        let planes = values
            .chunks_exact(size * size)
            .map(|values| Plane {
                size,
                values: values.to_vec(),
            })
            .collect();
        rows.extend(model.queue.score_planes(planes).await?);
    }
    let labels = model.usage.labels.len();
    let flat: Vec<f64> = rows.into_iter().flatten().collect();
    Ok(json!({ "outputs": [output("probabilities", "FP32", &[count, labels], flat)] }))
}

fn output(name: &str, datatype: &str, shape: &[usize], data: impl serde::Serialize) -> Value {
    json!({ "name": name, "datatype": datatype, "shape": shape, "data": data })
}

/// Elements of the binary extension: each its length in 4 bytes, little endian, and itself.
fn lengths_and_bytes(binary: &Bytes, size: usize) -> Result<Vec<Bytes>, Problem> {
    let broken = || Problem::bad_request("film: the binary data ends too early");
    if size > binary.len() {
        return Err(broken());
    }
    let mut rest = binary.slice(..size);
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let length = rest.first_chunk::<4>().ok_or_else(broken)?;
        let length = u32::from_le_bytes(*length) as usize;
        let _ = rest.split_to(4);
        if length > rest.len() {
            return Err(broken());
        }
        elements.push(rest.split_to(length));
    }
    Ok(elements)
}

fn from_base64(texts: &[String]) -> Result<Vec<Bytes>, Problem> {
    texts
        .iter()
        .map(|text| match BASE64.decode(text) {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            Err(_) => Err(Problem::bad_request(
                "film: expected a list of texts in Base64",
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_cut_out_by_their_lengths() {
        let whole = Bytes::from_static(b"\x01\0\0\0a\x00\0\0\0\x02\0\0\0bcrest");
        let found = lengths_and_bytes(&whole, 15).unwrap();
        assert_eq!(found, [&b"a"[..], b"", b"bc"]);
        for size in [1, 3, 4, 13, 14, 99] {
            assert!(lengths_and_bytes(&whole, size).is_err(), "{size}");
        }
    }
}
