//! What kind of place an IP address is: one pure function, [`classify`], and nothing that resolves, dials or decides.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of place that an address denotes, as far as a sandbox's way out is concerned.
///
/// The ranges are those of the IANA special-purpose address registries (RFC 6890 and its updates), with the
/// metadata services of the large clouds named apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AddressClass {
    /// A globally reachable unicast address: the only class that a program may reach without being told so.
    Global,
    /// `0.0.0.0/8` and `::`, which a kernel takes for the machine itself.
    Unspecified,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// RFC 1918, and the retired site-local and local NAT64 ranges of IPv6.
    Private,
    /// `100.64.0.0/10`, the shared space of carrier-grade NAT (RFC 6598).
    Shared,
    /// `fc00::/7` (RFC 4193).
    UniqueLocal,
    /// Ranges set aside for documentation.
    Documentation,
    /// Ranges set aside for benchmarks.
    Benchmarking,
    /// Everything that is not handed out as global unicast space.
    Reserved,
    /// `169.254.0.0/16` and `fe80::/10`.
    LinkLocal,
    /// Multicast of either family.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// A cloud's metadata or credential service, which no policy and no operator can open.
    Metadata,
}

impl AddressClass {
    /// Whether any program with a public way out may reach such an address.
    #[must_use]
    pub fn is_public(self) -> bool {
        self == Self::Global
    }

    /// Whether an operator who names a host may let it be at such an address.
    ///
    /// Metadata services are never opened, nor are the link-local range in which they live and the addresses that
    /// denote no single other machine.
    #[must_use]
    pub fn may_be_opened(self) -> bool {
        !matches!(
            self,
            Self::Unspecified
                | Self::LinkLocal
                | Self::Multicast
                | Self::Broadcast
                | Self::Metadata
        )
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "global",
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "shared (carrier-grade NAT)",
            Self::UniqueLocal => "unique local",
            Self::Documentation => "for documentation",
            Self::Benchmarking => "for benchmarks",
            Self::Reserved => "reserved",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Metadata => "a metadata service",
        })
    }
}

/// Says what kind of place `address` is.
///
/// An IPv6 address that carries an IPv4 address (mapped, compatible, translated, NAT64, 6to4, ISATAP, Teredo) is at most as
/// public as what it carries, because somebody on the path may unwrap it.
#[must_use]
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => {
            let carried = carried_v4(address).into_iter().flatten().map(classify_v4);
            // The variants are ordered by how strictly they are refused, so the strictest one wins.
            carried.fold(classify_v6(address), Ord::max)
        }
    }
}

/// The addresses that `address` may turn into on its way: itself, and the IPv4 addresses that it carries.
pub(super) fn aliases(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let carried = match address {
        IpAddr::V4(_) => [None, None],
        IpAddr::V6(address) => carried_v4(address),
    };
    std::iter::once(address).chain(carried.into_iter().flatten().map(IpAddr::V4))
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    if METADATA_V4.contains(&address) {
        return AddressClass::Metadata;
    }
    match address.octets() {
        [0, ..] => AddressClass::Unspecified,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [100, 64..=127, ..] => AddressClass::Shared,
        [127, ..] => AddressClass::Loopback,
        [169, 254, ..] => AddressClass::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        [198, 18..=19, ..] => AddressClass::Benchmarking,
        // Protocol assignments, and the retired relays of 6to4.
        [192, 0, 0, _] | [192, 88, 99, _] => AddressClass::Reserved,
        [224..=239, ..] => AddressClass::Multicast,
        [255, 255, 255, 255] => AddressClass::Broadcast,
        [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Global,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    if METADATA_V6.contains(&address) {
        return AddressClass::Metadata;
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // Mapped addresses and the well-known NAT64 prefix are only what they carry.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => AddressClass::Global,
        [0x64, 0xff9b, 1, ..] => AddressClass::Private,
        [0xfc00..=0xfdff, ..] => AddressClass::UniqueLocal,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xfec0..=0xfeff, ..] => AddressClass::Private,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => AddressClass::Documentation,
        [0x2001, 2, 0, ..] => AddressClass::Benchmarking,
        // Teredo is what it carries; the rest of 2001::/23 is for protocols, not for hosts.
        [0x2001, 0, ..] => AddressClass::Global,
        [0x2001, 1..=0x1ff, ..] => AddressClass::Reserved,
        [0x2000..=0x3fff, ..] => AddressClass::Global,
        _ => AddressClass::Reserved,
    }
}

/// The IPv4 addresses inside an IPv6 address; Teredo has two, the server and the client.
fn carried_v4(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    match address.segments() {
        // `::` and `::1` are themselves, not the compatible form of `0.0.0.0` and `0.0.0.1`.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        // Compatible, mapped, translated (RFC 2765) and both NAT64 forms keep it in the last 32 bits.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low] => [Some(v4(high, low)), None],
        [0x2002, high, low, ..] => [Some(v4(high, low)), None],
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            [Some(v4(server_high, server_low)), Some(v4(!high, !low))]
        }
        // ISATAP (RFC 5214) may stand below any prefix.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => [Some(v4(high, low)), None],
        _ => [None, None],
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

/// Metadata, credential and host services of the clouds, by their documentation: AWS (instance, DNS, time, ECS, EKS), Google,
/// Azure, Alibaba, Oracle, Tencent, Scaleway.
const METADATA_V4: &[Ipv4Addr] = &[
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 169, 253),
    Ipv4Addr::new(169, 254, 169, 123),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(169, 254, 0, 23),
    Ipv4Addr::new(169, 254, 42, 42),
];

const METADATA_V6: &[Ipv6Addr] = &[
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x123),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_classified() {
        use AddressClass as C;
        let table: &[(C, &[&str])] = &[
            (
                C::Global,
                &[
                    "1.1.1.1",
                    "8.8.8.8",
                    "9.255.255.255",
                    "11.0.0.0",
                    "100.63.255.255",
                    "100.128.0.0",
                    "126.255.255.255",
                    "128.0.0.0",
                    "169.253.255.255",
                    "172.15.255.255",
                    "172.32.0.0",
                    "192.167.255.255",
                    "192.169.0.0",
                    "198.17.255.255",
                    "198.20.0.0",
                    "223.255.255.255",
                    "2606:4700:4700::1111",
                    "2001:4860:4860::8888",
                    "2001:200::1",
                    "::ffff:1.1.1.1",
                    "64:ff9b::1.1.1.1",
                    "2002:0101:0101::1",
                ],
            ),
            (
                C::Unspecified,
                &["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"],
            ),
            (
                C::Loopback,
                &[
                    "127.0.0.1",
                    "127.255.255.255",
                    "::1",
                    "::ffff:127.0.0.1",
                    "64:ff9b::7f00:1",
                    "2002:7f00:1::",
                ],
            ),
            (
                C::Private,
                &[
                    "10.0.0.0",
                    "10.255.255.255",
                    "172.16.0.0",
                    "172.31.255.255",
                    "192.168.0.0",
                    "192.168.255.255",
                    "::ffff:10.0.0.1",
                    "64:ff9b::10.0.0.1",
                    "64:ff9b:1::1.1.1.1",
                    "2002:0a00:0001::",
                    "2606:4700::5efe:10.0.0.1",
                    "2606:4700::200:5efe:10.0.0.1",
                    "fec0::1",
                    // Teredo: a public server with a private client, and the other way round.
                    "2001:0:0101:0101:0:0:f5ff:fffe",
                    "2001:0:0a00:0001:0:0:fefe:fefe",
                ],
            ),
            (C::Shared, &["100.64.0.0", "100.127.255.255"]),
            (C::UniqueLocal, &["fc00::1", "fd12:3456::1"]),
            (
                C::Documentation,
                &[
                    "192.0.2.1",
                    "198.51.100.7",
                    "203.0.113.9",
                    "2001:db8::1",
                    "3fff:fff::1",
                ],
            ),
            (
                C::Benchmarking,
                &["198.18.0.1", "198.19.255.255", "2001:2::1"],
            ),
            (
                C::Reserved,
                &[
                    "240.0.0.1",
                    "255.255.255.254",
                    "192.0.0.8",
                    "192.88.99.1",
                    "100::1",
                    "::1.1.1.1",
                    "4000::1",
                    "5f00::1",
                    "2001:20::1",
                    "::ffff:0:1.1.1.1",
                ],
            ),
            (
                C::LinkLocal,
                &["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1"],
            ),
            (C::Multicast, &["224.0.0.1", "239.255.255.255", "ff02::1"]),
            (C::Broadcast, &["255.255.255.255", "::ffff:255.255.255.255"]),
            (
                C::Metadata,
                &[
                    "169.254.169.254",
                    "169.254.170.2",
                    "168.63.129.16",
                    "100.100.100.200",
                    "192.0.0.192",
                    "fd00:ec2::254",
                    "fd20:ce::254",
                    "::ffff:169.254.169.254",
                    "::169.254.169.254",
                    "64:ff9b::a9fe:a9fe",
                    "64:ff9b:1::a9fe:a9fe",
                    "2002:a9fe:a9fe::1",
                    "fe80::5efe:169.254.169.254",
                    "2001:0:a9fe:a9fe::",
                ],
            ),
        ];
        for (class, addresses) in table {
            for address in *addresses {
                assert_eq!(classify(address.parse().unwrap()), *class, "{address}");
            }
        }
    }

    #[test]
    fn an_operator_cannot_open_metadata_or_what_is_no_host() {
        for address in [
            "169.254.169.254",
            "169.254.1.1",
            "0.0.0.0",
            "224.0.0.1",
            "fe80::1",
            "::",
        ] {
            assert!(
                !classify(address.parse().unwrap()).may_be_opened(),
                "{address}"
            );
        }
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "fd00::1",
        ] {
            assert!(
                classify(address.parse().unwrap()).may_be_opened(),
                "{address}"
            );
        }
    }

    proptest! {
        #[test]
        fn carrying_never_makes_an_address_more_public(bits in any::<u32>()) {
            let inner = Ipv4Addr::from(bits);
            let [a, b, c, d] = inner.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let outer = [
                inner.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 0x0101, 0x0101, 0, 0, !high, !low),
                Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0, 0x5efe, high, low),
            ];
            for address in outer {
                prop_assert!(classify(address.into()) >= classify(inner.into()));
                prop_assert!(aliases(address.into()).any(|alias| alias == IpAddr::V4(inner)));
            }
        }
    }
}
