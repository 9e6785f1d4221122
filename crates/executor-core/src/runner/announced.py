# What programs say of their displays while they run: a datagram each, to an address that nobody but this sandbox has.
# It is passed on within bounds, believed as little as what is printed, and nothing depends on it.

ANNOUNCED_AT = "\0displays-%d" % os.getpid()
MAX_ANNOUNCED = 256  # bytes


class Announcements:
    """Where they arrive."""

    def __init__(self):
        self.socket, self.passed_on = None, 0

    def listen(self):
        """Does without where that is not to be had: everything shown comes at the end all the same."""
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            server.bind(ANNOUNCED_AT)
            server.setblocking(False)
        except OSError:
            server.close()
        else:
            self.socket = server

    def wanted(self, want, order):
        """No more than there can be displays; what is said beyond them waits in a queue of the kernel, which is short."""
        most = (order.get("results") or {}).get("displays", 0)
        if self.socket is not None and self.passed_on < most:
            want[self.socket.fileno()] = select.POLLIN

    def take(self, fd):
        """What was said, if `fd` is ours; else None."""
        if self.socket is None or fd != self.socket.fileno():
            return None
        self.passed_on += 1
        try:
            said = self.socket.recv(MAX_ANNOUNCED)
        except OSError:
            return ""
        return said.decode("utf-8", "ignore")

    def forget(self):
        """For the program's process: lets go of the descriptor without closing it."""
        if self.socket is not None:
            self.socket.detach()
