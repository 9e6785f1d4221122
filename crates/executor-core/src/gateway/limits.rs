//! The numbers that bound a sandbox's way out, and the names of those that a program can hit.

use std::time::Duration;

use thiserror::Error;

/// The bounds of the way out of one sandbox.
///
/// ```
/// use executor_core::gateway::GatewayLimits;
///
/// let mut limits = GatewayLimits::default();
/// limits.connections_at_once = 16;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewayLimits {
    /// Connections served at the same time; further ones wait. 64.
    pub connections_at_once: usize,
    /// Connections that wait for their turn; further ones are refused. 192.
    pub connections_waiting: usize,
    /// How long a connection waits for its turn before it is refused. 10 s.
    pub wait_timeout: Duration,
    /// Connections over the sandbox's life. 2,500.
    pub connections_total: u64,
    /// Lookups at the same time, so that slow names of one sandbox leave the resolver to others. 8.
    pub lookups_at_once: usize,
    /// Addresses of one name that are looked at; more than these are not tried. 16.
    pub addresses: usize,
    /// Time for resolving one name. 10 s.
    pub lookup_timeout: Duration,
    /// Time for reaching a destination once its addresses are known, all addresses and the host's own proxy included.
    /// 10 s.
    pub connect_timeout: Duration,
    /// Bytes of the head of a request or an answer. 16 KiB; hyper allows no less than 8 KiB.
    pub header_bytes: usize,
    /// Time for the first byte, the head of a request or a SOCKS negotiation; also how long a connection is kept for the
    /// next request. 10 s.
    pub header_timeout: Duration,
    /// How long a connection may stand without a byte moving either way. 5 min.
    pub idle_timeout: Duration,
    /// Bytes over the sandbox's life, both ways together, heads included. 10 GiB.
    pub bytes_total: u64,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self {
            connections_at_once: 64,
            connections_waiting: 192,
            wait_timeout: Duration::from_secs(10),
            connections_total: 2_500,
            lookups_at_once: 8,
            addresses: 16,
            lookup_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            bytes_total: 10 * 1024 * 1024 * 1024,
        }
    }
}

/// A bound of the way out that a sandbox has hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum LimitHit {
    /// Too many connections at once, and none ended in time.
    #[error("more than {0} connections at once")]
    ConnectionsAtOnce(usize),
    /// Too many connections over the sandbox's life.
    #[error("more than {0} connections in all")]
    ConnectionsTotal(u64),
    /// Too many bytes over the sandbox's life.
    #[error("more than {0} bytes in all")]
    BytesTotal(u64),
}

impl LimitHit {
    /// The limit's stable name.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::ConnectionsAtOnce(_) => "connections_at_once",
            Self::ConnectionsTotal(_) => "connections_total",
            Self::BytesTotal(_) => "bytes_total",
        }
    }
}
