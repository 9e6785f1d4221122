//! The contract between the executor and whatever starts sandboxes.
//!
//! A backend is small: it starts process 1 with the spec's limits and hands over its standard
//! input and output as one stream. Everything above that stream is written once, in this crate.
//! No method has a default: a wrapper that forgets one does not compile.

use std::fmt;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::capabilities::Capabilities;
use crate::error::Result;
use crate::id::SandboxId;
use crate::limits::SandboxLimits;

/// A way to start sandboxes.
///
/// All methods may be called concurrently. Dropping a future of theirs leaves nothing behind that
/// the next [`sweep`](Self::sweep) would not find.
#[async_trait]
pub trait SandboxBackend: fmt::Debug + Send + Sync + 'static {
    /// What this backend enforces on this host, as far as known now: before
    /// [`prepare`](Self::prepare) succeeded it may promise less.
    fn capabilities(&self) -> Capabilities;

    /// Makes ready: the engine answers, the image is there (pulled, with progress), what the
    /// capabilities claim was looked at. Idempotent; cheap when all is there.
    ///
    /// # Errors
    ///
    /// `EngineUnavailable`, `PermissionDenied`, `ImageUnavailable`, `Unsupported` (the engine is
    /// too old or cannot enforce what we need), each with a hint.
    async fn prepare(&self, progress: &dyn Progress) -> Result<()>;

    /// Starts a fresh sandbox whose process 1 is `spec.command`, attached before it starts.
    /// The caller bounds the time. A failed or dropped start leaves nothing (law 2).
    ///
    /// # Errors
    ///
    /// `Unsupported` for what the capabilities do not cover (law 1), `ImageUnavailable` when the
    /// image went away since `prepare`, `EngineUnavailable`, `StartFailed`.
    async fn start(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>>;

    /// Removes the leftovers of dead owners: ours only, by label, by the engine's clock.
    /// Idempotent; safe while other servers use the same engine (law 20).
    ///
    /// # Errors
    ///
    /// When the engine does not answer. What could not be removed is in the report.
    async fn sweep(&self) -> Result<SweepReport>;

    /// The store of module sets that sandboxes can be given, if there is one. Before
    /// [`prepare`](Self::prepare) succeeded there is none.
    fn store(&self) -> Option<StoreFacts>;

    /// Waits until teardown that was handed to the background, by `destroy` or by a dropped
    /// sandbox, is done. For an orderly end of the process.
    async fn settle(&self);
}

/// One isolated, single-use environment with a waiting process 1.
///
/// Dropping it without [`destroy`](Self::destroy) hands it to the backend's reaper, which removes
/// it in the end (law 19); `Drop` neither blocks nor runs async work itself.
#[async_trait]
pub trait Sandbox: fmt::Debug + Send + Sync + 'static {
    /// Its identity, unique and unguessable (law 4).
    fn id(&self) -> &SandboxId;

    /// The stream to and from process 1. Taken once; the second call gives `None`.
    fn stream(&mut self) -> Option<SandboxStream>;

    /// What the backend knows of it: there or not, running or not, exit status, out of memory.
    ///
    /// # Errors
    ///
    /// When the backend does not answer. That somebody removed it is no error.
    async fn inspect(&self) -> Result<SandboxStatus>;

    /// Kills whatever runs in it and removes it with all it holds (laws 16–18).
    ///
    /// # Errors
    ///
    /// When it could not be removed *now*; the reaper goes on trying.
    async fn destroy(self: Box<Self>) -> Result<()>;
}

/// What a sandbox is started with. Made by the executor, taken literally by the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxSpec {
    /// Process 1: program and arguments, no shell.
    pub command: Vec<String>,
    /// What it may use.
    pub limits: SandboxLimits,
    /// After so many seconds from its start nobody needs it any more: whoever sweeps may remove
    /// it, whatever became of its owner.
    pub lifetime_seconds: u64,
    /// How it sees the store of module sets, which the backend must have if it is to see it.
    pub store: StoreAccess,
}

/// How a sandbox sees the store of module sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth way to see it")]
pub enum StoreAccess {
    /// Not at all.
    #[default]
    None,
    /// Mounted, and nothing in it can be changed. Programs run in such sandboxes.
    ReadOnly,
    /// Writable by process 1's user. Nothing foreign ever runs in such a sandbox.
    Write,
}

/// A store of module sets, as sandboxes see it: one directory, the same for all sandboxes of one engine and user, kept
/// when they and their servers are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreFacts {
    /// Where it is mounted in a sandbox: an absolute path.
    pub place: String,
    /// What sandboxes start from, such as the image's digest: sets that were made on one ground do not serve another.
    pub ground: String,
    /// Whether a file lock that one sandbox holds is seen by all others. Kernels of their own keep locks to themselves.
    pub shares_locks: bool,
}

impl StoreFacts {
    /// A store at `place` for sandboxes of `ground`, with locks that all see.
    pub fn new(place: impl Into<String>, ground: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            ground: ground.into(),
            shares_locks: true,
        }
    }

    /// The same, whose locks one sandbox does not see of another.
    #[must_use]
    pub fn without_shared_locks(mut self) -> Self {
        self.shares_locks = false;
        self
    }
}

impl SandboxSpec {
    /// A spec with these three, that sees no store.
    #[must_use]
    pub const fn new(command: Vec<String>, limits: SandboxLimits, lifetime_seconds: u64) -> Self {
        Self {
            command,
            limits,
            lifetime_seconds,
            store: StoreAccess::None,
        }
    }

    /// The same, that sees the store so.
    #[must_use]
    pub const fn with_store(mut self, store: StoreAccess) -> Self {
        self.store = store;
        self
    }
}

/// The two directions of a sandbox's standard streams, all byte values unchanged.
///
/// Dropping the writer gives process 1 end of file, on which it ends everything and exits.
#[non_exhaustive]
pub struct SandboxStream {
    /// From process 1's standard output.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// To process 1's standard input.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl SandboxStream {
    /// Joins the two directions.
    pub fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
        }
    }
}

impl fmt::Debug for SandboxStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SandboxStream")
    }
}

/// What a backend knows of a sandbox from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "engines answer each on its own, and any of them together"
)]
pub struct SandboxStatus {
    /// Whether there is such a sandbox; somebody may have removed it.
    pub there: bool,
    /// Whether process 1 runs, or would if it were not paused.
    pub running: bool,
    /// Whether somebody paused it.
    pub paused: bool,
    /// Process 1's exit status, if it ended and the backend knows; 128 + n for signal n.
    pub exit_status: Option<i64>,
    /// Whether the backend saw the memory limit kill something in it. It may have been any of
    /// its processes.
    pub out_of_memory: bool,
}

impl SandboxStatus {
    /// A status of these three, of a sandbox that is there and not paused.
    #[must_use]
    pub const fn new(running: bool, exit_status: Option<i64>, out_of_memory: bool) -> Self {
        Self {
            there: true,
            running,
            paused: false,
            exit_status,
            out_of_memory,
        }
    }

    /// Of a sandbox that was removed behind our back.
    #[must_use]
    pub const fn removed() -> Self {
        Self {
            there: false,
            running: false,
            paused: false,
            exit_status: None,
            out_of_memory: false,
        }
    }

    /// The same, and that somebody paused it, or not.
    #[must_use]
    pub const fn with_paused(mut self, paused: bool) -> Self {
        self.paused = paused;
        self
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// How many sandboxes of ours it found, whoever their owner.
    pub found: usize,
    /// How many leftovers it removed.
    pub removed: usize,
    /// How many leftovers it could not remove; the next sweep tries again.
    pub failed: usize,
}

impl SweepReport {
    /// A report of these numbers.
    #[must_use]
    pub const fn new(found: usize, removed: usize, failed: usize) -> Self {
        Self {
            found,
            removed,
            failed,
        }
    }
}

/// Where long preparations tell how far they are. Called often; must not block.
pub trait Progress: Send + Sync {
    /// `message` says what is being done, such as `pulling the image: 120 of 700 MB`.
    fn report(&self, message: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is nothing and stays nothing")]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _message: &str) {}
}
