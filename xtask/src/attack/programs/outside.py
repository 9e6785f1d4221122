# The world around a server under attack, in network namespaces of its own: whoever listens there says who
# called. It plays two parts: `outside`, every address that no program may reach and some that it may, with
# the name server; and `inside`, the server's own machine, with a proxy that refuses nothing.

import itertools
import socketserver
import threading

PUBLIC = P["public"]
LOCK = threading.Lock()
TURNS = itertools.count()
OPEN = [0, 0]  # now, most
NAMES = {
    "public.attack.test": [[PUBLIC]],
    "private.attack.test": [["10.1.2.3"]],
    "metadata.attack.test": [["169.254.169.254"]],
    "metadata.google.internal": [["169.254.169.254"]],
    "both.attack.test": [["10.1.2.3", PUBLIC]],
    "loopback.attack.test": [["127.0.0.1"]],
    "zero.attack.test": [["0.0.0.0"]],
    "own.attack.test": [[P["own"]]],
    "host.docker.internal": [["172.17.0.1"]],
    # By turns, so that an answer that was checked is not the one that is used.
    "rebind.attack.test": [[PUBLIC], ["10.1.2.3"]],
    "mapped.attack.test": [["::ffff:10.1.2.3"]],
    "private6.attack.test": [["fd12:3456::1"]],
}


def tell(*words):
    with LOCK:
        os.write(1, (" ".join(map(str, words)) + "\n").encode("utf-8", "replace"))


def attack_in(text):
    """`N02.x` in a request for `/N02.x`."""
    for part in text.replace("/", " ").split():
        if part[:1] in "NPB" and part[1:3].isdigit() and part[3:4] == ".":
            return part
    return None


class Web(socketserver.BaseRequestHandler):
    def handle(self):
        with LOCK:
            OPEN[0] += 1
            OPEN[1] = max(OPEN)
        self.request.settimeout(5)
        try:
            self.serve()
        except OSError:
            pass
        with LOCK:
            OPEN[0] -= 1

    def serve(self):
        text = self.request.recv(4096).decode("latin-1")
        line = text.split("\r\n")[0]
        attack_id = attack_in(line)
        if attack_id is None:
            if "index_answer" in globals() and " " in line:
                index_answer(line.split(" ")[1], self.request.sendall)
            return
        if attack_id.startswith("N11"):
            time.sleep(3)  # Until all are there.
            tell("most", OPEN[1])
        if "/redirect/" in text:
            answer = "302 Found\r\nLocation: http://10.1.2.3/%s" % attack_id
        else:
            # A name that changes its mind may lead to where everybody may go.
            if not (attack_id.startswith(("N05", "B04")) and self.request.getsockname()[0] == PUBLIC):
                tell("hit", attack_id)
            answer = "200 OK"
        self.request.sendall(("HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" % answer).encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512


class Server6(Server):
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


def answer_names(question):
    """What the name server says to one query."""
    at, labels = 12, []
    while question[at]:
        labels.append(question[at + 1: at + 1 + question[at]].decode("latin-1"))
        at += 1 + question[at]
    (kind,) = struct.unpack_from(">H", question, at + 1)
    name = ".".join(labels).lower()
    if labels and labels[0].upper().startswith("N07"):
        tell("hit", labels[0].replace("_", "."))
    choices = NAMES.get(name)
    if choices is None:
        return question[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + question[12:at + 5]
    # Both questions of one lookup get the same turn's answer.
    chosen = choices[next(TURNS) // 2 % len(choices)] if len(choices) > 1 else choices[0]
    records = [
        struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(packed)) + packed
        for packed in (socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
                       for address in chosen)
        if len(packed) == {1: 4, 28: 16}.get(kind)
    ]
    head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, len(records), 0, 0)
    return head + question[12:at + 5] + b"".join(records)


def datagrams(family, address, port):
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        threading.Thread(target=serve_datagrams, args=(sock.dup(), port), daemon=True).start()


def serve_datagrams(sock, port):
    while True:
        data, asker = sock.recvfrom(4096)
        attack_id = attack_in(data.decode("latin-1")) if data.startswith(b"GET ") else None
        if attack_id:
            tell("hit", attack_id)
        elif port == 53:
            try:
                sock.sendto(answer_names(data), asker)
            except (IndexError, struct.error, OSError):
                pass


class Proxy(socketserver.BaseRequestHandler):
    """Goes wherever it is told: what a gateway without a policy would be."""

    def handle(self):
        self.request.settimeout(10)
        try:
            self.serve()
        except (OSError, ValueError, IndexError):
            pass

    def serve(self):
        data = self.request.recv(65536)
        if data[:1] == b"\5":
            return self.socks()
        method, target, _ = data.split(b"\r\n")[0].decode("latin-1").split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            peer = self.reach(host, int(port))
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            return self.relay(peer)
        authority, _, path = target.partition("://")[2].partition("/")
        authority = authority.rpartition("@")[2]
        host, port = authority, 80
        if not authority.endswith("]") and ":" in authority:
            host, _, port = authority.rpartition(":")
        peer = self.reach(host, int(port))
        peer.sendall(("%s /%s HTTP/1.0\r\n\r\n" % (method, path)).encode("latin-1"))
        self.relay(peer)

    def reach(self, host, port):
        peer = socket.create_connection((host.strip("[]").replace("%25", "%"), port), 5)
        peer.settimeout(5)
        return peer

    def socks(self):
        self.request.sendall(b"\5\0")
        head = self.request.recv(4)
        if head[3] == 1:
            host = socket.inet_ntop(socket.AF_INET, self.request.recv(4))
        elif head[3] == 4:
            host = socket.inet_ntop(socket.AF_INET6, self.request.recv(16))
        else:
            host = self.request.recv(self.request.recv(1)[0]).decode("latin-1")
        (port,) = struct.unpack(">H", self.request.recv(2))
        peer = self.reach(host, port)
        self.request.sendall(b"\5\0\0\1" + bytes(6))
        self.relay(peer)

    def relay(self, peer):
        sides = {self.request: peer, peer: self.request}
        while True:
            ready, _, _ = select.select(list(sides), [], [], 5)
            for side in ready:
                data = side.recv(65536)
                if not data:
                    return
                sides[side].sendall(data)
            if not ready:
                return


def serve(server, address, handler):
    try:
        listening = server(address, handler)
    except OSError as error:
        return tell("cannot", address[0], address[1], error)
    threading.Thread(target=listening.serve_forever, daemon=True).start()


# The host gives the namespace its addresses once this process is there.
call_me("here")
sys.stdin.close()
tell("here")
deadline = time.monotonic() + 20
while not os.path.exists("/sys/class/net/" + P["device"]) and time.monotonic() < deadline:
    time.sleep(0.02)
for port in P["ports"]:
    serve(Server, ("0.0.0.0", port), Web)
    serve(Server6, ("::", port), Web)
if P["part"] == "outside":
    for port in (53, 443):
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            datagrams(family, address, port)
else:
    serve(Server, ("127.0.0.1", 3128), Proxy)
tell("ready")
time.sleep(P["stay"])
