//! The crate's one public error: what failed, doing what, on what, and why.
//!
//! A failing *program* is not an error but an [`Outcome`](crate::Outcome). An error means that
//! we did not do our work.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What kind of failure it was. Callers decide on this, never on text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The queue is full, or the wait for a place took too long: try again later.
    Busy,
    /// The request asks for what this backend or these settings do not offer.
    Unsupported,
    /// The request itself is wrong: too large, out of range.
    InvalidRequest,
    /// There is no engine to talk to, or it does not answer.
    EngineUnavailable,
    /// The engine is there and says that we may not.
    PermissionDenied,
    /// The image is not there and could not be brought.
    ImageUnavailable,
    /// The sandbox could not be started.
    StartFailed,
    /// The sandbox was there and is not any more, or its stream broke.
    SandboxLost,
    /// The sandbox spoke what its protocol does not know: taken as hostile, destroyed.
    Protocol,
    /// The executor is shutting down.
    ShuttingDown,
    /// A defect of ours.
    Internal,
}

impl ErrorKind {
    /// A stable name for logs, metrics and structured results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Unsupported => "unsupported",
            Self::InvalidRequest => "invalid_request",
            Self::EngineUnavailable => "engine_unavailable",
            Self::PermissionDenied => "permission_denied",
            Self::ImageUnavailable => "image_unavailable",
            Self::StartFailed => "start_failed",
            Self::SandboxLost => "sandbox_lost",
            Self::Protocol => "protocol",
            Self::ShuttingDown => "shutting_down",
            Self::Internal => "internal",
        }
    }

    /// A sentence fit for anybody: it names no host path, no container and no daemon message.
    #[must_use]
    pub const fn safe_message(self) -> &'static str {
        match self {
            Self::Busy => "all sandboxes are busy and the queue is full",
            Self::Unsupported => "this server does not offer what the call asks for",
            Self::InvalidRequest => "the request is not valid",
            Self::EngineUnavailable => "the container engine does not answer",
            Self::PermissionDenied => "the server may not use the container engine",
            Self::ImageUnavailable => "the sandbox image is not available",
            Self::StartFailed => "the sandbox could not be started",
            Self::SandboxLost => "the sandbox was lost while the program ran",
            Self::Protocol => "the sandbox broke its protocol and was destroyed",
            Self::ShuttingDown => "the server is shutting down",
            Self::Internal => "the server made a mistake",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the sandbox machinery.
///
/// `Display` prints the operation and its object, [`source`](StdError::source) has the rest. Both
/// are for the operator's log. For a client there are [`ErrorKind::safe_message`] and
/// [`hint`](Self::hint). Cheap to clone.
#[derive(Debug, Clone)]
pub struct SandboxError {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    context: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SandboxError {
    /// An error of `kind` that happened while doing `operation`, a fragment that fits after
    /// "failed to", such as `start the sandbox`.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str) -> Self {
        Self {
            inner: Arc::new(Inner {
                kind,
                operation,
                context: None,
                hint: None,
                source: None,
            }),
        }
    }

    /// Adds what it happened to, or which number it hit.
    #[must_use]
    pub fn with_context(self, context: impl Into<String>) -> Self {
        self.rebuild(|inner| inner.context = Some(context.into()))
    }

    /// Adds the way out, as a sentence for the operator or the caller.
    ///
    /// It may reach a client, so it names nothing of the host.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        self.rebuild(|inner| inner.hint = Some(hint.into()))
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.rebuild(|inner| inner.source = Some(source.into()))
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// What was being done.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.inner.operation
    }

    /// What it happened to, for the log.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.inner.context.as_deref()
    }

    /// The way out, if one is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.inner.kind,
            ErrorKind::Busy
                | ErrorKind::EngineUnavailable
                | ErrorKind::StartFailed
                | ErrorKind::SandboxLost
        )
    }

    /// The error and all its causes in one line, for a log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// Builders run on a value that nobody shares yet; one that is shared keeps its first form.
    fn rebuild(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            change(inner);
        }
        self
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}", self.inner.operation)?;
        if let Some(context) = &self.inner.context {
            write!(f, " ({context})")?;
        }
        Ok(())
    }
}

impl StdError for SandboxError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// What the fallible operations of this crate return.
pub type Result<T, E = SandboxError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_reads_from_the_outside_in() {
        let error = SandboxError::new(ErrorKind::EngineUnavailable, "reach the engine")
            .with_context("unix socket")
            .with_hint("start it")
            .with_source(std::io::Error::other("no such file"));
        assert_eq!(
            error.chain(),
            "failed to reach the engine (unix socket): no such file"
        );
        assert_eq!(error.hint(), Some("start it"));
        assert!(error.is_retryable());
    }
}
