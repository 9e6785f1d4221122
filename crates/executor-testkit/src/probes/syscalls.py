import ctypes, errno, json, os, platform, socket

LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    "x86_64": {
        "ptrace": 101, "mount": 165, "unshare": 272, "setns": 308, "bpf": 321, "keyctl": 250, "add_key": 248,
        "io_uring_setup": 425, "userfaultfd": 323, "perf_event_open": 298, "open_by_handle_at": 304,
        "process_vm_readv": 310, "kexec_load": 246, "init_module": 175, "personality": 135, "chroot": 161,
        "pivot_root": 155, "swapon": 167, "reboot": 169, "clone3": 435, "pidfd_open": 434,
        "name_to_handle_at": 303, "modify_ldt": 154, "quotactl": 179, "memfd_secret": 447,
    },
    "aarch64": {
        "ptrace": 117, "mount": 40, "unshare": 97, "setns": 268, "bpf": 280, "keyctl": 219, "add_key": 217,
        "io_uring_setup": 425, "userfaultfd": 282, "perf_event_open": 241, "open_by_handle_at": 265,
        "process_vm_readv": 270, "kexec_load": 104, "init_module": 105, "personality": 92, "chroot": 51,
        "pivot_root": 41, "swapon": 224, "reboot": 142, "clone3": 435, "pidfd_open": 434,
        "name_to_handle_at": 264, "quotactl": 60, "memfd_secret": 447,
    },
}.get(platform.machine(), {})
# The arguments that make a call harmless where it is not refused.
ARGUMENTS = {
    "unshare": (0x10000000,), "personality": (0x0008,), "pidfd_open": (os.getpid(), 0), "ptrace": (16, 1),
    "chroot": (b"/",), "keyctl": (0, -3, 0),
}
FAMILIES = {"AF_ALG": 38, "AF_VSOCK": 40, "AF_PACKET": 17, "AF_BLUETOOTH": 31, "AF_KEY": 15, "AF_TIPC": 30}


def attempt(name):
    """What a child gets: `pidfd_open` may keep a descriptor, `unshare` may succeed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        ctypes.set_errno(0)
        result = LIBC.syscall(NUMBERS[name], *ARGUMENTS.get(name, (0, 0, 0, 0, 0, 0)))
        error = ctypes.get_errno()
        os.write(writer, (errno.errorcode.get(error, str(error)) if result < 0 else "allowed").encode())
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 100).decode()
    os.close(reader)
    os.waitpid(child, 0)
    return answer or "killed"


def family(number):
    try:
        socket.socket(number, socket.SOCK_SEQPACKET if number == 38 else socket.SOCK_DGRAM).close()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    return "allowed"


print(json.dumps({
    "calls": {name: attempt(name) for name in sorted(NUMBERS)},
    "families": {name: family(number) for name, number in sorted(FAMILIES.items())},
    "setuid_files": [
        os.path.join(folder, name)
        for root in ("/usr", "/bin", "/sbin") for folder, _, names in os.walk(root) for name in names
        if not os.path.islink(os.path.join(folder, name)) and os.stat(os.path.join(folder, name)).st_mode & 0o6000
    ][:20],
}))
