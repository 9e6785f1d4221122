//! The table of keys. Flags, variables, file, help, `--print-config` and the reference are made
//! from it; a key that is not here does not exist.

mod modules;

use std::sync::LazyLock;

use self::modules::MODULES;
use super::key::{Form, Group, Key};

/// Every setting, by group.
pub(crate) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| [BEFORE, MODULES, BEHIND].concat());

/// Those before the modules.
const BEFORE: &[Key] = &[
    Key {
        name: "image",
        group: Group::Engine,
        form: Form::One,
        value: "IMAGE",
        default: "mcr.microsoft.com/playwright/python:v1.53.0-noble",
        help: "The image of every sandbox: it needs `python3` (3.9 or newer) and, for modules, pip.",
    },
    Key {
        name: "docker-host",
        group: Group::Engine,
        form: Form::One,
        value: "URL",
        default: "(found)",
        help: "The engine's address: `unix:///path` or `tcp://host:port`. Unset, the engine is \
               looked for as the docker command does: DOCKER_HOST, the Docker context, the usual \
               sockets of Docker, rootless Docker and Podman.",
    },
    Key {
        name: "pull",
        group: Group::Engine,
        form: Form::One,
        value: "WHEN",
        default: "missing",
        help: "Whether the image is pulled when the engine does not have it: `missing` or `never`.",
    },
    Key {
        name: "runtime",
        group: Group::Engine,
        form: Form::One,
        value: "NAME",
        default: "(the engine's default)",
        help: "The runtime that starts sandboxes, by the engine's name for it, such as `runsc` \
               (gVisor). One that the engine does not know is refused; nothing falls back to \
               another.",
    },
    Key {
        name: "memory",
        group: Group::Sandbox,
        form: Form::One,
        value: "SIZE",
        default: "1GiB",
        help: "Memory of all processes and files of a sandbox together; there is no swap beyond \
               it. From 64MiB to 16GiB.",
    },
    Key {
        name: "cpus",
        group: Group::Sandbox,
        form: Form::One,
        value: "NUMBER",
        default: "1",
        help: "Processors, in steps of a thousandth. From 0.05 to 64.",
    },
    Key {
        name: "processes",
        group: Group::Sandbox,
        form: Form::One,
        value: "NUMBER",
        default: "256",
        help: "Processes and threads together. From 8 to 4096.",
    },
    Key {
        name: "open-files",
        group: Group::Sandbox,
        form: Form::One,
        value: "NUMBER",
        default: "1024",
        help: "Open files per process. From 64 to 65536.",
    },
    Key {
        name: "tmp-size",
        group: Group::Sandbox,
        form: Form::One,
        value: "SIZE",
        default: "512MiB",
        help: "`/tmp`, where the program works. Counts as memory.",
    },
    Key {
        name: "modules-size",
        group: Group::Sandbox,
        form: Form::One,
        value: "SIZE",
        default: "1GiB",
        help: "The place where the modules of one set are installed, their downloads included. \
               Counts as memory, of the sandbox that installs them.",
    },
    Key {
        name: "shm-size",
        group: Group::Sandbox,
        form: Form::One,
        value: "SIZE",
        default: "256MiB",
        help: "`/dev/shm`, which Chromium needs. Counts as memory.",
    },
    Key {
        name: "timeout",
        group: Group::Run,
        form: Form::One,
        value: "TIME",
        default: "60s",
        help: "How long a program may run when the call does not say.",
    },
    Key {
        name: "max-timeout",
        group: Group::Run,
        form: Form::One,
        value: "TIME",
        default: "600s",
        help: "The longest time that a call may ask for. At most 600s.",
    },
    Key {
        name: "output-kept",
        group: Group::Run,
        form: Form::One,
        value: "SIZE",
        default: "1MiB",
        help: "What is kept of each of stdout and stderr, half from the head and half from the \
               tail. From 1KiB to 16MiB.",
    },
    Key {
        name: "output-printed",
        group: Group::Run,
        form: Form::One,
        value: "SIZE",
        default: "1GiB",
        help: "What a program may print in all before it is ended. From 1KiB to 1TiB.",
    },
    Key {
        name: "result-text",
        group: Group::Run,
        form: Form::One,
        value: "SIZE",
        default: "96KiB",
        help: "What a result shows of a run's text in all; the structured form has half as much \
               again. What is more is cut in the middle and linked to. From 4KiB to 1MiB.",
    },
    Key {
        name: "result-tokens",
        group: Group::Run,
        form: Form::One,
        value: "NUMBER",
        default: "20000",
        help: "The same in tokens, by a high estimate, for each of the two forms. From 2000 to \
               1000000.",
    },
    Key {
        name: "result-pictures",
        group: Group::Run,
        form: Form::One,
        value: "SIZE",
        default: "512KiB",
        help: "What the pictures in a result may be together, before they are encoded; others are \
               linked to. From 64KiB to 8MiB.",
    },
    Key {
        name: "picture-size",
        group: Group::Run,
        form: Form::One,
        value: "SIZE",
        default: "384KiB",
        help: "What one picture in a result may be; larger ones are made smaller. From 16KiB to \
               4MiB.",
    },
    Key {
        name: "picture-side",
        group: Group::Run,
        form: Form::One,
        value: "NUMBER",
        default: "1568",
        help: "The longer side of a picture in a result, in pixels; larger ones are made smaller. \
               From 64 to 8192.",
    },
    Key {
        name: "results-kept",
        group: Group::Run,
        form: Form::One,
        value: "SIZE",
        default: "128MiB",
        help: "Memory for what results link to: files, pictures, whole outputs. The oldest go \
               first; with 0 nothing is kept or linked to. At most 4GiB.",
    },
    Key {
        name: "results-time",
        group: Group::Run,
        form: Form::One,
        value: "TIME",
        default: "15m",
        help: "How long what a result links to can be read. From 1s to 24h.",
    },
    Key {
        name: "task-after",
        group: Group::Run,
        form: Form::One,
        value: "TIME",
        default: "5s",
        help: "After so long a call becomes a task, if its client knows tasks: it is answered with \
               an id, and the result is fetched later. `0s` for every call, `never` for none. At \
               most 600s.",
    },
    Key {
        name: "heartbeat",
        group: Group::Run,
        form: Form::One,
        value: "TIME",
        default: "10s",
        help: "How long a call may be silent before a client that asked for progress is told that \
               it goes on. From 1s to 10m.",
    },
    Key {
        name: "concurrency",
        group: Group::Load,
        form: Form::One,
        value: "NUMBER",
        default: "(twice the processors)",
        help: "Sandboxes at once. From 1 to 256.",
    },
    Key {
        name: "queue",
        group: Group::Load,
        form: Form::One,
        value: "NUMBER",
        default: "256",
        help: "Calls that may wait for a sandbox; one more is answered with `busy`. From 0 to 4096.",
    },
    Key {
        name: "pool",
        group: Group::Load,
        form: Form::One,
        value: "NUMBER",
        default: "(as `concurrency`)",
        help: "Sandboxes that wait for programs at most, as many as programs ran lately. Each is \
               used once, and takes memory while it waits. With 0 every call waits for the \
               start of its sandbox. From 0 to 256.",
    },
    Key {
        name: "pool-least",
        group: Group::Load,
        form: Form::One,
        value: "NUMBER",
        default: "1",
        help: "Sandboxes that wait for programs even if none ran lately, once a client has been \
               answered. At most `pool`.",
    },
    Key {
        name: "network",
        group: Group::Network,
        form: Form::One,
        value: "POLICY",
        default: "public",
        help: "What programs may reach: `none`, `public` (public addresses, web ports) or `allow` \
               (only what `allow` lists; implied when it lists something). Every way out is a \
               proxied connection that this host checks.",
    },
    Key {
        name: "allow",
        group: Group::Network,
        form: Form::Many,
        value: "HOST[:PORT]",
        default: "(nothing)",
        help: "A host that programs may reach, such as `example.com`, `*.example.com` or \
               `example.com:8443`.",
    },
    Key {
        name: "open",
        group: Group::Network,
        form: Form::Many,
        value: "NAME[:PORT][=ADDRESS[:PORT]]",
        default: "(nothing)",
        help: "Opens one private address to programs, by name only, such as \
               `wiki.corp.example:80=10.0.0.7:8080`. Logged at start.",
    },
    Key {
        name: "ca-bundle",
        group: Group::Network,
        form: Form::One,
        value: "FILE",
        default: "(the host's trust store)",
        help: "PEM file of the certificate authorities to trust. Those that are not in Mozilla's \
               list are handed to every sandbox. Unset: SSL_CERT_FILE, else the host's trust store.",
    },
];

/// Those from HTTP on.
const BEHIND: &[Key] = &[
    Key {
        name: "bind",
        group: Group::Http,
        form: Form::One,
        value: "ADDRESS:PORT",
        default: "127.0.0.1:8080",
        help: "Where to listen; port 0 takes a free one. Beyond loopback a token \
               or an issuer is needed.",
    },
    Key {
        name: "token-file",
        group: Group::Http,
        form: Form::One,
        value: "FILE",
        default: "(none)",
        help: "File with the bearer token that every request must bear.",
    },
    Key {
        name: "token",
        group: Group::Http,
        form: Form::Secret,
        value: "TOKEN",
        default: "(none)",
        help: "The bearer token itself, 16 to 4096 visible ASCII characters.",
    },
    Key {
        name: "oauth-issuer",
        group: Group::Http,
        form: Form::Urls,
        value: "URL",
        default: "(none)",
        help: "An authorization server whose access tokens are taken (OAuth 2.1, signed JWTs), as \
               its tokens name it. Every request must then bear one; needs `oauth-resource`, and \
               goes without a fixed token.",
    },
    Key {
        name: "oauth-resource",
        group: Group::Http,
        form: Form::Url,
        value: "URL",
        default: "(none)",
        help: "This server's address as its clients know it, such as `https://py.example.com/mcp`: \
               every token must have it in its audience. Its host is served like an `allowed-host`.",
    },
    Key {
        name: "oauth-scope",
        group: Group::Http,
        form: Form::Many,
        value: "SCOPE",
        default: "python:run",
        help: "A scope that every token must have.",
    },
    Key {
        name: "oauth-jwks-url",
        group: Group::Http,
        form: Form::Url,
        value: "URL",
        default: "(asked of the issuer)",
        help: "Where the issuer's keys are, if its metadata are not to be asked for it.",
    },
    Key {
        name: "oauth-algorithm",
        group: Group::Http,
        form: Form::Many,
        value: "NAME",
        default: "(all of RS, PS, ES and EdDSA that are taken)",
        help: "A signature that tokens may have: `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, \
               `PS512`, `ES256`, `ES384` or `EdDSA`.",
    },
    Key {
        name: "oauth-leeway",
        group: Group::Http,
        form: Form::One,
        value: "TIME",
        default: "30s",
        help: "By how much the clocks of issuer and server may differ. From 0s to 5m.",
    },
    Key {
        name: "allowed-host",
        group: Group::Http,
        form: Form::Many,
        value: "HOST[:PORT]",
        default: "(loopback names, the bound address and the host of `oauth-resource`)",
        help: "A further `Host` that requests may name, such as the name under which a reverse \
               proxy serves.",
    },
    Key {
        name: "allowed-origin",
        group: Group::Http,
        form: Form::Many,
        value: "ORIGIN",
        default: "(pages on an allowed host)",
        help: "A further web page origin that may call, such as `https://app.example.com`.",
    },
    Key {
        name: "public-prefix",
        group: Group::Http,
        form: Form::One,
        value: "PATH",
        default: "(none)",
        help: "The path in front of ours when a reverse proxy strips one, such as `/python`.",
    },
    Key {
        name: "max-body",
        group: Group::Http,
        form: Form::One,
        value: "SIZE",
        default: "4MiB",
        help: "The longest request body. From 64KiB to 64MiB.",
    },
    Key {
        name: "max-sessions",
        group: Group::Http,
        form: Form::One,
        value: "NUMBER",
        default: "256",
        help: "Sessions at once. From 1 to 65536.",
    },
    Key {
        name: "session-idle",
        group: Group::Http,
        form: Form::One,
        value: "TIME",
        default: "30m",
        help: "After so long without a request a session ends. From 10s to 24h.",
    },
    Key {
        name: "log-level",
        group: Group::Logging,
        form: Form::One,
        value: "LEVEL",
        default: "info",
        help: "`off`, `error`, `warn`, `info`, `debug` or `trace`; the log goes to stderr.",
    },
    Key {
        name: "log-format",
        group: Group::Logging,
        form: Form::One,
        value: "FORMAT",
        default: "text",
        help: "`text`, or `json` for one JSON object a line.",
    },
    Key {
        name: "audit",
        group: Group::Logging,
        form: Form::One,
        value: "WHERE",
        default: "off",
        help: "Where a JSON line is written for each execution, connection and client: `off`, \
               `stderr`, or the path of a file, which is appended to.",
    },
    Key {
        name: "danger.accept",
        group: Group::Danger,
        form: Form::Many,
        value: "GAP",
        default: "(nothing)",
        help: "Serve although this host does not keep that promise of a sandbox, by the name that \
               `doctor` shows, such as `memory-limit`. Told in the log at start and in every \
               result.",
    },
    Key {
        name: "danger.bind-without-token",
        group: Group::DangerHttp,
        form: Form::Switch,
        value: "",
        default: "false",
        help: "Listen beyond loopback without a token or an issuer: whoever reaches the port runs programs.",
    },
];

/// The key of that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_groups_are_together() {
        let names: BTreeSet<_> = KEYS.iter().map(Key::variable).collect();
        assert_eq!(names.len(), KEYS.len());
        assert!(KEYS.is_sorted_by_key(|key| key.group));
    }
}
