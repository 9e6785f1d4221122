//! The gateway itself: what all sandboxes of a server share on their way out, and how it is put together.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::audit::{AuditSink, TracingAudit};
use super::dial::{Dial, TcpDialler};
use super::host_proxy::HostProxies;
use super::limits::GatewayLimits;
use super::link::GatewayLink;
use super::own::OwnAddresses;
use super::policy::Egress;
use super::resolve::{Resolve, SystemResolver};

/// The host side of the way out of all sandboxes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
}

impl Gateway {
    /// A gateway that resolves and dials as the host does, without a proxy, under the default limits.
    #[must_use]
    pub fn builder() -> GatewayBuilder {
        GatewayBuilder::default()
    }

    /// The way out of one sandbox for one phase of its life, for example the installation of modules or the run of a
    /// program. Cheap: nothing is dialled or started.
    #[must_use]
    pub fn open(&self, egress: Egress) -> GatewayLink {
        GatewayLink::new(Arc::clone(&self.shared), egress)
    }
}

/// Puts a [`Gateway`] together.
#[derive(Debug, Default)]
pub struct GatewayBuilder {
    resolver: Option<Arc<dyn Resolve>>,
    dialler: Option<Arc<dyn Dial>>,
    audit: Option<Arc<dyn AuditSink>>,
    proxies: HostProxies,
    own: HashSet<IpAddr>,
    limits: GatewayLimits,
}

impl GatewayBuilder {
    /// Resolves names otherwise than by the host's resolver.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Connects otherwise than by TCP.
    #[must_use]
    pub fn dialler(mut self, dialler: impl Dial) -> Self {
        self.dialler = Some(Arc::new(dialler));
        self
    }

    /// Writes the audit elsewhere than to `tracing`.
    #[must_use]
    pub fn audit(mut self, sink: impl AuditSink) -> Self {
        self.audit = Some(Arc::new(sink));
        self
    }

    /// Goes out through the host's own proxies.
    #[must_use]
    pub fn host_proxies(mut self, proxies: HostProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Names further addresses of the host that its interfaces do not show, for example the public address that a router in
    /// front of it translates. They are as closed to programs as the interfaces' own.
    #[must_use]
    pub fn own_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.own
            .extend(addresses.into_iter().map(|address| address.to_canonical()));
        self
    }

    /// Sets the limits that hold for each sandbox.
    #[must_use]
    pub fn limits(mut self, limits: GatewayLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The gateway.
    #[must_use]
    pub fn build(self) -> Gateway {
        Gateway {
            shared: Arc::new(Shared {
                resolver: self
                    .resolver
                    .unwrap_or_else(|| Arc::new(SystemResolver::new())),
                dialler: self.dialler.unwrap_or_else(|| Arc::new(TcpDialler)),
                audit: self.audit.unwrap_or_else(|| Arc::new(TracingAudit)),
                own: OwnAddresses::new(self.own),
                proxies: self.proxies,
                limits: self.limits,
            }),
        }
    }
}

/// What all links have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) dialler: Arc<dyn Dial>,
    pub(super) audit: Arc<dyn AuditSink>,
    pub(super) own: OwnAddresses,
    pub(super) proxies: HostProxies,
    pub(super) limits: GatewayLimits,
}
