//! The extension `io.modelcontextprotocol/tasks` (2026-07-28): a call that goes on after its request was answered, and is
//! asked after, supplied with input and cancelled by an id.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::input::{InputRequest, Retry};
use crate::jsonrpc::ErrorObject;

/// The name of the extension, under which both sides declare it.
pub const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// The notification that tells of a task, on a stream that asked for it. Its parameters are a [`DetailedTask`], as
/// `tasks/get` would have given it at that moment.
pub const STATUS: &str = "notifications/tasks";

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskStatus {
    /// It runs.
    Working,
    /// It waits for the client.
    InputRequired,
    /// It has a result; that of a tool which failed is one.
    Completed,
    /// It has none, because we did not do our work.
    Failed,
    /// It was stopped.
    Cancelled,
}

impl TaskStatus {
    /// The wire name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it stays like this.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A task as clients see it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// Not to be guessed.
    pub id: String,
    /// Where it is.
    pub status: TaskStatus,
    /// What it does just now, for people.
    pub status_message: Option<String>,
    /// When it was made, ISO 8601.
    pub created_at: String,
    /// When anything of this last changed, ISO 8601.
    pub last_updated_at: String,
    /// How long it can be asked after, from its beginning. It may grow.
    pub ttl: Duration,
    /// How often a client should ask.
    pub poll_interval: Duration,
}

impl Task {
    /// A task that has just been made.
    pub fn new(
        id: impl Into<String>,
        created_at: impl Into<String>,
        ttl: Duration,
        poll_interval: Duration,
    ) -> Self {
        let created_at = created_at.into();
        Self {
            id: id.into(),
            status: TaskStatus::Working,
            status_message: None,
            last_updated_at: created_at.clone(),
            created_at,
            ttl,
            poll_interval,
        }
    }
}

/// A task, and what its status brings with it: the answer to `tasks/get`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DetailedTask {
    /// The task.
    pub task: Task,
    /// What goes with its status.
    pub detail: TaskDetail,
}

impl DetailedTask {
    /// A task with what goes with its status.
    #[must_use]
    pub const fn new(task: Task, detail: TaskDetail) -> Self {
        Self { task, detail }
    }
}

/// What goes with a status.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TaskDetail {
    /// Nothing.
    Nothing,
    /// What the call would have returned.
    Result(Map<String, Value>),
    /// Why it returned nothing.
    Error(ErrorObject),
    /// What the client is asked for.
    Input(BTreeMap<String, InputRequest>),
}

/// Reads the id of `tasks/get`, `tasks/update` and `tasks/cancel`.
///
/// # Errors
///
/// `INVALID_PARAMS` when it is missing or not a string.
pub fn task_id(params: &Map<String, Value>) -> Result<&str, ErrorObject> {
    Fields::new(params, "params").text("taskId")
}

/// Reads the answers of `tasks/update`.
///
/// # Errors
///
/// `INVALID_PARAMS` when they are missing or not an object.
pub fn answers(params: &Map<String, Value>) -> Result<BTreeMap<String, Value>, ErrorObject> {
    Fields::new(params, "params").object("inputResponses")?;
    Ok(Retry::decode(params)?.responses)
}

/// What a client must have declared, in the shape in which it declares it.
#[must_use]
pub fn required() -> Map<String, Value> {
    match json!({"extensions": {EXTENSION: {}}}) {
        Value::Object(required) => required,
        _ => Map::new(),
    }
}
