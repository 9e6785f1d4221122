# What takes more than its share. Each is tried alone; all are bounded and end by themselves.

import threading

PEAK = 1.2  # seconds for which the most is held, for the host to see
MIB = 1 << 20


@attack("S01.fork-bomb", seconds=20)
def _():
    children = 0
    try:
        while children < 200:
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
            children += 1
    finally:
        time.sleep(PEAK)


@attack("S01.fork-tree", seconds=20)
def _():
    # Every process forks again, twice, eight generations deep.
    for _ in range(8):
        try:
            os.fork()
        except OSError:
            pass
    time.sleep(PEAK * 2)


@attack("S01.vfork-storm", seconds=20)
def _():
    import subprocess

    started = []
    try:
        for _ in range(200):
            started.append(subprocess.Popen(["sleep", "15"], close_fds=False))
    finally:
        time.sleep(PEAK)
        for process in started:
            process.kill()


@attack("S02.thread-bomb", seconds=20)
def _():
    stop = threading.Event()
    threading.stack_size(64 * 1024)
    try:
        for _ in range(200):
            threading.Thread(target=stop.wait, args=(15,), daemon=True).start()
    except RuntimeError:
        raise BlockingIOError(errno.EAGAIN, "thread")
    finally:
        time.sleep(PEAK)
        stop.set()


@attack("S03.heap", seconds=25)
def _():
    kept = []
    for _ in range(100):
        kept.append(bytearray(b"x" * (4 * MIB)))
    time.sleep(PEAK)


@attack("S06.swap", seconds=25)
def _():
    kept = bytearray(b"x" * (100 * MIB))
    time.sleep(PEAK)
    return "%d bytes" % len(kept)


@attack("S03.mapped", seconds=25)
def _():
    import mmap

    page = mmap.mmap(-1, 400 * MIB)
    for at in range(0, 400 * MIB, 4096):
        page[at] = 1
    time.sleep(PEAK)


@attack("S05.children", seconds=25)
def _():
    def fill():
        kept = bytearray(b"x" * (50 * MIB))
        time.sleep(PEAK * 2)
        return kept

    for _ in range(8):
        if os.fork() == 0:
            fill()
            os._exit(0)
    for _ in range(8):
        _, status = os.wait()
        if status:
            return "a child was killed"


@attack("S05.spared-children", seconds=25)
def _():
    # Whoever lowers the own score leaves process 1 as the first to go.
    for score in ("0", "500"):
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write(score)
            break
        except OSError:
            pass
    for _ in range(30):
        if os.fork() == 0:
            kept = bytearray(b"x" * (14 * MIB))
            time.sleep(PEAK * 2)
            os._exit(len(kept) & 1)
    for _ in range(30):
        _, status = os.wait()
        if status:
            return "a child was killed"


def fill(path, most):
    """Writes until the place is full or `most` is reached."""
    written = 0
    with open(path, "wb", buffering=0) as file:
        while written < most:
            written += file.write(bytes(MIB))


@attack("S07.shared-memory-counts", seconds=25)
def _():
    # Anonymous shared files belong to nobody's heap.
    kept = []
    for number in range(25):
        descriptor = os.memfd_create("attack")
        os.ftruncate(descriptor, 16 * MIB)
        for _ in range(16):
            os.write(descriptor, b"x" * MIB)
        kept.append(descriptor)
    time.sleep(PEAK)


@attack("S20.system-v-counts", seconds=25)
def _():
    LIBC.shmat.restype = ctypes.c_void_p
    for _ in range(25):
        segment = LIBC.shmget(0, 16 * MIB, 0o1600)
        if segment == -1:
            raise OSError(ctypes.get_errno(), "shmget")
        place = LIBC.shmat(segment, None, 0)
        LIBC.shmctl(segment, 0, None)
        ctypes.memset(place, 1, 16 * MIB)
    time.sleep(PEAK)


attempt("S07.fill-tmp", lambda: fill("/tmp/attack-fill", 64 * MIB), seconds=25)
attempt("S08.fill-shm", lambda: fill("/dev/shm/attack-fill", 64 * MIB), seconds=25)
attempt("S10.fill-root", lambda: fill("/attack-fill", 64 * MIB), seconds=25)
attempt("S10.fill-home", lambda: fill("/var/tmp/attack-fill", 64 * MIB), seconds=25)


@attack("S07.sparse-file")
def _():
    # Longer than any disk, and empty: it may be had, the bytes in it may not.
    with open("/tmp/attack-sparse", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 64 * MIB)


@attack("S07.names", seconds=40)
def _():
    os.mkdir("/tmp/attack-names")
    os.chdir("/tmp/attack-names")
    for number in range(150_000):
        os.mknod("%d" % number)


@attack("S12.descriptors")
def _():
    kept = []
    while len(kept) < 400:
        kept.append(os.open("/dev/null", os.O_RDONLY))


@attack("S12.sockets")
def _():
    kept = []
    while len(kept) < 400:
        kept.append(socket.socket())


@attack("S13.core")
def _():
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    os.chdir("/tmp")
    child = os.fork()
    if child == 0:
        os.abort()
    _, status = os.waitpid(child, 0)
    return "done" if os.WCOREDUMP(status) else "no core"


@attack("S14.all-processors", seconds=15)
def _():
    until = time.monotonic() + 2
    for _ in range(3):
        if os.fork() == 0:
            while time.monotonic() < until:
                pass
            os._exit(0)
    while time.monotonic() < until:
        pass
