//! The page for browsers: files inside the program, and films to try it with.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::examples;
use crate::problem::Problem;
use crate::scoring::Service;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The routes of the page.
pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route(
            "/",
            get(|headers: HeaderMap| async move { file("index.html", &headers) }),
        )
        .route(
            "/docs",
            get(|headers: HeaderMap| async move { file("docs.html", &headers) }),
        )
        .route("/v1/examples", get(examples::list))
        .route("/examples/{name}", get(examples::film))
        .route(
            "/{name}",
            get(
                |Path(name): Path<String>, headers: HeaderMap| async move { file(&name, &headers) },
            ),
        )
}

/// A file of the page, by a name of the table: no path is ever made of it.
fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some((_, bytes, tag)) = FILES.iter().find(|(own, ..)| *own == name) else {
        return Problem::not_found("the page has no such file").into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = Bytes::from_static(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(name)),
    );
    headers.insert(header::ETAG, HeaderValue::from_static(tag));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_and_nothing_beside_it() {
        for (name, expected) in [
            ("index.html", StatusCode::OK),
            ("docs.html", StatusCode::OK),
            ("README.md", StatusCode::NOT_FOUND),
            ("../Cargo.toml", StatusCode::NOT_FOUND),
            ("", StatusCode::NOT_FOUND),
        ] {
            assert_eq!(file(name, &HeaderMap::new()).status(), expected, "{name}");
        }
        let first = file("index.html", &HeaderMap::new());
        let mut again = HeaderMap::new();
        again.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(
            file("index.html", &again).status(),
            StatusCode::NOT_MODIFIED
        );
    }

    #[test]
    fn the_page_asks_nobody_else() {
        for (name, bytes, _) in FILES {
            let text = String::from_utf8_lossy(bytes);
            for (at, _) in text.match_indices("http") {
                let rest = &text[at..(at + 40).min(text.len())];
                let is_name_space = rest.starts_with("http://www.w3.org/");
                let is_address = rest.starts_with("http://") || rest.starts_with("https://");
                assert!(!is_address || is_name_space, "{name}: {rest}");
            }
        }
    }
}
