# The way out, seen from inside: a listener on the sandbox's own loopback, and one channel of the stream
# for each connection to it. What is spoken on a connection (HTTP, CONNECT, SOCKS5) is the host's business.

import _socket as socket  # `socket` itself takes as long as a third of Python's start.
import select

MAX_CONNECTIONS = 64

# What a program serves itself is not asked of the proxy.
NO_PROXY = ["localhost", "127.0.0.1", "127.0.0.0/8", "::1"]


def proxy_environment(port):
    """The variables by which programs find the listener.

    ALL_PROXY names it as an HTTP proxy too: `requests` and `httpx` refuse a SOCKS one without a package
    that most images lack.
    """
    url = "http://127.0.0.1:%d" % port
    found = {name: url for name in ("http_proxy", "https_proxy", "all_proxy")}
    found["no_proxy"] = ",".join(NO_PROXY + [socket.gethostname()])
    found.update({name.upper(): value for name, value in list(found.items())})
    # Node reads the variables only when asked to.
    found["NODE_USE_ENV_PROXY"] = "1"
    return found


class Channel:
    """One proxied connection. It is over when both sides have sent Reset."""

    def __init__(self, number, sock):
        self.number, self.sock = number, sock
        self.window = WINDOW  # what the host still takes from us
        self.waiting = bytearray()  # from the host, for the program
        self.owed = 0  # written to the program, not yet credited to the host
        self.program_ended = False
        self.host_ended = False
        self.shut = False
        self.reset_sent = False
        self.reset_received = False


class Proxy:
    """The listener and its channels. Numbers are never used twice, not even by a later run."""

    def __init__(self, stream):
        self.stream = stream
        self.listener = None
        self.channels = {}
        self.by_fd = {}
        self.next_number = FIRST_PROXIED
        self.paused_until = 0.0

    def listen(self):
        """The port, which is opened unless it was ahead of this run."""
        if self.listener is not None:
            return self.listener.getsockname()[1]
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind(("127.0.0.1", 0))
            listener.listen(MAX_CONNECTIONS)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self.listener = listener
        return listener.getsockname()[1]

    def close(self):
        """Ends the listener and every connection. The host's Resets are still awaited."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        for channel in list(self.channels.values()):
            self._abort(channel)

    def forget(self):
        """For the program's process: lets go of the descriptors without closing them."""
        if self.listener is not None:
            self.listener.detach()
        for channel in self.channels.values():
            if channel.sock is not None:
                channel.sock.detach()

    def wanted(self, want, now):
        """Adds the descriptors to watch, and what for."""
        if self.listener is not None and len(self.channels) < MAX_CONNECTIONS:
            if now >= self.paused_until:
                want[self.listener.fileno()] = select.POLLIN
        room = self.stream.has_room()
        for fd, channel in self.by_fd.items():
            mask = 0
            if room and channel.window and not channel.program_ended:
                mask |= select.POLLIN
            if channel.waiting:
                mask |= select.POLLOUT
            if mask:
                want[fd] = mask

    def ready(self, fd, events, now):
        """Serves a descriptor that `wanted` asked for; says whether it was one of ours."""
        if self.listener is not None and fd == self.listener.fileno():
            self._accept(now)
            return True
        channel = self.by_fd.get(fd)
        if channel is None:
            return False
        if channel.waiting and events & (select.POLLOUT | select.POLLERR | select.POLLHUP):
            self._write(channel)
        if channel.sock is not None and not channel.program_ended:
            if events & (select.POLLIN | select.POLLERR | select.POLLHUP):
                self._read(channel)
        return True

    def frame(self, kind, number, payload):
        """A frame of the host for a proxied channel. Those for a finished one are late, and harmless."""
        channel = self.channels.get(number)
        if channel is None:
            return
        if kind == RESET:
            channel.reset_received = True
            if channel.host_ended:
                # A polite farewell: what the host has sent before still reaches the program.
                channel.program_ended = True
                if not channel.waiting:
                    self._finish(channel)
            else:
                self._abort(channel)
            self._forget_if_over(channel)
        elif kind == CREDIT:
            channel.window += struct.unpack(">I", payload)[0]
        elif channel.sock is None or channel.host_ended:
            return
        elif kind == DATA:
            channel.waiting += payload
            self._write(channel)
        elif kind == END:
            channel.host_ended = True
            self._settle(channel)

    def _accept(self, now):
        try:
            accepted, _ = self.listener._accept()
            sock = socket.socket(fileno=accepted)
        except BlockingIOError:
            return
        except OSError:
            # Out of descriptors or memory: the backlog waits a little instead of this loop spinning.
            self.paused_until = now + 0.25
            return
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            pass
        channel = Channel(self.next_number, sock)
        self.next_number += 1
        self.channels[channel.number] = channel
        self.by_fd[sock.fileno()] = channel
        self.stream.number(OPEN, channel.number)

    def _read(self, channel):
        if not self.stream.has_room() or not channel.window:
            return
        try:
            chunk = channel.sock.recv(min(MAX_DATA, channel.window))
        except BlockingIOError:
            return
        except OSError:
            self._abort(channel)
            return
        if chunk:
            channel.window -= len(chunk)
            self.stream.data(channel.number, chunk)
        else:
            channel.program_ended = True
            self.stream.number(END, channel.number)
            self._settle(channel)

    def _write(self, channel):
        try:
            written = channel.sock.send(channel.waiting)
        except BlockingIOError:
            return
        except OSError:
            self._abort(channel)
            return
        del channel.waiting[:written]
        channel.owed += written
        if channel.owed >= CREDIT_STEP and not channel.host_ended:
            self.stream.credit(channel.number, channel.owed)
            channel.owed = 0
        self._settle(channel)

    def _settle(self, channel):
        """Passes the host's end on once everything before it is written; closes when both have ended."""
        if channel.sock is None or channel.waiting or not channel.host_ended:
            return
        if not channel.shut:
            channel.shut = True
            try:
                channel.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self._abort(channel)
                return
        if channel.program_ended:
            self._finish(channel)

    def _abort(self, channel):
        if channel.sock is not None:
            try:
                # The program's side sees a reset, not an end that looks like success.
                channel.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
        channel.waiting.clear()
        self._finish(channel)

    def _finish(self, channel):
        if channel.sock is not None:
            self.by_fd.pop(channel.sock.fileno(), None)
            channel.sock.close()
            channel.sock = None
        if not channel.reset_sent:
            channel.reset_sent = True
            self.stream.number(RESET, channel.number)
        self._forget_if_over(channel)

    def _forget_if_over(self, channel):
        if channel.reset_sent and channel.reset_received:
            self.channels.pop(channel.number, None)
