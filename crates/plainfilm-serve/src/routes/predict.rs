//! `POST /v1/predict`

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;

use crate::films::{FilmArchive, Room, Sent, SentFile, is_archive, receive};
use crate::models::ServedModel;
use crate::problem::Problem;
use crate::scoring::{Scored, Service};

/// The largest small picture.
const LARGEST_THUMBNAIL: usize = 512;

/// What may be asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    model: Option<String>,
    name: Option<String>,
    thumbnail: Option<usize>,
}

/// Scores what was sent: one film gives one object, a form or an archive a line of JSON for each film, in order, as
/// they come.
pub(super) async fn predict(
    State(service): State<Arc<Service>>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let model = service.models.get(wanted.model.as_deref())?;
    let thumbnail = wanted.thumbnail;
    if let Some(side) = thumbnail
        && !(1..=LARGEST_THUMBNAIL).contains(&side)
    {
        return Err(Problem::bad_request(format!(
            "thumbnail: expected 1 to {LARGEST_THUMBNAIL}, found {side}"
        )));
    }
    let (sent, room) = receive(request, wanted.name.as_deref(), &service).await?;
    match sent {
        Sent::One(file) if is_archive(&file.bytes) => {
            let archive = FilmArchive::open(file.bytes, service.limits.films)?;
            let films = stream::unfold((archive, 0), |(mut archive, place)| async move {
                if place >= archive.len() {
                    return None;
                }
                // Unpacking takes a while, and others wait for this thread.
                let unpacked = tokio::task::spawn_blocking(move || {
                    let film = archive.film(place);
                    (archive, film)
                });
                let (archive, film) = unpacked.await.ok()?;
                Some((film, (archive, place + 1)))
            });
            Ok(lines(service, model, films, thumbnail, room))
        }
        Sent::One(SentFile { name, bytes }) => {
            let scored = service.score(&model, name, Ok(bytes), thumbnail).await?;
            Ok(Json(scored).into_response())
        }
        Sent::Form(files) => {
            let films = files.into_iter().map(|file| (file.name, Ok(file.bytes)));
            Ok(lines(service, model, stream::iter(films), thumbnail, room))
        }
    }
}

/// Answers line by line, a few films at a time and in order. A client that goes ends it.
fn lines(
    service: Arc<Service>,
    model: Arc<ServedModel>,
    films: impl stream::Stream<Item = (String, Result<Bytes, String>)> + Send + 'static,
    thumbnail: Option<usize>,
    room: Room,
) -> Response {
    // Enough that a batch fills and no worker idles.
    let at_once = service.limits.batch.max(2);
    let lines = films
        .map(move |(name, bytes)| {
            let (service, model) = (service.clone(), model.clone());
            async move { service.score(&model, name, bytes, thumbnail).await }
        })
        .buffered(at_once)
        .map(move |scored| {
            let _until_the_last_line = &room;
            scored
                .map(line)
                .map_err(|_| std::io::Error::other("the service failed"))
        });
    let mut response = Body::from_stream(lines).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    response
}

fn line(scored: Scored) -> Bytes {
    let text = serde_json::to_string(&scored);
    let mut text = text.expect("a prediction holds only text and finite numbers");
    text.push('\n');
    Bytes::from(text)
}
