# The sets of modules that lie ready in the store, which is mounted read-only. Only process 1 can read its index: a
# program learns where its own set lies, and can neither list the others nor guess their names.


class NoSet(Exception):
    """The store has no set that would do; the word says why."""


class Sets:
    """The sets that a run uses. A lock on the record of each keeps it in the store until process 1 ends, however."""

    def __init__(self):
        self.held = []

    def take(self, wish, order):
        """Puts the sets of `wish` on the order's paths and returns what is told of them."""
        told = {"installed": [], "resolved": None, "last": None}
        if wish.get("request"):
            path, record, resolved = self.find(wish["store"], wish["request"], wish["not_before"], wish["check"])
            order["module_paths"] = [path] + order.get("module_paths", [])
            told.update(installed=record["installed"], resolved=resolved, name=os.path.basename(path))
        if wish.get("last"):
            try:
                path, _, _ = self.find(wish["store"], wish["last"], 0, False)
            except NoSet:
                told["last"] = False
            else:
                told["last"] = True
                order["last_paths"] = [path]
        return told

    def find(self, store, request, not_before, check):
        index = os.path.join(store, ".store")
        try:
            with open(os.path.join(index, "requests", request)) as file:
                answer = json.load(file)
            name, resolved = answer["set"], answer["resolved"]
            held = os.open(os.path.join(index, "sets", name), os.O_RDONLY)
        except FileNotFoundError:
            raise NoSet("absent") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise NoSet("broken") from None
        try:
            if resolved < not_before:
                raise NoSet("stale")
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            status = os.fstat(held)
            if status.st_nlink == 0:
                raise NoSet("absent")
            record = json.loads(os.read(held, status.st_size))
            path = os.path.join(store, name)
            if check:
                # Under another kernel than this it may have been written without ever reaching the disk.
                deep = record["boot"] is None or record["boot"] != boot_id()
                check_set(os.path.join(index, "manifests", name), path, deep)
            elif not os.path.isdir(path):
                raise NoSet("broken")
        except BlockingIOError:
            os.close(held)
            raise NoSet("absent") from None  # It is being removed.
        except (OSError, ValueError, KeyError, TypeError):
            os.close(held)
            raise NoSet("broken") from None
        except NoSet:
            os.close(held)
            raise
        self.held.append(held)
        return path, record, resolved
