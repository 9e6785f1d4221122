//! Hosts that an operator opens beside the policy, and the fixed places that stand in for the DNS.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::address::classify;
use super::rule::{AllowRule, RuleError, RuleProblem};

/// A name that the operator opens beside the policy, wherever it leads, and where that is if it is not in the DNS.
///
/// Written as an [`AllowRule`], or as a name and a fixed address: `host.test=10.0.0.7` (the port stays as asked),
/// `host.test=127.0.0.1:8123` (whatever port is asked for, this one is dialled) or
/// `host.test:80=127.0.0.1:8123`. A private address is opened by a name of its own and never by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpenedHost {
    rule: AllowRule,
    fixed: Option<Fixed>,
}

/// A fixed place that stands in for the DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fixed {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
}

impl Fixed {
    /// The socket address to dial when a program asks for `port`.
    pub(super) fn socket(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, self.port.unwrap_or(port))
    }
}

impl OpenedHost {
    /// Opens the server of `url`, for example a company's package index; see [`AllowRule::for_url`].
    ///
    /// # Errors
    ///
    /// As [`AllowRule::for_url`].
    pub fn for_url(url: &str) -> Result<Self, RuleError> {
        AllowRule::for_url(url).map(Self::from)
    }

    /// The name and the ports that are opened.
    #[must_use]
    pub fn rule(&self) -> &AllowRule {
        &self.rule
    }

    pub(super) fn fixed(&self) -> Option<Fixed> {
        self.fixed
    }
}

impl From<AllowRule> for OpenedHost {
    fn from(rule: AllowRule) -> Self {
        Self { rule, fixed: None }
    }
}

impl FromStr for OpenedHost {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let Some((rule, place)) = text.split_once('=') else {
            return text.parse().map(|rule| Self { rule, fixed: None });
        };
        let fail = |problem| RuleError::new(text, problem);
        let mut rule: AllowRule = rule.parse()?;
        let place = place.trim();
        let fixed = if let Ok(socket) = place.parse::<SocketAddr>() {
            Fixed {
                address: socket.ip(),
                port: Some(socket.port()),
            }
        } else {
            let bare = place
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            let address = bare
                .unwrap_or(place)
                .parse()
                .map_err(|_| fail(RuleProblem::Place))?;
            Fixed {
                address,
                port: None,
            }
        };
        if !classify(fixed.address).may_be_opened() {
            return Err(fail(RuleProblem::NeverOpened));
        }
        if fixed.port == Some(0) {
            return Err(fail(RuleProblem::Port));
        }
        // One fixed socket is reached whatever port is asked for, so the web's ports are no useful bound.
        if fixed.port.is_some() {
            rule = rule.on_every_port_unless_named();
        }
        Ok(Self {
            rule,
            fixed: Some(fixed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::name::{Destination, Host};
    use expect_test::{Expect, expect};

    #[test]
    fn a_fixed_place_may_keep_or_replace_the_port() {
        let check = |text: &str, port: u16, expected: Option<&str>| {
            let opened: OpenedHost = text.parse().unwrap();
            let got = opened.rule().covers(&Destination {
                host: Host::parse("host.test").unwrap(),
                port,
            });
            let got = got.then(|| opened.fixed().unwrap().socket(port).to_string());
            assert_eq!(got.as_deref(), expected, "{text} {port}");
        };
        check("host.test=127.0.0.1:8123", 8123, Some("127.0.0.1:8123"));
        check("host.test=127.0.0.1:8123", 80, Some("127.0.0.1:8123"));
        check("host.test:80=127.0.0.1:8123", 443, None);
        check("host.test=10.0.0.7", 443, Some("10.0.0.7:443"));
        check("host.test=10.0.0.7", 22, None);
        check("host.test=[fd00::7]", 80, Some("[fd00::7]:80"));
        check("host.test=fd00::7", 80, Some("[fd00::7]:80"));
        check("host.test=[fd00::7]:8080", 80, Some("[fd00::7]:8080"));
    }

    fn check_error(text: &str, expected: &Expect) {
        let error = text.parse::<OpenedHost>().unwrap_err();
        expected.assert_eq(&format!("{error}; {}", error.hint().unwrap_or("-")));
    }

    #[test]
    fn mistakes_are_explained() {
        check_error(
            "host.test=169.254.169.254:80",
            &expect![
                "network rule `host.test=169.254.169.254:80`: it denotes a metadata service, a link-local address or no single machine, which is never opened; -"
            ],
        );
        check_error(
            "host.test=there",
            &expect![
                "network rule `host.test=there`: it is not an address, or an address and a port, after the `=`; write `host.test=10.0.0.7` or `host.test=10.0.0.7:8080`"
            ],
        );
    }
}
