//! From an endpoint to a connected client that speaks the engine's version of the API.

use std::io;
use std::sync::Arc;

use bollard::errors::Error as BollardError;
use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker};

use crate::client::{LONGEST_CALL, QUICK, within};
use crate::endpoint::{Endpoint, TlsFiles, Transport};
use crate::error::DockerError;
use crate::facts::{OLDEST_API, parse_api};
use crate::failure::Failure;

/// Dials the engine, asks its versions without naming one, and returns a client that names the
/// newest both know in every later call.
pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Docker, DockerError> {
    let reach = |source| DockerError::Reach {
        endpoint: endpoint.to_string(),
        source,
    };
    let docker = dial(&endpoint.transport).map_err(reach)?;
    let version = within(QUICK, docker.version()).await.map_err(reach)?;

    let ours = (
        API_DEFAULT_VERSION.major_version,
        API_DEFAULT_VERSION.minor_version,
    );
    let ours = (small(ours.0), small(ours.1));
    let unknown = || DockerError::UnknownApi {
        endpoint: endpoint.to_string(),
    };
    let theirs = version
        .api_version
        .as_deref()
        .and_then(parse_api)
        .ok_or_else(unknown)?;
    if theirs < OLDEST_API {
        return Err(DockerError::TooOld {
            api: format!("{}.{}", theirs.0, theirs.1),
        });
    }
    let spoken = theirs.min(ours);
    // An engine that drops old clients says so; one that says nothing drops none.
    let oldest = version
        .min_api_version
        .as_deref()
        .and_then(parse_api)
        .unwrap_or((0, 0));
    if oldest > spoken {
        return Err(DockerError::TooNew {
            oldest: format!("{}.{}", oldest.0, oldest.1),
            ours: format!("{}.{}", ours.0, ours.1),
        });
    }
    let prefix: Arc<str> = format!("/v{}.{}", spoken.0, spoken.1).into();
    Ok(docker.with_request_modifier(move |request| name_version(request, &prefix)))
}

/// Puts the version before a request's path: the client library leaves it out, and an engine
/// would then take its own newest, whatever that comes to mean.
fn name_version(mut request: BollardRequest, prefix: &str) -> BollardRequest {
    let uri = request.uri();
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return request;
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if path.starts_with("/v1.") {
        return request;
    }
    if let Ok(named) = format!("{scheme}://{authority}{prefix}{path}").parse() {
        *request.uri_mut() = named;
    }
    request
}

fn dial(transport: &Transport) -> Result<Docker, Failure> {
    let timeout = LONGEST_CALL.as_secs();
    let version = API_DEFAULT_VERSION;
    let docker = match transport {
        Transport::Unix(path) => {
            visible(path)?;
            let path = path
                .to_str()
                .ok_or_else(|| not_found("the path is not UTF-8"))?;
            unix(path, timeout, version)
        }
        Transport::Tcp(authority) => {
            Docker::connect_with_http(&format!("tcp://{authority}"), timeout, version)
        }
        Transport::Tls(authority, files) => tls(authority, files, timeout, version),
        Transport::NamedPipe(name) => named_pipe(name, timeout, version),
    };
    Ok(docker?)
}

/// The library asks only whether the socket exists, and takes a directory that we may not enter
/// for an absent socket.
fn visible(path: &std::path::Path) -> Result<(), Failure> {
    path.metadata()
        .map(drop)
        .map_err(|error| BollardError::from(error).into())
}

fn not_found(why: &'static str) -> Failure {
    BollardError::from(io::Error::new(io::ErrorKind::NotFound, why)).into()
}

fn tls(
    authority: &str,
    files: &TlsFiles,
    timeout: u64,
    version: &ClientVersion,
) -> Result<Docker, BollardError> {
    // With two providers compiled in, the TLS library would panic for want of a choice; where an
    // embedding program has made one, it stands.
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    Docker::connect_with_ssl(
        &format!("tcp://{authority}"),
        &files.key,
        &files.cert,
        &files.ca,
        timeout,
        version,
    )
}

#[cfg(unix)]
fn unix(path: &str, timeout: u64, version: &ClientVersion) -> Result<Docker, BollardError> {
    Docker::connect_with_unix(path, timeout, version)
}

#[cfg(not(unix))]
fn unix(path: &str, _timeout: u64, _version: &ClientVersion) -> Result<Docker, BollardError> {
    Err(BollardError::UnsupportedURISchemeError {
        uri: format!("unix://{path}"),
    })
}

#[cfg(windows)]
fn named_pipe(name: &str, timeout: u64, version: &ClientVersion) -> Result<Docker, BollardError> {
    Docker::connect_with_named_pipe(name, timeout, version)
}

#[cfg(not(windows))]
fn named_pipe(name: &str, _timeout: u64, _version: &ClientVersion) -> Result<Docker, BollardError> {
    Err(BollardError::UnsupportedURISchemeError {
        uri: format!("npipe://{name}"),
    })
}

/// Versions of the API are small numbers.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
