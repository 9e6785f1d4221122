//! The audit entry of one connection while it is under way; it writes its record when it is dropped, so that every ending
//! leaves one.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::audit::{ConnectionRecord, Decision, Protocol};
use super::failure::Failure;
use super::limits::LimitHit;
use super::link::Link;
use super::meter::Counts;
use super::name::Destination;

/// One connection, from the request to the end.
#[derive(Debug)]
pub(super) struct Entry {
    link: Arc<Link>,
    protocol: Protocol,
    destination: Option<Destination>,
    address: Option<SocketAddr>,
    decision: Decision,
    reason: Option<&'static str>,
    detail: Option<String>,
    counts: Arc<Counts>,
    started: Instant,
}

impl Entry {
    pub(super) fn new(
        link: &Arc<Link>,
        protocol: Protocol,
        destination: Option<Destination>,
    ) -> Self {
        Self {
            link: Arc::clone(link),
            protocol,
            destination,
            address: None,
            decision: Decision::Abandoned,
            reason: None,
            detail: None,
            counts: Arc::default(),
            started: Instant::now(),
        }
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// The connection was made.
    pub(super) fn made(&mut self, address: SocketAddr) {
        self.address = Some(address);
        self.decision = Decision::Allowed;
    }

    /// The connection was refused, failed, or was cut for `failure`.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.decision = if failure.is_refusal() {
            Decision::Refused
        } else {
            Decision::Failed
        };
        self.reason = Some(failure.kind());
        self.detail = Some(failure.to_string());
        if let Failure::Limit(limit) = failure {
            self.link.tally.note_limit(*limit);
        }
        if self.decision == Decision::Refused {
            let (host, port) = self.place();
            self.link.tally.note_refused(&host, port, failure.kind());
        }
    }

    fn place(&self) -> (String, u16) {
        self.destination
            .as_ref()
            .map_or_else(Default::default, |to| (to.host.to_string(), to.port))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.counts.was_cut() {
            self.reason = Some(LimitHit::BytesTotal(0).kind());
        }
        let (host, port) = self.place();
        self.link.shared.audit.record(&ConnectionRecord {
            label: self.link.egress.label(),
            protocol: self.protocol,
            host,
            port,
            address: self.address,
            decision: self.decision,
            reason: self.reason,
            detail: self.detail.take(),
            sent: self.counts.sent(),
            received: self.counts.received(),
            duration: self.started.elapsed(),
        });
    }
}
