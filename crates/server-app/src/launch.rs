//! From the command line to the exit code: what both binaries have in common.

use std::io::Write as _;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use executor_core::{PoolSettings, ShapeSettings};
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use crate::assembly::Assembly;
use crate::audit::{Audit, ClientRecord};
use crate::cli::{self, CliError, Invocation, Program, Task};
use crate::doctor;
use crate::environment::{Environment, ProcessEnvironment};
use crate::environments;
use crate::exit_codes::Exit;
use crate::failure::{exit_of, explain};
use crate::gaps;
use crate::logging;
use crate::run;
use crate::settings::{HttpSettings, LogLevel, Settings, Transport};
use crate::signals::Signals;

/// What a transport is given to serve.
#[derive(Debug)]
#[non_exhaustive]
pub struct Serving {
    /// The assembled server.
    pub server: mcp_server::Server,
    /// How to listen, for the transport that does.
    pub http: HttpSettings,
    /// Where the transport has its clients recorded, once they are gone.
    pub audit: Audit,
    /// Cancelled when it is time to end: the transport then finishes and returns.
    pub shutdown: CancellationToken,
}

/// Runs `program` as this process was told to, and says what to exit with. `serve` is the
/// transport; it returns when its peer is gone or when it was told to shut down.
///
/// Work that blocks a thread, such as a read of standard input that nobody answers, does not hold
/// up the end of the process.
pub fn launch(program: Program, serve: impl AsyncFnOnce(Serving) -> Exit) -> ExitCode {
    let environment = ProcessEnvironment;
    let arguments = std::env::args_os().collect();
    let Invocation { task, loaded } = match cli::parse(program, arguments, &environment) {
        Ok(invocation) => invocation,
        Err(error) => return refuse(&error).into(),
    };
    let mut settings = loaded.settings;
    match task {
        Task::Print(text) => return print(&text).into(),
        // Their own output says what matters; the log is for whoever asks for it.
        Task::Run(_) | Task::Doctor(_) | Task::Env(_) if !loaded.log_level_was_given => {
            settings.log.level = LogLevel::Off;
        }
        Task::Run(_) | Task::Doctor(_) | Task::Env(_) | Task::Serve => {}
    }
    let _log = logging::start(settings.log, &environment as &dyn Environment);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: failed to start the runtime: {error}"));
            return Exit::Failure.into();
        }
    };
    let exit = runtime.block_on(perform(program, task, settings, serve));
    runtime.shutdown_background();
    exit.into()
}

async fn perform(
    program: Program,
    task: Task,
    mut settings: Settings,
    serve: impl AsyncFnOnce(Serving) -> Exit,
) -> Exit {
    if let Task::Doctor(_) | Task::Run(_) | Task::Env(_) = task {
        // One program wants one sandbox.
        settings.pool = PoolSettings::none();
        settings.shapes = ShapeSettings::default();
    }
    let mut signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&format!("error: failed to listen for signals: {error}"));
            return Exit::Failure;
        }
    };
    if let Task::Doctor(task) = &task {
        return tokio::select! {
            exit = doctor::examine(program, task, &settings) => exit,
            signal = signals.next() => Exit::Interrupted(signal.status()),
        };
    }
    let assembly = match Assembly::new(&settings) {
        Ok(assembly) => assembly,
        Err(error) => {
            complain(&explain(&error));
            return exit_of(&error);
        }
    };
    if let Task::Run(task) = task {
        let exit = run::run(task, assembly.executor(), &mut signals).await;
        if let Some(broken) = assembly.backend().broken().now_or_never() {
            complain(&gaps::refusal(program.name, &broken));
        }
        return tokio::select! {
            () = tidy_up(assembly) => exit,
            signal = signals.next() => Exit::Interrupted(signal.status()),
        };
    }
    if let Task::Env(task) = task {
        return tokio::select! {
            exit = environments::see_to(task, assembly) => exit,
            signal = signals.next() => Exit::Interrupted(signal.status()),
        };
    }
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    serve_until_told(program, assembly, settings, signals, serve).await
}

/// Serves until the peer is gone or a signal comes, then tidies up. A second signal leaves at
/// once: sandboxes end with our end of their streams, and the next sweep removes them.
///
/// A host that does not keep a promise ends it as well. Clients are answered before that is known
/// and for a moment after: whoever called by then is refused by the promise's name.
async fn serve_until_told(
    program: Program,
    assembly: Assembly,
    settings: Settings,
    mut signals: Signals,
    serve: impl AsyncFnOnce(Serving) -> Exit,
) -> Exit {
    let shutdown = CancellationToken::new();
    let serving = Serving {
        server: assembly.server(),
        http: settings.http,
        audit: assembly.audit().clone(),
        shutdown: shutdown.clone(),
    };
    let backend = Arc::clone(assembly.backend());
    let accepted = settings.engine.accepted;
    let work = async move {
        // A client waits for no engine: what is slow begins now and goes on beside it.
        let preparing = assembly.prepare_in_background(&accepted);
        let begun = Instant::now();
        let exit = serve(serving).await;
        // The one client of a process, which HTTP has many of.
        if program.transport == Transport::Stdio {
            let client = ClientRecord::new("stdio", None, begun.elapsed());
            assembly.audit().client(&client);
        }
        drop(preparing);
        tidy_up(assembly).await;
        exit
    };
    let mut work = std::pin::pin!(work);
    tokio::select! {
        exit = &mut work => return exit,
        signal = signals.next() => {
            tracing::info!(?signal, "shutting down; a second signal ends at once");
            shutdown.cancel();
        }
        broken = backend.broken() => {
            tokio::select! {
                () = last_answers(work.as_mut(), &shutdown) => {}
                _told = signals.next() => {}
            }
            complain(&gaps::refusal(program.name, &broken));
            return Exit::PromiseBroken;
        }
    }
    tokio::select! {
        exit = &mut work => exit,
        signal = signals.next() => {
            tracing::warn!(?signal, "ended before everything was tidied up");
            Exit::Interrupted(signal.status())
        }
    }
}

/// Lets `work` answer those who have called already, then ends it.
async fn last_answers(
    mut work: Pin<&mut impl Future<Output = Exit>>,
    shutdown: &CancellationToken,
) {
    if tokio::time::timeout(LAST_ANSWERS, work.as_mut())
        .await
        .is_err()
    {
        shutdown.cancel();
        work.await;
    }
}

/// How long a server that cannot keep a promise goes on to say so: enough for a client that has
/// just begun, and short enough for nobody to take it for a server that serves.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How long the end waits for sandboxes to be gone; what is left then is for the next sweep.
const TEARDOWN: Duration = Duration::from_secs(10);

pub(crate) async fn tidy_up(assembly: Assembly) {
    if tokio::time::timeout(TEARDOWN, assembly.executor().shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some sandboxes were not gone after {TEARDOWN:?}; the next sweep has them");
    }
}

/// Help and version go to standard output and are no failure.
fn refuse(error: &CliError) -> Exit {
    match error {
        CliError::Arguments(error) => match (error.print(), error.use_stderr()) {
            (_, true) => Exit::Usage,
            (Ok(()), false) => Exit::Success,
            (Err(_), false) => Exit::Failure,
        },
        CliError::Settings(mistakes) => {
            complain(mistakes.to_string().trim_end());
            Exit::Usage
        }
    }
}

/// Writes what was asked for to standard output.
pub(crate) fn print(text: &str) -> Exit {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Success,
        Err(_) => Exit::Failure,
    }
}

/// Writes a line to standard error; that it is gone can be told nobody.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
