//! Films to try the service with: drawn by a program, so they are nobody's.

use std::sync::LazyLock;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use plainfilm::dataset::phantom::{PhantomSettings, draw};
use plainfilm::report::film_png;
use serde_json::{Value, json};

use crate::problem::Problem;

/// Longest side, in pixels.
const SIDE: usize = 512;

/// Each with its place among the generator's films.
const EXAMPLES: [(&str, &str, usize); 3] = [
    ("synthetic-1.png", "Synthetic film with opacities", 0),
    ("synthetic-2.png", "Synthetic film, clear", 1),
    ("synthetic-3.png", "Synthetic film of another make", 3),
];

static FILMS: LazyLock<Vec<Option<Bytes>>> = LazyLock::new(|| {
    let settings = PhantomSettings {
        count: 8,
        size: SIDE,
        seed: 7,
        ..PhantomSettings::default()
    };
    let picture = |index| {
        let film = draw(&settings, index).ok()?;
        film_png(&film, SIDE).ok().map(Bytes::from)
    };
    EXAMPLES.iter().map(|(.., index)| picture(*index)).collect()
});

/// `GET /v1/examples`
pub(crate) async fn list() -> Json<Value> {
    let listed = EXAMPLES
        .iter()
        .map(|(name, title, _)| json!({ "name": name, "title": title, "url": format!("/examples/{name}") }));
    Json(listed.collect())
}

/// `GET /examples/{name}`
pub(crate) async fn film(Path(name): Path<String>) -> Result<Response, Problem> {
    let place = EXAMPLES.iter().position(|(own, ..)| *own == name);
    let place = place.ok_or_else(|| Problem::not_found("there is no such example"))?;
    let film = tokio::task::spawn_blocking(move || FILMS[place].clone())
        .await
        .ok()
        .flatten();
    let film = film.ok_or_else(|| Problem::internal("the example cannot be drawn"))?;
    let mut response = film.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
    Ok(response)
}
