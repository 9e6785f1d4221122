//! Our own standard output and standard error: the program's bytes as they come, and our lines beside them.
//!
//! On a terminal progress is one line that is written anew, and gone once there is something else to see. Elsewhere it is
//! lines, for a log.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use executor_core::OutputStream;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

/// Between two lines of progress that say the same with other numbers, where each is a line of a log.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Where the program's output goes, and ours.
pub(super) struct Terminal {
    out: tokio::io::Stdout,
    err: tokio::io::Stderr,
    quiet: bool,
    told: Option<(String, Instant)>,
    line: Line,
}

impl Terminal {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            out: tokio::io::stdout(),
            err: tokio::io::stderr(),
            quiet,
            told: None,
            line: Line::new(io::stderr().is_terminal(), io::stdout().is_terminal()),
        }
    }

    /// What the program printed, unchanged.
    pub(super) async fn output(&mut self, stream: OutputStream, bytes: &[u8]) -> io::Result<()> {
        let before = self.line.give_way(stream, bytes);
        if !before.is_empty() {
            write(&mut self.err, before.as_bytes()).await?;
        }
        match stream {
            OutputStream::Stdout => write(&mut self.out, bytes).await,
            OutputStream::Stderr => write(&mut self.err, bytes).await,
        }
    }

    /// What is waited for: at once where the line is written anew; else what is new in kind at once, and what only counts
    /// on once a second.
    pub(super) async fn progress(&mut self, message: &str) {
        if self.quiet {
            return;
        }
        if self.line.is_rewritten() {
            let line = self.line.rewrite(message);
            self.put(&line).await;
            return;
        }
        let kind = message.split(':').next().unwrap_or_default();
        let now = Instant::now();
        let fresh = self.told.as_ref().is_none_or(|(told, at)| {
            told != kind || now.saturating_duration_since(*at) >= LOG_INTERVAL
        });
        if fresh {
            self.told = Some((kind.to_owned(), now));
            self.note(message).await;
        }
    }

    /// That the program has shown something, which is told to whoever sits there and waits. What it was comes at the end.
    pub(super) async fn shown(&mut self, what: &str) {
        if self.line.is_rewritten() {
            self.note(&plain(what)).await;
        }
    }

    /// Text of a display, as readable as the program's own output.
    pub(super) async fn aside(&mut self, text: &str) {
        if !self.quiet {
            self.say(text).await;
        }
    }

    /// A line beside the program's output, for whoever did not ask for silence.
    pub(super) async fn note(&mut self, text: &str) {
        if !self.quiet {
            self.say(&format!("[{text}]")).await;
        }
    }

    /// What to do about a failure, for whoever did not ask for silence.
    pub(super) async fn hint(&mut self, text: &str) {
        if !self.quiet {
            self.say(&format!("hint: {text}")).await;
        }
    }

    /// A line of ours, whatever was asked for.
    pub(super) async fn say(&mut self, text: &str) {
        let before = self.line.begin();
        self.put(&format!("{before}{text}\n")).await;
    }

    /// That standard error is gone is nothing that could be told anybody.
    async fn put(&mut self, text: &str) {
        let _ = write(&mut self.err, text.as_bytes()).await;
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

/// The line of a terminal that progress is written to.
#[derive(Debug)]
struct Line {
    /// Which of our streams are seen there.
    is_err: bool,
    is_out: bool,
    holds: Holds,
}

/// What stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    Progress,
    /// What the program has begun and not ended.
    Output,
}

/// To the first column, and everything behind it gone.
const CLEAR: &str = "\r\u{1b}[K";

/// The longest line of progress: a longer one would take two lines of a usual terminal, of which only one can be cleared.
const LONGEST: usize = 76;

impl Line {
    const fn new(is_err: bool, is_out: bool) -> Self {
        Self {
            is_err,
            is_out,
            holds: Holds::Nothing,
        }
    }

    const fn is_rewritten(&self) -> bool {
        self.is_err
    }

    /// What writes progress in place of the one before it.
    fn rewrite(&mut self, message: &str) -> String {
        let before = self.begin();
        self.holds = Holds::Progress;
        let mut shown: String = plain(message).chars().take(LONGEST).collect();
        if message.chars().count() > LONGEST {
            shown.push('…');
        }
        format!("{before}[{shown}]")
    }

    /// What goes before output of the program.
    fn give_way(&mut self, stream: OutputStream, bytes: &[u8]) -> &'static str {
        let is_seen = match stream {
            OutputStream::Stdout => self.is_out,
            OutputStream::Stderr => self.is_err,
        };
        if !is_seen {
            return "";
        }
        let Some(last) = bytes.last() else {
            return "";
        };
        let now = if *last == b'\n' {
            Holds::Nothing
        } else {
            Holds::Output
        };
        match std::mem::replace(&mut self.holds, now) {
            Holds::Progress => CLEAR,
            Holds::Nothing | Holds::Output => "",
        }
    }

    /// What goes before a line of ours: it takes the place of progress, and stands behind what the program has begun.
    fn begin(&mut self) -> &'static str {
        match std::mem::replace(&mut self.holds, Holds::Nothing) {
            Holds::Progress => CLEAR,
            Holds::Output if self.is_err => "\n",
            Holds::Nothing | Holds::Output => "",
        }
    }
}

/// Without what a terminal would take for a command.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_one_line_that_gives_way() {
        let mut line = Line::new(true, true);
        assert_eq!(line.rewrite("pulling: 1 MB"), "[pulling: 1 MB]");
        assert_eq!(line.rewrite("a\u{1b}[2Jb"), "\r\u{1b}[K[a [2Jb]");
        assert_eq!(line.give_way(OutputStream::Stdout, b"out"), CLEAR);
        assert_eq!(line.give_way(OutputStream::Stderr, b"put"), "");
        assert_eq!(line.begin(), "\n", "behind a line that was begun");
        assert_eq!(line.begin(), "");
        assert_eq!(line.give_way(OutputStream::Stdout, b"out\n"), "");
        assert_eq!(line.begin(), "");
        let long = line.rewrite(&"x".repeat(500));
        assert_eq!(long.chars().count(), LONGEST + 3);
        assert_eq!(line.begin(), CLEAR);
    }

    #[test]
    fn what_goes_elsewhere_is_not_waited_for() {
        // `run … > file` on a terminal: the file's bytes do not touch the line.
        let mut line = Line::new(true, false);
        line.rewrite("installing");
        assert_eq!(line.give_way(OutputStream::Stdout, b"out"), "");
        assert_eq!(line.begin(), CLEAR);
        // `run … 2> log`: there is no line.
        let mut line = Line::new(false, true);
        assert!(!line.is_rewritten());
        assert_eq!(line.give_way(OutputStream::Stdout, b"out"), "");
        assert_eq!(line.begin(), "");
    }
}
