//! One started container as a [`Sandbox`], and the hold on its name that makes sure of its end.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use executor_core::backend::{Sandbox, SandboxStatus, SandboxStream};
use executor_core::error::Result;
use executor_core::id::SandboxId;

use crate::client::Client;
use crate::error::DockerError;
use crate::reaper::{Creation, Reaper};

/// A started container.
pub(crate) struct DockerSandbox {
    id: SandboxId,
    client: Arc<Client>,
    /// The contract shares sandboxes, and a stream's halves cannot be shared. Never contended: only
    /// `&mut self` reaches in.
    stream: Mutex<Option<SandboxStream>>,
    held: Held,
}

impl DockerSandbox {
    pub(crate) const fn new(
        id: SandboxId,
        client: Arc<Client>,
        stream: SandboxStream,
        held: Held,
    ) -> Self {
        Self {
            id,
            client,
            stream: Mutex::new(Some(stream)),
            held,
        }
    }
}

#[async_trait]
impl Sandbox for DockerSandbox {
    fn id(&self) -> &SandboxId {
        &self.id
    }

    fn stream(&mut self) -> Option<SandboxStream> {
        self.stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    async fn inspect(&self) -> Result<SandboxStatus> {
        Ok(self.client.status(&self.held.name).await?)
    }

    async fn destroy(self: Box<Self>) -> Result<()> {
        let Self { stream, held, .. } = *self;
        // Its end of file first: the sooner process 1 ends by itself, the less there is to kill.
        drop(stream);
        Ok(held.destroy().await?)
    }
}

impl fmt::Debug for DockerSandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerSandbox")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A container's name from before it is created until it is gone. Dropping it, at whatever point
/// of a start or a life, hands the name to the reaper.
#[derive(Debug)]
pub(crate) struct Held {
    name: String,
    reaper: Arc<Reaper>,
    creation: Creation,
    released: bool,
}

impl Held {
    /// Holds `name`, which is about to be created.
    pub(crate) fn new(name: String, reaper: Arc<Reaper>) -> Self {
        reaper.register(&name);
        Self {
            name,
            reaper,
            creation: Creation::Unanswered,
            released: false,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The engine answered the request to create it, for good or ill.
    pub(crate) const fn creation_answered(&mut self) {
        self.creation = Creation::Answered;
    }

    /// It has been started: from now on its deadline binds.
    pub(crate) fn started(&self, lifetime: Duration) {
        self.reaper.started(&self.name, lifetime);
    }

    /// Removes the container and waits for word of it. Dropping the future changes nothing: the
    /// reaper has the name by then, or gets it from the drop.
    pub(crate) async fn destroy(mut self) -> Result<(), DockerError> {
        let outcome = self.reaper.remove(self.name.clone(), self.creation).await;
        self.released = true;
        // Without an answer the reaper's task is gone with its runtime.
        outcome.await.unwrap_or(Err(DockerError::StillThere))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.released {
            self.reaper
                .hand_over(std::mem::take(&mut self.name), self.creation);
        }
    }
}
