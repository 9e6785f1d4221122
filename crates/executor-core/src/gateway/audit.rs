//! What is written down about each connection out of a sandbox, and for whom.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The protocol in which a program asked for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// An HTTP request in absolute form: one record for each request.
    Http,
    /// An HTTP `CONNECT` tunnel.
    Connect,
    /// A SOCKS5 tunnel.
    Socks5,
}

impl Protocol {
    /// The protocol's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Connect => "connect",
            Self::Socks5 => "socks5",
        }
    }
}

/// What became of a request for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decision {
    /// It was made.
    Allowed,
    /// It was refused by the policy, by a limit or because it was malformed.
    Refused,
    /// It was allowed, but could not be made or kept.
    Failed,
    /// The program or the sandbox went away before it was decided.
    Abandoned,
}

impl Decision {
    /// The decision's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// One connection out of a sandbox, written when it has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionRecord {
    /// The label of the [`Egress`](super::Egress), empty if it has none.
    pub label: Arc<str>,
    /// How the program asked.
    pub protocol: Protocol,
    /// The host asked for, in normal form; empty if none could be read.
    pub host: String,
    /// The port asked for.
    pub port: u16,
    /// The address that was connected to, or that of the host's own proxy.
    pub address: Option<SocketAddr>,
    /// What became of it.
    pub decision: Decision,
    /// The stable name of the reason, where there is one.
    pub reason: Option<&'static str>,
    /// The reason in words.
    pub detail: Option<String>,
    /// Bytes sent to the destination.
    pub sent: u64,
    /// Bytes received from the destination.
    pub received: u64,
    /// From the request to the end.
    pub duration: Duration,
}

/// Takes one record for each connection.
///
/// It is called on the path of the connection, so it must neither block nor panic; a sink that writes to something slow
/// keeps a bounded queue of its own.
pub trait AuditSink: Debug + Send + Sync + 'static {
    /// Takes a record.
    fn record(&self, record: &ConnectionRecord);
}

/// The default sink: one `tracing` event a connection, under the target `egress`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TracingAudit;

impl AuditSink for TracingAudit {
    fn record(&self, record: &ConnectionRecord) {
        tracing::info!(
            target: "egress",
            sandbox = &*record.label,
            protocol = record.protocol.as_str(),
            host = record.host,
            port = record.port,
            address = record.address.map(tracing::field::display),
            decision = record.decision.as_str(),
            reason = record.reason,
            detail = record.detail,
            sent = record.sent,
            received = record.received,
            duration_ms = u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
            "connection out of a sandbox"
        );
    }
}
