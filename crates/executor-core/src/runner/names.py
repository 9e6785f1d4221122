# The names that a sandbox has without a network: `localhost`, and its own.
#
# An engine that gives a sandbox no network writes no hosts file, and its empty resolv.conf makes every
# resolver ask 127.0.0.1. So process 1 answers there, for C programs too; whatever else is asked does not
# exist, which is told at once instead of after a resolver's patience.

A, ANY, INTERNET = 1, 255, 1
NO_ERROR, NOT_EXISTING = 0, 3
ANSWER, RECURSION = 0x8000, 0x0180  # a response; recursion wanted and available


class Names:
    """A name server on the sandbox's own loopback, as far as a resolver needs one."""

    def __init__(self):
        self.socket = None
        self.known = {b"localhost", socket.gethostname().lower().encode()}

    def listen(self):
        """Does without where port 53 is not to be had: an engine that refuses it brings a hosts file."""
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            server.bind(("127.0.0.1", 53))
            server.setblocking(False)
        except OSError:
            server.close()
        else:
            self.socket = server

    def wanted(self, want):
        if self.socket is not None:
            want[self.socket.fileno()] = select.POLLIN

    def ready(self, fd):
        """Answers one question, if `fd` is ours; says whether it was."""
        if self.socket is None or fd != self.socket.fileno():
            return False
        try:
            question, asker = self.socket.recvfrom(512)
            answer = self.answer(question)
            if answer:
                self.socket.sendto(answer, asker)
        except OSError:
            pass  # An asker who is gone, or has sent us an error: nothing is owed.
        return True

    def forget(self):
        """For the program's process: lets go of the descriptor without closing it."""
        if self.socket is not None:
            self.socket.detach()

    def answer(self, question):
        """The answer to one query, or None to what is none."""
        at, labels = 12, []
        try:
            flags, count = struct.unpack_from(">HH", question, 2)
            while question[at]:
                labels.append(question[at + 1 : at + 1 + question[at]])
                at += 1 + question[at]
            kind, family = struct.unpack_from(">HH", question, at + 1)
        except (IndexError, struct.error):
            return None
        if flags & ANSWER or count != 1:
            return None
        name = b".".join(labels).lower()
        known = name in self.known or name.endswith(b".localhost")
        # Only the one family: what a program serves on `localhost` is where its clients look first.
        records = b""
        if known and family == INTERNET and kind in (A, ANY):
            records = struct.pack(">HHHIH4s", 0xC00C, A, INTERNET, 60, 4, b"\x7f\0\0\1")
        flags = ANSWER | RECURSION | (NO_ERROR if known else NOT_EXISTING)
        head = question[:2] + struct.pack(">HHHHH", flags, 1, 1 if records else 0, 0, 0)
        return head + question[12 : at + 5] + records
