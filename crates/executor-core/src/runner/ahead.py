# What a program's process does before it knows its program: it takes the program's place (user, directory, streams,
# displays), and in some sandboxes imports what the host has named, in the program's environment and on its paths.
#
# It happens in that process alone, never in process 1, and the runner forks nothing from it: threads and locks that an
# import leaves behind are the program's, as if it had imported by itself. What is imported is foreign code, so from then on
# the word of this process counts no more than that of a program.

FIRST_OWN = 48  # descriptors of ours lie above those that an import is given
MOST_TOLD = 64 * 1024  # bytes about what was made ready
MOST_MADE = 256  # names that are told as imported, or failed
MOST_FOUND = 4  # names to import for a project that says nothing clearer
NO_IMPORT = ("tests", "test", "testing", "docs", "doc", "examples", "benchmarks", "scripts")

# Steps by the name under which the host asks for them: called behind the imports with the order of the stage and the
# program's own standard descriptors, in the program's place, with these turned away. A step gives True, or raises to say why
# there is nothing of it. What it starts is its process's and ends with it. The files of this directory put theirs in.
STEPS = {}


class Place:
    """Where a program will stand, as far as that is the same for all programs of this sandbox."""

    is_ahead = False  # whether something is made ready there, and told of

    def __init__(self, order, environment):
        self.order, self.environment = order, environment

    def suits(self, order, environment):
        """Whether a program would find the very place that was taken for it."""
        place = ("kind", "name", "uid", "gid", "cwd", "env", "results")
        return all(self.order.get(key) == order.get(key) for key in place)

    def take(self, status, may_switch):
        """In the child, before it waits for its order. Gives the stage on which the program will stand."""
        take_place(self.order, may_switch)
        set_environment(self.environment)
        return set_stage(self.order)


class Ahead(Place):
    """The same with what is made ready there, for programs with the same environment and paths."""

    is_ahead = True

    def __init__(self, order, environment, told):
        super().__init__(order, environment)
        self.projects, self.imports = told.get("projects", []), told.get("imports", [])
        self.steps = [name for name in ("browser",) if told.get(name)]
        self.patience = told["patience_ms"] / 1000.0

    def suits(self, order, environment):
        paths = ("module_paths", "last_paths")
        return (
            super().suits(order, environment)
            and all(self.order.get(key, []) == order.get(key, []) for key in paths)
            and self.environment == environment
        )

    def take(self, status, may_switch):
        stage = super().take(status, may_switch)
        make_ready_ahead(self, stage, status)
        return stage


def make_ready_ahead(ahead, stage, status):
    order = ahead.order
    # What is there so far is not foreign, and is passed over when it is looked for what does something at its end.
    gc.freeze()
    kept = turn_away()
    # In place of the program's, which comes later.
    fresh_main().__file__ = os.path.join(order["cwd"], order["name"])
    told = {"imported": [], "failed": []}
    try:
        add_module_paths(order.get("module_paths", []), order.get("last_paths", []))
        names = list(ahead.imports)
        for project in ahead.projects:
            names += attempt_ahead(told, project, names_of, project, order.get("module_paths", [])) or []
        for name in dict.fromkeys(names):
            if attempt_ahead(told, name, importlib.import_module, name) is not None:
                told["imported"].append(name)
        for name in ahead.steps:
            if attempt_ahead(told, name, STEPS[name], order, kept):
                told["imported"].append(name)
        gc.collect()
    finally:
        turn_back(kept)
    stage.is_complete, stage.may_freeze = True, not does_something(gc.get_objects())
    give_back_memory()
    tell(status, {"ahead": told})


def attempt_ahead(told, name, step, *arguments):
    """What the step gives; None if it failed, which is told."""
    try:
        return step(*arguments)
    except BaseException as error:
        told["failed"].append([name, ("%s: %s" % (type(error).__name__, error))[:300]])
        return None


def names_of(project, places):
    """What is imported of a project, as its installed files say."""
    plain = normal_name(project)
    for place in places:
        for info in sorted(os.listdir(place)):
            if info.endswith(".dist-info") and normal_name(info[: -len(".dist-info")].rpartition("-")[0]) == plain:
                with open(os.path.join(place, info, "RECORD"), encoding="utf-8", errors="replace") as record:
                    names = top_names(line.split(",")[0] for line in record)
                # Where one is called as the project is, the others are beside the point.
                same = [name for name in names if normal_name(name) == plain]
                if names:
                    return (same or names)[:MOST_FOUND]
    raise LookupError("nothing of it is there to be imported")


def normal_name(text):
    return re.sub(r"[-_.]+", "-", text.strip('"')).lower()


def top_names(paths):
    """The outermost packages and modules among installed files; of a namespace those that lie in it."""
    packages, modules = set(), set()
    for path in paths:
        *directories, name = path.strip('"').split("/")
        stem = name.split(".")[0]
        if not all(part.isidentifier() for part in directories + [stem]):
            continue
        if not name.endswith((".py", ".so")) or name.endswith((".dist-info", ".data")):
            continue
        if stem == "__init__" and directories:
            packages.add(tuple(directories))
        elif not directories:
            modules.add((stem,))
    outermost = {one for one in packages if not any(one[:n] in packages for n in range(1, len(one)))}
    names = (".".join(one) for one in sorted(outermost | modules, key=lambda one: (len(one), one)))
    return [name for name in names if not name.startswith("_") and name.split(".")[0] not in NO_IMPORT]


def above(fd):
    """A copy of a descriptor out of the way."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_OWN)


def turn_away():
    """Leads the standard descriptors nowhere; gives what they were."""
    kept = [above(fd) for fd in (0, 1, 2)]
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)
    return kept


def turn_back(kept):
    """What was printed meanwhile, and lies in some buffer still, is not the program's."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    LIBC.fflush(None)
    for fd, target in zip(kept, (0, 1, 2)):
        os.dup2(fd, target)
        os.close(fd)


class MakesReady:
    """The part of process 1 that has things made ready while it waits for an order."""

    def make_ready(self, warm):
        """The next step of what a run would else have to wait for."""
        if self.trust.told:
            self.make_trust()
            return
        if warm:
            warm_up(warm.pop(0))
            return
        if self.child is not None:
            self.rehearsed = True
            if self.expected is not None:
                attempt(Rehearsal(self).play)  # Without it a run takes longer, and nothing else.
            return
        planned = self.ahead is not None
        try:
            self.child = self.fork(self.plan_place())
            return
        except NoSet as missing:
            self.stream.control(PREPARED, {"missing": str(missing)})
        except (OSError, KeyError, ValueError) as error:
            # Without anything ahead the run will try again, and say why not.
            if planned:
                self.stream.control(PREPARED, {"lost": str(error)[:300]})

    def make_trust(self):
        """Before anything that is not ours: what another sandbox is given of it has nothing foreign in it."""
        found = self.trust.make()
        if found is not None:
            self.stream.control(TRUSTED, found)

    def plan_place(self):
        """The place that the next child takes, if one is known; the first makes ready there what was asked for."""
        order, told, self.ahead = self.expected, self.ahead, None
        if order is None:
            return None
        if told is None:
            return Place(order, self.environment(order))
        if order.get("sets"):
            self.sets.take(order["sets"], order)
        return Ahead(order, self.environment(order), told)

    def hear_child(self):
        """Tells what a child has made ready."""
        try:
            made = self.child.hear()
        except BlockingIOError:
            return
        except EOFError:
            self.wait_for_child()
            self.reap()  # Tells how it ended, if it did.
            if self.child is not None:
                self.lose_child("it gave up its pipe")
            return
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            self.lose_child(str(error)[:300])
            return
        if made is not None:
            self.stream.control(PREPARED, made)

    def lose_child(self, why):
        """Gives up a child that makes ready, with whatever it has started; the next one is an ordinary one."""
        self.end_child()
        self.stream.control(PREPARED, {"lost": why})

    def end_child(self):
        """Ends a child that has no order. It is none of a run's processes."""
        run, self.run = self.run, None
        self.child.ready_by = None
        self.kill_all()
        self.run = run


def ending_of(status):
    if os.WIFSIGNALED(status):
        return "it was ended by signal %d" % os.WTERMSIG(status)
    return "it ended with status %d" % os.WEXITSTATUS(status)
