//! Laws of what a program prints: 7, 8, 12 and 15.

use std::time::{Duration, Instant};

use executor_core::limits::ByteSize;
use executor_core::{Ending, Event, ExecutionRequest, OutputStream};

use super::ground::{Breach, Ground, hold, run_in};

pub(super) async fn law_07_streams_stay_apart_and_in_order(ground: &Ground) -> Result<(), Breach> {
    const LINES: usize = 2000;
    let outcome = ground
        .run(&format!(
            "import os
for number in range({LINES}):
    os.write(1, b'out %d\\n' % number)
    os.write(2, b'err %d\\n' % number)"
        ))
        .await?;
    let lines = |word: &str| -> String { (0..LINES).map(|n| format!("{word} {n}\n")).collect() };
    hold!(
        outcome.ending.is_success(),
        "it ended as `{}`",
        outcome.ending
    );
    hold!(
        outcome.stdout.to_bytes() == lines("out").as_bytes(),
        "stdout is not what was printed"
    );
    hold!(
        outcome.stderr.to_bytes() == lines("err").as_bytes(),
        "stderr is not what was printed"
    );
    Ok(())
}

pub(super) async fn law_08_bytes_pass_unchanged(ground: &Ground) -> Result<(), Breach> {
    let outcome = ground
        .run(
            "import os
every = bytes(range(256))
for part in (every, b'\\n' * 3, every[::-1], b'\\xff\\xfe\\xc3', '\u{20ac}\u{1f40d}'.encode()):
    os.write(1, part)
    os.write(2, part[::-1])",
        )
        .await?;
    let every: Vec<u8> = (0..=255).collect();
    let backwards: Vec<u8> = every.iter().rev().copied().collect();
    let parts = [
        every,
        b"\n\n\n".to_vec(),
        backwards,
        b"\xff\xfe\xc3".to_vec(),
        "\u{20ac}\u{1f40d}".as_bytes().to_vec(),
    ];
    let turned: Vec<u8> = parts
        .iter()
        .flat_map(|part| part.iter().rev().copied())
        .collect();
    hold!(
        outcome.stdout.to_bytes() == parts.concat(),
        "bytes on stdout were changed"
    );
    hold!(
        outcome.stderr.to_bytes() == turned,
        "bytes on stderr were changed"
    );
    Ok(())
}

pub(super) async fn law_12_the_output_limit_cuts_at_an_exact_byte(
    ground: &Ground,
) -> Result<(), Breach> {
    const PRINTED: u64 = 300_000;
    const KEPT: u64 = 1000;
    let executor = ground.executor(|settings| {
        settings.output.printed = ByteSize::bytes(PRINTED);
        settings.output.kept = ByteSize::bytes(KEPT);
    })?;
    // Exactly as much as allowed is allowed.
    let exact = format!("import sys\nsys.stdout.write('a' * 299999 + 'z')\nassert {PRINTED}");
    let outcome = run_in(&executor, &exact).await?;
    hold!(
        outcome.ending.is_success(),
        "{PRINTED} bytes ended as `{}`",
        outcome.ending
    );
    let (total, lost) = (outcome.stdout.total_bytes(), outcome.stdout.omitted_bytes());
    hold!(total == PRINTED, "{PRINTED} bytes were counted as {total}");
    hold!(
        lost == PRINTED - KEPT,
        "{} bytes were cut, but {lost} told",
        PRINTED - KEPT
    );
    hold!(
        outcome.stdout.head().iter().all(|byte| *byte == b'a'),
        "the head is another"
    );
    hold!(
        outcome.stdout.tail().last() == Some(&b'z'),
        "the tail is not the end"
    );

    // One byte more is not, on whichever stream.
    for stream in ["stdout", "stderr"] {
        let endless = format!("import sys\nwhile True:\n    sys.{stream}.write('b' * 7)\n");
        let outcome = run_in(&executor, &endless).await?;
        hold!(
            matches!(outcome.ending, Ending::OutputLimit(got) if got.get() == PRINTED),
            "endless {stream} ended as `{}`",
            outcome.ending
        );
        let total = outcome.stdout.total_bytes() + outcome.stderr.total_bytes();
        hold!(
            total == PRINTED,
            "the cut on {stream} is at byte {total}, not at {PRINTED}"
        );
    }
    executor.shutdown().await;
    Ok(())
}

/// What may wait between a program and a caller who does not read: the pipe, two windows of the
/// stream, the events of an execution, and what a transport buffers.
const UNREAD: u64 = 8 * 1024 * 1024;

pub(super) async fn law_15_a_slow_reader_slows_the_program(ground: &Ground) -> Result<(), Breach> {
    const PAUSE: Duration = Duration::from_millis(1200);
    let executor = ground.executor(|_| {})?;
    let program = "import os, time
begun = time.monotonic()
for number in range(512):
    os.write(1, b'%08d' % number * 8192)
os.write(2, b'%d' % ((time.monotonic() - begun) * 1000))";
    let mut execution = executor.execute(ExecutionRequest::new(program))?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut paused_until = None;
    let mut ended = None;
    while let Some(event) = execution.next().await {
        match event {
            Event::Output {
                stream: OutputStream::Stdout,
                bytes,
            } => stdout.extend(bytes),
            Event::Output {
                stream: OutputStream::Stderr,
                bytes,
            } => stderr.extend(bytes),
            Event::Ended(outcome) => ended = Some(outcome),
            _ => {}
        }
        if paused_until.is_none() && !stdout.is_empty() {
            tokio::time::sleep(PAUSE).await;
            paused_until = Some(Instant::now());
        }
    }
    let ending = ended.map(|outcome| outcome.ending);
    hold!(
        matches!(ending, Some(Ending::Exited(0))),
        "the run ended as {ending:?}"
    );
    let expected: Vec<u8> = (0..512)
        .flat_map(|number| format!("{number:08}").repeat(8192).into_bytes())
        .collect();
    hold!(
        stdout == expected,
        "of {} bytes {} arrived, or others",
        expected.len(),
        stdout.len()
    );
    // Had it not been slowed, it would have been done long before the pause was over.
    let took: u128 = String::from_utf8_lossy(&stderr).parse().unwrap_or_default();
    hold!(
        took >= PAUSE.as_millis() / 2,
        "the program wrote {} MiB in {took} ms to a reader who paused for {PAUSE:?}: more than \
         {UNREAD} bytes waited for it",
        expected.len() >> 20
    );
    executor.shutdown().await;
    Ok(())
}
