//! How a run ended and what is kept of it.

use std::fmt;
use std::time::Duration;

use crate::display::Display;
use crate::error::SandboxError;
use crate::files::{LeftOut, OutputFile};
use crate::limits::{ByteSize, WallTime};
use crate::modules::InstallFailure;
use crate::output::Captured;

/// Why a run ended. Exactly one per run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Ending {
    /// The program ended by itself with this exit code; 0 is success.
    Exited(i32),
    /// The program was ended by this signal, which neither we nor a limit of the sandbox sent.
    Signaled(i32),
    /// The program was killed, by nobody of ours, where no counter says whether it was the memory limit, which was
    /// this: probably it was.
    Killed(ByteSize),
    /// The program ran longer than this and was ended.
    TimedOut(WallTime),
    /// The program needed more memory than this and the kernel ended it; its sandbox went on.
    OutOfMemory(ByteSize),
    /// The program printed more than this and was ended.
    OutputLimit(ByteSize),
    /// The modules could not be installed, so the program was never started.
    InstallFailed(InstallFailure),
    /// The run was cancelled: by request, by dropping the execution, or by shutdown.
    Cancelled,
    /// The whole sandbox ended under the program, process 1 included.
    SandboxDied(SandboxDeath),
    /// The sandbox was out of our reach before process 1 reported, so nobody knows how the program ended.
    SandboxLost(SandboxLoss),
    /// We did not do our work.
    Failed(SandboxError),
}

impl Ending {
    /// A stable name for structured results and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::Signaled(_) => "signaled",
            Self::Killed(_) => "killed",
            Self::TimedOut(_) => "timed_out",
            Self::OutOfMemory(_) => "out_of_memory",
            Self::OutputLimit(_) => "output_limit",
            Self::InstallFailed(_) => "install_failed",
            Self::Cancelled => "cancelled",
            Self::SandboxDied(_) => "sandbox_died",
            Self::SandboxLost(_) => "sandbox_lost",
            Self::Failed(_) => "failed",
        }
    }

    /// What is known of it beyond its name, where there is more than one possibility: a stable name as well.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::SandboxDied(death) => Some(death.as_str()),
            Self::SandboxLost(loss) => Some(loss.as_str()),
            Self::Failed(error) => Some(error.kind().as_str()),
            _ => None,
        }
    }

    /// Whether the program ran to its end and said that all went well.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }
}

/// How a sandbox ended under its program, by the backend's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SandboxDeath {
    /// Its memory limit, which is this, killed process 1.
    OutOfMemory(ByteSize),
    /// Process 1 was killed, and not by the memory limit as far as the backend counts.
    Killed,
    /// Somebody removed it.
    Removed,
    /// Process 1 ended by itself, with this status where the backend knows it.
    Ended(Option<i64>),
}

impl SandboxDeath {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfMemory(_) => "out_of_memory",
            Self::Killed => "killed",
            Self::Removed => "removed",
            Self::Ended(_) => "ended",
        }
    }
}

impl fmt::Display for SandboxDeath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory(limit) => write!(f, "its memory limit of {limit} ended all of it"),
            Self::Killed => f.write_str("it was killed from outside"),
            Self::Removed => f.write_str("it was removed from outside"),
            Self::Ended(Some(status)) => write!(f, "its process 1 ended with status {status}"),
            Self::Ended(None) => f.write_str("its process 1 ended"),
        }
    }
}

/// Why a sandbox was out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SandboxLoss {
    /// Its stream broke or fell silent, and the backend says that nothing else happened to it.
    StreamCut,
    /// Somebody paused it until the time was up.
    Paused,
    /// The stream broke, and the backend does not answer either.
    BackendGone,
}

impl SandboxLoss {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StreamCut => "stream_cut",
            Self::Paused => "paused",
            Self::BackendGone => "engine_lost",
        }
    }
}

impl fmt::Display for SandboxLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StreamCut => "its stream broke",
            Self::Paused => "it was paused from outside",
            Self::BackendGone => "the container engine does not answer any more",
        })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signaled(signal) => write!(f, "ended by signal {signal}"),
            Self::Killed(limit) => {
                write!(f, "killed, probably by the memory limit of {limit}")
            }
            Self::TimedOut(limit) => write!(f, "timed out after {limit}"),
            Self::OutOfMemory(limit) => write!(f, "out of memory: the limit is {limit}"),
            Self::OutputLimit(limit) => write!(f, "printed more than {limit}"),
            Self::InstallFailed(failure) => write!(f, "the modules were not installed: {failure}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::SandboxDied(death) => write!(f, "the sandbox died under the program: {death}"),
            Self::SandboxLost(loss) => {
                write!(f, "the sandbox was lost while the program ran: {loss}")
            }
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

/// What a run used, as far as process 1 and the kernel counted it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Processor time of the program and its children, if it was reaped.
    pub cpu: Option<Duration>,
    /// The most memory that was in use at once: of the whole sandbox where the kernel counts
    /// that, else of the largest process.
    pub peak_memory: Option<ByteSize>,
    /// How many processes the memory limit killed, where the kernel tells.
    pub oom_kills: Option<u64>,
}

/// How long the parts of a run took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// Waiting for a place and for the backend to be ready.
    pub queued: Duration,
    /// Until the sandbox's runner waited.
    pub start: Duration,
    /// Installing modules; zero if none were asked for.
    pub install: Duration,
    /// The program itself, from its first instruction to its end.
    pub program: Duration,
}

/// By what kind of sandbox a run was served. Each of them was fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Served {
    /// One that was started for it.
    Cold,
    /// One that waited.
    Warm,
    /// One that waited, with the run's modules imported.
    Hot,
    /// One that waited, with a browser started.
    Browser,
}

impl Served {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::Hot => "hot",
            Self::Browser => "browser",
        }
    }
}

/// What is kept of a run when it has ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// Why it ended.
    pub ending: Ending,
    /// What it printed on standard output.
    pub stdout: Captured,
    /// What it printed on standard error.
    pub stderr: Captured,
    /// What it showed besides, in order: the value of its last line among it.
    pub displays: Vec<Display>,
    /// The files that it left in its working directory, but for those whose names begin with a dot.
    pub files: Vec<OutputFile>,
    /// What it left and what is not among these, each with the reason; at most some 40.
    pub left_out: Vec<LeftOut>,
    /// How many more were left out.
    pub left_out_more: u64,
    /// What it used.
    pub usage: Usage,
    /// How long its parts took.
    pub timings: Timings,
    /// The distributions that were installed for it, as `name-version`.
    pub installed: Vec<String>,
    /// Whether those lay ready, so that nothing was installed for this run.
    pub modules_cached: bool,
    /// What a caller should know besides: names that were dropped or changed, parts of the
    /// environment that could not be provided.
    pub notes: Vec<String>,
    /// By what kind of sandbox it was served, if it came to one.
    pub served: Option<Served>,
}

impl Outcome {
    /// An outcome of which nothing but the ending is known.
    #[must_use]
    pub fn of(ending: Ending) -> Self {
        Self {
            ending,
            stdout: Captured::default(),
            stderr: Captured::default(),
            displays: Vec::new(),
            files: Vec::new(),
            left_out: Vec::new(),
            left_out_more: 0,
            usage: Usage::default(),
            timings: Timings::default(),
            installed: Vec::new(),
            modules_cached: false,
            notes: Vec::new(),
            served: None,
        }
    }
}
