//! What a sandbox claims to forbid is tried from within.

use std::collections::BTreeMap;

use executor_core::backend::{SandboxBackend as _, SandboxSpec};
use executor_core::limits::{ByteSize, SandboxLimits};
use tokio::io::AsyncReadExt as _;

use crate::engine::{backend, output};

/// What `script`, a Python program, prints as `name value` lines.
async fn facts(what: &str, script: &str) -> Option<BTreeMap<String, String>> {
    let backend = backend(what).await?;
    let text = output(&backend, &["python3", "-c", script]).await;
    Some(
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
    )
}

#[track_caller]
fn check(found: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(
            found.get(*name).map(String::as_str),
            Some(*value),
            "{name} in {found:#?}"
        );
    }
}

#[tokio::test]
async fn names_resolve_for_c_programs() {
    let Some(backend) = backend("names resolve for C programs").await else {
        return;
    };
    // What the runner answers names with, around programs written in C.
    let script = concat!(
        "import select, socket, struct, subprocess, threading\n",
        include_str!("../../../executor-core/src/runner/names.py"),
        r#"
names = Names()
names.listen()
def serve():
    names.socket.setblocking(True)
    while True:
        names.ready(names.socket.fileno())
if names.socket is not None:
    threading.Thread(target=serve, daemon=True).start()
for name in ("localhost", "LocalHost.", "sandbox", "sub.localhost", "example.com"):
    for database in ("ahosts", "hosts"):
        ran = subprocess.run(["getent", database, name], capture_output=True, text=True)
        addresses = {line.split()[0] for line in ran.stdout.splitlines()}
        print(name + "/" + database, *sorted(addresses), flush=True)
print("hostname", socket.gethostname())
"#
    );
    let text = output(&backend, &["python3", "-c", script]).await;
    // The engine's hosts file, where there is one, knows the address of version 6 too.
    let known = ["127.0.0.1", "::1", "127.0.0.1 ::1"];
    for line in text.lines() {
        let (question, answer) = line.split_once(' ').unwrap_or((line, ""));
        let expected = match question {
            "example.com/ahosts" | "example.com/hosts" => answer.is_empty(),
            "hostname" => answer == "sandbox",
            _ => known.contains(&answer),
        };
        assert!(expected, "{question}: `{answer}` in\n{text}");
    }
    assert_eq!(text.lines().count(), 11, "{text}");
}

#[tokio::test]
async fn process_1_has_three_capabilities_and_the_program_none() {
    let script = r#"
import os
def caps(who):
    for line in open("/proc/self/status"):
        key, _, value = line.partition(":")
        if key in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh", "NoNewPrivs", "Seccomp", "Uid"):
            print(who + key, " ".join(value.split()), flush=True)
caps("one.")
pid = os.fork()
if not pid:
    os.setgroups([]); os.setresgid(10002, 10002, 10002); os.setresuid(10002, 10002, 10002)
    caps("program.")
    for what, do in [("become root", lambda: os.setresuid(0, 0, 0)),
                     ("kill", lambda: os.kill(1, 9)),
                     ("memory", lambda: open("/proc/1/mem", "rb")),
                     ("environment", lambda: open("/proc/1/environ", "rb").read()),
                     ("hosts", lambda: open("/etc/hosts", "a"))]:
        try:
            do(); print(what.replace(" ", "-"), "done", flush=True)
        except OSError as error:
            print(what.replace(" ", "-"), error.strerror, flush=True)
    os._exit(0)
os.wait()
"#;
    let Some(found) = facts("capabilities", script).await else {
        return;
    };
    check(
        &found,
        &[
            ("one.CapEff", "00000000000000e0"),
            ("one.CapPrm", "00000000000000e0"),
            ("one.CapBnd", "00000000000000e0"),
            ("one.CapInh", "0000000000000000"),
            ("one.CapAmb", "0000000000000000"),
            ("one.NoNewPrivs", "1"),
            ("one.Seccomp", "2"),
            ("one.Uid", "0 0 0 0"),
            ("program.CapEff", "0000000000000000"),
            ("program.CapPrm", "0000000000000000"),
            ("program.NoNewPrivs", "1"),
            ("program.Seccomp", "2"),
            ("program.Uid", "10002 10002 10002 10002"),
            ("become-root", "Operation not permitted"),
            ("kill", "Operation not permitted"),
            ("memory", "Permission denied"),
            ("environment", "Permission denied"),
            ("hosts", "Permission denied"),
        ],
    );
}

#[tokio::test]
async fn there_is_no_way_out_and_no_way_to_write() {
    let script = r#"
import os, socket, sys
print("interfaces", sorted(l.split(":")[0].strip() for l in open("/proc/net/dev") if ":" in l))
sys.stdout.reconfigure(line_buffering=True)
def attempt(what, do):
    try:
        do(); print(what, "done")
    except OSError as error:
        print(what, error.strerror)
attempt("connect", lambda: socket.create_connection(("192.0.2.1", 80), 2))
attempt("metadata", lambda: socket.create_connection(("169.254.169.254", 80), 2))
for place in ("/", "/etc", "/usr", "/var", "/root", "/proc/sys/kernel", "/sys"):
    attempt("write" + place, lambda: open(os.path.join(place, "x"), "w"))
attempt("tmp", lambda: open("/tmp/x", "w"))
attempt("device", lambda: os.mknod("/tmp/d", 0o20600, os.makedev(1, 3)))
attempt("pipe", lambda: os.mkfifo("/tmp/p"))
attempt("core-pattern", lambda: open("/proc/sys/kernel/core_pattern", "w"))
attempt("sysrq", lambda: open("/proc/sysrq-trigger", "w"))
print("docker.sock", os.path.exists("/var/run/docker.sock"))
if not os.fork():
    os.setgroups([]); os.setresgid(10002, 10002, 10002); os.setresuid(10002, 10002, 10002)
    for place in ("/dev", "/run", "/run/sandbox", "/root", "/etc"):
        attempt("program" + place, lambda: open(os.path.join(place, "x"), "w"))
    sys.stdout.flush()
    os._exit(0)
os.wait()
for line in open("/proc/mounts"):
    _, place, kind, options = line.split()[:4]
    if place in ("/tmp", "/modules", "/run/sandbox"):
        print("mount" + place, sorted(set(options.split(",")) & {"nosuid", "nodev", "noexec"}))
"#;
    let Some(found) = facts("no way out, no way to write", script).await else {
        return;
    };
    check(
        &found,
        &[
            ("interfaces", "['lo']"),
            ("connect", "Network is unreachable"),
            ("metadata", "Network is unreachable"),
            ("write/", "Read-only file system"),
            ("write/etc", "Read-only file system"),
            ("write/usr", "Read-only file system"),
            ("write/var", "Read-only file system"),
            ("tmp", "done"),
            ("device", "Operation not permitted"),
            ("pipe", "done"),
            ("core-pattern", "Read-only file system"),
            ("docker.sock", "False"),
            ("mount/tmp", "['nodev', 'nosuid']"),
            ("mount/modules", "['nodev', 'nosuid']"),
            ("mount/run/sandbox", "['nodev', 'noexec', 'nosuid']"),
        ],
    );
    for place in [
        "write/proc/sys/kernel",
        "write/sys",
        "write/root",
        "write/run",
    ] {
        assert_ne!(
            found.get(place).map(String::as_str),
            Some("done"),
            "{place}"
        );
    }
}

#[tokio::test]
async fn system_calls_outside_the_list_are_refused() {
    // `io_uring_setup` and `clone3` have one number everywhere; the others go by libc's names.
    let script = r#"
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, do):
    ctypes.set_errno(0)
    result = do()
    print(name, errno.errorcode.get(ctypes.get_errno()) if result == -1 else "done")
call("io_uring", lambda: libc.syscall(425, 1, 0))
call("clone3", lambda: libc.syscall(435, 0, 0))
call("pidfd_open", lambda: libc.syscall(434, os.getpid(), 0))
call("ptrace", lambda: libc.ptrace(0, 0, 0, 0))
call("unshare-user", lambda: libc.unshare(0x10000000))
call("unshare-mount", lambda: libc.unshare(0x00020000))
call("mount", lambda: libc.mount(b"x", b"/tmp", b"tmpfs", 0, None))
call("personality", lambda: libc.personality(0x0040000))
call("chroot", lambda: libc.chroot(b"/tmp"))
call("vmsplice", lambda: libc.vmsplice(1, None, 0, 0))
call("clone-user", lambda: libc.clone(None, None, 0x10000000, None))
for name, family, kind, protocol in [
    ("unix", 1, 1, 0), ("tcp", 2, 1, 6), ("udp6", 10, 2, 17), ("route", 16, 3, 0),
    ("alg", 38, 5, 0), ("vsock", 40, 1, 0), ("packet", 17, 3, 0), ("xdp", 44, 3, 0),
    ("audit", 16, 3, 9), ("sctp", 2, 1, 132), ("mptcp", 2, 1, 262), ("bluetooth", 31, 3, 0),
]:
    try:
        socket.socket(family, kind, protocol).close(); print("socket-" + name, "done")
    except OSError as error:
        print("socket-" + name, errno.errorcode[error.errno])
"#;
    let Some(found) = facts("system calls are refused", script).await else {
        return;
    };
    check(
        &found,
        &[
            ("io_uring", "EPERM"),
            ("clone3", "ENOSYS"),
            ("pidfd_open", "EPERM"),
            ("ptrace", "EPERM"),
            ("unshare-user", "EPERM"),
            ("unshare-mount", "EPERM"),
            ("mount", "EPERM"),
            ("personality", "EPERM"),
            ("chroot", "EPERM"),
            ("vmsplice", "EPERM"),
            ("socket-unix", "done"),
            ("socket-tcp", "done"),
            ("socket-udp6", "done"),
            ("socket-route", "done"),
            ("socket-alg", "EPERM"),
            ("socket-vsock", "EPERM"),
            ("socket-packet", "EPERM"),
            ("socket-xdp", "EPERM"),
            ("socket-audit", "EPERM"),
            ("socket-sctp", "EPERM"),
            ("socket-mptcp", "EPERM"),
            ("socket-bluetooth", "EPERM"),
        ],
    );
}

#[tokio::test]
async fn limits_are_what_the_spec_says() {
    let Some(backend) = backend("limits are what the spec says").await else {
        return;
    };
    let mut limits = SandboxLimits::default();
    limits.memory = ByteSize::mib(300);
    limits.processes = 40;
    limits.open_files = 200;
    limits.tmp = ByteSize::mib(20);
    limits.modules = ByteSize::mib(30);
    limits.shm = ByteSize::mib(10);
    let script = r#"
import errno, os, resource
print("nofile", *resource.getrlimit(resource.RLIMIT_NOFILE))
print("core", *resource.getrlimit(resource.RLIMIT_CORE))
for place in ("/tmp", "/modules", "/dev/shm"):
    vfs = os.statvfs(place)
    print("size" + place, vfs.f_frsize * vfs.f_blocks >> 20)
try:
    with open("/tmp/fill", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
except OSError as error:
    print("fill", errno.errorcode[error.errno])
os.unlink("/tmp/fill")
children = 0
try:
    while children < 1000:
        if not os.fork():
            while True:
                os.read(0, 1)
        children += 1
except OSError as error:
    print("fork", errno.errorcode[error.errno], children)
print("environment", sorted(os.environ))
"#;
    let command = ["python3", "-c", script].map(str::to_owned).into();
    let mut sandbox = backend
        .start(&SandboxSpec::new(command, limits, 60))
        .await
        .unwrap();
    let mut stream = sandbox.stream().unwrap();
    let mut text = String::new();
    // The children hold the pipe open, so the end is the last line and not the end of the stream.
    while !text.contains("environment") || !text.ends_with('\n') {
        let mut part = [0; 4096];
        let length = stream.reader.read(&mut part).await.unwrap();
        assert_ne!(length, 0, "the stream ended early: {text}");
        text.push_str(std::str::from_utf8(&part[..length]).unwrap());
    }
    sandbox.destroy().await.unwrap();
    for line in [
        "nofile 200 200",
        "core 0 0",
        "size/tmp 20",
        "size/modules 30",
        "size/dev/shm 10",
        "fill ENOSPC",
        "fork EAGAIN 39",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no `{line}` in:\n{text}"
        );
    }
    assert!(!text.contains("DOCKER"), "{text}");
}
