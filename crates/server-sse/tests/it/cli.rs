//! The real binary: what it refuses to start with, where it listens, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use tempfile::TempDir;

const TOKEN: &str = "0123456789abcdef-never-logged";

/// The binary in an empty environment, without an engine.
fn command(home: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-python-sse"));
    let socket = format!("unix://{}/no.sock", home.path().display());
    command
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .env("DOCKER_HOST", socket)
        .envs(variables.iter().copied())
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let home = tempfile::tempdir().unwrap();
    command(&home, arguments, variables).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The binary, listening. It is killed when this goes.
pub(crate) struct Listening {
    child: Child,
    stderr: BufReader<ChildStderr>,
    log: String,
    /// `127.0.0.1:PORT`.
    address: String,
    _home: TempDir,
}

impl Listening {
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = command(&home, arguments, variables).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended: {log}");
            log.push_str(&line);
            if let Some((_, url)) = line.split_once("listening on http://") {
                break url.split('/').next().unwrap().to_owned();
            }
        };
        Self {
            child,
            stderr,
            log,
            address,
            _home: home,
        }
    }

    /// The status of a request with these header lines besides Host.
    pub(crate) fn status(&self, request: &str, headers: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let text = format!(
            "{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n",
            self.address
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status line")
    }

    /// Ends it by a signal; gives the exit code and the whole log.
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let mut log = std::mem::take(&mut self.log);
        self.stderr.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn help_tells_how_to_listen() {
    let output = output(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "--bind <ADDRESS:PORT>",
        "--token-file <FILE>",
        "--danger-bind-without-token",
        "/sse",
    ] {
        assert!(help.contains(part), "`{part}` is missing in\n{help}");
    }
    assert!(
        !help.contains("--token <"),
        "a token on the command line is seen by everybody"
    );
}

#[test]
fn beyond_loopback_it_does_not_start_without_a_token() {
    let refused = output(&["--bind", "0.0.0.0:0"], &[]);
    assert_eq!(refused.status.code(), Some(2));
    let text = stderr(&refused);
    assert!(text.contains("beyond loopback a token is needed"), "{text}");
    assert!(text.contains("MCP_PYTHON_TOKEN"), "{text}");
}

#[test]
fn a_taken_port_has_an_exit_code_of_its_own() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = output(&["--bind", &address], &[]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains(&format!("failed to listen on `{address}`")));
}

#[cfg(unix)]
#[test]
fn it_listens_without_an_engine_and_ends_by_a_signal() {
    let server = Listening::start(&["--bind", "127.0.0.1:0"], &[]);
    assert_eq!(server.status("GET /healthz", ""), 200);
    let (code, log) = server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
}

#[cfg(unix)]
#[test]
fn the_token_is_asked_for_and_never_logged() {
    let variables = [
        ("MCP_PYTHON_TOKEN", TOKEN),
        ("MCP_PYTHON_LOG_LEVEL", "trace"),
    ];
    let server = Listening::start(&["--bind", "127.0.0.1:0"], &variables);
    assert_eq!(server.status("GET /healthz", ""), 200);
    assert_eq!(server.status("POST /mcp", ""), 401);
    assert_eq!(
        server.status("POST /mcp", "Authorization: Bearer wrong\r\n"),
        401
    );
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_ne!(server.status("POST /mcp", &right), 401);
    let (code, log) = server.end("INT");
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains(TOKEN), "the token is in the log");
}

#[test]
fn the_token_comes_from_a_file_too() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("token"), format!("{TOKEN}\n")).unwrap();
    let printed = command(&home, &["--token-file", "token", "--print-config"], &[])
        .output()
        .unwrap();
    assert_eq!(printed.status.code(), Some(0), "{}", stderr(&printed));
    assert!(!String::from_utf8(printed.stdout).unwrap().contains(TOKEN));
    std::fs::write(home.path().join("token"), "short").unwrap();
    let refused = command(&home, &["--token-file", "token"], &[])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("16 to 4096"),
        "{}",
        stderr(&refused)
    );
}
