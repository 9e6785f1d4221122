# Runs as process 1 of a sandbox and says what it finds and can do there, a line each.
import ctypes, errno, os, re, resource, signal, socket, stat, sys


def say(name, *values):
    print(name, *values, flush=True)


def lines(path):
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def first(*paths):
    return next((lines(path)[0] for path in paths if lines(path)), None)


def attempt(name, do):
    try:
        do()
        say(name, "done")
    except TimeoutError:
        say(name, "timeout")
    except OSError as error:
        say(name, errno.errorcode[error.errno])


def asked(*_):
    say("asked-to-end")
    os._exit(0)


signal.signal(signal.SIGTERM, asked)

# Who it is
status = dict(line.split(":", 1) for line in lines("/proc/self/status") if ":" in line)
field = {name: value.strip() for name, value in status.items()}
say("capabilities", *(field["Cap" + kind].lstrip("0") or "0" for kind in ("Eff", "Prm", "Bnd", "Inh", "Amb")))
say("new-privileges", "none" if field["NoNewPrivs"] == "1" else "possible")
say("filtered", field["Seccomp"])
# Some engines name the group once more among the others.
say("user", *os.getresuid(), *os.getresgid(), *(group for group in os.getgroups() if group != os.getgid()))
say("process-1", os.getpid())
say("others", sorted(int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()))
say("host-name", socket.gethostname())
say("directory", os.getcwd())
say("variables", os.environ.get("HOME"), os.environ.get("LANG"))
say("oom-score", first("/proc/self/oom_score_adj"))

# What it sees
say("interfaces", sorted(line.split(":")[0].strip() for line in lines("/proc/net/dev") if ":" in line))
say("groups", "show an id" if any(re.search("[0-9a-f]{64}", line) for line in lines("/proc/self/cgroup")) else "hidden")
say("devices", *sorted(os.listdir("/dev")))
mounts = [line.split()[:4] for line in lines("/proc/mounts")]
say("mounts", *sorted({place for _, place, _, _ in mounts if not place.startswith(("/proc", "/sys"))}))


def masked(path):
    if not os.path.exists(path):
        return True
    if os.path.isdir(path):
        return not os.listdir(path)
    return os.stat(path).st_rdev == os.makedev(1, 3)


say("masked", *(path for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware") if not masked(path)))


def opens(path):
    try:
        os.close(os.open(path, os.O_WRONLY))
        return True
    except OSError:
        return False


say("kernel", *(path for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger") if opens(path)))

say("hosts-file", "written" if lines("/etc/hosts") else "empty")

# What it can do
for address in ("192.0.2.1", "169.254.169.254"):
    attempt("connect/" + address, lambda: socket.create_connection((address, 80), 1).close())


def names():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 53))


attempt("port-of-names", names)
for place in ("/", "/etc", "/usr", "/tmp"):
    attempt("write" + place, lambda: os.close(os.open(place + "/x", os.O_CREAT | os.O_WRONLY)))
attempt("regular-node", lambda: os.mknod("/tmp/node", 0o100600))
attempt("device-node", lambda: os.mknod("/tmp/device", 0o020600, os.makedev(1, 3)))
libc = ctypes.CDLL(None, use_errno=True)


def traced():
    if libc.ptrace(0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "")


child = os.fork()
if not child:
    attempt("traced", traced)
    os._exit(0)
os.waitpid(child, 0)

# What it may use
for name in ("nofile", "core", "memlock"):
    say(name, *resource.getrlimit(getattr(resource, "RLIMIT_" + name.upper())))
for place in ("/tmp", "/modules", "/run/sandbox", "/dev/shm"):
    vfs, own = os.statvfs(place), os.stat(place)
    say("size" + place, vfs.f_frsize * vfs.f_blocks >> 20)
    say("names" + place, vfs.f_files)
    say("owner" + place, oct(stat.S_IMODE(own.st_mode)), own.st_uid, own.st_gid)
    options = [option for _, found, _, option in mounts if found == place]
    say("flags" + place, *sorted(set(",".join(options).split(",")) & {"nosuid", "nodev", "noexec"}))
# The store of module sets; its flags tell of the mount, and the write is process 1's, whom no owner keeps from it.
mounted = os.path.ismount("/env")
can = "cannot" if os.statvfs("/env" if mounted else "/").f_flag & os.ST_RDONLY else "can"
say("store", "mounted," if mounted else "not mounted,", can, "be written")
attempt("store/write", lambda: os.close(os.open("/env/x", os.O_CREAT | os.O_WRONLY)))
GROUPS = "/sys/fs/cgroup/"
memory = first(GROUPS + "memory.max", GROUPS + "memory/memory.limit_in_bytes")
say("memory", memory)
# Version 1 counts memory and swap together, version 2 swap alone.
both = first(GROUPS + "memory/memory.memsw.limit_in_bytes")
say("swap", int(both) - int(memory) if both else first(GROUPS + "memory.swap.max"))
# Version 2 has neither of these, and needs none.
say("swappiness", first(GROUPS + "memory/memory.swappiness") or 0)
killer = "oom_kill_disable 1" not in lines(GROUPS + "memory/memory.oom_control")
say("oom-killer", "on" if killer else "off")
quota = first(GROUPS + "cpu.max") or " ".join(
    first(GROUPS + "cpu/cpu.cfs_" + name + "_us") or "?" for name in ("quota", "period")
)
say("processor", quota)
child = os.fork() if killer else None
if child == 0:
    # Some more than it may have, a page at a time.
    hoard = [bytearray(1 << 20) for _ in range(160)]
    os._exit(0)
if child:
    say("hoard", "killed" if os.waitpid(child, 0)[1] == signal.SIGKILL else "done")
children = []
try:
    while len(children) < 60:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            while True:
                signal.pause()
        children.append(child)
except OSError as error:
    pass
say("processes", len(children) + 1)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
say("end")
while True:
    signal.pause()
