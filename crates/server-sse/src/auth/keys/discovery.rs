//! Where an issuer has its keys, by its own word: RFC 8414 and OpenID Connect discovery.

use std::error::Error;

use serde::Deserialize;
use server_app::settings::{Issuer, KeysUrl};

use super::fetch::{Fetched, Fetcher};

type Fault = Box<dyn Error + Send + Sync>;

/// What of the metadata matters here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Asks the issuer. The first document that is there counts, and must be about this issuer.
pub(super) async fn keys_url(fetcher: &Fetcher, issuer: &Issuer) -> Result<KeysUrl, Fault> {
    let mut last = String::new();
    for address in addresses(issuer.as_str()) {
        match fetcher.get(&address).await? {
            Fetched::Document(document) => return read(&document, issuer),
            Fetched::Other(status) => last = format!("{address} answers {status}"),
        }
    }
    Err(format!("the issuer publishes no metadata; {last}").into())
}

fn read(document: &[u8], issuer: &Issuer) -> Result<KeysUrl, Fault> {
    let metadata: Metadata = serde_json::from_slice(document)
        .map_err(|error| format!("no metadata of an issuer: {error}"))?;
    // RFC 8414, section 3.3: or one issuer could pass its keys off as another's.
    if metadata.issuer != issuer.as_str() {
        let named: String = metadata.issuer.chars().take(200).collect();
        return Err(format!(
            "the metadata are about another issuer, {named:?}: the setting must name the issuer letter for letter"
        )
        .into());
    }
    KeysUrl::new(&metadata.jwks_uri)
        .map_err(|error| format!("the address of the keys is refused: {error}").into())
}

/// RFC 8414, section 3.1, for both names of the document, and the place that OpenID Connect gave it first.
fn addresses(issuer: &str) -> Vec<String> {
    let issuer = issuer.trim_end_matches('/');
    let start = issuer.find("://").map_or(0, |at| at.saturating_add(3));
    let (_, rest) = issuer.split_at(start);
    let host_end = rest
        .find('/')
        .map_or(issuer.len(), |at| start.saturating_add(at));
    let (origin, path) = issuer.split_at(host_end);
    let mut addresses = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        addresses.push(format!("{issuer}/.well-known/openid-configuration"));
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_places_are_asked() {
        let check = |issuer: &str, expected: &[&str]| assert_eq!(addresses(issuer), expected);
        let root = [
            "https://a.example:8443/.well-known/oauth-authorization-server",
            "https://a.example:8443/.well-known/openid-configuration",
        ];
        check("https://a.example:8443", &root);
        check("https://a.example:8443/", &root);
        check(
            "https://a.example/realms/x",
            &[
                "https://a.example/.well-known/oauth-authorization-server/realms/x",
                "https://a.example/.well-known/openid-configuration/realms/x",
                "https://a.example/realms/x/.well-known/openid-configuration",
            ],
        );
    }

    #[test]
    fn a_document_is_about_the_issuer_or_counts_for_nothing() {
        let issuer = Issuer::new("https://a.example").unwrap();
        let check = |document: &str, expected: Result<&str, &str>| match (
            read(document.as_bytes(), &issuer),
            expected,
        ) {
            (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected),
            (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{error}"),
            (found, _) => panic!("{document}: {found:?}"),
        };
        check(
            r#"{"issuer": "https://a.example", "jwks_uri": "https://keys.example/a?b"}"#,
            Ok("https://keys.example/a?b"),
        );
        check(
            r#"{"issuer": "https://a.example/", "jwks_uri": "https://keys.example"}"#,
            Err("another issuer"),
        );
        check(
            r#"{"issuer": "https://a.example", "jwks_uri": "http://keys.example"}"#,
            Err("`https://`"),
        );
        check(r#"{"issuer": "https://a.example"}"#, Err("no metadata"));
        check("<html>", Err("no metadata"));
    }
}
