//! Starts the binary in an environment of its own and collects what it says.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The longest that anything here may take: a hang is a failure and not the end of the suite.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary, about to be started: an empty environment, an empty home.
pub(crate) struct Program {
    command: Command,
    home: TempDir,
    input: Vec<u8>,
}

impl Program {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-python-stdio"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin")
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            home,
            input: Vec::new(),
        }
    }

    /// Where there is no engine.
    pub(crate) fn without_engine(arguments: &[&str]) -> Self {
        let program = Self::new(arguments);
        let socket = format!("unix://{}/no.sock", program.home.path().display());
        program.env("DOCKER_HOST", &socket)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn input(mut self, bytes: &[u8]) -> Self {
        self.input = bytes.to_vec();
        self
    }

    /// The directory that the program takes for home and starts in.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts it, gives it its input to the end, and waits for its end.
    pub(crate) fn output(self) -> Output {
        let input = self.input.clone();
        let mut running = self.start();
        let mut stdin = running.stdin.take().unwrap();
        // A program that does not read its input is no failure of the test.
        let _ = stdin.write_all(&input);
        drop(stdin);
        running.finish()
    }

    /// Starts it with a standard output that holds a little and that nobody reads; the other end
    /// is given back.
    pub(crate) fn start_unread(mut self) -> (Running, std::io::PipeReader) {
        let (reader, writer) = std::io::pipe().unwrap();
        self.command.stdout(writer);
        (self.start(), reader)
    }

    /// With its standard output in a file.
    pub(crate) fn output_to(mut self, path: &str) -> Self {
        self.command.stdout(std::fs::File::create(path).unwrap());
        self
    }

    /// With standard streams of the test's choice.
    pub(crate) fn streams(mut self, input: impl Into<Stdio>, output: impl Into<Stdio>) -> Self {
        self.command.stdin(input).stdout(output);
        self
    }

    /// Starts it with its standard input open.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let mut stderr = child.stderr.take().unwrap();
        let (lines, stdout_lines) = std::sync::mpsc::channel();
        let out = std::thread::spawn(move || {
            let mut all = Vec::new();
            let mut byte = [0];
            let mut line = Vec::new();
            // It may have been sent elsewhere.
            let Some(mut stdout) = stdout else { return all };
            while stdout.read(&mut byte).is_ok_and(|count| count == 1) {
                all.push(byte[0]);
                line.push(byte[0]);
                if byte[0] == b'\n' {
                    let _ = lines.send(String::from_utf8_lossy(&line).into_owned());
                    line.clear();
                }
            }
            all
        });
        let err = std::thread::spawn(move || {
            let mut all = Vec::new();
            let _ = stderr.read_to_end(&mut all);
            all
        });
        Running {
            child,
            stdin,
            stdout_lines,
            out: Some(out),
            err: Some(err),
            _home: self.home,
        }
    }
}

/// The binary, running. It is killed when this goes.
pub(crate) struct Running {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    stdout_lines: std::sync::mpsc::Receiver<String>,
    out: Option<std::thread::JoinHandle<Vec<u8>>>,
    err: Option<std::thread::JoinHandle<Vec<u8>>>,
    _home: TempDir,
}

impl Running {
    /// Sends a line.
    pub(crate) fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).unwrap();
        stdin.write_all(b"\n").unwrap();
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.stdout_lines
            .recv_timeout(PATIENCE)
            .expect("a line on standard output")
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// The most memory that it has had so far, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(status).unwrap();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.unwrap().trim().strip_suffix("kB").unwrap();
        kib.trim().parse().unwrap()
    }

    /// Waits until it listens for SIGINT itself, instead of being ended by it.
    #[cfg(target_os = "linux")]
    pub(crate) fn wait_until_interruptible(&self) {
        const SIGINT: u64 = 1 << 1;
        let status = format!("/proc/{}/status", self.child.id());
        let end = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(&status).unwrap();
            let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            if u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & SIGINT != 0 {
                return;
            }
            assert!(Instant::now() < end, "the program does not listen");
            // There is no event for this.
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Output {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "the program did not end");
            // The standard library has no wait with a limit.
            std::thread::park_timeout(Duration::from_millis(5));
        };
        let stdout = self.out.take().unwrap().join().unwrap();
        let stderr = self.err.take().unwrap().join().unwrap();
        Output {
            status,
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
