//! What the operator decides about this backend, as plain values checked at birth.
//!
//! The process environment is never read here: whoever assembles the program passes it in.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use executor_core::capabilities::Capabilities;

use crate::store::VolumeName;

/// How a [`DockerBackend`](crate::DockerBackend) finds its engine and what it starts there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DockerSettings {
    /// Where the engine is, if the operator says so: `unix:///path`, `tcp://host:port`,
    /// `npipe:////./pipe/name`. It wins over everything in `environment`.
    pub host: Option<String>,
    /// The variables that Docker's own client honours.
    pub environment: EngineEnvironment,
    /// The image whose `python3` is run.
    pub image: ImageRef,
    /// What to do when the image is not there.
    pub pull: PullPolicy,
    /// The runtime that starts the sandboxes, by the engine's name for it; unset, the engine's
    /// default as it is when the backend prepares. One that the engine does not know is refused:
    /// there is no falling back.
    pub runtime: Option<RuntimeName>,
    /// The volume that keeps sets of modules; unset, there is none, and each run installs its own.
    pub store: Option<VolumeName>,
    /// The promises that the operator does without where this host does not keep them. Whatever is
    /// not named here is refused as ever.
    pub accepted: Capabilities,
}

impl DockerSettings {
    /// Sandboxes of `image`, on the engine that Docker's own client would use.
    #[must_use]
    pub fn new(image: ImageRef) -> Self {
        Self {
            host: None,
            environment: EngineEnvironment::default(),
            image,
            pull: PullPolicy::default(),
            runtime: None,
            store: None,
            accepted: Capabilities::default(),
        }
    }
}

/// The values of the environment that say where an engine is, all optional.
///
/// An empty value counts as absent, as it does for Docker's own client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineEnvironment {
    /// `DOCKER_HOST`: the engine's address.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`: the name of a Docker context.
    pub docker_context: Option<String>,
    /// `DOCKER_TLS_VERIFY`: any value asks for TLS on a TCP address.
    pub docker_tls_verify: Option<String>,
    /// `DOCKER_CERT_PATH`: the directory of `ca.pem`, `cert.pem` and `key.pem`.
    pub docker_cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`: the directory of `config.json` and of the contexts; else `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, where rootless engines put their sockets.
    pub xdg_runtime_dir: Option<PathBuf>,
}

impl EngineEnvironment {
    /// Takes what it needs from `lookup`, which knows variables by name.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name| lookup(name).filter(|value| !value.is_empty());
        let path = |name| text(name).map(PathBuf::from);
        Self {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            docker_tls_verify: text("DOCKER_TLS_VERIFY"),
            docker_cert_path: path("DOCKER_CERT_PATH"),
            docker_config: path("DOCKER_CONFIG"),
            home: path("HOME"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
        }
    }

    /// Where Docker's client keeps its configuration.
    pub(crate) fn config_dir(&self) -> Option<PathBuf> {
        self.docker_config
            .clone()
            .or_else(|| Some(self.home.as_ref()?.join(".docker")))
    }
}

/// What to do when the image is not on the engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PullPolicy {
    /// Pull it, while preparing; never inside a start.
    #[default]
    Missing,
    /// Fail and say which image it is.
    Never,
}

/// The name of a runtime, as in the engine's own settings: `runc`, `crun`, `runsc`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuntimeName(String);

/// A text that names no runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a runtime: letters, digits, `.`, `_` and `-` make one")]
pub struct NotARuntime(String);

/// No engine has longer names.
const MAX_RUNTIME: usize = 128;

impl RuntimeName {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RuntimeName {
    type Err = NotARuntime;

    fn from_str(text: &str) -> Result<Self, NotARuntime> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= MAX_RUNTIME && text.chars().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotARuntime(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for RuntimeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an image: `name`, `name:tag`, `registry:port/path/name@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageRef(String);

/// A text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of an image: write it as in `registry/name:tag` or `name@sha256:…`")]
pub struct NotAnImage(String);

/// No registry takes longer names.
const MAX_IMAGE_REF: usize = 512;

impl ImageRef {
    /// The reference as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The repository, and the tag or digest; `latest` where neither was written, because an
    /// engine asked without a tag would pull every one there is.
    pub(crate) fn split(&self) -> (&str, &str) {
        if let Some((name, digest)) = self.0.split_once('@') {
            return (name, digest);
        }
        match self.0.rsplit_once(':') {
            // A colon before a slash belongs to the registry's port.
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (&self.0, "latest"),
        }
    }
}

impl FromStr for ImageRef {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        let starts_well = text
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphanumeric());
        let ends_well = text
            .chars()
            .last()
            .is_some_and(|c| c.is_ascii_alphanumeric());
        let sound = starts_well
            && ends_well
            && text.len() <= MAX_IMAGE_REF
            && text.chars().all(plain)
            && !text.contains("//")
            && text.matches('@').count() <= 1;
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnImage(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_split_where_the_engine_would() {
        for (text, name, tag) in [
            ("python", "python", "latest"),
            ("python:3.12", "python", "3.12"),
            ("localhost:5000/python", "localhost:5000/python", "latest"),
            ("localhost:5000/a/b:c", "localhost:5000/a/b", "c"),
            ("a/b@sha256:0123", "a/b", "sha256:0123"),
        ] {
            let image: ImageRef = text.parse().unwrap();
            assert_eq!(image.split(), (name, tag), "{text}");
        }
        for text in [
            "", "-v", "a b", "a//b", "a:", "/a", "a@b@c", "a\n", "$(id)", "..", "é",
        ] {
            assert!(text.parse::<ImageRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn runtimes_have_plain_names() {
        for text in ["runsc", "io.containerd.runsc.v1", "runsc-kvm", "a_1"] {
            assert_eq!(text.parse::<RuntimeName>().unwrap().as_str(), text);
        }
        let long = "x".repeat(129);
        for text in ["", "-v", "a b", "/usr/bin/runsc", "a\n", "é", &long] {
            assert!(text.parse::<RuntimeName>().is_err(), "{text}");
        }
    }

    #[test]
    fn empty_variables_are_absent() {
        let environment = EngineEnvironment::from_lookup(|name| match name {
            "DOCKER_HOST" => Some(String::new()),
            "HOME" => Some("/home/ada".to_owned()),
            _ => None,
        });
        assert_eq!(environment.docker_host, None);
        assert_eq!(
            environment.config_dir(),
            Some(PathBuf::from("/home/ada/.docker"))
        );
    }
}
