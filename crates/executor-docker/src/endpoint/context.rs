//! Docker contexts: named endpoints in the configuration of Docker's own client.
//!
//! `config.json` names the current one; `contexts/meta/<sha256 of the name>/meta.json` describes
//! it, and `contexts/tls/<the same>/docker/` holds its certificates.

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Endpoint, EndpointError, Files, Source, TlsFiles, address};
use crate::settings::EngineEnvironment;

/// The context that means "no context": whatever `DOCKER_HOST` or the default socket says.
const DEFAULT: &str = "default";

/// The endpoint of the chosen context, if one is chosen.
pub(super) fn resolve(
    environment: &EngineEnvironment,
    files: &dyn Files,
) -> Result<Option<Endpoint>, EndpointError> {
    let Some(directory) = environment.config_dir() else {
        return Ok(None);
    };
    let chosen = environment
        .docker_context
        .clone()
        .or_else(|| current(&directory.join("config.json"), files));
    let Some(name) = chosen.filter(|name| !name.is_empty() && name != DEFAULT) else {
        return Ok(None);
    };
    let bad = |why: String| EndpointError::BadContext {
        name: name.clone(),
        why,
    };

    let folder = hex::encode(Sha256::digest(name.as_bytes()));
    let contexts = directory.join("contexts");
    let meta = contexts.join("meta").join(&folder).join("meta.json");
    let text = files.read(&meta).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => EndpointError::NoSuchContext(name.clone()),
        _ => bad(error.to_string()),
    })?;
    let meta: Meta = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    let docker = meta
        .endpoints
        .docker
        .ok_or_else(|| bad("it has no endpoint for Docker".to_owned()))?;
    if docker.skip_tls_verify {
        return Err(bad(
            "it skips the check of the engine's certificate".to_owned()
        ));
    }
    let certificates = TlsFiles::inside(&contexts.join("tls").join(&folder).join("docker"));
    let tls = files.exists(&certificates.ca).then_some(certificates);
    let transport = address::parse(&docker.host, tls.as_ref(), files)?;
    Ok(Some(Endpoint {
        transport,
        source: Source::Context(name),
    }))
}

/// The name that `docker context use` left behind. A configuration that cannot be read chooses
/// nothing: it is another program's, and most of it does not concern us.
fn current(config: &Path, files: &dyn Files) -> Option<String> {
    let text = files.read(config).ok()?;
    serde_json::from_slice::<Config>(&text)
        .ok()?
        .current_context
}

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Debug, Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Debug, Deserialize)]
struct DockerEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}
