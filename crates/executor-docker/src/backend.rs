//! The backend itself: the contract's methods, put together from the modules beside it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use executor_core::backend::{
    Progress, Sandbox, SandboxBackend, SandboxSpec, Silent, StoreFacts, SweepReport,
};
use executor_core::capabilities::{Capabilities, Capability};
use executor_core::error::{Result, SandboxError};
use executor_core::id::SandboxId;
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use crate::client::Client;
use crate::endpoint::{self, LocalFiles};
use crate::error::DockerError;
use crate::facts::Kernel;
use crate::gap::{self, Gap};
use crate::labels::container_name;
use crate::prepare::{Prepared, prepare, renew};
use crate::probe::{self, Verdict};
use crate::reaper::Reaper;
use crate::report::{EngineReport, HostProcess};
use crate::runtime::Runtime;
use crate::sandbox::DockerSandbox;
use crate::settings::DockerSettings;
use crate::spec::Names;
use crate::start::start;
use crate::store;
use crate::sweep::sweep;

/// How long a start may take. A runtime that hangs is given up by its name, before whoever asked for
/// the sandbox gives up and knows nothing of it.
const START: Duration = Duration::from_secs(28);

/// Starts sandboxes as hardened containers of a Docker or Podman engine.
///
/// It is cheap until it is [prepared](SandboxBackend::prepare): nothing is dialled before. Call
/// [`settle`](SandboxBackend::settle) before the runtime ends, so that nothing is left for the
/// next server's sweep.
#[derive(Debug)]
pub struct DockerBackend {
    settings: DockerSettings,
    /// Names this backend in its containers' labels; made anew by every process.
    owner: Uuid,
    client: Arc<Client>,
    reaper: Arc<Reaper>,
    prepared: watch::Sender<Option<Arc<Prepared>>>,
    /// What made the last preparation fail for good.
    broken: watch::Sender<Option<BrokenPromise>>,
    /// Only one prepares at a time; the others find it done.
    preparing: Mutex<()>,
}

impl DockerBackend {
    /// Finds out where the engine is. Reads a few small files, talks to nobody.
    ///
    /// # Errors
    ///
    /// `EngineUnavailable` when no engine can be named: a malformed address, an unknown context,
    /// no socket in any usual place.
    pub fn connect(settings: DockerSettings) -> Result<Self, SandboxError> {
        let endpoint = endpoint::resolve(&settings, &LocalFiles).map_err(DockerError::from)?;
        tracing::debug!(%endpoint, "the container engine");
        let client = Arc::new(Client::new(endpoint));
        Ok(Self {
            settings,
            owner: Uuid::new_v4(),
            reaper: Arc::new(Reaper::new(Arc::clone(&client))),
            client,
            prepared: watch::Sender::new(None),
            broken: watch::Sender::new(None),
            preparing: Mutex::new(()),
        })
    }

    /// What the engine is and keeps, for its operator. Changes nothing and starts nothing.
    ///
    /// # Errors
    ///
    /// When the engine cannot be reached, or does not know the runtime, with a hint.
    pub async fn describe(&self) -> Result<EngineReport> {
        let facts = self.client.facts().await?;
        let runtime = Runtime::choose(&facts, self.settings.runtime.as_ref())?;
        let image = self.settings.image.as_str();
        let present = self.client.image_id(image).await?.is_some();
        let endpoint = self.client.endpoint().to_string();
        Ok(EngineReport::new(
            endpoint,
            facts,
            &runtime,
            image.to_owned(),
            present,
        ))
    }

    /// The promises that this host does not keep, each accepted by the operator. Empty before
    /// [`prepare`](SandboxBackend::prepare) succeeded.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        self.current()
            .map(|prepared| prepared.gaps.clone())
            .unwrap_or_default()
    }

    /// Waits until a preparation found that a promise cannot be kept here, and nobody accepted
    /// that. Never ends otherwise; may be dropped at any time.
    pub async fn broken(&self) -> BrokenPromise {
        let mut broken = self.broken.subscribe();
        loop {
            if let Some(promise) = broken.borrow_and_update().clone() {
                return promise;
            }
            if broken.changed().await.is_err() {
                // The sender is our own and lives as long as we do.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Where a sandbox that runs is on its engine's host, to look at it from outside; `None` if it
    /// does not run.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn host_process(&self, sandbox: &SandboxId) -> Result<Option<HostProcess>> {
        let found = self.client.process(&container_name(sandbox)).await?;
        Ok(found.map(|(container, pid)| HostProcess::new(container, pid)))
    }

    /// Removes the volume that keeps sets of modules, and says whether there was one.
    ///
    /// # Errors
    ///
    /// When a sandbox uses it, when a volume of that name is not ours, when the engine does not answer.
    pub async fn remove_store(&self) -> Result<bool> {
        match &self.settings.store {
            Some(name) => Ok(store::remove(&self.client, name).await?),
            None => Ok(false),
        }
    }

    fn current(&self) -> Option<Arc<Prepared>> {
        self.prepared.borrow().clone()
    }

    async fn prepared(&self, progress: &dyn Progress) -> Result<Arc<Prepared>, DockerError> {
        if let Some(prepared) = self.current() {
            return Ok(prepared);
        }
        let _only_one = self.preparing.lock().await;
        if let Some(prepared) = self.current() {
            return Ok(prepared);
        }
        let found = self.find_out(progress).await;
        if let Err(error) = &found
            && let Some(gaps) = error.breaks_a_promise()
        {
            let broken = BrokenPromise::new(error.to_string(), error.hint(), gaps.to_vec());
            self.broken.send_replace(Some(broken));
        }
        let prepared = Arc::new(found?);
        self.prepared.send_replace(Some(Arc::clone(&prepared)));
        Ok(prepared)
    }

    /// Looks at the engine from outside and at a sandbox from inside.
    async fn find_out(&self, progress: &dyn Progress) -> Result<Prepared, DockerError> {
        let mut prepared = prepare(&self.client, &self.settings, progress).await?;
        progress.report("looking at a sandbox from inside");
        let mut verdict = self.probe(&prepared).await?;
        // gVisor makes no network that is not disabled where the engine makes none, and starts
        // nothing then: there is no other way to try.
        if !verdict.names_resolve && prepared.profile.kernel == Kernel::Hosts {
            // The image asks nobody for names, or the engine empties other files than expected:
            // its own hosts file then, which costs it some time at every start.
            tracing::info!("names do not resolve by process 1; using the engine's hosts file");
            prepared.profile.names = Names::HostsFile;
            verdict = self.probe(&prepared).await?;
        }
        if !verdict.names_resolve && verdict.gaps.is_empty() {
            return Err(DockerError::Probe(
                "`localhost` does not resolve".to_owned(),
            ));
        }
        prepared.counts_kills = verdict.counts_kills;
        if verdict.counts_kills {
            tracing::info!("kills by the memory limit are counted in each sandbox");
        } else {
            tracing::info!(
                "kills by the memory limit are not counted in sandboxes here: one that nobody of ours \
                 sent is told as killed, probably by the memory limit"
            );
        }
        prepared.gaps = gap::merge(prepared.gaps, verdict.gaps);
        let refused = gap::unaccepted(&prepared.gaps, &self.settings.accepted);
        if !refused.is_empty() {
            return Err(DockerError::NotEnforced(refused));
        }
        Ok(prepared)
    }

    /// The image is gone by its id: looks it up again, unless somebody already has.
    async fn renewed(&self, stale: &Arc<Prepared>) -> Result<Arc<Prepared>, DockerError> {
        let _only_one = self.preparing.lock().await;
        if let Some(current) = self.current()
            && !Arc::ptr_eq(&current, stale)
        {
            return Ok(current);
        }
        tracing::info!("the image is gone; looking for it again");
        let prepared = Arc::new(renew(&self.client, &self.settings, stale).await?);
        self.prepared.send_replace(Some(Arc::clone(&prepared)));
        Ok(prepared)
    }

    /// What a sandbox of this kind is like. One that could not be heard says nothing of the next one: it may have been
    /// paused, killed or removed by somebody else.
    async fn probe(&self, prepared: &Prepared) -> Result<Verdict, DockerError> {
        let [first, second] = probe::TRIES;
        match self.probe_once(prepared, first).await {
            Err(error @ (DockerError::Probe(_) | DockerError::BadPython(_))) => {
                tracing::info!(%error, "looking at a second sandbox");
                self.probe_once(prepared, second).await
            }
            done => done,
        }
    }

    async fn probe_once(
        &self,
        prepared: &Prepared,
        patience: Duration,
    ) -> Result<Verdict, DockerError> {
        let mut sandbox = match self.start_once(prepared, &probe::spec()).await {
            // Engines answer so when there is no such program, and with 500 to all else.
            Err(DockerError::StartBy { source, .. })
                if matches!(source.status(), Some(400 | 404)) =>
            {
                return Err(DockerError::NoPython(source));
            }
            started => started?,
        };
        let kernel = prepared.profile.kernel;
        let verdict = probe::listen(&mut sandbox, patience, &prepared.facts, kernel).await;
        if let Err(error) = Box::new(sandbox).destroy().await {
            tracing::debug!(error = error.chain(), "the probe is left to the reaper");
        }
        verdict
    }

    async fn start_once(
        &self,
        prepared: &Prepared,
        spec: &SandboxSpec,
    ) -> Result<DockerSandbox, DockerError> {
        let runtime = || prepared.profile.runtime.clone().unwrap_or_default();
        let start = start(&self.client, &self.reaper, self.owner, prepared, spec);
        match tokio::time::timeout(START, start).await {
            Ok(Err(DockerError::Start(source))) => Err(DockerError::StartBy {
                runtime: runtime(),
                source,
            }),
            Ok(outcome) => outcome,
            // Dropped by now, and so abandoned: what comes of it is removed.
            Err(_elapsed) => Err(DockerError::TooSlow {
                runtime: runtime(),
                limit: START,
            }),
        }
    }
}

/// Why no sandbox is started on this engine: a promise that it cannot keep, which trying again
/// does not mend. It names what the engine says: for its operator, not for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenPromise {
    /// What is wrong, in one line.
    pub why: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Each promise that is not kept and was not accepted; none where nothing could be looked at,
    /// as with an engine that is too old.
    pub gaps: Vec<Gap>,
}

impl BrokenPromise {
    /// One of these three.
    pub fn new(why: impl Into<String>, remedy: Option<String>, gaps: Vec<Gap>) -> Self {
        Self {
            why: why.into(),
            remedy,
            gaps,
        }
    }
}

#[async_trait]
impl SandboxBackend for DockerBackend {
    fn capabilities(&self) -> Capabilities {
        let Some(prepared) = self.current() else {
            return Capabilities::default();
        };
        let lacking = |capability| {
            let mut gaps = prepared.gaps.iter();
            gaps.any(|gap| gap.capability == capability)
        };
        let kept = Capabilities::of(Capability::ALL.into_iter().filter(|one| !lacking(*one)));
        if prepared.counts_kills {
            kept
        } else {
            kept.without_counted_kills()
        }
    }

    async fn prepare(&self, progress: &dyn Progress) -> Result<()> {
        let prepared = self.prepared(progress).await?;
        // Prepared before: it is enough that its image is still there.
        if self
            .client
            .image_id(&prepared.profile.image)
            .await?
            .is_none()
        {
            self.renewed(&prepared).await?;
        }
        Ok(())
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Box<dyn Sandbox>> {
        spec.limits.check().map_err(DockerError::Limits)?;
        if spec.command.is_empty() {
            return Err(DockerError::NoCommand.into());
        }
        let prepared = self.prepared(&Silent).await?;
        let accepted = &self.settings.accepted;
        let promised = Capability::ALL.into_iter();
        let promised = Capabilities::of(promised.filter(|one| !accepted.has(*one)));
        self.capabilities().require(&promised)?;
        match self.start_once(&prepared, spec).await {
            Ok(sandbox) => Ok(Box::new(sandbox)),
            Err(DockerError::ImageGone(_)) => {
                let prepared = self.renewed(&prepared).await?;
                Ok(Box::new(self.start_once(&prepared, spec).await?))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn sweep(&self) -> Result<SweepReport> {
        Ok(sweep(&self.client, self.owner, &self.reaper).await?)
    }

    fn store(&self) -> Option<StoreFacts> {
        let prepared = self.current()?;
        let profile = &prepared.profile;
        profile.store.as_ref()?;
        let facts = StoreFacts::new(store::PLACE, &profile.image);
        Some(match profile.kernel {
            Kernel::Hosts => facts,
            // Its files are the host's, its locks its own.
            Kernel::GVisor => facts.without_shared_locks(),
        })
    }

    async fn settle(&self) {
        self.reaper.settle().await;
    }
}
