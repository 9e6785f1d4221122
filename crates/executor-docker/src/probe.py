# Runs as process 1 of a fresh sandbox and says in one line of JSON what it finds there.
import ctypes, errno, json, mmap, os, platform, re, resource, select, socket, stat, sys


def lines(path):
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def first(*paths):
    for path in paths:
        for line in lines(path)[:1]:
            return line.strip()
    return None


libc = ctypes.CDLL(None, use_errno=True)


def is_read_only(place):
    """Where the flags do not tell, as in gVisor. Who may write is another question."""
    return libc.access(place.encode(), os.W_OK) != 0 and ctypes.get_errno() == errno.EROFS


found = {"python": list(sys.version_info[:2])}
status = dict(line.split(":", 1) for line in lines("/proc/self/status") if ":" in line)
for key in ("CapEff", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp"):
    found[key] = status.get(key, "").strip()
if not found["NoNewPrivs"]:
    # gVisor has no such line.
    found["NoNewPrivs"] = str(libc.prctl(39, 0, 0, 0, 0))
found["kernel"] = [platform.release(), platform.version()]
found["uid"] = os.getuid()
found["pid"] = os.getpid()
found["interfaces"] = sorted(line.split(":")[0].strip() for line in lines("/proc/net/dev") if ":" in line)
found["hostname"] = socket.gethostname()
found["open_files"] = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
found["core"] = resource.getrlimit(resource.RLIMIT_CORE)[1]
found["writable"] = []
found["sizes"] = {}
found["inodes"] = {}
# The store of module sets, where the sandbox has it, is looked at by its flags alone: it is kept for others.
for place in ("/", "/usr", "/etc", "/tmp", "/modules", "/run/sandbox", "/dev/shm", "/env"):
    try:
        vfs = os.statvfs(place)
    except OSError:
        continue
    if place != "/dev/shm" and not vfs.f_flag & os.ST_RDONLY and not is_read_only(place):
        found["writable"].append(place)
    found["sizes"][place] = vfs.f_frsize * vfs.f_blocks
    found["inodes"][place] = vfs.f_files

found["memory"] = first("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# Version 1 counts memory and swap together, version 2 swap alone.
found["memory_and_swap"] = first("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
found["swap"] = first("/sys/fs/cgroup/memory.swap.max")
# As process 1 of every sandbox will look for them: which were killed for want of memory.
events = lines("/sys/fs/cgroup/memory/memory.oom_control") + lines("/sys/fs/cgroup/memory.events")
found["counts_kills"] = any(line.startswith("oom_kill ") for line in events)
found["processes"] = first("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")
quota = (first("/sys/fs/cgroup/cpu.max") or "").split() or [
    first("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    first("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
]
found["cpu"] = quota if all(quota) else None

# What a sandbox must not see of its host, nor change. Nothing is written.
found["visible"] = []
if any(re.search("[0-9a-f]{64}", line) for line in lines("/proc/self/cgroup")):
    found["visible"].append("its container's id")
for path in ("/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"):
    if os.path.exists(path):
        found["visible"].append(path)
for name in sorted(os.listdir("/dev")):
    device = "/dev/" + name
    if name in ("mem", "kmem", "port", "kmsg", "kvm") or stat.S_ISBLK(os.lstat(device).st_mode):
        found["visible"].append(device)
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        found["visible"].append(path + " for writing")
    except OSError:
        pass

# System calls and socket families that nobody needs a capability for: only a filter stops them.
machine = platform.machine()
ME = os.getpid()
calls = {
    "x86_64": {
        "unshare": (272, 0x10000000), "ptrace": (101, 0, 0, 0, 0), "keyctl": (250, 0, -3, 0),
        "io_uring_setup": (425, 0, 0), "userfaultfd": (323, 1), "process_vm_readv": (310, ME, 0, 0, 0, 0, 0),
        "personality": (135, 0x0040000), "pidfd_open": (434, ME, 0), "name_to_handle_at": (303, -1, 0, 0, 0, 0),
        "vmsplice": (278, -1, 0, 0, 0), "modify_ldt": (154, 0, 0, 0), "kcmp": (312, ME, ME, 0, 0, 0),
        "x32 getpid": (0x40000000 + 39,), "sendfile": (40, -1, -1, 0, 0),
    },
    "aarch64": {
        "unshare": (97, 0x10000000), "ptrace": (117, 0, 0, 0, 0), "keyctl": (219, 0, -3, 0),
        "io_uring_setup": (425, 0, 0), "userfaultfd": (282, 1), "process_vm_readv": (270, ME, 0, 0, 0, 0, 0),
        "personality": (92, 0x0040000), "pidfd_open": (434, ME, 0), "name_to_handle_at": (264, -1, 0, 0, 0, 0),
        "vmsplice": (75, -1, 0, 0, 0), "kcmp": (272, ME, ME, 0, 0, 0), "sendfile": (71, -1, -1, 0, 0),
    },
}.get(machine, {})


def legacy():
    """getpid by the entry of 32-bit programs, around every rule on arguments."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def attempt(do):
    """Whether the kernel let a child of ours through to the call itself."""
    child = os.fork()
    if child == 0:
        result = 1
        try:
            result = 0 if do() else 1
        finally:
            os._exit(result)
    return os.waitpid(child, 0)[1] == 0


def passes(name, numbers):
    ctypes.set_errno(0)
    result = libc.syscall(*(ctypes.c_long(number) for number in numbers))
    # To descriptors that are none the kernel says EBADF; this one is refused so that its callers copy.
    refusals = (errno.EPERM, errno.ENOSYS) + (errno.EINVAL,) * (name == "sendfile")
    return result >= 0 or ctypes.get_errno() not in refusals


def makes(family, kind):
    try:
        socket.socket(family, kind).close()
        return True
    except OSError as error:
        # Without its module a family is not there; a filter would not have told.
        return error.errno not in (errno.EPERM, errno.EAFNOSUPPORT)


found["calls"] = [name for name, numbers in calls.items() if attempt(lambda: passes(name, numbers))]
if machine == "x86_64" and attempt(lambda: legacy() or True):
    found["calls"].append("int 0x80")
for name, family, kind in (("AF_ALG", 38, 5), ("AF_VSOCK", 40, 1), ("AF_PACKET", 17, 3), ("AF_TIPC", 30, 5)):
    if attempt(lambda: makes(family, kind)):
        found["calls"].append(name)

# Names resolve by the engine's hosts file, or by asking process 1, as the runner will be asked.
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    names.bind(("127.0.0.1", 53))
except OSError:
    pass  # Then it is the hosts file alone.
names.setblocking(False)
told, tell = os.pipe()
child = os.fork()
if child == 0:
    os.close(told)
    resolved = []
    for name in ("localhost", socket.gethostname()):
        try:
            resolved.append(socket.gethostbyname(name))
        except OSError as error:
            resolved.append(str(error))
    # Another user must be out of reach of process 1's uid, and process 1 of his.
    try:
        os.setgroups([])
        os.setresgid(10002, 10002, 10002)
        os.setresuid(10002, 10002, 10002)
        os.kill(1, 0)
        users = "process 1 can be reached"
    except PermissionError as error:
        users = "apart" if os.getuid() == 10002 else str(error)
    os.write(tell, json.dumps([resolved, users]).encode())
    os._exit(0)
os.close(tell)
while told not in select.select([told, names], [], [], 20)[0]:
    try:
        query, sender = names.recvfrom(512)
        # An address for the first kind of question, nothing for the others.
        answers = query.partition(b"\0\0\x01\0\x01")[1] != b""
        at = query.index(b"\0", 12) + 5
        head = query[:2] + b"\x84\0\0\x01\0" + bytes([answers]) + b"\0\0\0\0"
        record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01"
        names.sendto(head + query[12:at] + record * answers, sender)
    except (OSError, ValueError):
        break
found["resolves"], found["users"] = json.loads(os.read(told, 4096) or "[[], null]")
print(json.dumps(found))
