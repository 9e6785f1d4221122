//! The lines of a container's hardening: how each is weakened, and what looks different then.

use serde_json::{Value, json};

use super::look::Lie;

/// A line of what the engine is told, a weaker one, and what looks different then.
pub(super) struct Line {
    /// Where it stands in `golden/create-docker.json`; a word behind it names a part.
    pub(super) path: &'static str,
    /// How it is weakened.
    pub(super) weaker: &'static str,
    pub(super) lie: Lie,
    pub(super) noticed: &'static [&'static str],
}

const fn line(
    path: &'static str,
    weaker: &'static str,
    lie: Lie,
    noticed: &'static [&'static str],
) -> Line {
    Line {
        path,
        weaker,
        lie,
        noticed,
    }
}

/// Who the sandbox is and what it shows and sees.
pub(super) const IDENTITY: &[Line] = &[
    line(
        "User",
        "another user",
        |body| body["User"] = json!("1000:1000"),
        &["user", "capabilities"],
    ),
    line(
        "User",
        "the groups of the image",
        |body| host(body)["GroupAdd"] = json!(["6"]),
        &["user"],
    ),
    line(
        "Hostname",
        "the container's id",
        |body| take(body, "Hostname"),
        &["host-name"],
    ),
    line(
        "WorkingDir",
        "another place",
        |body| body["WorkingDir"] = json!("/tmp"),
        &["directory"],
    ),
    line("Env", "none", |body| take(body, "Env"), &["variables"]),
    line(
        "HostConfig.CapDrop",
        "none dropped",
        |body| take(host(body), "CapDrop"),
        &["capabilities"],
    ),
    line(
        "HostConfig.CapAdd",
        "one more",
        |body| host(body)["CapAdd"] = json!(["SETUID", "SETGID", "KILL", "NET_RAW"]),
        &["capabilities"],
    ),
    line(
        "HostConfig.CapAdd",
        "none kept",
        |body| take(host(body), "CapAdd"),
        &["capabilities"],
    ),
    line(
        "HostConfig.Privileged",
        "true",
        |body| host(body)["Privileged"] = json!(true),
        &[],
    ),
    line(
        "HostConfig.SecurityOpt no-new-privileges",
        "none",
        |body| keep_options(body, "seccomp"),
        &["new-privileges"],
    ),
    line(
        "HostConfig.SecurityOpt seccomp",
        "the engine's own",
        |body| keep_options(body, "no-new"),
        &["traced"],
    ),
    line(
        "HostConfig.SecurityOpt seccomp",
        "unconfined",
        |body| host(body)["SecurityOpt"] = json!(["no-new-privileges:true", "seccomp=unconfined"]),
        &["filtered", "traced", "regular-node"],
    ),
    line(
        "HostConfig.Init",
        "the engine's",
        |body| host(body)["Init"] = json!(true),
        &["process-1"],
    ),
    line(
        "HostConfig.CgroupnsMode",
        "the host's",
        |body| host(body)["CgroupnsMode"] = json!("host"),
        &["groups"],
    ),
    line(
        "HostConfig.IpcMode",
        "the host's",
        |body| host(body)["IpcMode"] = json!("host"),
        &["size/dev/shm"],
    ),
    line(
        "HostConfig.IpcMode",
        "shareable",
        |body| host(body)["IpcMode"] = json!("shareable"),
        &["shared-memory"],
    ),
    line(
        "HostConfig.PidMode",
        "the host's",
        |body| host(body)["PidMode"] = json!("host"),
        &["process-1", "others"],
    ),
    line(
        "HostConfig.MaskedPaths",
        "none",
        |body| host(body)["MaskedPaths"] = json!([]),
        &["masked"],
    ),
    line(
        "HostConfig.ReadonlyPaths",
        "none",
        |body| host(body)["ReadonlyPaths"] = json!([]),
        &["kernel"],
    ),
    line(
        "StopSignal",
        "SIGTERM",
        |body| take(body, "StopSignal"),
        &["end"],
    ),
    line(
        "Healthcheck",
        "one of the image",
        |body| body["Healthcheck"] = json!({ "Test": ["CMD", "true"], "Interval": 1_000_000_000 }),
        &["engine's-own-programs"],
    ),
];

/// Ways out, and places to write.
pub(super) const PLACES: &[Line] = &[
    line(
        "NetworkDisabled",
        "false; the other line still keeps the network away",
        |body| body["NetworkDisabled"] = json!(false),
        &["hosts-file"],
    ),
    line(
        "HostConfig.NetworkMode",
        "the host's",
        |body| network(body, "host"),
        &["interfaces"],
    ),
    line(
        "HostConfig.Sysctls",
        "the kernel's own; some engines set ours by themselves",
        |body| {
            host(body)["Sysctls"] = json!({ "net.ipv4.ip_unprivileged_port_start": "1024" });
        },
        &["port-of-names"],
    ),
    line(
        "HostConfig.ReadonlyRootfs",
        "false",
        |body| host(body)["ReadonlyRootfs"] = json!(false),
        &["write/", "write/etc", "write/usr"],
    ),
    line(
        "HostConfig.LogConfig",
        "the engine's own",
        |body| take(host(body), "LogConfig"),
        &["output-on-disk"],
    ),
    line(
        "HostConfig.ShmSize",
        "the engine's own",
        |body| take(host(body), "ShmSize"),
        &["size/dev/shm"],
    ),
    line(
        "HostConfig.Tmpfs./tmp",
        "none",
        |body| take(&mut host(body)["Tmpfs"], "/tmp"),
        &["write/tmp"],
    ),
    line(
        "HostConfig.Tmpfs./tmp size",
        "none",
        |body| option(body, "/tmp", "size=", ""),
        &["size/tmp"],
    ),
    line(
        "HostConfig.Tmpfs./tmp nr_inodes",
        "none",
        |body| option(body, "/tmp", "nr_inodes=", ""),
        &["names/tmp"],
    ),
    line(
        "HostConfig.Tmpfs./tmp nosuid",
        "suid",
        |body| option(body, "/tmp", "nosuid", "suid"),
        &["flags/tmp"],
    ),
    line(
        "HostConfig.Tmpfs./tmp nodev",
        "dev",
        |body| option(body, "/tmp", "nodev", "dev"),
        &["flags/tmp"],
    ),
    line(
        "HostConfig.Tmpfs./tmp exec",
        "noexec",
        |body| option(body, "/tmp", "exec", "noexec"),
        &["flags/tmp"],
    ),
    line(
        "HostConfig.Tmpfs./modules",
        "none",
        |body| take(&mut host(body)["Tmpfs"], "/modules"),
        &["size/modules"],
    ),
    line(
        "HostConfig.Tmpfs./modules size",
        "none",
        |body| option(body, "/modules", "size=", ""),
        &["size/modules"],
    ),
    line(
        "HostConfig.Tmpfs./modules nr_inodes",
        "none",
        |body| option(body, "/modules", "nr_inodes=", ""),
        &["names/modules"],
    ),
    line(
        "HostConfig.Tmpfs./modules mode",
        "everybody's",
        |body| option(body, "/modules", "mode=", "mode=1777"),
        &["owner/modules"],
    ),
    line(
        "HostConfig.Tmpfs./modules uid",
        "root's",
        |body| option(body, "/modules", "uid=", ""),
        &["owner/modules"],
    ),
    line(
        "HostConfig.Tmpfs./modules gid",
        "root's",
        |body| option(body, "/modules", "gid=", ""),
        &["owner/modules"],
    ),
    line(
        "HostConfig.Tmpfs./modules nosuid",
        "suid",
        |body| option(body, "/modules", "nosuid", "suid"),
        &["flags/modules"],
    ),
    line(
        "HostConfig.Tmpfs./modules nodev",
        "dev",
        |body| option(body, "/modules", "nodev", "dev"),
        &["flags/modules"],
    ),
    line(
        "HostConfig.Tmpfs./run/sandbox",
        "none",
        |body| take(&mut host(body)["Tmpfs"], "/run/sandbox"),
        &["size/run/sandbox"],
    ),
    line(
        "HostConfig.Tmpfs./run/sandbox size",
        "none",
        |body| option(body, "/run/sandbox", "size=", ""),
        &["size/run/sandbox"],
    ),
    line(
        "HostConfig.Tmpfs./run/sandbox nr_inodes",
        "none",
        |body| option(body, "/run/sandbox", "nr_inodes=", ""),
        &["names/run/sandbox"],
    ),
    line(
        "HostConfig.Tmpfs./run/sandbox mode",
        "everybody's",
        |body| option(body, "/run/sandbox", "mode=", "mode=1777"),
        &["owner/run/sandbox"],
    ),
    line(
        "HostConfig.Tmpfs./run/sandbox noexec",
        "exec",
        |body| option(body, "/run/sandbox", "noexec", "exec"),
        &["flags/run/sandbox"],
    ),
    line(
        "HostConfig.Tmpfs./run/sandbox nosuid",
        "suid",
        |body| option(body, "/run/sandbox", "nosuid", "suid"),
        &["flags/run/sandbox"],
    ),
    line(
        "HostConfig.Tmpfs./run/sandbox nodev",
        "dev",
        |body| option(body, "/run/sandbox", "nodev", "dev"),
        &["flags/run/sandbox"],
    ),
];

/// How it sees the store of module sets, of which only a look in a sandbox that has it can tell.
pub(super) const STORE: &[Line] = &[
    line(
        "HostConfig.Mounts ReadOnly",
        "false",
        |body| host(body)["Mounts"][0]["ReadOnly"] = json!(false),
        &["store", "store/write"],
    ),
    line(
        "HostConfig.Mounts Target",
        "another place",
        |body| host(body)["Mounts"][0]["Target"] = json!("/mnt"),
        &["store"],
    ),
    line(
        "HostConfig.Mounts",
        "none",
        |body| take(host(body), "Mounts"),
        &["store"],
    ),
];

/// What it may use up.
pub(super) const LIMITS: &[Line] = &[
    line(
        "HostConfig.Memory",
        "none",
        |body| {
            ["Memory", "MemorySwap", "MemorySwappiness"]
                .iter()
                .for_each(|name| take(host(body), name))
        },
        &["memory", "hoard"],
    ),
    line(
        "HostConfig.MemorySwap",
        "without end",
        |body| host(body)["MemorySwap"] = json!(-1),
        &["swap"],
    ),
    line(
        "HostConfig.NanoCpus",
        "none",
        |body| take(host(body), "NanoCpus"),
        &["processor"],
    ),
    line(
        "HostConfig.OomScoreAdj",
        "none",
        |body| take(host(body), "OomScoreAdj"),
        &["oom-score"],
    ),
    line(
        "HostConfig.PidsLimit",
        "none",
        |body| take(host(body), "PidsLimit"),
        &["processes"],
    ),
    line(
        "HostConfig.Ulimits nofile",
        "the engine's own",
        |body| without_ulimit(body, "nofile"),
        &["nofile"],
    ),
    line(
        "HostConfig.Ulimits core",
        "the engine's own",
        |body| without_ulimit(body, "core"),
        &["core"],
    ),
    line(
        "HostConfig.Ulimits memlock",
        "the engine's own",
        |body| without_ulimit(body, "memlock"),
        &["memlock"],
    ),
];

/// What only control groups of version 1 have.
pub(super) const LIMITS_OF_V1: &[Line] = &[
    line(
        "HostConfig.MemorySwappiness",
        "the host's",
        |body| take(host(body), "MemorySwappiness"),
        &["swappiness"],
    ),
    line(
        "HostConfig.OomKillDisable",
        "true",
        |body| host(body)["OomKillDisable"] = json!(true),
        &["oom-killer"],
    ),
];

/// How it ends.
pub(super) const ENDS: &[Line] = &[
    line(
        "HostConfig.AutoRemove",
        "true",
        |body| host(body)["AutoRemove"] = json!(true),
        &["after-its-end"],
    ),
    line(
        "HostConfig.RestartPolicy",
        "always",
        |body| host(body)["RestartPolicy"] = json!({ "Name": "always" }),
        &["after-its-end"],
    ),
];

pub(super) const LEFT_ALONE: &[Line] = &[line(
    "StdinOnce",
    "false",
    |body| body["StdinOnce"] = json!(false),
    &["left-alone"],
)];

pub(super) fn host(body: &mut Value) -> &mut Value {
    &mut body["HostConfig"]
}

fn take(object: &mut Value, name: &str) {
    object.as_object_mut().unwrap().remove(name);
}

/// Only the security options that begin so.
fn keep_options(body: &mut Value, start: &str) {
    let options = host(body)["SecurityOpt"].as_array_mut().unwrap();
    options.retain(|option| option.as_str().unwrap().starts_with(start));
}

fn network(body: &mut Value, mode: &str) {
    body["NetworkDisabled"] = json!(false);
    host(body)["NetworkMode"] = json!(mode);
    // The host's own cannot be set.
    take(host(body), "Sysctls");
}

/// Another mount option, or none, in the place of the one that begins with `start`.
fn option(body: &mut Value, place: &str, start: &str, other: &str) {
    let options = &mut host(body)["Tmpfs"][place];
    let kept: Vec<&str> = options
        .as_str()
        .unwrap()
        .split(',')
        .map(|option| {
            if option.starts_with(start) {
                other
            } else {
                option
            }
        })
        .filter(|option| !option.is_empty())
        .collect();
    *options = json!(kept.join(","));
}

fn without_ulimit(body: &mut Value, name: &str) {
    let limits = host(body)["Ulimits"].as_array_mut().unwrap();
    limits.retain(|limit| limit["Name"] != name);
}
