//! The container engine that a test finds in its environment, as seen past any backend.
//!
//! `EXECUTOR_TEST_DOCKER` says `require`, `auto` (the default) or `off`; `DOCKER_HOST` and
//! `EXECUTOR_TEST_IMAGE` say where the engine is and which image it holds. The engine is looked
//! at with the `docker` command, which shares no code with what is tested.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::process::Command;

use crate::witness::{HostLimits, Witness, WitnessError};

/// The image that tests run when `EXECUTOR_TEST_IMAGE` names none.
pub const DEFAULT_IMAGE: &str = "mcp-python-executor:local";

/// The label that every container of ours bears; its value names its owner.
pub const OWNER_LABEL: &str = "mcp-pyexec.owner";

/// How long the `docker` command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An engine that answers and has the image.
#[derive(Debug, Clone)]
pub struct Engine {
    host: Option<String>,
    image: String,
}

/// An engine that no other test with a turn uses meanwhile, unless the turn is a shared one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Turn {
    /// The engine.
    pub engine: Engine,
    _lock: File,
}

/// A container as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Container {
    /// The engine's own name for it.
    pub id: String,
    /// Its names, by which people know it.
    pub names: String,
    /// What it was made to run.
    pub command: String,
    /// `running`, `exited`, `created` and so on.
    pub state: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// The engine for the test `what`, or `None` after the skip was told.
    ///
    /// # Panics
    ///
    /// When the environment requires an engine and there is none.
    #[expect(
        clippy::panic,
        reason = "a required engine that is absent fails the test"
    )]
    #[expect(
        clippy::print_stdout,
        reason = "this line is how a test reports a skip"
    )]
    pub async fn find(what: &str) -> Option<Self> {
        let found = if wish() == "off" {
            Err("EXECUTOR_TEST_DOCKER is `off`".to_owned())
        } else {
            Self::look().await
        };
        match found {
            Ok(engine) => Some(engine),
            Err(why) if required() => panic!("`{what}` requires an engine: {why}"),
            Err(why) => {
                println!("SKIPPED: {what}: {why}");
                None
            }
        }
    }

    /// An engine that the caller knows, which holds this image; perhaps the same one behind something else's address.
    #[must_use]
    pub const fn at(host: String, image: String) -> Self {
        Self {
            host: Some(host),
            image,
        }
    }

    async fn look() -> Result<Self, String> {
        let engine = Self {
            host: variable("DOCKER_HOST"),
            image: variable("EXECUTOR_TEST_IMAGE").unwrap_or_else(|| DEFAULT_IMAGE.to_owned()),
        };
        engine
            .docker(&["version"])
            .await
            .map_err(|error| format!("no engine: {error}"))?;
        engine
            .docker(&["image", "inspect", &engine.image])
            .await
            .map_err(|_| format!("the engine has no image `{}`", engine.image))?;
        Ok(engine)
    }

    /// The engine for the test `what` as [`find`](Self::find) gives it, and the right to be the
    /// only one, in whichever process, that measures time on it.
    ///
    /// # Errors
    ///
    /// When the turns cannot be taken: they are a locked file in the temporary directory.
    pub async fn turn(what: &str) -> std::io::Result<Option<Turn>> {
        Self::turn_by(what, File::lock).await
    }

    /// A [`turn`](Self::turn) that others which only have such a one share: for tests that measure nothing, and
    /// that would disturb those which do.
    ///
    /// # Errors
    ///
    /// Like [`turn`](Self::turn).
    pub async fn shared_turn(what: &str) -> std::io::Result<Option<Turn>> {
        Self::turn_by(what, File::lock_shared).await
    }

    async fn turn_by(
        what: &str,
        take: fn(&File) -> std::io::Result<()>,
    ) -> std::io::Result<Option<Turn>> {
        let Some(engine) = Self::find(what).await else {
            return Ok(None);
        };
        let lock = tokio::task::spawn_blocking(move || {
            let path = std::env::temp_dir().join("mcp-python-executor-tests.lock");
            let file = File::options().create(true).append(true).open(path)?;
            take(&file)?;
            std::io::Result::Ok(file)
        });
        let lock = lock.await.map_err(std::io::Error::other)??;
        Ok(Some(Turn {
            engine,
            _lock: lock,
        }))
    }

    /// Its address, unless it is where the `docker` command looks by itself.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The image that tests run.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// Runs the `docker` command on this engine and gives what it printed.
    ///
    /// # Errors
    ///
    /// When it cannot be run, fails, or takes too long.
    pub async fn docker(&self, arguments: &[&str]) -> Result<String, WitnessError> {
        let mut command = Command::new("docker");
        command
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .map_err(|_elapsed| WitnessError::new("`docker` took too long"))?
            .map_err(|error| WitnessError::new(format!("`docker` cannot be run: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(WitnessError::new(
            String::from_utf8_lossy(&output.stderr).trim(),
        ))
    }

    /// All containers that bear our label, whoever their owner.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn ours(&self) -> Result<Vec<Container>, WitnessError> {
        self.list(&["--filter", &format!("label={OWNER_LABEL}")])
            .await
    }

    /// All containers there are.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn all(&self) -> Result<Vec<Container>, WitnessError> {
        self.list(&[]).await
    }

    /// Waits until a container is gone, and says how long that took.
    ///
    /// # Errors
    ///
    /// When it is still there after `within`.
    pub async fn until_gone(
        &self,
        container: &str,
        within: Duration,
    ) -> Result<Duration, WitnessError> {
        let begun = Instant::now();
        while self.all().await?.iter().any(|other| other.id == container) {
            if begun.elapsed() >= within {
                return Err(WitnessError::new(format!(
                    "`{container}` is there after {within:?}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(begun.elapsed())
    }

    /// The owner label of a container.
    ///
    /// # Errors
    ///
    /// When there is no such container.
    pub async fn owner_of(&self, container: &str) -> Result<String, WitnessError> {
        let all = self.all().await?;
        let found = all.iter().find(|other| other.id == container);
        let owner = found.and_then(|container| container.labels.get(OWNER_LABEL));
        owner
            .cloned()
            .ok_or_else(|| WitnessError::new(format!("`{container}` has no owner")))
    }

    async fn list(&self, filter: &[&str]) -> Result<Vec<Container>, WitnessError> {
        let line = "{{json .}}";
        let arguments = [&["ps", "--all", "--no-trunc", "--format", line], filter].concat();
        self.docker(&arguments)
            .await?
            .lines()
            .map(container)
            .collect()
    }

    /// Waits until `wanted` holds of our containers, and gives them as they then are, or as they
    /// were when `within` had passed.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut wanted: impl FnMut(&[Container]) -> bool,
    ) -> Result<Vec<Container>, WitnessError> {
        let begun = Instant::now();
        loop {
            let ours = self.ours().await?;
            if wanted(&ours) || begun.elapsed() >= within {
                return Ok(ours);
            }
            // The listing itself takes some 50 ms: this is no busy loop.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[async_trait]
impl Witness for Engine {
    async fn sandboxes(&self, marker: &str) -> Result<usize, WitnessError> {
        let mentions = |container: &&Container| {
            container.names.contains(marker)
                || container.command.contains(marker)
                || container
                    .labels
                    .values()
                    .any(|value| value.contains(marker))
        };
        Ok(self.all().await?.iter().filter(mentions).count())
    }

    async fn limits(&self, marker: &str) -> Result<Option<HostLimits>, WitnessError> {
        let all = self.all().await?;
        let container = all
            .iter()
            .find(|container| container.names.contains(marker))
            .ok_or_else(|| WitnessError::new(format!("no container is called `{marker}`")))?;
        let process = self
            .docker(&["inspect", "--format", "{{.State.Pid}}", &container.id])
            .await?;
        let process = process.trim().parse().map_err(WitnessError::new)?;
        // An engine on another host has processes that are not ours to see.
        let is_here = self.host().is_none_or(|host| host.starts_with("unix://"));
        is_here.then(|| HostLimits::of_process(process)).transpose()
    }
}

/// Whether to skip for want of an engine is to fail.
pub(crate) fn required() -> bool {
    wish() == "require"
}

fn wish() -> String {
    variable("EXECUTOR_TEST_DOCKER").unwrap_or_else(|| "auto".to_owned())
}

fn container(line: &str) -> Result<Container, WitnessError> {
    let value: serde_json::Value = serde_json::from_str(line)
        .map_err(|error| WitnessError::new(format!("`docker ps` printed `{line}`: {error}")))?;
    let field = |name: &str| {
        value
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let labels = field("Labels");
    let labels = labels.split(',').filter_map(|label| label.split_once('='));
    Ok(Container {
        id: field("ID"),
        names: field("Names"),
        command: field("Command"),
        state: field("State"),
        labels: labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by their environment what is there"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_container_is_read() {
        let read = container(
            r#"{"Command":"\"python3 -I\"","ID":"ab","Labels":"a.b=c,d=","Names":"n","State":"created"}"#,
        )
        .unwrap();
        assert_eq!((read.id.as_str(), read.state.as_str()), ("ab", "created"));
        assert_eq!(read.labels["a.b"], "c");
        assert!(container("no json").is_err());
    }
}
