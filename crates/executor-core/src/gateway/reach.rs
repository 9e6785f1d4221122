//! From a destination to a connected stream: decide, resolve, check every address, dial exactly those. The order of these steps is
//! the gateway's promise, so they stand together here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::timeout;

use super::dial::{BoxStream, first_of};
use super::entry::Entry;
use super::failure::{ConnectFault, Failure};
use super::host_proxy::{Proxy, ProxyKind};
use super::link::Visit;
use super::meter::Metered;
use super::name::{Destination, Host, HostName};
use super::policy::Grant;
use super::proxy_handshake::{self, ProxyFault};

/// A stream to where the program wants to go.
pub(super) struct Reached {
    pub(super) stream: Metered<BoxStream>,
    /// The host's own HTTP proxy stands in between and takes the request as it is.
    pub(super) through: Option<ThroughProxy>,
}

/// What a request needs that goes to the host's own HTTP proxy instead of the server.
pub(super) struct ThroughProxy {
    pub(super) authorization: Option<String>,
}

/// What the stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The program's own bytes.
    Tunnel,
    /// One plain HTTP request of ours.
    Request,
}

/// Reaches `destination` for a program, or says why not; either is noted in `entry`.
pub(super) async fn reach(
    visit: &Visit,
    destination: &Destination,
    purpose: Purpose,
    entry: &mut Entry,
) -> Result<Reached, Failure> {
    match attempt(visit, destination, purpose).await {
        Ok((stream, address, through)) => {
            entry.made(address);
            let tally = Arc::clone(&visit.link.tally);
            let activity = Arc::clone(&visit.activity);
            activity.touch();
            let stream = Metered::new(stream, tally, entry.counts(), activity);
            Ok(Reached { stream, through })
        }
        Err(failure) => {
            entry.failed(&failure);
            Err(failure)
        }
    }
}

async fn attempt(
    visit: &Visit,
    destination: &Destination,
    purpose: Purpose,
) -> Result<(BoxStream, SocketAddr, Option<ThroughProxy>), Failure> {
    visit.admitted?;
    visit.link.tally.check_bytes()?;
    let grant = visit.link.egress.decide(destination)?;
    let shared = &visit.link.shared;
    let limits = &shared.limits;

    let plain = purpose == Purpose::Request;
    if !matches!(grant, Grant::Fixed(_))
        && let Some(proxy) = shared.proxies.for_destination(destination, plain)
    {
        // A name is resolved by the proxy; an address can be checked all the same.
        if let Host::Address(address) = destination.host {
            check(visit, grant, &destination.host, address)?;
        }
        let way = through_proxy(visit, proxy, destination, purpose);
        return match timeout(limits.connect_timeout, way).await {
            Ok(result) => result,
            Err(_) => Err(unreachable_proxy(destination, "it did not answer in time")),
        };
    }

    let sockets = checked(visit, grant, destination).await?;
    let fail = |why| Failure::Connect {
        destination: destination.authority(),
        why,
    };
    match timeout(limits.connect_timeout, first_of(&*shared.dialler, &sockets)).await {
        Ok(Ok((stream, address))) => Ok((stream, address, None)),
        Ok(Err(error)) => Err(fail(ConnectFault::from(&error))),
        Err(_) => Err(fail(ConnectFault::TimedOut)),
    }
}

/// The socket addresses of `destination`, every one of them checked.
async fn checked(
    visit: &Visit,
    grant: Grant,
    destination: &Destination,
) -> Result<Vec<SocketAddr>, Failure> {
    let port = destination.port;
    let sockets: Vec<SocketAddr> = match (grant, &destination.host) {
        (Grant::Fixed(fixed), _) => vec![fixed.socket(port)],
        (_, Host::Address(address)) => vec![SocketAddr::new(*address, port)],
        (_, Host::Name(name)) => {
            let found = lookup(visit, name).await?;
            found
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect()
        }
    };
    // One bad address condemns the name: an honest public name has none.
    for socket in &sockets {
        check(visit, grant, &destination.host, socket.ip())?;
    }
    Ok(sockets)
}

async fn lookup(visit: &Visit, name: &HostName) -> Result<Vec<IpAddr>, Failure> {
    let limits = &visit.link.shared.limits;
    let fail = |timed_out| Failure::Lookup {
        host: name.to_string(),
        timed_out,
    };
    let asking = async {
        let permit = visit.link.lookups.acquire().await;
        let found = visit.link.shared.resolver.resolve(name.as_str()).await;
        drop(permit);
        found
    };
    let found = timeout(limits.lookup_timeout, asking)
        .await
        .map_err(|_| fail(true))?;
    let mut found = found.map_err(|error| {
        tracing::debug!(host = name.as_str(), %error, "name not resolved");
        fail(false)
    })?;
    found.truncate(limits.addresses);
    if found.is_empty() {
        Err(fail(false))
    } else {
        Ok(found)
    }
}

fn check(visit: &Visit, grant: Grant, host: &Host, address: IpAddr) -> Result<(), Failure> {
    let own = match grant {
        Grant::Public => visit.link.shared.own.contain(address).map_err(|error| {
            tracing::error!(%error, "the host's own addresses could not be listed");
            Failure::Internal("the gateway could not tell the host's own addresses from others")
        })?,
        Grant::Vouched | Grant::Fixed(_) => false,
    };
    Ok(grant.check(host, address, own)?)
}

/// Reaches `destination` through the host's own proxy. The proxy itself is the operator's and may be anywhere.
async fn through_proxy(
    visit: &Visit,
    proxy: &Proxy,
    destination: &Destination,
    purpose: Purpose,
) -> Result<(BoxStream, SocketAddr, Option<ThroughProxy>), Failure> {
    let shared = &visit.link.shared;
    let addresses = match &proxy.at.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => shared
            .resolver
            .resolve(name.as_str())
            .await
            .map_err(|_| unreachable_proxy(destination, "its name could not be resolved"))?,
    };
    let sockets: Vec<_> = addresses
        .into_iter()
        .map(|address| SocketAddr::new(address, proxy.at.port))
        .collect();
    let (stream, address) = first_of(&*shared.dialler, &sockets)
        .await
        .map_err(|_| unreachable_proxy(destination, "it did not take the connection"))?;
    if purpose == Purpose::Request && proxy.kind == ProxyKind::Http {
        let through = ThroughProxy {
            authorization: proxy.authorization(),
        };
        return Ok((stream, address, Some(through)));
    }
    let tunnel = proxy_handshake::open(proxy, stream, destination, shared.limits.header_bytes);
    let stream = tunnel
        .await
        .map_err(|fault: ProxyFault| unreachable_proxy(destination, &fault.to_string()))?;
    Ok((stream, address, None))
}

fn unreachable_proxy(destination: &Destination, why: &str) -> Failure {
    Failure::HostProxy {
        destination: destination.authority(),
        why: why.to_owned(),
    }
}
