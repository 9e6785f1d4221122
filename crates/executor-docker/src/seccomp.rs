//! The system calls that a sandbox may make: an allow-list of our own, as data with reasons.
//!
//! What is not named here fails with `EPERM`. The engine takes the profile as JSON *text*, so it
//! is made here and works on a remote engine too. One architecture at a time, the engine's own,
//! without its 32-bit or x32 siblings: `int 0x80` would walk around every rule on arguments.
//! A name that the engine's libseccomp does not know is skipped there, which denies it.

use serde::Serialize;

use crate::facts::Kernel;

/// The profile as the JSON text that `SecurityOpt` takes after `seccomp=`.
///
/// gVisor applies it only where the engine's settings tell it to, by `--oci-seccomp`.
pub(crate) fn profile_json(kernel: Kernel) -> String {
    // The profile is made of strings and numbers, which always serialise; an empty text would be
    // refused by the engine, never taken for "unconfined".
    serde_json::to_string(&profile(kernel)).unwrap_or_default()
}

fn profile(kernel: Kernel) -> Profile {
    let mut syscalls: Vec<Rule> = PLAIN.iter().map(Rule::allow).collect();
    syscalls.extend(match kernel {
        Kernel::Hosts => sockets(),
        Kernel::GVisor => gvisors_own(),
    });
    syscalls.push(Rule {
        names: vec!["clone"],
        action: ALLOW,
        args: vec![Arg::masked(0, CLONE_NAMESPACES, 0)],
        errno_ret: None,
        comment: "processes and threads, without a namespace of their own",
    });
    if kernel == Kernel::Hosts {
        syscalls.push(Rule {
            names: vec!["clone3"],
            action: "SCMP_ACT_ERRNO",
            args: Vec::new(),
            errno_ret: Some(ENOSYS),
            comment: "its flags lie in memory, out of a filter's sight; told that it does not \
                      exist, libc uses clone",
        });
    }
    if kernel == Kernel::Hosts {
        syscalls.push(Rule {
            names: vec!["sendfile"],
            action: "SCMP_ACT_ERRNO",
            args: Vec::new(),
            errno_ret: Some(EINVAL),
            comment: "it puts pages of files into pipes, as splice does, by which files that could only \
                      be read have been written (CVE-2022-0847); told that it cannot be done with \
                      these files, callers copy",
        });
    }
    for (name, mode_argument) in [("mknod", 1), ("mknodat", 2)] {
        syscalls.push(Rule {
            names: vec![name],
            action: ALLOW,
            args: vec![Arg::masked(mode_argument, S_IFMT, S_IFIFO)],
            errno_ret: None,
            comment: "named pipes; never a device",
        });
    }
    Profile {
        default_action: "SCMP_ACT_ERRNO",
        default_errno_ret: EPERM,
        arch_map: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"]
            .map(|architecture| Arch {
                architecture,
                sub_architectures: Vec::new(),
            })
            .into(),
        syscalls,
    }
}

/// Sockets by family and protocol. Families have been the richest source of kernel defects, and
/// asking for one loads its module.
fn sockets() -> Vec<Rule> {
    let mut rules = vec![Rule {
        names: vec!["socket", "socketpair"],
        action: ALLOW,
        args: vec![Arg::equal(0, AF_UNIX)],
        errno_ret: None,
        comment: "local sockets",
    }];
    for family in [AF_INET, AF_INET6] {
        for protocol in [0, IPPROTO_TCP, IPPROTO_UDP] {
            rules.push(Rule {
                names: vec!["socket"],
                action: ALLOW,
                args: vec![Arg::equal(0, family), Arg::equal(2, protocol)],
                errno_ret: None,
                comment: "TCP and UDP, which reach the sandbox's own loopback; no SCTP, MPTCP or \
                          ICMP, whose modules a first socket would load",
            });
        }
    }
    rules.push(Rule {
        names: vec!["socket"],
        action: ALLOW,
        args: vec![Arg::equal(0, AF_NETLINK), Arg::equal(2, NETLINK_ROUTE)],
        errno_ret: None,
        comment: "asking for one's interfaces, as getaddrinfo and Chromium do",
    });
    rules
}

/// What gVisor wants otherwise than the host's kernel. Of several rules for one call it obeys the
/// first, so any socket is allowed that it has: those of the families above and no others, none of
/// which loads a module of the host's kernel. It gives no error but `EPERM`, so it has to say by
/// itself that it has no clone3, or to make a namespace of its own; and sendfile stays, on which
/// callers would give up, and which moves pages of its own. And it knows one call by a name of its own.
fn gvisors_own() -> Vec<Rule> {
    [
        ("sockets of gVisor's own", "socket socketpair"),
        ("gVisor's name for pselect6", "pselect"),
        ("threads, whose flags lie in memory", "clone3"),
        ("pages of gVisor's own", "sendfile"),
    ]
    .iter()
    .map(Rule::allow)
    .collect()
}

/// Calls that are allowed whatever their arguments, each group with its reason.
const PLAIN: &[(&str, &str)] = &[
    (
        "reading and writing what is open",
        "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek \
         copy_file_range ftruncate fallocate fadvise64 readahead fsync fdatasync \
         sync_file_range",
    ),
    (
        "opening, naming and removing files",
        "open openat openat2 creat close close_range truncate rename renameat renameat2 \
         mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat readlink \
         readlinkat getdents getdents64 getcwd chdir fchdir",
    ),
    (
        "what files are and whose",
        "stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2 chmod \
         fchmod fchmodat fchmodat2 chown fchown lchown fchownat umask utime utimes futimesat \
         utimensat getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr \
         lsetxattr fsetxattr removexattr lremovexattr fremovexattr",
    ),
    (
        "descriptors, pipes and waiting on them",
        "dup dup2 dup3 fcntl flock ioctl pipe pipe2 poll ppoll select pselect6 epoll_create \
         epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 \
         signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime inotify_init \
         inotify_init1 inotify_add_watch inotify_rm_watch",
    ),
    (
        "memory of one's own; executable pages are what native wheels and JITs are made of",
        "mmap munmap mremap mprotect brk madvise msync mincore mlock mlock2 munlock mlockall \
         munlockall mseal membarrier memfd_create pkey_alloc pkey_free pkey_mprotect \
         map_shadow_stack",
    ),
    (
        "starting, ending and waiting for processes",
        "fork vfork execve execveat exit exit_group wait4 waitid set_tid_address \
         set_robust_list get_robust_list futex futex_waitv futex_wait futex_wake \
         futex_requeue rseq arch_prctl prctl restart_syscall",
    ),
    (
        "signals",
        "kill tkill tgkill pause rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend \
         rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn sigaltstack",
    ),
    (
        "who one is; process 1 gives up its identity with these",
        "getpid getppid gettid getpgid getpgrp setpgid getsid setsid getuid geteuid getgid \
         getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid \
         setresgid setgroups setfsuid setfsgid capget capset",
    ),
    (
        "limits, priorities and accounts of oneself",
        "getrlimit setrlimit prlimit64 getrusage times getpriority setpriority ioprio_get \
         ioprio_set sched_yield sched_getaffinity sched_setaffinity sched_getparam \
         sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max \
         sched_get_priority_min sched_rr_get_interval sched_getattr sched_setattr getcpu \
         uname sysinfo",
    ),
    (
        "time, read and awaited but never set",
        "clock_gettime clock_getres clock_nanosleep gettimeofday time nanosleep alarm \
         getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun \
         timer_delete",
    ),
    ("randomness", "getrandom"),
    (
        "using sockets; which ones may be made stands in the rules on `socket`",
        "bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt \
         sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown",
    ),
    (
        "System V and POSIX exchange inside the sandbox's own IPC namespace; Chromium uses it",
        "shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv \
         msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr",
    ),
    (
        "confining oneself further",
        "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
    ),
];

const ALLOW: &str = "SCMP_ACT_ALLOW";
const EPERM: u32 = 1;
/// What callers of sendfile take for "not with these files", all of them: libuv gives up on `ENOSYS`.
const EINVAL: u32 = 22;
const ENOSYS: u32 = 38;

/// `CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET` of `linux/sched.h`.
const CLONE_NAMESPACES: u64 = 0x7E02_0000;

/// The file type in a mode, and that of a named pipe: `linux/stat.h`.
const S_IFMT: u64 = 0o170_000;
const S_IFIFO: u64 = 0o010_000;

/// Address families of `linux/socket.h`.
const AF_UNIX: u64 = 1;
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
const AF_NETLINK: u64 = 16;

/// Protocols of `linux/in.h` and `linux/netlink.h`.
const IPPROTO_TCP: u64 = 6;
const IPPROTO_UDP: u64 = 17;
const NETLINK_ROUTE: u64 = 0;

/// The engine's format of a seccomp profile.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: &'static str,
    default_errno_ret: u32,
    arch_map: Vec<Arch>,
    syscalls: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Arch {
    architecture: &'static str,
    sub_architectures: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    names: Vec<&'static str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Arg>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_ret: Option<u32>,
    comment: &'static str,
}

impl Rule {
    fn allow((comment, names): &(&'static str, &'static str)) -> Self {
        let names = names.split_ascii_whitespace().collect();
        Self {
            names,
            action: ALLOW,
            args: Vec::new(),
            errno_ret: None,
            comment,
        }
    }
}

/// A condition on one argument; several in a rule hold together.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Arg {
    index: u8,
    value: u64,
    value_two: u64,
    op: &'static str,
}

impl Arg {
    const fn equal(index: u8, value: u64) -> Self {
        Self {
            index,
            value,
            value_two: 0,
            op: "SCMP_CMP_EQ",
        }
    }

    /// The argument's bits under `mask` are `value`.
    const fn masked(index: u8, mask: u64, value: u64) -> Self {
        Self {
            index,
            value: mask,
            value_two: value,
            op: "SCMP_CMP_MASKED_EQ",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect_file;

    use super::*;

    #[test]
    fn the_profile_is_the_golden_one() {
        let pretty = serde_json::to_string_pretty(&profile(Kernel::Hosts)).unwrap();
        expect_file!["../golden/seccomp.json"].assert_eq(&(pretty + "\n"));
    }

    #[test]
    fn gvisor_gets_the_same_but_for_sockets_and_a_name() {
        let rules = |kernel| {
            let rules = serde_json::to_value(profile(kernel)).unwrap();
            rules["syscalls"].as_array().unwrap().clone()
        };
        let (hosts, gvisor) = (rules(Kernel::Hosts), rules(Kernel::GVisor));
        let is_its_own = |rule: &&serde_json::Value| {
            let first = rule["names"][0].as_str().unwrap();
            first.starts_with("socket") || ["pselect", "clone3", "sendfile"].contains(&first)
        };
        let rest = |rules: &[serde_json::Value]| {
            let rest = rules.iter().filter(|rule| !is_its_own(rule));
            rest.cloned().collect::<Vec<_>>()
        };
        assert_eq!(rest(&gvisor), rest(&hosts));
        let own: Vec<_> = gvisor.iter().filter(is_its_own).collect();
        assert_eq!(own.len(), 4, "{own:?}");
        assert!(own.iter().all(|rule| rule.get("args").is_none()));
    }

    #[test]
    fn no_call_is_named_twice_without_arguments() {
        let mut seen = BTreeSet::new();
        for (group, names) in PLAIN {
            for name in names.split_ascii_whitespace() {
                assert!(
                    seen.insert(name),
                    "`{name}` stands twice, again in `{group}`"
                );
            }
        }
    }

    #[test]
    fn the_two_that_are_refused_in_words_of_their_own_are_allowed_nowhere_else() {
        let rules = serde_json::to_value(profile(Kernel::Hosts)).unwrap();
        let rules = rules["syscalls"].as_array().unwrap();
        for (name, errno) in [("clone3", ENOSYS), ("sendfile", EINVAL)] {
            let mut named = rules.iter().filter(|rule| {
                let mut names = rule["names"].as_array().unwrap().iter();
                names.any(|one| one == name)
            });
            let rule = named.next().unwrap();
            assert_eq!(rule["action"], "SCMP_ACT_ERRNO", "{name}");
            assert_eq!(rule["errnoRet"], errno, "{name}");
            assert!(named.next().is_none(), "{name} stands twice");
        }
    }

    #[test]
    fn what_must_stay_closed_is_in_no_rule() {
        let json = profile_json(Kernel::Hosts) + &profile_json(Kernel::GVisor);
        for name in "io_uring_setup io_uring_enter io_uring_register io_setup io_submit ptrace \
                     process_vm_readv process_vm_writev process_madvise pidfd_open pidfd_getfd \
                     pidfd_send_signal name_to_handle_at open_by_handle_at keyctl add_key \
                     request_key bpf perf_event_open userfaultfd unshare setns mount umount2 \
                     pivot_root open_tree move_mount fsopen fsmount fspick fsconfig mount_setattr \
                     chroot personality modify_ldt memfd_secret vmsplice splice tee adjtimex \
                     clock_settime clock_adjtime settimeofday quotactl swapon swapoff reboot \
                     kexec_load kexec_file_load init_module finit_module delete_module syslog acct \
                     sethostname setdomainname iopl ioperm kcmp lookup_dcookie vhangup uselib ustat \
                     sysfs sync syncfs fanotify_init move_pages migrate_pages mbind set_mempolicy"
            .split_ascii_whitespace()
        {
            assert!(!json.contains(&format!("\"{name}\"")), "`{name}` is allowed");
        }
    }
}
