# The second of two programs: an innocent one that needs what the first has taken, and a curious one that
# looks for what the first has left. `done` means that the first has reached it.

import fcntl

WORD = P["peer_word"]
ADDRESSES = ["127.0.0.1", "127.0.1.1", socket.gethostname(), "localhost"] + P["addresses"]


def reached(do):
    """Whether the innocent need is refused."""
    try:
        do()
    except OSError as error:
        return "done: refused with %s" % name_of(error.errno)
    return "nothing"


def checked(result, name):
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


@attack("S20.peer-inotify")
def _():
    return reached(lambda: checked(LIBC.inotify_init1(0), "inotify_init1"))


@attack("S20.peer-queues")
def _():
    attributes = (ctypes.c_long * 8)(0, 10, 8192)
    name = b"attack-own-" + P["mark"].encode()
    answer = reached(lambda: checked(
        LIBC.syscall(NUMBERS["mq_open"], name, 0o102, 0o600, ctypes.byref(attributes)), "mq_open"))
    LIBC.syscall(NUMBERS["mq_unlink"], name)
    return answer


@attack("S20.peer-timers")
def _():
    LIBC.timer_create.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    return reached(lambda: checked(LIBC.timer_create(1, None, ctypes.byref(ctypes.c_void_p())), "timer_create"))


@attack("S20.peer-descriptors-in-flight")
def _():
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    message = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", 0))]
    return reached(lambda: left.sendmsg([b"x"], message))


@attack("S20.peer-locked-memory")
def _():
    segment = checked(LIBC.shmget(0, 32 * 1024, 0o1600), "shmget")
    try:
        return reached(lambda: checked(LIBC.shmctl(segment, 11, None), "shmctl"))
    finally:
        LIBC.shmctl(segment, 0, None)


@attack("S20.peer-pipes")
def _():
    _, writer = os.pipe()
    size = fcntl.fcntl(writer, 1032)  # F_GETPIPE_SZ
    return "done: a pipe of %d bytes" % size if size < 65536 else "nothing"


def found_in(paths):
    found = "nothing"
    for path in paths:
        try:
            with open(path) as file:
                if file.read(100) == WORD:
                    found = "done"
                    os.unlink(path)
        except OSError:
            pass
    return found


def answered(families):
    for family, address in families:
        with socket.socket(family) as sock:
            sock.settimeout(2)
            try:
                sock.connect(address)
                if sock.recv(100) == WORD.encode():
                    return "done"
            except OSError:
                pass
    return "nothing"


def has_segment():
    segment = LIBC.shmget(P["peer_key"], 0, 0)
    if segment == -1:
        return "nothing"
    LIBC.shmctl(segment, 0, None)
    return "done"


def has_queue():
    name = b"attack-peer-" + WORD.encode()
    return "nothing" if LIBC.syscall(NUMBERS["mq_unlink"], name) == -1 else "done"


def has_process():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % pid) as file:
                if file.read().startswith(P["peer_mark"]):
                    os.kill(int(pid), 0)
                    return "done"
        except OSError:
            pass
    return "nothing"


PLACES = ["/tmp/attack-peer", "/dev/shm/attack-peer", "/modules/attack-peer", os.path.expanduser("~/attack-peer")]
for prefix in ("H06.peer-", "H06.left-"):
    attempt(prefix + "files", lambda: found_in(PLACES))
    attempt(prefix + "memory", has_segment)
    attempt(prefix + "queue", has_queue)
    attempt(prefix + "process", has_process)
attempt("N06.peer-port", lambda: answered([(socket.AF_INET, (name, P["peer_port"])) for name in ADDRESSES
                                           if ":" not in name]))
attempt("N06.peer-socket", lambda: answered([(socket.AF_UNIX, "\0attack-peer-" + WORD)]))
