//! What the system tells a process.

/// What a service is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To end.
    End,
    /// To read its models again.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is Ctrl-C alone"))]
    ReadAgain,
}

#[cfg(unix)]
pub(crate) use unix::Signals;

#[cfg(unix)]
mod unix {
    use super::Signal;
    use tokio::signal::unix::{self, SignalKind, signal};

    /// Signals that are listened to from the start.
    pub(crate) struct Signals {
        terminate: unix::Signal,
        interrupt: unix::Signal,
        hang_up: unix::Signal,
    }

    impl Signals {
        pub(crate) fn new() -> std::io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hang_up: signal(SignalKind::hangup())?,
            })
        }

        pub(crate) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.terminate.recv() => Signal::End,
                _ = self.interrupt.recv() => Signal::End,
                _ = self.hang_up.recv() => Signal::ReadAgain,
            }
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::End
    }
}
