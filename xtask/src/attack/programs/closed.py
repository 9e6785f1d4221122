# Where there is no way out at all: the host's own addresses, and what the kernel tells of a network.


def call_host(host, attack_id, kind=socket.SOCK_STREAM):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as sock:
        sock.settimeout(3)
        sock.connect((host, P["port"]))
        sock.send(("GET /%s HTTP/1.0\r\n\r\n" % attack_id).encode())
        if kind == socket.SOCK_STREAM:
            sock.recv(100)
        else:
            time.sleep(0.2)


def any_address(attack_id, kind):
    if not P["addresses"]:
        return "absent: the host has no address"
    for address in P["addresses"]:
        try:
            return call_host(address, attack_id, kind)
        except OSError as error:
            problem = error
    raise problem


attempt("N01.host-loopback", lambda: call_host("127.0.0.1", "N01.host-loopback"))
attempt("N01.host-loopback-v6", lambda: call_host("::1", "N01.host-loopback-v6"))
attempt("N01.host-loopback-udp", lambda: call_host("127.0.0.1", "N01.host-loopback-udp", socket.SOCK_DGRAM))
attempt("N01.host-address", lambda: any_address("N01.host-address", socket.SOCK_STREAM))
attempt("N01.host-address-udp", lambda: any_address("N01.host-address-udp", socket.SOCK_DGRAM))


@attack("N01.routes")
def _():
    with open("/proc/net/route") as file:
        return "done" if len(file.readlines()) > 1 else "nothing"


@attack("N01.neighbours")
def _():
    with open("/proc/net/arp") as file:
        return "done" if len(file.readlines()) > 1 else "empty"


linger()
