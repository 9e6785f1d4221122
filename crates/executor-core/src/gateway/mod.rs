//! The host side of a sandbox's way out: policy, name resolution, address checks, dialling and audit.
//!
//! A sandbox has no network device. Inside it, a forwarder listens on the loopback and turns each connection that a program
//! makes to it into one byte channel to the host; here, [`GatewayLink::serve`] speaks the proxy protocol with the program
//! over that channel. So whatever runs in the sandbox, these are the decisions that hold:
//!
//! 1. The first byte tells the protocol: SOCKS5 (by name or by address), or HTTP with requests in absolute form and `CONNECT`.
//! 2. The destination is brought to one normal form (`name.rs`), so that every spelling of an address is that address.
//! 3. The [`Egress`] decides by name and port: [`NetworkPolicy`], and what the operator opens beside it ([`OpenedHost`]).
//! 4. The gateway resolves the name itself and checks every address ([`classify`]). Under [`NetworkPolicy::Public`] only global
//!    addresses pass that are not the host's own. A name that the operator wrote down may be anywhere but at a metadata
//!    service or in the link-local range.
//! 5. Exactly the checked addresses are dialled, so a name that changes its mind gains nothing.
//! 6. In a tunnel to a name, a TLS hello that asks for another name is refused. What is said inside TLS cannot be seen: a server
//!    that hosts many names may still be asked for another one there.
//! 7. Bytes, connections and durations are bounded ([`GatewayLimits`]), and each connection leaves one [`ConnectionRecord`].
//!
//! If the host itself goes out through a proxy ([`HostProxies`]), names are resolved there; step 4 then holds only for
//! literal addresses and for what `NO_PROXY` takes out.
//!
//! A refusal is answered in the program's protocol: status 403 with a text that says what is allowed and a `Proxy-Status` header
//! (RFC 9209), or code 2 of SOCKS5.
//!
//! ```
//! use executor_core::gateway::{Egress, Gateway, NetworkPolicy};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let gateway = Gateway::builder().build();
//! let link = gateway.open(Egress::new(NetworkPolicy::Public).labelled("run 1"));
//!
//! // In a sandbox this would be the channel of a program's connection.
//! let (mut program, channel) = tokio::io::duplex(4096);
//! program.write_all(b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nConnection: close\r\n\r\n").await?;
//! link.serve(channel).await;
//!
//! let mut answer = String::new();
//! program.read_to_string(&mut answer).await?;
//! assert!(answer.starts_with("HTTP/1.1 403 "));
//! assert_eq!(link.report().refused[0].reason, "address");
//! # Ok(())
//! # }
//! ```

mod builder;
mod link;

mod opened;
mod policy;
mod rule;

mod address;
mod name;
mod own;
mod special;

mod dial;
mod host_proxy;
mod proxy_handshake;
mod reach;
mod resolve;

mod hello;
mod http;
mod relay;
mod rewrite;
mod socks;

mod audit;
mod entry;
mod failure;
mod limits;
mod meter;

#[cfg(test)]
mod tests;

pub use address::{AddressClass, classify};
pub use audit::{AuditSink, ConnectionRecord, Decision, Protocol, TracingAudit};
pub use builder::{Gateway, GatewayBuilder};
pub use dial::{BoxStream, ByteStream, Dial, TcpDialler};
pub use host_proxy::{HostProxies, HostProxyError, HostProxyValues};
pub use limits::{GatewayLimits, LimitHit};
pub use link::GatewayLink;
pub use meter::{LinkReport, RefusedHost};
pub use opened::OpenedHost;
pub use policy::{Egress, NetworkPolicy};
pub use resolve::{Resolve, SystemResolver};
pub use rule::{AllowRule, RuleError};
