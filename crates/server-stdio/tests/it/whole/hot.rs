//! Sandboxes that wait with modules imported: real packages, real threads, and nothing that a program could tell from an
//! import of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Answer, Client, turn};
use super::environments::Volume;
use super::modules::with;

/// How long a set may need to be built and imported.
const PATIENCE: Duration = Duration::from_secs(180);

/// Runs a program with these modules in a sandbox that has imported them, once one waits.
async fn hot(client: &mut Client, modules: &str, code: &str) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = with(client, modules, code).await;
        if answer.served_by() == "hot" {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", client.log());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// What a process finds around itself, without what differs between any two sandboxes.
const FACTS: &str = "
import os, sys, resource, threading, numpy
status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)
uid = str(os.getuid())
print([status[key].replace(uid, '<uid>') for key in ('Uid', 'Gid', 'Groups', 'Umask', 'NoNewPrivs', 'Seccomp', 'CapEff', 'CapBnd', 'SigBlk', 'SigIgn', 'SigCgt', 'Cpus_allowed')])
print(os.getuid() >= 20000, os.stat('/proc/self').st_uid == os.getuid(), os.getpid() == os.getsid(0), os.getppid())
print(open('/proc/self/oom_score_adj').read().strip(), open('/proc/self/comm').read().strip(), open('/proc/self/cgroup').read())
print(sorted(os.listdir('/proc/self/fd')), os.getcwd(), os.umask(0))
print(sorted((k, v) for k, v in os.environ.items() if v.count(':') < 2 and 'PORT' not in k and 'roxy' not in k.lower() and 'PROXY' not in k))
print(sorted(os.environ), [p.split('/')[1:2] for p in sys.path], sys.argv, sys.flags, sys.getrecursionlimit())
print([resource.getrlimit(which) for which in range(16)], threading.active_count(), numpy.__file__.split('/')[1:2])
found = []
for place, _, names in os.walk('/tmp'):
    found += [(os.path.join(place, name), os.stat(os.path.join(place, name)).st_uid == os.getuid()) for name in names]
print(sorted(found), sorted(os.listdir('/dev/shm')))
print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit())[:1], len([name for name in os.listdir('/proc') if name.isdigit()]))
";

#[tokio::test]
async fn a_call_finds_its_modules_imported_in_a_sandbox_that_nobody_used() {
    let what = "a_call_finds_its_modules_imported_in_a_sandbox_that_nobody_used";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = volume.server(&["--hot", "numpy", "--pool", "2"]).await;
    let tools = client.request("tools/list", json!({})).await;
    let tools = client.answer(tools).await.to_string();
    assert!(
        tools.contains("besides one of these sets: numpy."),
        "{tools}"
    );

    // Each leaves what the next one would see.
    let canary = "import sys
before = 'numpy' in sys.modules
import numpy, os, random
print(before, hasattr(numpy, 'left'), os.path.exists('/tmp/left'), os.path.exists('/dev/shm/left'), 'LEFT' in os.environ)
numpy.left = 1
open('/tmp/left', 'w').close(); open('/dev/shm/left', 'w').close()
os.environ['LEFT'] = '1'
print(numpy.random.rand(), random.random(), open('/proc/self/cgroup').read(), os.getuid())";
    let mut told = BTreeSet::new();
    for _ in 0..3 {
        let answer = hot(&mut client, "numpy", canary).await;
        let (first, rest) = answer.stdout().split_once('\n').unwrap();
        assert_eq!(first, "True False False False False", "{answer:?}");
        assert!(told.insert(rest.to_owned()), "{answer:?}");
        assert_eq!(answer.field("cached"), true, "{answer:?}");
        assert!(answer.field("installed").to_string().contains("numpy-"));
    }
    // Another spelling of the same module is no other module; another bound is.
    let seen = "import sys; print('numpy' in sys.modules)";
    assert_eq!(hot(&mut client, "NumPy", seen).await.stdout(), "True\n");
    for modules in ["", "numpy>=1"] {
        let answer = with(&mut client, modules, seen).await;
        assert_eq!(answer.stdout(), "False\n", "{modules}: {answer:?}");
        assert_ne!(answer.served_by(), "hot");
    }

    let facts = hot(&mut client, "numpy", FACTS).await;
    let cold = with(&mut client, "numpy>=1", FACTS).await;
    assert_eq!(facts.field("stderr"), "", "{facts:?}");
    assert_eq!(facts.stdout(), cold.stdout());
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn threads_and_forks_of_numpy_work_as_behind_an_import_of_ones_own() {
    let what = "threads_and_forks_of_numpy_work_as_behind_an_import_of_ones_own";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let mut client = volume.server(&["--hot", "numpy", "--cpus", "2"]).await;
    let code = "import multiprocessing, os, threading
import numpy
def dot(seed):
    a = numpy.random.default_rng(seed).random((300, 300))
    return float(numpy.trace(a @ numpy.linalg.inv(a)))
def print_threads():
    print('threads', len(os.listdir('/proc/self/task')) > 1 or os.cpu_count() == 1)
if __name__ == '__main__':
    print(round(dot(1)))
    print_threads()
    with multiprocessing.get_context('fork').Pool(2) as pool:
        print([round(x) for x in pool.map(dot, range(4))])
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        print([round(x) for x in pool.map(dot, range(2))])
    results = []
    threads = [threading.Thread(target=lambda seed=seed: results.append(round(dot(seed)))) for seed in range(4)]
    [thread.start() for thread in threads]; [thread.join() for thread in threads]
    print(results)
    pid = os.fork()
    if pid == 0:
        print(round(dot(7)), flush=True)
        os._exit(0)
    print(os.waitpid(pid, 0)[1])";
    let expected =
        "300\nthreads True\n[300, 300, 300, 300]\n[300, 300]\n[300, 300, 300, 300]\n300\n0\n";
    let answer = hot(&mut client, "numpy", code).await;
    assert_eq!(
        (answer.stdout(), answer.ending()),
        (expected, "exited"),
        "{answer:?}"
    );
    let cold = with(&mut client, "numpy>=1", code).await;
    assert_eq!(cold.stdout(), expected, "{cold:?}");
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn what_is_shown_of_modules_that_were_imported_ahead_is_shown_as_ever() {
    let what = "what_is_shown_of_modules_that_were_imported_ahead_is_shown_as_ever";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let set = "pandas,matplotlib=matplotlib.pyplot,pillow";
    let mut client = volume.server(&["--hot", set]).await;
    let code = "import sys
print([name in sys.modules for name in ('pandas', 'matplotlib.pyplot', 'PIL')])
import matplotlib.pyplot as plt, pandas
plt.plot([1, 2, 3])
plt.show()
pandas.DataFrame({'a': [1, 2]})";
    let mut displays = Vec::new();
    for modules in [
        "pandas, matplotlib, pillow",
        "pandas, matplotlib>=1, pillow",
    ] {
        let answer = match displays.is_empty() {
            true => hot(&mut client, modules, code).await,
            false => with(&mut client, modules, code).await,
        };
        let hot = displays.is_empty();
        assert_eq!(
            answer.stdout(),
            format!("{:?}\n", [hot; 3])
                .replace("true", "True")
                .replace("false", "False"),
            "{answer:?}"
        );
        assert_eq!(answer.field("stderr"), "", "{answer:?}");
        let kinds: Vec<_> = answer
            .content()
            .iter()
            .map(|part| part["type"].clone())
            .collect();
        displays.push((answer.field("displays").clone(), kinds));
    }
    assert_eq!(displays[0].0.as_array().unwrap().len(), 2, "{displays:?}");
    let kinds = |at: usize| displays[at].1.clone();
    assert_eq!(kinds(0), kinds(1));
    let shown = |at: usize| {
        let list = displays[at].0.as_array().unwrap().clone();
        list.into_iter()
            .map(|one| {
                (
                    one["kind"].clone(),
                    one["table"].clone(),
                    one["text"].clone(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(0), shown(1));
    client.close().await;
    volume.remove().await;
}

#[tokio::test]
async fn a_set_that_cannot_be_had_stops_nothing() {
    let what = "a_set_that_cannot_be_had_stops_nothing";
    let Some(turn) = turn(what).await else { return };
    let volume = Volume::new(&turn.engine);
    let unknown = "no-such-package-9c1d2e";
    let mut client = volume.server(&["--hot", unknown, "--hot", "numpy"]).await;
    let answer = client.run("print(6 * 7)").await;
    assert_eq!(answer.stdout(), "42\n", "{answer:?}");
    let seen = "import sys; print('numpy' in sys.modules)";
    assert_eq!(hot(&mut client, "numpy", seen).await.stdout(), "True\n");
    let told = |log: String| {
        log.matches(&format!("the hot set `{unknown}` is not made ready"))
            .count()
    };
    let begun = Instant::now();
    while told(client.log()) == 0 {
        assert!(begun.elapsed() < PATIENCE, "{}", client.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(told(client.log()), 1, "{}", client.log());
    client.close().await;
    volume.remove().await;
}
