//! The service as its clients use it: over a socket, without a library, so that broken requests can be sent too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::foreign::{Foreign, LABELS};
use crate::program::{Scratch, command, plainfilm, stdout, text};

/// A service on a port of its own; it is ended when this is dropped.
struct Service {
    child: Child,
    address: String,
    messages: BufReader<std::process::ChildStderr>,
}

impl Service {
    fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut child = command(&all)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut messages = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            let read = messages
                .read_line(&mut line)
                .expect("it says where it listens");
            assert!(read > 0, "the service ended: {said}");
            said += &line;
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split('/').next().expect("an address").to_owned();
            }
        };
        Self {
            child,
            address,
            messages,
        }
    }

    /// Sends bytes as they are and reads until the other side closes.
    fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a time limit");
        // A service that refuses early may close before everything was written.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend(body);
        Answer::of(&self.raw(&bytes))
    }

    fn get(&self, target: &str) -> Answer {
        self.request("GET", target, &[], b"")
    }

    fn post(&self, target: &str, body: &[u8]) -> Answer {
        self.request("POST", target, &[], body)
    }

    /// Ends it as a system does; what it said meanwhile.
    fn end(mut self) -> String {
        let ended = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(ended.success());
        let status = self.child.wait().expect("it ends");
        let mut rest = String::new();
        self.messages.read_to_string(&mut rest).expect("text");
        assert!(status.success(), "{rest}");
        rest
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let mut body = bytes[end + 4..].to_vec();
        if head.contains("transfer-encoding: chunked") {
            body = unchunked(&body);
        }
        let status = head[9..12].parse().expect("a status");
        Self { status, head, body }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn lines(&self) -> Vec<Value> {
        String::from_utf8_lossy(&self.body)
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&body[..end]).expect("a length");
        let length = usize::from_str_radix(length, 16).expect("a length");
        whole.extend(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
    whole
}

/// Drawn films on disk.
fn films(scratch: &Scratch) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walk(&scratch.path("films"));
    found.sort();
    found
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .flat_map(|path| match path.is_dir() {
            true => walk(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|end| end == "png"))
        .collect()
}

/// What `predict` says of a film, less its path.
fn predicted(film: &Path) -> Value {
    let output = plainfilm(&["predict", "--format", "json", text(film)]);
    let mut said: Value = serde_json::from_str(&stdout(&output)).expect("a line of JSON");
    said.as_object_mut().expect("an object").remove("path");
    said
}

/// Equal but for the last digits, which depend on how many films are scored together.
fn assert_close(found: &Value, expected: &Value) {
    let [a, b] = [found, expected].map(|value| value.as_f64().expect("a number"));
    assert!((a - b).abs() < 1e-6, "{a} is not {b}");
}

fn form(files: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, bytes) in files {
        body.extend(
            format!("--limit\r\nContent-Disposition: form-data; name=\"film\"; filename=\"{name}\"\r\n\r\n")
                .into_bytes(),
        );
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--limit--\r\n");
    ("multipart/form-data; boundary=limit".to_owned(), body)
}

#[test]
fn films_are_answered_as_predict_does_one_by_one_and_many() {
    let scratch = Scratch::with_films(4);
    let films = films(&scratch);
    let service = Service::start(&[]);
    let first = std::fs::read(&films[0]).expect("a film");
    let second = std::fs::read(&films[1]).expect("a film");

    let one = service.post("/v1/predict?name=a.png&thumbnail=32", &first);
    assert_eq!(one.status, 200, "{}", one.head);
    let mut said = one.json();
    let said = said.as_object_mut().expect("an object");
    assert_eq!(said.remove("path"), Some("a.png".into()));
    let thumbnail = said.remove("thumbnail").expect("it was asked for");
    assert!(
        thumbnail
            .as_str()
            .expect("text")
            .starts_with("data:image/png;base64,")
    );
    assert_eq!(Value::Object(said.clone()), predicted(&films[0]));

    let (media_type, body) = form(&[("a.png", &first), ("b.png", b"no film"), ("c.png", &second)]);
    let many = service.request(
        "POST",
        "/v1/predict",
        &[("Content-Type", &media_type)],
        &body,
    );
    let lines = many.lines();
    let told: Vec<(&Value, &Value)> = lines
        .iter()
        .map(|line| (&line["path"], &line["status"]))
        .collect();
    assert_eq!(
        told,
        [
            (&"a.png".into(), &"scored".into()),
            (&"b.png".into(), &"set_aside".into()),
            (&"c.png".into(), &"scored".into()),
        ]
    );
    assert!(
        lines[1]["reason"]
            .as_str()
            .expect("a reason")
            .contains("expected")
    );
    let expected = predicted(&films[1]);
    for label in ["Covid-19", "Other"] {
        assert_close(
            &lines[2]["probabilities"][label],
            &expected["probabilities"][label],
        );
    }
    let log = service.end();
    assert!(
        log.contains("route=\"/v1/predict\"") && log.contains("status=200"),
        "{log}"
    );
    assert!(!log.contains("a.png"), "names are logged: {log}");
}

#[test]
fn maps_models_and_the_page_are_there() {
    let scratch = Scratch::with_films(2);
    let film = std::fs::read(&films(&scratch)[0]).expect("a film");
    let service = Service::start(&[]);

    let models = service.get("/v1/models").json();
    assert!(
        models["notice"]
            .as_str()
            .expect("text")
            .contains("not a medical device")
    );
    let model = &models["models"][0];
    assert_eq!(model["name"], "bundled");
    assert_eq!(model["labels"], serde_json::json!(["Covid-19", "Other"]));
    assert!(
        model["elsewhere"]["value"]
            .as_f64()
            .is_some_and(|auroc| auroc > 0.4)
    );

    let explained = service
        .post("/v1/explain?label=Covid-19&method=hi-res-cam", &film)
        .json();
    assert_eq!(explained["label"], "Covid-19");
    for picture in ["film", "map"] {
        let text = explained[picture].as_str().expect("a picture");
        assert!(text.starts_with("data:image/png;base64,"), "{picture}");
    }
    assert!(
        explained["lungs"]
            .as_array()
            .is_some_and(|lungs| !lungs.is_empty())
    );
    let rendered = service.post("/v1/render", &film);
    assert!(
        rendered.head.contains("content-type: image/png") && rendered.body.starts_with(b"\x89PNG")
    );

    for example in service
        .get("/v1/examples")
        .json()
        .as_array()
        .expect("a list")
    {
        let film = service
            .get(example["url"].as_str().expect("an address"))
            .body;
        let said = service.post("/v1/predict", &film).json();
        assert_eq!(said["status"], "scored", "{said}");
    }
    for page in ["/", "/docs", "/app.js", "/base.css", "/openapi.json"] {
        let answer = service.get(page);
        assert_eq!(answer.status, 200, "{page}");
        assert!(
            answer
                .head
                .contains("content-security-policy: default-src 'none'"),
            "{page}"
        );
    }
    // Everything that is described can be asked, and is asked with the right method.
    let described = service.get("/openapi.json").json();
    for (path, verbs) in described["paths"].as_object().expect("paths") {
        let path = path.replace("{model}", "bundled").replace("{version}", "1");
        for verb in verbs.as_object().expect("verbs").keys() {
            let answer = service.request(&verb.to_uppercase(), &path, &[], b"");
            assert!(
                ![404, 405, 500].contains(&answer.status),
                "{verb} {path}: {}",
                answer.status
            );
        }
    }
    let counted = String::from_utf8(service.get("/metrics").body).expect("text");
    assert!(
        counted.contains("plainfilm_films_total{model=\"bundled\",status=\"scored\"} 3"),
        "{counted}"
    );
}

#[test]
fn clients_of_the_open_inference_protocol_are_understood() {
    let scratch = Scratch::with_films(2);
    let films = films(&scratch);
    let service = Service::start(&[]);
    assert_eq!(service.get("/v2/health/ready").status, 200);
    let described = service.get("/v2/models/bundled").json();
    let side = described["inputs"][1]["shape"][2].as_u64().expect("a side") as usize;

    let bytes: Vec<Vec<u8>> = films
        .iter()
        .map(|film| std::fs::read(film).expect("a film"))
        .collect();
    let data: Vec<u8> = bytes
        .iter()
        .flat_map(|film| [(film.len() as u32).to_le_bytes().to_vec(), film.clone()].concat())
        .collect();
    let asked = serde_json::json!({ "id": "7", "inputs": [{
        "name": "film", "datatype": "BYTES", "shape": [2],
        "parameters": { "binary_data_size": data.len() },
    }] })
    .to_string();
    let body = [asked.as_bytes(), &data].concat();
    let length = asked.len().to_string();
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    let answer = service
        .request("POST", "/v2/models/bundled/infer", &headers, &body)
        .json();
    assert_eq!(
        (&answer["id"], &answer["model_version"]),
        (&"7".into(), &"1".into())
    );
    let probabilities = answer["outputs"][0]["data"].as_array().expect("numbers");
    for (film, pair) in films.iter().zip(probabilities.chunks(2)) {
        let expected = predicted(film);
        assert_close(&pair[0], &expected["probabilities"]["Covid-19"]);
    }

    let planes = serde_json::json!({ "inputs": [{
        "name": "planes", "datatype": "FP32", "shape": [1, 1, side, side], "data": vec![0.5; side * side],
    }] });
    let answer = service
        .post("/v2/models/bundled/infer", planes.to_string().as_bytes())
        .json();
    let sum: f64 = answer["outputs"][0]["data"]
        .as_array()
        .expect("numbers")
        .iter()
        .filter_map(Value::as_f64)
        .sum();
    assert!((sum - 1.0).abs() < 1e-6, "{answer}");
    for wrong in [
        serde_json::json!({ "inputs": [] }),
        serde_json::json!({ "inputs": [{ "name": "planes", "datatype": "FP32", "shape": [1, 1, 3, 3], "data": [0] }] }),
        serde_json::json!({ "inputs": [{ "name": "film", "datatype": "BYTES", "shape": [1], "data": ["?"] }] }),
        serde_json::json!({ "inputs": [{ "name": "film", "datatype": "BYTES", "shape": [usize::MAX], "data": [] }] }),
    ] {
        let answer = service.post("/v2/models/bundled/infer", wrong.to_string().as_bytes());
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.head.contains("application/problem+json"));
    }
}

#[test]
fn who_is_not_for_us_is_refused_and_hostile_requests_end_nothing() {
    let scratch = Scratch::with_films(2);
    let token = scratch.path("token");
    std::fs::write(&token, "a token of enough letters\n").expect("written");
    let film = std::fs::read(&films(&scratch)[0]).expect("a film");
    let service = Service::start(&["--token-file", text(&token), "--max-upload", "1"]);
    let right = ("Authorization", "Bearer a token of enough letters");
    let cases: [(&[(&str, &str)], u16); 6] = [
        (&[], 401),
        (&[("Authorization", "Bearer another")], 401),
        (&[right], 200),
        (&[right, ("Host", "elsewhere.example")], 421),
        (&[right, ("Origin", "http://elsewhere.example")], 403),
        (&[right, ("Sec-Fetch-Site", "cross-site")], 403),
    ];
    for (headers, status) in cases {
        let answer = service.request("POST", "/v1/predict", headers, &film);
        assert_eq!(answer.status, status, "{headers:?}");
    }
    assert_eq!(service.get("/").status, 200, "the page itself is open");
    let large = vec![0; 2 << 20];
    assert_eq!(
        service
            .request("POST", "/v1/predict", &[right], &large)
            .status,
        413
    );

    for target in [
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/examples/..%2f..%2fCargo.toml",
        "//etc/passwd",
        "/README.md",
    ] {
        assert_eq!(service.get(target).status, 404, "{target}");
    }
    let host = &service.address;
    for (request, expected) in [
        (
            format!(
                "GET / HTTP/1.1\r\nHost: {host}\r\nHost: elsewhere\r\nConnection: close\r\n\r\n"
            ),
            None,
        ),
        (
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            Some(421),
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: {host}\r\nA: {}\r\n\r\n",
                "x".repeat(100_000)
            ),
            Some(431),
        ),
        (
            format!(
                "POST /v1/predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"
            ),
            Some(400),
        ),
        ("NONSENSE\r\n\r\n".to_owned(), Some(400)),
    ] {
        let answer = service.raw(request.as_bytes());
        if let Some(expected) = expected {
            assert_eq!(
                Answer::of(&answer).status,
                expected,
                "{}",
                &request[..40.min(request.len())]
            );
        }
    }
    let broken = service.request(
        "POST",
        "/v1/predict",
        &[
            right,
            ("Content-Type", "multipart/form-data; boundary=limit"),
        ],
        b"--limit\r\nContent-Disposition: form-data; name=\"film\"; filename=\"a\"\r\n\r\nhalf",
    );
    assert_eq!(broken.status, 400);
    assert_eq!(
        service
            .request("POST", "/v1/predict", &[right], &film)
            .status,
        200,
        "it lives"
    );
}

#[test]
fn forms_of_more_than_two_megabytes_were_refused() {
    let scratch = Scratch::with_films(2);
    let film = std::fs::read(&films(&scratch)[0]).expect("a film");
    let service = Service::start(&[]);
    let large = vec![b'x'; 3 << 20];
    let (media_type, body) = form(&[("large", &large), ("a.png", &film)]);
    let answer = service.request(
        "POST",
        "/v1/predict",
        &[("Content-Type", &media_type)],
        &body,
    );
    let status: Vec<Value> = answer
        .lines()
        .iter()
        .map(|line| line["status"].clone())
        .collect();
    assert_eq!(status, ["set_aside", "scored"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_decoder_that_died_while_it_waited_cost_a_good_film() {
    let scratch = Scratch::with_films(2);
    let film = std::fs::read(&films(&scratch)[0]).expect("a film");
    let service = Service::start(&[]);
    assert_eq!(
        service.post("/v1/predict", &film).json()["status"],
        "scored"
    );
    let own = service.child.id();
    let mut ended = 0;
    for task in std::fs::read_dir(format!("/proc/{own}/task")).expect("its threads") {
        let children = task.expect("a thread").path().join("children");
        for child in std::fs::read_to_string(children)
            .unwrap_or_default()
            .split_whitespace()
        {
            let killed = Command::new("kill").args(["-KILL", child]).status();
            assert!(killed.expect("kill is there").success());
            ended += 1;
        }
    }
    assert!(ended > 0, "it has a decoding process");
    assert_eq!(
        service.post("/v1/predict", &film).json()["status"],
        "scored"
    );
}

#[test]
fn stalled_uploads_took_the_places_of_those_who_send_films() {
    let scratch = Scratch::with_films(2);
    let film = std::fs::read(&films(&scratch)[0]).expect("a film");
    let service = Service::start(&["--max-requests", "2"]);
    let head = format!(
        "POST /v1/predict HTTP/1.1\r\nHost: {}\r\nContent-Length: 60000000\r\n\r\nhalf",
        service.address
    );
    let stalled: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&service.address).expect("it listens");
            stream.write_all(head.as_bytes()).expect("sent");
            stream
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(service.post("/v1/predict", &film).status, 200);
    }
    drop(stalled);
}

#[test]
fn a_model_that_changes_on_disk_is_read_again_and_a_broken_one_is_not() {
    let scratch = Scratch::new();
    let path = scratch.path("mine.plainfilm.safetensors");
    let write = |threshold: f64| {
        let mut file = plainfilm::bundle::bundled().expect("this build's own");
        file.header.threshold.value = threshold;
        let operation = file.header.operation.as_mut().expect("it has one");
        operation.threshold = threshold;
        let saved = file.save(&path, plainfilm::bundle::Precision::F16);
        saved.expect("written");
    };
    write(0.25);
    let service = Service::start(&[text(&path)]);
    let threshold = || {
        let said = service.get("/v1/models").json();
        assert_eq!(said["models"][0]["name"], "mine");
        said["models"][0]["thresholds"]["Covid-19"].as_f64()
    };
    assert_eq!(threshold(), Some(0.25));
    write(0.75);
    let is_read_again = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        threshold() == Some(0.75)
    });
    assert!(is_read_again);
    std::fs::write(&path, "no model").expect("written");
    // Longer than it takes to look again.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(threshold(), Some(0.75));
    let log = service.end();
    assert!(log.contains("stays in use"), "{log}");
}

#[test]
fn a_model_of_another_program_is_served_like_ours() {
    let foreign = Foreign::described("torch-defaults.onnx", LABELS);
    let model = text(&foreign.model);
    let service = Service::start(&[model]);
    let about = service.get("/v1/models").json()["models"][0].clone();
    assert_eq!(about["name"], "torch-defaults");
    assert_eq!(about["labels"], serde_json::json!(["clear", "opacity"]));
    assert!(about["parameters"].is_null() && about["audit"].is_null());
    let methods = about["methods"].as_array().unwrap();
    assert_eq!(methods.len(), 1);
    assert_eq!(methods[0]["id"], "occlusion");
    assert!(
        about["card"]
            .as_str()
            .unwrap()
            .contains("not a medical device")
    );

    let film = films(&foreign.scratch).remove(0);
    let bytes = std::fs::read(&film).unwrap();
    let served = service.post("/v1/predict", &bytes).json();
    let predicted = plainfilm(&["predict", "--model", model, "--format", "json", text(&film)]);
    let predicted: Value = serde_json::from_str(&stdout(&predicted)).expect("a line of JSON");
    for label in ["clear", "opacity"] {
        assert_close(
            &served["probabilities"][label],
            &predicted["probabilities"][label],
        );
    }
    let map = service.post("/v1/explain", &bytes).json();
    assert_eq!(map["method"], "occlusion");
    assert!(map["map"].as_str().unwrap().starts_with("data:image/png"));
    let refused = service.post("/v1/explain?method=grad-cam", &bytes);
    assert_eq!(refused.status, 400);
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("one of occlusion")
    );
    service.end();
}

#[test]
fn a_public_address_needs_a_token() {
    let output = plainfilm(&["serve", "--listen", "0.0.0.0:0"]);
    crate::program::assert_code(&output, 1);
    let said = crate::program::stderr(&output);
    assert!(
        said.contains("there is no token") && said.contains("hint:"),
        "{said}"
    );
}

/// The first of these programs that is on the path.
fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|file| file.is_file())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
fn the_page_works_in_a_browser() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Where `.ci/run` puts what drives the browser.
    let modules = here.join("../../target/page-test");
    let browser = program(&["chromium", "chromium-browser", "google-chrome"]);
    let node = program(&["node"]);
    let (Some(browser), Some(node), true) = (browser, node, modules.join("node_modules").is_dir())
    else {
        eprintln!(
            "SKIPPED: the page was not tried in a browser: Chromium, Node, and in {} playwright-core and axe-core are needed",
            modules.display()
        );
        return;
    };
    let scratch = Scratch::with_films(4);
    let broken = scratch.path("broken.png");
    std::fs::write(&broken, "no film").expect("written");
    let mut shown: Vec<PathBuf> = films(&scratch).into_iter().take(3).collect();
    shown.push(broken);
    let service = Service::start(&[]);
    let output = Command::new(node)
        .arg(here.join("tests/page/page.mjs"))
        .arg(format!("http://{}", service.address))
        .arg(browser)
        .arg(&modules)
        .arg(here.join("../../target/page-pictures"))
        .args(shown)
        .output()
        .expect("node starts");
    if output.status.code() == Some(3) {
        eprintln!("SKIPPED: {}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
