//! What a chore tells the person in front of it.
//!
//! Progress goes to standard error with the time since the start, results to standard output.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Prints one line of progress: the time since the first line, the chore's part, and the text.
pub(crate) fn progress(part: &str, text: &str) {
    let elapsed = started().elapsed();
    // A closed standard error is no reason to give up a chore.
    let _ = writeln!(
        std::io::stderr().lock(),
        "{:>8} {part:<7} {text}",
        seconds(elapsed)
    );
}

/// Prints one line of a result.
pub(crate) fn result(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A failure whose reasons the person has already read; nothing follows a chore's closing line.
#[derive(Debug)]
pub(crate) struct Told;

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the chore failed, as said above")
    }
}

impl std::error::Error for Told {}

/// Prints why the chore failed, each cause on a line of its own.
pub(crate) fn failure(error: &anyhow::Error) {
    if error.is::<Told>() {
        return;
    }
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "error: {error}");
    for cause in error.chain().skip(1) {
        let _ = writeln!(stderr, "  because: {cause}");
    }
}

/// A duration as a person reads it: `0.42 s`, `12.3 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{seconds:.1} s")
    }
}

fn started() -> Instant {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}
