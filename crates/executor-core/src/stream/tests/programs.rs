//! A program behaves as under `python3 main.py`: what it prints, its tracebacks to the byte, and its status.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::task::JoinSet;

use super::local::{Local, environment, placed, python, run, run_on, run_with};
use crate::limits::ResultLimits;
use crate::stream::{Exit, RunCommand};

#[rustfmt::skip]
pub(super) const ALIKE: &[(&str, &[u8])] = &[
    ("nothing", b""),
    ("exception", b"def f():\n    return 1 / 0\nf()\n"),
    ("exit none", b"import sys\nsys.exit()\n"),
    ("exit number", b"raise SystemExit(7)\n"),
    ("exit large", b"raise SystemExit(1000)\n"),
    ("exit text", b"import sys\nprint('before')\nsys.exit('some text')\n"),
    ("exit object", b"raise SystemExit([1, 2], {})\n"),
    ("exit true", b"raise SystemExit(True)\n"),
    ("os exit", b"import os\nprint('kept', flush=True)\nos._exit(9)\n"),
    ("interrupt", b"raise KeyboardInterrupt\n"),
    ("interrupt by signal", b"import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"),
    ("terminated", b"import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n"),
    ("atexit", b"import atexit\nclass A:\n    def __repr__(self): return 'A'\n    def __call__(self): 1 / 0\natexit.register(A())\natexit.register(print, 'bye')\nprint('end')\n"),
    ("syntax", b"x = 1\ndef f(:\n    pass\n"),
    ("indent", b"if 1:\n  x = 1\n   y = 2\n"),
    ("null byte", b"print(1)\n\0\n"),
    ("bad encoding", b"print('\xff')\n"),
    ("cookie", b"# -*- coding: latin-1 -*-\nprint('\xe9')\n1/0 # \xe9\n"),
    ("unknown cookie", b"# coding: nonsense\nprint(1)\n"),
    ("byte order mark", b"\xef\xbb\xbfprint('caf\xc3\xa9')\n"),
    ("crlf", b"print('a')\r\n1/0\r\n"),
    ("chained", b"try:\n    {}['x']\nexcept KeyError as e:\n    raise ValueError('caf\xc3\xa9 \xf0\x9f\x90\x8d') from e\n"),
    ("context", b"try:\n    {}['x']\nexcept KeyError:\n    undefined\n"),
    ("group", b"import sys\nif sys.version_info < (3, 11): sys.exit(0)\nraise ExceptionGroup('g', [ValueError(1), TypeError(2)])\n"),
    ("notes", b"e = ValueError(1)\nif hasattr(e, 'add_note'): e.add_note('hint')\nraise e\n"),
    ("recursion", b"def f(): f()\nf()\n"),
    ("mutual recursion", b"import sys\ndef depth(n=0):\n    try:\n        return depth(n + 1)\n    except RecursionError:\n        return n\nprint(depth())\n"),
    ("thread", b"import threading\nended = threading.Event()\ndef late():\n    ended.wait()\n    print('late')\nthreading.Thread(target=late).start()\nprint('main ends')\nended.set()\n"),
    ("thread exception", b"import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T')\nt.start(); t.join()\nprint(threading.current_thread() is threading.main_thread())\n"),
    ("warnings", b"import warnings\nwarnings.warn('one')\nwarnings.warn('two', DeprecationWarning)\nwarnings.warn('three', PendingDeprecationWarning)\nprint(warnings.filters)\n"),
    ("hook", b"import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\n1/0\n"),
    ("broken hook", b"import sys\ndef hook(*a): undefined\nsys.excepthook = hook\n1/0\n"),
    ("del at exit", b"class A:\n    def __del__(self): print('gone')\na = A()\n"),
    ("del of a local class without a dictionary", b"class A:\n    __slots__ = ()\n    def __del__(self): print('gone')\na = A()\n"),
    ("del in a cycle", b"class A:\n    def __del__(self): print('gone')\na = A(); a.me = a; del a\n"),
    ("open file", b"f = open('made.txt', 'w'); f.write('kept')\nclass A:\n    def __del__(self): print(len(open('made.txt').read()))\n"),
    ("open pipe", b"import os\nf = os.fdopen(os.dup(1), 'w'); f.write('buffered')\n"),
    ("unfinished generator", b"def g():\n    try: yield 1\n    finally: print('closed')\nx = g(); next(x)\n"),
    ("unawaited coroutine", b"async def f(): pass\nx = f()\n"),
    ("weak reference", b"import weakref\nclass A: pass\na = A()\nr = weakref.ref(a, lambda _: print('gone'))\n"),
    ("weak finalizer", b"import weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'finalized')\n"),
    ("exit function that fails", b"import atexit, sys\natexit.register(sys.exit, 3)\natexit.register(lambda: 1 / 0)\n"),
    ("exit function that makes one", b"import atexit\nclass A:\n    def __del__(self): print('gone')\natexit.register(lambda: globals().update(a=A()))\n"),
    ("pool of threads", b"from concurrent.futures import ThreadPoolExecutor\np = ThreadPoolExecutor(2)\nf = p.submit(print, 'from a thread')\n"),
    ("daemon thread", b"import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nprint('ends')\n"),
    ("thread beside an error", b"import threading\ngo = threading.Event()\ndef late():\n    go.wait()\n    print('late')\nthreading.Thread(target=late).start()\ngo.set()\n1/0\n"),
    ("output of a C library", b"import ctypes\nctypes.CDLL(None).printf(b'from C %d\\n', ctypes.c_int(7))\nprint('from Python', flush=True)\n"),
    ("exit handler of a C library", b"import ctypes\nlibc = ctypes.CDLL(None)\nlibc.atexit if hasattr(libc, 'atexit') else None\nlibc.puts(b'unflushed')\n"),
    ("replaced stdout", b"import sys, io\nclass Shout(io.StringIO):\n    def flush(self): sys.__stdout__.write('FLUSHED\\n')\nsys.stdout = Shout()\nprint('x')\n"),
    ("no stdout", b"import sys\nsys.stdout = None\nprint('x')\n"),
    ("buffered stdout of another", b"import sys\nold = sys.stdout\nsys.stdout = sys.stderr\nold.write('unfinished line')\n"),
    ("many objects", b"class A:\n    def __del__(self): print('gone')\nx = [[] for _ in range(50000)]\na = A()\n"),
    ("unraisable", b"class A:\n    def __del__(self): 1 / 0\na = A()\n"),
    ("warm modules", b"import sys\nprint(sorted(m for m in ('asyncio', 'ssl', 'numpy') if m in sys.modules))\n"),
    ("surrogates", b"print('\\udc80')\n"),
    ("stderr", b"import sys\nsys.stderr.write('no newline')\nprint(sys.stderr.encoding, sys.stderr.errors)\n"),
    ("globals", b"print({k: type(v).__name__ for k, v in sorted(globals().items())})\nprint(__name__, __file__, __spec__, __doc__, __package__)\n"),
    ("arguments", b"import sys, os\nprint(sys.argv, sys.path[0], os.getcwd(), sys.modules['__main__'].__file__, sys.dont_write_bytecode)\n"),
    ("streams", b"import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr):\n    print(s.name, s.mode, s.encoding, s.errors, s.newlines, s.isatty(), s.buffer.name, s.buffer.raw.closefd)\nprint(sys.stdout is sys.__stdout__)\n"),
    ("signals", b"import signal\nprint([(s.name, signal.getsignal(s)) for s in signal.Signals if signal.getsignal(s) not in (signal.SIG_DFL, None)])\nprint(signal.set_wakeup_fd(-1), signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"),
    ("closed stdout", b"import os\nprint('x', end='')\nos.close(1)\n"),
    ("environment", b"import os\nprint(sorted(os.environ.items()), os.umask(0))\n"),
    ("processes", b"import subprocess, sys\nsys.stdout.flush()\nsubprocess.run([sys.executable, '-c', 'print(1)'])\nprint(subprocess.run(['sh', '-c', 'kill -9 $$']).returncode)\n"),
    ("spawn", b"import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n    with m.get_context('spawn').Pool(1) as p: print(p.map(f, [1, 2, 3]))\n"),
    ("fork", b"import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p: print(p.map(f, [1, 2, 3]))\n"),
    ("asyncio", b"import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    raise LookupError\nasyncio.run(main())\n"),
    ("inspect", b"import inspect, pickle\nclass A: pass\nprint(inspect.getsource(A), pickle.loads(pickle.dumps(A())).__class__)\n"),
];

/// The program in a process of its own; status 256 + n stands for signal n.
fn plainly(text: &[u8], directory: &Path) -> Seen {
    std::fs::write(directory.join("main.py"), text).unwrap();
    // With the signals that process 1 resets: whoever runs the tests may ignore them.
    let mut command = Command::new("/usr/bin/env");
    command
        .arg("--default-signal=HUP,INT,TERM")
        .arg(python())
        .arg("main.py")
        .current_dir(directory)
        .env_clear()
        .envs(environment(directory));
    let output = command.stdin(Stdio::piped()).output().unwrap();
    let status = output.status;
    let ended = status
        .code()
        .unwrap_or_else(|| 256 + status.signal().unwrap());
    (shown(&output.stdout), shown(&output.stderr), ended)
}

/// The text without the addresses of objects, which differ between any two processes.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split("0x");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown += "0x";
        shown += part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
    }
    shown
}

#[tokio::test]
async fn programs_behave_as_under_the_plain_interpreter() {
    all_alike(ALIKE, both).await;
}

#[tokio::test]
async fn programs_whose_place_was_taken_ahead_behave_so_too() {
    let waiting =
        |name, text| async move { both_after(Local::boot_placed().await, name, text).await };
    all_alike(ALIKE, waiting).await;
}

pub(super) type Seen = (String, String, i32);

/// Holds the two ways of each program of a table against each other, as `seen` gives them, and tells all that differ.
pub(super) async fn all_alike<F>(
    table: &[(&'static str, &'static [u8])],
    seen: impl Fn(&'static str, &'static [u8]) -> F,
) where
    F: Future<Output = (&'static str, Seen, Seen)>,
{
    let mut checks = stream::iter(table)
        .map(|&(name, text)| seen(name, text))
        .buffer_unordered(3);
    let (mut count, mut different) = (0, String::new());
    while let Some((name, ours, plain)) = checks.next().await {
        if ours != plain {
            different += &format!("{name}\n  ours  {ours:?}\n  plain {plain:?}\n");
        }
        count += 1;
    }
    assert_eq!(count, table.len());
    assert!(different.is_empty(), "{different}");
}

/// The program under the runner, then in the same place without it.
pub(super) async fn both(name: &'static str, text: &'static [u8]) -> (&'static str, Seen, Seen) {
    both_after(Local::boot().await, name, text).await
}

/// The same in a runner that is up.
pub(super) async fn both_after(
    mut local: Local,
    name: &'static str,
    text: &'static [u8],
) -> (&'static str, Seen, Seen) {
    let command = local.surround(RunCommand::program(text.len()));
    local.send(command.results(ResultLimits::default()), text);
    let run = local.finish().await.unwrap();
    let ended = match run.report.exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 256 + signal,
    };
    let ours = (shown(&run.stdout), shown(&run.stderr), ended);
    let directory = local.directory.path().to_owned();
    let plain = tokio::task::spawn_blocking(move || plainly(text, &directory))
        .await
        .unwrap();
    (name, ours, plain)
}

#[tokio::test]
async fn a_program_finds_what_it_was_given_and_nothing_else() {
    let text = "import os, sys\nprint(sys.argv)\nprint(os.environ.get('PASSED'), os.environ.get('HIDDEN'))\n\
                import extra\nprint(extra.x, os.environ['PYTHONPATH'] == os.path.dirname(extra.__file__))\n\
                print(sys.stdin.read())\nprint(open('/proc/self/oom_score_adj').read().strip())\n\
                print(sorted(os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))\n";
    let modules = tempfile::tempdir().unwrap();
    std::fs::write(modules.path().join("extra.py"), "x = 5\n").unwrap();
    for local in [Local::boot().await, Local::boot_placed().await] {
        let run = run_on(local, text, "für alle".as_bytes(), |command| {
            command
                .results(ResultLimits::default())
                .args(vec!["a b".to_owned(), "é".to_owned()])
                .env_pass(vec!["PASSED".to_owned(), "ABSENT".to_owned()])
                .module_paths(vec![modules.path().to_str().unwrap().to_owned()])
        })
        .await;
        assert_eq!(
            (run.out(), run.err()),
            (
                "['main.py', 'a b', 'é']\nfrom process 1 None\n5 True\nfür alle\n1000\n['0', '1', '2'] 4\n",
                ""
            )
        );
        assert!(run.report.modules_free.is_some_and(|free| free > 0));
    }
}

/// Nothing of the place that was taken ahead is left, should the order be for another one.
#[tokio::test]
async fn a_program_for_another_place_than_was_expected_runs_there() {
    let text = "import os\nprint(os.getcwd(), os.environ['HOME'], os.listdir(), 'display' in dir(__builtins__))\n";
    let elsewhere = tempfile::tempdir().unwrap();
    let place = elsewhere.path().to_str().unwrap();
    let run = run_on(Local::boot_placed().await, text, b"", |command| {
        placed(command, elsewhere.path())
    })
    .await;
    let expected = format!("{place} {place} ['main.py'] False\n");
    assert_eq!((run.out(), run.err()), (expected.as_str(), ""));
    assert_eq!(run.report.processes_killed, 0, "the other is none of it");
}

/// Why it could not is said by the run itself, if that wants the place at all.
#[tokio::test]
async fn a_place_that_cannot_be_taken_is_tried_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let nowhere = placed(RunCommand::program(0), &file.join("below"));
    let local = Local::boot_in(directory, |surroundings| surroundings.expecting(nowhere)).await;
    // Who waits is the second, which has no place, and stays.
    let settled = async {
        let (mut children, mut stayed) = (local.children(), 0);
        while stayed < 20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let now = local.children();
            let is_same = now == children && !now.is_empty();
            stayed = if is_same { stayed + 1 } else { 0 };
            children = now;
        }
    };
    let settled = tokio::time::timeout(Duration::from_secs(20), settled).await;
    assert!(settled.is_ok(), "one after another is started");
    let run = run_on(local, "print('here')", b"", |command| command).await;
    assert_eq!((run.out(), run.err()), ("here\n", ""));
}

/// What a package runs when its directory is added is foreign code: it must find nothing of ours to
/// write to.
#[tokio::test]
async fn a_package_that_runs_code_when_it_is_added_cannot_reach_the_runner() {
    let modules = tempfile::tempdir().unwrap();
    let hostile = r#"import os, sys; exec("sys.found = []\nfor fd in range(3, 64):\n try:\n  os.write(fd, b'rubbish')\n  sys.found.append(fd)\n except OSError: pass")"#;
    std::fs::write(modules.path().join("hostile.pth"), hostile).unwrap();
    let run = run_with("import sys\nprint(sys.found)\n", b"", |command| {
        command.module_paths(vec![modules.path().to_str().unwrap().to_owned()])
    })
    .await;
    assert_eq!(run.out(), "[]\n", "{}", run.err());
}

#[tokio::test]
async fn random_numbers_differ_from_run_to_run() {
    let text =
        "import random, uuid, ssl\nprint(random.random(), uuid.uuid4(), ssl.RAND_bytes(8))\n";
    assert_ne!(run(text).await.stdout, run(text).await.stdout);
}

#[tokio::test]
async fn all_statuses_arrive() {
    let mut checks = JoinSet::new();
    for code in (0..=255).step_by(15) {
        checks.spawn(async move {
            let report = run(&format!("import os; os._exit({code})")).await.report;
            assert_eq!(report.exit, Exit::Code(code));
        });
    }
    for signal in [1, 2, 3, 6, 9, 11, 15, 64] {
        checks.spawn(async move {
            let text = format!(
                "import os, signal\nif {signal} not in (9, 64): signal.signal({signal}, signal.SIG_DFL)\n\
                 os.kill(os.getpid(), {signal})"
            );
            assert_eq!(run(&text).await.report.exit, Exit::Signal(signal));
        });
    }
    while let Some(check) = checks.join_next().await {
        check.unwrap();
    }
}
