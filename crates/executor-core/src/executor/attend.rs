//! Follows one command or program over the link: output to a sink, connections to the gateway,
//! until its report comes or its time is up.

use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::{ErrorKind, Result, SandboxError};
use crate::gateway::GatewayLink;
use crate::output::OutputStream;
use crate::stream::{Item, Link, LinkEvent, Missing, Report, Sets, StreamError};

/// The runner ends what it runs at its limit by its own clock; if nothing was heard so much later,
/// the host goes by its own.
const GRACE: Duration = Duration::from_millis(1500);

/// The runner takes at most 20 s to send what a program left, once that has ended, and says `Done` then.
const COLLECT: Duration = Duration::from_secs(25);

/// What takes the output of a run.
pub(super) trait Sink {
    /// Takes the next chunk; while it waits the program is slowed down, and its clock goes on.
    async fn output(&mut self, stream: OutputStream, bytes: Bytes);

    /// Takes what is said of something that the program has just shown; the thing itself comes at the end.
    fn shown(&mut self, _what: String) {}

    /// Takes what the program left to be seen. Only programs are asked for that.
    fn item(&mut self, _item: Item) {}

    /// Takes what the runner says when it has begun: notes on the environment, what it had from the store, and whether it
    /// had what was made ready ahead.
    fn started(&mut self, notes: Vec<String>, sets: Option<Sets>, ahead: bool);
}

/// How the attention ended.
pub(super) enum Attended {
    /// Process 1 reported.
    Done(Report),
    /// The time was up and process 1 silent.
    TimedOut,
    /// Nothing was begun: the store has no set of modules for it.
    Missing(Missing),
}

/// Follows what was sent over `link` for at most `limit` and a grace.
pub(super) async fn attend(
    link: &mut Link,
    gateway: &GatewayLink,
    limit: Duration,
    sink: &mut impl Sink,
) -> Result<Attended> {
    let up = tokio::time::sleep(limit.saturating_add(GRACE));
    tokio::pin!(up);
    // Dropped with this function: no connection outlives what made it.
    let mut connections = JoinSet::new();
    loop {
        let event = tokio::select! {
            biased;
            () = &mut up => return Ok(Attended::TimedOut),
            Some(_) = connections.join_next() => continue,
            event = link.next() => event,
        };
        match event {
            LinkEvent::Started { notes, sets, ahead } => sink.started(notes, sets, ahead),
            LinkEvent::Output { stream, bytes } => {
                let length = bytes.len();
                tokio::select! {
                    () = &mut up => return Ok(Attended::TimedOut),
                    () = sink.output(stream, bytes) => {}
                }
                link.consumed(stream, length);
            }
            LinkEvent::Connection(channel) => {
                connections.spawn(gateway.serve(channel));
            }
            LinkEvent::Shown(what) => sink.shown(what),
            LinkEvent::Collecting => up.as_mut().reset(Instant::now() + COLLECT),
            LinkEvent::Item(item) => sink.item(item),
            LinkEvent::Done(report) => return Ok(Attended::Done(report)),
            LinkEvent::Missing(why) => return Ok(Attended::Missing(why)),
            LinkEvent::Failed(error) => return Err(lost(error)),
        }
    }
}

/// A broken stream in the executor's words.
pub(super) fn lost(error: StreamError) -> SandboxError {
    let kind = match &error {
        StreamError::NotStarted(_) => ErrorKind::StartFailed,
        error if error.is_hostile() => ErrorKind::Protocol,
        _ => ErrorKind::SandboxLost,
    };
    SandboxError::new(kind, "follow the run").with_source(error)
}
