//! What is written down about each execution, and for whom: exactly one record per execution, however it ended.
//!
//! Neither what a program says nor what it reads is in a record: of its text there is the digest.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::error::{ErrorKind, SandboxError};
use crate::gateway::LinkReport;
use crate::id::{ExecutionId, SandboxId};
use crate::limits::{MAX_PROGRAM, SandboxLimits, WallTime};
use crate::outcome::{Ending, Served, Timings, Usage};
use crate::request::ExecutionRequest;

/// One execution, written when it has ended. A call that was refused, cancelled or never started is one as well.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExecutionRecord {
    /// Its own name. No other record has it, and those of its connections begin their label with it.
    pub id: ExecutionId,
    /// On whose behalf it was, as the request said.
    pub caller: Option<String>,
    /// The sandbox that it was in, if it came to that; the last one, if one died before it was used.
    pub sandbox: Option<SandboxId>,
    /// When it was asked for.
    pub arrived: SystemTime,
    /// From then until its ending was known.
    pub took: Duration,
    /// How long the program's text is, in bytes.
    pub program_bytes: usize,
    /// The text's SHA-256 in hexadecimal; `None` of a text that is too long to be accepted.
    pub program_sha256: Option<String>,
    /// How much was given for standard input, in bytes.
    pub stdin_bytes: usize,
    /// The modules that were asked for, as requirements.
    pub requested: Vec<String>,
    /// The distributions that were installed, as `name-version`.
    pub installed: Vec<String>,
    /// What its sandbox could use at most.
    pub limits: SandboxLimits,
    /// How long its program could run.
    pub timeout: WallTime,
    /// The policy of its way out, as text.
    pub network: String,
    /// Why it ended.
    pub ending: Ending,
    /// What it printed on standard output, in bytes, as far as it reached us.
    pub stdout_bytes: u64,
    /// The same of standard error.
    pub stderr_bytes: u64,
    /// What it used.
    pub usage: Usage,
    /// How long its parts took.
    pub timings: Timings,
    /// By what kind of sandbox it was served, if it came to one.
    pub served: Option<Served>,
    /// What went out, one report for each of its phases: an installation, and the program.
    pub connections: Vec<LinkReport>,
}

/// Takes one record for each execution.
///
/// It is called on the path of the execution, before its caller is told: it must neither block nor panic. One that writes
/// to something slow keeps a bounded queue of its own.
pub trait ExecutionAudit: Debug + Send + Sync + 'static {
    /// Takes a record: the only one of its id.
    fn ended(&self, record: &ExecutionRecord);
}

/// The entry of an execution that is under way; whatever becomes of it, its record is written when it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    id: ExecutionId,
    begun: Instant,
    /// None if nobody wants it, or when it is written.
    open: Option<(Arc<dyn ExecutionAudit>, Box<ExecutionRecord>)>,
}

impl Entry {
    /// Begins the entry of `request`, which may yet be refused.
    pub(crate) fn open(
        sink: Option<&Arc<dyn ExecutionAudit>>,
        request: &ExecutionRequest,
        limits: &SandboxLimits,
        timeout: WallTime,
        network: &dyn std::fmt::Display,
    ) -> Self {
        let id = ExecutionId::next();
        let open = sink.map(|sink| {
            let record = ExecutionRecord {
                id: id.clone(),
                caller: request.caller.clone(),
                sandbox: None,
                arrived: SystemTime::now(),
                took: Duration::ZERO,
                program_bytes: request.program.len(),
                program_sha256: digest(&request.program),
                stdin_bytes: request.stdin.len(),
                requested: request
                    .modules
                    .requirements()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                installed: Vec::new(),
                limits: limits.clone(),
                timeout: request.timeout.unwrap_or(timeout),
                network: network.to_string(),
                // What it is if nobody says otherwise before it is dropped.
                ending: Ending::Failed(
                    SandboxError::new(ErrorKind::Internal, "drive the run")
                        .with_context("its task ended without an outcome"),
                ),
                stdout_bytes: 0,
                stderr_bytes: 0,
                usage: Usage::default(),
                timings: Timings::default(),
                served: None,
                connections: Vec::new(),
            };
            (Arc::clone(sink), Box::new(record))
        });
        Self {
            id,
            begun: Instant::now(),
            open,
        }
    }

    pub(crate) const fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// Tells what became known, if anybody wants to know it.
    pub(crate) fn tell(&mut self, change: impl FnOnce(&mut ExecutionRecord)) {
        if let Some((_, record)) = &mut self.open {
            change(record);
        }
    }

    /// Ends the entry of a request that was not accepted.
    pub(crate) fn refused(mut self, error: &SandboxError) {
        self.tell(|record| record.ending = Ending::Failed(error.clone()));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some((sink, mut record)) = self.open.take() {
            record.took = self.begun.elapsed();
            sink.ended(&record);
        }
    }
}

fn digest(program: &[u8]) -> Option<String> {
    let accepted = u64::try_from(program.len()).is_ok_and(|length| length <= MAX_PROGRAM.get());
    accepted.then(|| hex::encode(Sha256::digest(program)))
}
