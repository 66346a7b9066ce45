//! Fetching from a server that cuts off, lies, redirects and fails.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::*;
use crate::download::test_server::{Reply, Server};

/// A small real PNG of 4 KiB that does not compress; `shade` makes different ones.
fn png(shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels: Vec<u8> = (0..64 * 64u32)
        .map(|i| {
            let mixed = i.wrapping_mul(2_654_435_761);
            let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
            (mixed >> 24) as u8 ^ shade
        })
        .collect();
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

fn film(path: &str, checked: Option<&[u8]>) -> PublicFilm {
    let hex = |bytes: &[u8]| -> String {
        Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    PublicFilm {
        path: path.into(),
        label: path.split('/').next().unwrap().into(),
        patient_id: "p1".into(),
        source: "test".into(),
        view: "PA".into(),
        sex: String::new(),
        age: String::new(),
        licence: "none, of course".into(),
        sha256: checked.map(hex),
        bytes: checked.map(|bytes| bytes.len() as u64),
    }
}

fn dataset(base: &str, films: Vec<PublicFilm>) -> PublicDataset {
    PublicDataset {
        name: "small".into(),
        title: "small".into(),
        description: "small".into(),
        bases: vec![base.into()],
        films,
    }
}

fn quick() -> FetchOptions {
    FetchOptions {
        connections: 2,
        retries: 2,
        back_off: Duration::from_millis(1),
        timeout: Duration::from_millis(400),
        ..FetchOptions::default()
    }
}

/// Fetches one film, checksum known, with the given replies.
fn fetch_one(
    server: &Server,
    body: &[u8],
    replies: Vec<Reply>,
    dest: &Path,
) -> Result<FetchReport, PublicDataError> {
    server.on("/a/one.png", replies);
    let set = dataset(&server.base, vec![film("a/one.png", Some(body))]);
    fetch_dataset(&set, dest, &quick(), &NoProgress)
}

/// Everything in a folder but the lock file and the manifest.
fn left(dest: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dest.join("a"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_whole_set_is_laid_out_recorded_and_not_fetched_twice() {
    let server = Server::start();
    let (one, two) = (png(1), png(2));
    server.on("/a/one.png", [Reply::Body(one.clone())]);
    server.on("/b/two%20%28x%29.png", [Reply::Body(two.clone())]);
    let set = dataset(
        &server.base,
        vec![film("a/one.png", Some(&one)), film("b/two (x).png", None)],
    );
    let dest = tempfile::tempdir().unwrap();

    #[derive(Default)]
    struct Told(Mutex<(usize, u64, u64, Vec<String>)>);
    impl FetchProgress for Told {
        fn started(&self, films: usize, known_bytes: u64) {
            let mut told = self.0.lock().unwrap();
            (told.0, told.1) = (films, known_bytes);
        }
        fn received(&self, bytes: u64) {
            self.0.lock().unwrap().2 += bytes;
        }
        fn settled(&self, path: &str) {
            self.0.lock().unwrap().3.push(path.into());
        }
    }
    let told = Told::default();
    let report = fetch_dataset(&set, dest.path(), &quick(), &told).unwrap();
    assert_eq!((report.fetched, report.present), (2, 0));
    assert_eq!((report.checksummed, report.recorded), (1, 1));
    assert!(report.is_complete());
    let all = (one.len() + two.len()) as u64;
    assert_eq!(report.received_bytes, all);
    let (films, known, received, mut settled) = told.0.into_inner().unwrap();
    settled.sort();
    assert_eq!((films, known, received), (2, one.len() as u64, all));
    assert_eq!(settled, ["a/one.png", "b/two (x).png"]);
    assert_eq!(
        std::fs::read(dest.path().join("b/two (x).png")).unwrap(),
        two
    );
    let manifest = std::fs::read_to_string(&report.manifest).unwrap();
    assert_eq!(
        manifest,
        "path,label,patient_id,source,view,sex,age,licence\n\
         a/one.png,a,p1,test,PA,,,\"none, of course\"\n\
         b/two (x).png,b,p1,test,PA,,,\"none, of course\"\n"
    );

    let again = fetch_dataset(&set, dest.path(), &quick(), &NoProgress).unwrap();
    assert_eq!(
        (again.fetched, again.present, again.received_bytes),
        (0, 2, 0)
    );
    assert_eq!(server.requests(), 2);

    let sound = verify_dataset(&set, dest.path()).unwrap();
    assert_eq!((sound.published, sound.as_first_fetched), (1, 1));
    assert!(sound.is_sound() && sound.unchecked.is_empty());

    // One film changes on disk, the other goes: found, then mended by fetching again.
    std::fs::write(dest.path().join("b/two (x).png"), png(9)).unwrap();
    std::fs::remove_file(dest.path().join("a/one.png")).unwrap();
    let unsound = verify_dataset(&set, dest.path()).unwrap();
    assert_eq!(unsound.missing, ["a/one.png"]);
    assert_eq!(unsound.changed.len(), 1);
    assert!(
        unsound.changed[0]
            .reason
            .starts_with("wrong checksum: expected SHA-256 ")
    );
    let mended = fetch_dataset(&set, dest.path(), &quick(), &NoProgress).unwrap();
    assert_eq!(mended.fetched, 2);
    assert!(verify_dataset(&set, dest.path()).unwrap().is_sound());

    // Without the lock file only the known checksum is left.
    std::fs::remove_file(dest.path().join(LOCK_FILE)).unwrap();
    let unlocked = verify_dataset(&set, dest.path()).unwrap();
    assert_eq!((unlocked.published, unlocked.as_first_fetched), (1, 0));
    assert_eq!(unlocked.unchecked, ["b/two (x).png"]);
}

#[test]
fn a_cut_off_download_goes_on_where_it_stopped() {
    let (server, dest, body) = (Server::start(), tempfile::tempdir().unwrap(), png(1));
    let replies = vec![Reply::CutOff(body.clone(), 1000), Reply::Body(body.clone())];
    let report = fetch_one(&server, &body, replies, dest.path()).unwrap();
    assert_eq!(report.fetched, 1);
    assert_eq!(report.received_bytes, body.len() as u64);
    assert_eq!(
        server.ranges("/a/one.png"),
        [None, Some("bytes=1000-".into())]
    );
    assert_eq!(left(dest.path()), ["one.png"]);
    assert_eq!(std::fs::read(dest.path().join("a/one.png")).unwrap(), body);
}

#[test]
fn a_later_run_goes_on_where_an_earlier_one_stopped() {
    let (server, dest, body) = (Server::start(), tempfile::tempdir().unwrap(), png(1));
    std::fs::create_dir_all(dest.path().join("a")).unwrap();
    std::fs::write(dest.path().join("a/one.png.part"), &body[..700]).unwrap();
    fetch_one(&server, &body, vec![Reply::Body(body.clone())], dest.path()).unwrap();
    assert_eq!(server.ranges("/a/one.png"), [Some("bytes=700-".into())]);
    assert_eq!(std::fs::read(dest.path().join("a/one.png")).unwrap(), body);
}

#[test]
fn a_whole_leftover_is_checked_and_named_without_the_network() {
    let (server, dest, body) = (Server::start(), tempfile::tempdir().unwrap(), png(1));
    std::fs::create_dir_all(dest.path().join("a")).unwrap();
    std::fs::write(dest.path().join("a/one.png.part"), &body).unwrap();
    let report = fetch_one(&server, &body, vec![Reply::Status(500)], dest.path()).unwrap();
    assert_eq!((report.fetched, server.requests()), (1, 0));
    assert_eq!(left(dest.path()), ["one.png"]);
}

#[test]
fn a_server_without_ranges_makes_it_start_over() {
    let (server, dest, body) = (Server::start(), tempfile::tempdir().unwrap(), png(1));
    let replies = vec![
        Reply::CutOff(body.clone(), 1000),
        Reply::Whole(body.clone()),
    ];
    let report = fetch_one(&server, &body, replies, dest.path()).unwrap();
    assert_eq!(report.received_bytes, body.len() as u64 + 1000);
    assert_eq!(std::fs::read(dest.path().join("a/one.png")).unwrap(), body);
}

#[test]
fn a_corrupt_film_never_gets_its_name() {
    let (server, dest, body) = (Server::start(), tempfile::tempdir().unwrap(), png(1));
    let mut corrupt = body.clone();
    corrupt[500] ^= 1;
    // A second film lets the set as a whole succeed.
    let other = png(2);
    server.on("/a/one.png", [Reply::Body(corrupt)]);
    server.on("/a/two.png", [Reply::Body(other.clone())]);
    let films = vec![
        film("a/one.png", Some(&body)),
        film("a/two.png", Some(&other)),
    ];
    let set = dataset(&server.base, films);
    let report = fetch_dataset(&set, dest.path(), &quick(), &NoProgress).unwrap();
    assert!(!report.is_complete());
    assert_eq!(report.failed.len(), 1);
    assert!(
        report.failed[0]
            .reason
            .starts_with("wrong checksum: expected SHA-256 ")
    );
    assert_eq!(left(dest.path()), ["two.png"]);
    let manifest = std::fs::read_to_string(&report.manifest).unwrap();
    assert!(
        !manifest.contains("one.png"),
        "only films that are there are listed"
    );
}

#[test]
fn a_film_without_a_checksum_must_decode() {
    let (server, dest) = (Server::start(), tempfile::tempdir().unwrap());
    server.on(
        "/a/one.png",
        [Reply::Body(b"<html>please log in</html>".to_vec())],
    );
    let set = dataset(&server.base, vec![film("a/one.png", None)]);
    let error = fetch_dataset(&set, dest.path(), &quick(), &NoProgress).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("a/one.png: expected a picture"),
        "{message}"
    );
    assert!(left(dest.path()).is_empty());
}

#[test]
fn redirects_are_followed_with_the_range() {
    let (server, elsewhere) = (Server::start(), Server::start());
    let body = png(1);
    elsewhere.on(
        "/copy",
        [Reply::CutOff(body.clone(), 800), Reply::Body(body.clone())],
    );
    server.on(
        "/here",
        [Reply::Redirect(format!("{}/copy", elsewhere.base))],
    );
    let dest = tempfile::tempdir().unwrap();
    // Relative first, then absolute to another host.
    let report = fetch_one(
        &server,
        &body,
        vec![Reply::Redirect("/here".into())],
        dest.path(),
    );
    assert_eq!(report.unwrap().fetched, 1);
    assert_eq!(elsewhere.ranges("/copy"), [None, Some("bytes=800-".into())]);
    assert_eq!(std::fs::read(dest.path().join("a/one.png")).unwrap(), body);
}

#[test]
fn a_redirect_loop_ends() {
    let (server, dest, body) = (Server::start(), tempfile::tempdir().unwrap(), png(1));
    let replies = vec![Reply::Redirect("/a/one.png".into())];
    let error = fetch_one(&server, &body, replies, dest.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "public data set `small`: none of 1 films could be fetched; the first: a/one.png: \
         redirected too often, or to nowhere"
    );
    assert!(server.requests() <= 10);
}

#[test]
fn missing_films_are_listed_and_looked_for_at_the_next_address() {
    let (server, second) = (Server::start(), Server::start());
    let body = png(1);
    second.on("/a/one.png", [Reply::Body(body.clone())]);
    let films = vec![film("a/one.png", Some(&body)), film("a/gone.png", None)];
    let mut set = dataset(&server.base, films);
    set.bases.push(second.base.clone());
    let dest = tempfile::tempdir().unwrap();
    let report = fetch_dataset(&set, dest.path(), &quick(), &NoProgress).unwrap();
    assert_eq!(report.missing, ["a/gone.png"]);
    assert_eq!((report.fetched, report.failed.len()), (1, 0));
    assert_eq!(left(dest.path()), ["one.png"]);
    assert_eq!(
        server.requests(),
        2,
        "not found is not tried again at the same address"
    );
}

#[test]
fn passing_server_errors_are_tried_again_and_lasting_ones_reported() {
    let body = png(1);
    for (replies, expected) in [
        (
            vec![
                Reply::Status(500),
                Reply::Status(503),
                Reply::Body(body.clone()),
            ],
            None,
        ),
        (vec![Reply::Status(429), Reply::Body(body.clone())], None),
        (
            vec![Reply::Status(500)],
            Some("server answered 500 Internal Server Error"),
        ),
        (
            vec![Reply::Status(403)],
            Some("server answered 403 Forbidden"),
        ),
    ] {
        let (server, dest) = (Server::start(), tempfile::tempdir().unwrap());
        let result = fetch_one(&server, &body, replies, dest.path());
        match expected {
            None => assert_eq!(result.unwrap().fetched, 1),
            Some(reason) => {
                let message = result.unwrap_err().to_string();
                assert!(message.ends_with(reason), "{message}");
            }
        }
    }
}

#[test]
fn wrong_lengths_are_noticed() {
    let body = png(1);
    let long = body.len() + 50;
    for (reply, expected) in [
        (
            Reply::WrongLength(body.clone(), body.len() - 9),
            "wrong size: expected ",
        ),
        (
            Reply::WrongLength(body.clone(), long),
            "the server announced ",
        ),
    ] {
        let (server, dest) = (Server::start(), tempfile::tempdir().unwrap());
        let message = fetch_one(&server, &body, vec![reply], dest.path())
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!dest.path().join("a/one.png").exists());
    }
    // Without a known size the limit still holds, announced or not.
    let (server, dest) = (Server::start(), tempfile::tempdir().unwrap());
    server.on("/a/one.png", [Reply::Body(body.clone())]);
    let set = dataset(&server.base, vec![film("a/one.png", None)]);
    let options = FetchOptions {
        max_film_bytes: 100,
        ..quick()
    };
    let message = fetch_dataset(&set, dest.path(), &options, &NoProgress)
        .unwrap_err()
        .to_string();
    assert!(message.contains("expected at most 100 bytes"), "{message}");
    assert!(left(dest.path()).is_empty());
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let (server, dest, body) = (Server::start(), tempfile::tempdir().unwrap(), png(1));
    let error = fetch_one(&server, &body, vec![Reply::Silence], dest.path()).unwrap_err();
    assert!(
        matches!(error, PublicDataError::Unreachable { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("no answer in time"), "{error}");
}

#[test]
fn offline_is_one_clear_line() {
    // A port that was free a moment ago and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let base = format!("http://127.0.0.1:{port}");
    let set = dataset(
        &base,
        (0..50).map(|i| film(&format!("a/{i}.png"), None)).collect(),
    );
    let dest = tempfile::tempdir().unwrap();
    let message = fetch_dataset(&set, dest.path(), &quick(), &NoProgress)
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with(&format!("could not reach 127.0.0.1:{port}: ")),
        "{message}"
    );
    assert!(
        message.contains("; hint: ") && !message.contains('\n'),
        "{message}"
    );
}

#[test]
fn a_mirror_replaces_the_public_address() {
    let (server, dest, body) = (Server::start(), tempfile::tempdir().unwrap(), png(1));
    server.on("/films/a/one.png", [Reply::Body(body.clone())]);
    let set = dataset(
        "http://public.invalid",
        vec![film("a/one.png", Some(&body))],
    );
    let mirror = Some(format!("{}/films/", server.base));
    let options = FetchOptions { mirror, ..quick() };
    assert_eq!(
        fetch_dataset(&set, dest.path(), &options, &NoProgress)
            .unwrap()
            .fetched,
        1
    );
    let options = FetchOptions {
        mirror: Some("ftp://example.org".into()),
        ..quick()
    };
    assert_eq!(
        fetch_dataset(&set, dest.path(), &options, &NoProgress)
            .unwrap_err()
            .to_string(),
        "address `ftp://example.org`: expected http:// or https:// and a host"
    );
}

#[test]
fn films_stay_inside_the_folder() {
    for path in [
        "../x.png",
        "a/../x.png",
        "a/b/c.png",
        "/a.png",
        "a/",
        "x.png",
        "a/.hidden",
    ] {
        let mut film = film("a/one.png", None);
        film.path = path.into();
        let set = dataset("http://127.0.0.1:9", vec![film]);
        let dest = tempfile::tempdir().unwrap();
        let error = fetch_dataset(&set, dest.path(), &quick(), &NoProgress).unwrap_err();
        assert!(
            matches!(error, PublicDataError::Path { .. }),
            "{path}: {error}"
        );
    }
}

#[test]
fn the_catalogue_is_what_it_says() {
    let set = find("covid-xray").unwrap();
    set.check_paths().unwrap();
    assert_eq!(
        set.labels(),
        [("Covid-19", 124), ("No_findings", 500), ("Pneumonia", 500)]
    );
    assert_eq!(set.checksummed(), 124);
    let patients: std::collections::HashSet<_> = set
        .films
        .iter()
        .map(|film| film.patient_id.as_str())
        .collect();
    // 82 + 332 + 371 patients, of whom 21 are in both NIH labels.
    assert_eq!(patients.len(), 82 + 332 + 371 - 21);
    for film in &set.films {
        assert_eq!(film.sha256.is_some(), film.bytes.is_some());
        assert!(film.sha256.as_ref().is_none_or(|sha| sha.len() == 64));
        if film.source == "nih" {
            // Patients of NIH films are in their file names: 00001280_004.png.
            let name = film.path.split('/').nth(1).unwrap();
            let number: u32 = name.split('_').next().unwrap().parse().unwrap();
            assert_eq!(film.patient_id, format!("nih-{number}"));
        }
    }
    assert_eq!(
        find("covid").unwrap_err().to_string(),
        "public data set `covid`: expected one of covid-xray"
    );
}
