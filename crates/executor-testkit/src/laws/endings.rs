//! Laws of how a run ends: 9 to 11, 13, 14 and 16.

use std::time::{Duration, Instant};

use executor_core::limits::{ByteSize, WallTime};
use executor_core::{Ending, Event, Execution, ExecutionRequest, Executor, SandboxDeath};

use super::ground::{Breach, Ground, hold, marker, run_in};
use crate::witness;

/// What an ending that somebody else brings about may take beyond its limit.
const SLACK: Duration = Duration::from_secs(2);

pub(super) async fn law_09_exit_codes_arrive(ground: &Ground) -> Result<(), Breach> {
    let executor = ground.executor(|_| {})?;
    let exits = [
        ("pass", 0),
        ("raise SystemExit(7)", 7),
        ("import os; os._exit(255)", 255),
        ("raise RuntimeError", 1),
        ("import sys; sys.exit('words')", 1),
        ("def", 1),
    ];
    for (program, code) in exits {
        let ending = run_in(&executor, program).await?.ending;
        hold!(
            matches!(ending, Ending::Exited(got) if got == code),
            "`{program}` ended as `{ending}`, not with exit code {code}"
        );
    }
    let ending = run_in(&executor, "import os; os.kill(os.getpid(), 11)")
        .await?
        .ending;
    hold!(
        matches!(ending, Ending::Signaled(11)),
        "signal 11 arrived as `{ending}`"
    );
    executor.shutdown().await;
    Ok(())
}

pub(super) async fn law_10_the_wall_limit_ends_as_timed_out(ground: &Ground) -> Result<(), Breach> {
    let limit = WallTime::new(Duration::from_secs(1)).map_err(Breach::new)?;
    let executor = ground.executor(|settings| settings.timeout = limit)?;
    let stubborn = "import signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
print('armed', flush=True)
while True:
    time.sleep(1)";
    let begun = Instant::now();
    let outcome = run_in(&executor, stubborn).await?;
    hold!(
        matches!(outcome.ending, Ending::TimedOut(got) if got == limit),
        "a program past its limit ended as `{}`",
        outcome.ending
    );
    hold!(
        outcome.stdout.head() == b"armed\n",
        "what it printed before is lost"
    );
    let took = outcome.timings.program;
    hold!(
        took < limit.get() + SLACK,
        "a limit of {limit} was kept after {took:?}"
    );
    hold!(begun.elapsed() >= limit.get(), "it ended before its time");
    executor.shutdown().await;
    Ok(())
}

pub(super) async fn law_11_the_memory_limit_ends_as_out_of_memory(
    ground: &Ground,
) -> Result<(), Breach> {
    let memory = ByteSize::mib(128);
    let executor = ground.executor(|settings| settings.limits.memory = memory)?;
    let greedy = "kept = []\nwhile True:\n    kept.append(bytearray(1 << 20))";
    let outcome = run_in(&executor, greedy).await?;
    let limit = match outcome.ending {
        Ending::OutOfMemory(limit) => Some(limit),
        // The limit strikes the sandbox's own kernel, and so all of it.
        Ending::SandboxDied(SandboxDeath::OutOfMemory(limit)) if ground.has_own_kernel() => {
            Some(limit)
        }
        _ => None,
    };
    hold!(
        limit == Some(memory),
        "a program that took all memory ended as `{}`",
        outcome.ending
    );
    let next = run_in(&executor, "print('alive')").await?;
    hold!(
        next.stdout.head() == b"alive\n",
        "the next run ended as `{}`",
        next.ending
    );
    executor.shutdown().await;
    Ok(())
}

/// A run that lives on in two generations, of which the younger bears the marker, and its sandbox.
async fn running_family(executor: &Executor, marker: &str) -> Result<(Execution, String), Breach> {
    let program = witness::visible_program(marker, "time.sleep(600)");
    let mut execution = executor.execute(ExecutionRequest::new(program))?;
    let mut sandbox = None;
    while let Some(event) = execution.next().await {
        match event {
            Event::Started(id) => sandbox = Some(id.to_string()),
            Event::Output { .. } => break,
            Event::Ended(outcome) => {
                return Err(Breach::new(format!(
                    "the run ended early: `{}`",
                    outcome.ending
                )));
            }
            _ => {}
        }
    }
    sandbox
        .map(|id| (execution, id))
        .ok_or_else(|| Breach::new("the run printed before `Started`"))
}

async fn until_no_process(marker: &str, within: Duration) -> Result<(), Breach> {
    let begun = Instant::now();
    loop {
        let left = witness::processes(marker);
        if left == 0 {
            return Ok(());
        }
        hold!(
            begun.elapsed() < within,
            "{left} processes of the run live after {within:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) async fn law_13_a_cancel_ends_as_cancelled(ground: &Ground) -> Result<(), Breach> {
    let marker = marker()?;
    let executor = ground.executor(|_| {})?;
    let (mut execution, sandbox) = running_family(&executor, &marker).await?;
    execution.cancel();
    let begun = Instant::now();
    let mut ending = None;
    while let Some(event) = execution.next().await {
        if let Event::Ended(outcome) = event {
            hold!(
                outcome.stdout.head() == b"up\n",
                "what it printed before is lost"
            );
            ending = Some(outcome.ending);
        }
    }
    hold!(
        matches!(ending, Some(Ending::Cancelled)),
        "a cancelled run ended as {ending:?}"
    );
    ground.until_gone(&sandbox, SLACK).await?;
    until_no_process(&marker, SLACK.saturating_sub(begun.elapsed())).await?;
    executor.shutdown().await;
    Ok(())
}

pub(super) async fn law_14_dropping_the_stream_is_a_cancel(ground: &Ground) -> Result<(), Breach> {
    let marker = marker()?;
    let executor = ground.executor(|settings| settings.concurrency = 1)?;
    let (execution, sandbox) = running_family(&executor, &marker).await?;
    drop(execution);
    ground.until_gone(&sandbox, SLACK).await?;
    until_no_process(&marker, SLACK).await?;
    // Its place is free again: with one place, this could not run otherwise.
    let next = run_in(&executor, "print('next')").await?;
    hold!(
        next.stdout.head() == b"next\n",
        "the next run ended as `{}`",
        next.ending
    );
    executor.shutdown().await;
    Ok(())
}

pub(super) async fn law_16_no_process_survives_its_run(ground: &Ground) -> Result<(), Breach> {
    let marker = marker()?;
    let executor = ground.executor(|_| {})?;
    // The program leaves a daemon that holds its output open, and then ends in its own ways.
    let daemon = witness::visible_program(&marker, "import os");
    for last_words in [
        "",
        "os._exit(3)",
        "os.kill(os.getpid(), 9)",
        "raise KeyError",
    ] {
        let begun = Instant::now();
        let outcome = run_in(&executor, &format!("{daemon}{last_words}")).await?;
        hold!(
            outcome.stdout.head() == b"up\n",
            "it ended as `{}`",
            outcome.ending
        );
        hold!(
            !matches!(outcome.ending, Ending::TimedOut(_) | Ending::Failed(_)),
            "a daemon kept its run from ending: `{}` after {:?}",
            outcome.ending,
            begun.elapsed()
        );
        until_no_process(&marker, SLACK).await?;
    }
    executor.shutdown().await;
    Ok(())
}
