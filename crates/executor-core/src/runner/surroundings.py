# What process 1 knows of its surroundings, and makes of them: counters, free space, versions,
# and, outside a sandbox, the processes that are its own.

import fcntl

FIONREAD = 0x541B  # of termios, on every machine whose calls our filter knows

# Imported while nobody waits, between Ready and Run, besides what the runner itself needs: what most programs import
# anyway, as far as it is cheap. Each module costs every sandbox processor time and memory, whether its program wants it
# or not: dataclasses, pathlib, tempfile and logging together would be as much as these and the runner's own, and those
# who want one wait 2 to 5 ms for its import; asyncio, ssl or urllib.request would double it all.
WARM = ["typing", "datetime", "random", "math", "threading", "csv"]


class Counters:
    """Counters of the sandbox's control group, of either version; a host's are not ours to report.

    The files stay open: to open them takes longer than all else that is done with them.
    """

    def __init__(self, confined, root="/sys/fs/cgroup"):
        v1, v2 = root + "/memory/memory.", root + "/memory."
        self.files = {"peak": None, "oom": None}
        if confined:
            self.files["peak"] = counter(v1 + "max_usage_in_bytes", None) or counter(v2 + "peak", None)
            self.files["oom"] = counter(v1 + "oom_control", "oom_kill") or counter(v2 + "events", "oom_kill")

    def read(self):
        return {name: None if file is None else read_number(*file) for name, file in self.files.items()}


def counter(path, key):
    """A file that counts, and the word before its number, if it has one."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    if read_number(file, key) is None:
        os.close(file)
        return None
    return file, key


def processes():
    """Who is there: by process id, the parent's and the seconds of processor time of it and of those it has reaped."""
    found, second = {}, os.sysconf("SC_CLK_TCK")
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    words = file.read().rpartition(b")")[2].split()
                found[int(name)] = int(words[1]), sum(map(int, words[11:15])) / second
            except (OSError, ValueError, IndexError):
                continue
    return found


def descendants():
    """Those of this process, with their seconds of processor time. In a sandbox that is everybody."""
    found = processes()
    ours, size = {os.getpid()}, 0
    while size != len(ours):
        size = len(ours)
        ours.update(pid for pid, (parent, _) in found.items() if parent in ours)
    return {pid: found[pid][1] for pid in ours - {os.getpid()}}


def kill_descendants():
    """Outside a sandbox, only what this process has started may be ended."""
    for pid in descendants():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def read_number(file, key):
    try:
        for line in os.pread(file, 4096, 0).decode("ascii", "replace").splitlines():
            words = line.split()
            if key is None or words[0] == key:
                return int(words[-1])
    except (OSError, ValueError, IndexError):
        pass
    return None


def free_bytes(path):
    try:
        disk = os.statvfs(path)
    except (OSError, TypeError):
        return None
    return disk.f_bavail * disk.f_frsize


class Acting:
    """Process 1 with the rights of a user for a while; with its own if there is none."""

    def __init__(self, user):
        self.user = user

    def __enter__(self):
        if self.user is not None:
            os.setegid(self.user)
            os.seteuid(self.user)

    def __exit__(self, *_):
        if self.user is not None:
            os.seteuid(0)
            os.setegid(0)
            prctl(PR_SET_DUMPABLE, 0)


def playwright_version():
    """The version whose browsers the image carries: Playwright's own images say so in a file."""
    try:
        with open(os.path.join(os.environ["PLAYWRIGHT_BROWSERS_PATH"], ".docker-info")) as file:
            return json.loads(file.read(4096))["driverVersion"]
    except (OSError, KeyError, TypeError, ValueError):
        pass
    for place in sys.path:
        # The installed package, without the 20 ms that importing importlib.metadata takes.
        try:
            names = os.listdir(place)
        except OSError:
            continue
        for name in names:
            if name.startswith("playwright-") and name.endswith(".dist-info"):
                return name[len("playwright-") : -len(".dist-info")]
    return None


def readable_bytes(fd):
    try:
        return struct.unpack("i", fcntl.ioctl(fd, FIONREAD, b"\0" * 4))[0]
    except OSError:
        return 0


def is_readable(fd):
    waited = select.poll()
    waited.register(fd, select.POLLIN)
    return bool(waited.poll(0))


def warm_up(step):
    if callable(step):
        step()
        return
    try:
        importlib.import_module(step)
    except ImportError:
        pass


def give_back_memory():
    """What importing and compiling took and left behind: more than two of the ten megabytes of a sandbox that waits."""
    gc.collect()
    try:
        LIBC.malloc_trim(0)
    except AttributeError:
        pass  # Not glibc.
