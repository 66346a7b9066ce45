//! A small HTTP server on the loopback address that misbehaves as it is told.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server does with one request for a path.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The body, or the part that `Range` asks for.
    Body(Vec<u8>),
    /// The whole body, whatever `Range` asks for.
    Whole(Vec<u8>),
    /// Announces the body but closes after so many bytes.
    CutOff(Vec<u8>, usize),
    /// Announces another length than it sends.
    WrongLength(Vec<u8>, usize),
    /// A status and nothing else.
    Status(u16),
    /// `302` to this address.
    Redirect(String),
    /// Takes the request and says nothing for a while.
    Silence,
}

/// A request as it came: path, and the value of `Range`.
pub type Seen = (String, Option<String>);

/// A web server on loopback.
pub struct Server {
    /// Its address, without a path.
    pub base: String,
    script: Arc<Mutex<HashMap<String, Vec<Reply>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    closing: Arc<AtomicBool>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1. Unknown paths answer 404.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Self {
            base,
            script: Arc::default(),
            seen: Arc::default(),
            closing: Arc::default(),
        };
        let (script, seen) = (server.script.clone(), server.seen.clone());
        let closing = server.closing.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if closing.load(Ordering::SeqCst) {
                    break;
                }
                let (script, seen) = (script.clone(), seen.clone());
                std::thread::spawn(move || answer(stream, &script, &seen));
            }
        });
        server
    }

    /// What to do at `path`, request by request; the last reply repeats.
    pub fn on(&self, path: &str, replies: impl Into<Vec<Reply>>) {
        self.script
            .lock()
            .unwrap()
            .insert(path.into(), replies.into());
    }

    /// All requests for `path` so far: the value of `Range` of each.
    pub fn ranges(&self, path: &str) -> Vec<Option<String>> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|(p, _)| p == path)
            .map(|(_, range)| range.clone())
            .collect()
    }

    /// How many requests came in all.
    pub fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; if that fails it has ended already.
        let _ = TcpStream::connect(self.base.trim_start_matches("http://"));
    }
}

fn answer(
    mut stream: TcpStream,
    script: &Mutex<HashMap<String, Vec<Reply>>>,
    seen: &Mutex<Vec<Seen>>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_string();
    let range = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("range")
            .then(|| value.trim().to_string())
    });
    seen.lock().unwrap().push((path.clone(), range.clone()));
    let reply = {
        let mut script = script.lock().unwrap();
        match script.get_mut(&path) {
            None => Reply::Status(404),
            Some(replies) if replies.len() > 1 => replies.remove(0),
            Some(replies) => replies[0].clone(),
        }
    };
    let from = range.and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse::<usize>()
            .ok()
    });
    let (status, length, extra, body) = match (reply, from) {
        (Reply::Body(body), Some(from)) if from < body.len() => {
            let extra = format!(
                "Content-Range: bytes {from}-{}/{}\r\n",
                body.len() - 1,
                body.len()
            );
            (
                "206 Partial Content".into(),
                body.len() - from,
                extra,
                body[from..].to_vec(),
            )
        }
        (Reply::Body(_), Some(_)) => ("416 Range".into(), 0, String::new(), Vec::new()),
        (Reply::Body(body) | Reply::Whole(body), _) => {
            ("200 OK".into(), body.len(), String::new(), body)
        }
        (Reply::CutOff(body, after), _) => (
            "200 OK".into(),
            body.len(),
            String::new(),
            body[..after].to_vec(),
        ),
        (Reply::WrongLength(body, length), _) => ("200 OK".into(), length, String::new(), body),
        (Reply::Status(status), _) => (format!("{status} Scripted"), 0, String::new(), Vec::new()),
        (Reply::Redirect(to), _) => (
            "302 Found".into(),
            0,
            format!("Location: {to}\r\n"),
            Vec::new(),
        ),
        (Reply::Silence, _) => {
            std::thread::sleep(Duration::from_secs(2));
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{extra}\r\n"
    );
    // The client may have gone away; that is its affair.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&body));
}
