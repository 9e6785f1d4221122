//! The way out and the modules: policy, opened names, indexes, certificates.

use executor_core::gateway::{AllowRule, HostProxies, NetworkPolicy, OpenedHost};
use executor_core::modules::{IndexUrl, SourcePackages};

use super::Resolver;
use crate::settings::foreign;
use crate::settings::mistake::{Mistake, Refusal};
use crate::settings::quantity::switch;
use crate::settings::resolved::{ModuleSettings, NetworkSettings};
use crate::trust::TrustedCertificates;

pub(super) fn network(resolver: &mut Resolver<'_>) -> NetworkSettings {
    let policy = policy(resolver);
    let opened = resolver
        .many("open", |text| {
            text.parse::<OpenedHost>().map_err(Refusal::because)
        })
        .unwrap_or_default();
    for host in &opened {
        resolver.warnings.push(format!(
            "programs may reach `{}`, wherever it leads",
            host.rule()
        ));
    }
    if policy == NetworkPolicy::None && !opened.is_empty() {
        resolver.conflict(
            "network",
            Refusal::because("`open` opens nothing under this policy"),
        );
    }
    NetworkSettings {
        policy,
        opened,
        proxies: proxies(resolver),
        certificates: certificates(resolver),
    }
}

pub(super) fn modules(resolver: &mut Resolver<'_>) -> ModuleSettings {
    let parse = |text: &str| text.parse::<IndexUrl>().map_err(Refusal::because);
    let index = resolver.one("index-url", IndexUrl::pypi(), parse);
    let extra_indexes = resolver.many("extra-index-url", parse).unwrap_or_default();
    for index in std::iter::once(&index).chain(&extra_indexes) {
        if index.to_string().starts_with("http://") {
            resolver
                .warnings
                .push(format!("modules come in clear text from `{index}`"));
        }
    }
    let files = resolver.many("index-file-url", parse).unwrap_or_default();
    let sources = if resolver.one("allow-source-packages", false, switch) {
        resolver
            .warnings
            .push("build scripts of packages without a wheel are run".to_owned());
        SourcePackages::Allowed
    } else {
        SourcePackages::Refused
    };
    let (constraints, allowed, denied) = super::environments::rules(resolver);
    ModuleSettings {
        index,
        extra_indexes,
        file_hosts: files.iter().map(IndexUrl::host).collect(),
        sources,
        constraints,
        allowed,
        denied,
        environments: super::environments::environments(resolver),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Public,
    Allow,
}

fn policy(resolver: &mut Resolver<'_>) -> NetworkPolicy {
    let rules = resolver
        .many("allow", |text| {
            text.parse::<AllowRule>().map_err(Refusal::because)
        })
        .unwrap_or_default();
    // A list that somebody wrote is meant, so it is the default's place that it takes.
    let default = if rules.is_empty() {
        Word::Public
    } else {
        Word::Allow
    };
    let words = [
        ("none", Word::None),
        ("public", Word::Public),
        ("allow", Word::Allow),
    ];
    match resolver.word("network", default, &words) {
        Word::Allow if rules.is_empty() => {
            resolver.conflict(
                "network",
                Refusal::because("`allow` lists no host")
                    .hint("list hosts with `--allow HOST`, or write `none`"),
            );
            NetworkPolicy::None
        }
        Word::Allow => NetworkPolicy::Allow(rules),
        word => {
            if !rules.is_empty() {
                resolver.conflict(
                    "network",
                    Refusal::because("`allow` lists hosts, which this policy does not look at")
                        .hint("write `allow`, or leave `network` out; `--open` adds to `public`"),
                );
            }
            if word == Word::None {
                NetworkPolicy::None
            } else {
                NetworkPolicy::Public
            }
        }
    }
}

fn proxies(resolver: &mut Resolver<'_>) -> HostProxies {
    match HostProxies::from_values(&foreign::proxies(resolver.environment)) {
        Ok(proxies) => proxies,
        Err(error) => {
            let hint = error.hint();
            resolver
                .mistakes
                .push(Mistake::about("the proxy of this host", error).hint(hint));
            HostProxies::default()
        }
    }
}

fn certificates(resolver: &mut Resolver<'_>) -> TrustedCertificates {
    let setting = resolver.path("ca-bundle");
    let variable = resolver.environment.get("SSL_CERT_FILE");
    match TrustedCertificates::choose(setting.as_deref(), variable) {
        Ok(certificates) => certificates,
        Err(error) => {
            resolver.conflict("ca-bundle", Refusal::because(error));
            TrustedCertificates::OfHost(None)
        }
    }
}
