//! Names that mean the machine, its cloud or its local network whatever the DNS says. Addresses are `address.rs`.

use super::name::HostName;

/// Whether `name` denotes the asker's own loopback (RFC 6761, section 6.3).
pub(super) fn is_localhost(name: &HostName) -> bool {
    name.is_within("localhost") || name.is_within("localhost.localdomain")
}

/// Whether `name` denotes a cloud's metadata service.
///
/// Addresses are checked after resolution, so this matters where somebody else resolves: behind the host's own proxy.
pub(super) fn is_metadata(name: &HostName) -> bool {
    METADATA_NAMES.iter().any(|known| name.as_str() == *known)
}

/// Whether `name` belongs to a name space that only exists on a local network.
pub(super) fn is_local(name: &HostName) -> bool {
    is_localhost(name)
        || !name.as_str().contains('.')
        || LOCAL_SUFFIXES.iter().any(|suffix| name.is_within(suffix))
}

const METADATA_NAMES: &[&str] = &[
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
    "metadata.platformequinix.com",
];

/// `.internal` is reserved for private use by ICANN (2024), `.local` by RFC 6762, `.home.arpa` by RFC 8375; the others are what
/// home routers, companies and clusters commonly use.
const LOCAL_SUFFIXES: &[&str] = &[
    "internal",
    "local",
    "localdomain",
    "home.arpa",
    "lan",
    "intranet",
    "corp",
    "home",
    "cluster.local",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::name::Host;

    #[test]
    fn special_names_are_known() {
        let table = [
            ("localhost", [true, false, true]),
            ("a.localhost", [true, false, true]),
            ("metadata.google.internal", [false, true, true]),
            ("host.docker.internal", [false, false, true]),
            ("printer.local", [false, false, true]),
            ("intranet", [false, false, true]),
            ("example.com", [false, false, false]),
            ("local.example.com", [false, false, false]),
            ("notlocalhost.com", [false, false, false]),
        ];
        for (text, expected) in table {
            let Ok(Host::Name(name)) = Host::parse(text) else {
                panic!("{text} is not a name")
            };
            assert_eq!(
                [is_localhost(&name), is_metadata(&name), is_local(&name)],
                expected,
                "{text}"
            );
        }
    }
}
