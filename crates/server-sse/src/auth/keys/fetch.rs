//! Gets a small document over HTTP as this host gets anything: through its proxy, trusting its authorities. Bounded in
//! size; the time is the caller's to bound.

use std::error::Error;
use std::io::BufReader;
use std::sync::Arc;

use axum::http::header::{ACCEPT, HOST, USER_AGENT};
use axum::http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use server_app::Secret;
use server_app::settings::IssuerReach;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::ServiceExt as _;

/// The longest document that is taken. The largest ones that are in use have some twenty kilobytes.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

type Fault = Box<dyn Error + Send + Sync>;

/// Gets documents. A clone of it is cheap.
#[derive(Clone)]
pub(super) struct Fetcher {
    proxies: Arc<Matcher>,
    tls: TlsConnector,
}

/// What came back.
pub(super) enum Fetched {
    Document(Bytes),
    /// There is no such document here; perhaps elsewhere.
    Other(StatusCode),
}

impl Fetcher {
    pub(super) fn new(reach: &IssuerReach) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        let more = CertificateDer::pem_reader_iter(BufReader::new(reach.certificates.as_bytes()));
        roots.add_parsable_certificates(more.filter_map(Result::ok));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let proxy = reach.proxy.as_ref().map_or("", Secret::reveal);
        let proxies = Matcher::builder()
            .https(proxy)
            .no(reach.without_proxy.as_str())
            .build();
        Ok(Self {
            proxies: Arc::new(proxies),
            tls: TlsConnector::from(Arc::new(tls)),
        })
    }

    /// Gets what is at `address`, following nothing: a document that moved is named anew by who knows it.
    pub(super) async fn get(&self, address: &str) -> Result<Fetched, Fault> {
        let uri: Uri = address.parse()?;
        let host = uri.host().ok_or("the address names no host")?.to_owned();
        let tcp = self.connect(&uri).await?;
        if uri.scheme_str() == Some("https") {
            let name = host.trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(name.to_owned())?;
            let tls = self.tls.connect(name, tcp).await?;
            exchange(TokioIo::new(tls), &uri).await
        } else {
            exchange(TokioIo::new(tcp), &uri).await
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<TcpStream, Fault> {
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        let connected = match self.proxies.intercept(uri) {
            None => direct.oneshot(uri.clone()).await?,
            Some(proxy) => through(&proxy, direct, uri.clone()).await?,
        };
        Ok(connected.into_inner())
    }
}

async fn through(
    proxy: &Intercept,
    direct: HttpConnector,
    uri: Uri,
) -> Result<TokioIo<TcpStream>, Fault> {
    let socks = proxy
        .uri()
        .scheme_str()
        .is_some_and(|scheme| scheme.starts_with("socks5"));
    if socks {
        let mut tunnel = SocksV5::new(proxy.uri().clone(), direct);
        if let Some((user, password)) = proxy.raw_auth() {
            tunnel = tunnel.with_auth(user.to_owned(), password.to_owned());
        }
        return Ok(tunnel.oneshot(uri).await?);
    }
    let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
    if let Some(login) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(login.clone());
    }
    Ok(tunnel.oneshot(uri).await?)
}

/// One request on a connection that is used for nothing else.
async fn exchange<S>(stream: TokioIo<S>, uri: &Uri) -> Result<Fetched, Fault>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(stream).await?;
    let authority = uri.authority().ok_or("the address names no host")?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, authority.as_str())
        .header(ACCEPT, "application/json, application/jwk-set+json")
        .header(USER_AGENT, "mcp-python-executor")
        .body(Empty::<Bytes>::new())?;
    let asking = async {
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Ok(Fetched::Other(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_DOCUMENT_BYTES);
        let document = body.collect().await?.to_bytes();
        Ok(Fetched::Document(document))
    };
    tokio::pin!(asking, connection);
    tokio::select! {
        answered = &mut asking => answered,
        // The end of the connection may come before the last of its bytes are looked at.
        ended = &mut connection => match ended {
            Ok(()) => asking.await,
            Err(error) => Err(error.into()),
        },
    }
}
