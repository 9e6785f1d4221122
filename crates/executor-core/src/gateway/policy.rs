//! What a sandbox may reach, as data, and the pure decisions about it: first about names, then about their addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use super::address::classify;
use super::failure::Refusal;
use super::name::{Destination, Host};
use super::opened::{Fixed, OpenedHost};
use super::rule::{AllowRule, RuleError, WEB_PORTS};
use super::special;

/// What the programs of a sandbox may reach.
///
/// Its text forms are `none`, `public`, and a comma-separated list of [`AllowRule`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkPolicy {
    /// Nothing at all, whatever else is opened.
    None,
    /// Every public address, by name or by number, on ports 80 and 443.
    #[default]
    Public,
    /// The names listed, and nothing else.
    Allow(Vec<AllowRule>),
}

impl FromStr for NetworkPolicy {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text.trim() {
            "none" => Ok(Self::None),
            "public" => Ok(Self::Public),
            list => list
                .split(',')
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map(Self::Allow),
        }
    }
}

impl fmt::Display for NetworkPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Public => f.write_str("public"),
            Self::Allow(rules) => {
                for (index, rule) in rules.iter().enumerate() {
                    write!(f, "{}{rule}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

/// The way out of one sandbox for one phase of its life: the policy in force, what is opened beside it, and the
/// label under which it is audited.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    policy: NetworkPolicy,
    opened: Vec<OpenedHost>,
    label: Option<Arc<str>>,
}

impl Egress {
    /// A way out under `policy`, with nothing opened beside it.
    #[must_use]
    pub fn new(policy: NetworkPolicy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// Opens further hosts, each wherever it leads. Under [`NetworkPolicy::None`] they stay closed.
    #[must_use]
    pub fn opening(mut self, hosts: impl IntoIterator<Item = OpenedHost>) -> Self {
        self.opened.extend(hosts);
        self
    }

    /// Names the sandbox or the run in the audit.
    #[must_use]
    pub fn labelled(mut self, label: &str) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &NetworkPolicy {
        &self.policy
    }

    pub(super) fn label(&self) -> Arc<str> {
        self.label.clone().unwrap_or_else(|| Arc::from(""))
    }

    /// Decides about a destination before anything is resolved.
    pub(super) fn decide(&self, destination: &Destination) -> Result<Grant, Refusal> {
        if self.policy == NetworkPolicy::None {
            return Err(Refusal::NoNetwork);
        }
        if destination.host.name().is_some_and(special::is_metadata) {
            return Err(Refusal::Metadata {
                host: destination.host.to_string(),
            });
        }
        if let Some(opened) = self
            .opened
            .iter()
            .find(|host| host.rule().covers(destination))
        {
            return Ok(match opened.fixed() {
                Some(fixed) => Grant::Fixed(fixed),
                None => Grant::Vouched,
            });
        }
        match &self.policy {
            NetworkPolicy::None => Err(Refusal::NoNetwork),
            NetworkPolicy::Public => public(destination),
            NetworkPolicy::Allow(rules) => {
                if rules.iter().any(|rule| rule.covers(destination)) {
                    Ok(Grant::Vouched)
                } else {
                    Err(Refusal::NotListed {
                        destination: destination.authority(),
                    })
                }
            }
        }
    }

    /// What the policy allows, as the end of a sentence for the person whose program was refused.
    pub(super) fn allowance(&self) -> String {
        let base = match &self.policy {
            NetworkPolicy::None => return "nothing".to_owned(),
            NetworkPolicy::Public => Some("public addresses on ports 80 and 443".to_owned()),
            NetworkPolicy::Allow(_) => None,
        };
        let listed = match &self.policy {
            NetworkPolicy::Allow(rules) => rules.as_slice(),
            NetworkPolicy::None | NetworkPolicy::Public => &[],
        };
        let rules: Vec<_> = listed
            .iter()
            .chain(self.opened.iter().map(OpenedHost::rule))
            .collect();
        let named = rules
            .iter()
            .take(SHOWN_RULES)
            .map(|rule| format!("`{rule}`"));
        let more = rules
            .len()
            .checked_sub(SHOWN_RULES)
            .filter(|more| *more > 0);
        let parts: Vec<_> = base
            .into_iter()
            .chain(named)
            .chain(more.map(|more| format!("{more} more")))
            .collect();
        if parts.is_empty() {
            "nothing".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

/// On what ground a destination may be reached, and so which addresses it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// Anybody may reach it, so it must be at a public address.
    Public,
    /// The operator vouches for the name; only what nobody may open is refused.
    Vouched,
    /// The operator says where it is.
    Fixed(Fixed),
}

impl Grant {
    /// Decides about one address of `host`; `own` says whether it is one of the gateway's host itself.
    pub(super) fn check(self, host: &Host, address: IpAddr, own: bool) -> Result<(), Refusal> {
        let class = classify(address);
        let reachable = match self {
            Self::Public => class.is_public() && !own,
            Self::Vouched | Self::Fixed(_) => class.may_be_opened(),
        };
        let host = || host.to_string();
        match (reachable, class.is_public()) {
            (true, _) => Ok(()),
            (false, true) => Err(Refusal::OwnAddress { host: host() }),
            (false, false) => Err(Refusal::Address {
                host: host(),
                class,
            }),
        }
    }
}

fn public(destination: &Destination) -> Result<Grant, Refusal> {
    if destination.host.name().is_some_and(special::is_local) {
        return Err(Refusal::LocalName {
            host: destination.host.to_string(),
        });
    }
    // An address is refused for what it is before its port is looked at: that is the more useful reason.
    if let Host::Address(address) = destination.host {
        Grant::Public.check(&destination.host, address, false)?;
    }
    if !WEB_PORTS.contains(&destination.port) {
        return Err(Refusal::Port {
            destination: destination.authority(),
        });
    }
    Ok(Grant::Public)
}

/// How many rules a refusal names.
const SHOWN_RULES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn egress(policy: &str, opened: &[&str]) -> Egress {
        Egress::new(policy.parse().unwrap())
            .opening(opened.iter().map(|host| host.parse().unwrap()))
    }

    fn check(egress: &Egress, host: &str, port: u16, expected: &str) {
        let destination = Destination {
            host: Host::parse(host).unwrap(),
            port,
        };
        let got = match egress.decide(&destination) {
            Ok(Grant::Public) => "public".to_owned(),
            Ok(Grant::Vouched) => "vouched".to_owned(),
            Ok(Grant::Fixed(fixed)) => fixed.socket(port).to_string(),
            Err(refusal) => refusal.kind().to_owned(),
        };
        assert_eq!(got, expected, "{host}:{port} under {}", egress.policy());
    }

    #[test]
    fn none_refuses_even_what_is_opened() {
        let none = egress("none", &["index.test=127.0.0.1:80"]);
        check(&none, "index.test", 80, "no_network");
        check(&none, "1.1.1.1", 443, "no_network");
    }

    #[test]
    fn public_takes_the_web_and_nothing_local() {
        let public = egress("public", &[]);
        check(&public, "example.com", 443, "public");
        check(&public, "example.com", 80, "public");
        check(&public, "1.1.1.1", 443, "public");
        check(&public, "[2606:4700::1111]", 443, "public");
        for port in [0, 22, 25, 53, 853, 2375, 8080] {
            check(&public, "example.com", port, "port");
        }
        for host in [
            "127.0.0.1",
            "0x7f.1",
            "2130706433",
            "[::1]",
            "10.0.0.1",
            "[::ffff:10.0.0.1]",
        ] {
            check(&public, host, 80, "address");
        }
        check(&public, "169.254.169.254", 80, "address");
        check(&public, "[fd00:ec2::254]", 80, "address");
        check(&public, "metadata.google.internal", 80, "metadata");
        for host in [
            "localhost",
            "x.localhost",
            "host.docker.internal",
            "printer.local",
            "intranet",
        ] {
            check(&public, host, 80, "local_name");
        }
    }

    #[test]
    fn a_list_takes_its_names_alone() {
        let list = egress("example.com, *.example.org:8443", &[]);
        check(&list, "example.com", 443, "vouched");
        check(&list, "a.example.org", 8443, "vouched");
        check(&list, "a.example.org", 443, "not_listed");
        check(&list, "example.net", 443, "not_listed");
        check(&list, "1.1.1.1", 443, "not_listed");
    }

    #[test]
    fn opened_hosts_stand_beside_the_policy() {
        let public = egress("public", &["index.corp:8080", "host.test=127.0.0.1:8123"]);
        check(&public, "index.corp", 8080, "vouched");
        check(&public, "index.corp", 443, "local_name");
        check(&public, "host.test", 80, "127.0.0.1:8123");
        check(&public, "127.0.0.1", 8123, "address");
    }

    #[test]
    fn addresses_are_judged_by_the_ground_on_which_they_are_asked_for() {
        let host = Host::parse("h.example").unwrap();
        let check = |grant: Grant, address: &str, own: bool, expected: &str| {
            let got = grant.check(&host, address.parse().unwrap(), own);
            let got = got.map_or_else(|refusal| refusal.kind(), |()| "ok");
            assert_eq!(got, expected, "{grant:?} {address} own={own}");
        };
        check(Grant::Public, "1.1.1.1", false, "ok");
        check(Grant::Public, "1.1.1.1", true, "own_address");
        check(Grant::Public, "10.0.0.1", false, "address");
        check(Grant::Public, "127.0.0.1", true, "address");
        check(Grant::Vouched, "10.0.0.1", false, "ok");
        check(Grant::Vouched, "127.0.0.1", true, "ok");
        check(Grant::Vouched, "169.254.169.254", false, "address");
        check(Grant::Vouched, "::ffff:169.254.169.254", false, "address");
    }

    #[test]
    fn the_allowance_is_said_in_words() {
        let all: Vec<_> = (0..12).map(|n| format!("h{n}.example")).collect();
        expect!["nothing"].assert_eq(&egress("none", &["a.example"]).allowance());
        expect!["public addresses on ports 80 and 443"]
            .assert_eq(&egress("public", &[]).allowance());
        expect!["public addresses on ports 80 and 443, `index.corp:8080`"]
            .assert_eq(&egress("public", &["index.corp:8080=10.0.0.1"]).allowance());
        expect!["`h0.example`, `h1.example`, `h2.example`, `h3.example`, `h4.example`, `h5.example`, `h6.example`, `h7.example`, 4 more"]
            .assert_eq(&egress(&all.join(","), &[]).allowance());
    }

    #[test]
    fn policies_are_read_and_written() {
        for text in ["none", "public", "example.com,*.example.org:8443"] {
            assert_eq!(text.parse::<NetworkPolicy>().unwrap().to_string(), text);
        }
        assert!("publik, 10.0.0.1".parse::<NetworkPolicy>().is_err());
        assert!("".parse::<NetworkPolicy>().is_err());
    }
}
