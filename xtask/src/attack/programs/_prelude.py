# What all attack programs share. It stands in front of each, and runs the same in the sandbox and in the
# deliberately weak container. CPython 3.9 and the standard library are all there is.

import ctypes
import errno
import json
import os
import platform
import select
import signal
import socket
import struct
import sys
import time

P = json.loads(@PARAMETERS@)
LIBC = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
HELD = []  # descriptors whose closing lets the processes go that succeeded


def call_me(tag):
    """Names this process, for the host that looks at it."""
    LIBC.prctl(15, ("%s.%s" % (P["mark"], tag)).encode()[:15], 0, 0, 0)


def say(attack, word):
    """One answer: a line by which the host knows what the kernel said."""
    os.write(1, ("@%s %s\n" % (attack, word)).encode("utf-8", "backslashreplace").replace(b"\0", b"?"))


def wanted(attack):
    return attack in P["ids"]


def name_of(number):
    return errno.errorcode.get(number, "errno %s" % number)


def word_for(do):
    """What came of it: `done`, what `do` returned, or the error's name."""
    try:
        answer = do()
    except OSError as error:
        if isinstance(error, socket.timeout):
            return "ETIMEDOUT"
        if isinstance(error, socket.gaierror):
            return "name: %s" % error.strerror
        return name_of(error.errno)
    except MemoryError:
        return "ENOMEM"
    except BaseException as error:
        return "broken: %s: %s" % (type(error).__name__, error)
    return "done" if answer is None else str(answer)


def attempt(attack, do, seconds=10.0, hold=False):
    """Tries it in a process of its own, which may be killed for it or change what it is.

    With `hold` a process that succeeded stays until the end, for the host to look at.
    """
    if not wanted(attack):
        return
    out, tell = os.pipe()
    stay, release = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        os.close(release)
        call_me(P["ids"].index(attack))
        word = word_for(do)
        os.write(tell, word.encode("utf-8", "backslashreplace").replace(b"\n", b" ")[:4000] + b"\n")
        os.close(tell)
        if hold and succeeded(word):
            os.read(stay, 1)
        os._exit(0)
    os.close(tell)
    os.close(stay)
    word = b""
    until = time.monotonic() + seconds
    # To the end of the line: the attempt's own children may keep the pipe open.
    while not word.endswith(b"\n"):
        ready, _, _ = select.select([out], [], [], max(0.0, until - time.monotonic()))
        part = os.read(out, 4096) if ready else b""
        if not part:
            break
        word += part
    os.close(out)
    if not word and not ready:
        os.kill(child, signal.SIGKILL)
    word = word.decode("utf-8", "replace").strip()
    if hold and succeeded(word):
        HELD.append(release)
    else:
        os.close(release)
        _, status = os.waitpid(child, 0)
        if not word and os.WIFSIGNALED(status):
            word = "timeout" if not ready else "killed by " + signal.Signals(os.WTERMSIG(status)).name
    say(attack, word or "nothing was said")


def succeeded(word):
    return word.startswith(("done", "reached"))


def attack(name, **options):
    """Decorates what is tried, and tries it."""
    return lambda do: attempt(name, do, **options)


def linger(seconds=0.5):
    """Gives the host time to look at those who succeeded."""
    if HELD or P.get("watched"):
        time.sleep(seconds)
    for descriptor in HELD:
        os.close(descriptor)


# System calls by name

NUMBERS = json.loads(@NUMBERS@)[platform.machine()]


def call(name, *arguments):
    """The system call itself, past whatever libc makes of it."""
    if name not in NUMBERS:
        return "absent: not on %s" % platform.machine()
    ctypes.set_errno(0)
    LIBC.syscall.restype = ctypes.c_long
    result = LIBC.syscall(ctypes.c_long(NUMBERS[name]), *[
        argument if isinstance(argument, (bytes, ctypes.Array, ctypes.Structure)) or argument is None
        or hasattr(argument, "_obj") else ctypes.c_long(argument)
        for argument in arguments
    ])
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


def do_call(name, *arguments):
    """The call must work."""
    answer = call(name, *arguments)
    return answer if isinstance(answer, str) else None


def reach(name, *arguments):
    """The call is not meant to work, only to be looked at by the kernel beyond all permissions."""
    try:
        answer = call(name, *arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise
        return "reached " + name_of(error.errno)
    return answer if isinstance(answer, str) else "done"


def machine_code(code, *, low=False):
    """A function made of these bytes, on a page that can be written and run."""
    import mmap

    page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | (0x40 if low else 0),
                     mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    page.write(code(address) if callable(code) else code)
    function = ctypes.CFUNCTYPE(ctypes.c_long)(address)
    function.page = page
    return function


call_me("m")
