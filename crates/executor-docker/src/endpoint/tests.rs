//! Tables for where the engine is found: settings, environment and a made-up file system.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::*;
use crate::settings::DockerSettings;

/// A file system of so many files.
#[derive(Debug, Default)]
struct Table(BTreeMap<PathBuf, String>);

impl Files for Table {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let content = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(content.clone().into_bytes())
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }
}

/// Lines of `NAME=value` for the setting `host` and the environment, `/path` or `/path content`
/// for files; what comes out, as text.
#[track_caller]
fn check(world: &str, expected: &str) {
    let mut variables = BTreeMap::new();
    let mut files = Table::default();
    for line in world.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('/') {
            let (path, content) = line.split_once(' ').unwrap_or((line, ""));
            files.0.insert(PathBuf::from(path), content.to_owned());
        } else {
            let (name, value) = line.split_once('=').unwrap();
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    let mut settings = DockerSettings::new("image".parse().unwrap());
    settings.host = variables.remove("host");
    settings.environment = EngineEnvironment::from_lookup(|name| variables.get(name).cloned());
    let found = match resolve(&settings, &files) {
        Ok(endpoint) => endpoint.to_string(),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(found, expected, "in {world}");
}

#[test]
fn the_first_who_says_something_wins() {
    let all = "DOCKER_HOST=tcp://b:1
               DOCKER_CONTEXT=c
               HOME=/h
               XDG_RUNTIME_DIR=/run/user/1
               /var/run/docker.sock";
    check(
        &format!("host=unix:///a\n{all}"),
        "unix:///a (from the settings)",
    );
    check(all, "tcp://b:1 (from DOCKER_HOST)");
    check(
        &all.replace("DOCKER_HOST=tcp://b:1", ""),
        "error: the Docker context `c` does not exist",
    );
    check(
        "/var/run/docker.sock",
        "unix:///var/run/docker.sock (the default socket)",
    );
    check(
        "XDG_RUNTIME_DIR=/run/user/1
         /run/user/1/docker.sock
         /run/user/1/podman/podman.sock",
        "unix:///run/user/1/docker.sock (the socket of a rootless engine)",
    );
    check(
        "XDG_RUNTIME_DIR=/run/user/1
         /run/podman/podman.sock
         /run/user/1/podman/podman.sock",
        "unix:///run/user/1/podman/podman.sock (the socket of Podman)",
    );
    check(
        "/run/podman/podman.sock",
        "unix:///run/podman/podman.sock (the socket of Podman)",
    );
    check(
        "",
        "error: there is no engine's socket at `/var/run/docker.sock`, `/run/podman/podman.sock`",
    );
}

#[test]
fn addresses_are_read_or_refused() {
    for (address, expected) in [
        (
            "unix:///run/d.sock",
            "unix:///run/d.sock (from the settings)",
        ),
        ("tcp://host", "tcp://host:2375 (from the settings)"),
        ("tcp://host:1234/", "tcp://host:1234 (from the settings)"),
        ("http://10.0.0.1:1", "tcp://10.0.0.1:1 (from the settings)"),
        ("tcp://[::1]", "tcp://[::1]:2375 (from the settings)"),
        ("tcp://[::1]:99", "tcp://[::1]:99 (from the settings)"),
        (
            "unix://relative",
            "error: `unix://relative` is not an engine's address",
        ),
        ("tcp://", "error: `tcp://` is not an engine's address"),
        (
            "tcp://:2375",
            "error: `tcp://:2375` is not an engine's address",
        ),
        ("tcp://h:0", "error: `tcp://h:0` is not an engine's address"),
        (
            "tcp://h:70000",
            "error: `tcp://h:70000` is not an engine's address",
        ),
        ("tcp://h/x", "error: `tcp://h/x` is not an engine's address"),
        ("tcp://u@h", "error: `tcp://u@h` is not an engine's address"),
        (
            "/run/d.sock",
            "error: `/run/d.sock` is not an engine's address",
        ),
        (
            "ssh://me@h",
            "error: `ssh://me@h` is an address of a kind that is not spoken here",
        ),
        (
            "fd://",
            "error: `fd://` is an address of a kind that is not spoken here",
        ),
    ] {
        check(&format!("host={address}"), expected);
    }
}

#[test]
fn tls_is_asked_for_by_the_environment() {
    let files = "/c/ca.pem\n/c/cert.pem\n/c/key.pem";
    check(
        &format!("DOCKER_HOST=tcp://h\nDOCKER_TLS_VERIFY=1\nDOCKER_CERT_PATH=/c\n{files}"),
        "tcp://h:2376 with TLS (from DOCKER_HOST)",
    );
    check(
        &format!("DOCKER_HOST=https://h:1\nDOCKER_CONFIG=/c\n{files}"),
        "tcp://h:1 with TLS (from DOCKER_HOST)",
    );
    check(
        "DOCKER_HOST=tcp://h\nDOCKER_TLS_VERIFY=1\nHOME=/h",
        "error: the file `/h/.docker/ca.pem` for TLS cannot be read: entity not found",
    );
    check(
        "DOCKER_HOST=unix:///d\nDOCKER_TLS_VERIFY=1",
        "unix:///d (from DOCKER_HOST)",
    );
}

#[test]
fn contexts_are_followed() {
    // As Docker's own client names the folder: the SHA-256 of `far`.
    let folder = "512eea46ceb3921dff4363c7069d89d4964d1d9fccaa0f411851a7aa60a5c868";
    let meta = format!("/h/.docker/contexts/meta/{folder}/meta.json");
    let tls = format!("/h/.docker/contexts/tls/{folder}/docker");
    let config = r#"/h/.docker/config.json {"auths":{},"currentContext":"far"}"#;
    let plain = r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://far:7"}}}"#;

    check(
        &format!("HOME=/h\n{config}\n{meta} {plain}"),
        "tcp://far:7 (from the Docker context `far`)",
    );
    check(
        &format!("HOME=/h\nDOCKER_CONTEXT=far\n{meta} {plain}"),
        "tcp://far:7 (from the Docker context `far`)",
    );
    check(
        &format!("HOME=/h\n{config}\n{meta} {plain}\n{tls}/ca.pem\n{tls}/cert.pem\n{tls}/key.pem"),
        "tcp://far:7 with TLS (from the Docker context `far`)",
    );
    check(
        &format!("HOME=/h\nDOCKER_CONTEXT=default\n{config}\n/var/run/docker.sock"),
        "unix:///var/run/docker.sock (the default socket)",
    );
    check(
        &format!("HOME=/h\n{config}\n{meta} {{"),
        "error: the description of the Docker context `far` cannot be used: EOF while parsing an \
         object at line 1 column 1",
    );
    check(
        &format!(
            "HOME=/h\n{config}\n{meta} {}",
            plain.replace("\"tcp", "\"ssh")
        ),
        "error: `ssh://far:7` is an address of a kind that is not spoken here",
    );
    let careless = plain.replace("far:7\"", "far:7\",\"SkipTLSVerify\":true");
    check(
        &format!("HOME=/h\n{config}\n{meta} {careless}"),
        "error: the description of the Docker context `far` cannot be used: it skips the check of \
         the engine's certificate",
    );
    check(
        "HOME=/h\n/h/.docker/config.json nonsense\n/var/run/docker.sock",
        "unix:///var/run/docker.sock (the default socket)",
    );
}
