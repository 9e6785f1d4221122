//! What a peer may send, once it has been read. Decoding is `decode`'s, meaning is the engine's.

use serde_json::{Map, Value};

use super::{DecodeError, RequestId};

/// What stood in one line or one HTTP body.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// One message.
    Single(Incoming),
    /// An array (2025-03-26 only). Its elements fail one by one; it is never empty and holds at most
    /// [`MAX_BATCH`](super::MAX_BATCH) of them.
    Batch(Vec<Result<Incoming, DecodeError>>),
}

/// One well-formed message of a peer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Incoming {
    /// It wants an answer.
    Request(Request),
    /// It must never be answered, not even with an error.
    Notification(Notification),
    /// It answers a request of ours.
    Response(Response),
}

/// A message with `method` and `id`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// Echoed in the answer.
    pub id: RequestId,
    /// What is asked for.
    pub method: String,
    /// Empty when the message had none.
    pub params: Map<String, Value>,
}

impl Request {
    /// A request as a client would send it.
    pub fn new(id: RequestId, method: impl Into<String>, params: Map<String, Value>) -> Self {
        Self {
            id,
            method: method.into(),
            params,
        }
    }
}

/// A message with `method` and without `id`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Notification {
    /// What is told.
    pub method: String,
    /// Empty when the message had none.
    pub params: Map<String, Value>,
}

/// A message with `result` or `error`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// Absent when the peer could not read the id of what it answers.
    pub id: Option<RequestId>,
    /// The `result` object, or the `error` object as it came.
    pub outcome: Result<Map<String, Value>, Map<String, Value>>,
}
