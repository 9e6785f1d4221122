//! Which processes of the runtime are left of sandboxes of ours that their engine has forgotten.
//!
//! A container that is gone has no labels by which it could be known again. What its runtime was
//! started with still lies beside the processes: the bundle, with the engine's own words of what
//! the container was to be. It is taken for ours if it has all by which a sandbox of ours looks
//! like no other container, and its root lies in the directory of the very engine that we ask.
//!
//! That the engine does not know it is not enough: an engine behind a forwarded socket knows
//! nothing of what runs here. So the engine's directory, here, must not have the container either.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::orphans::{self, Kind};
use crate::spec::{HOSTNAME, MODULES_USER};

/// The largest specification that is read; ours are some 10 kB.
const MAX_SPEC: u64 = 1024 * 1024;
/// An engine's ids have so many hexadecimal digits.
const ID_LENGTH: usize = 64;

/// The ids of such containers of the engine whose directory is `engine`. Each is still to be asked
/// for: only the engine knows what it is about to make.
pub(crate) fn containers(engine: &str) -> Vec<String> {
    if engine.is_empty() {
        return Vec::new();
    }
    let engine = Path::new(engine);
    bundles()
        .into_iter()
        .filter_map(|bundle| {
            let id = bundle.file_name()?.to_str()?;
            let spec = read(&bundle.join("config.json"))?;
            (is_id(id) && is_ours(&spec, engine) && is_gone(engine, id)).then(|| id.to_owned())
        })
        .collect()
}

/// The bundles that gVisor's processes name, and those in which shims work.
fn bundles() -> BTreeSet<PathBuf> {
    orphans::command_lines()
        .filter_map(|(pid, line)| match orphans::kind(&line)? {
            Kind::GVisor => bundle(&line),
            Kind::Shim => std::fs::read_link(format!("/proc/{pid}/cwd")).ok(),
        })
        .collect()
}

/// The bundle of a command line, by `--bundle=PLACE` or `--bundle PLACE`.
fn bundle(line: &str) -> Option<PathBuf> {
    let mut words = line.split('\0');
    while let Some(word) = words.next() {
        match word.strip_prefix("--bundle") {
            Some("") => return words.next().map(PathBuf::from),
            Some(rest) if rest.starts_with('=') => return rest.get(1..).map(PathBuf::from),
            _ => {}
        }
    }
    None
}

fn is_id(text: &str) -> bool {
    let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == ID_LENGTH && text.bytes().all(digits)
}

/// What an engine tells a runtime, as far as we look at it.
#[derive(Debug, Deserialize)]
struct Spec {
    hostname: Option<String>,
    root: Option<Root>,
    #[serde(default)]
    mounts: Vec<Mount>,
}

#[derive(Debug, Deserialize)]
struct Root {
    path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Mount {
    destination: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    options: Vec<String>,
}

fn read(path: &Path) -> Option<Spec> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX_SPEC).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether it describes a sandbox of ours on the engine whose directory is `engine`.
fn is_ours(spec: &Spec, engine: &Path) -> bool {
    let has = |place: &str, option: Option<&str>| {
        spec.mounts.iter().any(|mount| {
            mount.destination == place
                && mount.kind.as_deref() == Some("tmpfs")
                && option.is_none_or(|option| mount.options.iter().any(|one| one == option))
        })
    };
    let owner = format!("uid={MODULES_USER}");
    spec.hostname.as_deref() == Some(HOSTNAME)
        && spec
            .root
            .as_ref()
            .is_some_and(|root| root.path.starts_with(engine))
        && has("/tmp", None)
        && has("/modules", Some(&owner))
        && has("/run/sandbox", None)
}

/// Whether the engine's directory can be seen and has no such container. Docker keeps a directory
/// for each, from before its start until it is removed.
fn is_gone(engine: &Path, id: &str) -> bool {
    let all = engine.join("containers");
    let of_it = std::fs::symlink_metadata(all.join(id));
    std::fs::read_dir(&all).is_ok()
        && of_it.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"{"hostname":"sandbox","root":{"path":"/data/overlay2/x/merged"},"mounts":[
        {"destination":"/proc","type":"proc","source":"proc"},
        {"destination":"/tmp","type":"tmpfs","options":["nosuid"]},
        {"destination":"/modules","type":"tmpfs","options":["nosuid","uid=10001"]},
        {"destination":"/run/sandbox","type":"tmpfs"}]}"#;

    #[test]
    fn a_bundle_is_ours_by_all_of_its_signs_and_none_less() {
        let ours = |text: &str, engine: &str| {
            is_ours(&serde_json::from_str(text).unwrap(), Path::new(engine))
        };
        assert!(ours(SPEC, "/data"));
        assert!(!ours(SPEC, "/dat"));
        assert!(!ours(SPEC, "/data/overlay2/y"));
        for (sign, other) in [
            (r#""sandbox""#, r#""mine""#),
            ("\"/tmp\",\"type\":\"tmpfs\"", "\"/tmp\",\"type\":\"bind\""),
            ("uid=10001", "uid=1000"),
            ("/run/sandbox", "/run/other"),
            ("root", "not-root"),
        ] {
            assert!(SPEC.contains(sign), "{sign}");
            assert!(!ours(&SPEC.replace(sign, other), "/data"), "{other}");
        }
        assert!(!ours("{}", "/data"));
    }

    #[test]
    fn a_container_is_gone_only_where_that_can_be_seen() {
        let engine = tempfile::tempdir().unwrap();
        assert!(!is_gone(engine.path(), "x"), "nothing can be seen");
        std::fs::create_dir_all(engine.path().join("containers/known")).unwrap();
        assert!(!is_gone(engine.path(), "known"));
        assert!(is_gone(engine.path(), "x"));
    }

    #[test]
    fn a_bundle_is_named_in_two_ways() {
        let check = |words: &[&str], expected: Option<&str>| {
            let found = bundle(&words.join("\0"));
            assert_eq!(found.as_deref(), expected.map(Path::new), "{words:?}");
        };
        check(&["runsc-sandbox", "boot", "--bundle=/a/b"], Some("/a/b"));
        check(
            &["runsc-gofer", "gofer", "--bundle", "/a/b", "--x"],
            Some("/a/b"),
        );
        check(&["runsc-gofer", "--bundle"], None);
        check(&["runsc", "--bundles=/a"], None);
        assert!(is_id(&"0a".repeat(32)));
        for text in ["", "..", &"0A".repeat(32), &"0a".repeat(33)] {
            assert!(!is_id(text), "{text}");
        }
    }
}
