//! Files, devices and sockets that lead to the host, or that only its administrator may touch.

use super::super::case::{Case, Enforced, Weakness, case};
use super::super::judge;
use super::super::scene::{Play, Scene};
use super::super::servers::Kind;
use super::weaknesses::{
    DEFAULTS, HOST_IPC, HOST_NETWORK, HOST_PROCESSES, MOUNTED, PRIVILEGED, UNFILTERED,
};

pub(super) const PATHS: Scene = Scene {
    name: "paths",
    play: Play::Program {
        text: include_str!("../programs/paths.py"),
        server: Kind::Closed,
        seconds: 60,
    },
    cases: PATH_CASES,
    short: true,
};

pub(super) const HOST: Scene = Scene {
    name: "the host's own things",
    play: Play::Program {
        text: include_str!("../programs/host.py"),
        server: Kind::Closed,
        seconds: 60,
    },
    cases: HOST_CASES,
    short: true,
};

const fn engine(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Engine, PRIVILEGED)
}

const fn root(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Kernel, DEFAULTS)
}

/// A place of the image that nobody may write.
const fn image(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Engine, DEFAULTS)
}

const PATH_CASES: &[Case] = &[
    case(
        "E11.mknod-character",
        "makes a character device",
        Enforced::Seccomp,
        DEFAULTS,
    ),
    case(
        "E11.mknod-block",
        "makes the host's disk a device",
        Enforced::Seccomp,
        DEFAULTS,
    ),
    case(
        "E11.mknod-whiteout",
        "makes an overlay's whiteout",
        Enforced::Seccomp,
        UNFILTERED,
    ),
    case(
        "E11.read-disk",
        "reads the host's disk",
        Enforced::Seccomp,
        PRIVILEGED,
    )
    .needs("a disk that its administrator may open"),
    engine("E11.dev-mem", "opens the machine's memory").needs("/dev/mem"),
    engine("E11.dev-kmsg", "opens the kernel's log").needs("/dev/kmsg"),
    engine("E11.dev-kmsg-write", "opens the kernel's log to write").needs("/dev/kmsg"),
    engine("E11.dev-disk", "opens a disk").needs("a disk that its administrator may open"),
    engine("E11.dev-kvm", "opens the hypervisor").needs("/dev/kvm"),
    engine("E11.dev-fuse", "opens FUSE")
        .needs("/dev/fuse")
        .granted("gVisor's own device; to mount anything by it takes a capability"),
    engine("E11.dev-tun", "opens a network tunnel")
        .needs("/dev/net/tun")
        .granted("gVisor's own device; to make a tunnel by it takes a capability"),
    engine("E11.dev-loop", "opens the loop devices").needs("/dev/loop-control"),
    engine("E11.dev-userfaultfd", "opens the device of page faults").needs("/dev/userfaultfd"),
    engine("E11.dev-vsock", "opens the device of vsock").needs("/dev/vsock"),
    engine("E11.dev-console", "opens the machine's console").needs("a console"),
    engine("E11.dev-input", "opens the machine's keyboard").needs("a keyboard"),
    engine("E11.proc-kcore", "opens the kernel's memory").needs("/proc/kcore"),
    engine("E11.proc-kmsg", "opens the kernel's log in /proc"),
    engine("E13.sysrq", "opens the kernel's emergency commands").needs("the magic key"),
    engine(
        "E13.core-pattern",
        "opens the pattern of core files to write",
    ),
    engine("E13.modprobe", "opens the path of modprobe to write").needs("loadable modules"),
    engine(
        "E13.hotplug",
        "opens the path of the hotplug helper to write",
    )
    .needs("such a helper"),
    engine(
        "E13.panic-on-oom",
        "opens what the machine does without memory to write",
    ),
    engine("E13.overcommit", "opens the promise of memory to write"),
    engine("E13.pid-max", "opens the limit of process numbers to write"),
    engine("E13.unprivileged-bpf", "opens the switch of BPF to write"),
    engine(
        "E13.port-start",
        "opens the first port for everybody to write",
    ),
    engine("E13.binfmt", "opens the list of interpreters to write")
        .needs("/proc/sys/fs/binfmt_misc mounted"),
    engine("E13.irq", "opens the interrupts' processors to write").needs("/proc/irq"),
    engine("E13.sys-power", "opens the machine's power to write").needs("power states"),
    engine("E13.sys-uevent", "opens a device's events to write"),
    engine("E13.sys-cpu", "opens a processor's switch to write").needs("a processor to turn off"),
    engine("E13.sys-ksm", "opens the kernel's memory settings to write"),
    engine("E13.debugfs", "opens the kernel's debugging").needs("debugfs mounted"),
    engine(
        "E14.release-agent",
        "opens the control groups' release agent to write",
    )
    .needs("control groups of version 1 with the agent in sight"),
    engine(
        "E14.notify-on-release",
        "opens its control group's notification to write",
    )
    .needs("control groups of version 1"),
    engine("E14.devices-allow", "opens its list of devices to write")
        .needs("control groups of version 1"),
    engine("E14.memory-limit", "opens its limit of memory to write"),
    engine("E14.pids-limit", "opens its limit of processes to write"),
    engine(
        "E14.cpu-limit",
        "opens its limit of processor time to write",
    ),
    engine("E14.freezer", "opens its freezer to write").needs("a freezer"),
    engine(
        "E14.join-parent",
        "opens the members of its control group to write",
    ),
    root("E16.first-exe", "opens process 1's program"),
    root("E16.first-memory", "opens process 1's memory"),
    root("E16.first-maps", "opens process 1's map of memory")
        .granted("gVisor shows it to everybody inside; the memory itself is closed"),
    root("E16.first-root", "goes by process 1's root"),
    root("E16.first-cwd", "goes by process 1's directory"),
    root(
        "E16.first-input",
        "opens process 1's input, which is the stream",
    ),
    root(
        "E16.first-output",
        "opens process 1's output, which is the stream",
    ),
    root("E16.first-oom-score", "opens process 1's score to write"),
    root(
        "E16.first-clear-refs",
        "opens process 1's references to write",
    )
    .needs("`clear_refs`"),
    engine("E17.masked-keys", "reads the list of keys").needs("keys to be seen"),
    engine("E17.masked-timers", "reads the list of timers").needs("/proc/timer_list"),
    engine("E17.masked-latency", "reads the kernel's latencies").needs("/proc/latency_stats"),
    engine("E17.masked-firmware", "reads the firmware's tables").needs("firmware tables"),
    case(
        "E17.first-stack",
        "reads process 1's kernel stack",
        Enforced::Kernel,
        PRIVILEGED,
    ),
    root("E17.first-syscall", "reads what process 1 waits for"),
    root("E17.first-environment", "reads process 1's environment")
        .granted("gVisor shows it to everybody inside; it is the image's"),
    root("E17.first-io", "reads process 1's counters"),
    root(
        "E17.replace-null",
        "puts something else in the place of /dev/null",
    ),
    root("E17.replace-shm", "puts a link into /dev"),
    root(
        "E17.replace-sbin",
        "puts something else in the place of /sbin",
    ),
    image("S10.create-root", "makes a file in /"),
    image("S10.create-etc", "makes a file in /etc"),
    image("S10.create-usr-bin", "makes a file in /usr/bin"),
    image(
        "S10.create-usr-lib-python3",
        "makes a file beside Python's packages",
    ),
    image("S10.create-var-lib", "makes a file in /var/lib"),
    image("S10.create-home", "makes a file in root's home"),
    image("S10.create-run", "makes a file in /run"),
    image("S10.create-dev", "makes a file in /dev"),
    image("S10.create-opt", "makes a file in /opt"),
    image("S10.change-passwd", "opens the list of users to write"),
    image("S10.change-interpreter", "opens Python itself to write"),
    image("S10.change-hosts", "opens the list of hosts to write"),
    image(
        "S10.change-resolver",
        "opens the list of name servers to write",
    ),
    root(
        "H07.create-modules",
        "makes a file among the installed modules",
    ),
    root("H07.create-state", "makes a file among process 1's own"),
];

/// A socket of the host where an engine's is looked for.
const ENGINE_SOCKET: Weakness = Weakness::new(
    "a socket of the host mounted",
    &["--volume", "@DIR@/socket:/var/run/docker.sock"],
);

/// A directory of the host open in the container, as a runtime once left one.
const LEAKED: Weakness = Weakness::new(
    "a descriptor of the host's directory",
    &["--volume", "@DIR@:/leak"],
)
.after("exec 9</leak && exec python3 -");

const SECRET_GIVEN: Weakness = Weakness::new(
    "the server's environment",
    &["--env", "ATTACK_SECRET=@SECRET@"],
);

const HOST_NAME: Weakness = Weakness::new("--uts host", &["--uts", "host"]);

const MACHINE_ID: Weakness = Weakness::new(
    "the host's machine id mounted",
    &["--volume", "/etc/machine-id:/etc/machine-id:ro"],
);

const HOST_CASES: &[Case] = &[
    case(
        "E16.host-path",
        "reads a file of the host by its path",
        Enforced::Engine,
        MOUNTED,
    )
    .by(judge::secret),
    case(
        "E16.host-path-first",
        "reads a file of the host by process 1's root",
        Enforced::Engine,
        MOUNTED,
    )
    .by(judge::secret),
    case(
        "E16.dot-dot",
        "reads a file of the host above the root",
        Enforced::Engine,
        MOUNTED,
    )
    .by(judge::secret),
    case(
        "E16.host-write",
        "changes a file of the host",
        Enforced::Engine,
        MOUNTED,
    )
    .by(judge::change),
    case(
        "E16.leaked-directory",
        "reads a file of the host through a descriptor that was left open",
        Enforced::Runner,
        LEAKED,
    )
    .by(judge::secret),
    case(
        "E16.inherited-descriptors",
        "finds a descriptor that is not its own",
        Enforced::Runner,
        LEAKED,
    ),
    case(
        "E15.engine-socket",
        "calls the engine",
        Enforced::Engine,
        ENGINE_SOCKET,
    )
    .by(judge::arrival),
    case(
        "E15.host-socket",
        "calls a socket of the host",
        Enforced::Engine,
        MOUNTED,
    )
    .by(judge::arrival),
    case(
        "E15.abstract-socket",
        "calls an abstract socket of the host",
        Enforced::Kernel,
        HOST_NETWORK,
    )
    .by(judge::arrival),
    case(
        "E15.search-sockets",
        "finds any socket at all",
        Enforced::Engine,
        ENGINE_SOCKET,
    ),
    case(
        "H11.host-processes",
        "sees a process of the host",
        Enforced::Kernel,
        HOST_PROCESSES,
    ),
    case(
        "H01.kill-host-process",
        "signals a process of the host",
        Enforced::Kernel,
        HOST_PROCESSES,
    ),
    case(
        "H11.host-name",
        "reads the host's name",
        Enforced::Engine,
        HOST_NAME,
    )
    .by(judge::same_fact),
    case(
        "H11.machine-id",
        "reads the host's id",
        Enforced::Engine,
        MACHINE_ID,
    )
    .by(judge::fact)
    .needs("a machine id"),
    case(
        "H11.hardware-address",
        "reads a network card's address",
        Enforced::Engine,
        HOST_NETWORK,
    )
    .by(judge::fact)
    .needs("a network card"),
    case(
        "H05.environment",
        "reads the server's environment",
        Enforced::Server,
        SECRET_GIVEN,
    )
    .by(judge::fact),
    case(
        "S20.shared-memory",
        "leaves shared memory on the host",
        Enforced::Kernel,
        HOST_IPC,
    )
    .by(judge::change),
    case(
        "S20.message-queue",
        "leaves a message queue on the host",
        Enforced::Kernel,
        HOST_IPC,
    )
    .by(judge::change),
];
