//! Who sees from outside what a backend's sandboxes leave behind.

use std::fmt;
use std::fs::DirEntry;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use executor_core::id::SandboxId;

/// Looks at the engine itself, past the backend under test.
#[async_trait]
pub trait Witness: fmt::Debug + Send + Sync + 'static {
    /// How many sandboxes there are, running or not, whose identity or command mentions
    /// `marker`.
    ///
    /// # Errors
    ///
    /// When the engine does not answer the witness.
    async fn sandboxes(&self, marker: &str) -> Result<usize, WitnessError>;
}

/// The witness saw nothing.
#[derive(Debug, thiserror::Error)]
#[error("the witness cannot see the engine: {0}")]
pub struct WitnessError(String);

impl WitnessError {
    /// Because of this.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// How many processes of this machine mention `marker` in their command line, sandboxed or not.
///
/// The kernel shows the processes of local containers too. Zombies have no command line.
#[must_use]
pub fn processes(marker: &str) -> usize {
    marked(marker).count()
}

/// The `/proc` directories of the processes, other than this one, that mention `marker`.
fn marked(marker: &str) -> impl Iterator<Item = PathBuf> {
    let own = std::process::id().to_string();
    let is_other = move |entry: &DirEntry| {
        let name = entry.file_name();
        let process = name
            .to_str()
            .is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
        process && *name != *own
    };
    let mentions = move |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        line.windows(marker.len())
            .any(|window| window == marker.as_bytes())
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter(is_other)
        .map(|entry| entry.path())
        .filter(mentions)
}

/// The containers, by the engine's names for them, in which a process of this machine mentions
/// `marker` in its command line.
#[must_use]
pub fn containers(marker: &str) -> Vec<String> {
    let mut found: Vec<_> = marked(marker)
        .filter_map(|process| std::fs::read_to_string(process.join("cgroup")).ok())
        .filter_map(|groups| container_id(&groups).map(str::to_owned))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Waits until a process with this marker runs in a container, and names the container.
///
/// # Errors
///
/// When there is none `within` that time.
pub async fn container_of(marker: &str, within: Duration) -> Result<String, WitnessError> {
    let begun = Instant::now();
    loop {
        if let [container] = containers(marker).as_slice() {
            return Ok(container.clone());
        }
        if begun.elapsed() >= within {
            return Err(WitnessError::new(format!(
                "no container runs `{marker}` after {within:?}"
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A word that nobody else has, to know processes and sandboxes by.
///
/// # Errors
///
/// When the operating system has no randomness to give.
pub fn marker() -> Result<String, WitnessError> {
    let random = SandboxId::random().map_err(WitnessError::new)?;
    Ok(format!("mark-{random}"))
}

/// A Python program with a child process that bears the marker. It prints `up` when the child is
/// started and then does `then`, one line in which the child is called `child`.
#[must_use]
pub fn visible_program(marker: &str, then: &str) -> String {
    format!(
        "import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'],
                         start_new_session=True)
print('up', flush=True)
try:
    {then}
except subprocess.TimeoutExpired:
    pass
"
    )
}

/// Every engine names a container's control groups after its 64 hexadecimal digits.
fn container_id(groups: &str) -> Option<&str> {
    groups
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_control_group() {
        let id = "0123456789abcdef".repeat(4);
        for groups in [
            format!("4:memory:/docker/{id}\n0::/"),
            format!("0::/system.slice/docker-{id}.scope"),
            format!("0::/machine.slice/libpod-{id}.scope/container"),
        ] {
            assert_eq!(container_id(&groups), Some(id.as_str()));
        }
        assert_eq!(container_id("0::/user.slice/session-1.scope"), None);
    }

    #[test]
    fn this_process_is_not_counted() {
        let own = std::fs::read_to_string("/proc/self/cmdline").unwrap();
        let name = own.split('\0').next().unwrap();
        assert!(!marked(name).any(|process| process.ends_with(std::process::id().to_string())));
        assert_eq!(processes("no command line has this word: 4a2c"), 0);
    }
}
