# Sockets of every family that has had its defects. What leads to the network is another program's part.

RAW, DGRAM, STREAM, SEQPACKET = socket.SOCK_RAW, socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET

FAMILIES = [
    ("E07.alg", 38, SEQPACKET, 0),
    ("E07.vsock", 40, STREAM, 0),
    ("E07.packet", 17, RAW, 0x0300),
    ("E07.packet-dgram", 17, DGRAM, 0x0300),
    ("E07.xdp", 44, RAW, 0),
    ("E07.raw-icmp", 2, RAW, 1),
    ("E07.raw-ip", 2, RAW, 255),
    ("E07.raw-ipv6", 10, RAW, 58),
    ("E07.mptcp", 2, STREAM, 262),
    ("E07.udplite", 2, DGRAM, 136),
    ("E07.sctp", 2, STREAM, 132),
    ("E07.dccp", 2, 6, 33),
    ("E07.bluetooth", 31, RAW, 1),
    ("E07.tipc", 30, SEQPACKET, 0),
    ("E07.can", 29, RAW, 1),
    ("E07.rds", 21, SEQPACKET, 0),
    ("E07.key", 15, RAW, 2),
    ("E07.nfc", 39, SEQPACKET, 0),
    ("E07.kcm", 41, DGRAM, 0),
    ("E07.qipcrtr", 42, DGRAM, 0),
    ("E07.smc", 43, STREAM, 0),
    ("E21.netlink-audit", 16, RAW, 9),
    ("E21.netlink-netfilter", 16, RAW, 12),
    ("E21.netlink-uevent", 16, RAW, 15),
    ("E21.netlink-generic", 16, RAW, 16),
    ("E21.netlink-xfrm", 16, RAW, 6),
    ("E21.netlink-sock-diag", 16, RAW, 4),
    ("E21.netlink-connector", 16, RAW, 11),
]


def open_and_close(family, kind, protocol):
    socket.socket(family, kind, protocol).close()


for attack_id, family, kind, protocol in FAMILIES:
    attempt(attack_id, lambda: open_and_close(family, kind, protocol))


def route_request(kind, flags, body):
    """Asks NETLINK_ROUTE to change something, and gives its answer."""
    with socket.socket(16, RAW, 0) as link:
        link.bind((0, 0))
        link.send(struct.pack("=IHHII", 16 + len(body), kind, 0x5 | flags, 1, 0) + body)
        answer = link.recv(65536)
    number = -struct.unpack_from("=i", answer, 16)[0]
    if number:
        raise OSError(number, "netlink")


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value.ljust(-(-len(value) // 4) * 4, b"\0")


@attack("E21.add-address")
def _():
    address = attribute(2, bytes([127, 7, 7, 7])) + attribute(1, bytes([127, 7, 7, 7]))
    route_request(20, 0x600, struct.pack("=BBBBi", 2, 8, 0, 254, 1) + address)


@attack("E21.add-route")
def _():
    route = struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 254, 4, 253, 1, 0)
    route_request(24, 0x600, route + attribute(1, bytes([127, 8, 8, 8])) + attribute(4, struct.pack("=i", 1)))


@attack("E21.add-interface")
def _():
    # A pair of virtual cables, one end of which could be pushed elsewhere.
    info = attribute(18, attribute(1, b"veth\0"))
    route_request(16, 0x600, struct.pack("=BxHiII", 0, 0, 0, 0, 0) + attribute(3, b"attack0\0") + info)


@attack("E21.link-down")
def _():
    route_request(16, 0, struct.pack("=BxHiII", 0, 0, 1, 0, 0x1))  # IFF_UP of `lo` is taken away
