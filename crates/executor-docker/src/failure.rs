//! How one call of the engine failed, told apart as far as we act on it.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bollard::errors::Error as BollardError;

/// How a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("no connection: {kind}")]
    Connection {
        kind: io::ErrorKind,
        #[source]
        source: BollardError,
    },
    #[error("the engine answered {status}: {message}")]
    Answer { status: u16, message: String },
    #[error("the engine reported: {0}")]
    Reported(String),
    #[error("the answer is not an engine's")]
    NotAnEngine(#[source] BollardError),
}

impl Failure {
    /// The status of a refusal.
    pub(crate) const fn status(&self) -> Option<u16> {
        match self {
            Self::Answer { status, .. } => Some(*status),
            Self::Timeout(_)
            | Self::Connection { .. }
            | Self::Reported(_)
            | Self::NotAnEngine(_) => None,
        }
    }

    /// Whether the engine said that the thing asked for is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the engine said that there is no room on its disk: it quotes the kernel then.
    pub(crate) fn is_disk_full(&self) -> bool {
        let Self::Answer { message, .. } = self else {
            return false;
        };
        let message = message.to_ascii_lowercase();
        ["no space left on device", "disk quota exceeded"]
            .iter()
            .any(|words| message.contains(words))
    }
}

impl From<BollardError> for Failure {
    fn from(error: BollardError) -> Self {
        match error {
            BollardError::DockerResponseServerError {
                status_code,
                message,
            } => Self::Answer {
                status: status_code,
                message: bounded(&message),
            },
            BollardError::DockerStreamError { error } => Self::Reported(bounded(&error)),
            BollardError::RequestTimeoutError => Self::Timeout(crate::client::LONGEST_CALL),
            other => match io_kind(&other) {
                Some(kind) => Self::Connection {
                    kind,
                    source: other,
                },
                None => Self::NotAnEngine(other),
            },
        }
    }
}

/// The kind of the input or output error that lies at the bottom of `error`, if one does.
fn io_kind(error: &BollardError) -> Option<io::ErrorKind> {
    match error {
        BollardError::SocketNotFoundError(_) => return Some(io::ErrorKind::NotFound),
        // It is transparent: as a cause it would skip itself.
        BollardError::IOError { err } => return Some(err.kind()),
        _ => {}
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        // Without an error of the system below it: the other end just went, before or within its answer.
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_closed() || error.is_canceled())
        {
            return Some(io::ErrorKind::UnexpectedEof);
        }
        cause = error.source();
    }
    // A connection that was cut says so in HTTP's own words.
    match error {
        BollardError::HyperResponseError { err } if !err.is_parse() => {
            Some(io::ErrorKind::ConnectionReset)
        }
        BollardError::HyperLegacyError { err } if err.is_connect() => {
            Some(io::ErrorKind::ConnectionRefused)
        }
        _ => None,
    }
}

/// Engines quote what they were given in what they say, which may be long.
fn bounded(message: &str) -> String {
    const MAX: usize = 500;
    match message.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_is_bounded() {
        let failure = Failure::from(BollardError::DockerResponseServerError {
            status_code: 500,
            message: "é".repeat(5000),
        });
        assert!(failure.to_string().chars().count() < 600);
        assert_eq!(failure.status(), Some(500));
    }

    #[test]
    fn input_and_output_errors_are_found_at_the_bottom() {
        let failure = Failure::from(BollardError::from(io::Error::from(
            io::ErrorKind::PermissionDenied,
        )));
        let Failure::Connection { kind, .. } = failure else {
            panic!("{failure:?}")
        };
        assert_eq!(kind, io::ErrorKind::PermissionDenied);
    }
}
