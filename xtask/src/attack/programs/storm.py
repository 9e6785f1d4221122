# What takes as much of the machine as it gets, for a while, in each of the ways in which a neighbour might notice.

UNTIL = time.monotonic() + P["seconds"]


def storm(processes, do):
    """So many processes that do it again and again."""
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            while time.monotonic() < UNTIL:
                try:
                    do()
                except OSError:
                    pass  # At a limit; once more.
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def fork():
    child = os.fork()
    if child == 0:
        until = time.process_time() + 0.01
        while time.process_time() < until:
            pass
        os._exit(0)
    os.waitpid(child, 0)


def take_memory():
    hoard = bytearray(24 << 20)
    hoard[::4096] = b"x" * len(hoard[::4096])


def write_and_read():
    name = "/tmp/storm-%d" % os.getpid()
    with open(name, "wb") as file:
        file.write(bytes(1 << 20))
        file.flush()
        os.fsync(file.fileno())
    os.unlink(name)
    for place, _, files in os.walk(os.path.dirname(os.__file__)):
        for other in files[:20]:
            with open(os.path.join(place, other), "rb") as file:
                file.read(1 << 20)
            if time.monotonic() > UNTIL:
                return


for kind, processes, do in (("S01.peer", 40, fork), ("S03.peer", 6, take_memory), ("S14.peer", 16, lambda: None),
                            ("S18.peer", 20, write_and_read)):
    if wanted(kind):
        storm(processes, do)
