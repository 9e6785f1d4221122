# Runs as process 1 of a fresh sandbox and says in one line of JSON what it finds there.
import json, os, resource, select, signal, socket, sys

found = {"python": list(sys.version_info[:2])}
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for key in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp"):
    found[key] = status.get(key, "").strip()
found["uid"] = os.getuid()
found["pid"] = os.getpid()
found["interfaces"] = sorted(line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line)
found["hostname"] = socket.gethostname()
found["open_files"] = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
found["writable"] = []
for place in ("/", "/usr", "/etc", "/tmp", "/modules", "/run/sandbox"):
    if not os.path.isdir(place) or os.statvfs(place).f_flag & os.ST_RDONLY:
        continue
    found["writable"].append(place)
found["sizes"] = {}
for place in ("/tmp", "/modules", "/dev/shm"):
    vfs = os.statvfs(place)
    found["sizes"][place] = vfs.f_frsize * vfs.f_blocks


def first(*paths):
    for path in paths:
        try:
            return open(path).read().strip()
        except OSError:
            pass
    return None


found["memory"] = first("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
found["processes"] = first("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")

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
