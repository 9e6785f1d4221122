# The process that becomes the program: forked ahead of its order where there is time, so that a run need not wait for
# the fork and for the pages that a fork copies one by one as they are first written.


class Child:
    """A forked process that waits for its order, and process 1's ends of its pipes."""

    def __init__(self, forget, confined, may_switch):
        """In the child this does not return: `BecomeProgram` leaves every frame, in its own time."""
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
            raise BecomeProgram(prepare_child(theirs, orders, tell_to, confined, may_switch))
        for fd in (orders, stdin, stdout, stderr, tell_to):
            os.close(fd)
        for fd in (self.feed, self.out, self.err, self.status):
            os.set_blocking(fd, False)

    def order(self, order, environment, text):
        """Gives it what it waits for. It reads at once, for nothing foreign runs in it yet."""
        head = json.dumps({"order": order, "environment": environment}).encode()
        message = struct.pack(">II", len(head), len(text)) + head + text
        while message:
            message = message[os.write(self.orders, message) :]
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
