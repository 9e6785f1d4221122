# Runs as process 1 of a sandbox whose filter kills what it refuses, so that the kernel's own refusals
# look different: says of each call whether the filter stopped it.
import ctypes, json, mmap, os, platform, signal

NUMBERS = json.loads(NUMBERS_TEXT)[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *arguments):
    padded = (arguments + (0,) * 6)[:6]
    return libc.syscall(*(ctypes.c_long(argument) for argument in (number, *padded)))


def attempt(name, do, refusal=38):
    child = os.fork()
    if not child:
        try:
            result = do()
            absent = result == -1 and ctypes.get_errno() == refusal
        except OSError:
            absent = False
        os._exit(2 if absent else 0)
    ended = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(ended):
        what = "stopped" if os.WTERMSIG(ended) == signal.SIGSYS else signal.Signals(os.WTERMSIG(ended)).name
    else:
        what = "absent" if os.WEXITSTATUS(ended) == 2 else "reached"
    print(name, what, flush=True)


# Arguments that no call takes, so that whatever reaches the kernel does nothing there.
for name, number in sorted(NUMBERS.items()):
    if name not in ("clone", "clone3", "mknodat", "socket", "socketpair"):
        attempt(name, lambda: call(number, -1, -1, -1, -1, -1, -1))

NEW = {"mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000,
       "pid": 0x20000000, "net": 0x40000000}
for kind, flag in NEW.items():
    # The new process, if there is one, goes on here and ends as its parent does.
    attempt("clone-" + kind, lambda: call(NUMBERS["clone"], flag | signal.SIGCHLD))
# Of descriptors that are none the kernel says so: EBADF. The filter says EINVAL, that it cannot be done with these.
SENDFILE = {"x86_64": 40, "aarch64": 71}[platform.machine()]
attempt("sendfile", lambda: call(SENDFILE, -1, -1), refusal=22)
attempt("clone3", lambda: call(NUMBERS["clone3"], 0, 0))
for kind, mode in (("regular", 0o100600), ("character", 0o020600), ("block", 0o060600), ("socket", 0o140600)):
    attempt("mknodat-" + kind, lambda: call(NUMBERS["mknodat"], -1, 0, mode))
    if platform.machine() == "x86_64":
        attempt("mknod-" + kind, lambda: call(133, 0, mode))

for name, family, kind, protocol in (
    ("alg", 38, 5, 0), ("vsock", 40, 1, 0), ("packet", 17, 3, 0), ("xdp", 44, 3, 0), ("bluetooth", 31, 3, 0),
    ("tipc", 30, 5, 0), ("can", 29, 3, 1), ("smc", 43, 1, 0), ("rds", 21, 5, 0), ("key", 15, 3, 2),
    ("inet-icmp", 2, 2, 1), ("inet-sctp", 2, 1, 132), ("inet-mptcp", 2, 1, 262), ("inet-raw", 2, 3, 255),
    ("inet6-icmp", 10, 2, 58), ("inet6-sctp", 10, 1, 132), ("inet6-mptcp", 10, 1, 262), ("inet6-raw", 10, 3, 255),
    ("netlink-audit", 16, 3, 9), ("netlink-netfilter", 16, 3, 12), ("netlink-xfrm", 16, 3, 6),
    ("netlink-uevent", 16, 3, 15), ("netlink-generic", 16, 3, 16),
):
    attempt("socket-" + name, lambda: call(NUMBERS["socket"], family, kind, protocol))
attempt("socketpair-inet", lambda: call(NUMBERS["socketpair"], 2, 1, 0, 0))
if platform.machine() == "x86_64":
    attempt("x32-getpid", lambda: call(0x40000000 + 39))

    def legacy():
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()

    attempt("int80-getpid", legacy)
