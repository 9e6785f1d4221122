//! Laws 5 and 6: in which order a run tells of itself.

use executor_core::Event;

use super::ground::{Breach, Ground, events_of, hold};

/// Of these runs each ends in another way.
const PROGRAMS: [&str; 4] = [
    "print('out')\nimport sys\nprint('err', file=sys.stderr)",
    "pass",
    "raise ValueError('no')",
    "import os, signal\nprint('x', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)",
];

pub(super) async fn law_05_started_comes_first_once(ground: &Ground) -> Result<(), Breach> {
    let executor = ground.executor(|_| {})?;
    for program in PROGRAMS {
        check_started_is_first(&events_of(&executor, program).await?)?;
    }
    executor.shutdown().await;
    Ok(())
}

pub(super) async fn law_06_ended_comes_last_once(ground: &Ground) -> Result<(), Breach> {
    let executor = ground.executor(|_| {})?;
    for program in PROGRAMS {
        check_ended_is_last(&events_of(&executor, program).await?)?;
    }
    // A run that is cancelled before it has a sandbox ends as well.
    let mut cancelled = executor.execute(executor_core::ExecutionRequest::new("pass"))?;
    cancelled.cancel();
    let mut events = Vec::new();
    while let Some(event) = cancelled.next().await {
        events.push(event);
    }
    check_ended_is_last(&events)?;
    executor.shutdown().await;
    Ok(())
}

/// The rule of law 5 on the events of a run that got a sandbox.
///
/// # Errors
///
/// When `Started` is missing, told twice, or comes after output.
pub fn check_started_is_first(events: &[Event]) -> Result<(), Breach> {
    let started = events
        .iter()
        .filter(|event| matches!(event, Event::Started(_)))
        .count();
    hold!(started == 1, "`Started` came {started} times");
    let first = events
        .iter()
        .find(|event| !matches!(event, Event::Progress(_)));
    hold!(
        matches!(first, Some(Event::Started(_))),
        "before `Started` came {first:?}"
    );
    Ok(())
}

/// The rule of law 6 on the events of any run.
///
/// # Errors
///
/// When `Ended` is missing, told twice, or not the last.
pub fn check_ended_is_last(events: &[Event]) -> Result<(), Breach> {
    let ended = events
        .iter()
        .filter(|event| matches!(event, Event::Ended(_)))
        .count();
    hold!(ended == 1, "`Ended` came {ended} times");
    hold!(
        matches!(events.last(), Some(Event::Ended(_))),
        "after `Ended` came more"
    );
    Ok(())
}
