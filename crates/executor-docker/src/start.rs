//! One start, from a name to an attached, running container.
//!
//! It runs in a task of its own, so that dropping the caller's future never cuts a call of the
//! engine in two: Podman keeps half of a container whose creation was cut, and trips over it in
//! every later list. Between its calls the task looks whether anybody still waits.

use std::sync::Arc;
use std::time::Duration;

use executor_core::backend::{SandboxSpec, SandboxStream};
use executor_core::id::SandboxId;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::attach;
use crate::client::Client;
use crate::error::DockerError;
use crate::labels::{Labels, container_name};
use crate::orphans;
use crate::prepare::Prepared;
use crate::process::ProcessMark;
use crate::reaper::Reaper;
use crate::sandbox::{DockerSandbox, Held};
use crate::spec::create_body;

/// How long a start that nobody waits for any more may go on, so that it is not cut in two without need.
const GRACE: Duration = Duration::from_secs(5);

/// Starts a container as `spec` says. Dropping the future abandons the start, which then leaves
/// nothing either.
pub(crate) async fn start(
    client: &Arc<Client>,
    reaper: &Arc<Reaper>,
    owner: Uuid,
    prepared: &Prepared,
    spec: &SandboxSpec,
) -> Result<DockerSandbox, DockerError> {
    let id = SandboxId::random().map_err(|error| DockerError::NoRandomness(error.to_string()))?;
    let abandoned = CancellationToken::new();
    let _abandon = abandoned.clone().drop_guard();
    let lifetime = i64::try_from(spec.lifetime_seconds).unwrap_or(i64::MAX);
    let labels = Labels {
        owner,
        run: id.as_str().to_owned(),
        deadline: client.now()?.saturating_add(lifetime),
        process: ProcessMark::current(),
    };
    let attempt = Attempt {
        held: Held::new(container_name(&id), Arc::clone(reaper)),
        container: String::new(),
        body: create_body(spec, &prepared.profile, &labels),
        client: Arc::clone(client),
        id,
        lifetime: Duration::from_secs(spec.lifetime_seconds),
        abandoned,
    };
    // If nobody waits any more, the sandbox is dropped with the task's output.
    let task = reaper.tasks().spawn(attempt.run());
    task.await.unwrap_or(Err(DockerError::Abandoned))
}

struct Attempt {
    client: Arc<Client>,
    id: SandboxId,
    held: Held,
    /// The engine's own id, once it has one.
    container: String,
    body: bollard::models::ContainerCreateBody,
    lifetime: Duration,
    abandoned: CancellationToken,
}

impl Attempt {
    async fn run(mut self) -> Result<DockerSandbox, DockerError> {
        match self.raise().await {
            Ok(stream) => Ok(DockerSandbox::new(self.id, self.client, stream, self.held)),
            Err(error) => {
                // Law 2: when the error is told, nothing of the attempt is left.
                if let Err(error) = self.held.destroy().await {
                    tracing::debug!(%error, "what a failed start left goes to the reaper");
                }
                orphans::end(&self.container).await;
                Err(error)
            }
        }
    }

    /// Creates, attaches, starts: in this order, so that no byte of process 1 is missed.
    async fn raise(&mut self) -> Result<SandboxStream, DockerError> {
        let body = std::mem::take(&mut self.body);
        let created = self.client.create(self.held.name(), body).await;
        if created
            .as_ref()
            .map_or_else(DockerError::is_an_answer, |_id| true)
        {
            self.held.creation_answered();
        }
        self.container = created?;
        self.still_wanted()?;
        let attached = self.client.attach(self.held.name()).await?;
        self.still_wanted()?;
        self.start().await?;
        self.held.started(self.lifetime);
        Ok(attach::stream(self.id.as_str(), attached))
    }

    /// Starts it. A runtime that hangs keeps the container from being removed for no longer than somebody waits, and a grace.
    async fn start(&self) -> Result<(), DockerError> {
        let given_up = async {
            self.abandoned.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            started = self.client.start(self.held.name()) => started,
            () = given_up => Err(DockerError::Abandoned),
        }
    }

    fn still_wanted(&self) -> Result<(), DockerError> {
        if self.abandoned.is_cancelled() {
            Err(DockerError::Abandoned)
        } else {
            Ok(())
        }
    }
}
