//! Sandboxes that wait with modules imported: real packages, real threads, and nothing that a program could tell from an
//! import of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use executor_testkit::probes;
use serde_json::{Value, json};

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

/// Runs it with these modules in a sandbox that has imported nothing: the call brings a module of its own.
async fn cold(client: &mut Client, modules: &str, code: &str) -> Answer {
    let own = json!([{ "name": "apart.py", "text": "" }]);
    let arguments = json!({ "code": code, "modules": modules, "files": own });
    let answer = client.call(arguments).await;
    assert_ne!(answer.served_by(), "hot");
    answer
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
    names = [os.path.join(place, name) for name in names if name != 'apart.py']
    found += [(name, os.stat(name).st_uid == os.getuid()) for name in names]
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
    // Another spelling of the same module is no other module.
    let seen = "import sys; print('numpy' in sys.modules)";
    assert_eq!(hot(&mut client, "NumPy", seen).await.stdout(), "True\n");
    let answer = client.run(seen).await;
    assert_eq!(
        (answer.stdout(), answer.served_by()),
        ("False\n", "warm"),
        "{answer:?}"
    );

    let facts = hot(&mut client, "numpy", FACTS).await;
    let cold = cold(&mut client, "numpy", FACTS).await;
    assert_eq!(facts.field("stderr"), "", "{facts:?}");
    assert_eq!(facts.stdout(), cold.stdout());
    looks_alike(&mut client).await;
    client.close().await;
    volume.remove().await;
}

/// The programs by which the laws look at a sandbox see what they see in any.
async fn looks_alike(client: &mut Client) {
    let looks = [
        probes::IDENTITY.program(),
        probes::SURROUNDINGS.program(),
        probes::LIMITS.program(),
        probes::SYSCALLS.program(),
    ];
    for look in looks {
        let hot = hot(client, "numpy", look).await;
        let cold = cold(client, "numpy", look).await;
        let seen = [hot, cold].map(|answer| {
            let mut found: Value = serde_json::from_str(answer.stdout()).unwrap();
            settle(&mut found);
            found
        });
        assert!(seen[0].as_object().is_some_and(|seen| !seen.is_empty()));
        assert_eq!(seen[0], seen[1]);
    }
}

/// Takes out what differs between any two sandboxes: who the program is, and what is named at random.
fn settle(found: &mut Value) {
    match found {
        Value::Object(members) => {
            for name in ["pid", "hostname", "own_name", "cgroups", "mounts"] {
                members.remove(name);
            }
            if let Some(Value::Object(environment)) = members.get("environment") {
                let names: Vec<_> = environment.keys().cloned().collect();
                members.insert("environment".to_owned(), json!(names));
            }
            if let Some(Value::Array(processes)) = members.get("processes") {
                let count = processes.len();
                members.insert("processes".to_owned(), json!(count));
            }
            members.values_mut().for_each(settle);
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Number(number)
            if number
                .as_u64()
                .is_some_and(|it| (20_000..60_000).contains(&it)) =>
        {
            *found = json!("the program's user");
        }
        Value::String(text) if text.starts_with("pipe:[") => *found = json!("a pipe"),
        _ => {}
    }
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
    let cold = cold(&mut client, "numpy", code).await;
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
    let modules = "pandas, matplotlib, pillow";
    let ahead = hot(&mut client, modules, code).await;
    let apart = cold(&mut client, modules, code).await;
    assert_eq!(ahead.stdout(), "[True, True, True]\n", "{ahead:?}");
    assert_eq!(apart.stdout(), "[False, False, False]\n", "{apart:?}");
    let shown = |answer: &Answer| {
        assert_eq!(answer.field("stderr"), "", "{answer:?}");
        let types = answer.content().iter().map(|part| part["type"].clone());
        let displays = answer.field("displays").as_array().unwrap().clone();
        let displays = displays
            .into_iter()
            .map(|one| json!([one["kind"], one["table"], one["text"]]));
        (types.collect::<Vec<_>>(), displays.collect::<Vec<_>>())
    };
    assert_eq!(shown(&ahead).1.len(), 2, "{ahead:?}");
    assert_eq!(shown(&ahead), shown(&apart));
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
