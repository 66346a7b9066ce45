//! Decoders: as many at once as there are workers, each replaced when it is lost.

use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use plainfilm::radiograph::{Limits, Radiograph, decode, without_name};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::messages::{DECODED, Ready, Shape};
use crate::error::ServeError;
use crate::settings::Decoding;

/// A process is replaced after so many films: what its decoders leave in memory goes with it.
const FILMS_A_PROCESS: usize = 1_000;
/// How long a process may take to start.
const START: Duration = Duration::from_secs(10);

/// Decodes films, a bounded number at once.
pub(crate) struct Decoders {
    decoding: Decoding,
    time: Duration,
    places: Semaphore,
    idle: Mutex<Vec<Process>>,
    lost: AtomicUsize,
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    films: usize,
    ready: Ready,
}

impl Decoders {
    /// For so many films at once, each for at most `time`.
    pub(crate) fn new(decoding: Decoding, workers: usize, time: Duration) -> Self {
        Self {
            decoding,
            time,
            places: Semaphore::new(workers.max(1)),
            idle: Mutex::default(),
            lost: AtomicUsize::new(0),
        }
    }

    /// Starts a first process, so that what keeps it from starting is known before any film comes. Whether it is
    /// confined; none where films are decoded here.
    pub(crate) async fn try_out(&self) -> Result<Option<bool>, ServeError> {
        let Decoding::Apart { program, arguments } = &self.decoding else {
            return Ok(None);
        };
        let process = Process::start(program, arguments)
            .await
            .map_err(ServeError::Decoder)?;
        let confined = process.ready.confined;
        self.put_back(process);
        Ok(Some(confined))
    }

    /// Processes that crashed or had to be ended.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }

    /// Decodes a film.
    ///
    /// # Errors
    ///
    /// One line, without the film's name, that says why it cannot be used.
    pub(crate) async fn decode(&self, name: &str, bytes: Bytes) -> Result<Radiograph, String> {
        let place = self.places.acquire().await;
        let _place = place.map_err(|_| "the service ends".to_owned())?;
        match &self.decoding {
            Decoding::Here => decode_here(name.to_owned(), bytes).await,
            Decoding::Apart { program, arguments } => {
                // A process that was waiting may have been ended by somebody else meanwhile: a second one tells
                // whether it is the film.
                let waiting = self.idle.lock().ok().and_then(|mut idle| idle.pop());
                if let Some(process) = waiting
                    && let Some(decoded) = self.decode_by(process, name, &bytes).await
                {
                    return decoded;
                }
                let process = Process::start(program, arguments).await?;
                let decoded = self.decode_by(process, name, &bytes).await;
                let crashed = || Err("its decoder crashed or needed too much memory".to_owned());
                decoded.unwrap_or_else(crashed)
            }
        }
    }

    /// None where the process is lost.
    async fn decode_by(
        &self,
        mut process: Process,
        name: &str,
        bytes: &[u8],
    ) -> Option<Result<Radiograph, String>> {
        match timeout(self.time, process.decode(name, bytes)).await {
            Ok(Ok(decoded)) => {
                self.put_back(process);
                Some(decoded)
            }
            Ok(Err(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                let seconds = self.time.as_secs();
                Some(Err(format!("decoding it took longer than {seconds} s")))
            }
        }
    }

    fn put_back(&self, process: Process) {
        if process.films < FILMS_A_PROCESS
            && let Ok(mut idle) = self.idle.lock()
        {
            idle.push(process);
        }
    }
}

async fn decode_here(name: String, bytes: Bytes) -> Result<Radiograph, String> {
    let decoded = tokio::task::spawn_blocking(move || {
        decode(&bytes, &name, &Limits::default())
            .map_err(|error| without_name(&error.to_string(), &name))
    });
    decoded
        .await
        .unwrap_or_else(|_| Err("its decoder crashed".to_owned()))
}

impl Process {
    async fn start(program: &std::path::Path, arguments: &[String]) -> Result<Self, String> {
        let mut command = Command::new(program);
        // What a terminal or a service manager tells the group is for the service: it lets decoders end.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let gone = || "it ended at once".to_owned();
        let input = child.stdin.take().ok_or_else(gone)?;
        let mut output = BufReader::new(child.stdout.take().ok_or_else(gone)?);
        let mut line = String::new();
        match timeout(START, output.read_line(&mut line)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("it does not answer".to_owned()),
        }
        let ready = serde_json::from_str(&line).map_err(|_| gone())?;
        Ok(Self {
            child,
            input,
            output,
            films: 0,
            ready,
        })
    }

    /// The outer error is the process', the inner one the film's.
    async fn decode(
        &mut self,
        name: &str,
        bytes: &[u8],
    ) -> std::io::Result<Result<Radiograph, String>> {
        self.films += 1;
        self.input
            .write_all(&(bytes.len() as u64).to_le_bytes())
            .await?;
        self.input.write_all(bytes).await?;
        self.input.flush().await?;
        let kind = self.output.read_u8().await?;
        let length = self.output.read_u64_le().await?;
        let broken = |what: &str| std::io::Error::other(what.to_owned());
        // A name, a format and a reason need no more.
        if length > 1 << 20 {
            return Err(broken("a text beyond every limit"));
        }
        let mut text = vec![0; length as usize];
        self.output.read_exact(&mut text).await?;
        let text = String::from_utf8(text).map_err(std::io::Error::other)?;
        if kind != DECODED {
            return Ok(Err(text));
        }
        let shape: Shape = serde_json::from_str(&text)?;
        let limits = Limits::default();
        if shape.bytes() > 2 * limits.max_pixels {
            return Err(broken("a film beyond every limit"));
        }
        let mut pixels = vec![0; shape.bytes() as usize];
        self.output.read_exact(&mut pixels).await?;
        let film = shape.film(name, &pixels);
        film.map(Ok).ok_or_else(|| broken("too few pixels"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // `kill_on_drop` waits for nothing; this makes it end even while it computes.
        let _ = self.child.start_kill();
    }
}
