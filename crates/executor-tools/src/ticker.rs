//! What to tell of a run while it goes on: a line for each thing that happens, and a sign of life when nothing does.

use executor_core::limits::WallTime;
use executor_core::{Event, OutputStream};
use tokio::time::Instant;

use crate::lines::{Lines, MAX_CHARS};
use crate::visible;

/// Turns events into progress messages. How often they are sent is decided elsewhere; the newest wins.
#[derive(Debug)]
pub(crate) struct Ticker {
    phase: Phase,
    since: Instant,
    limit: WallTime,
    stdout: Lines,
    stderr: Lines,
}

/// What a run is doing.
#[derive(Debug)]
enum Phase {
    /// It has no sandbox yet; this is what was last heard of it.
    Waiting(Option<String>),
    /// It has one, and modules are being installed there.
    Installing(Option<String>),
    /// The program is running.
    Running,
}

impl Ticker {
    /// For a run that begins `now`, of a program that may take as long as `limit`.
    pub(crate) fn new(now: Instant, limit: WallTime) -> Self {
        Self {
            phase: Phase::Waiting(None),
            since: now,
            limit,
            stdout: Lines::default(),
            stderr: Lines::default(),
        }
    }

    /// What to tell about `event`, if it is worth a line.
    pub(crate) fn message(&mut self, event: &Event, now: Instant) -> Option<String> {
        match event {
            Event::Progress(text) => {
                let text = visible::line(text, MAX_CHARS);
                match &mut self.phase {
                    Phase::Waiting(heard) | Phase::Installing(heard) => *heard = Some(text.clone()),
                    Phase::Running => {}
                }
                Some(text)
            }
            Event::Started(_) => {
                self.enter(Phase::Installing(None), now);
                Some("a fresh sandbox is up".to_owned())
            }
            Event::Running => {
                let before = self.enter(Phase::Running, now);
                let is_news = matches!(before, Phase::Installing(Some(_)));
                is_news.then(|| "the modules are there, the program runs".to_owned())
            }
            Event::Shown(what) => Some(visible::line(what, MAX_CHARS)),
            Event::Output { stream, bytes } => match stream {
                OutputStream::Stdout => self.stdout.push(bytes),
                OutputStream::Stderr => self.stderr.push(bytes),
            },
            _ => None,
        }
    }

    /// What to tell when nothing was told for a while: what is waited for, a line that the program has begun, or that it
    /// still runs.
    pub(crate) fn pulse(&mut self, now: Instant) -> String {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        match &self.phase {
            Phase::Waiting(heard) => {
                let what = heard.as_deref().unwrap_or("waiting for a sandbox");
                format!("{what} ({seconds} s so far)")
            }
            Phase::Installing(heard) => {
                let what = heard.as_deref().unwrap_or("installing modules");
                format!("{what} ({seconds} s so far)")
            }
            Phase::Running => {
                let unfinished = [self.stdout.unfinished(), self.stderr.unfinished()];
                let mut unfinished = unfinished.into_iter().flatten();
                unfinished.next().unwrap_or_else(|| {
                    format!("still running: {seconds} s of at most {}", self.limit)
                })
            }
        }
    }

    fn enter(&mut self, phase: Phase, now: Instant) -> Phase {
        self.since = now;
        std::mem::replace(&mut self.phase, phase)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use executor_core::id::SandboxId;

    use super::*;

    /// A run under a clock of its own.
    struct Watch {
        ticker: Ticker,
        now: Instant,
    }

    impl Watch {
        fn new() -> Self {
            let now = Instant::now();
            let ticker = Ticker::new(now, WallTime::PROGRAM);
            Self { ticker, now }
        }

        fn hears(&mut self, event: &Event) -> Option<String> {
            self.ticker.message(event, self.now)
        }

        fn prints(&mut self, stream: OutputStream, text: &'static str) -> Option<String> {
            let bytes = text.into();
            self.hears(&Event::Output { stream, bytes })
        }

        fn after(&mut self, seconds: u64) -> String {
            self.now += Duration::from_secs(seconds);
            self.ticker.pulse(self.now)
        }
    }

    #[test]
    fn a_pulse_says_what_is_waited_for() {
        let mut watch = Watch::new();
        assert_eq!(watch.after(10), "waiting for a sandbox (10 s so far)");
        let pull = Event::Progress("pulling the image x".to_owned());
        assert_eq!(watch.hears(&pull).as_deref(), Some("pulling the image x"));
        assert_eq!(watch.after(10), "pulling the image x (20 s so far)");
        let started = Event::Started(SandboxId::random().unwrap());
        assert_eq!(
            watch.hears(&started).as_deref(),
            Some("a fresh sandbox is up")
        );
        assert_eq!(watch.after(10), "installing modules (10 s so far)");
        let phase = Event::Progress("downloading numpy (16.9 MB)".to_owned());
        watch.hears(&phase);
        assert_eq!(watch.after(11), "downloading numpy (16.9 MB) (21 s so far)");
        assert_eq!(
            watch.hears(&Event::Running).as_deref(),
            Some("the modules are there, the program runs")
        );
        assert_eq!(watch.after(34), "still running: 34 s of at most 60 s");
    }

    #[test]
    fn what_is_shown_is_told_at_once_in_one_harmless_line() {
        let mut watch = Watch::new();
        watch.hears(&Event::Running);
        let shown = Event::Shown("figure: figure.png, 640 × 480 pixels\n\u{1b}[2J".to_owned());
        assert_eq!(
            watch.hears(&shown).as_deref(),
            Some(r"figure: figure.png, 640 × 480 pixels \x1b[2J")
        );
    }

    #[test]
    fn a_pulse_tells_a_line_that_was_begun_and_no_line_twice() {
        let mut watch = Watch::new();
        watch.hears(&Event::Started(SandboxId::random().unwrap()));
        assert_eq!(watch.hears(&Event::Running), None, "it went without saying");
        assert_eq!(watch.prints(OutputStream::Stdout, "name? "), None);
        assert_eq!(watch.prints(OutputStream::Stderr, "50%"), None);
        assert_eq!(watch.after(10), "name?");
        assert_eq!(watch.after(10), "still running: 20 s of at most 60 s");
        let whole = watch.prints(OutputStream::Stderr, "\r60%\n");
        assert_eq!(whole.as_deref(), Some("60%"));
        assert_eq!(watch.after(10), "still running: 30 s of at most 60 s");
    }
}
