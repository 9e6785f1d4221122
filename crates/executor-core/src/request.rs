//! What a caller asks for: one program, what it needs, and its limits.

use bytes::Bytes;

use crate::error::{ErrorKind, Result, SandboxError};
use crate::files::{self, InputFile};
use crate::limits::{ByteSize, MAX_PROGRAM, WallTime};
use crate::modules::ModuleSet;

/// One run of one program.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExecutionRequest {
    /// The program's text, as bytes: Python reads its encoding cookie itself. At most
    /// [`MAX_PROGRAM`].
    pub program: Bytes,
    /// What to install before it starts.
    pub modules: ModuleSet,
    /// How long it may run; the executor's default if `None`.
    pub timeout: Option<WallTime>,
    /// What it reads from standard input. At most [`MAX_STDIN`].
    pub stdin: Bytes,
    /// What it finds in its working directory. At most [`MAX_INPUT_FILES`](crate::files::MAX_INPUT_FILES) of
    /// [`MAX_INPUT_BYTES`](crate::files::MAX_INPUT_BYTES) together.
    pub files: Vec<InputFile>,
    /// `sys.argv[1:]`. At most 1024 of at most 128 KiB together.
    pub args: Vec<String>,
    /// On whose behalf it is: a name, and no secret. The [audit](crate::audit) has it, and where runs wait, callers take
    /// turns.
    pub caller: Option<String>,
}

/// The most that a request may bring for standard input: 16 MiB.
pub const MAX_STDIN: ByteSize = ByteSize::mib(16);

const MAX_ARGS: usize = 1024;
const MAX_ARGS_BYTES: usize = 128 * 1024;

impl ExecutionRequest {
    /// A program that needs no modules, reads nothing and has the default time.
    #[must_use]
    pub fn new(program: impl Into<Bytes>) -> Self {
        Self {
            program: program.into(),
            modules: ModuleSet::default(),
            timeout: None,
            stdin: Bytes::new(),
            files: Vec::new(),
            args: Vec::new(),
            caller: None,
        }
    }

    /// With these modules installed first.
    #[must_use]
    pub fn with_modules(mut self, modules: ModuleSet) -> Self {
        self.modules = modules;
        self
    }

    /// With this time limit.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: WallTime) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// With this on standard input.
    #[must_use]
    pub fn with_stdin(mut self, stdin: impl Into<Bytes>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// With these files in its working directory.
    #[must_use]
    pub fn with_files(mut self, files: Vec<InputFile>) -> Self {
        self.files = files;
        self
    }

    /// With these arguments after the program's name.
    #[must_use]
    pub fn with_args(mut self, args: Vec<String>) -> Self {
        self.args = args;
        self
    }

    /// On behalf of this one.
    #[must_use]
    pub fn with_caller(mut self, caller: impl Into<String>) -> Self {
        self.caller = Some(caller.into());
        self
    }

    /// Holds the request against its bounds, the operator's longest time among them.
    pub(crate) fn check(&self, max_timeout: WallTime) -> Result<()> {
        let refuse = |text: String| {
            Err(
                SandboxError::new(ErrorKind::InvalidRequest, "accept the request")
                    .with_context(text.clone())
                    .with_hint(text),
            )
        };
        if exceeds(&self.program, MAX_PROGRAM) {
            return refuse(format!(
                "the program has {} bytes; at most {MAX_PROGRAM} are taken",
                self.program.len()
            ));
        }
        if exceeds(&self.stdin, MAX_STDIN) {
            return refuse(format!(
                "standard input has {} bytes; at most {MAX_STDIN} are taken",
                self.stdin.len()
            ));
        }
        let args_bytes: usize = self.args.iter().map(String::len).sum();
        if self.args.len() > MAX_ARGS || args_bytes > MAX_ARGS_BYTES {
            return refuse(format!(
                "{} arguments of {args_bytes} bytes; at most {MAX_ARGS} of {MAX_ARGS_BYTES} bytes \
                 are taken",
                self.args.len()
            ));
        }
        if let Some(refusal) = files::refusal(&self.files) {
            return refuse(refusal);
        }
        if let Some(asked) = self.timeout
            && asked > max_timeout
        {
            return refuse(format!(
                "a time limit of {asked} was asked for; at most {max_timeout} are allowed"
            ));
        }
        if self.args.iter().any(|arg| arg.contains('\0')) {
            return refuse("an argument has a NUL character".to_owned());
        }
        Ok(())
    }
}

fn exceeds(bytes: &Bytes, bound: ByteSize) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|length| length > bound.get())
}
