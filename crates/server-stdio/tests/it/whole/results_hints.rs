//! Failures that teach: what each kind of failed program is told to do about it, by the real server on a real engine.

use serde_json::json;

use super::client::{Client, turn};

/// A program that fails, what it is given besides, and what the text of its result must say.
struct Case {
    name: &'static str,
    code: &'static str,
    modules: &'static str,
    says: &'static [&'static str],
    /// Whether there is a line that begins with `hint: `.
    is_hinted: bool,
}

const fn case(name: &'static str, code: &'static str, says: &'static [&'static str]) -> Case {
    Case {
        name,
        code,
        modules: "",
        says,
        is_hinted: true,
    }
}

const CASES: &[Case] = &[
    case(
        "cv2",
        "import cv2",
        &["`\"modules\": [\"opencv-python-headless\"]`"],
    ),
    case(
        "PIL",
        "from PIL import Image",
        &["`\"modules\": [\"pillow\"]`"],
    ),
    case(
        "sklearn",
        "import sklearn.svm",
        &["`\"modules\": [\"scikit-learn\"]`"],
    ),
    case(
        "bs4",
        "from bs4 import BeautifulSoup",
        &["`\"modules\": [\"beautifulsoup4\"]`"],
    ),
    case("yaml", "import yaml", &["`\"modules\": [\"pyyaml\"]`"]),
    case(
        "dateutil",
        "import dateutil",
        &["`\"modules\": [\"python-dateutil\"]`"],
    ),
    case(
        "its own name",
        "import numpy as np",
        &["`\"modules\": [\"numpy\"]`"],
    ),
    case(
        "not in this image's Python",
        "import tkinter",
        &["do without it"],
    ),
    Case {
        modules: "six",
        ..case(
            "a part that is not there",
            "import six.nothing",
            &["`six` is installed, but has no module `six.nothing`"],
        )
    },
    case(
        "another version of Playwright's browsers",
        "raise Exception(\"BrowserType.launch: Executable doesn't exist at /root/.cache/ms-playwright/chromium-1000/chrome\")",
        &["name `playwright` without a version"],
    ),
    case(
        "a private address, over TLS",
        "import urllib.request; urllib.request.urlopen('https://10.0.0.1/')",
        &[
            "programs reach public hosts over HTTP and HTTPS",
            "network: a connection to `10.0.0.1:443` was refused",
        ],
    ),
    // The answer is the program's to read, and says it.
    Case {
        is_hinted: false,
        ..case(
            "a private address",
            "import urllib.request; urllib.request.urlopen('http://10.0.0.1/')",
            &[
                "the policy allows public addresses on ports 80 and 443",
                "network: a connection to `10.0.0.1:80` was refused",
            ],
        )
    },
    case(
        "past the proxy",
        "import socket; socket.create_connection(('1.1.1.1', 80))",
        &["what does not use it reaches nothing"],
    ),
    case(
        "past the proxy, by name",
        "import socket; socket.create_connection(('example.com', 80))",
        &["what does not use it reaches nothing"],
    ),
    case(
        "input",
        "input('name? ')",
        &["pass what `input()` is to read as `stdin`"],
    ),
    case(
        "the disk",
        "with open('full', 'wb') as file:\n    while True: file.write(bytes(1 << 20))",
        &[
            "`/tmp` holds 32 MiB",
            "256 MiB",
            "(`--tmp-size`, `--memory`)",
        ],
    ),
    case(
        "processes",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        &["at once; start fewer", "(`--processes`)"],
    ),
    case(
        "memory that is asked for",
        "bytearray(1 << 45)",
        &["the sandbox has 256 MiB of memory", "(`--memory`)"],
    ),
    Case {
        is_hinted: false,
        ..case(
            "memory that is used",
            "kept = []\nwhile True: kept.append(bytearray(1 << 22))",
            &["out of memory: the limit is 256 MiB", "(`--memory`)"],
        )
    },
    Case {
        is_hinted: false,
        ..case(
            "time",
            "while True: pass",
            &["timed out after 2 s; raise timeout_seconds (up to 600)"],
        )
    },
    Case {
        is_hinted: false,
        ..case(
            "syntax",
            "x = 1\ny = (2,\nprint(x)\nfor\n",
            &["line 2", "    y = (2,", "SyntaxError: '(' was never closed"],
        )
    },
    Case {
        is_hinted: false,
        ..case(
            "its own mistake",
            "def half(x):\n    return x / 0\n\nhalf(4)",
            &[
                "line 4, in <module>",
                "    half(4)",
                "line 2, in half",
                "ZeroDivisionError",
            ],
        )
    },
    case(
        "read-only",
        "open('/etc/mine', 'w')",
        &["a program writes below `/tmp`"],
    ),
];

#[tokio::test]
async fn a_failed_program_is_told_what_to_do() {
    let Some(turn) = turn("a_failed_program_is_told_what_to_do").await else {
        return;
    };
    let options = ["--memory", "256MiB", "--tmp-size", "32MiB"];
    let mut client = Client::start(&turn.engine, &options).await;
    let mut failures = Vec::new();
    for case in CASES {
        let answer = client
            .call(json!({ "code": case.code, "modules": case.modules, "timeout_seconds": 2 }))
            .await;
        let text = answer.text();
        let hints: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("hint: "))
            .collect();
        let is_hinted = !hints.is_empty();
        // Who reads the structured form reads the same.
        let structured = answer
            .field("hints")
            .as_array()
            .cloned()
            .unwrap_or_default();
        if hints != structured {
            failures.push(format!("{}: {structured:?}", case.name));
        }
        let says = case.says.iter().all(|part| text.contains(part));
        if !answer.is_error() || is_hinted != case.is_hinted || !says {
            failures.push(format!("{}: {text}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    client.close().await;
}

#[tokio::test]
async fn a_refused_connection_names_the_policy_in_force() {
    let what = "a_refused_connection_names_the_policy_in_force";
    let Some(turn) = turn(what).await else { return };
    let code = "import urllib.request; urllib.request.urlopen('https://example.com/', timeout=20)";
    for (options, says) in [
        (
            &["--network", "none"][..],
            "programs reach nothing outside of their sandbox here; only the operator can change that (`--network`)",
        ),
        (
            &["--allow", "example.org"][..],
            "programs reach these hosts only, through the proxy that `HTTPS_PROXY` names: example.org",
        ),
    ] {
        let mut client = Client::start(&turn.engine, options).await;
        let answer = client.run(code).await;
        assert!(answer.is_error());
        assert!(answer.text().contains(says), "{}", answer.text());
        client.close().await;
    }
}
