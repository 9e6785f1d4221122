# Keeps the store of module sets: takes sets in, lists them, removes them.
#
# Started as `python3 -I -c <check.py and this text> <JSON order>` in a sandbox of its own, the only kind whose store is
# writable. No program runs there and nothing can be reached from there. It says one line of JSON, its answer.
#
#     .store/requests/<key>   which set answers a request, and since when; read by process 1 of every sandbox
#     .store/sets/<name>      what a set is: written last, so that a set without it does not exist
#     .store/manifests/<name> every file of the set with its size and hash
#     .store/contents/<hash>  the name of the set with this content
#     .store/used/<name>      its time is the set's last use
#     .store/staging/         what is being taken in or removed
#     <name>/                 the sets; random names in a directory that only its owner can list

import fcntl
import hashlib
import json
import os
import shutil
import struct
import sys
import time

FORMAT = "1"
PARTS = ("requests", "sets", "manifests", "contents", "used", "staging")
# Longer than anybody takes a set in: the sandbox that does so is ended before.
ABANDONED = 1800.0
LISTED = 1000


class Refused(Exception):
    """What was asked for cannot be done; the word says why."""


class Store:
    def __init__(self, order):
        self.order = order
        self.root = order["store"]
        self.index = os.path.join(self.root, ".store")

    def open(self):
        if not os.path.isdir(self.index):
            os.chmod(self.root, 0o711)
        make_directory(self.index, 0o700)
        for part in PARTS:
            make_directory(self.place(part), 0o700)
        try:
            with open(self.place("format")) as file:
                found = file.read(16)
        except FileNotFoundError:
            found = FORMAT
            self.write("format", FORMAT)
        if found != FORMAT:
            raise Refused("format")
        for name, ago in self.order.get("used", {}).items():
            self.touch(name, time.time() - ago)

    def place(self, *parts):
        return os.path.join(self.index, *parts)

    def write(self, *parts_and_text):
        """Puts a file in place as a whole or not at all."""
        path = self.place(*parts_and_text[:-1])
        fresh = self.place("staging", "%s.%d.new" % (os.path.basename(path), os.getpid()))
        with open(fresh, "w") as file:
            file.write(parts_and_text[-1])
            file.flush()
            os.fsync(file.fileno())
        os.rename(fresh, path)

    def touch(self, name, when):
        """Notes a use, unless a later one was noted."""
        path = self.place("used", name)
        if not os.path.exists(self.place("sets", name)):
            return
        known = os.path.exists(path)
        with open(path, "a"):
            pass
        if not known or os.stat(path).st_mtime < when:
            os.utime(path, (when, when))

    def locked(self):
        """One at a time changes what is there."""
        guard = open(self.place("lock"), "a")
        fcntl.flock(guard, fcntl.LOCK_EX)
        return guard

    # What is there

    def record(self, name):
        try:
            with open(self.place("sets", name)) as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def last_use(self, name):
        for part in ("used", "sets"):
            try:
                return os.stat(self.place(part, name)).st_mtime
            except OSError:
                continue
        return 0.0

    def names(self):
        return sorted(os.listdir(self.place("sets")))

    def requests(self):
        found = {}
        for key in os.listdir(self.place("requests")):
            try:
                with open(self.place("requests", key)) as file:
                    found[key] = json.load(file)
            except (OSError, ValueError):
                continue
        return found

    def look(self):
        """Whether a request has its answer; the same look as that of process 1."""
        answer = self.requests().get(self.order["request"])
        if answer is None or self.record(answer["set"]) is None:
            return {"missing": True}
        if answer["resolved"] < self.order["not_before"]:
            return {"missing": True}
        return dict(self.record(answer["set"]), name=answer["set"])

    def list(self):
        asked = {}
        for request in self.requests().values():
            asked.setdefault(request["set"], []).append(request["modules"])
        sets = []
        for name in self.names()[:LISTED]:
            record = self.record(name)
            if record is None:
                continue
            sets.append({
                "name": name, "bytes": record["bytes"], "files": record["files"], "installed": record["installed"],
                "built": record["built"], "used": int(self.last_use(name)), "in_use": self.is_held(name),
                "requests": sorted(asked.get(name, [])), "sound": self.is_sound(name, False),
            })  # fmt: skip
        return {"sets": sets, "more": max(0, len(self.names()) - LISTED)}

    def is_sound(self, name, deep):
        try:
            check_set(self.place("manifests", name), os.path.join(self.root, name), deep)
        except (OSError, ValueError):
            return False
        return self.record(name) is not None

    def is_held(self, name):
        """Whether a sandbox uses it: process 1 there holds a lock on its record."""
        try:
            with open(self.place("sets", name)) as record:
                try:
                    fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return True
        except FileNotFoundError:
            return False
        # Where locks do not reach from one sandbox to another, a use that was noted lately counts as one.
        return time.time() - self.last_use(name) < self.order["grace"]

    # What goes

    def remove(self, name):
        """Removes a set that nobody uses; says whether it did."""
        try:
            record = open(self.place("sets", name))
        except FileNotFoundError:
            return False
        with record:
            if self.order["grace"] and self.is_held(name):
                return False
            try:
                fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            try:
                content = json.load(record)["content"]
            except (ValueError, KeyError):
                content = None
            # The record first: from here on it does not exist for anybody.
            os.unlink(self.place("sets", name))
        if content is not None and read_text(self.place("contents", content)) == name:
            discard(self.place("contents", content))
        for key, request in self.requests().items():
            if request["set"] == name:
                discard(self.place("requests", key))
        self.clear(name)
        return True

    def clear(self, name):
        """Removes what is left of a set without a record."""
        discard(self.place("manifests", name))
        discard(self.place("used", name))
        gone = self.place("staging", name + ".gone")
        try:
            os.rename(os.path.join(self.root, name), gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)

    def make_room(self, needed):
        """Removes what was not used for longest, until so much more has room; says what went."""
        sizes = {name: (self.record(name) or {"bytes": 0})["bytes"] for name in self.names()}
        total, removed = sum(sizes.values()), []
        for name in sorted(sizes, key=self.last_use):
            if total + needed <= self.order["limit"]:
                break
            if self.remove(name):
                total -= sizes[name]
                removed.append(name)
        if total + needed > self.order["limit"]:
            raise Refused("full")
        return removed

    def tidy(self):
        """Removes what dead hands left: half a set, a set without a record, an answer without its set."""
        now = time.time()
        for name in os.listdir(self.place("staging")):
            path = self.place("staging", name)
            try:
                old = now - os.lstat(path).st_mtime > ABANDONED
            except OSError:
                continue
            if old or name.endswith(".gone"):
                shutil.rmtree(path, ignore_errors=True)
                discard(path)
        known = set(self.names())
        for name in os.listdir(self.root):
            path = os.path.join(self.root, name)
            if name != ".store" and name not in known and now - os.lstat(path).st_mtime > ABANDONED:
                self.clear(name)
        for key, request in self.requests().items():
            if request["set"] not in known:
                discard(self.place("requests", key))

    def prune(self):
        with self.locked():
            self.tidy()
            broken = [name for name in self.names() if not self.is_sound(name, self.order["deep"])]
            removed = [name for name in broken if self.remove(name)]
            try:
                removed += self.make_room(0)
            except Refused:
                pass  # What is in use stays, whatever it takes.
            if self.order.get("all"):
                removed += [name for name in self.names() if self.remove(name)]
        return {"removed": len(removed), "kept": len(self.names())}

    def use(self):
        return {}

    # What comes

    def publish(self):
        with self.locked():
            self.tidy()
        staged = self.place("staging", self.order["name"])
        os.mkdir(staged, 0o700)
        try:
            taken = Taking(staged, self.order, self.reserve).run()
            with self.locked():
                name = self.settle(staged, taken)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return dict(self.record(name), name=name)

    def reserve(self, needed):
        with self.locked():
            self.make_room(needed)

    def settle(self, staged, taken):
        """Gives what was taken in its place, unless the same is there already, and answers the request with it."""
        name = read_text(self.place("contents", taken.content))
        if name is not None and not self.is_sound(name, True):
            # Whoever uses it keeps what is left of it; nobody else gets it.
            if not self.remove(name):
                discard(self.place("sets", name))
            name = None
        if name is None:
            name = self.order["name"]
            os.chmod(staged, 0o755)
            os.rename(staged, os.path.join(self.root, name))
            self.write("manifests", name, taken.manifest())
            self.write("contents", taken.content, name)
            record = {"content": taken.content, "bytes": taken.bytes, "files": len(taken.lines)}
            record.update(installed=self.order["installed"], built=int(time.time()), boot=boot_id())
            self.write("sets", name, json.dumps(record))
        answer = {"set": name, "resolved": int(time.time()), "modules": self.order["modules"]}
        self.write("requests", self.order["request"], json.dumps(answer))
        self.touch(name, time.time())
        return name


class Taking:
    """Takes the entries of one set from standard input into a directory that is empty and ours.

    The host has checked all of them on their way; what is checked here again is what would lead out.
    """

    def __init__(self, directory, order, reserve):
        self.directory, self.order, self.reserve = directory, order, reserve
        self.bytes, self.lines, self.content = 0, [], None

    def run(self):
        source = sys.stdin.buffer
        while True:
            entry = json.loads(exactly(source, struct.unpack(">I", exactly(source, 4))[0]))
            kind = entry["k"]
            if kind == "begin":
                self.reserve(entry["bytes"])
            elif kind == "end":
                break
            else:
                self.take(kind, entry, source)
        self.lines.sort()
        self.content = hashlib.sha256(self.manifest().encode()).hexdigest()
        return self

    def manifest(self):
        return "".join(self.lines)

    def take(self, kind, entry, source):
        name = entry["p"]
        if name.startswith("/") or ".." in name.split("/"):
            raise Refused("entry")
        path = os.path.join(self.directory, name)
        if kind == "dir":
            os.mkdir(path, 0o755)
        elif kind == "link":
            os.symlink(entry["t"], path)
            self.lines.append("link %d %s %s\n" % (len(entry["t"]), hash_of(entry["t"].encode()), name))
        else:
            size, hashed = entry["s"], hashlib.sha256()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with open(os.open(path, flags, 0o755 if entry["x"] else 0o644), "wb") as file:
                left = size
                while left:
                    piece = exactly(source, min(left, 1 << 20))
                    hashed.update(piece)
                    file.write(piece)
                    left -= len(piece)
            self.bytes += size
            kind = "tool" if entry["x"] else "file"
            self.lines.append("%s %d %s %s\n" % (kind, size, hashed.hexdigest(), name))


def exactly(source, size):
    data = source.read(size)
    if len(data) != size:
        raise Refused("cut")
    return data


def make_directory(path, mode):
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        pass


def discard(path):
    try:
        os.unlink(path)
    except OSError:
        pass


def read_text(path):
    try:
        with open(path) as file:
            return file.read(64)
    except OSError:
        return None


def main():
    order = json.loads(sys.argv[1])
    store = Store(order)
    try:
        store.open()
        answer = {"publish": store.publish, "look": store.look, "list": store.list, "prune": store.prune,
                  "use": store.use}[order["op"]]()  # fmt: skip
    except Refused as refused:
        answer = {"refused": str(refused)}
    except OSError as error:
        answer = {"refused": "disk" if error.errno in (28, 122) else "store", "error": error.strerror}
    print(json.dumps(answer), flush=True)


main()
