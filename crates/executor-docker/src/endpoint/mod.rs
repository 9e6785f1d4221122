//! Where the engine is: a pure function from settings, environment and files to an [`Endpoint`].
//!
//! The order is that of Docker's own client, with the sockets of rootless Docker and Podman
//! behind it. Nothing is dialled here; `client` does that.

mod address;
mod context;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::settings::{DockerSettings, EngineEnvironment};

/// Where the engine is, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) transport: Transport,
    pub(crate) source: Source,
}

/// How its bytes travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transport {
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
    /// `host:port`, with TLS both ways.
    Tls(String, TlsFiles),
    NamedPipe(String),
}

/// The files of a mutually authenticated connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsFiles {
    fn inside(directory: &Path) -> Self {
        Self {
            ca: directory.join("ca.pem"),
            cert: directory.join("cert.pem"),
            key: directory.join("key.pem"),
        }
    }
}

/// Who said where the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Setting,
    Variable,
    Context(String),
    DefaultSocket,
    RootlessSocket,
    PodmanSocket,
}

/// Why no endpoint could be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    #[error("there is no engine's socket at {}", list(.0))]
    NothingFound(Vec<PathBuf>),
    #[error("`{0}` is not an engine's address")]
    NotAnAddress(String),
    #[error("`{0}` is an address of a kind that is not spoken here")]
    UnsupportedScheme(String),
    #[error("`{0}` needs a Windows host")]
    WindowsOnly(String),
    #[error("the Docker context `{0}` does not exist")]
    NoSuchContext(String),
    #[error("the description of the Docker context `{name}` cannot be used: {why}")]
    BadContext { name: String, why: String },
    #[error("the file `{}` for TLS cannot be read: {why}", .path.display())]
    TlsFile { path: PathBuf, why: String },
}

/// The few questions asked of the file system, so that a table can answer them.
pub(crate) trait Files {
    /// The whole content of a small file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Whether something is at `path`, even if we may not use it.
    fn exists(&self, path: &Path) -> bool;
}

/// Finds the engine.
///
/// The first of these that says something wins, and its mistake is reported rather than passed
/// over: the setting, `DOCKER_HOST`, `DOCKER_CONTEXT`, the context chosen with `docker context
/// use`. Then the first socket that exists: Docker's, rootless Docker's, Podman's.
pub(crate) fn resolve(
    settings: &DockerSettings,
    files: &dyn Files,
) -> Result<Endpoint, EndpointError> {
    let environment = &settings.environment;
    let named = |address: &str, source| {
        let tls = address::tls_of_environment(address, environment);
        let transport = address::parse(address, tls.as_ref(), files)?;
        Ok(Endpoint { transport, source })
    };
    if let Some(address) = &settings.host {
        return named(address, Source::Setting);
    }
    if let Some(address) = &environment.docker_host {
        return named(address, Source::Variable);
    }
    if let Some(endpoint) = context::resolve(environment, files)? {
        return Ok(endpoint);
    }
    let candidates = default_sockets(environment);
    for (path, source) in &candidates {
        if files.exists(path) {
            return Ok(Endpoint {
                transport: Transport::Unix(path.clone()),
                source: source.clone(),
            });
        }
    }
    Err(EndpointError::NothingFound(
        candidates.into_iter().map(|(path, _)| path).collect(),
    ))
}

fn default_sockets(environment: &EngineEnvironment) -> Vec<(PathBuf, Source)> {
    let mut sockets = vec![(PathBuf::from("/var/run/docker.sock"), Source::DefaultSocket)];
    if let Some(runtime) = &environment.xdg_runtime_dir {
        sockets.push((runtime.join("docker.sock"), Source::RootlessSocket));
        sockets.push((runtime.join("podman/podman.sock"), Source::PodmanSocket));
    }
    sockets.push((
        PathBuf::from("/run/podman/podman.sock"),
        Source::PodmanSocket,
    ));
    sockets
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    shown.join(", ")
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.transport, self.source)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
            Self::Tls(authority, _) => write!(f, "tcp://{authority} with TLS"),
            Self::NamedPipe(name) => write!(f, "npipe://{name}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting => f.write_str("from the settings"),
            Self::Variable => f.write_str("from DOCKER_HOST"),
            Self::Context(name) => write!(f, "from the Docker context `{name}`"),
            Self::DefaultSocket => f.write_str("the default socket"),
            Self::RootlessSocket => f.write_str("the socket of a rootless engine"),
            Self::PodmanSocket => f.write_str("the socket of Podman"),
        }
    }
}

/// The real file system.
#[derive(Debug)]
pub(crate) struct LocalFiles;

/// No file read here is larger in earnest: a client's configuration, a context's description.
const MAX_FILE: u64 = 1024 * 1024;

impl Files for LocalFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        use io::Read as _;
        let mut content = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(MAX_FILE + 1).read_to_end(&mut content)?;
        if u64::try_from(content.len()).is_ok_and(|length| length <= MAX_FILE) {
            Ok(content)
        } else {
            Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is larger than 1 MiB",
            ))
        }
    }

    fn exists(&self, path: &Path) -> bool {
        match path.symlink_metadata() {
            Ok(_) => true,
            // Behind a directory that we may not enter may be an engine; dialling it then says
            // that it is the permission that is missing.
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        }
    }
}

#[cfg(test)]
mod tests;
