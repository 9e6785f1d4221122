//! JSON-RPC 2.0 as MCP uses it: the envelope around every message. What the methods mean is not its concern.

mod code;
mod decode;
mod held;
mod id;
mod message;
mod outgoing;
mod read;

pub use code::{ErrorCode, ErrorObject, RETRY_AFTER_SECONDS, quoted};
pub use decode::{DecodeError, decode};
pub use held::{held_at_most, held_by};
pub use id::{MAX_ID_BYTES, RequestId};
pub use message::{Frame, Incoming, Notification, Request, Response};
pub use outgoing::{Outgoing, OutgoingFrame};
pub use read::{MAX_BATCH, MAX_DEPTH, MAX_VALUES};

pub(crate) use id::Scalar;
