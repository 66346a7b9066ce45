//! `serve`, and the processes that it starts

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Serve models over HTTP, with a page for the browser.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Model files, run folders or described ONNX files, each as FILE or NAME=FILE; requests that name none get the
    /// first [default: the bundled model]
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Address and port; others than this machine can reach it only with --token-file
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// A name under which clients reach it, besides localhost and the address; may be given again
    #[arg(long = "host", value_name = "NAME", value_parser = host)]
    pub hosts: Vec<String>,
    /// Ask every client for the token in this file (its first line)
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Serve HTTPS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Decode films in processes without files, network and much memory [default: true on Linux]
    #[arg(long, value_name = "BOOL")]
    pub sandbox: Option<bool>,
    /// Megabytes that one request may bring
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub max_upload: u16,
    /// Films that one request may bring
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_films: u32,
    /// Requests with films that are worked on at once; more are told to come again
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub max_requests: u16,
    /// Where to compute: cpu, vulkan[:N], cuda[:N] or metal[:N]
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub threads: Option<usize>,
}

/// A name as it stands in an address, without scheme, port and path.
fn host(text: &str) -> Result<String, String> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    match !text.is_empty() && text.chars().all(is_name) {
        true => Ok(text.to_owned()),
        false => Err("expected a name such as films.example, without scheme or port".to_owned()),
    }
}

/// Decode films for `serve`.
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// Bytes of memory.
    #[arg(long)]
    pub memory: u64,
}
