//! What an operator chose as the settings of the transport, with the rest as it recommends them.

use std::net::IpAddr;

use server_app::settings::HttpSettings as Chosen;

use crate::settings::{BearerToken, HttpSettings};

impl From<&Chosen> for HttpSettings {
    fn from(chosen: &Chosen) -> Self {
        let usual = Self::default();
        let token = chosen.token.as_ref();
        let mut allowed_hosts = usual.allowed_hosts.clone();
        allowed_hosts.extend(own_hosts(chosen));
        allowed_hosts.extend(chosen.allowed_hosts.iter().cloned());
        Self {
            token: token.and_then(|token| BearerToken::new(token.reveal())),
            authorization: chosen.authorization.clone(),
            allowed_hosts,
            allowed_origins: chosen.allowed_origins.clone(),
            public_prefix: chosen.public_prefix.clone(),
            max_body_bytes: usize::try_from(chosen.max_body.get()).unwrap_or(usize::MAX),
            max_sessions: chosen.max_sessions,
            session_idle: chosen.session_idle,
            ..usual
        }
    }
}

/// The hosts that the operator named for another purpose, by which clients may name this server as well.
fn own_hosts(chosen: &Chosen) -> impl Iterator<Item = String> {
    // Whoever binds an address may be addressed by it; "all addresses" is not one.
    let bound = match chosen.bind.ip() {
        ip if ip.is_unspecified() => None,
        IpAddr::V6(ip) => Some(format!("[{ip}]")),
        IpAddr::V4(ip) => Some(ip.to_string()),
    };
    let resource = chosen
        .authorization
        .as_ref()
        .map(|authorization| authorization.resource.authority().to_owned());
    bound.into_iter().chain(resource)
}
