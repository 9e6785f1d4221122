//! The weak containers that several chapters use, each weak in one thing.

use super::super::case::Weakness;

/// Hardened like a sandbox, but for the filter on system calls.
pub(super) const UNFILTERED: Weakness = Weakness::new(
    "no seccomp filter",
    &[
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "no-new-privileges",
        "--cap-drop",
        "ALL",
        "--read-only",
        "--tmpfs",
        "/tmp:rw,exec,mode=1777",
        "--user",
        "10002:10002",
    ],
);

/// Everything that an administrator may do, in namespaces of its own. Not `--privileged`, which fails
/// on machines whose engine itself lacks a capability.
pub(super) const PRIVILEGED: Weakness = Weakness::new(
    "all capabilities and devices, no filter, no masks",
    &[
        "@CAPABILITIES@",
        "@DEVICES@",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "apparmor=unconfined",
        "--security-opt",
        "systempaths=unconfined",
        "--device-cgroup-rule",
        "a *:* rwm",
    ],
)
.after(
    // Only this container's own mounts, not what they show; /sys belongs to its network namespace.
    "mount -o remount,rw /sys 2>/dev/null; for place in /sys /sys/fs/cgroup /sys/fs/cgroup/*; do \
     mount -o remount,bind,rw $place $place 2>/dev/null; done; exec python3 -",
);

/// What `docker run` does by itself: the user root, and a file system that can be written.
pub(super) const DEFAULTS: Weakness = Weakness::new("docker's defaults, as root", &[]);

/// The host's directory of canaries at its own path.
pub(super) const MOUNTED: Weakness = Weakness::new(
    "a directory of the host mounted",
    &["--volume", "@DIR@:@DIR@"],
);

/// The host's network.
pub(super) const HOST_NETWORK: Weakness = Weakness::new("--network host", &["--network", "host"]);

/// The host's processes.
pub(super) const HOST_PROCESSES: Weakness = Weakness::new("--pid host", &["--pid", "host"]);

/// The host's System V objects.
pub(super) const HOST_IPC: Weakness = Weakness::new("--ipc host", &["--ipc", "host"]);
