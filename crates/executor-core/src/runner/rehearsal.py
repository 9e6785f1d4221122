# What process 1 goes through ahead of its order, with nobody there: a whole run, from its order to its Done.
#
# A fork marks every page of both processes, and whoever writes to one first waits for its copy. To count references is to
# write. So an order would have process 1 copy three hundred pages before its program began: it copies them while it waits.

REHEARSED = b'{"cpu": 0.0}\n' + BEGUN  # what a program's process tells
MOST_ROUNDS = 50


class Understudy(Child):
    """Process 1's ends of the pipes of a child that is not there: it has said everything already, and ends."""

    def __init__(self):
        self.place, self.is_ahead, self.ready_by, self.pid = None, False, None, 0
        self.theirs, self.orders = os.pipe()
        stdin, self.feed = os.pipe()
        os.close(stdin)
        self.out, self.err, self.status = (saying(text) for text in (b"4\n", b"", REHEARSED))

    def order(self, order, environment, text):
        super().order(order, environment, text)
        os.close(self.theirs)


class Rehearsal(Supervisor):
    """Process 1 with a stream and a child of its own, in which nobody is killed."""

    def __init__(self, supervisor):
        vars(self).update(vars(supervisor))
        source, self.host = os.pipe()
        self.nobody, sink = os.pipe()
        self.stream = Stream(source, sink)
        self.proxy = Proxy(self.stream)
        self.child, self.ahead = Understudy(), None
        self.poll, self.watched = select.poll(), {}
        # Whatever ends meanwhile is for the one in earnest.
        self.woken = saying(b"")

    def play(self):
        """Whether it came to its end."""
        text = b"print(2+2)"
        order = dict(self.expected, program_bytes=len(text), deadline_ms=60000, output_limit=MAX_DATA)
        host = Stream(self.nobody, self.host)
        host.control(RUN, order)
        host.data(INPUT, text)
        host.number(END, INPUT)
        host.flush()
        try:
            for _ in range(MOST_ROUNDS):
                self.stream.flush()
                self.patience(time.monotonic())
                self.attend(self.wait(0))
                if self.finished_at is not None:
                    self.stream.flush()
                    return True
            return False
        finally:
            for fd in (self.stream.source, self.stream.sink, self.host, self.nobody, self.woken):
                os.close(fd)

    def reap(self, after_kill=False):
        """Its program ends when all that it said was heard."""
        run = self.run
        if run is None or run.pid is None or run.status is not None or run.outputs:
            return True
        run.ended = 0
        return False

    def kill_all(self):
        self.reap()


def saying(text):
    """The reading end of a pipe that holds this text and no more."""
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    os.set_blocking(reader, False)
    return reader
