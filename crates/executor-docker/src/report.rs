//! What the engine is and keeps, as plain values for an operator's eyes.

use crate::facts::{self, CgroupVersion, Enforcement, EngineFacts, EngineKind, Kernel};
use crate::runtime::Runtime;

/// One engine, described for its operator. It names addresses and versions of the host: not for
/// clients.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineReport {
    /// Where it was found, and who said so.
    pub endpoint: String,
    /// `Docker` or `Podman`.
    pub name: &'static str,
    /// Its version, as it says.
    pub version: String,
    /// The newest version of the API that it speaks.
    pub api: String,
    /// Operating system and architecture of its containers, as in `linux/amd64`.
    pub platform: String,
    /// Its host's kernel.
    pub kernel: String,
    /// Control groups: version and driver, as in `v2, systemd`.
    pub cgroup: String,
    /// The runtime that starts sandboxes, with its version where the engine tells, and whether it
    /// is the engine's default or was chosen.
    pub runtime: String,
    /// Whether the runtime gives each sandbox a kernel of its own, by its name; the look from inside
    /// has to find that one, else `isolation` is broken.
    pub own_kernel: bool,
    /// How images are stored.
    pub storage: String,
    /// Whether it runs without root.
    pub rootless: bool,
    /// The image that sandboxes are made from.
    pub image: String,
    /// Whether that image is on the engine.
    pub image_present: bool,
    /// Every promise: kept or not, by what, and what to do.
    pub enforced: Vec<Enforcement>,
    /// What the operator should know although all promises are kept.
    pub warnings: Vec<String>,
}

/// Process 1 of a sandbox, as its engine knows it. It names things of the host: not for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostProcess {
    /// The engine's own id of the container. The control groups of its processes bear it.
    pub container: String,
    /// The number of the process on the engine's host, which may be another one than this.
    pub pid: u32,
}

impl HostProcess {
    /// Process `pid` of `container`.
    pub fn new(container: impl Into<String>, pid: u32) -> Self {
        let container = container.into();
        Self { container, pid }
    }
}

impl EngineReport {
    pub(crate) fn new(
        endpoint: String,
        facts: EngineFacts,
        runtime: &Runtime,
        image: String,
        image_present: bool,
    ) -> Self {
        let cgroup = match facts.cgroup {
            CgroupVersion::V1 => "v1",
            CgroupVersion::V2 => "v2",
        };
        Self {
            endpoint,
            name: match facts.kind {
                EngineKind::Docker => "Docker",
                EngineKind::Podman => "Podman",
            },
            enforced: facts::enforcement(&facts, runtime.kernel),
            warnings: facts::warnings(&facts, runtime.kernel),
            platform: format!("{}/{}", facts.os, facts.arch),
            cgroup: format!("{cgroup}, {}", facts.cgroup_driver),
            runtime: described(&facts, runtime),
            own_kernel: runtime.kernel == Kernel::GVisor,
            version: facts.version,
            api: facts.api,
            kernel: facts.kernel,
            storage: facts.storage,
            rootless: facts.rootless,
            image,
            image_present,
        }
    }
}

fn described(facts: &EngineFacts, runtime: &Runtime) -> String {
    let name = &runtime.name;
    let what = match (&facts.runc, runtime.kernel) {
        (Some(version), Kernel::Hosts) if name == "runc" => format!("runc {version}"),
        (_, Kernel::Hosts) => name.clone(),
        (_, Kernel::GVisor) => format!("{name}, which is gVisor"),
    };
    if *name == facts.runtime {
        format!("{what} (the engine's default)")
    } else {
        what
    }
}
