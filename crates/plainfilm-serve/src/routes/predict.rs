//! `POST /v1/predict`

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;

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
            let most = service.limits.films;
            // Reading the list and unpacking take a while, and others wait for this thread.
            let opened = spawn_blocking(move || FilmArchive::open(file.bytes, most)).await;
            let archive =
                opened.map_err(|_| Problem::internal("the archive's reader crashed"))??;
            let unpacked = service.unpacked.clone();
            let films = stream::unfold((archive, 0, unpacked), |state| async move {
                let (mut archive, place, unpacked) = state;
                if place >= archive.len() {
                    return None;
                }
                let place_in_memory = unpacked.clone().acquire_owned().await.ok()?;
                let film = spawn_blocking(move || {
                    let film = archive.film(place);
                    (archive, film)
                });
                let (archive, (name, bytes)) = film.await.ok()?;
                let film = (name, bytes, Some(place_in_memory));
                Some((film, (archive, place + 1, unpacked)))
            });
            Ok(lines(service, model, films, thumbnail, room))
        }
        Sent::One(SentFile { name, bytes }) => {
            let scored = service.score(&model, name, Ok(bytes), thumbnail).await?;
            Ok(Json(scored).into_response())
        }
        Sent::Form(files) => {
            if files.iter().any(|file| is_archive(&file.bytes)) {
                let detail = "a zip goes alone, as the body of a request";
                return Err(Problem::bad_request(detail));
            }
            let films = files
                .into_iter()
                .map(|file| (file.name, Ok(file.bytes), None));
            Ok(lines(service, model, stream::iter(films), thumbnail, room))
        }
    }
}

/// A film's name and file, and its place among those that are in memory unpacked.
type FilmToScore = (String, Result<Bytes, String>, Option<OwnedSemaphorePermit>);

/// Answers line by line, a few films at a time and in order. A client that goes ends it.
fn lines(
    service: Arc<Service>,
    model: Arc<ServedModel>,
    films: impl stream::Stream<Item = FilmToScore> + Send + 'static,
    thumbnail: Option<usize>,
    room: Room,
) -> Response {
    // Enough that no worker idles; each of them is a film in memory.
    let at_once = service.workers_at_once + 1;
    let lines = films
        .map(move |(name, bytes, place_in_memory)| {
            let (service, model) = (service.clone(), model.clone());
            async move {
                let scored = service.score(&model, name, bytes, thumbnail).await;
                drop(place_in_memory);
                scored
            }
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
