//! One stateless request over HTTP. Its life is its response stream's: dropping that cancels it.

use std::sync::Arc;

use mcp_protocol::jsonrpc::Frame;
use mcp_protocol::jsonrpc::Incoming;
use tokio::sync::mpsc;

use super::reply::{self, BUFFER};
use super::{Core, Delivery, Replies, Reply};
use crate::budget::Budget;
use crate::engine::{Channel, ExchangeId, Input};
use crate::server::Shared;
use crate::tool::Principal;

pub(crate) fn exchange(
    shared: &Arc<Shared>,
    message: Incoming,
    principal: Principal,
    kept: impl Send + 'static,
) -> Replies {
    let (sender, replies) = Replies::channel(BUFFER);
    let core = Core::new(Arc::clone(shared), Channel::Exchange, principal);
    // All of it in the task: a call that it starts then runs when it waits, on the same thread. Started from here, the
    // two would be shared out over threads, which takes longer than a small call.
    shared.tasks.spawn(serve(core, message, sender, kept));
    replies
}

async fn serve(
    mut core: Core,
    message: Incoming,
    sender: mpsc::Sender<Reply>,
    kept: impl Send + 'static,
) {
    let waiting = core.shared.waiting.clone();
    let stop = core.shared.stop.clone();
    let frame = Ok(Frame::Single(message));
    let first = core.step(Input::Received {
        exchange: ExchangeId(1),
        frame,
    });
    drop(kept);
    if deliver(&sender, first, &waiting) {
        return;
    }
    loop {
        // For a client that does not read, the newest is kept at its source instead of all that was told on the way.
        let is_crowded = reply::is_crowded(&sender);
        let inputs = tokio::select! {
            inputs = core.event(), if !is_crowded => inputs,
            () = reply::has_room(&sender), if is_crowded => continue,
            () = sender.closed() => break,
            () = stop.cancelled() => break,
        };
        for input in inputs {
            if deliver(&sender, core.step(input), &waiting) {
                return;
            }
        }
    }
    // A stream of changes gets its final answer, and so do the calls that are cut off.
    deliver(&sender, core.step(Input::EndSubscriptions), &waiting);
    deliver(&sender, core.step(Input::Closed), &waiting);
    drop(sender);
    core.all_gone().await;
}

/// Hands messages on; true once nothing more will follow.
fn deliver(sender: &mpsc::Sender<Reply>, deliveries: Vec<Delivery>, waiting: &Budget) -> bool {
    let mut done = false;
    for delivery in deliveries {
        match delivery {
            Delivery::Send {
                frame, droppable, ..
            } => reply::put(sender, frame, droppable, waiting),
            Delivery::Close { .. } => {}
            Delivery::Done { .. } => done = true,
        }
    }
    done
}
