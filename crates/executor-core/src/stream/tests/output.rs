//! Output: every byte, in order, bounded and at the reader's pace.

use std::time::Duration;

use super::local::{Local, run, run_with};
use crate::limits::ByteSize;
use crate::stream::{Cause, Exit, LinkEvent};

#[tokio::test]
async fn every_byte_passes_both_ways() {
    let all: Vec<u8> = (0..=255).collect();
    let text = "import sys\ndata = sys.stdin.buffer.read()\nsys.stdout.buffer.write(data)\n\
                sys.stderr.buffer.write(bytes(reversed(data)))\n";
    let run = run_with(text, &all, |command| command).await;
    assert_eq!(run.stdout, all);
    assert_eq!(run.stderr, all.iter().rev().copied().collect::<Vec<u8>>());
}

#[tokio::test]
async fn a_large_input_is_read_to_its_end_or_dropped() {
    let input: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let text = "import sys, hashlib\nprint(len(sys.stdin.buffer.read()))\n";
    assert_eq!(
        run_with(text, &input, |command| command).await.out(),
        "3000000\n"
    );
    let run = run_with("print('not interested')", &input, |command| command).await;
    assert_eq!(run.out(), "not interested\n");
    let run = run_with(
        "import os\nos.close(0)\nprint('closed')",
        &input,
        |command| command,
    )
    .await;
    assert_eq!(run.out(), "closed\n");
}

#[tokio::test]
async fn lines_are_told_as_they_are_printed() {
    let mut local = Local::boot().await;
    let text = "print('first')\ninput()\n";
    // The input never comes: its end does, but only behind more than a pipe and a window hold.
    let endless = vec![b'x'; 1_000_000];
    local.send(local.program(text), &[text.as_bytes(), &endless].concat());
    assert!(matches!(local.link.next().await, LinkEvent::Started { .. }));
    match local.link.next().await {
        LinkEvent::Output { bytes, .. } => assert_eq!(bytes, "first\n"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_slow_reader_slows_the_program_down() {
    let mut local = Local::boot().await;
    // Tells on stderr how far it has come with the 100 MB on stdout.
    let text = "import sys, os\nline = b'x' * 99999 + b'\\n'\n\
                for i in range(1000):\n    sys.stdout.buffer.write(line)\n\
                sys.stdout.flush()\nsys.stderr.write('all written')\n";
    local.send(local.program(text), text.as_bytes());
    assert!(matches!(local.link.next().await, LinkEvent::Started { .. }));
    let (mut seen, mut turns) = (0_u64, 0_u64);
    let report = loop {
        match local.link.next().await {
            LinkEvent::Output { stream, bytes } => {
                assert!(bytes.len() <= 64 * 1024, "{}", bytes.len());
                if bytes == "all written" {
                    // What it has written and we have not seen fits a pipe, a window and a queue.
                    assert!(100_000_000 - seen < 1_000_000, "{seen}");
                } else {
                    seen += u64::try_from(bytes.len()).unwrap();
                    assert!(bytes.iter().all(|b| matches!(b, b'x' | b'\n')));
                }
                turns += 1;
                if turns % 50 == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                local.link.consumed(stream, bytes.len());
            }
            LinkEvent::Done(report) => break report,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (seen, report.exit, report.lost_bytes),
        (100_000_000, Exit::Code(0), 0)
    );
}

#[tokio::test]
async fn nobody_reads_and_the_deadline_still_ends_it() {
    let mut local = Local::boot().await;
    let text = "while True: print('y' * 1000)";
    local.send(
        local.program(text).deadline(Duration::from_millis(500)),
        text.as_bytes(),
    );
    assert!(matches!(local.link.next().await, LinkEvent::Started { .. }));
    let mut seen = 0;
    // One window arrives, is never given back, and the runner waits its 10 s for the rest in vain.
    let report = loop {
        match local.link.next().await {
            LinkEvent::Output { bytes, .. } => seen += bytes.len(),
            LinkEvent::Done(report) => break report,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((seen, report.cause), (256 * 1024, Cause::Deadline));
    assert!(report.lost_bytes > 0, "{report:?}");
}

#[tokio::test]
async fn the_output_limit_is_exact() {
    async fn check(printed: usize, limit: u64, expected: Cause) {
        let text = format!(
            "import sys\nsys.stdout.write('o' * ({printed} // 2)); sys.stdout.flush()\n\
             sys.stderr.write('e' * ({printed} - {printed} // 2)); sys.stderr.flush()\n"
        );
        let run = run_with(&text, b"", |c| c.output_limit(ByteSize::bytes(limit))).await;
        let got = u64::try_from(run.stdout.len() + run.stderr.len()).unwrap();
        assert_eq!(
            (got, run.report.cause),
            (limit.min(u64::try_from(printed).unwrap()), expected)
        );
        assert_eq!(run.report.lost_bytes > 0, expected == Cause::OutputLimit);
    }
    check(1000, 1000, Cause::Exited).await;
    check(1001, 1000, Cause::OutputLimit).await;
    check(300_000, 299_999, Cause::OutputLimit).await;
    check(1, 0, Cause::OutputLimit).await;
    check(0, 0, Cause::Exited).await;
}

#[tokio::test]
async fn endless_output_ends_at_the_limit() {
    let text = "import os\nwhile True: os.write(1, b'z' * 65536)";
    let run = run_with(text, b"", |c| c.output_limit(ByteSize::mib(20))).await;
    assert_eq!(run.stdout.len(), 20 << 20);
    assert_eq!(
        (run.report.cause, run.report.exit),
        (Cause::OutputLimit, Exit::Signal(9))
    );
}

#[tokio::test]
async fn both_streams_are_told_and_each_in_order() {
    let text = "import sys\nfor i in range(20000):\n    print(i)\n    print(-i, file=sys.stderr)\n";
    let run = run(text).await;
    let numbers = |text: &str| {
        text.lines()
            .map(|l| l.parse().unwrap())
            .collect::<Vec<i32>>()
    };
    assert_eq!(numbers(run.out()), (0..20_000).collect::<Vec<_>>());
    assert_eq!(
        numbers(run.err()),
        (0..20_000).map(|i| -i).collect::<Vec<_>>()
    );
}
