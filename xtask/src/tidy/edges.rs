//! Who may use whom: the map of the crates as a table, checked against their manifests.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};

/// A crate, what it may use, and what its tests may use besides.
struct Row(
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Two columns that never touch: `mcp-*` knows no Python, `executor-*` knows no MCP. They meet
/// in `executor-tools` and are assembled in `server-app`.
const MAP: &[Row] = &[
    Row("mcp-protocol", &[], &[]),
    Row("mcp-server", &["mcp-protocol"], &[]),
    // Not part of the product: the fixtures of the conformance suite on the product's HTTP side.
    Row(
        "mcp-conformance",
        &["mcp-protocol", "mcp-server", "server-sse"],
        &[],
    ),
    // Not part of the product either: what tests and measurements hold our servers against.
    Row("rmcp-peer", &[], &[]),
    Row("executor-core", &[], &["executor-testkit"]),
    Row("executor-docker", &["executor-core"], &["executor-testkit"]),
    Row("executor-testkit", &["executor-core"], &[]),
    Row(
        "executor-tools",
        &["executor-core", "mcp-protocol", "mcp-server"],
        &["executor-testkit"],
    ),
    Row(
        "server-app",
        &[
            "executor-core",
            "executor-docker",
            "executor-tools",
            "mcp-protocol",
            "mcp-server",
        ],
        &["executor-testkit"],
    ),
    Row(
        "server-stdio",
        &["mcp-server", "server-app"],
        &["executor-testkit", "mcp-protocol"],
    ),
    Row(
        "server-sse",
        &["mcp-protocol", "mcp-server", "server-app"],
        &["executor-testkit"],
    ),
    // Not part of the product: what foreign bytes reach, for `cargo xtask fuzz`.
    Row(
        "fuzz-targets",
        &[
            "executor-core",
            "mcp-protocol",
            "mcp-server",
            "server-app",
            "server-sse",
        ],
        &[],
    ),
    Row("xtask", &[], &[]),
];

/// Compares every manifest of the workspace with the map.
pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let crates = workspace.join("crates");
    let mut manifests = vec![workspace.join("xtask").join("Cargo.toml")];
    for entry in std::fs::read_dir(&crates).context("cannot list the crates")? {
        manifests.push(
            entry
                .context("cannot list the crates")?
                .path()
                .join("Cargo.toml"),
        );
    }
    manifests.sort();
    let mut breaches = Vec::new();
    let mut seen = BTreeSet::new();
    for path in manifests {
        let text = super::read(&path)?;
        let manifest: toml::Table = text
            .parse()
            .with_context(|| format!("cannot parse `{}`", path.display()))?;
        let name = package_name(&manifest)
            .with_context(|| format!("`{}` names no package", path.display()))?;
        breaches.extend(check_manifest(MAP, &name, &manifest));
        seen.insert(name);
    }
    for Row(name, _, _) in MAP {
        if !seen.contains(*name) {
            breaches.push(format!("the map has a crate `{name}` that is not there"));
        }
    }
    Ok(breaches)
}

fn package_name(manifest: &toml::Table) -> Option<String> {
    Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
}

fn check_manifest(map: &[Row], name: &str, manifest: &toml::Table) -> Vec<String> {
    let Some(Row(_, normal, tests)) = map.iter().find(|Row(row, _, _)| *row == name) else {
        return vec![format!("the crate `{name}` is not on the map")];
    };
    let mut breaches = Vec::new();
    for (section, allowed) in [
        ("dependencies", normal.to_vec()),
        ("build-dependencies", Vec::new()),
        ("dev-dependencies", [*normal, *tests].concat()),
    ] {
        let used = manifest.get(section).and_then(toml::Value::as_table);
        for dependency in used.into_iter().flat_map(toml::Table::keys) {
            let ours = map.iter().any(|Row(row, _, _)| row == dependency);
            if ours && !allowed.contains(&dependency.as_str()) {
                breaches.push(format!(
                    "`{name}` may not use `{dependency}` in its {section}; the map has no such edge"
                ));
            }
        }
    }
    if manifest.contains_key("target") {
        breaches.push(format!(
            "`{name}` has dependencies by target, which the map does not know"
        ));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_must_be_on_the_map() {
        let map = [
            Row("low", &[], &[]),
            Row("kit", &["low"], &[]),
            Row("high", &["low"], &["kit"]),
        ];
        let check = |name: &str, text: &str, expected: usize| {
            let manifest: toml::Table = text.parse().unwrap();
            let found = check_manifest(&map, name, &manifest);
            assert_eq!(found.len(), expected, "{name} {text}: {found:?}");
        };
        check("high", "[dependencies]\nlow = {}\nserde = '1'", 0);
        check("high", "[dev-dependencies]\nkit = {}\nlow = {}", 0);
        check("high", "[dependencies]\nkit = {}", 1);
        check("low", "[dependencies]\nhigh = {}", 1);
        check("low", "[build-dependencies]\nkit = {}", 1);
        check("low", "[target.'cfg(unix)'.dependencies]\nx = '1'", 1);
        check("new", "", 1);
    }
}
