//! Why a connection was not made: refusals, limits and faults, each with its words for the program's author and its
//! codes in HTTP and SOCKS. Nothing here names an address that the host's resolver knows and the program does not.

use std::io;

use thiserror::Error;

use super::address::AddressClass;
use super::limits::LimitHit;

/// Why the policy refuses a destination.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// The sandbox has no way out at all.
    #[error("this sandbox has no network")]
    NoNetwork,
    /// The destination is on no list.
    #[error("`{destination}` is not on the list")]
    NotListed { destination: String },
    /// The port is closed.
    #[error("the port of `{destination}` is not open")]
    Port { destination: String },
    /// The name means the machine or its local network.
    #[error("`{host}` is a name of the local machine or network")]
    LocalName { host: String },
    /// The name means a metadata service.
    #[error("`{host}` is a metadata service")]
    Metadata { host: String },
    /// The host is at an address that may not be reached.
    #[error("the address of `{host}` is {class}")]
    Address { host: String, class: AddressClass },
    /// The host is the machine on which the gateway runs.
    #[error("`{host}` is the machine that runs the sandbox")]
    OwnAddress { host: String },
    /// TLS asks for another server than the connection was opened to.
    #[error("TLS asks for `{asked}` on a connection that was opened to `{host}`")]
    ServerName { host: String, asked: String },
}

impl Refusal {
    /// The refusal's stable name.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::NoNetwork => "no_network",
            Self::NotListed { .. } => "not_listed",
            Self::Port { .. } => "port",
            Self::LocalName { .. } => "local_name",
            Self::Metadata { .. } => "metadata",
            Self::Address { .. } => "address",
            Self::OwnAddress { .. } => "own_address",
            Self::ServerName { .. } => "server_name",
        }
    }
}

/// Why a connection was not made, whatever the reason.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Refused(Refusal),
    #[error("{0}")]
    Limit(LimitHit),
    #[error("{0}")]
    Malformed(String),
    #[error("`{host}` could not be resolved{}", if *.timed_out { " in time" } else { "" })]
    Lookup { host: String, timed_out: bool },
    #[error("`{destination}` could not be reached: {}", .why.words())]
    Connect {
        destination: String,
        why: ConnectFault,
    },
    #[error("`{destination}` could not be reached through the host's own proxy: {why}")]
    HostProxy { destination: String, why: String },
    #[error("`{destination}` did not answer in HTTP: {why}")]
    Exchange { destination: String, why: String },
    #[error("{0}")]
    Internal(&'static str),
}

/// How an attempt to connect ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectFault {
    Refused,
    TimedOut,
    HostUnreachable,
    NetworkUnreachable,
    Other,
}

impl From<&io::Error> for ConnectFault {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::HostUnreachable => Self::HostUnreachable,
            io::ErrorKind::NetworkUnreachable => Self::NetworkUnreachable,
            _ => Self::Other,
        }
    }
}

impl ConnectFault {
    fn words(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::TimedOut => "it did not answer in time",
            Self::HostUnreachable => "no route to the host",
            Self::NetworkUnreachable => "no route to its network",
            Self::Other => "the connection failed",
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<LimitHit> for Failure {
    fn from(limit: LimitHit) -> Self {
        Self::Limit(limit)
    }
}

/// The codes of SOCKS5 (RFC 1928, section 6).
pub(super) mod socks_code {
    pub(in crate::gateway) const SUCCEEDED: u8 = 0;
    pub(in crate::gateway) const GENERAL_FAILURE: u8 = 1;
    pub(in crate::gateway) const NOT_ALLOWED: u8 = 2;
    pub(in crate::gateway) const NETWORK_UNREACHABLE: u8 = 3;
    pub(in crate::gateway) const HOST_UNREACHABLE: u8 = 4;
    pub(in crate::gateway) const CONNECTION_REFUSED: u8 = 5;
    pub(in crate::gateway) const COMMAND_NOT_SUPPORTED: u8 = 7;
    pub(in crate::gateway) const ADDRESS_NOT_SUPPORTED: u8 = 8;
}

impl Failure {
    /// A stable name for the audit and the report.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.kind(),
            Self::Limit(limit) => limit.kind(),
            Self::Malformed(_) => "malformed",
            Self::Lookup { .. } => "lookup",
            Self::Connect { .. } => "connect",
            Self::HostProxy { .. } => "host_proxy",
            Self::Exchange { .. } => "exchange",
            Self::Internal(_) => "internal",
        }
    }

    /// Whether this is a decision of ours rather than a fault on the way.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Limit(_) | Self::Malformed(_))
    }

    /// The status with which HTTP says so.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Refused(_) => 403,
            Self::Limit(LimitHit::ConnectionsAtOnce(_)) => 503,
            Self::Limit(_) => 429,
            Self::Malformed(_) => 400,
            Self::Lookup { .. } | Self::HostProxy { .. } | Self::Exchange { .. } => 502,
            Self::Connect {
                why: ConnectFault::TimedOut,
                ..
            } => 504,
            Self::Connect { .. } => 502,
            Self::Internal(_) => 500,
        }
    }

    /// The error type of `Proxy-Status` (RFC 9209, section 2.3).
    pub(super) fn proxy_status(&self) -> &'static str {
        match self {
            Self::Refused(Refusal::Address { .. } | Refusal::OwnAddress { .. }) => {
                "destination_ip_prohibited"
            }
            Self::Refused(_) => "http_request_denied",
            Self::Limit(_) => "connection_limit_reached",
            Self::Malformed(_) => "http_request_error",
            Self::Lookup {
                timed_out: true, ..
            } => "dns_timeout",
            Self::Lookup { .. } => "dns_error",
            Self::Connect { why, .. } => match why {
                ConnectFault::Refused => "connection_refused",
                ConnectFault::TimedOut => "connection_timeout",
                ConnectFault::HostUnreachable | ConnectFault::NetworkUnreachable => {
                    "destination_ip_unroutable"
                }
                ConnectFault::Other => "destination_unavailable",
            },
            Self::HostProxy { .. } => "destination_unavailable",
            Self::Exchange { .. } => "http_protocol_error",
            Self::Internal(_) => "proxy_internal_error",
        }
    }

    /// The code with which SOCKS5 says so.
    pub(super) fn socks_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Malformed(_) => socks_code::NOT_ALLOWED,
            Self::Lookup { .. } => socks_code::HOST_UNREACHABLE,
            Self::Connect { why, .. } => match why {
                ConnectFault::Refused => socks_code::CONNECTION_REFUSED,
                ConnectFault::NetworkUnreachable => socks_code::NETWORK_UNREACHABLE,
                ConnectFault::TimedOut | ConnectFault::HostUnreachable | ConnectFault::Other => {
                    socks_code::HOST_UNREACHABLE
                }
            },
            Self::Limit(_) | Self::HostProxy { .. } | Self::Exchange { .. } | Self::Internal(_) => {
                socks_code::GENERAL_FAILURE
            }
        }
    }

    /// What a person is told, given what the policy allows.
    pub(super) fn text(&self, allowance: &str) -> String {
        match self {
            Self::Refused(refusal) => format!(
                "refused by the sandbox's network policy: {refusal}; the policy allows {allowance}\n"
            ),
            Self::Limit(limit) => format!("refused by the sandbox's network limits: {limit}\n"),
            Self::Malformed(why) => format!("not a request for the sandbox's proxy: {why}\n"),
            other => format!("{other}\n"),
        }
    }
}
