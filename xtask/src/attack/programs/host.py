# The host's own things by their own names: its files, its sockets, its processes. The host judges by
# what it kept secret, who called, and what changed.


def tell(text):
    return "done " + text.strip()


def read_secret(path):
    with open(path) as file:
        return tell(file.read(200))


CANARY = P["canary"]  # the path of a file on the host

attempt("E16.host-path", lambda: read_secret(CANARY))
attempt("E16.host-path-first", lambda: read_secret("/proc/1/root" + CANARY))
attempt("E16.dot-dot", lambda: read_secret("/tmp/" + "../" * 40 + CANARY.lstrip("/")))


@attack("E16.host-write")
def _():
    with open(P["target"], "a") as file:
        file.write("attacked\n")


@attack("E16.leaked-directory")
def _():
    # A descriptor that process 1 got from outside leads to where it was opened.
    for pid in ("self", "1"):
        for number in range(3, 256):
            for up in ("", "../" * 20):
                try:
                    with open("/proc/%s/fd/%d/%s%s" % (pid, number, up, CANARY.lstrip("/") if up else "secret")) as file:
                        return tell(file.read(200))
                except OSError:
                    pass
    return "nothing"


def is_open(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False


@attack("E16.inherited-descriptors")
def _():
    kept = [number for number in range(3, 256) if is_open(number)]
    # Two pipes of this attempt itself are open.
    own = {os.readlink("/proc/self/fd/%d" % number) for number in kept}
    strange = sorted(name.split(":")[0] for name in own if not name.startswith(("pipe:", "/proc")))
    return "done " + " ".join(strange) if strange else "nothing"


def unix_call(address, attack_id):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(3)
        sock.connect(address)
        sock.sendall(("GET /%s HTTP/1.0\r\n\r\n" % attack_id).encode())
        return "done" if sock.recv(64) else "silent"


def any_unix_call(paths, attack_id):
    for path in paths:
        try:
            return unix_call(path, attack_id)
        except OSError as error:
            problem = error
    raise problem


ENGINES = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock",
           "/run/crio/crio.sock", "/run/buildkit/buildkitd.sock", "/run/dbus/system_bus_socket",
           "/run/systemd/private", "/run/mcp-python-executor/docker.sock"]
attempt("E15.engine-socket", lambda: any_unix_call(ENGINES, "E15.engine-socket"))
attempt("E15.host-socket", lambda: unix_call(P["socket"], "E15.host-socket"))
attempt("E15.abstract-socket", lambda: unix_call("\0" + P["abstract"], "E15.abstract-socket"))


@attack("E15.search-sockets")
def _():
    found = []
    for top in ("/run", "/var", "/tmp", "/dev", "/modules"):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    if (os.lstat(path).st_mode & 0o170000) == 0o140000:
                        found.append(path)
                except OSError:
                    pass
    return "done " + " ".join(found) if found else "nothing"


@attack("H11.host-processes")
def _():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                if P["process"].encode() in file.read(4096):
                    return "done"
        except OSError:
            pass
    return "nothing"


@attack("H01.kill-host-process")
def _():
    os.kill(P["pid"], 0)
    with open("/proc/%d/cmdline" % P["pid"], "rb") as file:
        return "done" if P["process"].encode() in file.read(4096) else "another process"


def everything():
    """All that a program can read of where it is."""
    for path in ("/proc/self/environ", "/proc/1/environ", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf",
                 "/etc/machine-id", "/proc/sys/kernel/hostname", "/proc/self/cgroup", "/proc/1/cgroup",
                 "/proc/self/mountinfo", "/proc/mounts", "/proc/net/arp", "/proc/net/unix", "/proc/net/route",
                 "/sys/class/dmi/id/product_serial", "/proc/1/cmdline", "/proc/self/cmdline",
                 "/var/lib/dbus/machine-id", "/.dockerenv", "/run/.containerenv"):
        try:
            with open(path, "rb") as file:
                yield file.read(1 << 16).decode("utf-8", "replace")
        except OSError:
            pass
    yield " ".join("%s=%s" % pair for pair in os.environ.items())
    yield " ".join(os.uname())
    for address in os.listdir("/sys/class/net") if os.path.isdir("/sys/class/net") else ():
        try:
            with open("/sys/class/net/%s/address" % address) as file:
                yield file.read()
        except OSError:
            pass


if any(name.startswith(("H05", "H11")) for name in P["ids"]):
    # The host looks for what is its own in it.
    say("H11.text", json.dumps("\n".join(everything())))

if wanted("H11.host-name"):
    say("H11.host-name", os.uname().nodename)

# Memory that outlives its owner, in the host's own IPC namespace


@attack("S20.shared-memory")
def _():
    key = P["ipc_key"]
    found = LIBC.shmget(key, 4096, 0o1600)
    if found == -1:
        raise OSError(ctypes.get_errno(), "shmget")


@attack("S20.message-queue")
def _():
    found = LIBC.msgget(P["ipc_key"], 0o1600)
    if found == -1:
        raise OSError(ctypes.get_errno(), "msgget")


linger()
