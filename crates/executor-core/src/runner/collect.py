# What a program leaves behind to be seen: its displays, and the files in its working directory. Read when nobody of
# the program lives any more, with the program's own rights, and never through a link.

import itertools
import re
import stat

MAX_ENTRIES = 20_000  # looked at in all; whatever comes behind them is not known
MAX_DEPTH = 8  # directories below the working directory
MAX_NAMED = 32  # things left out that are named; the others are counted
MAX_NAME = 512  # bytes of a path
DISPLAY_NAME = r"\d{20}-\d{1,10}"


class Collector:
    """Goes through what is left, a frame a step, so that process 1 can wait for credit between any two."""

    def __init__(self, order, placed, may_switch):
        self.limits = order["results"]
        self.cwd, self.text_name = order["cwd"], order["name"]
        self.spool = spool_of(order)
        self.placed = placed  # what the host has put there: (modification time, size) by name
        self.user = order.get("uid") if may_switch else None
        self.left_bytes = self.limits["total_bytes"]
        self.left_files = self.limits["files"]
        self.seen = 0
        self.left_out, self.left_more = [], 0
        self.counted = 0  # among these, for want of room
        self.steps = self.walk()

    def send(self, stream, run, now):
        """Says as much as there is room and credit for; whether that is all."""
        if now >= run.collect_until:
            self.leave_out("what came last", "time")
            return True
        while stream.has_room():
            try:
                step = self.step(run.window[RESULTS])
            except OSError:
                self.leave_out("what came last", "unreadable")
                return True
            if step is None:
                return True
            if not step:
                return False  # Until there is credit.
            if step[0] == "data":
                run.window[RESULTS] -= len(step[1])
                stream.data(RESULTS, step[1])
            else:
                stream.control(ITEM, step[1])
        return False

    def step(self, room):
        """The next of what there is to say, with at most `room` bytes of data; None at the end."""
        self.room = room
        with Acting(self.user):
            return next(self.steps, None)

    def walk(self):
        yield from self.displays()
        try:
            top = open_directory(self.cwd)
        except OSError:
            return
        yield from self.directory(top, "", 0)
        if self.seen >= MAX_ENTRIES:
            # First, and whatever else is named: it says that nobody knows how many there are.
            self.left_out.insert(0, ["what comes behind %d entries" % MAX_ENTRIES, "count"])

    def displays(self):
        try:
            fd = open_directory(self.spool)
        except OSError:
            return  # The usual case: nothing was displayed.
        with os.scandir(fd) as entries:
            names = sorted(entry.name for entry in itertools.islice(entries, MAX_ENTRIES))
        names = [name for name in names if re.fullmatch(DISPLAY_NAME, name)]
        for count, name in enumerate(names):
            label = "display %d" % (count + 1)
            if count >= self.limits["displays"]:
                self.leave_out(label, "count")
            else:
                yield from self.regular(fd, name, label, None)
        os.close(fd)

    def directory(self, fd, prefix, depth):
        """The files below `fd`, which is closed in the end. Files first, so that a deep tree does not hide them."""
        try:
            with os.scandir(fd) as entries:
                names = sorted(entry.name for entry in itertools.islice(entries, MAX_ENTRIES - self.seen))
        except OSError:
            names = []
        self.seen += len(names)
        below = []
        for name in names:
            path = prefix + name
            if name.startswith(".") or name == "__pycache__" or path == self.text_name:
                continue
            try:
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                below.append(name)
            elif not is_plain(path):
                self.leave_out(path, "name")
            elif not stat.S_ISREG(found.st_mode):
                self.leave_out(path, "link" if stat.S_ISLNK(found.st_mode) else "special")
            elif self.placed.get(path) == [found.st_mtime_ns, found.st_size]:
                continue
            elif self.left_files == 0:
                self.leave_out(path, "count")
            else:
                yield from self.regular(fd, name, path, path)
        for name in below:
            if depth == MAX_DEPTH or self.seen >= MAX_ENTRIES:
                self.leave_out(prefix + name, "depth" if depth == MAX_DEPTH else "count")
                continue
            try:
                inner = os.open(name, DIRECTORY_FLAGS, dir_fd=fd)
            except OSError:
                self.leave_out(prefix + name, "unreadable")
                continue
            yield from self.directory(inner, prefix + name + "/", depth + 1)
        os.close(fd)

    def regular(self, directory, name, label, path):
        """One file in pieces, and what closes it. `path` is None for a display."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        try:
            fd = os.open(name, flags, dir_fd=directory)
        except OSError:
            self.leave_out(label, "unreadable")
            return
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                self.leave_out(label, "special")
                return
            if found.st_size > self.limits["item_bytes"]:
                self.leave_out(label, "size")
                return
            if found.st_size > self.left_bytes:
                self.leave_out(label, "total")
                return
            self.left_bytes -= found.st_size
            if path is not None:
                self.left_files -= 1
            missing = found.st_size
            while missing:
                while not self.room:
                    yield ()
                try:
                    piece = os.read(fd, min(MAX_DATA, self.room, missing))
                except OSError:
                    piece = b""
                if not piece:
                    break
                missing -= len(piece)
                yield ("data", piece)
        finally:
            os.close(fd)
        if missing:
            self.leave_out(label, "unreadable")
        # The host takes what came since the last such frame for this file, or drops it if it is not whole.
        yield ("item", {"name": path, "bytes": found.st_size - missing, "whole": not missing})

    def leave_out(self, label, reason):
        # That there are too many says little about any of them.
        self.counted += reason == "count"
        if len(self.left_out) < MAX_NAMED and (reason != "count" or self.counted <= 3):
            label = label.encode("utf-8", "replace").decode()[:MAX_NAME]
            self.left_out.append([label, reason])
        else:
            self.left_more += 1


DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_directory(path):
    return os.open(path, DIRECTORY_FLAGS)


def is_plain(path):
    """Whether it is a name as the host takes it."""
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return False
    return size <= MAX_NAME and path.isprintable() and "\\" not in path


def spool_of(order):
    """Where the program's process lays its displays down; beside, and not in, the working directory."""
    return os.path.join(order.get("env", {}).get("HOME", "/tmp"), ".displays")
