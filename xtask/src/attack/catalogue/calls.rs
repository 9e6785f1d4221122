//! System calls that lead out of a sandbox or into rarely walked parts of the kernel.

use super::super::case::{Case, Enforced, case};
use super::super::judge;
use super::super::scene::{Play, Scene};
use super::super::servers::Kind;
use super::weaknesses::{PRIVILEGED, UNFILTERED};

pub(super) const SCENE: Scene = Scene {
    name: "system calls",
    play: Play::Program {
        text: include_str!("../programs/calls.py"),
        server: Kind::Closed,
        seconds: 60,
    },
    cases: CASES,
    short: true,
};

/// Refused by the filter; with capabilities it works.
const fn admin(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Seccomp, PRIVILEGED)
}

/// Refused by the filter; without it anybody may.
const fn anybody(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Seccomp, UNFILTERED)
}

/// What only a flaw of the kernel lets anybody do; where the control shows none, there is nothing to be kept.
const fn flaw(id: &'static str, tries: &'static str, flaw: &'static str) -> Case {
    case(id, tries, Enforced::Kernel, UNFILTERED).needs(flaw)
}

const CASES: &[Case] = &[
    admin("E01.unshare-mount", "unshares its mounts").by(judge::namespace),
    admin("E01.unshare-cgroup", "unshares its control groups").by(judge::namespace),
    admin("E01.unshare-uts", "unshares its host name").by(judge::namespace),
    admin("E01.unshare-ipc", "unshares its System V objects").by(judge::namespace),
    anybody("E01.unshare-user", "unshares its users").by(judge::namespace),
    admin("E01.unshare-pid", "unshares its process numbers"),
    admin("E01.unshare-net", "unshares its network").by(judge::namespace),
    admin("E01.unshare-time", "unshares its clocks"),
    anybody("E01.clone-user", "clones into other users").by(judge::namespace),
    anybody("E01.clone3-user", "clones into other users by `clone3`").by(judge::namespace),
    admin("E02.mount-tmpfs", "mounts a tmpfs"),
    admin("E02.mount-proc", "mounts a fresh /proc"),
    admin("E02.mount-sysfs", "mounts a fresh /sys"),
    admin("E02.mount-bind", "binds /proc elsewhere"),
    admin("E02.mount-overlay", "mounts an overlay"),
    admin("E02.mount-cgroup", "mounts a control group's hierarchy"),
    admin("E02.remount-root", "remounts / to be written"),
    admin("E02.make-shared", "lets its mounts propagate"),
    admin("E02.umount", "unmounts a mask"),
    admin("E02.pivot_root", "changes its root by `pivot_root`"),
    admin("E02.open_tree", "clones a tree of mounts"),
    admin("E02.move_mount", "moves a mount"),
    admin("E02.fsopen", "opens a file system"),
    admin("E02.fsconfig", "configures a file system"),
    admin("E02.fsmount", "mounts an opened file system"),
    admin("E02.fspick", "picks a mounted file system"),
    admin("E02.mount_setattr", "changes a mount's attributes"),
    admin("E03.setns-own", "enters a namespace"),
    admin("E03.setns-first", "enters process 1's namespace"),
    admin("E03.chroot", "changes its root by `chroot`"),
    anybody("E04.add_key", "puts a key into the host's key ring"),
    anybody("E04.keyctl", "asks for the host's key ring"),
    anybody("E04.request_key", "asks the host to find a key"),
    admin("E05.bpf", "makes a BPF map"),
    admin("E05.perf_event_open", "opens a performance counter").needs("performance counters"),
    admin("E05.userfaultfd", "serves its own page faults"),
    anybody("E05.memfd_secret", "makes secret memory").needs("secret memory"),
    anybody("E05.fanotify_init", "watches the file system as a whole"),
    anybody("E05.name_to_handle_at", "takes a handle of a file"),
    admin(
        "E05.open_by_handle_at",
        "opens a file of the disk by its handle",
    ),
    anybody("E06.io_uring_setup", "makes an io_uring").needs("io_uring"),
    anybody("E06.io_uring_enter", "enters an io_uring").needs("io_uring"),
    anybody("E06.io_uring_register", "registers with an io_uring").needs("io_uring"),
    anybody("E06.io_setup", "makes an AIO context").needs("AIO"),
    anybody("E08.ptrace-traceme", "asks to be traced"),
    anybody("E08.ptrace-attach", "traces a process of its own"),
    anybody("E08.ptrace-first", "traces process 1"),
    anybody("E08.process_vm_readv", "reads another process's memory"),
    anybody("E08.process_vm_writev", "writes another process's memory"),
    anybody("E08.process_madvise", "advises on another process's memory"),
    anybody("E08.pidfd_open", "takes a descriptor of a process"),
    anybody("E08.pidfd_getfd", "takes a descriptor out of a process"),
    anybody("E08.pidfd_send_signal", "signals by a descriptor"),
    anybody("E08.kcmp", "compares the insides of processes").needs("kcmp"),
    anybody("E08.move_pages", "moves pages between nodes").needs("NUMA"),
    admin("E09.init_module", "loads a module").needs("loadable modules"),
    admin("E09.finit_module", "loads a module from a file").needs("loadable modules"),
    admin("E09.delete_module", "unloads a module").needs("loadable modules"),
    admin("E09.kexec_load", "loads another kernel").needs("kexec"),
    admin("E09.kexec_file_load", "loads another kernel from a file").needs("kexec"),
    admin("E09.reboot", "asks to reboot"),
    admin("E09.swapon", "turns on swap"),
    admin("E09.swapoff", "turns off swap"),
    anybody("E09.settimeofday", "sets the clock by `settimeofday`"),
    anybody("E09.clock_settime", "sets the clock by `clock_settime`"),
    anybody("E09.adjtimex", "tunes the clock by `adjtimex`"),
    anybody("E09.clock_adjtime", "tunes the clock by `clock_adjtime`"),
    admin("E09.sethostname", "sets the host's name").by(judge::answer),
    admin("E09.setdomainname", "sets the host's domain"),
    admin("E09.syslog", "reads the kernel's log"),
    admin("E09.quotactl", "turns quotas"),
    admin("E09.acct", "turns on accounting"),
    anybody("E09.personality", "turns off address randomisation"),
    anybody("E09.modify_ldt", "reads its descriptor table").needs("`modify_ldt`"),
    admin("E09.ioperm", "opens I/O ports").needs("I/O ports for processes"),
    admin("E09.iopl", "opens all I/O ports").needs("I/O ports for processes"),
    admin("E09.vhangup", "hangs up the terminal"),
    anybody("E09.mbind", "binds memory to a node").needs("NUMA"),
    anybody("E09.set_mempolicy", "sets a memory policy").needs("NUMA"),
    anybody("E09.sync", "has all of the host's disks written"),
    anybody("E22.splice", "splices pages of a file into a pipe"),
    flaw(
        "E22.splice-canary",
        "writes into a file that it only reads, through a pipe",
        "the flaw Dirty Pipe",
    ),
    flaw(
        "E22.sendfile-canary",
        "does so by sending the file",
        "the flaw Dirty Pipe",
    ),
    flaw(
        "E22.copied-canary",
        "writes into a file that it only reads, through its own copy",
        "the flaw Dirty COW",
    ),
    anybody("E22.tee", "doubles pages of a pipe"),
    anybody("E22.vmsplice", "gives its pages to a pipe"),
    anybody("E07.int80-getpid", "enters the kernel by the 32-bit door").needs("32-bit programs"),
    anybody(
        "E07.int80-socketcall",
        "makes a socket by the 32-bit `socketcall`",
    )
    .needs("32-bit programs or vsock"),
    anybody("E07.x32-getpid", "uses a call's x32 number").needs("x32 programs"),
    anybody(
        "E19.shellcode-unshare",
        "unshares its users by machine code of its own",
    )
    .needs("an x86_64 processor")
    .by(judge::namespace),
    anybody(
        "E19.memfd-exec",
        "unshares its users from an interpreter in memory",
    ),
    anybody("E19.seccomp-loosen", "adds a filter that allows everything"),
];
