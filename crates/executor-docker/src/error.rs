//! What can go wrong here, one variant per operation, and its one way into the public error.
//!
//! What the daemon says goes into the chain for the log and never into a hint.

use std::io;
use std::time::Duration;

use executor_core::error::{ErrorKind, SandboxError};

use crate::endpoint::EndpointError;
use crate::failure::Failure;
use crate::gap::Gap;

#[derive(Debug, thiserror::Error)]
pub(crate) enum DockerError {
    #[error("no engine was found")]
    Endpoint(#[from] EndpointError),
    #[error("the engine at {endpoint} cannot be reached")]
    Reach { endpoint: String, source: Failure },
    #[error("what answers at {endpoint} speaks no known version of the engine's API")]
    UnknownApi { endpoint: String },
    #[error("the engine speaks API {api}; the oldest that will do is 1.41")]
    TooOld { api: String },
    #[error("the engine speaks API {oldest} and later; this backend speaks up to {ours}")]
    TooNew { oldest: String, ours: String },
    #[error("the engine knows no runtime `{name}`; it knows {}", quoted(.known))]
    UnknownRuntime { name: String, known: Vec<String> },
    #[error("Podman's service starts containers by `{used}` and not by `{name}`")]
    RuntimeOfPodman { name: String, used: String },
    #[error("the engine on this host does not keep every promise: {}", reasons(.0))]
    NotEnforced(Vec<Gap>),
    #[error("looking at the image `{image}`")]
    InspectImage { image: String, source: Failure },
    #[error("the image `{0}` is not on the engine")]
    ImageMissing(String),
    #[error("pulling the image `{image}`")]
    Pull { image: String, source: Failure },
    #[error("the seccomp profile cannot be handed to the engine")]
    Seccomp(#[source] io::Error),
    #[error("a sandbox cannot be looked at from inside: {0}")]
    Probe(String),
    #[error("the image has no `python3` on its path")]
    NoPython(#[source] Failure),
    #[error("the image's `python3` will not do: {0}")]
    BadPython(String),
    #[error("creating the container")]
    Create(#[source] Failure),
    #[error("nobody waits for it any more")]
    Abandoned,
    #[error("the image of the sandbox is gone")]
    ImageGone(#[source] Failure),
    #[error("attaching to the container")]
    Attach(#[source] Failure),
    #[error("starting the container")]
    Start(#[source] Failure),
    #[error("starting the container by the runtime `{runtime}`")]
    StartBy {
        runtime: String,
        #[source]
        source: Failure,
    },
    #[error("the runtime `{runtime}` did not start the container within {} s", .limit.as_secs())]
    TooSlow { runtime: String, limit: Duration },
    #[error("inspecting the container")]
    Inspect(#[source] Failure),
    #[error("removing the container")]
    Remove(#[source] Failure),
    #[error("the container is still there after many attempts to remove it")]
    StillThere,
    #[error("listing the containers")]
    List(#[source] Failure),
    #[error("using the volume of module sets")]
    Volume(#[source] Failure),
    #[error("the volume `{0}` is not ours")]
    NotOurVolume(String),
    #[error("the volume `{0}` is in use")]
    VolumeInUse(String),
    #[error("a limit of the sandbox: {0}")]
    Limits(executor_core::limits::OutOfBounds),
    #[error("process 1 has no command")]
    NoCommand,
    #[error("the operating system gives no randomness: {0}")]
    NoRandomness(String),
    #[error("the engine does not tell the time")]
    NoClock,
}

/// An operation as it reads after "failed to", its kind, and the way out.
type Face = (ErrorKind, &'static str, Option<String>);

impl From<DockerError> for SandboxError {
    fn from(error: DockerError) -> Self {
        let (kind, operation, hint) = face(&error);
        let mut public = Self::new(kind, operation).with_context(error.to_string());
        if let Some(hint) = hint {
            public = public.with_hint(hint);
        }
        match error.cause() {
            Some(cause) => public.with_source(cause),
            None => public,
        }
    }
}

impl DockerError {
    /// Whether the engine itself said no, so that what was asked for did not come about.
    pub(crate) const fn is_an_answer(&self) -> bool {
        matches!(
            self,
            Self::Create(Failure::Answer { .. }) | Self::ImageGone(Failure::Answer { .. })
        )
    }

    /// Whether a sandbox's promise cannot be kept here, which no waiting mends; the gaps, if it is
    /// known which.
    pub(crate) fn breaks_a_promise(&self) -> Option<&[Gap]> {
        match self {
            Self::NotEnforced(gaps) => Some(gaps),
            Self::TooOld { .. }
            | Self::TooNew { .. }
            | Self::UnknownRuntime { .. }
            | Self::RuntimeOfPodman { .. }
            | Self::Seccomp(_) => Some(&[]),
            _ => None,
        }
    }

    /// What the operator may do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        face(self).2
    }

    /// What lies below, once the context has said what this level knows.
    fn cause(self) -> Option<Box<dyn std::error::Error + Send + Sync>> {
        match self {
            Self::Endpoint(source) => Some(source.into()),
            Self::Reach { source, .. }
            | Self::InspectImage { source, .. }
            | Self::Pull { source, .. }
            | Self::NoPython(source)
            | Self::Create(source)
            | Self::ImageGone(source)
            | Self::Attach(source)
            | Self::Start(source)
            | Self::StartBy { source, .. }
            | Self::Inspect(source)
            | Self::Remove(source)
            | Self::List(source)
            | Self::Volume(source) => Some(source.into()),
            Self::Seccomp(source) => Some(source.into()),
            Self::UnknownApi { .. }
            | Self::TooOld { .. }
            | Self::TooNew { .. }
            | Self::UnknownRuntime { .. }
            | Self::RuntimeOfPodman { .. }
            | Self::NotEnforced(_)
            | Self::ImageMissing(_)
            | Self::Probe(_)
            | Self::BadPython(_)
            | Self::StillThere
            | Self::TooSlow { .. }
            | Self::Limits(_)
            | Self::NotOurVolume(_)
            | Self::VolumeInUse(_)
            | Self::NoCommand
            | Self::Abandoned
            | Self::NoRandomness(_)
            | Self::NoClock => None,
        }
    }
}

fn face(error: &DockerError) -> Face {
    use ErrorKind::{
        EngineUnavailable, ImageUnavailable, Internal, InvalidRequest, PermissionDenied,
        SandboxLost, StartFailed, Unsupported,
    };
    const REACH: &str = "reach the container engine";
    const START: &str = "start the sandbox";
    const STORE: &str = "use the store of module sets";
    let hint = |text: &str| Some(text.to_owned());
    match error {
        DockerError::Endpoint(EndpointError::NothingFound(_)) => {
            (EngineUnavailable, REACH, hint(NO_ENGINE))
        }
        DockerError::Endpoint(EndpointError::UnsupportedScheme(_)) => {
            (EngineUnavailable, REACH, hint(SCHEME))
        }
        DockerError::Endpoint(_) => (EngineUnavailable, REACH, hint(ADDRESS)),
        DockerError::Reach { source, .. } => match source {
            Failure::Connection {
                kind: io::ErrorKind::PermissionDenied,
                ..
            } => (PermissionDenied, REACH, hint(PERMISSION)),
            Failure::Connection { .. } => (EngineUnavailable, REACH, hint(NO_ENGINE)),
            Failure::Timeout(_) => (EngineUnavailable, REACH, hint(SILENT)),
            Failure::Answer { .. } | Failure::Reported(_) | Failure::NotAnEngine(_) => {
                (EngineUnavailable, REACH, hint(NOT_AN_ENGINE))
            }
        },
        DockerError::UnknownApi { .. } => (EngineUnavailable, REACH, hint(NOT_AN_ENGINE)),
        DockerError::NoClock => (EngineUnavailable, REACH, hint(NOT_AN_ENGINE)),
        DockerError::TooOld { .. } => (Unsupported, "use the container engine", hint(TOO_OLD)),
        DockerError::TooNew { .. } => (Unsupported, "use the container engine", hint(TOO_NEW)),
        DockerError::UnknownRuntime { name, .. } => {
            (Unsupported, "use the runtime", Some(unknown_runtime(name)))
        }
        DockerError::RuntimeOfPodman { .. } => {
            (Unsupported, "use the runtime", hint(RUNTIME_OF_PODMAN))
        }
        DockerError::NotEnforced(missing) => (
            Unsupported,
            "keep what a sandbox promises",
            Some(remedies(missing)),
        ),
        DockerError::Seccomp(_) => (
            Unsupported,
            "keep what a sandbox promises",
            hint(PODMAN_SECCOMP),
        ),
        DockerError::Probe(_) => (Unsupported, "keep what a sandbox promises", hint(PROBE)),
        DockerError::NoPython(_) | DockerError::BadPython(_) => {
            (ImageUnavailable, "use the image", hint(NO_PYTHON))
        }
        DockerError::ImageMissing(image) => (
            ImageUnavailable,
            "find the image",
            Some(missing_image(image)),
        ),
        DockerError::Pull { image, source } => (
            or_unreachable(source, ImageUnavailable),
            "pull the image",
            Some(no_pull(image)),
        ),
        DockerError::InspectImage { source, .. } => (
            or_unreachable(source, ImageUnavailable),
            "look at the image",
            None,
        ),
        DockerError::ImageGone(_) => (ImageUnavailable, START, hint(IMAGE_GONE)),
        DockerError::Create(source) | DockerError::Attach(source) | DockerError::Start(source) => {
            let full = source.is_disk_full().then(|| DISK_FULL.to_owned());
            (or_unreachable(source, StartFailed), START, full)
        }
        DockerError::StartBy { runtime, source } => {
            let full = source.is_disk_full().then_some(DISK_FULL);
            let gvisor = runtime.contains("runsc").then_some(GVISOR);
            let hint = full.or(gvisor).map(str::to_owned);
            (or_unreachable(source, StartFailed), START, hint)
        }
        DockerError::TooSlow { .. } => (StartFailed, START, hint(TOO_SLOW)),
        DockerError::Inspect(source) => (
            or_unreachable(source, SandboxLost),
            "inspect the sandbox",
            None,
        ),
        DockerError::Remove(source) => {
            (or_unreachable(source, Internal), "remove the sandbox", None)
        }
        DockerError::StillThere => (Internal, "remove the sandbox", None),
        DockerError::Volume(source) => (or_unreachable(source, Unsupported), STORE, None),
        DockerError::NotOurVolume(_) => (Unsupported, STORE, hint(NOT_OUR_VOLUME)),
        DockerError::VolumeInUse(_) => (Unsupported, STORE, hint(VOLUME_IN_USE)),
        DockerError::List(source) => (
            or_unreachable(source, EngineUnavailable),
            "list the sandboxes",
            None,
        ),
        DockerError::Limits(_) | DockerError::NoCommand => (InvalidRequest, START, None),
        DockerError::NoRandomness(_) | DockerError::Abandoned => (Internal, START, None),
    }
}

/// An engine that is not there is that, whatever was asked of it.
const fn or_unreachable(source: &Failure, otherwise: ErrorKind) -> ErrorKind {
    match source {
        Failure::Connection {
            kind: io::ErrorKind::PermissionDenied,
            ..
        } => ErrorKind::PermissionDenied,
        Failure::Connection { .. } | Failure::Timeout(_) => ErrorKind::EngineUnavailable,
        Failure::Answer { .. } | Failure::Reported(_) | Failure::NotAnEngine(_) => otherwise,
    }
}

fn reasons(missing: &[Gap]) -> String {
    let each: Vec<_> = missing
        .iter()
        .map(|gap| format!("{}: {}", gap.capability.as_str(), gap.why))
        .collect();
    each.join("; ")
}

fn remedies(missing: &[Gap]) -> String {
    let each: Vec<_> = missing
        .chunk_by(|a, b| a.remedy == b.remedy)
        .filter_map(|alike| {
            let names: Vec<_> = alike.iter().map(|gap| gap.capability.as_str()).collect();
            let remedy = &alike.first()?.remedy;
            Some(format!("for {}, {remedy}", names.join(", ")))
        })
        .collect();
    each.join("; ")
}

fn quoted(names: &[String]) -> String {
    let each: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    each.join(", ")
}

fn unknown_runtime(name: &str) -> String {
    format!(
        "install `{name}` on the engine's host and name it in the engine's `daemon.json` under \
         `runtimes`, then let the engine read that again (`systemctl reload docker`); or choose \
         another with the runtime setting"
    )
}

fn missing_image(image: &str) -> String {
    format!(
        "load the image `{image}` into the engine (`docker pull {image}`, or `docker load` from a \
         file), choose another with the image setting, or let missing images be pulled"
    )
}

fn no_pull(image: &str) -> String {
    format!(
        "see whether the name `{image}` is right and the engine reaches its registry (a private \
         one wants `docker login` and `docker pull {image}` by hand), load it with `docker load`, \
         or choose another with the image setting"
    )
}

const NOT_OUR_VOLUME: &str = "name another volume in the settings";
const VOLUME_IN_USE: &str = "end the servers that use this engine, and try again";
const NO_ENGINE: &str = "start Docker or Podman (`systemctl start docker`, Docker Desktop, or \
                         `podman system service`), or say where the engine is with DOCKER_HOST or \
                         the engine setting";
const SILENT: &str = "the engine takes the call and does not answer: see whether it is overloaded \
                      or stopped, and restart it";
const PERMISSION: &str = "add the user that runs the server to the group `docker` and log in again \
                          (that group is as good as root), or use a rootless engine";
const NOT_AN_ENGINE: &str = "something else answers at the engine's address: correct DOCKER_HOST \
                             or the engine setting";
const SCHEME: &str = "use a `unix://` or `tcp://` address; instead of `ssh://`, forward the socket \
                      (`ssh -L /tmp/docker.sock:/var/run/docker.sock HOST`) and name the forwarded \
                      one as `unix:///tmp/docker.sock`";
const ADDRESS: &str = "correct the engine's address: `unix:///path/to/docker.sock` or \
                       `tcp://host:port`, or choose an existing Docker context";
const TOO_OLD: &str = "update the engine: Docker 20.10 or later, Podman 4 or later";
const TOO_NEW: &str = "update this server, or let the engine accept older clients";
const PODMAN_SECCOMP: &str = "with Podman the engine must run on this host and see its processes; \
                              use a local socket, or Docker";
const RUNTIME_OF_PODMAN: &str = "set `runtime` in Podman's `containers.conf` and restart its \
                                 service, or leave the runtime setting away";
const GVISOR: &str = "see that the engine's `daemon.json` has `--network=none` among the \
                      `runtimeArgs` of gVisor, which starts nothing here without it";
const TOO_SLOW: &str = "the engine is overloaded, or its runtime hangs: start a container by hand \
                        with the same `--runtime`";
const PROBE: &str = "see by `doctor` what the engine lacks: a server runs nothing before it has \
                     looked at a sandbox";
const NO_PYTHON: &str = "choose an image that has `python3`, version 3.9 or later, on its path";
const DISK_FULL: &str = "the container engine's disk is full: make room on it (`docker system df` shows \
                         what takes it); nothing has to be restarted";
const IMAGE_GONE: &str = "the image was removed or replaced just now: try again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_words_stay_in_the_chain() {
        let source = Failure::Answer {
            status: 500,
            message: "secret of the daemon".to_owned(),
        };
        let error = SandboxError::from(DockerError::Start(source));
        assert_eq!(error.kind(), ErrorKind::StartFailed);
        assert_eq!(
            error.chain(),
            "failed to start the sandbox (starting the container): the engine answered 500: \
             secret of the daemon"
        );
        assert!(!error.hint().unwrap_or_default().contains("secret"));
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn a_full_disk_is_named() {
        for (message, named) in [
            ("mkdir /x/overlay2/y: no space left on device", true),
            ("OCI runtime create failed: Disk quota exceeded", true),
            ("no space for jokes", false),
        ] {
            let source = Failure::Answer {
                status: 500,
                message: message.to_owned(),
            };
            let error = SandboxError::from(DockerError::Create(source));
            assert_eq!(error.kind(), ErrorKind::StartFailed);
            assert_eq!(error.hint().is_some(), named, "{message}");
            assert!(!error.hint().unwrap_or_default().contains("/x"));
        }
    }

    #[test]
    fn a_missing_permission_names_the_group() {
        let source = Failure::from(bollard::errors::Error::from(io::Error::from(
            io::ErrorKind::PermissionDenied,
        )));
        let error = SandboxError::from(DockerError::Reach {
            endpoint: "unix:///x".to_owned(),
            source,
        });
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.hint().unwrap().contains("group `docker`"));
        assert!(error.hint().unwrap().contains("rootless"));
        assert!(!error.hint().unwrap().contains("/x"));
    }
}
