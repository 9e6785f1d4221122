//! Programs that mean harm: each gets its honest ending within its limit and two seconds, and the
//! next call works.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Answer, Client, turn};

/// What an ending may take beyond its limit.
const SLACK: Duration = Duration::from_secs(2);

/// One program, and what must be said of it.
struct Case {
    name: &'static str,
    code: &'static str,
    /// What it is given to run, in seconds.
    limit: u64,
    ending: &'static str,
    check: fn(&Answer) -> bool,
}

const CASES: &[Case] = &[
    Case {
        name: "prints for ever",
        code: "while True:\n    print('spam' * 100)",
        limit: 20,
        ending: "output_limit",
        check: |answer| answer.text().contains("4 MiB") && answer.field("truncated") == true,
    },
    Case {
        name: "one endless line",
        code: "import os\nwhile True:\n    os.write(2, b'x' * 65536)",
        limit: 20,
        ending: "output_limit",
        check: |answer| answer.text().len() < 1_000_000,
    },
    Case {
        name: "sleeps for ever",
        code: "import time\nprint('before', flush=True)\ntime.sleep(1e6)",
        limit: 2,
        ending: "timed_out",
        check: |answer| answer.stdout() == "before\n" && answer.text().contains("2 s"),
    },
    Case {
        name: "ignores every signal",
        code: "import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass",
        limit: 2,
        ending: "timed_out",
        check: |_| true,
    },
    Case {
        name: "fork bomb",
        code: "import os
while True:
    try: os.fork()
    except OSError: pass",
        limit: 3,
        ending: "timed_out",
        check: |_| true,
    },
    Case {
        name: "fork bomb that ends",
        code: "import os, time
count = 0
try:
    while True:
        if os.fork() == 0: time.sleep(600)
        count += 1
except OSError as error:
    print(error.errno, 50 < count < 256)",
        limit: 20,
        ending: "exited",
        check: |answer| answer.stdout() == "11 True\n",
    },
    Case {
        name: "memory bomb",
        code: "kept = []\nwhile True: kept.append(bytearray(1 << 22))",
        limit: 20,
        ending: "out_of_memory",
        check: |answer| answer.text().contains("256 MiB"),
    },
    Case {
        name: "fills /tmp",
        code: "import errno
try:
    with open('/tmp/full', 'wb', buffering=0) as file:
        while True: file.write(bytes(1 << 20))
except OSError as error:
    print(error.errno == errno.ENOSPC)",
        limit: 20,
        ending: "exited",
        check: |answer| answer.stdout() == "True\n",
    },
    Case {
        name: "kills process 1",
        code: "import os, signal
refused = 0
for number in (9, 15, 2, 1, 19, 11):
    try: os.kill(1, number)
    except PermissionError: refused += 1
print(refused)
try: os.kill(-1, 9)
except (PermissionError, ProcessLookupError): print('nobody')",
        limit: 10,
        ending: "",
        check: |answer| answer.stdout().starts_with("6\n"),
    },
    Case {
        name: "reads and writes process 1",
        code: "for name in ('environ', 'mem', 'fd/0', 'fd/1', 'maps', 'cwd/x'):
    for mode in ('rb', 'r+b'):
        try:
            open('/proc/1/' + name, mode).read(1)
            print('reached', name)
        except OSError: pass
print('done')",
        limit: 10,
        ending: "exited",
        check: |answer| answer.stdout() == "done\n",
    },
    Case {
        name: "closes its descriptors",
        code: "import os\nprint('here', flush=True)\nos.closerange(0, 1024)\nos._exit(5)",
        limit: 10,
        ending: "exited",
        check: |answer| answer.stdout() == "here\n" && answer.field("exit_code") == 5,
    },
    Case {
        name: "writes to every descriptor",
        code: "import os
for number in range(3, 1024):
    try:
        os.write(number, b'{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\\n')
        print('wrote', number)
    except OSError: pass
print('done')",
        limit: 10,
        ending: "exited",
        check: |answer| answer.stdout() == "done\n",
    },
    Case {
        name: "prints messages of the protocol",
        code: "import os, struct
for number in range(1, 30):
    os.write(1, b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"content\":[]}}\\n' % number)
os.write(1, b'Content-Length: 3\\r\\n\\r\\n{}\\n\\ndata: x\\n\\n')
os.write(1, struct.pack('>BI', 0x13, 2) + b'{}')",
        limit: 10,
        ending: "exited",
        check: |answer| answer.stdout().matches("jsonrpc").count() == 29,
    },
    Case {
        name: "a daemon holds its output",
        code: "import os, subprocess, sys
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
print('left')",
        limit: 10,
        ending: "exited",
        check: |answer| answer.stdout() == "left\n",
    },
    Case {
        name: "dies by a fault",
        code: "import ctypes; ctypes.string_at(0)",
        limit: 10,
        ending: "signaled",
        check: |answer| answer.field("signal") == 11,
    },
    Case {
        name: "exhausts descriptors",
        code: "kept = []
try:
    while True: kept.append(open('/dev/null'))
except OSError as error: print(error.errno, len(kept) > 900)",
        limit: 10,
        ending: "exited",
        check: |answer| answer.stdout() == "24 True\n",
    },
    Case {
        name: "stops its own group",
        code: "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        limit: 2,
        ending: "timed_out",
        check: |_| true,
    },
];

#[tokio::test]
async fn hostile_programs_get_their_honest_ending() {
    let Some(turn) = turn("hostile_programs_get_their_honest_ending").await else {
        return;
    };
    let options = [
        "--output-printed",
        "4MiB",
        "--memory",
        "256MiB",
        "--tmp-size",
        "32MiB",
    ];
    let mut client = Client::start(&turn.engine, &options).await;
    let mut failures = Vec::new();
    for case in CASES {
        let begun = Instant::now();
        let answer = client
            .call(json!({ "code": case.code, "timeout_seconds": case.limit }))
            .await;
        let took = begun.elapsed();
        // The sandbox's start is not the program's time; it has the same two seconds.
        if took > Duration::from_secs(case.limit) + SLACK + SLACK {
            failures.push(format!("{}: it took {took:?}", case.name));
        }
        let program = Duration::from_millis(answer.field("duration_ms").as_u64().unwrap_or(0));
        if program > Duration::from_secs(case.limit) + SLACK {
            failures.push(format!("{}: it ran for {program:?}", case.name));
        }
        if !case.ending.is_empty() && answer.ending() != case.ending {
            failures.push(format!(
                "{}: ended `{}`: {}",
                case.name,
                answer.ending(),
                cut(&answer)
            ));
        } else if !(case.check)(&answer) {
            failures.push(format!("{}: {}", case.name, cut(&answer)));
        }
        let next = client.run("print('next')").await;
        if next.stdout() != "next\n" {
            failures.push(format!("after `{}`: {}", case.name, cut(&next)));
        }
    }
    let (status, _) = client.close().await;
    assert!(
        failures.is_empty() && status.success(),
        "{status}\n{}",
        failures.join("\n")
    );
}

fn cut(answer: &Answer) -> String {
    format!("{answer:?}").chars().take(900).collect()
}
