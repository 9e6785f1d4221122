//! Which runtime starts the sandboxes, chosen once and then named in every start.
//!
//! Nothing here falls back: a runtime that the engine does not know is refused, and one that is
//! taken for gVisor has to show in the look from inside that it is.

use crate::error::DockerError;
use crate::facts::{EngineFacts, EngineKind, Kernel};
use crate::settings::RuntimeName;

/// The runtime of all sandboxes of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Runtime {
    /// As the engine calls it; empty where the engine has no name for what it uses.
    pub(crate) name: String,
    /// Whose kernel its sandboxes call, as far as its name tells.
    pub(crate) kernel: Kernel,
}

impl Runtime {
    /// The one that the operator wishes, or else the engine's default.
    pub(crate) fn choose(
        facts: &EngineFacts,
        wish: Option<&RuntimeName>,
    ) -> Result<Self, DockerError> {
        let name = wish.map_or(facts.runtime.as_str(), RuntimeName::as_str);
        if wish.is_some() {
            match facts.kind {
                EngineKind::Docker if !facts.runtimes.contains_key(name) => {
                    return Err(DockerError::UnknownRuntime {
                        name: name.to_owned(),
                        known: facts.runtimes.keys().cloned().collect(),
                    });
                }
                EngineKind::Podman if name != facts.runtime => {
                    return Err(DockerError::RuntimeOfPodman {
                        name: name.to_owned(),
                        used: facts.runtime.clone(),
                    });
                }
                EngineKind::Docker | EngineKind::Podman => {}
            }
        }
        Ok(Self {
            name: name.to_owned(),
            kernel: kernel(facts, name),
        })
    }

    /// What the engine is told; Podman's service takes no runtime, and uses its default.
    pub(crate) fn told(&self, engine: EngineKind) -> Option<String> {
        (engine == EngineKind::Docker && !self.name.is_empty()).then(|| self.name.clone())
    }
}

/// Whether the engine knows a runtime that is gVisor, so that there may be something of it.
pub(crate) fn knows_gvisor(facts: &EngineFacts) -> bool {
    let mut names = facts.runtimes.keys();
    names.any(|name| kernel(facts, name) == Kernel::GVisor)
}

/// By the names of the runtime and of its program. Nothing else tells before a sandbox runs, and a
/// sandbox of gVisor does not even start under limits that are right for others.
fn kernel(facts: &EngineFacts, name: &str) -> Kernel {
    let program = facts.runtimes.get(name).map_or("", String::as_str);
    let program = program.rsplit('/').next().unwrap_or_default();
    let mut words = [name, program].into_iter();
    if words.any(|word| word.contains("runsc") || word.contains("gvisor")) {
        Kernel::GVisor
    } else {
        Kernel::Hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kind: EngineKind, default: &str) -> EngineFacts {
        let runtimes = [
            ("runc", "runc"),
            ("io.containerd.runc.v2", ""),
            ("sandboxed", "/opt/bin/runsc-2026"),
            ("gvisor", "/usr/bin/wrapper"),
            ("crun", "/runsc/bin/crun"),
        ];
        EngineFacts {
            kind,
            runtime: default.to_owned(),
            runtimes: runtimes
                .map(|(name, path)| (name.to_owned(), path.to_owned()))
                .into(),
            ..EngineFacts::default()
        }
    }

    /// What is chosen on such an engine by somebody who wishes this.
    #[track_caller]
    fn check(kind: EngineKind, default: &str, wish: &str, expected: &str) {
        let wish = (!wish.is_empty()).then(|| wish.parse::<RuntimeName>().unwrap());
        let chosen = match Runtime::choose(&facts(kind, default), wish.as_ref()) {
            Ok(chosen) => {
                let kernel = chosen.kernel;
                format!("{} {:?} {kernel:?}", chosen.name, chosen.told(kind))
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(chosen, expected);
    }

    #[test]
    fn the_engines_default_is_named_and_what_it_does_not_know_refused() {
        use EngineKind::{Docker, Podman};
        check(Docker, "runc", "", "runc Some(\"runc\") Hosts");
        check(Docker, "gvisor", "", "gvisor Some(\"gvisor\") GVisor");
        check(Docker, "", "", " None Hosts");
        let named = "sandboxed Some(\"sandboxed\") GVisor";
        check(Docker, "runc", "sandboxed", named);
        check(Docker, "runc", "crun", "crun Some(\"crun\") Hosts");
        check(
            Docker,
            "runc",
            "runsc",
            "the engine knows no runtime `runsc`; it knows `crun`, `gvisor`, \
             `io.containerd.runc.v2`, `runc`, `sandboxed`",
        );
        check(Podman, "crun", "", "crun None Hosts");
        check(Podman, "crun", "crun", "crun None Hosts");
        check(
            Podman,
            "crun",
            "gvisor",
            "Podman's service starts containers by `crun` and not by `gvisor`",
        );
    }
}
