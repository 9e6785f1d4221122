//! The engine's volume that keeps sets of modules: ours by its label, made when it is missing, never taken from others.
//!
//! A named volume, and no path of the host: a remote engine could not mount one. It outlives every sandbox and server,
//! and goes only when its operator says so.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use bollard::models::{Mount, MountType, MountVolumeOptions};
use executor_core::backend::StoreAccess;

use crate::client::{Client, Removal};
use crate::error::DockerError;
use crate::facts::{EngineFacts, EngineKind};

/// Where sandboxes see it.
pub(crate) const PLACE: &str = "/env";

/// The label of a volume that is ours.
const LABEL: &str = "mcp-pyexec.environments";

/// The generation of what lies in it; a volume of another generation is left to the servers of that.
const GENERATION: &str = "1";

/// The name of the volume that keeps sets of modules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VolumeName(String);

/// A text that names no volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the name of a volume: two or more letters, digits, `.`, `_` and `-` make one"
)]
pub struct NotAVolume(String);

/// Engines keep a volume in a directory of its name.
const MAX_NAME: usize = 128;

impl VolumeName {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VolumeName {
    type Err = NotAVolume;

    fn from_str(text: &str) -> Result<Self, NotAVolume> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && (2..=MAX_NAME).contains(&text.len()) && text.chars().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAVolume(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sees to it that the volume is there and ours. Where it cannot be had, modules are installed by each run for itself,
/// which is said once, here.
pub(crate) async fn open(
    client: &Client,
    facts: &EngineFacts,
    name: Option<&VolumeName>,
) -> Option<String> {
    let name = name?;
    if facts.kind == EngineKind::Podman {
        tracing::info!("Podman's volumes are not used: each call installs its own modules");
        return None;
    }
    match ensure(client, name.as_str()).await {
        Ok(true) => Some(name.as_str().to_owned()),
        Ok(false) => {
            tracing::warn!(
                volume = name.as_str(),
                "a volume of this name is not ours: each call installs its own modules"
            );
            None
        }
        Err(error) => {
            let error = executor_core::SandboxError::from(error);
            tracing::warn!("there is no store for modules: {}", error.chain());
            None
        }
    }
}

/// Says whether the volume is ours; makes it if there is none.
async fn ensure(client: &Client, name: &str) -> Result<bool, DockerError> {
    if let Some(labels) = client.volume_labels(name).await? {
        return Ok(is_ours(&labels));
    }
    client.create_volume(name, labels()).await?;
    // Whoever else made it meanwhile has given it his labels.
    let made = client.volume_labels(name).await?;
    Ok(made.is_some_and(|labels| is_ours(&labels)))
}

/// Removes the volume if it is ours; says whether there was one. An engine refuses while a sandbox has it mounted.
pub(crate) async fn remove(client: &Client, name: &VolumeName) -> Result<bool, DockerError> {
    match client.volume_labels(name.as_str()).await? {
        Some(labels) if is_ours(&labels) => {}
        Some(_) => return Err(DockerError::NotOurVolume(name.as_str().to_owned())),
        None => return Ok(false),
    }
    match client.remove_volume(name.as_str()).await? {
        Removal::Done => Ok(true),
        Removal::Absent => Ok(false),
        Removal::InProgress => Err(DockerError::VolumeInUse(name.as_str().to_owned())),
    }
}

/// How a sandbox sees the volume. An engine that finds it gone makes it anew, with our label.
pub(crate) fn mount(volume: Option<&String>, access: StoreAccess) -> Option<Vec<Mount>> {
    let read_only = match access {
        StoreAccess::None => return None,
        StoreAccess::ReadOnly => true,
        StoreAccess::Write => false,
    };
    Some(vec![Mount {
        target: Some(PLACE.to_owned()),
        source: Some(volume?.clone()),
        typ: Some(MountType::VOLUME),
        read_only: Some(read_only),
        volume_options: Some(MountVolumeOptions {
            // What the image has there does not go into it.
            no_copy: Some(true),
            labels: Some(labels()),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }])
}

fn labels() -> HashMap<String, String> {
    HashMap::from([(LABEL.to_owned(), GENERATION.to_owned())])
}

fn is_ours(labels: &HashMap<String, String>) -> bool {
    labels.get(LABEL).map(String::as_str) == Some(GENERATION)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn volumes_have_plain_names() {
        for text in ["ab", "mcp-python-environments", "a_1.x"] {
            assert_eq!(text.parse::<VolumeName>().unwrap().as_str(), text);
        }
        let long = "x".repeat(129);
        for text in ["", "a", "-v", "a b", "/srv/x", "a:b", "../x", "é!", &long] {
            assert!(text.parse::<VolumeName>().is_err(), "{text}");
        }
    }

    #[test]
    fn sandboxes_with_programs_cannot_write_it() {
        let volume = "environments".to_owned();
        let told = |access| serde_json::to_string(&mount(Some(&volume), access)).unwrap();
        assert_eq!(told(StoreAccess::None), "null");
        expect![[r#"[{"Target":"/env","Source":"environments","Type":"volume","ReadOnly":true,"VolumeOptions":{"NoCopy":true,"Labels":{"mcp-pyexec.environments":"1"}}}]"#]]
            .assert_eq(&told(StoreAccess::ReadOnly));
        let writable = told(StoreAccess::ReadOnly).replace("true,\"Vol", "false,\"Vol");
        assert_eq!(told(StoreAccess::Write), writable);
        assert_eq!(mount(None, StoreAccess::Write), None);
    }
}
