//! The plan run by the real pip of this machine against an index of our own on the loopback.

use std::path::Path;
use std::process::Output;

use expect_test::{Expect, expect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::{InstallEnd, InstallPlan, InstallSettings, ModuleSet, Pin};

/// An index with three projects: `greeting` and `dependant` as wheels, `raw` as a source package only.
struct Index {
    address: String,
    _server: JoinSet<()>,
}

impl Index {
    async fn start(files: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/simple", listener.local_addr().unwrap());
        let files = files.to_owned();
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                answer(connection, &files).await;
            }
        });
        Self {
            address,
            _server: server,
        }
    }
}

/// Answers one request and closes.
async fn answer(mut connection: TcpStream, files: &Path) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let page = |file: &str| format!("<a href=\"/files/{file}\">{file}</a>").into_bytes();
    let (status, kind, body) = match path {
        "/simple/greeting/" => ("200 OK", "text/html", page("greeting-1.0-py3-none-any.whl")),
        "/simple/dependant/" => (
            "200 OK",
            "text/html",
            page("dependant-1.0-py3-none-any.whl"),
        ),
        "/simple/raw/" => ("200 OK", "text/html", page("raw-1.0.tar.gz")),
        _ => match path
            .strip_prefix("/files/")
            .map(|file| std::fs::read(files.join(file)))
        {
            Some(Ok(file)) => ("200 OK", "application/octet-stream", file),
            _ => ("404 Not Found", "text/plain", Vec::new()),
        },
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    if connection.write_all(head.as_bytes()).await.is_ok() {
        let _ = connection.write_all(&body).await;
    }
}

/// Makes the wheels; a wheel is a zip file, and Python makes those.
const MAKE_WHEELS: &str = r#"
import sys, zipfile
for name, needs in (("greeting", ""), ("dependant", "Requires-Dist: playwright>=2\nRequires-Dist: greeting\n")):
    with zipfile.ZipFile(f"{sys.argv[1]}/{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "print('hello')\n")
        info = f"{name}-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
"#;

async fn python(arguments: &[&str]) -> Option<Output> {
    let output = Command::new("python3")
        .args(arguments)
        .output()
        .await
        .ok()?;
    output.status.success().then_some(output)
}

/// Installs `modules` and shows what a caller would hear of it.
async fn install(modules: &str, settings: &InstallSettings) -> String {
    let plan = InstallPlan::new(ModuleSet::parse(modules).unwrap(), settings).unwrap();
    let argv = plan.argv();
    let mut command = Command::new(&argv[0]);
    command
        .args(&argv[1..])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let output = command.envs(plan.environment()).output().await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "pip's own errors go to the same pipe"
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        let installed = InstallPlan::installed(&text);
        let names: Vec<String> = installed
            .iter()
            .map(|one| format!("{} {}", one.name, one.version))
            .collect();
        return format!("installed {}", names.join(", "));
    }
    let failure = plan.diagnose(&InstallEnd::new(&text).exit_code(output.status.code().unwrap()));
    failure.to_string()
}

#[tokio::test]
async fn installs_and_failures() {
    if python(&["-m", "pip", "--version"]).await.is_none() {
        println!("SKIPPED: installs by the real pip: this machine's python3 has no pip");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (files, target) = (
        directory.path().join("files"),
        directory.path().join("modules"),
    );
    std::fs::create_dir(&files).unwrap();
    std::fs::create_dir(&target).unwrap();
    python(&["-c", MAKE_WHEELS, files.to_str().unwrap()])
        .await
        .unwrap();
    let index = Index::start(&files).await;
    let settings = InstallSettings {
        index: index.address.parse().unwrap(),
        pins: vec![Pin::playwright("1.53.0").unwrap()],
        target: target.to_str().unwrap().to_owned(),
        ..InstallSettings::default()
    };
    let check = async |modules: &str, expected: &Expect| {
        expected.assert_eq(&install(modules, &settings).await);
        assert!(
            !target.join(".install").exists(),
            "the installer's own files are gone"
        );
    };
    check("greeting>=1,<2", &expect!["installed greeting 1.0"]).await;
    assert!(target.join("greeting.py").is_file());
    check(
        "absent-project",
        &expect!["the package index has no project `absent-project`"],
    )
    .await;
    check(
        "raw",
        &expect!["module `raw` has no wheel for the sandbox's Python and platform"],
    )
    .await;
    check("greeting==3", &expect!["no version of a module satisfies `greeting==3`; the newest that could be installed are 1.0"]).await;
    // The image's version binds what others depend on as well.
    check("dependant", &expect!["the modules exclude each other: dependant 1.0 depends on playwright>=2; The user requested (constraint) playwright==1.53.0"]).await;
}
