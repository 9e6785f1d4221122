//! One engine address as text, as in `DOCKER_HOST`, taken apart.

use std::path::{Path, PathBuf};

use super::{EndpointError, Files, TlsFiles, Transport};
use crate::settings::EngineEnvironment;

/// Docker's registered ports, plain and with TLS.
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// The TLS files that the environment means for a TCP `address`, if it wants TLS at all.
pub(super) fn tls_of_environment(
    address: &str,
    environment: &EngineEnvironment,
) -> Option<TlsFiles> {
    let wanted = environment.docker_tls_verify.is_some() || address.starts_with("https://");
    if !wanted {
        return None;
    }
    let directory = environment
        .docker_cert_path
        .clone()
        .or_else(|| environment.config_dir())
        .unwrap_or_default();
    Some(TlsFiles::inside(&directory))
}

/// Reads an address. `tls` says with which files a TCP address is to be spoken to.
pub(super) fn parse(
    address: &str,
    tls: Option<&TlsFiles>,
    files: &dyn Files,
) -> Result<Transport, EndpointError> {
    let wrong = || EndpointError::NotAnAddress(address.chars().take(200).collect());
    let (scheme, rest) = address.split_once("://").ok_or_else(wrong)?;
    match scheme {
        "unix" if rest.starts_with('/') => Ok(Transport::Unix(PathBuf::from(rest))),
        "unix" => Err(wrong()),
        "tcp" | "http" | "https" => {
            let port = if tls.is_some() { TLS_PORT } else { PLAIN_PORT };
            let authority = authority(rest, port).ok_or_else(wrong)?;
            let Some(tls) = tls else {
                return Ok(Transport::Tcp(authority));
            };
            for path in [&tls.ca, &tls.cert, &tls.key] {
                readable(path, files)?;
            }
            Ok(Transport::Tls(authority, tls.clone()))
        }
        "npipe" if cfg!(windows) => Ok(Transport::NamedPipe(rest.to_owned())),
        "npipe" => Err(EndpointError::WindowsOnly(address.to_owned())),
        _ => Err(EndpointError::UnsupportedScheme(
            address.chars().take(200).collect(),
        )),
    }
}

fn readable(path: &Path, files: &dyn Files) -> Result<(), EndpointError> {
    files
        .read(path)
        .map(drop)
        .map_err(|error| EndpointError::TlsFile {
            path: path.to_owned(),
            why: error.to_string(),
        })
}

/// `host:port` of what follows the scheme. A path, a user or a query has no meaning here.
fn authority(rest: &str, default_port: u16) -> Option<String> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() || rest.contains(['/', '@', '?', '#', ' ']) {
        return None;
    }
    let after_host = match rest.strip_prefix('[') {
        Some(literal) => literal.split_once(']')?.1,
        None => rest.find(':').and_then(|at| rest.get(at..)).unwrap_or(""),
    };
    if after_host.is_empty() {
        return Some(format!("{rest}:{default_port}"));
    }
    let port: u16 = after_host.strip_prefix(':')?.parse().ok()?;
    (port > 0 && !rest.starts_with(':')).then(|| rest.to_owned())
}
