//! What the program's exit code says.

use std::process::ExitCode;

use plainfilm::train::TrainError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// It failed.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// It was done, but some inputs were set aside.
    SomeSetAside,
    /// An audit failed, and `--strict` asked for that to be an error.
    AuditFailed,
    /// Someone interrupted it.
    Interrupted,
}

/// A command line that parses and still makes no sense.
#[derive(Debug)]
pub struct UsageError(pub String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

impl Exit {
    /// The exit that an error asks for.
    pub fn of(error: &anyhow::Error) -> Self {
        if error.downcast_ref::<UsageError>().is_some() {
            return Self::Usage;
        }
        match error.downcast_ref::<TrainError>() {
            Some(TrainError::Interrupted { .. }) => Self::Interrupted,
            _ => Self::Failed,
        }
    }

    /// Done, or done with inputs set aside.
    pub fn after(set_aside: usize) -> Self {
        if set_aside == 0 {
            Self::Done
        } else {
            Self::SomeSetAside
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::SomeSetAside => 3,
            Exit::AuditFailed => 4,
            Exit::Interrupted => 130,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_choose_their_exit() {
        let cases = [
            (anyhow::Error::new(UsageError("x".into())), Exit::Usage),
            (
                anyhow::Error::new(TrainError::Interrupted { epoch: 1 }),
                Exit::Interrupted,
            ),
            (anyhow::anyhow!("disk full"), Exit::Failed),
        ];
        for (error, expected) in cases {
            assert_eq!(Exit::of(&error), expected);
        }
    }
}
