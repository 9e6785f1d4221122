# How the program's interpreter ends.
#
# CPython's own end takes every module down, the runner's and the standard library's included. In a forked child that
# touches, and so copies, most pages that it shares with process 1, which takes longer than all the rest of a hello. A
# program sees of that end only what its own objects do when they go. Where there are none that do anything, this does
# the rest of the end in the same order and leaves; in every other case it changes nothing and CPython ends as usual.

import atexit
import weakref

# More objects than these are not looked through: it would take longer than it saves.
MOST_OBJECTS = 20_000
HAS_GC = 1 << 14  # Py_TPFLAGS_HAVE_GC
# What the standard library's own tables call when one of their entries goes: they forget it, and nothing else.
TIDY = (
    "WeakKeyDictionary.__init__.<locals>.remove",
    "WeakValueDictionary.__init__.<locals>.remove",
    "WeakSet.__init__.<locals>._remove",
    "ReferenceType._destroy",  # of abc
    "ReferenceType._localdummy_destroyed",  # of threading.local
    "_removeHandlerRef",  # of logging
)


def leave(failed):
    """Ends the process, or returns if the usual end could be told from this one."""
    if failed and getattr(sys, "last_type", None) is KeyboardInterrupt:
        return  # It ends by the signal.
    if threading.active_count() != 1 or getattr(threading, "_threading_atexits", True):
        return
    if atexit._ncallbacks() != exit_functions:
        return  # Their tracebacks would show this frame.
    atexit._run_exitfuncs()
    objects = gc.get_objects()
    if len(objects) > MOST_OBJECTS or does_something(objects):
        return
    try:
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            if stream is not None and not stream.closed:
                stream.flush()
    except BaseException:
        return
    # With the interpreter's lock held: no thread of a library runs Python any more.
    exit_process(1 if failed else 0)


def does_something(objects):
    """Whether any of these would do something when it goes."""
    has_finalizer = {io.StringIO: False, io.BytesIO: False}
    for thing in objects:
        kind = type(thing)
        known = has_finalizer.get(kind)
        if known is None:
            known = has_finalizer[kind] = hasattr(kind, "__del__")
        if known:
            return True
        if issubclass(kind, weakref.ref):
            callback = thing.__callback__
            if callback is not None and getattr(callback, "__qualname__", None) not in TIDY:
                return True
        # Instances of such a class are not among the objects that the collector knows.
        if issubclass(kind, type) and not thing.__flags__ & HAS_GC and hasattr(thing, "__del__"):
            return True
    return False


def make_leave(rehearsed=False):
    """The function alone, without the rest of the runner behind it; when rehearsed, it does not leave."""
    names = ("atexit", "sys", "gc", "io", "weakref", "MOST_OBJECTS", "HAS_GC", "TIDY")
    scope = {name: globals()[name] for name in names}
    scope["__builtins__"] = builtins
    scope["does_something"] = types.FunctionType(does_something.__code__, scope, "does_something")
    scope["threading"] = importlib.import_module("threading")
    # Those of the standard library's modules that the runner has imported.
    scope["exit_functions"] = atexit._ncallbacks()
    scope["exit_process"] = ctypes.PyDLL(None).exit
    if rehearsed:
        scope["atexit"] = types.SimpleNamespace(_ncallbacks=atexit._ncallbacks, _run_exitfuncs=list)
        scope["exit_process"] = int
    return types.FunctionType(leave.__code__, scope, "leave")
