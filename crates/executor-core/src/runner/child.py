# The process that becomes the program: forked ahead of its order where there is time, so that a run need not wait for
# the fork and for the pages that a fork copies one by one as they are first written.

ORDER_PATIENCE = 2.0  # seconds, for a piece of an order to be taken


class Child:
    """A forked process that waits for its order, and process 1's ends of its pipes."""

    def __init__(self, forget, confined, may_switch, place=None):
        """In the child this does not return: `BecomeProgram` leaves every frame, in its own time."""
        self.place = place
        self.is_ahead = place is not None and place.is_ahead
        self.ready_by = time.monotonic() + place.patience if self.is_ahead else None
        self.told = b""  # of what it has made ready
        pipes = []
        try:
            for _ in range(5):
                pipes.append(os.pipe())
            gc.freeze()
            self.pid = os.fork()
        except OSError:
            for pair in pipes:
                os.close(pair[0])
                os.close(pair[1])
            raise
        (orders, self.orders), (stdin, self.feed), (self.out, stdout), (self.err, stderr), (
            self.status,
            tell_to,
        ) = pipes
        if self.pid == 0:
            forget()
            theirs = (stdin, stdout, stderr)
            raise BecomeProgram(prepare_child(theirs, orders, tell_to, confined, may_switch, place))
        for fd in (orders, stdin, stdout, stderr, tell_to):
            os.close(fd)
        for fd in (self.feed, self.out, self.err, self.status):
            os.set_blocking(fd, False)

    def suits(self, order, environment):
        """Whether it may have this order: one that has taken a place already serves in that place only."""
        return self.place is None or (self.ready_by is None and self.place.suits(order, environment))

    def hear(self):
        """What it says of what it has made ready, once it has said that; raises ValueError if it makes no sense."""
        chunk = os.read(self.status, 8192)
        self.told += chunk
        line, end, _ = self.told.partition(b"\n")
        if not end:
            if not chunk:
                raise EOFError
            if len(self.told) > MOST_TOLD:
                raise ValueError("it has too much to say")
            return None
        told = json.loads(line)
        if "error" in told:
            raise ValueError(str(told["error"]))
        imported, failed = told["ahead"]["imported"], told["ahead"]["failed"]
        made = {
            "imported": [str(name)[:200] for name in imported][:MOST_MADE],
            "failed": [[str(name)[:200], str(why)[:300]] for name, why in failed][:MOST_MADE],
        }
        self.ready_by = None
        return made

    def order(self, order, environment, text):
        """Gives it what it waits for. It reads at once, unless something foreign in it keeps it from that."""
        head = json.dumps({"order": order, "environment": environment}).encode()
        message = memoryview(struct.pack(">II", len(head), len(text)) + head + text)
        os.set_blocking(self.orders, False)
        writable = select.poll()
        writable.register(self.orders, select.POLLOUT)
        while message:
            try:
                message = message[os.write(self.orders, message) :]
            except BlockingIOError:
                if not writable.poll(int(ORDER_PATIENCE * 1000)):
                    raise OSError("its process does not take its order")
        os.close(self.orders)

    def forget(self):
        """Closes this side of a child that has ended without an order."""
        for fd in (self.orders, self.feed, self.out, self.err, self.status):
            os.close(fd)


def receive(orders):
    """The child's side of `Child.order`."""
    with open(orders, "rb", buffering=0) as source:
        sizes = read_exactly(source, 8)
        head, text = (read_exactly(source, size) for size in struct.unpack(">II", sizes))
    message = json.loads(head)
    return message["order"], message["environment"], text


def read_exactly(source, size):
    got = bytearray()
    while len(got) < size:
        chunk = source.read(size - len(got))
        if not chunk:
            os._exit(0)  # Process 1 has ended, and with it everything.
        got += chunk
    return bytes(got)
