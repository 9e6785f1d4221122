//! The way to an issuer: over TLS, trusting whom this host trusts, through its proxy.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use server_app::Secret;
use server_sse::{AuthorizationSettings, Issuer as IssuerName, Resource};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::issuer::{Issuer, Key, RESOURCE};
use crate::site::Site;

/// The authority behind the certificate of `localhost` and `login.test`. Both were made for this test, with their keys.
const AUTHORITY: &str = include_str!("tls/ca.pem");

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// What stands in front of the issuer, and is told by whom it was asked for what.
struct Front {
    port: u16,
    asked: mpsc::UnboundedReceiver<String>,
    _serving: JoinSet<()>,
}

impl Front {
    /// Takes TLS off; as a proxy, after it was asked to connect.
    async fn start(behind: &Issuer, kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, asked) = mpsc::unbounded_channel();
        let behind = behind.name.strip_prefix("http://").unwrap().to_owned();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pass(stream, kind, behind.clone(), tell.clone()));
            }
        });
        Self {
            port,
            asked,
            _serving: serving,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Direct,
    Http,
    Socks,
}

async fn pass(
    mut stream: TcpStream,
    kind: Kind,
    behind: String,
    tell: mpsc::UnboundedSender<String>,
) {
    match kind {
        Kind::Direct => {}
        Kind::Http => {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            tell.send(String::from_utf8(head).unwrap()).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
        Kind::Socks => {
            let mut hello = [0; 2];
            stream.read_exact(&mut hello).await.unwrap();
            let mut methods = vec![0; usize::from(hello[1])];
            stream.read_exact(&mut methods).await.unwrap();
            stream.write_all(&[5, 0]).await.unwrap();
            let mut request = [0; 5];
            stream.read_exact(&mut request).await.unwrap();
            let mut name = vec![0; usize::from(request[4]) + 2];
            stream.read_exact(&mut name).await.unwrap();
            name.truncate(name.len() - 2);
            tell.send(String::from_utf8(name).unwrap()).unwrap();
            let done = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            stream.write_all(&done).await.unwrap();
        }
    }
    // A client that does not trust us goes away here.
    if let Ok(mut inner) = acceptor().accept(stream).await {
        let mut issuer = TcpStream::connect(behind).await.unwrap();
        let _ = copy_bidirectional(&mut inner, &mut issuer).await;
    }
}

/// Whether a token of an issuer of this name is taken, with this way to it.
async fn status(
    issuer: &mut Issuer,
    key: &Key,
    name: &str,
    change: impl FnOnce(&mut AuthorizationSettings),
) -> u16 {
    let metadata = json!({"issuer": name, "jwks_uri": format!("{name}/keys")});
    issuer.put(
        "/.well-known/oauth-authorization-server",
        &metadata.to_string(),
    );
    issuer.name = name.to_owned();
    let resource = Resource::new(RESOURCE).unwrap();
    let issuers = vec![IssuerName::new(name).unwrap()];
    let mut settings = AuthorizationSettings::new(resource, issuers);
    change(&mut settings);
    let site = Site::with(|http| http.authorization = Some(settings)).await;
    let token = issuer.token(key).signed(key);
    site.discover(&token).await.status().as_u16()
}

#[tokio::test]
async fn an_authority_of_this_host_is_trusted_and_no_other() {
    let key = Key::p256("k");
    let mut issuer = Issuer::start(&[&key]).await;
    let front = Front::start(&issuer, Kind::Direct).await;
    let name = format!("https://localhost:{}", front.port);
    let trusted = |settings: &mut AuthorizationSettings| {
        settings.reach.certificates = AUTHORITY.to_owned();
    };
    assert_eq!(status(&mut issuer, &key, &name, trusted).await, 200);
    assert_eq!(status(&mut issuer, &key, &name, |_| {}).await, 503);
    // The certificate is for the name, not for the address.
    let name = format!("https://127.0.0.1:{}", front.port);
    assert_eq!(status(&mut issuer, &key, &name, trusted).await, 503);
}

#[tokio::test]
async fn the_proxy_of_this_host_is_used_where_it_is_meant() {
    let key = Key::p256("k");
    let mut issuer = Issuer::start(&[&key]).await;
    let mut front = Front::start(&issuer, Kind::Http).await;
    let proxy = format!("http://me:s3cret@127.0.0.1:{}", front.port);
    let through = |without: &'static str| {
        let proxy = Secret::new(&proxy);
        move |settings: &mut AuthorizationSettings| {
            settings.reach.certificates = AUTHORITY.to_owned();
            settings.reach.proxy = Some(proxy);
            settings.reach.without_proxy = without.to_owned();
        }
    };
    // Only the proxy knows where that is.
    let name = "https://login.test:8443";
    assert_eq!(status(&mut issuer, &key, name, through("")).await, 200);
    let asked = front.asked.try_recv().unwrap();
    assert!(
        asked.starts_with("CONNECT login.test:8443 HTTP/1.1\r\n"),
        "{asked}"
    );
    let login = format!("Basic {}", STANDARD.encode("me:s3cret"));
    assert!(asked.contains(&login), "{asked}");
    while front.asked.try_recv().is_ok() {}
    let refused = status(&mut issuer, &key, name, through("example.com,login.test")).await;
    assert_eq!(refused, 503);
    assert!(front.asked.try_recv().is_err(), "the proxy was asked");
}

#[tokio::test]
async fn a_socks_proxy_is_given_the_name() {
    let key = Key::p256("k");
    let mut issuer = Issuer::start(&[&key]).await;
    let mut front = Front::start(&issuer, Kind::Socks).await;
    let proxy = format!("socks5://127.0.0.1:{}", front.port);
    let through = |settings: &mut AuthorizationSettings| {
        settings.reach.certificates = AUTHORITY.to_owned();
        settings.reach.proxy = Some(Secret::new(&proxy));
    };
    let name = "https://login.test:8443";
    assert_eq!(status(&mut issuer, &key, name, through).await, 200);
    assert_eq!(front.asked.try_recv().unwrap(), "login.test");
}
