# The first of two programs: it takes all of what the kernel counts by user, and leaves its things where
# another might find them. Then it stays for a while, or ends.

import fcntl
import threading

KEPT = []
LIBC.timer_create.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]


def until_refused(do, most):
    try:
        for _ in range(most):
            KEPT.append(do())
    except OSError:
        pass


def checked(result, name):
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


class Queue(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_long), ("most", ctypes.c_long), ("size", ctypes.c_long),
                ("now", ctypes.c_long), ("rest", ctypes.c_long * 4)]


def queue(name, flags):
    """A POSIX message queue, by the call itself: libc wants its realtime library for it."""
    attributes = Queue(0, 10, 8192)
    return checked(LIBC.syscall(NUMBERS["mq_open"], name, flags, 0o666, ctypes.byref(attributes)), "mq_open")


def wide_pipe():
    pair = os.pipe()
    KEPT.append(pair)
    fcntl.fcntl(pair[1], 1031, 1 << 20)  # F_SETPIPE_SZ
    return pair


def timer():
    return checked(LIBC.timer_create(1, None, ctypes.byref(ctypes.c_void_p())), "timer_create")


def inotify_instances():
    until_refused(lambda: checked(LIBC.inotify_init1(0), "inotify_init1"), 200)


def message_queues():
    for number in range(100):
        name = b"attack-%s-%d" % (P["mark"].encode(), number)
        try:
            KEPT.append(queue(name, 0o102))
        except OSError:
            return
        # It counts for as long as it is open.
        LIBC.syscall(NUMBERS["mq_unlink"], name)


def timers():
    until_refused(timer, P["timers"])


def descriptors_in_flight():
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.setblocking(False)
    null = os.open("/dev/null", os.O_RDONLY)
    message = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("250i", *[null] * 250))]
    KEPT.append((left, right))
    until_refused(lambda: left.sendmsg([b"x"], message), 8)


def locked_memory():
    segment = checked(LIBC.shmget(0, 60 * 1024, 0o1600), "shmget")
    LIBC.shmctl(segment, 11, None)  # SHM_LOCK
    KEPT.append(LIBC.shmat(segment, None, 0))
    LIBC.shmctl(segment, 0, None)


def pipes():
    until_refused(wide_pipe, 100)
    until_refused(lambda: KEPT.append(os.pipe()), 20)


# What another might find


def looked_for(what):
    return wanted("H06.peer-" + what) or wanted("H06.left-" + what)


WORD = P["peer_word"]
PLACES = ["/tmp/attack-peer", "/dev/shm/attack-peer", "/modules/attack-peer", os.path.expanduser("~/attack-peer")]
for path in PLACES if looked_for("files") else ():
    try:
        with open(path, "w") as file:
            file.write(WORD)
        os.chmod(path, 0o666)
    except OSError:
        pass
if looked_for("memory"):
    LIBC.shmget(P["peer_key"], 4096, 0o1666)
if looked_for("queue"):
    queue(b"attack-peer-" + WORD.encode(), 0o102)

# What the kernel counts by user. The things to be found are there already, so nothing of it is left.


def hoard(take):
    """In a process of its own: each has its own limit of descriptors."""
    done, tell = os.pipe()
    if os.fork() == 0:
        take()
        os.close(tell)
        time.sleep(P["stay"])
        os._exit(0)
    os.close(tell)
    os.read(done, 1)
    os.close(done)


for name, take in [
    ("inotify", inotify_instances),
    ("queues", message_queues),
    ("timers", timers),
    ("descriptors-in-flight", descriptors_in_flight),
    ("locked-memory", locked_memory),
    ("pipes", pipes),
]:
    if wanted("S20.peer-" + name):
        hoard(take)

if P["stay"]:
    def serve(listener):
        while True:
            caller, _ = listener.accept()
            caller.sendall(WORD.encode())
            caller.close()

    for family, address in ((socket.AF_INET, ("0.0.0.0", P["peer_port"])), (socket.AF_UNIX, "\0attack-peer-" + WORD)):
        listener = socket.socket(family)
        try:
            listener.bind(address)
            listener.listen()
        except OSError:
            continue
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
    call_me("ready")
    say("ready", P["mark"])  # For a host that sees no processes.
    time.sleep(P["stay"])
os._exit(0)
