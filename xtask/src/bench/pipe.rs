//! The client over standard input and output: a message a line, one thread, no more copies than it takes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::client::{Client, PATIENCE, wait_readable};
use super::message::{Call, Era, INITIALIZED, Wrong};
use super::stats::Latencies;
use super::subject::{Process, Subject};

/// How many requests are under way at once when throughput is measured.
pub(super) const WINDOW: u64 = 64;

/// When no further calls are begun.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// So many were.
    Answered(usize),
    /// So long ago the first was.
    Over(Duration),
}

/// What came of calls that were under way together.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of each that was answered rightly.
    pub(super) latencies: Latencies,
    /// From the first question to the last answer.
    pub(super) took: Duration,
}

/// A conversation with a server over its pipes.
#[derive(Debug)]
pub(super) struct Pipe {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What is about to be sent.
    sending: Vec<u8>,
    line: Vec<u8>,
    last_id: u64,
    wrong: Wrong,
}

impl Pipe {
    /// Starts a server and opens the conversation. The time is from before the start to the first answer.
    pub(super) fn open(subject: &Subject, era: Era) -> Result<(Self, Duration)> {
        let started = Instant::now();
        let (process, input, output) = subject.start_piped()?;
        let mut pipe = Self {
            process,
            input,
            output: BufReader::with_capacity(64 * 1024, output),
            sending: Vec::new(),
            line: Vec::new(),
            last_id: 0,
            wrong: Wrong::default(),
        };
        pipe.ask(&Call::opening(era))?;
        let took = started.elapsed();
        if era == Era::Session {
            pipe.sending.extend_from_slice(INITIALIZED);
            pipe.sending.push(b'\n');
            pipe.send()?;
        }
        Ok((pipe, took))
    }

    /// Keeps so many calls under way until so many were answered, or until no more are begun.
    pub(super) fn keep(&mut self, call: &Call, at_once: usize, until: Until) -> Result<Kept> {
        let started = Instant::now();
        let mut open = BTreeMap::new();
        let mut kept = Kept::default();
        let mut begun = 0;
        loop {
            let goes_on = |begun| match until {
                Until::Answered(count) => begun < count,
                Until::Over(time) => started.elapsed() < time,
            };
            while open.len() < at_once && goes_on(begun) {
                open.insert(self.put(call), Instant::now());
                begun += 1;
            }
            if !self.sending.is_empty() {
                self.send()?;
            }
            if open.is_empty() {
                kept.took = started.elapsed();
                return Ok(kept);
            }
            let answer = self.read()?;
            let id = answer.get("id").and_then(Value::as_u64).unwrap_or_default();
            match open.remove(&id) {
                Some(asked) if call.is_answered_by(id, &answer) => {
                    kept.latencies.note(asked.elapsed());
                }
                _ => self.wrong.note(&self.line),
            }
        }
    }

    fn put(&mut self, call: &Call) -> u64 {
        self.last_id += 1;
        call.write(self.last_id, &mut self.sending);
        self.sending.push(b'\n');
        self.last_id
    }

    fn send(&mut self) -> Result<()> {
        self.input
            .write_all(&self.sending)
            .context("cannot write to the server")?;
        self.sending.clear();
        Ok(())
    }

    /// Whether another answer can be read without waiting.
    fn has_line(&self) -> bool {
        self.output.buffer().contains(&b'\n')
    }

    /// The next answer; what the server tells unasked is passed over.
    fn read(&mut self) -> Result<Value> {
        loop {
            self.line.clear();
            while !self.has_line() {
                // A line in pieces: what is there is taken out, so that the buffer can fill again.
                let piece = self.output.buffer().len();
                self.line.extend_from_slice(self.output.buffer());
                self.output.consume(piece);
                wait_readable(&self.output.get_ref())?;
                let filled = self.output.fill_buf().context("cannot read an answer")?;
                if filled.is_empty() {
                    bail!("the server went away");
                }
            }
            self.output
                .read_until(b'\n', &mut self.line)
                .context("cannot read an answer")?;
            let message: Value = serde_json::from_slice(&self.line)
                .context("the server wrote a line that is not JSON")?;
            if message.get("method").is_none() {
                return Ok(message);
            }
        }
    }
}

impl Client for Pipe {
    fn ask_for(&mut self, call: &Call) -> Result<Option<Value>> {
        let id = self.put(call);
        self.send()?;
        let answer = self.read()?;
        if call.is_answered_by(id, &answer) {
            return Ok(Some(answer));
        }
        self.wrong.note(&self.line);
        Ok(None)
    }

    fn flood(&mut self, call: &Call, count: u64) -> Result<Duration> {
        let first = self.last_id + 1;
        let last = self.last_id + count;
        let mut awaited: Vec<bool> = Vec::new();
        let mut open = 0;
        let started = Instant::now();
        loop {
            while open < WINDOW && self.last_id < last {
                self.put(call);
                awaited.push(true);
                open += 1;
            }
            if !self.sending.is_empty() {
                self.send()?;
            }
            if open == 0 {
                break;
            }
            // All that has come is read before more is sent, so that both sides work in batches as they can.
            loop {
                let answer = self.read()?;
                open -= 1;
                let id = answer.get("id").and_then(Value::as_u64).unwrap_or_default();
                let slot = usize::try_from(id.wrapping_sub(first))
                    .ok()
                    .and_then(|at| awaited.get_mut(at));
                let expected = slot.is_some_and(std::mem::take);
                if !expected || !call.is_answered_by(id, &answer) {
                    self.wrong.note(&self.line);
                }
                if open == 0 || !self.has_line() {
                    break;
                }
            }
            if started.elapsed() > PATIENCE {
                bail!("{count} requests took longer than {PATIENCE:?}");
            }
        }
        Ok(started.elapsed())
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn wrong(&self) -> &Wrong {
        &self.wrong
    }
}
