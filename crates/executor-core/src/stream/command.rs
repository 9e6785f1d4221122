//! What the runner is told to make ready and to run, and its JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::error::StreamError;
use super::frame::MAX_CONTROL;
use super::report::Trusted;
use crate::files::InputFile;
use crate::limits::{ByteSize, ResultLimits};

/// One command of a sandbox: any number of `command`s, then one `program`.
#[derive(Debug, Clone)]
pub(crate) struct RunCommand {
    wire: Wire,
}

/// The JSON of a `Run` frame. `docs/stream.md` says what each field means.
#[derive(Debug, Clone, Serialize)]
struct Wire {
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    argv: Vec<String>,
    program_bytes: usize,
    name: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    env_pass: Vec<String>,
    cwd: String,
    uid: Option<u32>,
    gid: Option<u32>,
    module_paths: Vec<String>,
    modules_dir: Option<String>,
    deadline_ms: u64,
    output_limit: u64,
    proxy: bool,
    /// Names and sizes; what stands in them follows the program's text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<(String, usize)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<ResultsWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sets: Option<SetWish>,
}

/// What a program may leave to be seen.
#[derive(Debug, Clone, Serialize)]
struct ResultsWire {
    displays: usize,
    files: usize,
    item_bytes: u64,
    total_bytes: u64,
    picture_side: u32,
    picture_bytes: u64,
    #[serde(skip)]
    limits: ResultLimits,
}

/// The sets of modules that a command or program finds on its paths, as process 1 looks them up in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SetWish {
    /// Where the store is mounted.
    pub(crate) store: String,
    /// The request whose set it needs: without that set nothing is run.
    pub(crate) request: Option<String>,
    /// Such a set counts only if it was resolved then or later, in Unix seconds.
    pub(crate) not_before: u64,
    /// Whether every file of that set is held against its record first.
    pub(crate) check: bool,
    /// The request whose set lies behind everything else on the paths, if it is there.
    pub(crate) last: Option<String>,
}

impl RunCommand {
    /// A Python program whose text is the first `length` bytes of the input; the rest is its stdin.
    pub(crate) fn program(length: usize) -> Self {
        Self::new("program", Vec::new(), length)
    }

    /// A program of the image with its arguments; the input is its stdin. No shell is involved.
    pub(crate) fn command(argv: Vec<String>) -> Self {
        Self::new("command", argv, 0)
    }

    fn new(kind: &'static str, argv: Vec<String>, program_bytes: usize) -> Self {
        let wire = Wire {
            kind,
            argv,
            program_bytes,
            name: "main.py".to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            env_pass: Vec::new(),
            cwd: "/tmp".to_owned(),
            uid: None,
            gid: None,
            module_paths: Vec::new(),
            modules_dir: None,
            deadline_ms: 60_000,
            output_limit: 1 << 30,
            proxy: false,
            files: Vec::new(),
            results: None,
            sets: None,
        };
        Self { wire }
    }

    /// With these sets of the store on its paths.
    pub(crate) fn sets(mut self, wish: SetWish) -> Self {
        self.wire.sets = Some(wish);
        self
    }

    /// Files of a program's working directory. What stands in them follows its text in the input, in this order.
    pub(crate) fn files(mut self, files: &[InputFile]) -> Self {
        let files = files.iter();
        self.wire.files = files
            .map(|file| (file.name.as_str().to_owned(), file.bytes.len()))
            .collect();
        self
    }

    /// What a program leaves to be seen is taken, within these bounds: displays, among them the value of its last line,
    /// and files in its working directory.
    pub(crate) fn results(mut self, limits: ResultLimits) -> Self {
        self.wire.results = Some(ResultsWire {
            displays: limits.displays,
            files: limits.files,
            item_bytes: limits.item.get(),
            total_bytes: limits.total.get(),
            picture_side: limits.picture_side,
            picture_bytes: limits.picture.get(),
            limits,
        });
        self
    }

    /// The bounds of what it leaves to be seen, if that is taken.
    pub(super) fn result_limits(&self) -> Option<ResultLimits> {
        self.wire.results.as_ref().map(|results| results.limits)
    }

    /// `sys.argv[1:]` of a program.
    pub(crate) fn args(mut self, args: Vec<String>) -> Self {
        self.wire.args = args;
        self
    }

    /// Its whole environment, but for what the runner adds for proxy and certificates.
    pub(crate) fn env(mut self, env: BTreeMap<String, String>) -> Self {
        self.wire.env = env;
        self
    }

    /// Names that it takes over from process 1's own environment, where they are set there.
    pub(crate) fn env_pass(mut self, names: Vec<String>) -> Self {
        self.wire.env_pass = names;
        self
    }

    /// Its working directory, made if it is missing; a program's text is written there.
    pub(crate) fn cwd(mut self, path: &str) -> Self {
        path.clone_into(&mut self.wire.cwd);
        if self.wire.kind == "command" {
            self.wire.modules_dir = Some(path.to_owned());
        }
        self
    }

    /// The user and group it runs as. A runner outside a sandbox leaves it as it is.
    pub(crate) fn user(mut self, id: u32) -> Self {
        (self.wire.uid, self.wire.gid) = (Some(id), Some(id));
        self
    }

    /// Directories of modules, searched behind the standard library and before the image's own.
    pub(crate) fn module_paths(mut self, paths: Vec<String>) -> Self {
        self.wire.modules_dir = paths.first().cloned();
        self.wire.module_paths = paths;
        self
    }

    /// After this time the runner ends it.
    pub(crate) fn deadline(mut self, time: Duration) -> Self {
        self.wire.deadline_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// What it may print on both streams together before the runner ends it.
    pub(crate) fn output_limit(mut self, limit: ByteSize) -> Self {
        self.wire.output_limit = limit.get();
        self
    }

    /// Whether the proxy's port is opened and named in its environment.
    pub(crate) fn proxy(mut self, open: bool) -> Self {
        self.wire.proxy = open;
        self
    }

    /// Whether this is the program, after which nothing else runs.
    pub(super) fn is_last(&self) -> bool {
        self.wire.kind == "program"
    }

    /// The payload of its `Run` frame.
    pub(super) fn to_json(&self) -> Result<Bytes, StreamError> {
        control("Run", &self.wire)
    }
}

/// What is alike for all commands of a sandbox: made ready while the first is awaited, so that it costs none of them
/// time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Surroundings {
    ca_pem: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<Trusted>,
    state_dir: String,
    home: String,
    uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Wire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<Ahead>,
}

/// What the program's process makes ready before its order comes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ahead {
    projects: Vec<String>,
    imports: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    browser: bool,
    patience_ms: u64,
}

impl Ahead {
    /// Nothing yet. After `patience` the runner gives it up.
    pub(crate) fn within(patience: Duration) -> Self {
        Self {
            projects: Vec::new(),
            imports: Vec::new(),
            browser: false,
            patience_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// With everything that is imported of these installed projects.
    pub(crate) fn projects(mut self, names: Vec<String>) -> Self {
        self.projects = names;
        self
    }

    /// With these modules imported.
    pub(crate) fn imports(mut self, names: Vec<String>) -> Self {
        self.imports = names;
        self
    }

    /// With a browser prepared.
    pub(crate) const fn browser(mut self) -> Self {
        self.browser = true;
        self
    }
}

impl Surroundings {
    /// For a program that will run as `user` and whose `HOME` is `home`.
    pub(crate) fn of(user: u32, home: &str) -> Self {
        Self {
            ca_pem: String::new(),
            made: None,
            state_dir: "/run/sandbox".to_owned(),
            home: home.to_owned(),
            uid: user,
            order: None,
            ahead: None,
        }
    }

    /// For a program that will be ordered as `command` is: its process takes that place ahead. Its text, arguments, files,
    /// bounds and modules are not known by that. An order for another place is carried out too, by another process.
    pub(crate) fn expecting(mut self, command: RunCommand) -> Self {
        self.order = Some(command.wire);
        self
    }

    /// With this made ready in the place of a program that will be ordered as `command` is, its modules included. The
    /// runner says what came of it, and gives it to no other program.
    pub(crate) fn ahead(mut self, command: RunCommand, ahead: Ahead) -> Self {
        self.ahead = Some(ahead);
        self.expecting(command)
    }

    /// Whether the runner has to say what came of something.
    pub(super) const fn has_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// Certificates, as PEM, that everything in the sandbox trusts besides the image's own. Empty for none.
    pub(crate) fn extra_certificates(mut self, pem: String) -> Self {
        self.ca_pem = pem;
        self
    }

    /// With what another sandbox of the same image has made of these certificates, if one has.
    pub(crate) fn trusted(mut self, made: Option<Trusted>) -> Self {
        self.made = made;
        self
    }

    /// Whether the runner has to say what it makes of certificates.
    pub(super) const fn makes_trusted(&self) -> bool {
        !self.ca_pem.is_empty() && self.made.is_none()
    }

    /// Where process 1 may write, instead of `/run/sandbox`.
    #[cfg(test)]
    pub(crate) fn state_dir(mut self, path: &str) -> Self {
        path.clone_into(&mut self.state_dir);
        self
    }

    /// The payload of its `Prepare` frame.
    pub(super) fn to_json(&self) -> Result<Bytes, StreamError> {
        control("Prepare", self)
    }
}

fn control(kind: &'static str, payload: &impl Serialize) -> Result<Bytes, StreamError> {
    let json = serde_json::to_vec(payload).map_err(|error| StreamError::BadJson {
        kind,
        reason: error.to_string(),
    })?;
    if json.len() > MAX_CONTROL {
        return Err(StreamError::CommandTooLong {
            length: json.len(),
            limit: MAX_CONTROL,
        });
    }
    Ok(json.into())
}
