//! What is made ready before a program is known: imported in the process that becomes the program, seen by it as if it had
//! imported by itself, and lost without harm.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::hostile::{connect_in, failure, json, prepared, ready, started};
use super::local::{Finished, Local, placed, python, run_on};
use super::programs::{ALIKE, all_alike, both_after};
use crate::limits::ResultLimits;
use crate::stream::frame::Frame;
use crate::stream::{
    Ahead, LinkEvent, LinkSettings, Prepared, RunCommand, StreamError, Surroundings,
};

/// A runner whose next program's process has made something ready, and the modules that it did it with.
struct Hot {
    local: Local,
    modules: TempDir,
    prepared: Prepared,
}

/// What is made ready: files of modules, what is imported of them, and how long that may take.
struct Wish<'a> {
    files: &'a [(&'a str, &'a str)],
    projects: &'a [&'a str],
    imports: &'a [&'a str],
    patience: Duration,
}

const WISH: Wish<'_> = Wish {
    files: &[],
    projects: &[],
    imports: &[],
    patience: Duration::from_secs(60),
};

impl Hot {
    async fn boot(wish: Wish<'_>) -> Self {
        let modules = tempfile::tempdir().unwrap();
        for (name, text) in wish.files {
            let path = modules.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let order = ordered(0, directory.path(), modules.path());
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let ahead = Ahead::within(wish.patience)
            .projects(owned(wish.projects))
            .imports(owned(wish.imports));
        let local =
            Local::boot_in(directory, |surroundings| surroundings.ahead(order, ahead)).await;
        let prepared = local.link.prepared().await.unwrap();
        Self {
            local,
            modules,
            prepared,
        }
    }

    /// With one module, `extra`, of this text.
    async fn with(extra: &str) -> Self {
        Self::boot(Wish {
            files: &[("extra.py", extra)],
            imports: &["extra"],
            ..WISH
        })
        .await
    }

    /// Runs a program, and says whether it had what was made ready.
    async fn run(&mut self, text: &str) -> (bool, Finished) {
        self.run_changed(text, |order| order).await
    }

    async fn run_changed(
        &mut self,
        text: &str,
        change: impl FnOnce(RunCommand) -> RunCommand,
    ) -> (bool, Finished) {
        let directory = self.local.directory.path();
        let order = ordered(text.len(), directory, self.modules.path());
        let input = Bytes::copy_from_slice(text.as_bytes());
        self.local.link.send(change(order), input).unwrap();
        let LinkEvent::Started { ahead, .. } = self.local.link.next().await else {
            panic!("it did not start")
        };
        (ahead, self.local.finish().await.unwrap())
    }
}

fn ordered(length: usize, directory: &Path, modules: &Path) -> RunCommand {
    placed(RunCommand::program(length), directory)
        .module_paths(vec![modules.to_str().unwrap().to_owned()])
        .proxy(true)
}

const SEES: &str = "import sys\nprint('extra' in sys.modules)\n";

#[tokio::test]
async fn a_program_finds_what_was_imported() {
    let mut hot = Hot::with("import os\nWHERE = os.getcwd(), os.environ['HOME']\nX = []\n").await;
    assert_eq!(hot.prepared.ready, ["extra"]);
    let text = "import sys\nbefore = sys.modules['extra']\nimport extra, os\n\
                print(before is extra, extra.WHERE == (os.getcwd(), os.environ['HOME']))\n";
    let (ahead, run) = hot.run(text).await;
    assert_eq!((ahead, run.out(), run.err()), (true, "True True\n", ""));
}

/// The whole table of programs, each in a process that has imported something before.
#[tokio::test]
async fn programs_behave_as_under_the_plain_interpreter() {
    all_alike(ALIKE, |name, text| async move {
        let directory = tempfile::tempdir().unwrap();
        let order =
            placed(RunCommand::program(0), directory.path()).results(ResultLimits::default());
        let imports = ["fractions", "html.parser", "bisect", "concurrent.futures"];
        let ahead =
            Ahead::within(Duration::from_secs(60)).imports(imports.map(str::to_owned).to_vec());
        let local =
            Local::boot_in(directory, |surroundings| surroundings.ahead(order, ahead)).await;
        let prepared = local.link.prepared().await.unwrap();
        assert_eq!(prepared.ready, imports);
        both_after(local, name, text).await
    })
    .await;
}

/// What a process finds around itself.
const FACTS: &str = "\
import os, resource, signal, sys, threading
status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)
print([status[key] for key in ('Uid', 'Gid', 'Umask', 'NoNewPrivs', 'SigBlk', 'SigIgn', 'SigCgt', 'Threads', 'CapEff')])
print(open('/proc/self/oom_score_adj').read(), open('/proc/self/cmdline').read(), open('/proc/self/comm').read())
print(os.getsid(0) == os.getpid(), os.stat('/proc/self/fd').st_uid == os.getuid(), os.nice(0))
print(sorted(os.listdir('/proc/self/fd')), [os.fstat(fd).st_mode for fd in (0, 1, 2)])
print([resource.getrlimit(which) for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC)])
print(sorted((k, v) for k, v in os.environ.items() if 'proxy' not in k.lower() and k != 'PYTHONPATH'))
print(sorted(k for k in os.environ), sys.argv, sys.orig_argv[1:], len(sys.path), sys.path[0] == os.getcwd() )
print([s.seekable() for s in (sys.stdin, sys.stdout, sys.stderr)], sys.stdout.line_buffering, sys.stdout is sys.__stdout__)
print(sys.getrecursionlimit(), sys.flags, sys.dont_write_bytecode, threading.active_count(), sorted(globals()))
";

#[tokio::test]
async fn its_surroundings_are_those_of_any_program() {
    let (ahead, hot) = Hot::with("").await.run(FACTS).await;
    assert!(ahead);
    let mut cold = Hot::with("").await;
    let elsewhere = tempfile::tempdir().unwrap();
    // Another order than the one that was prepared for: its process is a fresh one.
    let (ahead, cold) = cold
        .run_changed(FACTS, |order| {
            order.module_paths(vec![elsewhere.path().to_str().unwrap().to_owned()])
        })
        .await;
    assert!(!ahead);
    assert_eq!(cold.report.processes_killed, 0, "the other is none of it");
    let waiting = Local::boot_placed().await;
    let results = ResultLimits::default();
    let modules = elsewhere.path().to_str().unwrap().to_owned();
    let waiting = run_on(waiting, FACTS, b"", |order| {
        order
            .results(results)
            .proxy(true)
            .module_paths(vec![modules])
    });
    let waiting = waiting.await;
    let apart = |run: &Finished| run.out().replace(&working(run), "<place>");
    assert_eq!(hot.err(), "");
    assert_eq!(apart(&hot), apart(&cold));
    assert_eq!(apart(&waiting), apart(&cold));
}

/// The directory that a run printed as its `HOME`.
fn working(run: &Finished) -> String {
    let (_, behind) = run.out().split_once("('HOME', '").unwrap();
    behind.split_once('\'').unwrap().0.to_owned()
}

#[tokio::test]
async fn what_an_import_prints_is_not_the_programs_output() {
    let loud = "import ctypes, os, sys, subprocess\nprint('from Python', end='')\nsys.stderr.write('a complaint')\n\
                os.write(1, b'raw')\nctypes.CDLL(None).printf(b'from C')\nsubprocess.run(['echo', 'from a child'])\n\
                READ = sys.stdin.read()\nOUT = sys.stdout\n";
    let mut hot = Hot::with(loud).await;
    let text = "import extra, sys\nprint(repr(extra.READ), extra.OUT is sys.stdout, file=extra.OUT)\n\
                print(sys.stdin.read())\n";
    let input = "to be read";
    let directory = hot.local.directory.path();
    let order = ordered(text.len(), directory, hot.modules.path());
    let input = Bytes::from([text, input].concat());
    hot.local.link.send(order, input).unwrap();
    let run = hot.local.finish().await.unwrap();
    assert_eq!((run.out(), run.err()), ("'' True\nto be read\n", ""));
}

/// Imports a module of this text, and runs a program behind that.
#[track_caller]
fn check(prepared: &Prepared, expected: &Expect) {
    expected.assert_eq(&format!(
        "ready {:?} failed {:?} lost {:?}",
        prepared.ready, prepared.failed, prepared.lost
    ));
}

#[tokio::test]
async fn an_import_that_fails_costs_only_itself() {
    let mut hot = Hot::boot(Wish {
        files: &[
            ("extra.py", ""),
            ("broken.py", "print('x')\nraise RuntimeError('no\\nluck')\n"),
            ("leaving.py", "raise SystemExit(3)\n"),
        ],
        imports: &["broken", "absent", "leaving", "extra"],
        ..WISH
    })
    .await;
    check(
        &hot.prepared,
        &expect![[
            r#"ready ["extra"] failed [("broken", "RuntimeError: no luck"), ("absent", "ModuleNotFoundError: No module named 'absent'"), ("leaving", "SystemExit: 3")] lost None"#
        ]],
    );
    let (ahead, run) = hot.run(SEES).await;
    assert_eq!((ahead, run.out(), run.err()), (true, "True\n", ""));
}

#[tokio::test]
async fn a_process_that_is_lost_is_replaced_by_a_fresh_one() {
    async fn lost(extra: &str, patience: Duration, expected: &Expect) {
        let mut hot = Hot::boot(Wish {
            files: &[("extra.py", extra)],
            imports: &["extra"],
            patience,
            ..WISH
        })
        .await;
        check(&hot.prepared, expected);
        let (ahead, run) = hot.run(SEES).await;
        assert_eq!((ahead, run.out(), run.err()), (false, "False\n", ""));
        assert_eq!(run.report.processes_killed, 0, "it is not the program's");
    }
    let long = Duration::from_secs(60);
    lost(
        "import os\nos.kill(os.getpid(), 11)\n",
        long,
        &expect![[r#"ready [] failed [] lost Some("it was ended by signal 11")"#]],
    )
    .await;
    lost(
        "import os\nos._exit(3)\n",
        long,
        &expect![[r#"ready [] failed [] lost Some("it ended with status 3")"#]],
    )
    .await;
    lost(
        "import subprocess, time\nsubprocess.Popen(['sleep', '60'])\ntime.sleep(60)\n",
        Duration::from_secs(1),
        &expect![[r#"ready [] failed [] lost Some("it took more than 1 s")"#]],
    )
    .await;
}

#[tokio::test]
async fn one_that_dies_while_it_waits_is_replaced_too() {
    let dying = "import os, threading, time\n\
                 def die():\n    while not os.path.exists('die'): time.sleep(0.01)\n    os._exit(1)\n\
                 threading.Thread(target=die, daemon=True).start()\n";
    let mut hot = Hot::with(dying).await;
    assert_eq!(hot.prepared.ready, ["extra"]);
    std::fs::write(hot.local.directory.path().join("die"), "").unwrap();
    // It is noticed at once; a run that comes before that is told so, and not lost.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (ahead, run) = hot.run(SEES).await;
    assert_eq!((ahead, run.out(), run.err()), (false, "False\n", ""));
}

/// It has descriptors of the runner's at hand. What it says there may spoil its own program's run, and nothing else.
#[tokio::test]
async fn foreign_code_cannot_harm_the_runner() {
    async fn hostile(rubbish: &str, expected: &Expect) {
        let extra = format!(
            "import os\nfor fd in range(3, 256):\n    try: os.write(fd, {rubbish})\n    except OSError: pass\n"
        );
        let mut hot = Hot::with(&extra).await;
        let text = "print('here')";
        let order = ordered(text.len(), hot.local.directory.path(), hot.modules.path());
        let input = Bytes::from_static(text.as_bytes());
        hot.local.link.send(order, input).unwrap();
        let ended = match hot.local.finish().await {
            Ok(run) => run.out().to_owned(),
            Err(StreamError::NotStarted(why)) => format!("not started: {why}"),
            Err(error) => panic!("{error}"),
        };
        expected.assert_eq(&format!(
            "{:?}, {:?}, {ended:?}",
            hot.prepared.ready, hot.prepared.lost
        ));
    }
    hostile(
        "b'rubbish\\n'",
        &expect![[r#"[], Some("Expecting value: line 1 column 1 (char 0)"), "here\n""#]],
    )
    .await;
    hostile(
        "b'[1]\\n'",
        &expect![[r#"[], Some("list indices must be integers or slices, not str"), "here\n""#]],
    )
    .await;
    hostile(
        r#"b'{"ahead": {"imported": ["a"], "failed": []}}\n{"placed": 3, "cpu": "x"}\n'"#,
        // On purpose, it also reached what will be the program's output.
        &expect![[r#"["a"], None, "{\"ahead\": {\"imported\": [\"a\"], \"failed\": []}}\n{\"placed\": 3, \"cpu\": \"x\"}\nhere\n""#]],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_for_its_depth_is_no_word() {
    let extra = "import os\nfor fd in range(3, 256):\n    try: os.write(fd, b'[' * 9000 + b'\\n')\n    except OSError: pass\n";
    let mut hot = Hot::with(extra).await;
    let lost = hot.prepared.lost.clone().unwrap();
    assert!(lost.contains("recursion"), "{lost}");
    let (ahead, run) = hot.run(SEES).await;
    assert_eq!((ahead, run.out(), run.err()), (false, "False\n", ""));
}

/// Threads that an import has started are the program's as if it had imported by itself.
#[tokio::test]
async fn a_program_may_fork_beside_threads_of_an_import() {
    let threads = "import threading, queue\nasked = queue.Queue()\nanswered = queue.Queue()\n\
                   def work():\n    while True: answered.put(asked.get() + 1)\n\
                   threading.Thread(target=work, daemon=True).start()\n";
    let text = "import multiprocessing, extra, threading\n\
                def double(x): return 2 * x\n\
                if __name__ == '__main__':\n    extra.asked.put(1)\n    print(extra.answered.get(), threading.active_count())\n    \
                with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(double, [1, 2, 3]))\n";
    let (ahead, run) = Hot::with(threads).await.run(text).await;
    assert_eq!(
        (ahead, run.out()),
        (true, "2 2\n[2, 4, 6]\n"),
        "{}",
        run.err()
    );
}

#[tokio::test]
async fn random_numbers_differ_from_sandbox_to_sandbox() {
    let extra = "import random, uuid\nOF_IMPORT = random.random(), uuid.uuid4(), random.Random().random()\n";
    let text = "import extra, random\nprint(*extra.OF_IMPORT, random.random(), sep='\\n')\n";
    let one = Hot::with(extra).await.run(text).await.1;
    let other = Hot::with(extra).await.run(text).await.1;
    for (one, other) in one.out().lines().zip(other.out().lines()) {
        assert_ne!(one, other);
    }
}

#[tokio::test]
async fn what_an_import_leaves_for_the_end_is_done_at_the_end() {
    async fn ends(extra: &str, expected: &str) {
        let (ahead, run) = Hot::with(extra).await.run("print('program')").await;
        assert!(ahead);
        assert_eq!(run.out(), format!("program\n{expected}"), "{}", run.err());
    }
    ends("import atexit\natexit.register(print, 'bye')\n", "bye\n").await;
    ends(
        "class A:\n    def __del__(self): print('gone')\na = A()\n",
        "gone\n",
    )
    .await;
    let cycle = "class A:\n    def __del__(self): print('gone')\na = A(); a.me = a; del a\n";
    // Collected when it was imported, and what it printed then is nobody's.
    ends(cycle, "").await;
    // As `python3` does it, too: the reference goes before what it refers to.
    let weak =
        "import weakref\nclass A: pass\na = A()\nr = weakref.ref(a, lambda _: print('gone'))\n";
    ends(weak, "").await;
}

#[tokio::test]
async fn what_is_imported_of_a_project_is_what_its_files_say() {
    async fn named(project: &str, record: &str, expected: &[&str]) {
        let mut files: Vec<(&str, &str)> = record.lines().map(|path| (path, "")).collect();
        let info = format!("{project}-1.0.dist-info/RECORD");
        let record = record
            .lines()
            .map(|path| format!("{path},,\n"))
            .collect::<String>();
        files.push((&info, &record));
        let hot = Hot::boot(Wish {
            files: &files,
            projects: &[&project.to_lowercase().replace('_', "-")],
            ..WISH
        })
        .await;
        assert_eq!(hot.prepared.ready, expected, "{:?}", hot.prepared);
    }
    named(
        "pillow",
        "PIL/__init__.py\nPIL/Image.py\npillow.libs/a.so",
        &["PIL"],
    )
    .await;
    named("six", "six.py\n__pycache__/six.pyc", &["six"]).await;
    named(
        "matplotlib",
        "matplotlib/__init__.py\nmpl_toolkits/mplot3d/__init__.py\npylab.py",
        &["matplotlib"],
    )
    .await;
    named(
        "Google_Cloud_Storage",
        "google/cloud/storage/__init__.py\ngoogle/cloud/storage/x/__init__.py\ntests/__init__.py\n../../bin/x.py",
        &["google.cloud.storage"],
    )
    .await;
    named("PyYAML", "yaml/__init__.py\n_yaml/__init__.py", &["yaml"]).await;
    named("empty", "empty/data.txt", &[]).await;
}

/// What the runner's own process says of a run that it goes through with nobody there.
const REHEARSAL: &str = "
import sys
stream = Stream(*os.pipe())
supervisor = Supervisor(stream, False, False)
supervisor.expected = json.loads(sys.argv[1])['order']
before = os.listdir('/proc/self/fd')
print(Rehearsal(supervisor).play(), os.listdir('/proc/self/fd') == before)
print(supervisor.run, supervisor.child, supervisor.finished_at, list(stream.unsent), descendants())
";

#[test]
fn a_run_is_gone_through_to_its_end_with_nobody_there() {
    let directory = tempfile::tempdir().unwrap();
    let order = placed(RunCommand::program(0), directory.path()).results(ResultLimits::default());
    let told = Surroundings::of(0, "/").expecting(order).to_json().unwrap();
    let script = directory.path().join("runner.py");
    std::fs::write(&script, format!("{}{REHEARSAL}", crate::runner::SOURCE)).unwrap();
    let output = std::process::Command::new(python())
        .arg("-I")
        .arg(&script)
        .arg(std::str::from_utf8(&told).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    expect![[r#"
        True True
        None None None [] {}
    "#]]
    .assert_eq(&(said + &complained));
}

#[tokio::test]
async fn what_is_made_ready_is_told_once_and_before_any_command() {
    let ahead = Ahead::within(Duration::from_secs(1));
    let surroundings = Surroundings::of(0, "/").ahead(RunCommand::program(0), ahead);
    let first = [ready()];
    let connect = || connect_in(&surroundings, LinkSettings::default(), &first);
    let (mut fake, link) = connect().await;
    let mut link = link.unwrap();
    let refused = link.send(RunCommand::program(0), Bytes::new());
    assert_eq!(refused, Err(StreamError::NotIdle));
    fake.say(&[prepared()]).await;
    assert_eq!(link.prepared().await.unwrap().ready, ["numpy"]);
    link.send(RunCommand::program(0), Bytes::new()).unwrap();
    fake.say(&[started(), prepared()]).await;
    let error = failure(&mut link).await;
    assert_eq!(error, StreamError::OutOfOrder("Prepared"));

    for (json_text, expected) in [
        (format!(r#"{{"lost":"{}"}}"#, "x".repeat(2001)), "imported"),
        (
            format!(r#"{{"imported":[{}"a"]}}"#, r#""a","#.repeat(512)),
            "imported",
        ),
    ] {
        let (mut fake, link) = connect().await;
        fake.say(&[Frame::Prepared(json(&json_text))]).await;
        let error = link.unwrap().prepared().await.unwrap_err();
        assert_eq!(error, StreamError::OutOfRange(expected));
    }
}
