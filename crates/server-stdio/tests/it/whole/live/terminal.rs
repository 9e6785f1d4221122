//! `run` on a terminal: what the program prints is seen as it comes, and what is waited for in a line of its own.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use executor_testkit::engine::Engine;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::super::client::turn;

/// The longest that nothing may be seen; an install is among what is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary on a terminal of its own. It is killed when this goes.
struct Seen {
    child: Child,
    screen: mpsc::Receiver<Vec<u8>>,
    /// Everything so far.
    text: String,
}

impl Seen {
    fn start(mut command: Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let ours = openpt(flags).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let path = Path::new(name.to_str().unwrap());
        let theirs = File::options().read(true).write(true).open(path).unwrap();
        let stream = || Stdio::from(OwnedFd::from(theirs.try_clone().unwrap()));
        command.stdin(stream()).stdout(stream()).stderr(stream());
        let child = command.spawn().unwrap();
        drop((command, theirs));
        let (sender, screen) = mpsc::channel();
        let mut ours = File::from(ours);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error when nobody has the other end any more.
            while let Ok(count @ 1..) = ours.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            screen,
            text: String::new(),
        }
    }

    /// Waits until all of this has been seen.
    fn until(&mut self, wanted: &[&str]) {
        while !wanted.iter().all(|part| self.text.contains(part)) {
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{wanted:?} is not all in: {}", self.text),
            }
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `run` of a program in this image, with these arguments besides.
fn run(engine: &Engine, image: &str, file: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-python-stdio"));
    command
        .arg("run")
        .args(arguments)
        .arg(file)
        .env("MCP_PYTHON_IMAGE", image)
        .env("MCP_PYTHON_ENVIRONMENTS", "off");
    if let Some(host) = engine.host() {
        command.env("DOCKER_HOST", host);
    }
    command
}

#[tokio::test]
async fn an_image_that_is_pulled_is_one_line_of_progress() {
    let Some(turn) = turn("an_image_that_is_pulled_is_one_line_of_progress").await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("main.py");
    std::fs::write(&file, "print('ran')").unwrap();
    // Nobody listens on port 1, so the pull is begun and fails.
    let image = "127.0.0.1:1/no-such-image:ever";
    let mut seen = Seen::start(run(&turn.engine, image, &file, &[]));
    seen.until(&["error: "]);
    let pulling = format!("\r\u{1b}[K[pulling the image {image}]");
    let (before, after) = seen.text.split_once(&pulling).expect("the pull is told");
    assert!(!before.contains('\n'), "{before:?}");
    assert!(after.starts_with("\r\u{1b}[Kerror: "), "{after:?}");
}

#[tokio::test]
async fn a_terminal_shows_a_program_while_it_runs() {
    let Some(turn) = turn("a_terminal_shows_a_program_while_it_runs").await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("main.py");
    let code = "import six, time
print('first', flush=True)
time.sleep(0.5)
display([six.PY3])
time.sleep(0.5)
print('your name? ', end='', flush=True)
time.sleep(600)";
    std::fs::write(&file, code).unwrap();
    let image = turn.engine.image();
    let command = run(&turn.engine, image, &file, &["--modules", "six"]);
    let mut seen = Seen::start(command);
    // None of it waits for the end, which is minutes away.
    seen.until(&["first\r\n", "[display: [True]]\r\n", "your name? "]);
    assert_eq!(seen.child.try_wait().unwrap(), None, "it has ended");
    let (before, after) = seen.text.split_once("first\r\n").unwrap();
    // Progress was one line, written anew, and it was gone before the first line of the program.
    assert!(before.contains("six"), "{before:?}");
    assert!(before.ends_with("\r\u{1b}[K"), "{before:?}");
    assert!(!before.contains('\n'), "{before:?}");
    assert!(after.ends_with("your name? "), "{after:?}");
}
