//! A host as files: what is seen of it, and what is not.

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A host that shows process 1 as 100, the program as 101, and others.
struct Fake {
    _place: tempfile::TempDir,
    host: Host,
}

impl Fake {
    fn v2() -> Self {
        let fake = Self::with(&format!("0::/system.slice/docker-{ID}.scope\n"));
        let group = format!("system.slice/docker-{ID}.scope");
        for (file, value) in [
            ("memory.max", "1073741824\n"),
            ("memory.swap.max", "0\n"),
            ("pids.max", "256\n"),
            ("cpu.max", "50000 100000\n"),
        ] {
            write(&fake.host.groups.join(&group).join(file), value);
        }
        fake
    }

    fn v1() -> Self {
        let groups = ["3:cpu,cpuacct", "2:memory", "1:pids"];
        let lines = groups.map(|group| format!("{group}:/docker/{ID}\n"));
        let fake = Self::with(&lines.concat());
        for (file, value) in [
            ("memory/memory.limit_in_bytes", "1073741824\n"),
            ("memory/memory.memsw.limit_in_bytes", "1073741824\n"),
            ("pids/pids.max", "256\n"),
            ("cpu/cpu.cfs_quota_us", "50000\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
        ] {
            let (controller, name) = file.split_once('/').unwrap();
            let group = fake.host.groups.join(controller).join("docker").join(ID);
            write(&group.join(name), value);
        }
        fake
    }

    fn with(groups: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let host = Host {
            processes: place.path().join("proc"),
            groups: place.path().join("groups"),
        };
        let status = |parent: u32, user: u32, capabilities: &str| {
            format!(
                "Name:\tpython3\nPPid:\t{parent}\nUid:\t{user}\t{user}\t{user}\t{user}\n\
                 Gid:\t{user}\t{user}\t{user}\t{user}\nGroups:\t \nCapInh:\t0000000000000000\n\
                 CapPrm:\t{capabilities}\nCapEff:\t{capabilities}\nCapAmb:\t0000000000000000\n\
                 NoNewPrivs:\t1\nSeccomp:\t2\n"
            )
        };
        let none = "0000000000000000";
        let fake = Self {
            _place: place,
            host,
        };
        fake.write(100, "status", &status(1, 0, "00000000000000e0"));
        fake.write(101, "status", &status(100, 20_001, none));
        // Another's, with all capabilities.
        fake.write(102, "status", &status(1, 0, "000001ffffffffff"));
        fake.write(100, "cgroup", groups);
        fake.write(
            100,
            "mountinfo",
            "1 0 0:1 / / ro,relatime master:1 - overlay overlay rw,lowerdir=/x\n\
             2 1 0:2 / /tmp rw,nosuid - tmpfs tmpfs rw,size=524288k,nr_inodes=131072\n\
             3 1 0:3 / /modules rw,nosuid - tmpfs tmpfs rw\n\
             4 1 0:4 / /sys ro,nosuid - sysfs sysfs rw\n\
             5 1 0:5 /volumes/x /env rw - ext4 /dev/sda1 rw\n\
             6 1 0:6 / /env ro - ext4 /dev/sda1 rw\n",
        );
        fake.write(
            100,
            "net/dev",
            "Inter-| Receive\n face |bytes\n    lo: 0 0\n",
        );
        fake.write(
            101,
            "limits",
            "Limit                     Soft Limit           Hard Limit           Units\n\
             Max core file size        0                    0                    bytes\n\
             Max open files            512                  1024                 files\n",
        );
        fake
    }

    fn write(&self, pid: u32, file: &str, text: &str) {
        write(&self.host.processes.join(pid.to_string()).join(file), text);
    }

    fn see(&self, ground: &Ground) -> Result<Seen, String> {
        let process = HostProcess::new(ID, 100);
        self.host.see(&process, ground)
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn ground() -> Ground {
    Ground {
        store: Some("/env".to_owned()),
        ..Ground::default()
    }
}

#[test]
fn both_versions_of_control_groups_and_all_else_are_read() {
    for fake in [Fake::v1(), Fake::v2()] {
        let seen = fake.see(&ground()).unwrap();
        let expected = [
            ("hidden.network-devices", "lo"),
            ("identity.capabilities", "0"),
            ("identity.filter", "2"),
            ("identity.groups", ""),
            ("identity.no-new-privileges", "1"),
            ("identity.users", "20001"),
            ("limit.core", "0"),
            ("limit.cpu", "500"),
            ("limit.memory", "1073741824"),
            ("limit.modules", "no size"),
            ("limit.open-files", "1024"),
            ("limit.processes", "256"),
            ("limit.swap", "0"),
            ("limit.tmp", "536870912"),
            ("write.root", "refused: mounted read-only"),
            ("write.store", "refused: mounted read-only"),
            ("write.sys", "refused: mounted read-only"),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(seen, Seen::from(expected));
    }
}

#[test]
fn what_is_weaker_is_seen() {
    let fake = Fake::v1();
    let group = fake.host.groups.join("memory/docker").join(ID);
    write(&group.join("memory.memsw.limit_in_bytes"), "9\n");
    let quota = fake.host.groups.join("cpu/docker").join(ID);
    write(&quota.join("cpu.cfs_quota_us"), "-1\n");
    fake.write(100, "mountinfo", "1 0 0:1 / / rw - overlay overlay rw\n");
    fake.write(
        103,
        "status",
        "PPid:\t101\nUid:\t0\t7\nCapEff:\t0000000000000020\n",
    );
    let seen = fake.see(&ground()).unwrap();
    assert_eq!(seen["limit.swap"], "9 with memory");
    assert_eq!(seen["limit.cpu"], "-1 100000");
    assert_eq!(seen["write.root"], "mounted writable");
    assert_eq!(seen["identity.capabilities"], "0 20");
    assert_eq!(seen["identity.users"], "0 20001 7");
    assert!(!seen.contains_key("write.store"));
}

#[test]
fn a_process_that_only_has_the_same_number_is_nobodys() {
    let fake = Fake::v2();
    fake.write(100, "cgroup", "0::/user.slice\n");
    assert!(fake.see(&ground()).unwrap_err().contains("do not show"));
    // Gone, or of a host that we do not see.
    let process = HostProcess::new(ID, 7);
    fake.host.see(&process, &ground()).unwrap_err();
    // Of a group above all that we see.
    fake.write(100, "cgroup", &format!("0::/../docker-{ID}.scope\n"));
    let seen = fake.see(&ground()).unwrap();
    assert!(!seen.contains_key("limit.memory"), "{seen:?}");
}

#[test]
fn of_a_kernel_of_its_own_only_the_limits_of_the_host_are_seen() {
    let ground = Ground {
        own_kernel: true,
        ..Ground::default()
    };
    let seen = Fake::v1().see(&ground).unwrap();
    let names: Vec<_> = seen.keys().copied().collect();
    assert_eq!(names, ["limit.cpu", "limit.memory", "limit.swap"]);
}
