//! Why a service does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use plainfilm::bundle::BundleError;

/// Why a service does not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Everybody could use it.
    #[error(
        "{0} can be reached from other machines, and there is no token\nhint: listen on 127.0.0.1, or give --token-file FILE"
    )]
    NoToken(SocketAddr),
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A model that cannot be used.
    #[error(transparent)]
    Model(#[from] BundleError),
    /// An ONNX model, or the description of one, that cannot be used.
    #[error(transparent)]
    Foreign(#[from] plainfilm::foreign::ForeignError),
    /// A model that cannot be explained.
    #[error(transparent)]
    Explain(#[from] plainfilm::explain::ExplainError),
    /// Two models of one name, or a name that does not fit into an address.
    #[error("model name `{found}`: expected {expected}")]
    ModelName {
        /// As given.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// A device that is not there.
    #[error("{0}")]
    Device(String),
    /// A certificate or key that cannot be used.
    #[error("{}: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The decoding processes cannot be started.
    #[error(
        "cannot start a decoding process: {0}\nhint: --sandbox false decodes in the service itself"
    )]
    Decoder(String),
    /// The system refused something else.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
