//! Every bound of a server, with its name and its default.

use std::time::Duration;

/// The longest progress message that is sent; the rest is cut. Clients show one line.
pub const MAX_PROGRESS_BYTES: usize = 1024;

/// The most that one call may ask its client at the same time.
pub const MAX_QUESTIONS: usize = 8;

/// How many pages of one session are remembered whose end could be told (2025-11-25); the oldest are forgotten.
pub const MAX_PAGES: usize = 64;

/// The most that one call may keep between its rounds, answers included, in bytes of JSON. It travels through the client
/// and back.
pub const MAX_STATE_BYTES: usize = 256 * 1024;

/// The longest name of a tool, in characters (2025-11-25, tools, "tool names").
pub const MAX_TOOL_NAME: usize = 128;

/// What a server accepts and keeps at most. Hitting a bound is answered by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// The longest line that is read from a pipe, in bytes without the line break. Longer ones are discarded while
    /// they stream in, and answered with an error.
    pub line_bytes: usize,
    /// Calls that one connection or session may have in flight.
    pub calls_per_connection: usize,
    /// Calls that all connections together may have in flight.
    pub calls: usize,
    /// How much memory the arguments of all calls in flight may take together, all connections together.
    pub call_bytes: usize,
    /// Messages that wait for a slow reader before the server stops reading that peer's requests, and leaves out
    /// notifications.
    pub outbox: usize,
    /// The same in bytes of JSON.
    pub outbox_bytes: usize,
    /// Bytes of JSON that wait for clients to read them, all connections together. An answer that finds no room is
    /// replaced by an error that says so.
    pub waiting_bytes: usize,
    /// Progress messages that one call may send at once; after that, one each [`progress_interval`](Self::progress_interval).
    /// A stream that tells of tasks has the same rate, all its tasks together.
    pub progress_burst: u32,
    /// The time between two progress messages of a call whose burst is used up; the newest is sent when it is over.
    pub progress_interval: Duration,
    /// Log messages that one call may send at once; after that, one each [`log_interval`](Self::log_interval).
    pub log_burst: u32,
    /// The time between two log messages of a call whose burst is used up; what comes in between is left out.
    pub log_interval: Duration,
    /// Tools or prompts on one page of their list.
    pub page: usize,
    /// Streams of changes that one connection may have open (2026-07-28).
    pub listens_per_connection: usize,
    /// How long a client may take to answer a question (until 2025-11-25).
    pub answer_timeout: Duration,
    /// How long a client may take to come back with an answer (2026-07-28).
    pub state_ttl: Duration,
    /// Messages that one session over HTTP keeps for a client that lost a stream (2025-11-25).
    pub resume_events: usize,
    /// The same in bytes of JSON; the oldest go first.
    pub resume_bytes: usize,
    /// The same over all sessions; the oldest go first, whosever they are.
    pub resume_bytes_together: usize,
    /// Tasks that are kept, running ones and results together; a call that finds no place is answered when it ends.
    /// Each holds at most one result.
    pub tasks: usize,
    /// How long a task can be asked after when it has ended.
    pub task_ttl: Duration,
    /// The longest result that a task keeps, in bytes of JSON; one with a longer result fails and says so. All tasks
    /// together keep at most so many bytes times [`tasks`](Self::tasks).
    pub task_result_bytes: usize,
    /// How often clients are told to ask after a task.
    pub task_poll: Duration,
    /// How long the end of a connection waits for the futures of its calls to be dropped, and for the last answers
    /// to be written.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            line_bytes: 8 * 1024 * 1024,
            calls_per_connection: 256,
            calls: 1024,
            call_bytes: 64 * 1024 * 1024,
            outbox: 64,
            outbox_bytes: 4 * 1024 * 1024,
            waiting_bytes: 64 * 1024 * 1024,
            progress_burst: 8,
            progress_interval: Duration::from_millis(250),
            log_burst: 64,
            log_interval: Duration::from_millis(50),
            page: 250,
            listens_per_connection: 32,
            answer_timeout: Duration::from_secs(10 * 60),
            state_ttl: Duration::from_secs(60 * 60),
            resume_events: 128,
            resume_bytes: 1024 * 1024,
            resume_bytes_together: 16 * 1024 * 1024,
            tasks: 128,
            task_ttl: Duration::from_secs(60 * 60),
            task_result_bytes: 1024 * 1024,
            task_poll: Duration::from_secs(1),
            drain: Duration::from_secs(10),
        }
    }
}
