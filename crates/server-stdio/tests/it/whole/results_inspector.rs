//! A figure as a person sees it: in the web page of MCP Inspector, which is driven by the browser of the tested image.
//!
//! The page is kept as `inspector.png` in the directory of the tests' temporary files, whose path is printed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use executor_testkit::engine::Engine;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::client::turn;
use super::environments::Volume;

/// Where the clients are installed, which `docs/testing.md` tells of.
fn inspector() -> Option<(PathBuf, PathBuf)> {
    let root = PathBuf::from(std::env::var_os("EXECUTOR_TEST_CLIENTS")?).join("node");
    let launcher = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";
    let (node, launcher) = (root.join("bin/node"), root.join(launcher));
    (node.exists() && launcher.exists()).then_some((node, launcher))
}

/// Ports that nobody listens on right now.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Inspector's web page on `port`, with our server behind it, whose sets of modules lie in `volume`.
fn start(engine: &Engine, volume: &str, home: &Path, port: u16) -> Inspector {
    let (node, launcher) = inspector().expect("it was looked for");
    let [proxy, sandbox, apps] = free_ports();
    let mut needed = vec![
        format!("MCP_PYTHON_IMAGE={}", engine.image()),
        format!("MCP_PYTHON_ENVIRONMENTS={volume}"),
        format!("HOME={}", home.display()),
    ];
    needed.extend(engine.host().map(|host| format!("DOCKER_HOST={host}")));
    let mut command = Command::new(node);
    command.arg(launcher).arg("--web");
    for one in needed {
        command.args(["-e", &one]);
    }
    command
        .args([
            "--transport",
            "stdio",
            env!("CARGO_BIN_EXE_mcp-python-stdio"),
        ])
        .env("HOME", home)
        .env("CLIENT_PORT", port.to_string())
        .env("SERVER_PORT", proxy.to_string())
        .env("MCP_SANDBOX_PORT", sandbox.to_string())
        .env("MCP_APP_ORIGIN_PORT", apps.to_string())
        .env("DANGEROUSLY_OMIT_AUTH", "true")
        .env("MCP_AUTO_OPEN_ENABLED", "false")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    Inspector(command.spawn().unwrap())
}

/// Inspector, which is several processes: all of them end with this.
struct Inspector(Child);

impl Drop for Inspector {
    fn drop(&mut self) {
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // The server is one of them, and is to leave nothing.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

/// The longest that a look may take, Inspector's own start included.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a script on the image's Python with the engine's own network, which is that of this machine if both are one.
async fn beside(
    engine: &Engine,
    mount: &str,
    modules: &str,
    script: &[&str],
) -> Result<String, String> {
    let modules = format!("PYTHONPATH={modules}");
    let mut command = Command::new("docker");
    command
        .args(["run", "--rm", "--network", "host", "--volume", mount])
        .args(["--env", &modules, "--entrypoint", "python3"])
        .args([engine.image(), "-c"])
        .args(script)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(host) = engine.host() {
        command.env("DOCKER_HOST", host);
    }
    let output = timeout(PATIENCE, command.output())
        .await
        .map_err(|_elapsed| "it took too long".to_owned())?
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(said)
    }
}

#[tokio::test]
async fn inspector_shows_a_figure() {
    let Some(turn) = turn("inspector_shows_a_figure").await else {
        return;
    };
    let engine = &turn.engine;
    if inspector().is_none() {
        println!("SKIPPED: inspector_shows_a_figure: MCP Inspector is not installed");
        return;
    }
    let volume = Volume::new(engine);
    let (code, _, err) = volume.env(&["build", "matplotlib"]).await;
    assert_eq!(code, 0, "{err}");
    let mut client = volume.server(&[]).await;
    let code = "import playwright; print(playwright.__path__[0].rpartition('/')[0])";
    let found = client
        .call(json!({ "code": code, "modules": "playwright" }))
        .await;
    let modules = found.stdout().trim().to_owned();
    let mount = format!("{}:/env:ro", volume.name());
    client.close().await;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reach = format!("import socket; socket.create_connection(('127.0.0.1', {port}), 5)");
    if let Err(why) = beside(engine, &mount, &modules, &[&reach]).await {
        println!("SKIPPED: inspector_shows_a_figure: no container reaches this machine: {why}");
        volume.remove().await;
        return;
    }

    let home = tempfile::tempdir().unwrap();
    let [port] = free_ports();
    let web = start(engine, volume.name(), home.path(), port);
    let code = "import matplotlib.pyplot as plt; plt.plot([1, 3, 2]); plt.title('seen'); print('beside it')";
    let url = format!("http://127.0.0.1:{port}/");
    let look = [include_str!("results_inspector.py"), &url, code];
    let seen = beside(engine, &mount, &modules, &look).await;
    drop(web);
    let seen: Value = serde_json::from_str(&seen.unwrap()).unwrap();

    let page = STANDARD.decode(seen["page"].as_str().unwrap()).unwrap();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("inspector.png");
    std::fs::write(&kept, page).unwrap();
    println!("the page is in {}", kept.display());
    // A figure of 640 by 480 points, but for its margins; and on the page in a size that can be looked at.
    let side = |number: &Value| number.as_f64().unwrap_or_default();
    let (own, shown) = (&seen["own"], &seen["shown"]);
    assert!((400.0..=700.0).contains(&side(&own[0])), "{own}");
    assert!((300.0..=500.0).contains(&side(&own[1])), "{own}");
    assert!(
        side(&shown["width"]) > 200.0 && side(&shown["height"]) > 150.0,
        "{shown}"
    );
    let text = seen["text"].as_str().unwrap();
    assert!(
        text.contains("beside it") && !text.contains("Tool Error"),
        "{text}"
    );

    // The server behind it ends in order.
    let there = [
        "ps",
        "--all",
        "--quiet",
        "--filter",
        &format!("volume={}", volume.name()),
    ]
    .map(str::to_owned);
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let gone = async {
        while !engine.docker(&there).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), gone)
        .await
        .expect("the server behind Inspector is gone");
    volume.remove().await;
}
