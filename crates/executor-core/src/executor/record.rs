//! What is gathered while a run goes on, so that even a cancelled one can say what it saw.

use crate::audit::Entry;
use crate::display::Display;
use crate::files::{LeftOut, LeftOutReason, OutputFile};
use crate::gateway::GatewayLink;
use crate::limits::{OutputLimits, ResultLimits};
use crate::outcome::{Ending, Outcome, Served, Timings, Usage};
use crate::output::{Keeper, OutputStream};
use crate::stream::Item;

#[derive(Debug)]
pub(super) struct Record {
    stdout: Keeper,
    stderr: Keeper,
    displays: Vec<Display>,
    files: Vec<OutputFile>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) left_out_more: u64,
    pub(super) usage: Usage,
    pub(super) timings: Timings,
    pub(super) installed: Vec<String>,
    /// Whether an install put something in place, in the run's own sandbox.
    pub(super) modules_there: bool,
    /// Whether its modules lay ready.
    pub(super) modules_cached: bool,
    pub(super) notes: Vec<String>,
    /// By what kind of sandbox it was served.
    pub(super) served: Option<Served>,
    /// What its phases go out through.
    pub(super) ways_out: Vec<GatewayLink>,
    /// What is written down of it in the end.
    pub(super) entry: Entry,
}

/// The most notes that an outcome carries; what the sandbox says beyond is dropped.
const MAX_NOTES: usize = 64;

impl Record {
    pub(super) fn new(limits: OutputLimits, entry: Entry) -> Self {
        Self {
            stdout: Keeper::new(limits.kept),
            stderr: Keeper::new(limits.kept),
            displays: Vec::new(),
            files: Vec::new(),
            left_out: Vec::new(),
            left_out_more: 0,
            usage: Usage::default(),
            timings: Timings::default(),
            installed: Vec::new(),
            modules_there: false,
            modules_cached: false,
            notes: Vec::new(),
            served: None,
            ways_out: Vec::new(),
            entry,
        }
    }

    pub(super) fn keep(&mut self, stream: OutputStream, bytes: &[u8]) {
        match stream {
            OutputStream::Stdout => self.stdout.push(bytes),
            OutputStream::Stderr => self.stderr.push(bytes),
        }
    }

    /// Keeps something that the program left. The link has bounded all of it together.
    pub(super) fn left(&mut self, item: Item, limits: &ResultLimits) {
        match item {
            Item::File(name, bytes) => self.files.push(OutputFile::new(name, bytes)),
            Item::Display(bytes) => match Display::read(bytes, limits) {
                Some(display) => self.displays.push(display),
                None => self
                    .left_out
                    .push(LeftOut::new("a display", LeftOutReason::Unreadable)),
            },
        }
    }

    pub(super) fn note(&mut self, notes: impl IntoIterator<Item = String>) {
        let room = MAX_NOTES.saturating_sub(self.notes.len());
        self.notes.extend(notes.into_iter().take(room));
    }

    /// The outcome; with it the execution is written down.
    pub(super) fn finish(mut self, ending: Ending) -> Outcome {
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        self.entry.tell(|entry| {
            entry.ending = ending.clone();
            entry.stdout_bytes = stdout.total_bytes();
            entry.stderr_bytes = stderr.total_bytes();
            entry.usage = self.usage;
            entry.timings = self.timings;
            entry.served = self.served;
            entry.installed.clone_from(&self.installed);
            entry.connections = self.ways_out.iter().map(GatewayLink::report).collect();
        });
        Outcome {
            ending,
            stdout,
            stderr,
            displays: self.displays,
            files: self.files,
            left_out: self.left_out,
            left_out_more: self.left_out_more,
            usage: self.usage,
            timings: self.timings,
            installed: self.installed,
            modules_cached: self.modules_cached,
            notes: self.notes,
            served: self.served,
        }
    }
}
