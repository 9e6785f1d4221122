//! The servers that the suite is run against, each started on a port of its own.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::places::Places;
use crate::process;

/// What the suite is run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// All that the suite asks for, on the product's protocol layer and HTTP side.
    Fixtures,
    /// What people run.
    Product,
    /// A server with nothing of what the suite asks for.
    Control,
}

impl Subject {
    pub(super) const ALL: &[Self] = &[Self::Fixtures, Self::Product, Self::Control];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fixtures => "fixtures",
            Self::Product => "product",
            Self::Control => "control",
        }
    }

    /// What passing means.
    pub(super) const fn claim(self) -> &'static str {
        match self {
            Self::Fixtures => "fixtures: the protocol layer does all that the suite asks for",
            Self::Product => "product: mcp-python-sse does what the suite asks of any server",
            Self::Control => {
                "control: a server without the fixtures fails what is said to test them"
            }
        }
    }

    pub(super) const fn package(self) -> &'static str {
        match self {
            Self::Fixtures | Self::Control => "mcp-conformance",
            Self::Product => "server-sse",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Fixtures | Self::Control => "mcp-conformance",
            Self::Product => "mcp-python-sse",
        }
    }
}

/// A subject while the suite runs.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    url: String,
    /// The product's settings file: an empty one, for this person's own must not matter.
    _settings: TempDir,
}

impl Server {
    /// Starts a subject on a free port and waits until it says which.
    pub(super) fn start(places: &Places, subject: Subject) -> Result<Self> {
        let program = places.built().join(subject.program());
        let settings = tempfile::tempdir().context("cannot make a directory for settings")?;
        let mut command = Command::new(&program);
        process::without_server_settings(&mut command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match subject {
            Subject::Fixtures => {}
            Subject::Control => {
                command.arg("--bare");
            }
            Subject::Product => {
                let file = settings.path().join("settings.toml");
                std::fs::write(&file, "").context("cannot write an empty settings file")?;
                let nowhere = settings.path().join("no-engine.sock");
                command
                    .args(["--bind", "127.0.0.1:0", "--config"])
                    .arg(file)
                    // No scenario runs a program, and an engine that is not there holds nothing up.
                    .args(["--docker-host", &format!("unix://{}", nowhere.display())]);
            }
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut server = Self {
            child,
            url: String::new(),
            _settings: settings,
        };
        // The fixtures say it on standard output, the product in its log.
        let found = match subject {
            Subject::Product => stderr.and_then(url_in),
            Subject::Fixtures | Subject::Control => stdout.and_then(url_in),
        };
        let Some(url) = found else {
            bail!(
                "`{}` ended without saying where it serves",
                program.display()
            );
        };
        server.url = url;
        Ok(server)
    }

    /// Where it serves.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads up to the line that has the endpoint in it; what follows is read on and thrown away, for a full pipe would
/// hold the server up.
fn url_in(output: impl Read + Send + 'static) -> Option<String> {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    loop {
        line.clear();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(url) = endpoint(&line) {
            thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
            return Some(url);
        }
    }
}

/// The endpoint in a line. The suite sends a Host of its own making, which must be a loopback name.
fn endpoint(line: &str) -> Option<String> {
    let (_, from) = line.split_once("http://127.0.0.1:")?;
    let (port, _) = from.split_once("/mcp")?;
    let port: u16 = port.parse().ok()?;
    Some(format!("http://localhost:{port}/mcp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_found_in_a_line_of_a_log() {
        for (line, url) in [
            (
                "http://127.0.0.1:4711/mcp\n",
                Some("http://localhost:4711/mcp"),
            ),
            (
                "2026 INFO listening on http://127.0.0.1:80/mcp\n",
                Some("http://localhost:80/mcp"),
            ),
            ("2026 INFO http://127.0.0.1:99999/mcp", None),
            ("2026 INFO nothing yet", None),
        ] {
            assert_eq!(endpoint(line).as_deref(), url, "{line}");
        }
    }
}
