//! Moves bytes between a sandbox's stream and the rules in `state`, and faces the executor.
//!
//! Two tasks belong to a link, one for each direction; neither ever waits for the other, so a runner that
//! does not read cannot keep its output from being read, and a caller who does not read output does not
//! hold up proxied connections.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::channel::ProxyChannel;
use super::command::{RunCommand, Surroundings};
use super::error::StreamError;
use super::frame::{Decoder, Side};
use super::report::{Missing, Prepared, Ready, Report, Sets, Started, Trusted};
use super::results::Item;
use super::state::{State, Told};
use crate::backend::SandboxStream;
use crate::output::OutputStream;

/// Written to the stream at once at most, but for the last frame of a batch.
const BATCH: usize = 128 * 1024;

/// The clocks of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkSettings {
    /// From the first byte to the runner's `Ready`.
    pub(crate) boot_timeout: Duration,
    /// Between pings. The runner ends itself after 60 s without a frame.
    pub(crate) ping_interval: Duration,
    /// A runner that was not heard for so long is taken to be gone.
    pub(crate) silence: Duration,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            boot_timeout: Duration::from_secs(20),
            ping_interval: Duration::from_secs(15),
            silence: Duration::from_secs(60),
        }
    }
}

/// What a link has to tell.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The command runs. The notes say what could not be prepared for it.
    Started {
        /// Sentences for a person.
        notes: Vec<String>,
        /// The sets of modules that it was given, where it asked for any.
        sets: Option<Sets>,
        /// Whether it had what was made ready ahead.
        ahead: bool,
    },
    /// The program printed. [`Link::consumed`] gives the credit back.
    Output {
        /// Where.
        stream: OutputStream,
        /// At most 64 KiB.
        bytes: Bytes,
    },
    /// The program connected to the proxy's port.
    Connection(ProxyChannel),
    /// It has shown something, and this is said of it. The thing itself comes as an [`Item`](Self::Item).
    Shown(String),
    /// The program and all its processes are gone; what it left to be seen begins to come.
    Collecting,
    /// It left this. Each comes after everything printed has been told.
    Item(Item),
    /// The command and all its processes are gone; everything printed has been told.
    Done(Report),
    /// The store has no set of modules for it: nothing was begun, and the runner waits for its next command.
    Missing(Missing),
    /// The command could not be started, or the link is over; then every further event is this one.
    Failed(StreamError),
}

/// The host's end of a sandbox's stream.
///
/// Dropping it closes both directions, upon which the runner kills everything and ends; proxied
/// connections that are still held read an error.
pub(crate) struct Link {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Link {
    /// Sends the runner, in whichever form, to a waiting process 1, tells it of its surroundings, and awaits its `Ready`.
    pub(crate) async fn boot(
        stream: SandboxStream,
        settings: LinkSettings,
        surroundings: &Surroundings,
        runner: Bytes,
    ) -> Result<(Self, Ready), StreamError> {
        let SandboxStream { reader, writer } = stream;
        let shared = Arc::new(Shared::new(surroundings)?);
        let mut tasks = JoinSet::new();
        tasks.spawn(read(Arc::clone(&shared), reader, settings.silence));
        tasks.spawn(write(
            Arc::clone(&shared),
            writer,
            runner,
            settings.ping_interval,
        ));
        let link = Self { shared, tasks };
        let ready = timeout(settings.boot_timeout, link.ready()).await;
        let ready = ready.map_err(|_elapsed| StreamError::NotReady(settings.boot_timeout))??;
        Ok((link, ready))
    }

    /// Closes it, and waits until the runner's side is closed too: then process 1 has ended. It may also be that the runner
    /// still had something to say, which nobody hears. Whoever cannot wait drops the future, or the link.
    pub(crate) async fn close(mut self) {
        self.shared.fail(StreamError::Closed);
        while self.tasks.join_next().await.is_some() {}
    }

    /// Gives the runner its next command. Its input is fed as the runner takes it, behind this call.
    ///
    /// # Errors
    ///
    /// When a command runs already, when the program has run, when the command does not fit a frame, and
    /// when the link is over.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a command is given away with its input"
    )]
    pub(crate) fn send(&self, command: RunCommand, input: Bytes) -> Result<(), StreamError> {
        self.shared.lock().order(&command, input)?;
        self.shared.work.notify_one();
        Ok(())
    }

    /// As [`send`](Self::send), with an input that comes piece by piece and ends with its feeder.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a command is given away, here as in `send`"
    )]
    pub(crate) fn send_fed(&self, command: RunCommand) -> Result<Feeder, StreamError> {
        {
            let mut state = self.shared.lock();
            state.order(&command, Bytes::new())?;
            state.expect_feeding();
        }
        self.shared.work.notify_one();
        Ok(Feeder(Arc::clone(&self.shared)))
    }

    /// The next event. Cancel-safe: an event is either returned or still there.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        loop {
            // Bound apart from the match, which would hold the lock while a channel is made.
            let told = self.shared.lock().next_told();
            match told {
                Some(Told::Started(Started { notes, sets, ahead })) => {
                    return LinkEvent::Started { notes, sets, ahead };
                }
                Some(Told::Output(stream, bytes)) => return LinkEvent::Output { stream, bytes },
                Some(Told::Connection(number)) => {
                    let channel = ProxyChannel::new(Arc::clone(&self.shared), number);
                    return LinkEvent::Connection(channel);
                }
                Some(Told::Shown(what)) => return LinkEvent::Shown(what),
                Some(Told::Collecting) => return LinkEvent::Collecting,
                Some(Told::Item(item)) => return LinkEvent::Item(item),
                Some(Told::Done(report)) => return LinkEvent::Done(report),
                Some(Told::NotStarted(reason)) => {
                    return LinkEvent::Failed(StreamError::NotStarted(reason));
                }
                Some(Told::Missing(why)) => return LinkEvent::Missing(why),
                Some(Told::Failed(error)) => return LinkEvent::Failed(error),
                None => self.shared.news.notified().await,
            }
        }
    }

    /// Says that output was disposed of. Until then it slows the program down.
    pub(crate) fn consumed(&self, stream: OutputStream, bytes: usize) {
        self.shared.lock().consumed(stream, bytes);
        self.shared.work.notify_one();
    }

    /// The runner as the sandbox's interpreter has compiled it, if it was sent as text; once. It came before anything
    /// that the host has not sent can have run there.
    pub(crate) fn take_compiled(&self) -> Option<Bytes> {
        self.shared.lock().take_compiled()
    }

    /// What the runner has made of the certificates, for other sandboxes of its image to lay down; once, and not if it
    /// was given that. It was told before anything foreign was begun there.
    pub(crate) fn take_trusted(&self) -> Option<Trusted> {
        self.shared.lock().take_trusted()
    }

    /// Whether the runner was there when it was last heard.
    pub(crate) fn is_alive(&self) -> bool {
        !self.shared.lock().is_over()
    }

    /// Whether anything was ever begun over this link. What it never heard of has not acted on the outside, for the
    /// link is its only way there.
    pub(crate) fn was_used(&self) -> bool {
        self.shared.lock().was_used()
    }

    /// A look at this link that outlives borrows of it, and the link itself.
    pub(crate) fn watch(&self) -> LinkWatch {
        LinkWatch(Arc::clone(&self.shared))
    }

    /// What came of what was to be made ready ahead. Never returns where nothing was, so ask once, and only then.
    /// Cancel-safe.
    pub(crate) async fn prepared(&self) -> Result<Prepared, StreamError> {
        loop {
            let prepared = self.shared.lock().take_prepared();
            match prepared {
                Some(prepared) => return prepared,
                None => self.shared.news.notified().await,
            }
        }
    }

    async fn ready(&self) -> Result<Ready, StreamError> {
        loop {
            let ready = self.shared.lock().take_ready();
            match ready {
                Some(ready) => return ready,
                None => self.shared.news.notified().await,
            }
        }
    }
}

/// Sees whether a [`Link`] that somebody else holds was used.
pub(crate) struct LinkWatch(Arc<Shared>);

impl LinkWatch {
    /// Like [`Link::was_used`].
    pub(crate) fn was_used(&self) -> bool {
        self.0.lock().was_used()
    }

    /// Whether the runner was given a command and has not said a word about it.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.0.lock().is_unanswered()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.fail(StreamError::Closed);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// The input of a command, fed as fast as the runner takes it: no more than one piece waits here. Dropping it ends the
/// input.
pub(crate) struct Feeder(Arc<Shared>);

impl Feeder {
    /// Hands the next piece over when there is room for it. Cancel-safe: a piece is either taken whole or not.
    ///
    /// # Errors
    ///
    /// When the command has ended, or the link is over.
    pub(crate) async fn feed(&self, piece: Bytes) -> Result<(), StreamError> {
        while !self.0.lock().feed(&piece)? {
            self.0.room.notified().await;
        }
        self.0.work.notify_one();
        Ok(())
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.0.lock().end_feeding();
        self.0.work.notify_one();
    }
}

impl fmt::Debug for Feeder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeder").finish_non_exhaustive()
    }
}

/// What the tasks, the link and its channels share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something may have to be told.
    news: Notify,
    /// Something may have to be sent.
    pub(super) work: Notify,
    /// The input may take more, or never will.
    room: Notify,
}

impl Shared {
    fn new(surroundings: &Surroundings) -> Result<Self, StreamError> {
        Ok(Self {
            state: Mutex::new(State::new(surroundings)?),
            news: Notify::new(),
            work: Notify::new(),
            room: Notify::new(),
        })
    }

    /// The state; a panic elsewhere does not make it unfit, for every step leaves it whole.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: StreamError) {
        self.lock().fail(error);
        self.news.notify_one();
        self.work.notify_one();
        self.room.notify_one();
    }
}

/// Reads until the stream ends or breaks its rules.
async fn read(shared: Arc<Shared>, mut reader: impl AsyncRead + Unpin, silence: Duration) {
    let mut decoder = Decoder::new(Side::Runner);
    let failure = loop {
        match timeout(silence, reader.read_buf(decoder.space())).await {
            Ok(Ok(0)) => break StreamError::Closed,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => break StreamError::Read(error.kind()),
            Err(_elapsed) => break StreamError::Silent(silence),
        }
        let applied = apply(&shared, &mut decoder);
        shared.news.notify_one();
        shared.work.notify_one();
        shared.room.notify_one();
        if let Err(error) = applied {
            break error;
        }
    };
    shared.fail(failure);
}

fn apply(shared: &Shared, decoder: &mut Decoder) -> Result<(), StreamError> {
    let mut state = shared.lock();
    while let Some(frame) = decoder.next()? {
        state.apply(&frame)?;
    }
    Ok(())
}

/// Writes what is due until the link ends. A stream that cannot be written ends on the reading side too.
async fn write(
    shared: Arc<Shared>,
    mut writer: impl AsyncWrite + Unpin,
    runner: Bytes,
    pings: Duration,
) {
    let mut batch = BytesMut::with_capacity(BATCH);
    batch.put_u32(u32::try_from(runner.len()).unwrap_or(u32::MAX));
    batch.put_slice(&runner);
    drop(runner);
    let mut ping = interval_at(Instant::now() + pings, pings);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        while !batch.is_empty() {
            if writer.write_buf(&mut batch).await.is_err() {
                return;
            }
        }
        if writer.flush().await.is_err() {
            return;
        }
        {
            let mut state = shared.lock();
            while batch.len() < BATCH
                && let Some(frame) = state.next_frame()
            {
                frame.encode(&mut batch);
            }
            if batch.is_empty() && state.is_over() {
                return;
            }
        }
        shared.room.notify_one();
        if batch.is_empty() {
            tokio::select! {
                () = shared.work.notified() => {}
                _ = ping.tick() => shared.lock().ping(),
            }
        }
    }
}
