//! Sockets of families and protocols that a program has no use for, and questions to the kernel's
//! network that only an administrator may ask.

use super::super::case::{Case, Enforced, case};
use super::super::scene::{Play, Scene};
use super::super::servers::Kind;
use super::weaknesses::{PRIVILEGED, UNFILTERED};

pub(super) const SCENE: Scene = Scene {
    name: "sockets",
    play: Play::Program {
        text: include_str!("../programs/sockets.py"),
        server: Kind::Closed,
        seconds: 30,
    },
    cases: CASES,
    short: true,
};

const fn admin(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Seccomp, PRIVILEGED)
}

/// Most of these are modules that not every kernel has.
const fn family(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Seccomp, UNFILTERED).needs("that kind of socket")
}

const fn netlink(id: &'static str, tries: &'static str) -> Case {
    case(id, tries, Enforced::Seccomp, UNFILTERED).needs("that kind of netlink")
}

const CASES: &[Case] = &[
    family("E07.alg", "opens a socket to the kernel's cryptography"),
    family("E07.vsock", "opens a socket to the hypervisor"),
    admin("E07.packet", "opens a packet socket"),
    admin("E07.packet-dgram", "opens a packet socket without headers"),
    admin("E07.xdp", "opens an XDP socket").needs("that kind of socket"),
    admin("E07.raw-icmp", "opens a raw ICMP socket"),
    admin("E07.raw-ip", "opens a raw IP socket"),
    admin("E07.raw-ipv6", "opens a raw ICMPv6 socket").needs("IPv6"),
    family("E07.mptcp", "opens an MPTCP socket"),
    family("E07.udplite", "opens a UDP-Lite socket"),
    family("E07.sctp", "opens an SCTP socket"),
    family("E07.dccp", "opens a DCCP socket"),
    family("E07.bluetooth", "opens a Bluetooth socket"),
    family("E07.tipc", "opens a TIPC socket"),
    family("E07.can", "opens a CAN socket"),
    family("E07.rds", "opens an RDS socket"),
    admin("E07.key", "opens a socket to the kernel's IPsec keys").needs("that kind of socket"),
    family("E07.nfc", "opens an NFC socket"),
    family("E07.kcm", "opens a KCM socket"),
    family("E07.qipcrtr", "opens a Qualcomm router's socket"),
    family("E07.smc", "opens an SMC socket"),
    netlink("E21.netlink-audit", "opens a socket to the kernel's audit"),
    netlink(
        "E21.netlink-netfilter",
        "opens a socket to the packet filter",
    ),
    netlink("E21.netlink-uevent", "opens a socket to device events")
        .granted("gVisor has no devices that come and go, and never says anything there"),
    netlink("E21.netlink-generic", "opens a socket to generic netlink"),
    netlink("E21.netlink-xfrm", "opens a socket to the kernel's IPsec"),
    netlink(
        "E21.netlink-sock-diag",
        "opens a socket to socket statistics",
    ),
    netlink("E21.netlink-connector", "opens a socket to process events"),
    case(
        "E21.add-address",
        "gives its loopback an address",
        Enforced::Kernel,
        PRIVILEGED,
    ),
    case(
        "E21.add-route",
        "adds a route",
        Enforced::Kernel,
        PRIVILEGED,
    ),
    case(
        "E21.add-interface",
        "makes a network device",
        Enforced::Kernel,
        PRIVILEGED,
    )
    .needs("virtual network devices"),
    case(
        "E21.link-down",
        "takes its loopback down",
        Enforced::Kernel,
        PRIVILEGED,
    ),
];
