import json, os, socket


def lines(path):
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def resolve(name):
    try:
        return sorted({entry[4][0] for entry in socket.getaddrinfo(name, 80)})
    except OSError:
        return []


def mounts():
    for line in lines("/proc/self/mountinfo"):
        words = line.split()
        kind = words.index("-") + 1
        yield {"target": words[4], "options": words[5].split(","), "kind": words[kind]}


def descriptors():
    for name in os.listdir("/proc/self/fd"):
        try:
            yield {"number": int(name), "target": os.readlink("/proc/self/fd/" + name)}
        except OSError:
            pass  # The one that listed the directory.


def writable(path):
    target = os.path.join(path, ".probe")
    try:
        with open(target, "w"):
            pass
        os.unlink(target)
        return True
    except OSError:
        return False


print(json.dumps({
    "interfaces": [name for _, name in socket.if_nameindex()],
    "routes": len(lines("/proc/net/route")[1:]),
    "hostname": socket.gethostname(),
    "localhost": resolve("localhost"),
    "own_name": resolve(socket.gethostname()),
    "environment": dict(os.environ),
    "first_environment": [line for line in lines("/proc/1/environ")],
    "mounts": list(mounts()),
    "descriptors": list(descriptors()),
    "cgroups": lines("/proc/self/cgroup"),
    "processes": [int(name) for name in os.listdir("/proc") if name.isdigit()],
    "writable": [p for p in ("/", "/etc", "/usr", "/tmp", "/modules", "/run/sandbox", "/dev/shm", "/sys", "/proc/sys")
                 if writable(p)],
    "cwd": os.getcwd(),
}))
