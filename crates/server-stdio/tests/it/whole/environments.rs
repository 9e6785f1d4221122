//! Sets of modules that are kept: installed once, there at once from then on, out of every program's reach.
//!
//! Each test has a volume of its own and removes it.

mod hostile;

use std::time::Duration;

use executor_testkit::engine::Engine;
use executor_testkit::witness;
use serde_json::{Value, json};
use tokio::process::Command;

use super::client::{Answer, Client, turn};
use super::modules::{is_refused_with, with};

/// A volume for one test.
pub(super) struct Volume {
    engine: Engine,
    name: String,
}

impl Volume {
    pub(super) fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            name: format!("mcp-python-test-{}", witness::marker().unwrap()),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A server that keeps sets in it, and builds none by itself.
    pub(super) async fn server(&self, options: &[&str]) -> Client {
        let own = ["--environments", &self.name, "--playwright", "off"];
        Client::start(&self.engine, &[&own, options].concat()).await
    }

    /// A server that keeps sets in it, and has built the one of Playwright first.
    pub(super) async fn server_with_playwright(&self, options: &[&str]) -> Client {
        let (code, _, err) = self.env(&["build", "playwright"]).await;
        assert_eq!(code, 0, "{err}");
        let own = ["--environments", &self.name];
        Client::start(&self.engine, &[&own, options].concat()).await
    }

    /// Runs `env` on it, and gives its exit code and what it printed.
    pub(super) async fn env(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-python-stdio"));
        command
            .args(["--environments", &self.name, "env"])
            .args(arguments)
            .env("MCP_PYTHON_IMAGE", self.engine.image())
            .kill_on_drop(true);
        if let Some(host) = self.engine.host() {
            command.env("DOCKER_HOST", host);
        }
        let output = command.output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap();
        (code, text(&output.stdout), text(&output.stderr))
    }

    async fn list(&self) -> Vec<Value> {
        let (code, out, err) = self.env(&["list", "--json"]).await;
        assert_eq!(code, 0, "{err}");
        let listed: Value = serde_json::from_str(&out).unwrap();
        listed["sets"].as_array().unwrap().clone()
    }

    /// Runs a program as root with the volume writable: what nobody but the test may.
    async fn meddle(&self, code: &str) -> String {
        let mount = format!("{}:/env", self.name);
        let image = self.engine.image();
        let run = [
            "run",
            "--rm",
            "--network",
            "none",
            "-v",
            &mount,
            "--entrypoint",
            "python3",
        ];
        let all = [&run[..], &[image, "-c", code]].concat();
        self.engine.docker(&all).await.unwrap()
    }

    /// Removes it, which its servers must have left by now.
    pub(super) async fn remove(self) {
        let there = [
            "volume",
            "ls",
            "--quiet",
            "--filter",
            &format!("name={}", self.name),
        ]
        .map(str::to_owned);
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        let (code, out, err) = self.env(&["prune", "--all"]).await;
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        let left = self.engine.docker(&there).await.unwrap();
        assert_eq!(left, "", "the volume is still there");
    }
}

fn cached(answer: &Answer) -> bool {
    answer.field("cached").as_bool().unwrap_or(false)
}

#[tokio::test]
async fn a_set_is_installed_once_and_there_at_once_from_then_on() {
    let what = "a_set_is_installed_once_and_there_at_once_from_then_on";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = volume.server(&[]).await;
    let program =
        "import numpy, os; print(int(numpy.arange(4).sum()), numpy.__file__.split('/')[1])";
    let first = with(&mut client, "numpy", program).await;
    assert_eq!(first.stdout(), "6 env\n", "{first:?}");
    assert!(
        !cached(&first) && first.field("install_ms").as_u64().unwrap() > 0,
        "{first:?}"
    );
    assert!(
        first.field("installed").to_string().contains("numpy-"),
        "{first:?}"
    );

    let second = with(&mut client, "numpy", program).await;
    assert_eq!(second.stdout(), "6 env\n", "{second:?}");
    assert!(
        cached(&second) && second.field("install_ms").is_null(),
        "{second:?}"
    );
    assert_eq!(second.field("installed"), first.field("installed"));
    // Another spelling of the same request is the same request.
    let spelled = with(&mut client, " NumPy ", "import numpy").await;
    assert!(cached(&spelled), "{spelled:?}");
    // And nothing of it is there for those who did not ask for it.
    let other = client.run("import numpy").await;
    assert!(other.text().contains("ModuleNotFoundError"), "{other:?}");
    client.close().await;

    let mut client = volume.server(&[]).await;
    let elsewhere = with(&mut client, "numpy", program).await;
    assert!(
        cached(&elsewhere) && elsewhere.stdout() == "6 env\n",
        "{elsewhere:?}"
    );
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn a_program_can_neither_change_nor_look_through_the_store() {
    let what = "a_program_can_neither_change_nor_look_through_the_store";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = volume.server(&["--network", "none"]).await;
    let program = "import errno, os, six, subprocess, sys
place = os.path.dirname(six.__file__)
def tried(what, *arguments):
    try:
        what(*arguments)
        return 'DONE'
    except OSError as error:
        return errno.errorcode[error.errno]
print(tried(open, six.__file__, 'w'), tried(open, place + '/new.py', 'w'), tried(os.unlink, six.__file__))
print(tried(os.mkdir, '/env/mine'), tried(os.listdir, '/env'), tried(os.listdir, '/env/.store'))
print(tried(open, '/env/.store/format'), tried(os.chmod, six.__file__, 0o777))
print(os.listdir(place)[:0], sys.path.index(place) > 0)
pip = [sys.executable, '-m', 'pip', 'install', '--target', place, '--retries', '0', '--timeout', '2', 'attrs']
print(subprocess.run(pip, capture_output=True).returncode)
print([name for name in os.environ if name.lower() == 'https_proxy'])";
    for _ in 0..2 {
        let answer = with(&mut client, "six", program).await;
        let expected = "EROFS EROFS EROFS\nEROFS EACCES EACCES\nEACCES EROFS\n[] True\n1\n[]\n";
        assert_eq!(answer.stdout(), expected, "{answer:?}");
    }
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn scripts_and_path_files_of_a_set_work() {
    let what = "scripts_and_path_files_of_a_set_work";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = volume.server(&[]).await;
    let script = "import subprocess
print(subprocess.run(['tabulate', '-f', 'plain'], input='a b', capture_output=True, text=True).stdout)";
    let answer = with(&mut client, "tabulate", script).await;
    assert_eq!(answer.stdout(), "a  b\n\n", "{answer:?}");
    // Its hook is put in place by a .pth file, for the program and for the Pythons that it starts.
    let path_file = "import sys, subprocess, setuptools, requests
print('_distutils_hack' in sys.modules, setuptools.__file__.startswith('/env/'))
print(requests.get.__name__, subprocess.run([sys.executable, '-c', 'import requests'], capture_output=True).returncode)";
    let answer = with(&mut client, "setuptools<81, requests", path_file).await;
    assert_eq!(answer.stdout(), "True True\nget 0\n", "{answer:?}");
    // It was compiled ahead.
    let compiled = "import tabulate; print(tabulate.__cached__.startswith('/env/'), __import__('os').path.exists(tabulate.__cached__))";
    let answer = with(&mut client, "tabulate", compiled).await;
    assert_eq!(answer.stdout(), "True True\n", "{answer:?}");
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn those_who_ask_at_once_wait_for_one_builder() {
    let what = "those_who_ask_at_once_wait_for_one_builder";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = volume.server(&["--concurrency", "4"]).await;
    let mut calls = Vec::new();
    for modules in ["six", "six", "SIX", "six"] {
        let code = "import six; print(six.__version__)";
        calls.push(
            client
                .start_call(json!({ "code": code, "modules": modules }))
                .await,
        );
    }
    let mut printed = Vec::new();
    for call in calls {
        let answer = client.result(call).await;
        assert!(!answer.is_error(), "{answer:?}");
        printed.push(answer.stdout().to_owned());
    }
    printed.dedup();
    assert_eq!(printed.len(), 1, "{printed:?}");
    let log = client.log();
    assert_eq!(log.matches("built a set of modules").count(), 1, "{log}");
    client.close().await;
    assert_eq!(volume.list().await.len(), 1);
    volume.remove().await;
}

#[tokio::test]
async fn a_server_that_dies_while_it_builds_leaves_nothing_half() {
    let what = "a_server_that_dies_while_it_builds_leaves_nothing_half";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    // While the builder starts, while it installs, and while the keeper takes the set in.
    for (moment, further) in [
        ("to install the modules in", 0),
        ("to install the modules in", 1),
        ("keeping the modules", 0),
    ] {
        let mut client = volume.server(&[]).await;
        let arguments = json!({ "code": "import numpy", "modules": "numpy" });
        let call = json!({
            "name": "execute-python", "arguments": arguments, "_meta": { "progressToken": 1 },
        });
        client.request("tools/call", call).await;
        while !client.next_other().await.to_string().contains(moment) {}
        for _ in 0..further {
            client.next_other().await;
        }
        client.kill().await;
    }
    let mut client = volume.server(&[]).await;
    let answer = with(
        &mut client,
        "numpy",
        "import numpy; print(numpy.ones(3).sum())",
    )
    .await;
    assert_eq!(answer.stdout(), "3.0\n", "{answer:?}");
    client.close().await;
    let sets = volume.list().await;
    assert_eq!(sets.len(), 1, "{sets:?}");
    assert_eq!(sets[0]["sound"], true, "{sets:?}");
    volume.remove().await;
}

#[tokio::test]
async fn a_damaged_set_is_built_anew() {
    let what = "a_damaged_set_is_built_anew";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let program = "import six; print(six.PY3)";
    let mut client = volume.server(&[]).await;
    with(&mut client, "six", program).await;
    client.close().await;
    for damage in [
        "import glob; open(glob.glob('/env/*/six.py')[0], 'w')",
        "import glob, os; os.unlink(glob.glob('/env/*/six.py')[0])",
        "import glob, shutil; shutil.rmtree(glob.glob('/env/[0-9a-f]*')[0])",
        "import glob, os; [os.truncate(file, 3) for file in glob.glob('/env/.store/sets/*')]",
        "import glob, os; [os.truncate(file, 3) for file in glob.glob('/env/.store/requests/*')]",
    ] {
        volume.meddle(damage).await;
        let mut client = volume.server(&[]).await;
        let answer = with(&mut client, "six", program).await;
        assert_eq!(
            (answer.stdout(), cached(&answer)),
            ("True\n", false),
            "{damage}: {answer:?}"
        );
        let answer = with(&mut client, "six", program).await;
        assert_eq!(
            (answer.stdout(), cached(&answer)),
            ("True\n", true),
            "{damage}: {answer:?}"
        );
        client.close().await;
    }
    volume.remove().await;
}

#[tokio::test]
async fn offline_serves_what_is_kept_and_says_what_is_not() {
    let what = "offline_serves_what_is_kept_and_says_what_is_not";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let (code, out, err) = volume.env(&["build", "six"]).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("built: six-"), "{out}");
    let (_, out, _) = volume.env(&["build", "Six", "--json"]).await;
    let again: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(again["cached"], true, "{out}");

    // Its answer is from long ago, which offline does not matter.
    volume
        .meddle(
            "import glob, json
for file in glob.glob('/env/.store/requests/*'):
    answer = json.load(open(file)); answer['resolved'] = 5; json.dump(answer, open(file, 'w'))",
        )
        .await;
    let mut client = volume.server(&["--offline"]).await;
    let kept = with(&mut client, "six", "import six; print(six.PY3)").await;
    assert_eq!((kept.stdout(), cached(&kept)), ("True\n", true), "{kept:?}");
    let missing = with(&mut client, "attrs", "print('ran')").await;
    assert!(
        missing.is_error() && missing.text().contains("offline"),
        "{missing:?}"
    );
    assert!(!missing.text().contains("ran\n"), "{missing:?}");
    client.close().await;

    // With an index it is resolved anew.
    let mut client = volume.server(&[]).await;
    let anew = with(&mut client, "six", "import six").await;
    assert!(!cached(&anew) && !anew.is_error(), "{anew:?}");
    client.close().await;
    // What came from one index does not answer for another.
    let nowhere = ["--index-url", "http://127.0.0.1:9/simple"];
    let mut client = volume.server(&nowhere).await;
    let unknown = with(&mut client, "six", "print('ran')").await;
    assert!(
        unknown.is_error() && unknown.text().contains("index"),
        "{unknown:?}"
    );
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn failures_are_told_as_without_a_store() {
    let what = "failures_are_told_as_without_a_store";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = volume
        .server(&["--modules-size", "24MiB", "--deny-package", "numpy"])
        .await;
    let unknown = "no-such-project-4a2c91";
    for (modules, words) in [
        (unknown, vec![unknown, "No matching distribution"]),
        ("docopt==0.6.2", vec!["docopt", "allow-source-packages"]),
        ("urllib3<2, urllib3>=2", vec!["urllib3"]),
        ("scipy", vec!["24 MiB", "scipy"]),
        ("numpy", vec!["numpy", "not allowed"]),
        ("patsy", vec!["numpy"]),
    ] {
        is_refused_with(&mut client, modules, &words).await;
    }
    client.close().await;
    let mut client = volume.server(&["--allow-package", "requests"]).await;
    let named = with(&mut client, "six", "print('ran')").await;
    assert!(
        named.is_error() && named.text().contains("not allowed"),
        "{named:?}"
    );
    let came_with = with(&mut client, "requests", "import urllib3; print('ran')").await;
    assert_eq!(came_with.stdout(), "ran\n", "{came_with:?}");
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn the_playwright_of_the_image_comes_unnamed() {
    let what = "the_playwright_of_the_image_comes_unnamed";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = Client::start(&turn.engine, &["--environments", &volume.name]).await;
    let program = "try:
    import playwright; print('there', playwright.__file__.startswith('/env/'))
except ImportError: print('not yet')";
    let mut printed = client.run(program).await.stdout().to_owned();
    assert_eq!(printed, "not yet\n");
    let begun = std::time::Instant::now();
    while printed == "not yet\n" && begun.elapsed() < Duration::from_secs(140) {
        printed = client
            .run(&format!("import time; time.sleep(1)\n{program}"))
            .await
            .stdout()
            .to_owned();
    }
    assert_eq!(printed, "there True\n", "{}", client.log());
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn sets_are_listed_and_removed_from_the_shell() {
    let what = "sets_are_listed_and_removed_from_the_shell";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let (code, out, _) = volume.env(&["list"]).await;
    assert_eq!((code, out.as_str()), (0, "no sets of modules are kept\n"));
    let (code, _, err) = volume.env(&["build", "no-such-project-4a2c91"]).await;
    assert!(code == 1 && err.contains("no-such-project-4a2c91"), "{err}");
    let (code, _, err) = volume.env(&["build", "six", "tabulate>=0.9"]).await;
    assert_eq!(code, 0, "{err}");
    let (_, out, _) = volume.env(&["list"]).await;
    assert!(
        out.contains("six tabulate>=0.9") && out.contains("just now"),
        "{out}"
    );
    let (code, out, _) = volume.env(&["prune"]).await;
    assert_eq!((code, out.as_str()), (0, "removed 0, kept 1\n"));
    // Not while somebody has it.
    let mut client = volume.server(&[]).await;
    client.run("print()").await;
    let (code, _, err) = volume.env(&["prune", "--all"]).await;
    assert!(code != 0 && err.contains("in use"), "{err}");
    client.close().await;
    volume.remove().await;
}
