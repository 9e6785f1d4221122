# What happens between fork and the user's first line: descriptors, identity, environment, `__main__`.
#
# This code runs in the child. Whatever fails here is told over the status pipe and ends the child.

import _signal as signal  # without the enumerations of `signal`
import builtins
import ctypes
import functools
import gc
import importlib
import io
import resource
import site
import sys
import types

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

# The frames below the program's own: one of ours, and before 3.12 the two calls into C count as well. The
# recursion limit is raised by as much, so that a program has exactly the depth that `python3 main.py` gives.
EXTRA_DEPTH = 1 if sys.version_info >= (3, 12) else 3


class BecomeProgram(Exception):
    """Raised in the child to leave every frame of the runner; carries what is to be called instead."""


def prctl(option, value):
    zero = ctypes.c_ulong(0)
    if LIBC.prctl(option, ctypes.c_ulong(value), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def prepare_child(streams, orders, status, confined, may_switch, place):
    """Turns the forked child into the program: returns what to call and how to leave, or executes a command."""
    try:
        os.setsid()
        reset_signals()
        for fd, target in zip(streams, (0, 1, 2)):
            os.dup2(fd, target)
        if place is not None and place.is_ahead:
            orders, status = above(orders), above(status)
        close_others((orders, status))
        os.umask(0o022)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if confined:
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        if not is_readable(orders):
            rehearse()
        stage = None if place is None else place.take(status, may_switch)
        order, environment, text = receive(orders)
        text, contents = text[: order["program_bytes"]], text[order["program_bytes"] :]
        spent = time.process_time()
        if stage is None:
            take_place(order, may_switch)
        is_complete = stage is not None and stage.is_complete
        if is_complete:
            os.chdir(order["cwd"])
        else:
            set_environment(environment)
        tell(status, {"cpu": spent})
        if order["kind"] == "command":
            # What `subprocess` restores, too: only Python itself wants these ignored.
            for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.execvpe(order["argv"][0], order["argv"], environment)
        if contents:
            tell(status, {"placed": place_files(order["files"], contents)})
        entry = make_main(order, text, stage or set_stage(order))
        if is_complete:
            # Somebody else than this process may hold the descriptor by now, so that its end would not come.
            tell(status, {"begun": True})
        os.close(status)
        status = None
        if not is_complete:
            # Last, because a .pth file of an installed package is foreign code already.
            add_module_paths(order.get("module_paths", []), order.get("last_paths", []))
        return entry
    except BaseException as error:
        if status is not None:
            tell(status, {"error": ("%s: %s" % (type(error).__name__, error))[:500]})
        os._exit(127)


def take_place(order, may_switch):
    """Becomes the program's user, in its directory."""
    if may_switch and order.get("uid") is not None:
        switch_identity(order["uid"], order["gid"])
    # The score can only be raised by a process that is dumpable, which a change of uid undoes.
    prctl(PR_SET_DUMPABLE, 1)
    prefer_for_oom()
    enter_directory(order["cwd"], order.get("env", {}).get("HOME"))


def set_environment(environment):
    """Changes only what differs: most of it may have been known ahead."""
    present = dict(os.environ)
    for name in present.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if present.get(name) != value:
            os.environ[name] = value
    if present.get("TZ") != environment.get("TZ"):
        time.tzset()
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))


def rehearse():
    """Goes through what every program goes through, while nobody waits: pages that are written now are not copied then."""
    os.environ.clear()
    os.environ["HOME"] = "/"
    time.tzset()
    remake_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.write("")
        stream.flush()
    text = "import sys, json\ntry:\n    sum(x for x in [1.5, 2])\nexcept ValueError as e:\n    print(f'{e!r:>3}')\n"
    exec(compile(text, "rehearsal", "exec"), {"__name__": "rehearsal"})
    code_with_value(b"number = 1\nnumber\n", "rehearsal")
    file_runner()(open_file("/dev/null"), b"/dev/null", 1, None)
    make_leave(rehearsed=True)(0)
    json.loads(json.dumps({"order": {"args": [], "env": {}}}))


def tell(status, message):
    os.write(status, json.dumps(message).encode() + b"\n")


def reset_signals():
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def close_others(keep):
    try:
        open_now = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        open_now = range(3, 4096)
    for fd in open_now:
        if fd > 2 and fd not in keep:
            try:
                os.close(fd)
            except OSError:
                pass  # The descriptor that listed the directory is gone already.


def switch_identity(uid, gid):
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid,) * 3 or os.getresgid() != (gid,) * 3 or os.getgroups():
        raise PermissionError("the identity could not be changed")


def prefer_for_oom():
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def enter_directory(cwd, home):
    os.makedirs(cwd, exist_ok=True)
    if home:
        try:
            os.makedirs(home, 0o700, exist_ok=True)
        except OSError:
            pass
    os.chdir(cwd)


def place_files(files, contents):
    """Puts the host's files into the working directory; gives what tells later whether they are still the same."""
    placed, at = {}, 0
    for name, size in files:
        if "/" in name:
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(contents[at : at + size])
        at += size
        placed[name] = [os.stat(name).st_mtime_ns, size]
    return placed


class Stage:
    """What a program finds that does not depend on its text."""

    def __init__(self, leave_it, machinery):
        self.leave_it, self.machinery = leave_it, machinery
        # Whether its environment and paths are the program's already, and something foreign has been there.
        self.is_complete = False
        # Whether what is there may be passed over, by the collector and at the end.
        self.may_freeze = True


def set_stage(order):
    """The standard streams, displays, arguments and paths of a program."""
    remake_standard_streams()
    leave_it = make_leave()
    machinery = offer_displays(order) if order.get("results") else None
    sys.argv = [order["name"]]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = [sys.executable] + sys.argv
    sys.path.insert(0, os.getcwd())
    return Stage(leave_it, machinery)


def make_main(order, text, stage):
    """A fresh `__main__`, the call that runs the text in it as `python3 main.py` would, and the one that ends it.

    CPython's own `PyRun_SimpleFileExFlags` does the running: decoding, tracebacks, SystemExit and the exit
    status are then CPython's, with no Python frame of ours in between.
    """
    path = os.path.join(os.getcwd(), order["name"])
    with open(path, "wb") as file:
        file.write(text)
    code = code_with_value(text, path) if stage.machinery is not None else None
    arguments = order.get("args", [])
    sys.argv += arguments
    if hasattr(sys, "orig_argv"):
        sys.orig_argv += arguments
    # What is there now is not the program's: the collector and the end pass it over.
    if stage.may_freeze:
        gc.freeze()
    main = fresh_main()
    sys.setrecursionlimit(sys.getrecursionlimit() + EXTRA_DEPTH)
    gc.enable()
    if code is not None:
        try:
            run = code_runner(code, main, path)
        except OSError:
            pass  # The text runs as well, and only its last value is not seen.
        else:
            offer_last_value(stage.machinery)
            return run, functools.partial(leave_value, main, stage.leave_it)
    return functools.partial(file_runner(), open_file(path), os.fsencode(path), 1, None), stage.leave_it


def fresh_main():
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    return main


def open_file(path):
    LIBC.fopen.restype = ctypes.c_void_p
    opened = LIBC.fopen(os.fsencode(path), b"rbe")
    if not opened:
        raise OSError(ctypes.get_errno(), "cannot open the program")
    return opened


def file_runner():
    run = ctypes.pythonapi.PyRun_SimpleFileExFlags
    run.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    run.restype = ctypes.c_int
    return run


def add_module_paths(paths, last):
    """Puts the paths where site-packages stand: behind the standard library, before the image's own, or behind all."""
    packages = ("site-packages", "dist-packages")
    at = next((i for i, p in enumerate(sys.path) if p.endswith(packages)), len(sys.path))
    sys.path[at:at] = paths
    importlib.invalidate_caches()
    for path in paths:
        site.addsitedir(path)  # Reads the .pth files, as an installed package may expect.
    sys.path += last


def remake_standard_streams():
    """New text layers: those of process 1 belong to the stream. Lines are passed on as they are printed."""
    errors = sys.stdout.errors if sys.stdout is not None else "strict"
    for name, fd, mode, handler, per_line in (
        ("stdin", 0, "r", errors, False),
        ("stdout", 1, "w", errors, True),
        ("stderr", 2, "w", "backslashreplace", True),
    ):
        raw = io.FileIO(fd, mode, closefd=False)
        raw.name = "<%s>" % name
        buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
        layer = io.TextIOWrapper(buffer, "utf-8", handler, "\n", line_buffering=per_line)
        layer.mode = mode
        setattr(sys, name, layer)
        setattr(sys, "__%s__" % name, layer)
