# What a program can do and see in its sandbox: one JSON object, a word for each thing tried.
import ctypes, errno, json, mmap, os, platform, re, resource, socket, stat

told = {}
LIBC = ctypes.CDLL(None, use_errno=True)
# By number, on x86_64 and on aarch64; -1 where there is none.
CALLS = """
ptrace 101 117|syslog 103 116|personality 135 92|adjtimex 159 171|chroot 161 51|sync 162 81|acct 163 89
settimeofday 164 170|mount 165 40|umount2 166 39|swapon 167 224|swapoff 168 225|reboot 169 142
sethostname 170 161|setdomainname 171 162|iopl 172 -1|ioperm 173 -1|init_module 175 105|delete_module 176 106
quotactl 179 60|io_setup 206 0|io_submit 209 2|clock_settime 227 112|mbind 237 235|set_mempolicy 238 237
kexec_load 246 104|add_key 248 217|request_key 249 218|keyctl 250 219|migrate_pages 256 238|unshare 272 97
splice 275 76|tee 276 77|vmsplice 278 75|move_pages 279 239|perf_event_open 298 241|fanotify_init 300 262
name_to_handle_at 303 264|open_by_handle_at 304 265|clock_adjtime 305 266|syncfs 306 267|setns 308 268
process_vm_readv 310 270|process_vm_writev 311 271|kcmp 312 272|finit_module 313 273|kexec_file_load 320 294
bpf 321 280|userfaultfd 323 282|pivot_root 155 41|modify_ldt 154 -1|vhangup 153 58|io_uring_setup 425 425
io_uring_enter 426 426|io_uring_register 427 427|open_tree 428 428|move_mount 429 429|fsopen 430 430
fsconfig 431 431|fsmount 432 432|fspick 433 433|pidfd_open 434 434|clone3 435 435|pidfd_getfd 438 438
process_madvise 440 440|mount_setattr 442 442|memfd_secret 447 447
"""
FAMILIES = {
    "alg": (38, 5, 0), "vsock": (40, 1, 0), "packet": (17, 3, 0), "raw": (2, 3, 1), "tipc": (30, 5, 0),
    "bluetooth": (31, 3, 0), "can": (29, 3, 1), "key": (15, 3, 2), "rds": (21, 5, 0), "xdp": (44, 3, 0),
    "nfc": (39, 3, 0), "smc": (43, 1, 0), "kcm": (41, 2, 0), "netlink.audit": (16, 3, 9),
    "netlink.netfilter": (16, 3, 12), "sctp": (2, 1, 132), "mptcp": (2, 1, 262), "icmp": (2, 2, 1),
}


def in_a_child(do):
    """The word that `do` gives, or that it was killed: what it changes ends with the child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, do().encode())
        finally:
            os._exit(0)
    os.close(writer)
    word = os.read(reader, 200).decode()
    os.close(reader)
    os.waitpid(child, 0)
    return word or "refused: killed"


def word_of(number):
    name = errno.errorcode.get(number, str(number))
    # A family or a call that the kernel does not have cannot be reached either.
    return ("refused: " if name in ("EPERM", "ENOSYS", "EAFNOSUPPORT") else "reached: ") + name


def call(number):
    ctypes.set_errno(0)
    result = LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 6)
    return "reached" if result >= 0 else word_of(ctypes.get_errno())


def make(family):
    try:
        socket.socket(*family).close()
        return "reached"
    except OSError as error:
        return word_of(error.errno)


def legacy():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    return "reached"


def attempt(do):
    try:
        do()
        return "done"
    except OSError as error:
        return "refused: " + errno.errorcode.get(error.errno, str(error.errno))


def open_any():
    refusal = OSError(errno.ENOENT, "none is there")
    for path in ["/proc/1/fd/" + name for name in os.listdir("/proc/1/fd")]:
        try:
            # Files have names of their own, and are tried by those.
            if not os.readlink(path).startswith("/"):
                return os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError as error:
            refusal = error
    raise refusal


def text(path):
    try:
        with open(path, "rb") as file:
            return file.read(65536).decode(errors="replace").strip()
    except OSError:
        return None


def first(*paths):
    return next((found for found in map(text, paths) if found is not None), "unknown")


machine = platform.machine()
column = {"x86_64": 1, "aarch64": 2}.get(machine)
for entry in CALLS.replace("\n", "|").split("|") if column else ():
    if entry and int(entry.split()[column]) >= 0:
        told["syscall." + entry.split()[0]] = in_a_child(lambda: call(int(entry.split()[column])))
def send():
    """Of descriptors that are none the kernel says EBADF; the filter, that it cannot be done with these files."""
    ctypes.set_errno(0)
    LIBC.syscall(ctypes.c_long({"x86_64": 40, "aarch64": 71}[machine]), *[ctypes.c_long(-1)] * 2, *[ctypes.c_long(0)] * 2)
    name = errno.errorcode.get(ctypes.get_errno(), "done")
    return ("refused: " if name in ("EINVAL", "EPERM", "ENOSYS") else "reached: ") + name


if column:
    told["syscall.sendfile"] = in_a_child(send)
if machine == "x86_64":
    told["syscall.int80"] = in_a_child(legacy)
    told["syscall.x32"] = in_a_child(lambda: call(0x40000000 + 39))
for name, family in FAMILIES.items():
    told["socket." + name] = in_a_child(lambda: make(family))

v1 = "/sys/fs/cgroup/"
told["limit.memory"] = first(v1 + "memory.max", v1 + "memory/memory.limit_in_bytes")
told["limit.swap"] = first(v1 + "memory.swap.max")
if told["limit.swap"] == "unknown":
    both = first(v1 + "memory/memory.memsw.limit_in_bytes")
    told["limit.swap"] = "0" if both == told["limit.memory"] != "unknown" else both
told["limit.processes"] = first(v1 + "pids.max", v1 + "pids/pids.max")
quota = first(v1 + "cpu.max").split()
if len(quota) != 2:
    quota = [first(v1 + "cpu/cpu.cfs_quota_us"), first(v1 + "cpu/cpu.cfs_period_us")]
told["limit.cpu"] = "unknown" if "unknown" in quota else "none"
if all(part.isdigit() and part != "0" for part in quota):
    told["limit.cpu"] = str(int(quota[0]) * 1000 // int(quota[1]))
told["limit.open-files"] = str(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
told["limit.core"] = str(resource.getrlimit(resource.RLIMIT_CORE)[1])
for name, place in (("tmp", "/tmp"), ("modules", "/modules"), ("shm", "/dev/shm")):
    try:
        found = os.statvfs(place)
        told["limit." + name] = str(found.f_blocks * found.f_frsize)
        told["limit." + name + ".names"] = str(found.f_files)
    except OSError:
        told["limit." + name] = "not there"

status = dict(line.split(":", 1) for line in (text("/proc/self/status") or "").splitlines() if ":" in line)
status = {name: value.split() for name, value in status.items()}
told["identity.users"] = " ".join(sorted(set(status.get("Uid", []) + status.get("Gid", []))))
told["identity.groups"] = " ".join(status.get("Groups", []))
sets = ["CapInh", "CapPrm", "CapEff"] + ["CapAmb"] * ("CapAmb" in status)  # What is ambient is also permitted.
told["identity.capabilities"] = " ".join(sorted({status.get(name, ["?"])[0].lstrip("0") or "0" for name in sets}))
# gVisor's status has no such line, and its kernel answers all the same: PR_GET_NO_NEW_PRIVS.
told["identity.no-new-privileges"] = " ".join(status.get("NoNewPrivs", [str(LIBC.prctl(39, 0, 0, 0, 0))]))
told["identity.filter"] = " ".join(status.get("Seccomp", ["?"]))
told["identity.become-root"] = in_a_child(lambda: attempt(lambda: os.setresuid(0, 0, 0)))

for name, place in (
    ("root", "/"), ("etc", "/etc"), ("usr", "/usr"), ("modules", "/modules"), ("process-1", "/run/sandbox"),
    ("dev", "/dev"), ("sys", "/sys"),
):
    told["write." + name] = attempt(lambda: open(os.path.join(place, ".proof"), "w").close())
# By how it is mounted: that its owner is another one is not what keeps it.
options = [line.split()[3].split(",") for line in (text("/proc/self/mounts") or "").splitlines() if line.split()[1] == "/env"]
told["write.store"] = "unknown" if not options else "refused: read-only" if "ro" in options[-1] else "writable"
for name, path in (
    ("core-pattern", "/proc/sys/kernel/core_pattern"), ("sysrq", "/proc/sysrq-trigger"),
    ("cgroup", v1 + "cgroup.procs"), ("cgroup-v1", v1 + "memory/release_agent"),
):
    told["write." + name] = attempt(lambda: os.close(os.open(path, os.O_WRONLY)))
told["write.device"] = attempt(lambda: os.mknod("/tmp/.proof", 0o60600, os.makedev(8, 0)))
told["write.device-opened"] = attempt(lambda: os.close(os.open("/tmp/.proof", os.O_RDONLY)))

told["hidden.process-1.memory"] = attempt(lambda: open("/proc/1/mem", "rb").close())
told["hidden.process-1.environment"] = attempt(lambda: open("/proc/1/environ", "rb").read())
told["hidden.process-1.descriptors"] = attempt(lambda: os.listdir("/proc/1/fd"))
told["hidden.process-1.open-files"] = attempt(open_any)
told["hidden.process-1.signals"] = attempt(lambda: os.kill(1, 0))
told["hidden.kernel-log"] = attempt(lambda: open("/dev/kmsg", "rb").close())
told["hidden.container-id"] = " ".join(re.findall("[0-9a-f]{64}", text("/proc/self/cgroup") or ""))
told["hidden.host-name"] = socket.gethostname()
told["hidden.sockets"] = " ".join(
    path for path in ("/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
    if os.path.exists(path)
)
told["hidden.devices"] = " ".join(
    name for name in sorted(os.listdir("/dev"))
    if name in ("mem", "kmem", "port", "kmsg", "kvm") or stat.S_ISBLK(os.lstat("/dev/" + name).st_mode)
)
# Those of others: whatever is neither process 1 nor of this program's own family.
processes = [name for name in os.listdir("/proc") if name.isdigit()]
told["hidden.processes"] = " ".join(name for name in processes if name not in ("1", str(os.getpid()), str(os.getppid())))
told["hidden.network-devices"] = " ".join(sorted(name for _, name in socket.if_nameindex()))
# Judged outside: what is looked for is nobody's business in here.
first_environment = (text("/proc/1/environ") or "").split("\0")
told["environment"] = sorted([*os.environ.values(), *(entry.partition("=")[2] for entry in first_environment)])
told["kernel"] = platform.release()
names = [name for name in ("cgroup", "ipc", "mnt", "net", "pid", "uts") if os.path.islink("/proc/self/ns/" + name)]
told["namespaces"] = " ".join(os.readlink("/proc/self/ns/" + name) for name in names)
print(json.dumps(told))
