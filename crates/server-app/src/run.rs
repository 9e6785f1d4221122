//! `run`: one program from the shell, as if it were run here. Its output goes to our output as it
//! comes, its exit code becomes ours.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use executor_core::limits::{ByteSize, MAX_PROGRAM};
use executor_core::modules::ModuleSet;
use executor_core::{
    Ending, Event, Execution, ExecutionRequest, Executor, MAX_STDIN, Outcome, SandboxError,
};
use executor_tools::Account;
use tokio::io::AsyncReadExt as _;

mod files;
mod terminal;

use self::terminal::Terminal;
use crate::cli::RunTask;
use crate::exit_codes::Exit;
use crate::failure::{exit_of, explain};
use crate::signals::{Signal, Signals};

/// Runs the program of `task` and says how it ended.
pub(crate) async fn run(task: RunTask, executor: &Executor, signals: &mut Signals) -> Exit {
    let mut terminal = Terminal::new(task.quiet);
    let out = task.out.clone();
    let request = tokio::select! {
        request = request(task) => request,
        // Nothing runs yet, so there is nothing to end first.
        signal = signals.next() => return Exit::Interrupted(signal.status()),
    };
    let request = match request {
        Ok(request) => request,
        Err(refusal) => {
            terminal.say(&format!("error: {refusal}")).await;
            return Exit::Usage;
        }
    };
    match executor.execute(request) {
        Ok(execution) => {
            let told = follow(execution, &mut terminal, signals).await;
            match told {
                Told::Ended(outcome, signal) => {
                    let account = Account::of(&outcome, executor.settings());
                    show(&outcome, &account, out.as_deref(), &mut terminal).await;
                    let exit = ended(&outcome, &account, &mut terminal).await;
                    signal.map_or(exit, |signal| Exit::Interrupted(signal.status()))
                }
                Told::Left(exit) => exit,
            }
        }
        Err(error) => failed(&error, &mut terminal).await,
    }
}

/// Takes everything together that the program needs.
async fn request(task: RunTask) -> Result<ExecutionRequest, String> {
    let program = match &task.file {
        Some(path) => {
            let file = tokio::fs::File::open(path)
                .await
                .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
            read(file, MAX_PROGRAM, &format!("`{}`", path.display())).await?
        }
        None if task.stdin => {
            return Err("standard input is the program already: --stdin needs a FILE".to_owned());
        }
        None => read(tokio::io::stdin(), MAX_PROGRAM, "the program").await?,
    };
    let texts: Vec<&str> = task.modules.iter().map(String::as_str).collect();
    let modules =
        ModuleSet::parse(&texts.join(",")).map_err(|error| format!("--modules: {error}"))?;
    let stdin = if task.stdin {
        read(tokio::io::stdin(), MAX_STDIN, "standard input").await?
    } else {
        Bytes::new()
    };
    let files = files::incoming(&task.files).await?;
    Ok(ExecutionRequest::new(program)
        .with_modules(modules)
        .with_files(files)
        .with_stdin(stdin)
        .with_args(task.args))
}

/// Reads at most `bound` bytes; more are an error rather than a part.
async fn read(
    reader: impl tokio::io::AsyncRead + Unpin,
    bound: ByteSize,
    what: &str,
) -> Result<Bytes, String> {
    let mut bytes = Vec::new();
    let mut reader = reader.take(bound.get().saturating_add(1));
    let count = reader
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| format!("{what} cannot be read: {error}"))?;
    if u64::try_from(count).is_ok_and(|count| count > bound.get()) {
        return Err(format!("{what} is longer than {bound}"));
    }
    Ok(bytes.into())
}

/// What came of following an execution.
enum Told {
    /// It ended, perhaps because a signal asked for that.
    Ended(Box<Outcome>, Option<Signal>),
    /// It was left behind, which cancels it.
    Left(Exit),
}

/// How long a reader may take for what was printed before a signal.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// Ends when a reader has had its time since there was a signal, and else never.
async fn waited_for(signal: Option<Signal>) -> Signal {
    match signal {
        Some(signal) => {
            tokio::time::sleep(LAST_OUTPUT).await;
            signal
        }
        None => std::future::pending().await,
    }
}

/// Passes on what the execution tells until it has ended. The first signal cancels it, which
/// still shows what was printed if somebody reads it; the second leaves at once.
async fn follow(mut execution: Execution, terminal: &mut Terminal, signals: &mut Signals) -> Told {
    let mut asked_to_stop = None;
    loop {
        let event = tokio::select! {
            event = execution.next() => event,
            signal = signals.next() => {
                if asked_to_stop.replace(signal).is_some() {
                    return Told::Left(Exit::Interrupted(signal.status()));
                }
                execution.cancel();
                continue;
            }
        };
        match event {
            Some(Event::Progress(message)) => terminal.progress(&message).await,
            Some(Event::Shown(what)) => terminal.shown(&what).await,
            Some(Event::Output { stream, bytes }) => {
                let written = tokio::select! {
                    written = terminal.output(stream, &bytes) => written,
                    // Our reader may have stopped reading for good, as a pager does, and what
                    // cannot be shown is not waited for. Dropping the execution cancels it.
                    signal = signals.next() => {
                        return Told::Left(Exit::Interrupted(signal.status()));
                    }
                    signal = waited_for(asked_to_stop) => {
                        return Told::Left(Exit::Interrupted(signal.status()));
                    }
                };
                if let Err(error) = written {
                    return Told::Left(lost(&error, terminal).await);
                }
            }
            Some(Event::Ended(outcome)) => return Told::Ended(outcome, asked_to_stop),
            Some(_) => {}
            None => return Told::Left(Exit::NotRun),
        }
    }
}

/// The program goes when its output can go nowhere. That the reader went away, as `head` does, is
/// no news to anybody.
async fn lost(error: &io::Error, terminal: &mut Terminal) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::Program(SIGPIPE_STATUS);
    }
    let what = "the program was ended: its output cannot be written";
    terminal.say(&format!("error: {what}: {error}")).await;
    Exit::NotRun
}

/// What a shell says of a program that wrote into a closed pipe: 128 + SIGPIPE.
const SIGPIPE_STATUS: u8 = 141;

/// Shows what the program has shown, beside its output, and keeps its files where the caller wants them.
async fn show(outcome: &Outcome, account: &Account, out: Option<&Path>, terminal: &mut Terminal) {
    for display in outcome.displays.iter().filter(|one| !one.text.is_empty()) {
        terminal.aside(&display.text).await;
    }
    for note in &account.notes {
        terminal.note(note).await;
    }
    let parts = outcome.displays.iter().map(|display| display.parts.len());
    let count = outcome.files.len() + parts.sum::<usize>();
    match out {
        Some(directory) => {
            for problem in files::keep(outcome, directory).await {
                terminal.say(&format!("error: {problem}")).await;
            }
        }
        None if count > 0 => {
            let what = format!("the program left {count} files and pictures; --out DIR keeps them");
            terminal.note(&what).await;
        }
        None => {}
    }
}

/// Says what the program's own output does not say, and turns the ending into an exit code.
async fn ended(outcome: &Outcome, account: &Account, terminal: &mut Terminal) -> Exit {
    for hint in &account.hints {
        terminal.hint(hint).await;
    }
    match (&outcome.ending, &account.ending) {
        (Ending::Exited(code), _) => return Exit::Program(status(*code)),
        (Ending::InstallFailed(failure), _) => {
            terminal.say(failure.output().trim_end()).await;
            terminal.say(&format!("error: {}", outcome.ending)).await;
            terminal.say(&format!("hint: {}", failure.hint())).await;
        }
        (Ending::Failed(error), _) => return failed(error, terminal).await,
        (_, Some(explanation)) => {
            let what = format!("error: the program was ended: {explanation}");
            terminal.say(&what).await;
        }
        (_, None) => {}
    }
    match &outcome.ending {
        Ending::Signaled(signal) => Exit::Program(status(signal.saturating_add(128))),
        Ending::TimedOut(_) => Exit::TimedOut,
        Ending::OutOfMemory(_) | Ending::Killed(_) => Exit::Program(SIGKILL_STATUS),
        _ => Exit::NotRun,
    }
}

/// What a shell says of a program that the kernel killed: 128 + SIGKILL.
const SIGKILL_STATUS: u8 = 137;

async fn failed(error: &SandboxError, terminal: &mut Terminal) -> Exit {
    terminal.say(&explain(error)).await;
    match exit_of(error) {
        Exit::Failure => Exit::NotRun,
        exit => exit,
    }
}

fn status(code: i32) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}
