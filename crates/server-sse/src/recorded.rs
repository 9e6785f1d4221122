//! A connection as the audit knows it: it is recorded when it is gone, however it went.

use std::net::SocketAddr;

use server_app::audit::{Audit, ClientRecord};
use tokio::time::Instant;

/// One connection, from its acceptance to its end.
#[derive(Debug)]
pub(crate) struct Recorded {
    audit: Audit,
    peer: Option<SocketAddr>,
    since: Instant,
}

impl Recorded {
    pub(crate) fn new(audit: &Audit, peer: Option<SocketAddr>) -> Self {
        Self {
            audit: audit.clone(),
            peer,
            since: Instant::now(),
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let record = ClientRecord::new("http", self.peer, self.since.elapsed());
        self.audit.client(&record);
    }
}
