//! The shell's `run`: a failed program is explained as it is to a model, with options in place of parameters.

use std::process::Stdio;

use executor_testkit::engine::Engine;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::client::turn;

/// What `run` of a program writes on standard error.
async fn said(engine: &Engine, code: &str, options: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-python-stdio"));
    command
        .args(["run", "-"])
        .args(options)
        .env("MCP_PYTHON_IMAGE", engine.image())
        .env("MCP_PYTHON_ENVIRONMENTS", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(host) = engine.host() {
        command.env("DOCKER_HOST", host);
    }
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(code.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    String::from_utf8(output.stderr).unwrap()
}

/// A program, the options of `run`, and what it says.
const CASES: &[(&str, &[&str], &str)] = &[
    (
        "import cv2",
        &[],
        "\nhint: `cv2` is not in this image: pass `--modules opencv-python-headless`\n",
    ),
    (
        "with open('full', 'wb') as file:\n    while True: file.write(bytes(1 << 20))",
        &["--tmp-size", "32MiB"],
        "\nhint: `/tmp` holds 32 MiB, and counts as memory, of which there is 1 GiB; write less, or remove what is done \
         with; or raise `--tmp-size`, `--memory`\n",
    ),
    (
        "import urllib.request; urllib.request.urlopen('https://example.com/', timeout=20)",
        &["--network", "none"],
        "\nhint: programs reach nothing outside of their sandbox here; `--network` changes that\n",
    ),
    (
        "while True: pass",
        &["--timeout", "1s"],
        "error: the program was ended: timed out after 1 s; raise `--timeout` (up to 600 s)\n",
    ),
    (
        "class Long:\n    def __repr__(self): return 'long ' * 2_000_000\ndisplay(Long())",
        &[],
        "[the text has 10000000 characters, of which a part is shown",
    ),
    (
        "import os; os.symlink('/etc/passwd', 'link')",
        &[],
        "[`link` was not returned: a symbolic link; copy what it leads to]\n",
    ),
];

#[tokio::test]
async fn a_failed_program_is_explained_on_the_shell() {
    let Some(turn) = turn("a_failed_program_is_explained_on_the_shell").await else {
        return;
    };
    let mut failures = Vec::new();
    for (code, options, says) in CASES {
        let said = said(&turn.engine, code, options).await;
        if !said.contains(says) {
            failures.push(format!("{says:?} is missing in: {said}"));
        }
    }
    // Who asks for silence gets the program's own words.
    let quiet = said(&turn.engine, "import cv2", &["-q"]).await;
    if quiet.contains("hint: ") {
        failures.push(quiet);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
