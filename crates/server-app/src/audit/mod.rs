//! The audit: a JSON line for each execution, for each connection out of a sandbox and for each client, to standard error
//! or a file. Whoever is recorded never waits: lines wait in a bounded queue, and what finds no place there, or cannot be
//! written, is counted, and the count is recorded.

mod file;
mod json;
mod lines;
mod time;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use executor_core::audit::{ExecutionAudit, ExecutionRecord};
use executor_core::gateway::{AuditSink, ConnectionRecord, TracingAudit};
use executor_core::{ErrorKind, SandboxError};

use self::file::AuditFile;
pub use self::lines::ClientRecord;
use crate::log_queue::{Flushed, LogQueue};

/// Where the audit goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are the values of a setting")]
pub enum AuditTo {
    /// Nowhere.
    #[default]
    Off,
    /// To standard error, where the log goes as well.
    Stderr,
    /// To this file, which is made if it is not there and made again if it was moved away.
    File(PathBuf),
}

/// What takes the records. Clones write to the same place.
#[derive(Debug, Clone)]
pub struct Audit {
    lines: Option<LogQueue>,
}

impl Audit {
    /// One that writes nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { lines: None }
    }

    /// Opens the place where records go. What it gives beside is kept until the last record was taken.
    pub(crate) fn start(to: &AuditTo) -> Result<(Self, Flushed), SandboxError> {
        let (queue, flushed) = match to {
            AuditTo::Off => return Ok((Self::off(), Flushed::nothing())),
            AuditTo::Stderr => LogQueue::new(io::stderr(), lines::lost),
            AuditTo::File(path) => {
                let file = AuditFile::open(path).map_err(|error| {
                    SandboxError::new(ErrorKind::InvalidRequest, "open the audit file")
                        .with_context(format!("`{}`", path.display()))
                        .with_hint("name a file in a directory that the server may write to")
                        .with_source(error)
                })?;
                LogQueue::new(file, lines::lost)
            }
        };
        let audit = Self { lines: Some(queue) };
        Ok((audit, flushed))
    }

    /// What an executor is given, if there is an audit.
    pub(crate) fn of_executions(&self) -> Option<Arc<dyn ExecutionAudit>> {
        let sink = Arc::new(self.clone());
        self.lines.is_some().then_some(sink as Arc<_>)
    }

    /// Takes the record of a client that is gone.
    pub fn client(&self, record: &ClientRecord) {
        self.write(|| lines::client(record));
    }

    fn write(&self, line: impl FnOnce() -> Vec<u8>) {
        if let Some(queue) = &self.lines {
            // It takes any line, or counts it.
            let _ = io::Write::write(&mut queue.clone(), &line());
        }
    }
}

impl ExecutionAudit for Audit {
    fn ended(&self, record: &ExecutionRecord) {
        self.write(|| lines::execution(record));
    }
}

impl AuditSink for Audit {
    fn record(&self, record: &ConnectionRecord) {
        // The log tells of connections whether there is an audit or not.
        TracingAudit::default().record(record);
        self.write(|| lines::connection(record));
    }
}

#[cfg(test)]
mod tests;
