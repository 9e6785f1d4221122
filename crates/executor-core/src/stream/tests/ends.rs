//! How runs end, whatever they do against it, and what is left of them: nothing.

use std::time::{Duration, Instant};

use super::local::{Local, run, run_with};
use crate::stream::{Cause, Exit, LinkEvent, RunCommand, StreamError};

/// Whether a process lives; a zombie does not.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

#[tokio::test]
async fn the_deadline_ends_a_program_that_ignores_everything() {
    let text = "import signal, os, time\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n\
                \x20   except (OSError, ValueError): pass\n\
                print(os.getpid())\nwhile True: time.sleep(60)\n";
    let begun = Instant::now();
    let run = run_with(text, b"", |c| c.deadline(Duration::from_millis(700))).await;
    assert_eq!(
        (run.err(), run.report.cause, run.report.exit),
        ("", Cause::Deadline, Exit::Signal(9))
    );
    assert!(
        run.report.duration >= Duration::from_millis(600),
        "{:?}",
        run.report.duration
    );
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert!(!lives(run.out().trim()));
}

#[tokio::test]
async fn a_daemon_that_holds_the_pipe_ends_with_the_program() {
    let text = "import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n\
                \x20       print(os.getpid(), flush=True)\n        time.sleep(600)\n    os._exit(0)\n\
                os.wait()\ntime.sleep(0.2)\nprint('main ends')\n";
    let begun = Instant::now();
    let run = run(text).await;
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert_eq!(
        (run.report.exit, run.report.processes_killed),
        (Exit::Code(0), 1)
    );
    let daemon = run.out().lines().next().unwrap();
    assert!(!lives(daemon) && run.out().ends_with("main ends\n"));
}

#[tokio::test]
async fn helpers_that_end_with_the_program_are_not_left_behind() {
    // As multiprocessing's do: they end when a pipe of the program's has.
    let text = "import os, time\nr, w = os.pipe()\nif os.fork() == 0:\n    os.close(w)\n    os.read(r, 1)\n\
                \x20   time.sleep(0.03)\n    print('cleaned up', flush=True)\n    os._exit(0)\n";
    let run = run(text).await;
    assert_eq!(
        (run.out(), run.report.processes_killed),
        ("cleaned up\n", 0)
    );
}

#[tokio::test]
async fn stopped_children_and_zombies_end_too() {
    let text = "import os, signal, time\nfor i in range(5):\n    pid = os.fork()\n    if pid == 0:\n\
                \x20       if i % 2: os._exit(0)\n        time.sleep(600)\n\
                \x20   if i % 2 == 0: os.kill(pid, signal.SIGSTOP)\n";
    let run = run(text).await;
    assert_eq!(
        (run.report.exit, run.report.processes_killed),
        (Exit::Code(0), 3)
    );
}

#[tokio::test]
async fn the_use_of_a_run_is_reported() {
    let text = "import time\nhold = bytearray(80 << 20)\nend = time.process_time() + 0.3\n\
                while time.process_time() < end: pass\n";
    let report = run(text).await.report;
    assert!(report.cpu >= Duration::from_millis(290), "{report:?}");
    assert!(report.duration >= Duration::from_millis(290), "{report:?}");
    assert!(
        report.peak_memory.is_some_and(|bytes| bytes > 80 << 20),
        "{report:?}"
    );
    assert!(report.tmp_free.is_some());
    // Nobody may count a whole machine's memory as a sandbox's.
    assert_eq!(report.oom_kills, None);
}

#[tokio::test]
async fn a_command_runs_before_the_program() {
    let mut local = Local::boot().await;
    let argv = ["sh", "-c", "cat; echo err >&2; touch made; exit 3"]
        .map(str::to_owned)
        .to_vec();
    local.send(local.surround(RunCommand::command(argv)), b"for cat\n");
    let run = local.finish().await.unwrap();
    assert_eq!(
        (run.out(), run.err(), run.report.exit),
        ("for cat\n", "err\n", Exit::Code(3))
    );
    assert!(run.report.modules_free.is_some());
    let text = "import os; print(sorted(os.listdir()))";
    local.send(local.program(text), text.as_bytes());
    assert_eq!(local.finish().await.unwrap().out(), "['made', 'main.py']\n");
}

#[tokio::test]
async fn what_cannot_start_says_why_and_the_next_can() {
    let mut local = Local::boot().await;
    let argv = vec!["/does/not/exist".to_owned()];
    local.send(local.surround(RunCommand::command(argv)), b"");
    match local.finish().await.unwrap_err() {
        StreamError::NotStarted(reason) => {
            assert!(reason.contains("FileNotFoundError"), "{reason}")
        }
        other => panic!("{other}"),
    }
    let text = "print('fine')";
    local.send(local.program(text), text.as_bytes());
    assert_eq!(local.finish().await.unwrap().out(), "fine\n");
}

#[tokio::test]
async fn when_the_host_leaves_everything_ends() {
    let mut local = Local::boot().await;
    let text =
        "import os, time\nif os.fork() == 0: os.setsid()\nprint(os.getpid())\ntime.sleep(600)\n";
    local.send(local.program(text), text.as_bytes());
    let mut pids = String::new();
    while pids.lines().count() < 2 {
        if let LinkEvent::Output { bytes, .. } = local.link.next().await {
            pids += std::str::from_utf8(&bytes).unwrap();
        }
    }
    assert!(pids.lines().all(lives));
    drop(local.link);
    let status = tokio::time::timeout(Duration::from_secs(8), local.process.wait()).await;
    assert_eq!(status.unwrap().unwrap().code(), Some(0));
    assert!(!pids.lines().any(lives), "{pids}");
}

#[tokio::test]
async fn a_program_that_forks_for_ever_ends_with_its_deadline() {
    // Bounded here, because nothing on this machine bounds it: 30 processes that go on forking.
    let text = "import os, time\nfor i in range(30):\n    if os.fork() == 0:\n        while True:\n\
                \x20           pid = os.fork()\n            if pid == 0: os._exit(0)\n            os.waitpid(pid, 0)\n\
                time.sleep(600)\n";
    let run = run_with(text, b"", |c| c.deadline(Duration::from_secs(3))).await;
    assert_eq!(run.report.cause, Cause::Deadline);
    assert!(
        run.report.processes_killed >= 30,
        "{}",
        run.report.processes_killed
    );
}
