//! `modules`: what is installed, what is refused before anything runs, and what a failing install
//! says.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Answer, Client, turn};

/// Calls with these modules and a program that tells whether it ran.
pub(super) async fn with(client: &mut Client, modules: impl Into<Value>, code: &str) -> Answer {
    client
        .call(json!({ "code": code, "modules": modules.into() }))
        .await
}

/// Sees that no program runs with these modules, and that these words say why.
pub(super) async fn is_refused_with(client: &mut Client, modules: &str, words: &[&str]) {
    let answer = with(client, modules, "print('ran')").await;
    let text = answer.text();
    assert!(
        answer.is_error() && !text.contains("ran\n"),
        "{modules}: {text}"
    );
    for word in words {
        assert!(
            text.contains(word),
            "{modules}: `{word}` is missing in: {text}"
        );
    }
}

#[tokio::test]
async fn what_is_no_requirement_is_refused_by_name() {
    let Some(turn) = turn("what_is_no_requirement_is_refused_by_name").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let many = (0..10_000)
        .map(|number| format!("m{number}"))
        .collect::<Vec<_>>();
    let mut failures = Vec::new();
    for (modules, named) in [
        ("--index-url=http://evil.test/", "--index-url"),
        ("-r /etc/passwd", "-r"),
        ("requests --target=/", "requests"),
        ("-e .", "-e"),
        ("git+https://example.com/x.git", "git+https"),
        ("x @ file:///etc/passwd", "x"),
        ("https://example.com/x.whl", "https:"),
        ("./local", "./local"),
        ("/abs/path", "/abs"),
        ("C:\\x", "C:"),
        ("requests; rm -rf /", "requests"),
        ("$(touch /tmp/x)", "$(touch"),
        ("`id`", "id"),
        ("a && b", "a && b"),
        ("requests\nflask", "requests"),
        ("r\u{435}quests", "r"),
        ("requests;python_version>'3'", "requests"),
        ("requests==", "requests"),
        ("playwright==1.40.0", "playwright"),
    ] {
        let answer = with(&mut client, modules, "print('ran')").await;
        let text = answer.text();
        if !answer.is_error() || !text.contains(named) || text.contains("ran\n") {
            failures.push(format!("{modules:?}: {text}"));
        }
    }
    let begun = Instant::now();
    for modules in [json!(many.join(", ")), json!(many)] {
        let answer = with(&mut client, modules, "print('ran')").await;
        let text = answer.text();
        if !answer.is_error() || !text.contains("64") || text.len() > 2000 {
            failures.push(format!(
                "10,000 names: {}",
                text.chars().take(300).collect::<String>()
            ));
        }
    }
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "10,000 names took {:?}",
        begun.elapsed()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    client.close().await;
}

#[tokio::test]
async fn the_standard_library_is_there_and_not_fetched() {
    let Some(turn) = turn("the_standard_library_is_there_and_not_fetched").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let answer = with(
        &mut client,
        "json, os",
        "import json, os; print(json.dumps([1]))",
    )
    .await;
    assert_eq!(
        (answer.is_error(), answer.stdout()),
        (false, "[1]\n"),
        "{answer:?}"
    );
    let notes = answer.field("notes").to_string();
    assert!(notes.contains("`json` is part of Python"), "{notes}");
    assert!(answer.field("installed").is_null(), "{answer:?}");
    client.close().await;
}

#[tokio::test]
async fn requirements_with_commas_are_installed() {
    let Some(turn) = turn("requirements_with_commas_are_installed").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let program = "import numpy, pandas
print(pandas.__version__.split('.')[0], int(numpy.arange(4).sum()), pandas.DataFrame({'a': [1]}).a[0])";
    let answer = with(&mut client, "pandas>=2,<3, numpy", program).await;
    assert_eq!(answer.stdout(), "2 6 1\n", "{answer:?}");
    let installed = answer.field("installed").to_string();
    assert!(
        installed.contains("pandas-2") && installed.contains("numpy-"),
        "{installed}"
    );
    assert!(answer.field("install_ms").as_u64().unwrap() > 0);

    // A list of strings is taken as well, and nothing of one call is there in the next.
    let answer = with(&mut client, json!(["six"]), "import six; print(six.PY3)").await;
    assert_eq!(answer.stdout(), "True\n", "{answer:?}");
    let answer = client.run("import six").await;
    assert!(
        answer.is_error() && answer.text().contains("ModuleNotFoundError"),
        "{answer:?}"
    );
    client.close().await;
}

#[tokio::test]
async fn a_failing_install_is_told_in_the_installers_words() {
    let what = "a_failing_install_is_told_in_the_installers_words";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &["--modules-size", "24MiB"]).await;
    let unknown = "no-such-project-4a2c91";
    for (modules, words) in [
        (unknown, vec![unknown, "No matching distribution"]),
        // There is only a source package of it.
        ("docopt==0.6.2", vec!["docopt", "allow-source-packages"]),
        (
            "six==1.16.0, six-nonexistent-9c1",
            vec!["six-nonexistent-9c1"],
        ),
        ("urllib3<2, urllib3>=2", vec!["urllib3"]),
        ("numpy", vec!["24 MiB", "numpy"]),
    ] {
        is_refused_with(&mut client, modules, &words).await;
    }
    let next = client.run("print('next')").await;
    assert_eq!(next.stdout(), "next\n", "{next:?}");
    client.close().await;
}

#[tokio::test]
async fn the_installer_cannot_be_reached_by_the_program() {
    let what = "the_installer_cannot_be_reached_by_the_program";
    let Some(turn) = turn(what).await else { return };
    let mut client = Client::start(&turn.engine, &["--network", "none"]).await;
    // Even without a network for programs, modules come; but only before the program starts, and
    // what was installed cannot be changed by it.
    let program = "import os, six, subprocess, sys
print(six.PY3, [name for name in os.environ if name.lower() == 'https_proxy'])
try:
    open(os.path.join(os.path.dirname(six.__file__), 'six.py'), 'w')
    print('changed')
except OSError: print('kept')
tried = subprocess.run([sys.executable, '-m', 'pip', 'install', '--target', '/tmp/x', '--retries', '0',
                        '--timeout', '2', 'attrs'], capture_output=True)
print(tried.returncode)";
    let answer = with(&mut client, "six", program).await;
    assert_eq!(answer.stdout(), "True []\nkept\n1\n", "{answer:?}");
    client.close().await;
}
