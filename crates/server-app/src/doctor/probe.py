# What a program sees of its sandbox, as one JSON object on standard output.
import ctypes, json, os, platform, socket, sys

status = {}
with open("/proc/self/status") as file:
    for line in file:
        name, _, value = line.partition(":")
        status[name] = value.strip()


def resolves(name):
    try:
        return socket.gethostbyname(name)
    except OSError as error:
        return str(error)


def can_write(path):
    try:
        with open(path, "w"):
            pass
        os.unlink(path)
        return True
    except OSError:
        return False


print(json.dumps({
    "python": platform.python_version(),
    "interfaces": sorted(name for _, name in socket.if_nameindex()),
    "uid": os.getuid(),
    "gid": os.getgid(),
    "capabilities": status.get("CapBnd", "?") + "/" + status.get("CapEff", "?"),
    "effective": int(status.get("CapEff", "1"), 16),
    # gVisor's status has no such line, and its kernel answers all the same: PR_GET_NO_NEW_PRIVS.
    "no_new_privs": status.get("NoNewPrivs") or str(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)),
    "seccomp": status.get("Seccomp"),
    "root_writable": can_write("/probe") or can_write("/etc/probe"),
    "tmp_writable": can_write("/tmp/probe"),
    "localhost": resolves("localhost"),
    "hostname": socket.gethostname(),
    "proxied": bool(os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")),
}))
