//! The rules of the stream, without I/O: what the runner may say when, and what is to be said to it next.
//!
//! All that waits is bounded by construction: a window for each of the two outputs and for each direction
//! of at most [`MAX_CHANNELS`] connections, the input that the caller brought, and one of everything else.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::awaited::Awaited;
use super::command::{RunCommand, Surroundings};
use super::error::StreamError;
use super::frame::{Frame, MAX_DATA};
use super::proxied::Proxied;
use super::report::{self, Done, Missing, Prepared, Ready, Report, Started, Trusted};
use super::results::{Item, RESULTS, Results};
use super::standard::{INPUT, Input, Output, STDERR, STDOUT};
use crate::output::OutputStream;

/// Proxied connections at once, those included that only one side has closed.
pub(super) const MAX_CHANNELS: usize = 64;

const FIRST_PROXIED: u32 = 16;

/// Where the conversation stands. `last` says that the command in question is the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Booting,
    Idle,
    Ordered { last: bool },
    Running { last: bool },
    Over,
}

/// What there is to tell, in the words of this module.
#[derive(Debug)]
pub(super) enum Told {
    Started(Started),
    Output(OutputStream, Bytes),
    Connection(u32),
    Shown(String),
    Collecting,
    Item(Item),
    Done(Report),
    NotStarted(String),
    Missing(Missing),
    Failed(StreamError),
}

#[derive(Debug)]
pub(super) struct State {
    phase: Phase,
    failure: Option<StreamError>,
    ready: Option<Ready>,
    /// What came of making something ready.
    prepared: Awaited<Prepared>,
    compiled: Option<Bytes>,
    trusted: Awaited<Trusted>,
    surroundings: Option<Bytes>,
    command: Option<Bytes>,
    input: Input,
    stdout: Output,
    stderr: Output,
    results: Results,
    /// Whose waiting bytes came first, when both have some.
    elder: OutputStream,
    started: Option<Started>,
    done: Option<Told>,
    opened: VecDeque<u32>,
    channels: BTreeMap<u32, Proxied>,
    last_opened: u32,
    last_served: u32,
    used: bool,
    ping_due: bool,
    ping_sent: Option<u64>,
    next_token: u64,
}

impl State {
    /// A link whose runner is told of its surroundings before anything else.
    pub(super) fn new(surroundings: &Surroundings) -> Result<Self, StreamError> {
        Ok(Self {
            phase: Phase::Booting,
            failure: None,
            ready: None,
            prepared: Awaited::of(surroundings.has_ahead()),
            compiled: None,
            trusted: Awaited::of(surroundings.makes_trusted()),
            surroundings: Some(surroundings.to_json()?),
            command: None,
            input: Input::of(Bytes::new(), false),
            stdout: Output::new(STDOUT),
            stderr: Output::new(STDERR),
            results: Results::new(None),
            elder: OutputStream::Stdout,
            started: None,
            done: None,
            opened: VecDeque::new(),
            channels: BTreeMap::new(),
            last_opened: FIRST_PROXIED - 1,
            last_served: 0,
            used: false,
            ping_due: false,
            ping_sent: None,
            next_token: 0,
        })
    }

    /// Takes the next command, and what goes to its input.
    pub(super) fn order(&mut self, command: &RunCommand, input: Bytes) -> Result<(), StreamError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.phase != Phase::Idle || self.prepared.is_due() || self.has_news() {
            return Err(StreamError::NotIdle);
        }
        self.command = Some(command.to_json()?);
        self.phase = Phase::Ordered {
            last: command.is_last(),
        };
        self.input = Input::of(input, true);
        self.stdout = Output::new(STDOUT);
        self.stderr = Output::new(STDERR);
        self.results = Results::new(command.result_limits());
        Ok(())
    }

    /// The input of the command that was just ordered comes piece by piece, by [`feed`](Self::feed).
    pub(super) const fn expect_feeding(&mut self) {
        self.input.end_due = false;
        self.input.fed = true;
    }

    /// Takes the next piece of the input, unless there is no room for it yet. An error if nobody will read it.
    pub(super) fn feed(&mut self, piece: &Bytes) -> Result<bool, StreamError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if !self.input.fed {
            return Err(StreamError::NotIdle);
        }
        let has_room = self.input.rest.is_empty();
        if has_room {
            self.input.rest = piece.clone();
        }
        Ok(has_room)
    }

    /// Nothing more comes for the input.
    pub(super) const fn end_feeding(&mut self) {
        self.input.end_due = self.input.end_due || self.input.fed;
        self.input.fed = false;
    }

    /// Takes a frame of the runner. An error is the end of the link.
    pub(super) fn apply(&mut self, frame: &Frame) -> Result<(), StreamError> {
        let out_of_order = Err(StreamError::OutOfOrder(frame.name()));
        match (frame, self.phase) {
            (Frame::Ready(json), Phase::Booting) => {
                self.ready = Some(report::ready(json)?);
                self.phase = Phase::Idle;
                Ok(())
            }
            (Frame::Compiled(code), Phase::Booting) if self.compiled.is_none() => {
                // No longer than a frame may be, and so not a part of a longer read.
                self.compiled = Some(Bytes::copy_from_slice(code));
                Ok(())
            }
            (_, Phase::Booting) => out_of_order,
            // Once, and before anything foreign is begun there: nobody else can have told it.
            (Frame::Trusted(json), Phase::Idle | Phase::Ordered { .. })
                if self.trusted.is_due() =>
            {
                self.trusted = report::trusted(json)?.map_or(Awaited::Nothing, Awaited::Here);
                Ok(())
            }
            (Frame::Prepared(json), Phase::Idle) if self.prepared.is_due() => {
                self.prepared = Awaited::Here(report::prepared(json)?);
                Ok(())
            }
            (Frame::Started(json), Phase::Ordered { last }) => {
                self.started = Some(report::started(json)?);
                self.used = true;
                self.phase = Phase::Running { last };
                Ok(())
            }
            (Frame::Done(json), Phase::Ordered { last } | Phase::Running { last }) => {
                let running = matches!(self.phase, Phase::Running { .. });
                let received = [self.stdout.received, self.stderr.received];
                self.done = Some(match (report::done(json, received)?, running) {
                    (Done::Ended(report), true) => Told::Done(report),
                    (Done::NotStarted(reason), false) => Told::NotStarted(reason),
                    (Done::Missing(why), false) => Told::Missing(why),
                    (Done::Ended(_) | Done::NotStarted(_) | Done::Missing(_), _) => {
                        return out_of_order;
                    }
                });
                // It speaks all the same.
                self.used = true;
                // For want of its modules a program has not been begun: it may be sent again.
                let over = last && !matches!(self.done, Some(Told::Missing(_)));
                self.phase = if over { Phase::Over } else { Phase::Idle };
                self.input.rest = Bytes::new();
                self.input.end_due = false;
                self.input.fed = false;
                Ok(())
            }
            (Frame::Pong(token), _) => match self.ping_sent.take() {
                Some(sent) if sent == *token => Ok(()),
                Some(_) | None => Err(StreamError::StrayPong),
            },
            (Frame::Open { channel }, Phase::Running { .. }) => self.open(*channel),
            (Frame::Item(json), Phase::Running { .. }) => self.results.item(json),
            (Frame::Shown(json), Phase::Running { .. }) => self.results.shown(json),
            (
                Frame::Data {
                    channel: RESULTS,
                    payload,
                },
                Phase::Running { .. },
            ) => self.results.data(payload),
            (
                Frame::Credit {
                    channel: INPUT,
                    bytes,
                },
                Phase::Ordered { .. } | Phase::Running { .. },
            ) => self.input.window.grant(*bytes),
            (
                Frame::Data {
                    channel: STDOUT,
                    payload,
                },
                Phase::Running { .. },
            ) => self.print(OutputStream::Stdout, payload),
            (
                Frame::Data {
                    channel: STDERR,
                    payload,
                },
                Phase::Running { .. },
            ) => self.print(OutputStream::Stderr, payload),
            (
                Frame::Data { channel, .. }
                | Frame::End { channel }
                | Frame::Reset { channel }
                | Frame::Credit { channel, .. },
                _,
            ) => {
                let channel = *channel;
                if channel < FIRST_PROXIED {
                    return out_of_order;
                }
                let found = self.channels.get_mut(&channel);
                let proxied = found.ok_or(StreamError::UnknownChannel(channel))?;
                proxied.apply(frame)?;
                self.forget_if_over(channel);
                Ok(())
            }
            _ => out_of_order,
        }
    }

    /// What is to be sent next, in the order of urgency: no bulk of one channel starves another.
    pub(super) fn next_frame(&mut self) -> Option<Frame> {
        if self.failure.is_some() {
            return None;
        }
        if let Some(json) = self.surroundings.take() {
            return Some(Frame::Prepare(json));
        }
        if let Some(json) = self.command.take() {
            return Some(Frame::Run(json));
        }
        if std::mem::take(&mut self.ping_due) {
            self.next_token = self.next_token.wrapping_add(1);
            self.ping_sent = Some(self.next_token);
            return Some(Frame::Ping(self.next_token));
        }
        if matches!(self.phase, Phase::Running { .. }) {
            for output in [&mut self.stdout, &mut self.stderr] {
                if let Some(bytes) = output.window.due() {
                    return Some(Frame::Credit {
                        channel: output.channel,
                        bytes,
                    });
                }
            }
            if let Some(bytes) = self.results.due() {
                return Some(Frame::Credit {
                    channel: RESULTS,
                    bytes,
                });
            }
        }
        self.next_on_channels().or_else(|| self.next_input())
    }

    /// What there is to tell; the end of a run comes after everything else of it.
    pub(super) fn next_told(&mut self) -> Option<Told> {
        if let Some(started) = self.started.take() {
            return Some(Told::Started(started));
        }
        if let Some(channel) = self.opened.pop_front() {
            return Some(Told::Connection(channel));
        }
        let younger = match self.elder {
            OutputStream::Stdout => OutputStream::Stderr,
            OutputStream::Stderr => OutputStream::Stdout,
        };
        for stream in [self.elder, younger] {
            let waiting = &mut self.output(stream).waiting;
            if !waiting.is_empty() {
                // In pieces of a frame's size, however much came together: whoever queues them counts pieces.
                let length = waiting.len().min(MAX_DATA);
                let bytes = waiting.split_to(length).freeze();
                self.elder = younger;
                return Some(Told::Output(stream, bytes));
            }
        }
        if let Some(what) = self.results.take_said() {
            return Some(Told::Shown(what));
        }
        if self.results.take_begun() {
            return Some(Told::Collecting);
        }
        if let Some(item) = self.results.take() {
            return Some(Told::Item(item));
        }
        self.done
            .take()
            .or_else(|| self.failure.clone().map(Told::Failed))
    }

    /// What the runner has made of the certificates, if it was not given that.
    pub(super) fn take_trusted(&mut self) -> Option<Trusted> {
        self.trusted.take()
    }

    /// The runner as the sandbox's interpreter has compiled it, if it was sent as text.
    pub(super) const fn take_compiled(&mut self) -> Option<Bytes> {
        self.compiled.take()
    }

    /// The runner's greeting, once it came; or why it will not come.
    pub(super) fn take_ready(&mut self) -> Option<Result<Ready, StreamError>> {
        match self.ready.take() {
            Some(ready) => Some(Ok(ready)),
            None => self.failure.clone().map(Err),
        }
    }

    /// What came of making something ready, once that was said; or why it will not be.
    pub(super) fn take_prepared(&mut self) -> Option<Result<Prepared, StreamError>> {
        match self.prepared.take() {
            Some(prepared) => Some(Ok(prepared)),
            None => self.failure.clone().map(Err),
        }
    }

    /// The caller has disposed of output: its credit goes back. What belongs to an earlier run is ignored.
    pub(super) fn consumed(&mut self, stream: OutputStream, bytes: usize) {
        let output = self.output(stream);
        let waiting = output.waiting.len();
        output.window.release_all_but(waiting, bytes);
    }

    /// Asks for a ping, unless one is under way.
    pub(super) fn ping(&mut self) {
        self.ping_due = self.ping_sent.is_none() && self.phase != Phase::Booting;
    }

    /// Ends the link; the first reason stays.
    pub(super) fn fail(&mut self, error: StreamError) {
        self.failure.get_or_insert(error);
        self.channels.values_mut().for_each(Proxied::wake);
    }

    /// Whether any command has started.
    pub(super) const fn was_used(&self) -> bool {
        self.used
    }

    pub(super) const fn is_unanswered(&self) -> bool {
        matches!(self.phase, Phase::Ordered { .. })
    }

    pub(super) const fn is_over(&self) -> bool {
        self.failure.is_some()
    }

    /// A channel that its handle knows. It is there until the handle has been dropped.
    pub(super) fn channel(&mut self, number: u32) -> Option<&mut Proxied> {
        self.channels.get_mut(&number)
    }

    /// The handle of a channel is gone.
    pub(super) fn drop_channel(&mut self, number: u32) {
        if let Some(proxied) = self.channels.get_mut(&number) {
            proxied.drop_handle();
        }
    }

    fn has_news(&self) -> bool {
        self.started.is_some()
            || self.done.is_some()
            || self.results.has_news()
            || !self.stdout.waiting.is_empty()
            || !self.stderr.waiting.is_empty()
    }

    fn open(&mut self, channel: u32) -> Result<(), StreamError> {
        if channel <= self.last_opened {
            return Err(StreamError::BadChannel(channel));
        }
        if self.channels.len() >= MAX_CHANNELS {
            return Err(StreamError::TooManyChannels(MAX_CHANNELS));
        }
        self.last_opened = channel;
        self.channels.insert(channel, Proxied::new(channel));
        self.opened.push_back(channel);
        Ok(())
    }

    fn print(&mut self, stream: OutputStream, payload: &[u8]) -> Result<(), StreamError> {
        let first = self.stdout.waiting.is_empty() && self.stderr.waiting.is_empty();
        let output = self.output(stream);
        output.window.accept(payload.len())?;
        output.received = output
            .received
            .saturating_add(u64::try_from(payload.len()).unwrap_or(0));
        output.waiting.extend_from_slice(payload);
        if first {
            self.elder = stream;
        }
        Ok(())
    }

    const fn output(&mut self, stream: OutputStream) -> &mut Output {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }

    /// Serves the channels in turn, beginning behind the one that was served last.
    fn next_on_channels(&mut self) -> Option<Frame> {
        let next = |channels: &mut BTreeMap<u32, Proxied>, last: u32| {
            let behind = channels.range_mut(last.saturating_add(1)..);
            if let Some(found) = behind
                .map(|(n, p)| (*n, p.next_frame()))
                .find(|f| f.1.is_some())
            {
                return Some(found);
            }
            let before = channels.range_mut(..=last);
            before
                .map(|(n, p)| (*n, p.next_frame()))
                .find(|f| f.1.is_some())
        };
        let (number, frame) = next(&mut self.channels, self.last_served)?;
        self.last_served = number;
        self.forget_if_over(number);
        frame
    }

    fn next_input(&mut self) -> Option<Frame> {
        let input = &mut self.input;
        if !input.rest.is_empty() {
            let length = input.window.take(input.rest.len().min(MAX_DATA));
            if length == 0 {
                return None;
            }
            return Some(Frame::Data {
                channel: INPUT,
                payload: input.rest.split_to(length),
            });
        }
        std::mem::take(&mut input.end_due).then_some(Frame::End { channel: INPUT })
    }

    fn forget_if_over(&mut self, channel: u32) {
        if self.channels.get(&channel).is_some_and(Proxied::is_over) {
            self.channels.remove(&channel);
        }
    }
}
