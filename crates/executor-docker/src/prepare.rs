//! From "there may be an engine" to "sandboxes can be started on it": what was found, checked
//! and made, once for all starts.

use std::sync::Arc;

use executor_core::backend::Progress;
use executor_core::capabilities::Capability;

use crate::client::Client;
use crate::endpoint::Transport;
use crate::error::DockerError;
use crate::facts::{self, EngineFacts, EngineKind, Kernel};
use crate::gap::{self, Gap};
use crate::image;
use crate::runtime::Runtime;
use crate::seccomp;
use crate::settings::{DockerSettings, PullPolicy};
use crate::spec::Profile;
use crate::store;

/// What all starts share.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) facts: EngineFacts,
    pub(crate) profile: Profile,
    /// Whether sandboxes show how many the memory limit has killed; not before one was looked at.
    pub(crate) counts_kills: bool,
    /// The promises that are not kept here, all of them accepted once it serves.
    pub(crate) gaps: Vec<Gap>,
    #[expect(
        dead_code,
        reason = "keeps the profile readable for an engine that wants a path"
    )]
    seccomp: Option<Arc<HandedProfile>>,
}

/// Looks at the engine, refuses what it does not enforce, and brings the image.
pub(crate) async fn prepare(
    client: &Client,
    settings: &DockerSettings,
    progress: &dyn Progress,
) -> Result<Prepared, DockerError> {
    progress.report("looking at the container engine");
    let facts = client.facts().await?;
    let runtime = Runtime::choose(&facts, settings.runtime.as_ref())?;
    tracing::info!(
        runtime = runtime.name,
        "sandboxes are started by this runtime"
    );
    let gaps = gap::admitted(&facts::enforcement(&facts, runtime.kernel));
    let refused = gap::unaccepted(&gaps, &settings.accepted);
    if !refused.is_empty() {
        return Err(DockerError::NotEnforced(refused));
    }
    client.now()?;
    // An engine without seccomp refuses to be handed a profile.
    let seccomp = if facts.seccomp {
        HandedProfile::new(&facts, runtime.kernel, &client.endpoint().transport)
            .map(Some)
            .or_else(|error| {
                let accepted = settings.accepted.has(Capability::SyscallFilter);
                accepted.then_some(None).ok_or(error)
            })
            .map_err(DockerError::Seccomp)?
    } else {
        None
    };

    let image = image::ensure(client, &settings.image, settings.pull, progress).await?;
    let option = seccomp.as_ref().map(|seccomp| seccomp.option.clone());
    let mut profile = Profile::new(image, &facts, &runtime, option);
    profile.store = store::open(client, &facts, settings.store.as_ref()).await;
    Ok(Prepared {
        facts,
        profile,
        counts_kills: false,
        gaps,
        seccomp: seccomp.map(Arc::new),
    })
}

/// The same engine with the image looked up anew, because the one known by its id is gone. It
/// pulls nothing: this happens inside a start.
pub(crate) async fn renew(
    client: &Client,
    settings: &DockerSettings,
    old: &Prepared,
) -> Result<Prepared, DockerError> {
    let silent = executor_core::backend::Silent;
    let image = image::ensure(client, &settings.image, PullPolicy::Never, &silent).await?;
    let mut renewed = old.clone();
    renewed.profile.image = image;
    Ok(renewed)
}

/// The seccomp profile as this engine takes it.
///
/// Docker takes JSON text. Podman's service opens a path, on its own host: it is given the path of
/// an open file of this process without a name, which leaves nothing behind whatever happens to us.
#[derive(Debug)]
struct HandedProfile {
    option: String,
    #[expect(
        dead_code,
        reason = "held open for the engine, which reads it by its path"
    )]
    file: Option<std::fs::File>,
}

impl HandedProfile {
    fn new(facts: &EngineFacts, kernel: Kernel, transport: &Transport) -> std::io::Result<Self> {
        let json = seccomp::profile_json(kernel);
        match facts.kind {
            EngineKind::Docker => Ok(Self {
                option: json,
                file: None,
            }),
            EngineKind::Podman => Self::by_path(&json, transport),
        }
    }

    #[cfg(target_os = "linux")]
    fn by_path(json: &str, transport: &Transport) -> std::io::Result<Self> {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;
        if !matches!(transport, Transport::Unix(_)) {
            return Err(not_local());
        }
        let mut file = tempfile::tempfile()?;
        file.write_all(json.as_bytes())?;
        let option = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Ok(Self {
            option,
            file: Some(file),
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn by_path(_json: &str, _transport: &Transport) -> std::io::Result<Self> {
        Err(not_local())
    }
}

fn not_local() -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        "Podman opens the profile by a path, and this engine does not share our host",
    )
}
