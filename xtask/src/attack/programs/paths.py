# Files that lead to the host, or that only its administrator may touch. What is opened for writing is
# never written to: being let in is the whole success.


def opened(path, flags=os.O_RDONLY):
    os.close(os.open(path, flags | os.O_NONBLOCK))


def first_of(paths, flags):
    """The most telling error of several places where it may be."""
    problem = None
    for path in paths:
        try:
            opened(path, flags)
            return "done"
        except OSError as error:
            if problem is None or problem.errno == errno.ENOENT:
                problem = error
    raise problem


def readable(path):
    with open(path, "rb") as file:
        text = file.read(4096)
    return "done" if text.strip() else "empty"


# Devices


def make_node(kind, major, minor, path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    os.mknod(path, kind | 0o666, os.makedev(major, minor))


attempt("E11.mknod-character", lambda: make_node(0o020000, 1, 1, "/tmp/attack-mem"))
attempt("E11.mknod-block", lambda: make_node(0o060000, P["disk"][0], P["disk"][1], "/tmp/attack-disk"))
attempt("E11.mknod-whiteout", lambda: make_node(0o020000, 0, 0, "/tmp/attack-whiteout"))


@attack("E11.read-disk")
def _():
    if not P["disk_opens"]:
        return "absent: the host's own administrator cannot open it"
    make_node(0o060000, P["disk"][0], P["disk"][1], "/tmp/attack-disk2")
    with open("/tmp/attack-disk2", "rb") as disk:
        return "done" if disk.read(4096) else "empty"


for attack_id, paths, flags in [
    ("E11.dev-mem", ["/dev/mem", "/dev/port"], os.O_RDONLY),
    ("E11.dev-kmsg", ["/dev/kmsg"], os.O_RDONLY),
    ("E11.dev-kmsg-write", ["/dev/kmsg"], os.O_WRONLY),
    ("E11.dev-disk", ["/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/xvda", "/dev/mmcblk0"], os.O_RDONLY),
    ("E11.dev-kvm", ["/dev/kvm"], os.O_RDWR),
    ("E11.dev-fuse", ["/dev/fuse"], os.O_RDWR),
    ("E11.dev-tun", ["/dev/net/tun"], os.O_RDWR),
    ("E11.dev-loop", ["/dev/loop-control"], os.O_RDWR),
    ("E11.dev-userfaultfd", ["/dev/userfaultfd"], os.O_RDWR),
    ("E11.dev-vsock", ["/dev/vsock", "/dev/vhost-vsock"], os.O_RDONLY),
    ("E11.dev-console", ["/dev/console", "/dev/tty0", "/dev/ttyS0"], os.O_RDWR),
    ("E11.dev-input", ["/dev/input/event0", "/dev/uinput"], os.O_RDONLY),
    ("E11.proc-kcore", ["/proc/kcore"], os.O_RDONLY),
    ("E11.proc-kmsg", ["/proc/kmsg"], os.O_RDONLY),
    ("E13.sysrq", ["/proc/sysrq-trigger"], os.O_WRONLY),
    ("E13.core-pattern", ["/proc/sys/kernel/core_pattern"], os.O_WRONLY),
    ("E13.modprobe", ["/proc/sys/kernel/modprobe"], os.O_WRONLY),
    ("E13.hotplug", ["/proc/sys/kernel/hotplug", "/sys/kernel/uevent_helper"], os.O_WRONLY),
    ("E13.panic-on-oom", ["/proc/sys/vm/panic_on_oom"], os.O_WRONLY),
    ("E13.overcommit", ["/proc/sys/vm/overcommit_memory"], os.O_WRONLY),
    ("E13.pid-max", ["/proc/sys/kernel/pid_max"], os.O_WRONLY),
    ("E13.unprivileged-bpf", ["/proc/sys/kernel/unprivileged_bpf_disabled"], os.O_WRONLY),
    ("E13.port-start", ["/proc/sys/net/ipv4/ip_unprivileged_port_start"], os.O_WRONLY),
    ("E13.binfmt", ["/proc/sys/fs/binfmt_misc/register"], os.O_WRONLY),
    ("E13.irq", ["/proc/irq/default_smp_affinity"], os.O_WRONLY),
    ("E13.sys-power", ["/sys/power/state"], os.O_WRONLY),
    ("E13.sys-uevent", ["/sys/class/net/lo/uevent", "/sys/class/mem/null/uevent"], os.O_WRONLY),
    ("E13.sys-cpu", ["/sys/devices/system/cpu/cpu1/online"], os.O_WRONLY),
    ("E13.sys-ksm", ["/sys/kernel/mm/ksm/run", "/sys/kernel/mm/transparent_hugepage/enabled"], os.O_WRONLY),
    ("E13.debugfs", ["/sys/kernel/debug/sched/debug", "/sys/kernel/debug/gpio"], os.O_RDONLY),
    ("E14.release-agent", ["/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/pids/release_agent"], os.O_WRONLY),
    ("E14.notify-on-release", ["/sys/fs/cgroup/memory/notify_on_release"], os.O_WRONLY),
    ("E14.devices-allow", ["/sys/fs/cgroup/devices/devices.allow"], os.O_WRONLY),
    ("E14.memory-limit", ["/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"], os.O_WRONLY),
    ("E14.pids-limit", ["/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"], os.O_WRONLY),
    ("E14.cpu-limit", ["/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu.max"], os.O_WRONLY),
    ("E14.freezer", ["/sys/fs/cgroup/freezer/tasks", "/sys/fs/cgroup/cgroup.freeze"], os.O_WRONLY),
    ("E14.join-parent", ["/sys/fs/cgroup/memory/../memory/cgroup.procs", "/sys/fs/cgroup/cgroup.procs"], os.O_WRONLY),
    ("E16.first-exe", ["/proc/1/exe"], os.O_RDONLY),
    ("E16.first-memory", ["/proc/1/mem"], os.O_RDWR),
    ("E16.first-maps", ["/proc/1/maps"], os.O_RDONLY),
    ("E16.first-root", ["/proc/1/root/tmp"], os.O_RDONLY),
    ("E16.first-cwd", ["/proc/1/cwd/."], os.O_RDONLY),
    ("E16.first-input", ["/proc/1/fd/0"], os.O_RDONLY),
    ("E16.first-output", ["/proc/1/fd/1"], os.O_WRONLY),
    ("E16.first-oom-score", ["/proc/1/oom_score_adj"], os.O_WRONLY),
    ("E16.first-clear-refs", ["/proc/1/clear_refs"], os.O_WRONLY),
]:
    attempt(attack_id, lambda: first_of(paths, flags))

# What the engine hides

for attack_id, path in [
    ("E17.masked-keys", "/proc/keys"),
    ("E17.masked-timers", "/proc/timer_list"),
    ("E17.masked-latency", "/proc/latency_stats"),
    ("E17.first-stack", "/proc/1/stack"),
    ("E17.first-syscall", "/proc/1/syscall"),
    ("E17.first-environment", "/proc/1/environ"),
    ("E17.first-io", "/proc/1/io"),
]:
    attempt(attack_id, lambda: readable(path))


@attack("E17.masked-firmware")
def _():
    return "done" if os.listdir("/sys/firmware") else "empty"


@attack("E17.replace-null")
def _():
    os.rename("/dev/null", "/dev/attack-null")
    os.rename("/dev/attack-null", "/dev/null")


@attack("E17.replace-shm")
def _():
    os.symlink("/proc", "/dev/attack-link")
    os.unlink("/dev/attack-link")


@attack("E17.replace-sbin")
def _():
    os.rename("/sbin", "/sbin-attack")
    os.rename("/sbin-attack", "/sbin")


# The image's own files


def create(directory):
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, ".attack")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
    os.unlink(path)


for attack_id, place in [
    ("S10.create-root", "/"),
    ("S10.create-etc", "/etc"),
    ("S10.create-usr-bin", "/usr/bin"),
    ("S10.create-usr-lib-python3", "/usr/lib/python3"),
    ("S10.create-var-lib", "/var/lib"),
    ("S10.create-home", "/root"),
    ("S10.create-run", "/run"),
    ("S10.create-dev", "/dev"),
    ("S10.create-opt", "/opt"),
    ("H07.create-modules", "/modules"),
    ("H07.create-state", "/run/sandbox"),
]:
    attempt(attack_id, lambda: create(place))
attempt("S10.change-passwd", lambda: opened("/etc/passwd", os.O_WRONLY))
attempt("S10.change-hosts", lambda: opened("/etc/hosts", os.O_WRONLY))
attempt("S10.change-resolver", lambda: opened("/etc/resolv.conf", os.O_WRONLY))


def reach_busy(path):
    """An executable that runs cannot be written; whoever gets that far had the right to."""
    try:
        opened(path, os.O_WRONLY)
    except OSError as error:
        if error.errno == errno.ETXTBSY:
            return "reached ETXTBSY"
        raise


attempt("S10.change-interpreter", lambda: reach_busy(os.path.realpath(sys.executable)))
