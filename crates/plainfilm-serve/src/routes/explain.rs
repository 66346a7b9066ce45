//! `POST /v1/explain` and `POST /v1/render`: pictures of one film.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use plainfilm::explain::Target;
use plainfilm::radiograph::Radiograph;
use plainfilm::report::{film_png, heat_map_png};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::films::{FilmArchive, Room, Sent, SentFile, clean, is_archive, receive};
use crate::pictures::{as_data_uri, data_uri, outlines};
use crate::problem::Problem;
use crate::scoring::Service;

/// Longest side of a film beside its map, and of a film alone.
const BESIDE_ITS_MAP: usize = 1_024;
const ALONE: usize = 1_600;

/// What may be asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    model: Option<String>,
    name: Option<String>,
    method: Option<String>,
    label: Option<String>,
    /// Which film of an archive.
    film: Option<String>,
}

type WantedOrNot = Result<Query<Wanted>, axum::extract::rejection::QueryRejection>;

/// Says where the network looked on a film.
pub(super) async fn explain(
    State(service): State<Arc<Service>>,
    wanted: WantedOrNot,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let model = service.models.get(wanted.model.as_deref())?;
    let methods = model.methods();
    let method = match &wanted.method {
        None => methods[0],
        Some(name) => name
            .parse()
            .map_err(|error: plainfilm::explain::ExplainError| {
                Problem::bad_request(error.to_string())
            })?,
    };
    if !methods.contains(&method) {
        let names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
        return Err(Problem::bad_request(format!(
            "method: expected one of {}",
            names.join(", ")
        )));
    }
    let target = match &wanted.label {
        None => Target::Predicted,
        Some(name) => {
            let labels = &model.usage.labels;
            let found = labels.iter().position(|label| label == name);
            Target::Label(found.ok_or_else(|| {
                Problem::bad_request(format!("label: expected one of {}", labels.join(", ")))
            })?)
        }
    };
    let (film, _room) = one_film(&service, &wanted, request).await?;
    let explained = model.maps()?.explain(film, target, method).await?;
    let explained = explained.map_err(Problem::unreadable)?;
    let drawn = service
        .work(move || {
            let evidence = explained.explained.evidence.first();
            let evidence = evidence.ok_or_else(|| "the method gave no map".to_owned())?;
            let (size, map) = heat_map_png(evidence, method, &explained.placement, BESIDE_ITS_MAP)
                .map_err(|error| error.to_string())?;
            let film =
                data_uri(&explained.film, BESIDE_ITS_MAP).map_err(|error| error.to_string())?;
            let share = explained.shares.first().copied().flatten();
            Ok::<_, String>((explained.explained, size, film, map, explained.lungs, share))
        })
        .await?;
    let (said, size, film, map, lungs, share) = drawn.map_err(Problem::internal)?;
    let note = said
        .evidence
        .first()
        .is_some_and(|map| map.greatest() <= 0.0);
    Ok(Json(json!({
        "label": model.usage.labels[said.label],
        "method": method.name(),
        "probability": said.probabilities[said.label],
        "width": size[0],
        "height": size[1],
        "film": film,
        "map": as_data_uri(&map),
        "lungs": lungs.as_ref().map(outlines),
        "lung_share": share.map(|share| json!({ "value": share.share, "uniform": share.area })),
        "note": note.then_some("Nothing on the film speaks for this label."),
    })))
}

/// A film as a browser can show it.
pub(super) async fn render(
    State(service): State<Arc<Service>>,
    wanted: WantedOrNot,
    request: Request,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let (film, _room) = one_film(&service, &wanted, request).await?;
    let drawn = service.work(move || film_png(&film, ALONE)).await?;
    let png = drawn.map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = Bytes::from(png).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
    Ok(response)
}

/// The one film of a request, or of the archive in it.
async fn one_film(
    service: &Service,
    wanted: &Wanted,
    request: Request,
) -> Result<(Radiograph, Room), Problem> {
    let (sent, room) = receive(request, wanted.name.as_deref(), service).await?;
    let file = match sent {
        Sent::One(file) => file,
        Sent::Form(files) => match <[SentFile; 1]>::try_from(files) {
            Ok([file]) => file,
            Err(files) => {
                let found = files.len();
                return Err(Problem::bad_request(format!(
                    "expected one film, found {found}"
                )));
            }
        },
    };
    if wanted.film.is_none() && is_archive(&file.bytes) {
        let detail = "expected a film, found a zip: name the film in it with ?film=";
        return Err(Problem::bad_request(detail));
    }
    let _place_in_memory = service.unpacked.acquire().await;
    let (name, bytes) = match &wanted.film {
        Some(film) if is_archive(&file.bytes) => {
            let (most, film) = (service.limits.films, clean(film));
            let unpacked = spawn_blocking(move || {
                let mut archive = FilmArchive::open(file.bytes, most)?;
                let place = archive
                    .place(&film)
                    .ok_or_else(|| Problem::not_found("the archive has no film of this name"))?;
                Ok(archive.film(place))
            });
            let unpacked = unpacked.await;
            let (name, bytes) =
                unpacked.map_err(|_| Problem::internal("the archive's reader crashed"))??;
            (name, bytes.map_err(Problem::unreadable)?)
        }
        _ => (file.name, file.bytes),
    };
    let film = service.decode(&name, bytes).await;
    Ok((film.map_err(Problem::unreadable)?, room))
}
