//! Who may ask, and what browsers may do with the answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::settings::ServeSettings;

/// What every answer to a request that could be read carries. The page needs nothing from elsewhere, and nobody may frame it.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// What is asked of every request.
pub(crate) struct Guard {
    /// Names without ports, in small letters.
    hosts: Vec<String>,
    /// SHA-256 of the token: comparing digests takes as long whatever they are.
    token: Option<[u8; 32]>,
}

impl Guard {
    pub(crate) fn new(settings: &ServeSettings, address: SocketAddr) -> Self {
        let mut hosts = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "[::1]".to_owned(),
        ];
        if !address.ip().is_unspecified() {
            hosts.push(match address.ip() {
                IpAddr::V4(own) => own.to_string(),
                IpAddr::V6(own) => format!("[{own}]"),
            });
        }
        hosts.extend(settings.hosts.iter().map(|host| host.to_ascii_lowercase()));
        Self {
            hosts,
            token: settings.token.as_deref().map(digest),
        }
    }

    /// Whether the name is one of ours: a page elsewhere that points its own name at this machine (DNS rebinding)
    /// cannot send another.
    fn check_host(&self, request: &Request) -> Result<(), Problem> {
        let authority = match request.uri().authority() {
            Some(authority) => Some(authority.as_str()),
            None => text(request.headers(), header::HOST),
        };
        let known = authority.is_some_and(|authority| self.is_ours(authority));
        if known {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "Not a name of this service",
            "expected one of the names that --host gives, or one of this machine’s own",
        ))
    }

    fn is_ours(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        let name = match authority.rsplit_once(':') {
            Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
            _ => &authority,
        };
        self.hosts.iter().any(|host| host == name)
    }

    /// Whether a browser sends it for a page of ours.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let refuse = || {
            Problem::new(
                StatusCode::FORBIDDEN,
                "Not from this page",
                "pages of other origins may not use this service",
            )
        };
        if headers.contains_key(header::ORIGIN) {
            let origin = text(headers, header::ORIGIN).unwrap_or_default();
            let authority = origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"));
            let own = text(headers, header::HOST).unwrap_or_default();
            // The port counts too: another program of this machine is another origin.
            if authority.is_none_or(|authority| !authority.eq_ignore_ascii_case(own)) {
                return Err(refuse());
            }
        }
        if text(headers, HeaderName::from_static("sec-fetch-site")) == Some("cross-site") {
            return Err(refuse());
        }
        Ok(())
    }

    fn check_token(&self, request: &Request) -> Result<(), Problem> {
        let Some(token) = self.token else {
            return Ok(());
        };
        if is_open(request.uri().path()) {
            return Ok(());
        }
        let given = text(request.headers(), header::AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| digest(token));
        if given == Some(token) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "A token is needed",
            "send it as `Authorization: Bearer …`",
        ))
    }
}

/// What is the same for everybody: the page itself and whether the service lives.
fn is_open(path: &str) -> bool {
    !(path.starts_with("/v1") || path.starts_with("/v2") || path == "/metrics")
        || path.starts_with("/v2/health/")
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// An error that the router made of itself, such as of an address that is no text, as ours look.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_text = text(response.headers(), header::CONTENT_TYPE)
        .is_some_and(|kind| kind.starts_with("text/plain"));
    if status.is_client_error() && is_text {
        return Problem::new(
            status,
            "The request makes no sense",
            "see /docs for what can be asked",
        )
        .into_response();
    }
    response
}

/// Refuses what must not be answered, and adds [`HEADERS`] to every answer.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let checked = guard
        .check_host(&request)
        .and_then(|()| guard.check_origin(request.headers()))
        .and_then(|()| guard.check_token(&request));
    let mut response = match checked {
        Ok(()) => as_problem(next.run(request).await),
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn guard_with(token: Option<&str>) -> Guard {
        let address = "127.0.0.1:8080".parse().unwrap();
        let settings = ServeSettings {
            hosts: vec!["Films.example".to_owned()],
            token: token.map(str::to_owned),
            ..ServeSettings::new(address)
        };
        Guard::new(&settings, address)
    }

    #[test]
    fn only_our_own_names_are_answered() {
        let guard = guard_with(None);
        let cases = [
            ("localhost", true),
            ("localhost:8080", true),
            ("127.0.0.1:1", true),
            ("[::1]:8080", true),
            ("films.EXAMPLE:443", true),
            ("elsewhere.example", false),
            ("localhost.elsewhere.example", false),
            ("localhost:8080:elsewhere", false),
            ("localhost@elsewhere", false),
            ("127.0.0.1.elsewhere.example:8080", false),
            ("", false),
        ];
        for (host, expected) in cases {
            assert_eq!(guard.is_ours(host), expected, "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_may_not_ask() {
        let guard = guard_with(None);
        let cases = [
            (None, None, true),
            (Some("http://localhost:8080"), None, true),
            (Some("https://localhost:8080"), Some("same-origin"), true),
            (Some("http://localhost:9090"), None, false),
            (Some("http://elsewhere.example"), None, false),
            (Some("null"), None, false),
            (None, Some("cross-site"), false),
        ];
        for (origin, site, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("localhost:8080"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            assert_eq!(
                guard.check_origin(&headers).is_ok(),
                expected,
                "{origin:?} {site:?}"
            );
        }
    }

    #[test]
    fn a_token_opens_what_has_films_and_the_page_needs_none() {
        let guard = guard_with(Some("secret"));
        let cases = [
            ("/", None, true),
            ("/app.js", None, true),
            ("/v2/health/live", None, true),
            ("/v1/models", None, false),
            ("/v1/models", Some("Bearer secret"), true),
            ("/v1/models", Some("bearer secret"), true),
            ("/v1/models", Some("Bearer secrets"), false),
            ("/v1/models", Some("secret"), false),
            ("/v2/models/bundled/infer", None, false),
            ("/metrics", None, false),
        ];
        for (path, token, expected) in cases {
            let mut request = Request::builder().uri(path);
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, token);
            }
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(
                guard.check_token(&request).is_ok(),
                expected,
                "{path} {token:?}"
            );
        }
    }
}
