//! Goes with a run to its end: tells what happens, gives signs of life, and lets a long call become a task.

use std::future;
use std::time::Duration;

use executor_core::limits::WallTime;
use executor_core::{Event, Execution, Outcome};
use mcp_server::CallContext;
use tokio::time::{Instant, sleep, sleep_until};

use crate::teller::Teller;
use crate::ticker::Ticker;

/// When a call does something by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long nothing may be told.
    pub(crate) heartbeat: Duration,
    /// After how long it becomes a task, if it ever does.
    pub(crate) task_after: Option<Duration>,
}

/// Tells the run's events to the client until its outcome is there; `limit` is what its program may take.
pub(crate) async fn follow(
    mut execution: Execution,
    limit: WallTime,
    context: &CallContext,
    pace: Pace,
) -> Option<Outcome> {
    let begun = Instant::now();
    let mut ticker = Ticker::new(begun, limit);
    let mut teller = Teller::new(context, begun);
    let silent = sleep(pace.heartbeat);
    let long = async {
        match pace.task_after {
            Some(after) => sleep(after).await,
            None => future::pending().await,
        }
    };
    let mut is_long = false;
    tokio::pin!(silent, long);
    // They take turns: a program that never stops printing does not keep its call from becoming a task.
    loop {
        let due = teller.due();
        let message = tokio::select! {
            event = execution.next() => match event? {
                Event::Ended(outcome) => {
                    teller.finish();
                    return Some(*outcome);
                }
                event => ticker.message(&event, Instant::now()),
            },
            () = sleep_until(due.unwrap_or(begun)), if due.is_some() => {
                teller.release(Instant::now());
                None
            }
            () = &mut silent => Some(ticker.pulse(Instant::now())),
            () = &mut long, if !is_long => {
                is_long = true;
                // Where there are no tasks, or no place for one, the call goes on as it was.
                context.become_task().await;
                None
            }
        };
        if let Some(message) = message {
            teller.tell(message, Instant::now());
            silent.as_mut().reset(Instant::now() + pace.heartbeat);
        }
    }
}
