//! Tables for the way from four sources to settings.

mod authorization;
mod danger;
mod shapes;

use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::key::Key;
use super::table::KEYS;
use super::*;
use crate::environment::FixedEnvironment;

/// Loads settings from flags (as a shell would split them), variables and the text of a file.
struct Sources<'a> {
    transport: Transport,
    flags: &'a str,
    variables: &'a [(&'a str, &'a str)],
    file: &'a str,
}

impl Default for Sources<'_> {
    fn default() -> Self {
        Self {
            transport: Transport::Http,
            flags: "",
            variables: &[],
            file: "",
        }
    }
}

impl Sources<'_> {
    fn load(&self) -> Result<Loaded, Mistakes> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, self.file).unwrap();
        let environment = FixedEnvironment::of(self.variables.iter().copied());
        let command = add_to(clap::Command::new("server"), |group| {
            shows(self.transport, group)
        });
        let words = ["server"].into_iter().chain(self.flags.split_whitespace());
        let mut mistakes = Vec::new();
        let words = words.map(Into::into).collect();
        let matches = parse(&command, words, &mut mistakes).unwrap();
        load(
            read_flags(&matches),
            Some(path),
            self.transport,
            &environment,
            mistakes,
        )
    }

    fn settings(&self) -> Settings {
        self.load()
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
            .settings
    }

    fn mistakes(&self) -> String {
        without_directories(&self.load().unwrap_err().to_string())
    }
}

/// Leaves out the directory of the settings file, which is another one each time.
fn without_directories(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("/config.toml") {
        let before = &rest[..at];
        shown.push_str(&before[..before.rfind(' ').map_or(0, |space| space + 1)]);
        rest = &rest[at + 1..];
        shown.push_str("config.toml");
        rest = &rest["config.toml".len()..];
    }
    shown + rest
}

fn check_mistakes(sources: &Sources<'_>, expected: &Expect) {
    expected.assert_eq(&sources.mistakes());
}

#[test]
fn the_defaults_of_the_table_are_those_in_force() {
    let defaults = Sources::default().settings();
    for key in KEYS.iter().filter(|key| !key.default.starts_with('(')) {
        let text = format!(
            "{} = \"{}\"",
            key.name.rsplit('.').next().unwrap(),
            key.default
        );
        let table = key
            .name
            .split_once('.')
            .map(|(table, _)| format!("[{table}]\n"));
        let file = format!("{}{text}", table.unwrap_or_default());
        let written = Sources {
            file: &file,
            ..Sources::default()
        }
        .settings();
        assert_eq!(
            format!("{written:?}"),
            format!("{defaults:?}"),
            "{}",
            key.name
        );
    }
}

#[test]
fn a_later_source_wins() {
    let file = "memory = \"2GiB\"\ncpus = 1.5\nprocesses = 100\nallow = [\"file.example\"]";
    let variables = [
        ("MCP_PYTHON_MEMORY", "3GiB"),
        ("MCP_PYTHON_CPUS", "2"),
        ("MCP_PYTHON_ALLOW", "one.example, two.example:8443"),
        ("MCP_PYTHON_QUEUE", ""),
    ];
    let settings = Sources {
        flags: "--memory 4GiB",
        variables: &variables,
        file,
        ..Sources::default()
    }
    .settings();
    assert_eq!(settings.limits.memory.to_string(), "4 GiB");
    assert_eq!(settings.limits.cpu_millis, 2000);
    assert_eq!(settings.limits.processes, 100);
    assert_eq!(settings.queue, 256);
    assert_eq!(
        settings.network.policy.to_string(),
        "one.example,two.example:8443"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    check_mistakes(
        &Sources {
            flags: "--memory 999TB --cpus many --memroy 1GiB --index-url ftp://me:pw@x/",
            variables: &[
                ("MCP_PYTHON_TIMEOUT", "2h"),
                ("MCP_PYTHON_TIMOUT", "5"),
                ("MCP_PYTHON_TOKEN", "short"),
                ("PATH", "/bin"),
            ],
            file: "queue = -1\nconcurency = 3\nimage = [1]\n[danger]\nbind = true\n",
            ..Sources::default()
        },
        &expect![[r#"
            error: 11 settings are wrong
              --memroy: unknown flag
                hint: did you mean `--memory`?
              concurency (file config.toml, line 2): unknown setting
                hint: did you mean `concurrency`?
              danger.bind (file config.toml, line 5): unknown setting
                hint: did you mean `danger.bind-without-token`?
              image: file config.toml, line 3: a value of type array is not taken
                hint: write a string, a number, true or false
              MCP_PYTHON_TIMOUT: unknown variable of this program
                hint: did you mean `MCP_PYTHON_TIMEOUT`?
              memory = `999TB` (flag --memory): memory of 999 TiB is out of bounds: between 64 MiB and 16 GiB
              cpus = `many` (flag --cpus): not a number of processors
                hint: write it as `1.5`
              timeout = `2h` (environment MCP_PYTHON_TIMEOUT): time limit of 7200s is out of bounds: between 1ms and 600s
              queue = `-1` (file config.toml, line 1): not a whole number
                hint: between 0 and 4096
              index-url = `ftp://***@x/` (flag --index-url): an index address begins with `https://` or `http://`
              token (environment MCP_PYTHON_TOKEN): a token is 16 to 4096 visible ASCII characters
                hint: make one with `openssl rand -hex 32`
        "#]],
    );
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    check_mistakes(
        &Sources {
            file: "memory = \"1GiB\"\nqueue = = 3\n",
            ..Sources::default()
        },
        &expect![[r#"
            error: a setting is wrong
              config.toml, line 2: extra `=`, expected nothing
        "#]],
    );
}

#[test]
fn a_secret_has_no_place_in_the_file() {
    check_mistakes(
        &Sources {
            file: "token = \"0123456789abcdef\"",
            ..Sources::default()
        },
        &expect![[r#"
            error: a setting is wrong
              token: a secret does not belong into the settings file
                hint: put it into a file of its own and name that with `token-file`, or set MCP_PYTHON_TOKEN
        "#]],
    );
}

#[test]
fn beyond_loopback_a_token_is_needed() {
    let bind = "--bind 0.0.0.0:8080";
    check_mistakes(
        &Sources {
            flags: bind,
            ..Sources::default()
        },
        &expect![[r#"
        error: a setting is wrong
          bind = `0.0.0.0:8080` (flag --bind): beyond loopback a token is needed
            hint: set MCP_PYTHON_TOKEN or `--token-file FILE`, or name an authorization server by `--oauth-issuer URL` (`--danger-bind-without-token` lifts this rule)
    "#]],
    );
    let with_token = Sources {
        flags: bind,
        variables: &[("MCP_PYTHON_TOKEN", "0123456789abcdef")],
        ..Sources::default()
    };
    expect!["listening on 0.0.0.0:8080, and refusing every request that names another host than `localhost`: say by `--allowed-host NAME` how clients name this one"]
        .assert_eq(&with_token.settings().warnings.join("\n"));
    let with_name = Sources {
        flags: "--bind 0.0.0.0:8080 --allowed-host mcp.example",
        ..with_token
    };
    assert!(with_name.settings().warnings.is_empty());
    let lifted = Sources {
        flags: "--bind 0.0.0.0:8080 --danger-bind-without-token --allowed-host mcp.example",
        ..Sources::default()
    };
    assert_eq!(
        lifted.settings().warnings,
        ["listening on 0.0.0.0:8080 without a token: whoever reaches it runs programs"]
    );
    // The other server does not listen: a shared file must not stop it.
    let stdio = Sources {
        transport: Transport::Stdio,
        file: "bind = \"0.0.0.0:8080\"",
        ..Sources::default()
    };
    assert!(stdio.load().is_ok());
}

#[test]
fn what_does_not_go_together_is_refused() {
    check_mistakes(
        &Sources {
            flags: "--network public --allow a.example --timeout 90 --max-timeout 30",
            variables: &[("MCP_PYTHON_TOKEN", "0123456789abcdef")],
            file: "token-file = \"token\"",
            ..Sources::default()
        },
        &expect![[r#"
            error: 3 settings are wrong
              timeout = `90` (flag --timeout): longer than `max-timeout`, which is 30 s
                hint: raise `max-timeout` as well
              network = `public` (flag --network): `allow` lists hosts, which this policy does not look at
                hint: write `allow`, or leave `network` out; `--open` adds to `public`
              token-file: MCP_PYTHON_TOKEN is set as well
                hint: set one of the two
        "#]],
    );
    check_mistakes(
        &Sources {
            flags: "--network allow",
            ..Sources::default()
        },
        &expect![[r#"
            error: a setting is wrong
              network = `allow` (flag --network): `allow` lists no host
                hint: list hosts with `--allow HOST`, or write `none`
        "#]],
    );
    check_mistakes(
        &Sources {
            flags: "--network none --open a.example=10.0.0.1",
            ..Sources::default()
        },
        &expect![[r#"
            error: a setting is wrong
              network = `none` (flag --network): `open` opens nothing under this policy
        "#]],
    );
}

#[test]
fn the_variables_of_others_count() {
    let proxied = |name: &str, value: &str| {
        let sources = Sources {
            variables: &[(name, value)],
            ..Sources::default()
        };
        sources.settings().network.proxies.are_in_use()
    };
    assert!(!proxied("NO_PROXY", "localhost"));
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        assert!(proxied(name, "http://proxy.example:3128"), "{name}");
    }
    check_mistakes(
        &Sources {
            variables: &[("HTTPS_PROXY", "https://me:pw@p:1")],
            ..Sources::default()
        },
        &expect![[r#"
            error: a setting is wrong
              the proxy of this host: the host's proxy variable `https_proxy` names a proxy that is reached over TLS, which is not supported
                hint: give it the form `http://host:port` or `socks5://host:port`, with `user:password@` before the host if needed
        "#]],
    );
    let docker = Sources {
        variables: &[("DOCKER_HOST", "tcp://a:1"), ("DOCKER_TLS_VERIFY", "1")],
        flags: "--docker-host unix:///b",
        ..Sources::default()
    };
    let engine = docker.settings().engine;
    assert_eq!(engine.host.as_deref(), Some("unix:///b"));
    assert_eq!(engine.environment.docker_host.as_deref(), Some("tcp://a:1"));
    assert_eq!(engine.environment.docker_tls_verify.as_deref(), Some("1"));
}

#[test]
fn what_loosens_is_said() {
    let sources = Sources {
        flags: "--open a.test=10.0.0.1 --index-url http://index.example/simple \
                --allow-source-packages",
        ..Sources::default()
    };
    expect![[r#"
        programs may reach `a.test`, wherever it leads
        modules come in clear text from `http://index.example/simple`
        build scripts of packages without a wheel are run"#]]
    .assert_eq(&sources.settings().warnings.join("\n"));
}

#[test]
fn a_lower_ceiling_lowers_the_default() {
    let settings = Sources {
        flags: "--max-timeout 30s",
        ..Sources::default()
    }
    .settings();
    assert_eq!(settings.times.program.to_string(), "30 s");
}

#[test]
fn calls_become_tasks_when_the_operator_says_so() {
    let after = |flags| {
        let sources = Sources {
            flags,
            ..Sources::default()
        };
        sources.settings().times.task_after
    };
    assert_eq!(after(""), Some(Duration::from_secs(5)));
    assert_eq!(after("--task-after 90s"), Some(Duration::from_secs(90)));
    assert_eq!(after("--task-after 0s"), Some(Duration::ZERO));
    assert_eq!(after("--task-after never"), None);
    check_mistakes(
        &Sources {
            flags: "--task-after always --heartbeat 10ms",
            ..Sources::default()
        },
        &expect![[r#"
            error: 2 settings are wrong
              task-after = `always` (flag --task-after): not a time
                hint: write a time such as `5s`, or `never`
              heartbeat = `10ms` (flag --heartbeat): a time of 10ms is out of bounds: between 1s and 600s
        "#]],
    );
}

#[test]
fn what_is_in_force_is_printed_as_a_file_without_secrets() {
    let sources = Sources {
        flags: "--open demo.test:80=127.0.0.1:8123 --index-url https://me:hunter2@index.example/simple",
        variables: &[("MCP_PYTHON_TOKEN", "0123456789abcdef")],
        file: "memory = \"2GiB\"\nallow-source-packages = true\n[danger]\nbind-without-token = true",
        ..Sources::default()
    };
    let printed = sources.load().unwrap().print(Transport::Http);
    assert!(
        !printed.contains("hunter2") && !printed.contains("0123456789abcdef"),
        "{printed}"
    );
    let set = printed.lines().filter(|line| !line.ends_with("# default"));
    let set: String = set
        .map(|line| format!("{}\n", without_directories(line)))
        .collect();
    expect![[r#"
        memory = "2GiB"  # file config.toml, line 1
        open = ["demo.test:80=127.0.0.1:8123"]  # flag --open
        # index-url = "https://***@index.example/simple"  # flag --index-url
        allow-source-packages = true  # file config.toml, line 2
        # token = "(secret)"  # environment MCP_PYTHON_TOKEN

        [danger]
        bind-without-token = true  # file config.toml, line 4
    "#]]
    .assert_eq(&set);
    // It can be used as a file again, and then says the same.
    let again = Sources {
        file: &printed,
        ..Sources::default()
    }
    .settings();
    assert_eq!(again.limits.memory.to_string(), "2 GiB");
    assert_eq!(again.network.opened.len(), 1);
}

#[test]
fn paths_in_the_file_are_relative_to_it() {
    let mistakes = Sources {
        file: "token-file = \"secrets/token\"",
        ..Sources::default()
    }
    .mistakes();
    assert!(mistakes.contains("cannot be read"), "{mistakes}");
    let mut found = Vec::new();
    let raw = file::parse(
        Path::new("/etc/x/config.toml"),
        "ca-bundle = \"ca.pem\"",
        &mut found,
    );
    assert!(found.is_empty());
    let environment = FixedEnvironment::default();
    let mut mistakes = Vec::new();
    let _ = resolve::resolve(&raw, Transport::Stdio, &environment, &mut mistakes);
    assert!(
        mistakes[0].to_string().contains("`/etc/x/ca.pem`"),
        "{}",
        mistakes[0]
    );
}

#[test]
fn a_token_comes_from_its_file_without_the_line_break() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef\n").unwrap();
    let flags = format!("--token-file {}", file.path().display());
    let token = Sources {
        flags: &flags,
        ..Sources::default()
    }
    .settings()
    .http
    .token;
    assert_eq!(token.unwrap().reveal(), "0123456789abcdef");
}

#[test]
fn every_key_can_be_set_by_flag_and_variable() {
    for key in KEYS.iter() {
        let variable = key.variable();
        assert!(variable.starts_with("MCP_PYTHON_"), "{variable}");
    }
    let flags: Vec<_> = KEYS.iter().filter_map(Key::flag).collect();
    assert_eq!(flags.len(), KEYS.len() - 1, "all but the token are flags");
}
