//! The driver: it carries out what the engine orders, and tells the engine what happened. It decides nothing.
//!
//! [`Core`] is what all transports share: an engine, the tasks of its calls, its timer. Around it, [`pipe`] moves
//! lines, [`session`] serves one handshake session message by message, [`exchange`] serves one stateless request.

mod archive;
mod board;
mod calls;
mod detached;
mod exchange;
mod lines;
mod pipe;
mod reply;
mod room;
mod session;
mod streams;
mod watches;
mod work;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use mcp_protocol::jsonrpc::OutgoingFrame;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time;

use crate::engine::{Channel, Engine, ExchangeId, Input, Output};
use crate::server::{News, Shared};
use crate::tool::Principal;
use calls::RunningCalls;
use watches::Watches;

pub use pipe::ServeError;
pub use reply::{EventId, HeldText, Replies, Reply};
pub use session::{Session, SessionClosed};

pub(crate) use archive::Archive;
pub(crate) use exchange::exchange;
pub(crate) use pipe::serve;
pub(crate) use session::open;

/// An engine with its tasks and its timer.
#[derive(Debug)]
struct Core {
    engine: Engine,
    calls: RunningCalls,
    watches: Watches,
    principal: Principal,
    news: broadcast::Receiver<News>,
    /// Whether those who wait for changes have been told that nothing more will come.
    quiesced: bool,
    shared: Arc<Shared>,
}

/// Something for the peer.
#[derive(Debug)]
enum Delivery {
    Send {
        exchange: ExchangeId,
        frame: OutgoingFrame,
        droppable: bool,
    },
    /// The connection that carries this may end; what is still to come will be fetched.
    Close {
        exchange: ExchangeId,
    },
    Done {
        exchange: ExchangeId,
    },
}

impl Core {
    fn new(shared: Arc<Shared>, channel: Channel, principal: Principal) -> Self {
        let registry = Arc::clone(&shared.registry);
        let engine = Engine::new(registry, &shared.limits, channel, principal.clone());
        let calls = RunningCalls::new(Arc::clone(&shared), principal.clone());
        Self {
            engine,
            calls,
            watches: Watches::default(),
            principal,
            news: shared.news.subscribe(),
            quiesced: false,
            shared,
        }
    }

    /// Takes in an event, starts and cancels calls, and gives back what is for the peer, in order.
    fn step(&mut self, input: Input) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.engine.step(now(), input) {
                match output {
                    Output::Send {
                        exchange,
                        frame,
                        droppable,
                    } => {
                        // An error means that it was set before.
                        let _ = self.shared.spoken.set(());
                        deliveries.push(Delivery::Send {
                            exchange,
                            frame,
                            droppable,
                        });
                    }
                    Output::Close { exchange } => deliveries.push(Delivery::Close { exchange }),
                    Output::Done { exchange } => deliveries.push(Delivery::Done { exchange }),
                    Output::Start(start) => inputs.extend(self.calls.start(start)),
                    Output::Answered { ticket, answer } => self.calls.answer(ticket, answer),
                    Output::Watch { exchange, tasks } => {
                        let known = &self.shared.detached;
                        let tasks = self.watches.watch(known, &tasks, &self.principal);
                        inputs.push_back(Input::Watched { exchange, tasks });
                    }
                    Output::Cancel { call } => self.calls.cancel(call),
                }
            }
        }
        deliveries
    }

    /// Waits for what happens inside: a call that ends or tells something, a timer. For ever, if nothing does.
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    async fn event(&mut self) -> Vec<Input> {
        let wake = self.engine.next_wake();
        let timer = async {
            match wake {
                Some(at) => time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            inputs = self.calls.event() => inputs,
            id = self.watches.changed() => vec![Input::TaskChanged(id)],
            () = timer => vec![Input::Wake],
            news = self.news.recv() => match news {
                Ok(News::Changed(change)) => vec![Input::Changed(change)],
                Ok(News::PageDone(id)) => vec![Input::PageDone(id)],
                Err(RecvError::Lagged(_)) => vec![Input::ChangedUnknown],
                // The sender is part of what is shared, so it outlives this.
                Err(RecvError::Closed) => std::future::pending().await,
            },
            () = self.shared.quiesce.cancelled(), if !self.quiesced => {
                self.quiesced = true;
                vec![Input::EndSubscriptions]
            }
        }
    }

    /// After [`Input::Closed`]: waits until the futures of all calls are dropped; not longer than the limit for
    /// draining, which only a future that blocks its thread can reach.
    async fn all_gone(&mut self) {
        if time::timeout(self.shared.limits.drain, self.calls.all_gone())
            .await
            .is_err()
        {
            tracing::error!("calls that were cancelled do not end");
        }
    }
}

/// The time as the runtime sees it, so that tests can pause it.
fn now() -> Instant {
    time::Instant::now().into_std()
}
