//! What an execution tells while it goes on.

use bytes::Bytes;

use crate::id::SandboxId;
use crate::outcome::Outcome;
use crate::output::OutputStream;

/// One thing that happened in a run.
///
/// [`Started`](Self::Started) comes at most once and before any output; only
/// [`Progress`](Self::Progress) may come before it (law 5). Exactly one [`Ended`](Self::Ended)
/// comes, last (law 6); a run that never got a sandbox has no `Started`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// What the run waits for, in words for a person: an image pull, an install.
    Progress(String),
    /// The run has its own fresh sandbox, named here.
    Started(SandboxId),
    /// The program itself begins now, with its modules there. At most once, after
    /// [`Started`](Self::Started) and before any output.
    Running,
    /// The program printed this. Chunks of one stream come in order; a chunk is not a line.
    Output {
        /// Where it printed.
        stream: OutputStream,
        /// What it printed, unchanged.
        bytes: Bytes,
    },
    /// The program has shown something, such as a figure, and its own process says this of it. Not every display
    /// is announced; all of them are in the outcome.
    Shown(String),
    /// The run is over.
    Ended(Box<Outcome>),
}
