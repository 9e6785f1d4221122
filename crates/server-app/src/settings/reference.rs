//! `docs/reference/settings.md`, made from the table of keys; a test holds the file against it.

use std::fmt::Write as _;

use super::key::{Key, PREFIX};
use super::table::KEYS;
use crate::exit_codes::Exit;

/// The text of the reference page.
pub(crate) fn render() -> String {
    let mut text = format!(
        "# Settings\n\n\
         <!-- Made from the table of keys by the tests of `server-app`: edit the table, then run \
         them with `UPDATE_EXPECT=1`. -->\n\n\
         Both servers take the same settings: from their defaults, from a file, from the \
         environment and from flags; each of these wins over the ones before it, and a list \
         replaces an earlier list. Every mistake is reported at once, with exit code 2; unknown \
         keys, and unknown variables that begin with `{PREFIX}`, are mistakes. `--print-config` \
         shows what is in force and where it came from.\n\n\
         The file is TOML: the one of `--config FILE` or `{PREFIX}CONFIG`, else \
         `$XDG_CONFIG_HOME/mcp-python-executor/config.toml` (`~/.config/…` unless that variable is \
         set), if there is one. Paths in it are relative to its directory. In a variable, several \
         values are separated by commas or spaces, several sets of modules by semicolons; an empty variable counts as not set.\n\n\
         Sizes are written as `512MiB` (units are powers of 1024), times as `90s`, `500ms`, `2m`; \
         a bare number is bytes or seconds.\n\n\
         ```toml\nmemory = \"2GiB\"\ntimeout = 30\nallow = [\"example.com\", \"*.example.org:8443\"]\n\
         \n[danger]\nbind-without-token = false\n```\n"
    );
    for group in KEYS.chunk_by(|a, b| a.group == b.group) {
        let heading = group.first().map_or("", |key| key.group.heading());
        let _ = write!(
            text,
            "\n## {}\n\n| key | flag | variable | default | meaning |\n|---|---|---|---|---|\n",
            heading
        );
        text.extend(group.iter().map(row));
    }
    text.push_str(
        "\n## Variables of others that are honoured\n\n| variable | meaning |\n|---|---|\n",
    );
    for (names, meaning) in FOREIGN {
        let _ = writeln!(text, "| {names} | {meaning} |");
    }
    text.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in Exit::TABLE {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    text.push_str("\n`run` passes the exit code of the program on, and 128 + n for signal n.\n");
    text
}

fn row(key: &Key) -> String {
    let flag = key.flag().map_or_else(
        || "none".to_owned(),
        |flag| {
            let value = if key.value.is_empty() { "" } else { " " };
            format!("`--{flag}{value}{}`", key.value)
        },
    );
    let default = match key
        .default
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(words) => words.to_owned(),
        None => format!("`{}`", key.default),
    };
    let name = if key.flag().is_some() {
        format!("`{}`", key.name)
    } else {
        "none".to_owned()
    };
    format!(
        "| {name} | {flag} | `{}` | {default} | {} |\n",
        key.variable(),
        key.help
    )
}

/// What it says of variables that are not ours.
const FOREIGN: &[(&str, &str)] = &[
    (
        "`DOCKER_HOST`, `DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`, `DOCKER_CONTEXT`, `DOCKER_CONFIG`",
        "Where the engine is, as for the docker command; `docker-host` wins over them.",
    ),
    (
        "`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, also in lower case",
        "The proxy through which this host reaches the outside. The gateway dials through it; \
         names are then resolved there. `HTTP_PROXY` in capitals is honoured too: this is no CGI.",
    ),
    (
        "`SSL_CERT_FILE`",
        "The certificate authorities that this host trusts; `ca-bundle` wins over it.",
    ),
    (
        "`XDG_CONFIG_HOME`, `HOME`",
        "Where the settings file is looked for, and Docker's contexts.",
    ),
    (
        "`XDG_RUNTIME_DIR`",
        "Where the sockets of rootless Docker and Podman are looked for.",
    ),
];

#[test]
fn the_page_is_up_to_date() {
    expect_test::expect_file!["../../../../docs/reference/settings.md"].assert_eq(&render());
}
