//! The clients: how each is started, and what it has no means to do.

use std::path::{Path, PathBuf};

use executor_testkit::engine::Engine;
use tokio::process::Command;

use super::super::server::Server;
use super::Verdict;
use super::cells::Cell;

/// A way in which a client reaches a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Stdio,
    Http,
    Sse,
}

impl Transport {
    /// As the document calls it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Http => "Streamable HTTP",
            Self::Sse => "HTTP+SSE",
        }
    }
}

/// A release of a client, and how it is told to negotiate.
#[derive(Debug)]
pub(super) struct Client {
    /// As the document calls it.
    pub(super) name: &'static str,
    /// As it must call itself.
    pub(super) version: &'static str,
    family: Family,
    /// Cells that it has no means for, and why.
    cannot: &'static [(Cell, &'static str)],
}

/// Who runs a client's program, and with what before the transport.
#[derive(Debug)]
enum Family {
    /// The Python of a directory, with a script.
    Python(&'static str, &'static str),
    /// Node, with a script and its arguments.
    Node(&'static str, &'static [&'static str]),
    /// Our own program on rmcp, with a lifecycle.
    Rmcp(&'static str),
}

const NO_PROGRESS: &str = "it has no means to ask for progress";
const NO_CANCEL: &str =
    "it has no means to cancel a call; the call ends when the connection does, which was tried";
const FOR_EACH: &str = "it is a process for each call, which shows no progress and cancels nothing";
const FOR_EACH_CELLS: &[(Cell, &str)] = &[
    (Cell::Progress, FOR_EACH),
    (Cell::Cancel, FOR_EACH),
    (Cell::Parallel, FOR_EACH),
];

pub(super) const PYTHON_1_0_0: Client = Client {
    cannot: &[(Cell::Progress, NO_PROGRESS), (Cell::Cancel, NO_CANCEL)],
    ..python("1.0.0", "python-1.0.0")
};
pub(super) const PYTHON_1_9_4: Client = python("1.9.4", "python-1.9.4");
pub(super) const PYTHON_1_12_4: Client = python("1.12.4", "python-1.12.4");
pub(super) const PYTHON_1_30_0: Client = python("1.30.0", "python-1.30.0");
pub(super) const PYTHON_2_3_0: Client = python("2.3.0", "python-2.3.0");
pub(super) const FASTMCP: Client = Client {
    name: "FastMCP",
    version: "4.1.1",
    family: Family::Python("fastmcp-4.1.1", "fast.py"),
    cannot: &[],
};
pub(super) const TYPESCRIPT_SDK: Client = node(
    "TypeScript `@modelcontextprotocol/sdk`",
    "1.32.2",
    &["@modelcontextprotocol/sdk", "default"],
);
pub(super) const TYPESCRIPT_CLIENT: Client = node(
    "TypeScript `@modelcontextprotocol/client`",
    "2.4.0",
    &["@modelcontextprotocol/client", "default"],
);
pub(super) const TYPESCRIPT_CLIENT_AUTO: Client = node(
    "TypeScript `@modelcontextprotocol/client`, mode `auto`",
    "2.4.0",
    &["@modelcontextprotocol/client", "auto"],
);
pub(super) const RMCP: Client = rmcp("rmcp", "default");
pub(super) const RMCP_AUTO: Client = rmcp("rmcp, lifecycle `Auto`", "auto");
/// No entry of the matrix: it is there for its tasks.
pub(super) const RMCP_TASKS: Client = rmcp("rmcp, with tasks", "tasks");
pub(super) const INSPECTOR: Client = inspector("MCP Inspector CLI", &["legacy"]);
pub(super) const INSPECTOR_AUTO: Client =
    inspector("MCP Inspector CLI, `--protocol-era auto`", &["auto"]);

const fn python(version: &'static str, directory: &'static str) -> Client {
    Client {
        name: "Python `mcp`",
        version,
        family: Family::Python(directory, "sdk.py"),
        cannot: &[],
    }
}

const fn node(
    name: &'static str,
    version: &'static str,
    arguments: &'static [&'static str],
) -> Client {
    Client {
        name,
        version,
        family: Family::Node("sdk.mjs", arguments),
        cannot: &[],
    }
}

const fn rmcp(name: &'static str, lifecycle: &'static str) -> Client {
    Client {
        name,
        version: "3.11.0",
        family: Family::Rmcp(lifecycle),
        cannot: &[],
    }
}

const fn inspector(name: &'static str, arguments: &'static [&'static str]) -> Client {
    Client {
        name,
        version: "2.12.0",
        family: Family::Node("inspector.mjs", arguments),
        cannot: FOR_EACH_CELLS,
    }
}

impl Client {
    /// Why it cannot do what a cell asks for, if so.
    pub(super) fn cannot(&self, cell: Cell) -> Option<&'static str> {
        let found = self.cannot.iter().find(|(other, _)| *other == cell);
        found.map(|(_, why)| *why)
    }

    /// What is left where it cannot.
    pub(super) fn instead(&self, cell: Cell) -> Verdict {
        if self.cannot(cell) == Some(NO_CANCEL) {
            Verdict::ByHangingUp
        } else {
            Verdict::Unable
        }
    }

    /// The program that lets this client follow orders, or why there is none here.
    pub(super) fn program(
        &self,
        installed: Option<&Path>,
        transport: Transport,
    ) -> Result<Program, String> {
        let installed = installed.ok_or("EXECUTOR_TEST_CLIENTS names no directory of clients")?;
        let mut command = match self.family {
            Family::Python(directory, script) => {
                let mut command =
                    Command::new(there(installed.join(directory).join("bin/python"))?);
                command.arg(scripts().join(script));
                command
            }
            Family::Node(script, arguments) => {
                let root = installed.join("node");
                let mut command = Command::new(there(root.join("bin/node"))?);
                command
                    .arg(scripts().join(script))
                    .arg(root)
                    .args(arguments);
                command
            }
            Family::Rmcp(lifecycle) => {
                let mut command = Command::new(built("rmcp-client")?);
                command.arg(lifecycle);
                command
            }
        };
        match transport {
            Transport::Stdio => command.arg("stdio").arg(built("mcp-python-stdio")?),
            Transport::Http => command.arg("http"),
            Transport::Sse => command.arg("sse"),
        };
        Ok(Program { command, transport })
    }
}

/// A client's program that does not know yet where its server is.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) command: Command,
    transport: Transport,
}

impl Program {
    /// Tells it where the server is, or what a server that it starts needs to know.
    pub(super) fn point(&mut self, server: Option<&Server>, engine: &Engine) {
        let path = match self.transport {
            Transport::Stdio => None,
            Transport::Http => Some("/mcp"),
            Transport::Sse => Some("/sse"),
        };
        if let (Some(server), Some(path)) = (server, path) {
            self.command.arg(server.url(path));
        }
        self.command
            .env("MCP_PYTHON_IMAGE", engine.image())
            .env("NO_PROXY", "127.0.0.1,localhost");
        if let Some(host) = engine.host() {
            self.command.env("DOCKER_HOST", host);
        }
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// A program of this workspace, which lies beside the server when all are built.
fn built(name: &str) -> Result<PathBuf, String> {
    there(Path::new(env!("CARGO_BIN_EXE_mcp-python-sse")).with_file_name(name))
}

fn there(path: PathBuf) -> Result<PathBuf, String> {
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("`{}` is not there", path.display()))
    }
}
