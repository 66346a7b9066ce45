//! What a service is told before it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use plainfilm::bundle::ModelFile;
use plainfilm::foreign::is_foreign;

use crate::error::ServeError;
use crate::models::ModelRead;

/// Everything that `plainfilm serve` can be told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Names, besides those of this machine's loopback, under which clients may reach it.
    pub hosts: Vec<String>,
    /// What clients have to know; required wherever others than this machine could reach it.
    pub token: Option<String>,
    /// Certificate and key, for HTTPS.
    pub tls: Option<TlsFiles>,
    /// Who decodes what clients send.
    pub decoding: Decoding,
    /// Films that are decoded, or prepared for a network, at once.
    pub workers: usize,
    /// Where the networks compute, as `--device` has it.
    pub device: String,
    /// Bounds on everything that a client could exhaust.
    pub limits: ServeLimits,
}

impl ServeSettings {
    /// The defaults for an address.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            hosts: Vec::new(),
            token: None,
            tls: None,
            decoding: Decoding::Here,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            device: "cpu".to_owned(),
            limits: ServeLimits::default(),
        }
    }
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Who decodes what clients send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoding {
    /// The service itself.
    Here,
    /// Child processes without access to files or the network and with little memory: a decoder that crashes or
    /// never ends costs one film. They are started as `program arguments…` and have to call
    /// [`decode_films`](crate::decode_films()).
    Apart {
        /// The program, usually this one.
        program: PathBuf,
        /// What makes it a decoder.
        arguments: Vec<String>,
    },
}

/// Bounds on what clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServeLimits {
    /// Bytes of one request's body.
    pub upload_bytes: usize,
    /// Bytes of all bodies in memory at once.
    pub upload_bytes_at_once: usize,
    /// Films of one request: an archive's, or a form's.
    pub films: usize,
    /// Requests with films that are worked on at once; more are told to come again.
    pub requests: usize,
    /// Connections at once; more wait.
    pub connections: usize,
    /// Films in one pass through a network.
    pub batch: usize,
    /// How long a film waits for others that are being prepared, to be scored with them.
    pub batch_wait: Duration,
    /// How long a client may take for a request's head, and how long a connection may idle.
    pub head: Duration,
    /// How long a client may take for a request's body.
    pub body: Duration,
    /// How long a client may leave an answer unread.
    pub write: Duration,
    /// How long the answer to a request with one film may take.
    pub request: Duration,
    /// How long one film may be decoded.
    pub decode: Duration,
    /// Bytes of memory of a decoding process.
    pub decode_bytes: u64,
    /// How long requests may still take once the service is told to end.
    pub drain: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            upload_bytes: 64 << 20,
            upload_bytes_at_once: 512 << 20,
            films: 1_000,
            requests: 64,
            connections: 1_024,
            batch: 16,
            batch_wait: Duration::from_millis(2),
            head: Duration::from_secs(10),
            body: Duration::from_secs(60),
            write: Duration::from_secs(30),
            request: Duration::from_secs(60),
            decode: Duration::from_secs(20),
            decode_bytes: 3 << 30,
            drain: Duration::from_secs(30),
        }
    }
}

/// A model to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelToServe {
    /// What requests call it: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Its file, read again when it changes; none for the model inside the program.
    pub path: Option<PathBuf>,
}

impl ModelToServe {
    /// The model inside the program.
    #[must_use]
    pub fn bundled() -> Self {
        Self {
            name: "bundled".to_owned(),
            path: None,
        }
    }

    /// How large it is, in bytes.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match &self.path {
            Some(path) => std::fs::metadata(path).map(|file| file.len()).ok(),
            None => Some(plainfilm::bundle::bundled_bytes()),
        }
    }

    /// Reads it.
    pub(crate) fn read(&self) -> Result<ModelRead, ServeError> {
        Ok(match &self.path {
            Some(path) if is_foreign(path) => ModelRead::Foreign(path.clone()),
            Some(path) => ModelRead::Ours(Box::new(ModelFile::load(path)?)),
            None => ModelRead::Ours(Box::new(plainfilm::bundle::bundled()?)),
        })
    }
}
