# Who the program is, and whether it can become more. The host looks at the process itself: what is told
# here only says what was tried.

import subprocess


@attack("E12.become-root", hold=True)
def _():
    os.setresuid(0, 0, 0)


attempt("E12.become-root-group", lambda: os.setresgid(0, 0, 0))
attempt("E12.join-groups", lambda: os.setgroups([0, 10]))
attempt("E12.become-installer", lambda: os.setresuid(10001, 10001, 10001))


ADMINISTRATOR = 1 << 21 | 1 << 12  # SYS_ADMIN and NET_ADMIN


def set_capabilities(capabilities):
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(capabilities, capabilities, capabilities, 0, 0, 0)
    if LIBC.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


@attack("E12.take-capabilities", hold=True)
def _():
    set_capabilities(ADMINISTRATOR)


@attack("E12.ambient-capability")
def _():
    try:
        set_capabilities(ADMINISTRATOR)
    except OSError:
        pass  # The kernel is asked all the same.
    if LIBC.prctl(47, 2, 12, 0, 0) != 0:  # PR_CAP_AMBIENT_RAISE
        raise OSError(ctypes.get_errno(), "prctl")


@attack("E12.file-capability")
def _():
    with open("/tmp/attack-file", "w") as file:
        file.write("x")
    os.setxattr("/tmp/attack-file", "security.capability",
                struct.pack("<IIIII", 0x02000001, 1 << 21, 0, 0, 0))


@attack("E12.give-away")
def _():
    with open("/tmp/attack-gift", "w") as file:
        file.write("x")
    os.chown("/tmp/attack-gift", 0, 0)


@attack("E12.set-user-id-program")
def _():
    # Every program in the image that would run as somebody else.
    for top in ("/usr", "/bin", "/sbin", "/opt", "/tmp", "/srv"):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    mode = os.lstat(path).st_mode
                except OSError:
                    continue
                if mode & 0o170000 == 0o100000 and mode & 0o6000:
                    ran = subprocess.run([path, "-u"], capture_output=True, text=True)
                    return "done" if ran.stdout.strip() == "0" else "found " + path
    return "nothing"



@attack("E12.securebits")
def _():
    if LIBC.prctl(28, 0x2F, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


attempt("E12.realtime-io", lambda: do_call("ioprio_set", 1, 0, 1 << 13 | 4))
attempt("E12.nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))


def raise_limit(kind, least):
    """Raises what a sandbox has, where the hard limit lets it."""
    import resource

    _, hard = resource.getrlimit(kind)
    wanted_hard = hard if hard == resource.RLIM_INFINITY else max(hard, least)
    try:
        resource.setrlimit(kind, (least, wanted_hard))
    except ValueError:
        raise PermissionError(errno.EPERM, "setrlimit")


attempt("E12.raise-files", lambda: raise_limit(7, P["open_files"] + 1))
attempt("E12.raise-core", lambda: raise_limit(4, 1 << 20))


@attack("E12.spare-from-oom")
def _():
    # The kernel keeps a floor only if the engine could set one.
    if not P["oom_floor"]:
        return "absent: the engine may not set a floor"
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("499")


@attack("E12.lock-memory")
def _():
    import mmap

    page = mmap.mmap(-1, 8 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if LIBC.mlock(ctypes.c_void_p(address), ctypes.c_size_t(8 << 20)) != 0:
        raise OSError(ctypes.get_errno(), "mlock")


# Process 1, which reports on us

attempt("H01.kill-first", lambda: os.kill(1, signal.SIGTERM))
attempt("H01.stop-first", lambda: os.kill(1, signal.SIGSTOP))
attempt("H01.segv-first", lambda: os.kill(1, signal.SIGSEGV))


@attack("H01.signal-others")
def _():
    # Everybody whose user is not ours. Signal 0 only asks for the right.
    right = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat("/proc/" + pid).st_uid != os.getuid():
                os.kill(int(pid), 0)
                right += 1
        except ProcessLookupError:
            pass
    return "done" if right else "nobody"


@attack("H01.limit-first")
def _():
    import resource

    resource.prlimit(1, resource.RLIMIT_CORE, (0, 0))


@attack("H01.pin-first")
def _():
    os.sched_setaffinity(1, os.sched_getaffinity(0))


@attack("H01.slow-first")
def _():
    os.setpriority(os.PRIO_PROCESS, 1, 19)


linger()
