//! From a request's body to films.

use std::io::{Cursor, Read};

use axum::body::Body;
use axum::extract::FromRequest;
use axum::extract::multipart::Multipart;
use axum::http::{HeaderMap, Request, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use zip::ZipArchive;

use crate::problem::Problem;
use crate::scoring::Service;

/// What a film is called that came without a name.
const NAMELESS: &str = "film";
/// Letters of a name that are kept.
const NAME_LETTERS: usize = 200;
/// Bytes of one film in an archive, and of all of them together.
const FILM_BYTES: u64 = 256 << 20;
const ALL_BYTES: u64 = 2 << 30;
/// How many times its size a file of an archive may grow, where it is large.
const GROWTH: u64 = 400;
const GROWTH_MATTERS_FROM: u64 = 4 << 20;

/// A file as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct SentFile {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// What a request brought.
pub(crate) enum Sent {
    /// One file, which may be an archive.
    One(SentFile),
    /// The files of a form.
    Form(Vec<SentFile>),
}

/// What a request takes from the time that it was read until its answer ends: memory for its body, and a place among
/// the requests that are worked on.
#[derive(Debug)]
pub(crate) struct Room {
    _body: Option<OwnedSemaphorePermit>,
    _request: OwnedSemaphorePermit,
}

/// Reads a body whole, within size and time. It takes room only for what has come: a client that stalls keeps nobody
/// from being served.
pub(crate) async fn read(body: Body, service: &Service) -> Result<(Bytes, Room), Problem> {
    let whole = timeout(service.limits.body, collect(body, service));
    let (bytes, body) = whole
        .await
        .map_err(|_| Problem::too_late("the body did not come in time"))??;
    let request = service.requests.clone().try_acquire_owned();
    let room = Room {
        _body: body,
        _request: request.map_err(|_| Problem::busy())?,
    };
    Ok((bytes, room))
}

async fn collect(
    mut body: Body,
    service: &Service,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
    let most = service.limits.upload_bytes;
    let mut bytes = BytesMut::new();
    let mut room: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::bad_request("the body ended too early"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > most {
            return Err(Problem::too_large(most));
        }
        bytes.extend_from_slice(&data);
        let taken = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = (bytes.len() / 1024 + 1).saturating_sub(taken);
        // Bounded by the largest upload, in kibibytes.
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let more = service.uploads.clone().try_acquire_many_owned(missing);
        let more = more.map_err(|_| Problem::busy())?;
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
    }
    Ok((bytes.freeze(), room))
}

/// Reads what was sent: one file as the body, or a form (`multipart/form-data`) whose files are films.
pub(crate) async fn receive(
    request: Request<Body>,
    name: Option<&str>,
    service: &Service,
) -> Result<(Sent, Room), Problem> {
    let limits = &service.limits;
    let is_form = content_type(request.headers()).starts_with("multipart/form-data");
    if !is_form {
        let (bytes, room) = read(request.into_body(), service).await?;
        if bytes.is_empty() {
            return Err(Problem::bad_request(
                "expected a film in the body, found nothing",
            ));
        }
        let name = clean(name.unwrap_or(NAMELESS));
        return Ok((Sent::One(SentFile { name, bytes }), room));
    }
    let (parts, body) = request.into_parts();
    let (body, room) = read(body, service).await?;
    let request = Request::from_parts(parts, Body::from(body));
    let broken =
        |detail: String| Problem::bad_request(format!("the form cannot be read: {detail}"));
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| broken(error.body_text()))?;
    let mut files = Vec::new();
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| broken(error.body_text()))?
    {
        let Some(name) = field.file_name().map(clean) else {
            continue;
        };
        let bytes = field
            .bytes()
            .await
            .map_err(|error| broken(error.body_text()))?;
        files.push(SentFile { name, bytes });
        if files.len() > limits.films {
            return Err(too_many(limits.films));
        }
    }
    if files.is_empty() {
        return Err(Problem::bad_request(
            "expected a form with files, found none",
        ));
    }
    Ok((Sent::Form(files), room))
}

fn too_many(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "Too many films",
        format!("expected at most {limit} films in a request"),
    )
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_ascii_lowercase()
}

/// A name for answers alone: nothing is ever opened by it. Without control characters, and not too long.
pub(crate) fn clean(name: &str) -> String {
    let kept: String = name
        .chars()
        .filter(|letter| !letter.is_control())
        .take(NAME_LETTERS)
        .collect();
    match kept.is_empty() {
        true => NAMELESS.to_owned(),
        false => kept,
    }
}

/// Whether a file is a zip archive, by its first bytes.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// How many files an archive says it has, in the record at its end; 65,535 stands for more too (APPNOTE 4.3.16).
fn declared_files(bytes: &[u8]) -> Option<usize> {
    const RECORD: usize = 22;
    let longest = RECORD + usize::from(u16::MAX);
    let end = &bytes[bytes.len().saturating_sub(longest)..];
    let at = end
        .windows(RECORD)
        .rposition(|record| record.starts_with(b"PK\x05\x06"))?;
    let count = end[at + 10..].first_chunk::<2>()?;
    Some(usize::from(u16::from_le_bytes(*count)))
}

/// An archive in memory, one film after another.
pub(crate) struct FilmArchive {
    zip: ZipArchive<Cursor<Bytes>>,
    /// Places in the archive and names.
    films: Vec<(usize, String)>,
    unpacked: u64,
}

impl FilmArchive {
    /// Reads the list of files; folders and what a Mac adds are no films.
    ///
    /// # Errors
    ///
    /// When it is no archive, or holds more than `most` files.
    pub(crate) fn open(bytes: Bytes, most: usize) -> Result<Self, Problem> {
        let broken = |error: zip::result::ZipError| {
            Problem::bad_request(format!("not a zip archive: {error}"))
        };
        // Before the list is read: a list of millions takes gigabytes.
        if declared_files(&bytes).is_some_and(|files| files > 4 * most) {
            return Err(too_many(most));
        }
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        if zip.len() > 4 * most {
            return Err(too_many(most));
        }
        if zip.has_overlapping_entries().map_err(broken)? {
            return Err(Problem::bad_request(
                "the archive’s files overlap, as in a zip bomb",
            ));
        }
        // The directory is read by name: of two the first would be gone without a word.
        if zip.has_duplicate_names() {
            return Err(Problem::bad_request(
                "two of the archive’s files have one name",
            ));
        }
        let mut films: Vec<(usize, String)> = Vec::new();
        for index in 0..zip.len() {
            let entry = zip.by_index_data(index).map_err(broken)?;
            let name = match entry.name() {
                Ok(name) => name.into_owned(),
                Err(_) => String::from_utf8_lossy(entry.name_raw()).into_owned(),
            };
            let is_rest = name.starts_with("__MACOSX/")
                || name
                    .rsplit('/')
                    .next()
                    .is_some_and(|file| file.starts_with('.'));
            if entry.is_file() && !is_rest {
                let name = clean(&name);
                // What answers call a film is what heat maps are asked for by.
                let is_taken = |name: &str| films.iter().any(|(_, other)| other == name);
                let own = match is_taken(&name) {
                    true => format!("{name} ({index})"),
                    false => name,
                };
                films.push((index, own));
            }
        }
        if films.len() > most {
            return Err(too_many(most));
        }
        if films.is_empty() {
            return Err(Problem::bad_request("the archive holds no file"));
        }
        Ok(Self {
            zip,
            films,
            unpacked: 0,
        })
    }

    /// How many films there are.
    pub(crate) fn len(&self) -> usize {
        self.films.len()
    }

    /// The place of the film with this name.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.films.iter().position(|(_, film)| film == name)
    }

    /// The name of a film, and its file or why there is none.
    pub(crate) fn film(&mut self, place: usize) -> (String, Result<Bytes, String>) {
        let (index, name) = self.films[place].clone();
        let bytes = self.unpack(index);
        (name, bytes)
    }

    fn unpack(&mut self, index: usize) -> Result<Bytes, String> {
        let entry = self
            .zip
            .by_index(index)
            .map_err(|error| format!("cannot be unpacked: {error}"))?;
        let packed = entry.compressed_size().max(1);
        let most = FILM_BYTES
            .min(ALL_BYTES.saturating_sub(self.unpacked))
            .min(packed.saturating_mul(GROWTH).max(GROWTH_MATTERS_FROM));
        let mut bytes = Vec::new();
        entry
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("cannot be unpacked: {error}"))?;
        self.unpacked += bytes.len() as u64;
        if bytes.len() as u64 > most {
            return Err(format!(
                "expected at most {most} bytes when unpacked, found more"
            ));
        }
        Ok(Bytes::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_answers_alone() {
        let cases = [
            ("a.png", "a.png"),
            ("../../etc/passwd", "../../etc/passwd"),
            ("a\r\nX: y\0.png", "aX: y.png"),
            ("", "film"),
        ];
        for (given, expected) in cases {
            assert_eq!(clean(given), expected);
        }
        assert_eq!(clean(&"x".repeat(9_999)).len(), NAME_LETTERS);
    }

    #[test]
    fn archives_give_films_by_name_and_nothing_that_is_none() {
        use std::io::Write;
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        let zeros = vec![0; 64 << 20];
        for (name, bytes) in [
            ("folder/a.png", b"first".as_slice()),
            ("__MACOSX/folder/._a.png", b"rest"),
            (".DS_Store", b"rest"),
            ("bomb.bmp", &zeros),
        ] {
            zip.start_file(name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        let bytes = Bytes::from(zip.finish().unwrap().into_inner());
        assert!(is_archive(&bytes));
        let mut archive = FilmArchive::open(bytes.clone(), 10).unwrap();
        assert_eq!(archive.len(), 2);
        assert_eq!(archive.place("bomb.bmp"), Some(1));
        let (name, film) = archive.film(0);
        assert_eq!(
            (name.as_str(), film.unwrap().as_ref()),
            ("folder/a.png", b"first".as_slice())
        );
        let refused = archive.film(1).1.unwrap_err();
        assert!(refused.contains("expected at most"), "{refused}");
        assert!(FilmArchive::open(bytes, 1).is_err());
        let zipped = |names: &[&str]| {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            for name in names {
                zip.start_file(*name, options).unwrap();
            }
            Bytes::from(zip.finish().unwrap().into_inner())
        };
        // Names that become one are told apart; maps are asked for by name.
        let archive = FilmArchive::open(zipped(&["a.png", "a\u{1}.png"]), 10).unwrap();
        assert_eq!(archive.place("a.png"), Some(0));
        assert_eq!(archive.place("a.png (1)"), Some(1));
        assert!(FilmArchive::open(zipped(&[]), 10).is_err(), "nothing in it");
        let many: Vec<String> = (0..50).map(|index| index.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(declared_files(&zipped(&many)), Some(50));
        assert!(FilmArchive::open(Bytes::from_static(b"PK\x03\x04 and no more"), 10).is_err());
    }
}
