//! One file over HTTP: resumed where it stopped, tried again a few times, checked before it gets
//! its name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use md5::Md5;
use sha2::{Digest, Sha256};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

#[cfg(any(test, feature = "test-server"))]
pub mod test_server;

/// How a finished file is told from a wrong one.
#[derive(Debug, Clone, Copy)]
pub enum Checksum<'a> {
    /// SHA-256 in hexadecimal, or the first digits of it, as far as they were published.
    Sha256(&'a str),
    /// MD5 in hexadecimal. It finds damage, not malice.
    Md5(&'a str),
    /// None was published: this looks at the file and says what is wrong.
    Look(fn(&Path) -> Result<(), String>),
}

/// What one file's download needs to know.
pub struct Request<'a> {
    /// Addresses to try in turn when the file is not found.
    pub addresses: &'a [String],
    /// Where the finished file goes.
    pub target: &'a Path,
    /// How to tell that it came right.
    pub checksum: Checksum<'a>,
    /// Exact size, where known.
    pub bytes: Option<u64>,
    /// Refuse more than this many bytes.
    pub limit: u64,
    /// Attempts after the first.
    pub retries: u32,
    /// Wait before the first of them; doubles each time.
    pub back_off: Duration,
}

/// How a download ended.
#[derive(Debug)]
pub enum Outcome {
    /// The file is at its final name.
    Done {
        /// SHA-256 in hexadecimal.
        sha256: String,
        /// Its size.
        bytes: u64,
    },
    /// No address has it.
    Missing,
    /// It came wrong, or the server refused; the reason.
    Failed(String),
    /// The host cannot be reached, so other files will not come either.
    Unreachable {
        /// The host.
        host: String,
        /// What the connection said.
        cause: String,
    },
}

/// Why one attempt failed.
enum Attempt {
    /// This address does not have the file.
    NotFound,
    /// Trying again will not help.
    Final(String),
    /// Trying again may help.
    Passing(String),
    /// The host did not answer.
    NoAnswer(String),
    /// The disk, not the network.
    Disk(io::Error),
}

/// A client that waits at most `timeout` for a connection, for an answer, and for the next bytes.
pub fn agent(timeout: Duration, addresses: &[String]) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(8)
        // Byte ranges and sizes mean the file itself, not a compressed form of it.
        .accept_encoding("identity")
        .user_agent(concat!("plainfilm/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(timeout))
        .timeout_connect(Some(timeout))
        .timeout_send_request(Some(timeout))
        .timeout_recv_response(Some(timeout))
        .timeout_per_read(Some(timeout));
    // A proxy from the environment is for the outside, not for a mirror on this machine.
    let here = |address: &String| {
        host(address).is_some_and(|host| {
            host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
        })
    };
    if addresses.iter().all(here) {
        config = config.proxy(None);
    }
    config.build().into()
}

/// Fetches one file through `<target>.part`, which stays after a cut-off so that the next attempt,
/// or the next run, goes on from there. `received` is told of every piece.
///
/// # Errors
/// Only what the file system says; everything about the network is an [`Outcome`].
pub fn download(
    agent: &Agent,
    request: &Request<'_>,
    received: &dyn Fn(u64),
) -> io::Result<Outcome> {
    let part = part_path(request.target);
    for address in request.addresses {
        let mut wait = request.back_off;
        let mut tries_left = request.retries;
        loop {
            let failure = match attempt(agent, request, address, &part, received) {
                Ok((sha256, bytes)) => {
                    std::fs::rename(&part, request.target)?;
                    return Ok(Outcome::Done { sha256, bytes });
                }
                Err(failure) => failure,
            };
            let outcome = match failure {
                Attempt::Disk(error) => return Err(error),
                Attempt::NotFound => break,
                Attempt::Final(reason) => return Ok(Outcome::Failed(reason)),
                Attempt::Passing(reason) => Outcome::Failed(reason),
                Attempt::NoAnswer(cause) => Outcome::Unreachable {
                    host: host(address).unwrap_or(address).into(),
                    cause,
                },
            };
            if tries_left == 0 {
                return Ok(outcome);
            }
            tries_left -= 1;
            std::thread::sleep(wait);
            wait *= 2;
        }
    }
    Ok(Outcome::Missing)
}

/// `name.part` beside `name`.
pub fn part_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    target.with_file_name(name)
}

/// The host of an `http` or `https` address, with its port if it has one.
pub fn host(address: &str) -> Option<&str> {
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next()?;
    (!host.is_empty()).then_some(host)
}

fn attempt(
    agent: &Agent,
    request: &Request<'_>,
    address: &str,
    part: &Path,
    received: &dyn Fn(u64),
) -> Result<(String, u64), Attempt> {
    let limit = request.bytes.unwrap_or(request.limit).min(request.limit);
    let mut have = match std::fs::metadata(part) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(Attempt::Disk(error)),
    };
    // Whole already: only its name was missing.
    if request.bytes == Some(have) {
        return check(request, part, have);
    }
    // An overlong leftover cannot be continued.
    if have >= limit {
        std::fs::remove_file(part).map_err(Attempt::Disk)?;
        have = 0;
    }
    let mut get = agent.get(address);
    if have > 0 {
        get = get.header(header::RANGE, format!("bytes={have}-"));
    }
    let mut response = get.call().map_err(from_ureq)?;
    let status = response.status();
    match status {
        StatusCode::OK => have = 0,
        StatusCode::PARTIAL_CONTENT if have > 0 => {
            if range_start(&response) != Some(have) {
                std::fs::remove_file(part).map_err(Attempt::Disk)?;
                return Err(Attempt::Passing(format!(
                    "expected the file from byte {have} on, found another range"
                )));
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
            std::fs::remove_file(part).map_err(Attempt::Disk)?;
            return Err(Attempt::Passing(format!(
                "server has no byte {have} of this file"
            )));
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(Attempt::NotFound),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            return Err(Attempt::Passing(format!("server answered {status}")));
        }
        _ if status.is_server_error() => {
            return Err(Attempt::Passing(format!("server answered {status}")));
        }
        _ => return Err(Attempt::Final(format!("server answered {status}"))),
    }

    let promised = response.body().content_length().map(|length| have + length);
    if let Some(total) = promised.filter(|&total| total > limit) {
        return Err(Attempt::Final(format!(
            "expected at most {limit} bytes, the server announced {total}"
        )));
    }
    let total = append(&mut response, part, have, limit, received)?;
    if let Some(promised) = promised.filter(|&promised| promised != total) {
        return Err(Attempt::Passing(format!(
            "cut off: expected {promised} bytes, found {total}"
        )));
    }
    check(request, part, total)
}

/// Writes the body behind the first `have` bytes of `part`; returns how long the file is then.
fn append(
    response: &mut Response<Body>,
    part: &Path,
    have: u64,
    limit: u64,
    received: &dyn Fn(u64),
) -> Result<u64, Attempt> {
    let mut options = OpenOptions::new();
    options.create(true);
    if have > 0 {
        options.append(true);
    } else {
        options.write(true).truncate(true);
    }
    let mut file = options.open(part).map_err(Attempt::Disk)?;
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 64 * 1024];
    let mut total = have;
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                // Keep what came: the next attempt goes on from here.
                file.sync_all().map_err(Attempt::Disk)?;
                return Err(match from_ureq(ureq::Error::from(error)) {
                    Attempt::Final(reason) => Attempt::Passing(reason),
                    other => other,
                });
            }
        };
        total += count as u64;
        if total > limit {
            drop(file);
            std::fs::remove_file(part).map_err(Attempt::Disk)?;
            return Err(Attempt::Final(format!(
                "expected at most {limit} bytes, the server sent more"
            )));
        }
        file.write_all(&buffer[..count]).map_err(Attempt::Disk)?;
        received(count as u64);
    }
    file.sync_all().map_err(Attempt::Disk)?;
    Ok(total)
}

/// Size and checksum. A wrong file is removed.
fn check(request: &Request<'_>, part: &Path, total: u64) -> Result<(String, u64), Attempt> {
    let found = sha256_of(part).map_err(Attempt::Disk)?;
    let wrong = match request.bytes {
        Some(bytes) if bytes != total => {
            Some(format!("wrong size: expected {bytes} bytes, found {total}"))
        }
        _ => request
            .checksum
            .wrong(part, &found)
            .map_err(Attempt::Disk)?,
    };
    match wrong {
        None => Ok((found, total)),
        Some(reason) => {
            std::fs::remove_file(part).map_err(Attempt::Disk)?;
            Err(Attempt::Passing(reason))
        }
    }
}

impl Checksum<'_> {
    /// What is wrong with a file whose SHA-256 is `sha256`; nothing if nothing is.
    pub fn wrong(self, path: &Path, sha256: &str) -> io::Result<Option<String>> {
        let (name, expected, found) = match self {
            Self::Sha256(expected) => ("SHA-256", expected, sha256.to_owned()),
            Self::Md5(expected) => ("MD5", expected, digest_of::<Md5>(path)?),
            Self::Look(look) => return Ok(look(path).err()),
        };
        // An empty checksum would fit every file.
        if !expected.is_empty() && found.starts_with(expected) {
            return Ok(None);
        }
        Ok(Some(format!(
            "wrong checksum: expected {name} {expected}, found {found}"
        )))
    }
}

/// SHA-256 of a file, in hexadecimal.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    digest_of::<Sha256>(path)
}

fn digest_of<D: Digest>(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = D::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The first byte of a `Content-Range: bytes 10-99/100` answer.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let value = response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?;
    value
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .trim()
        .parse()
        .ok()
}

fn from_ureq(error: ureq::Error) -> Attempt {
    use ureq::Timeout;
    match error {
        ureq::Error::HostNotFound => Attempt::NoAnswer("no such host, or no name service".into()),
        ureq::Error::ConnectionFailed => Attempt::NoAnswer("connection failed".into()),
        ureq::Error::Timeout(Timeout::RecvBody | Timeout::PerRead) => {
            Attempt::Passing("the server stopped sending".into())
        }
        ureq::Error::Timeout(phase) => Attempt::NoAnswer(format!("no answer in time ({phase})")),
        ureq::Error::ConnectProxyFailed(reason) => {
            Attempt::NoAnswer(format!("the proxy refused: {reason}"))
        }
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Attempt::Passing(format!("cut off: {error}")),
            _ => Attempt::NoAnswer(error.to_string()),
        },
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            Attempt::Final("redirected too often, or to nowhere".into())
        }
        error @ (ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::Protocol(_)
        | ureq::Error::LargeResponseHeader(..)) => Attempt::Final(error.to_string()),
        // What is left concerns the connection, such as a certificate that is not trusted.
        error => Attempt::NoAnswer(error.to_string()),
    }
}
