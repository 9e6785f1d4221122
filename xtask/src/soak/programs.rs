//! The programs of a soak: innocent ones, whose answers are compared by value, and hostile ones, which
//! may only end in ways that are theirs.

use serde_json::Value;

use super::chance::Chance;
use super::outside::HOST;

/// What a server and its programs have around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum World {
    /// No network and no store; modules that are asked for cannot be had.
    Closed,
    /// An index, sets that are kept and imported ahead, and a host with pages.
    Open,
}

impl World {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}

/// A program with what may come of it.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) text: String,
    /// How long it may run, in seconds.
    pub(super) seconds: u64,
    expected: Expected,
    /// Modules that are asked for.
    pub(super) modules: &'static [&'static str],
}

#[derive(Debug, Clone)]
enum Expected {
    /// This exit code and exactly this on standard output.
    Exactly(i64, String),
    /// This exit code, and this somewhere on standard error.
    Says(i64, &'static str),
    /// One of these endings, whatever else.
    Ends(&'static [&'static str]),
}

impl Program {
    pub(super) fn is_innocent(&self) -> bool {
        !matches!(self.expected, Expected::Ends(_))
    }

    /// What is wrong with a structured result of this program, if anything.
    pub(super) fn objection(&self, result: &Value) -> Option<String> {
        let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
        let code = result.get("exit_code").and_then(Value::as_i64);
        let ending = text("ending");
        let fine = match &self.expected {
            Expected::Exactly(expected, stdout) => {
                ending == "exited" && code == Some(*expected) && text("stdout") == stdout
            }
            Expected::Says(expected, part) => {
                ending == "exited" && code == Some(*expected) && text("stderr").contains(part)
            }
            Expected::Ends(endings) => endings.contains(&ending),
        };
        (!fine).then(|| {
            let told: String = result.to_string().chars().take(600).collect();
            format!("`{}` got {told}", self.name)
        })
    }
}

/// Any program, two of three innocent; in the open world half of the innocent ones need what is there.
pub(super) fn any(chance: &mut Chance, world: World) -> Program {
    if chance.per_mille(8) {
        return Program {
            name: "modules that nobody has",
            text: "print(1)".to_owned(),
            seconds: 10,
            expected: Expected::Ends(&["install_failed"]),
            modules: &["soak-has-no-such-module"],
        };
    }
    match (chance.per_mille(660), world) {
        (true, World::Open) if chance.per_mille(500) => outward(chance),
        (true, _) => innocent(chance),
        (false, World::Open) if chance.per_mille(200) => hostile(chance, HOSTILE_OUTWARD),
        (false, _) => hostile(chance, HOSTILE),
    }
}

/// An innocent program that takes modules or a page.
fn outward(chance: &mut Chance) -> Program {
    let number = chance.below(1 << 31);
    let letters = |modules: &[&str]| {
        let words: Vec<_> = modules
            .iter()
            .filter_map(|name| name.rsplit('-').next())
            .collect();
        let imports: Vec<_> = words.iter().map(|word| format!("soak_{word}")).collect();
        let told: Vec<_> = imports.iter().map(|name| format!("{name}.WORD")).collect();
        let text = format!(
            "import {}; print({}, {number})",
            imports.join(", "),
            told.join(", ")
        );
        (
            text,
            Expected::Exactly(0, format!("{} {number}\n", words.join(" "))),
        )
    };
    let set = match chance.below(8) {
        0 => &["soak-a"][..],
        1 => &["soak-b"],
        2 => &["soak-a", "soak-b"],
        3 => &["soak-b", "soak-c"],
        // This one is imported ahead.
        4 | 5 => &["soak-c"],
        _ => &[],
    };
    let (name, (text, expected)) = match set {
        [] => (
            "a page",
            (
                format!(
                    "import urllib.request\nwith urllib.request.urlopen('http://{HOST}/echo/{number}', timeout=20) as page:\n    \
                     print(page.status, page.read().decode())"
                ),
                Expected::Exactly(0, format!("200 {number}\n")),
            ),
        ),
        ["soak-c"] => ("a module that is imported ahead", letters(set)),
        _ => ("modules", letters(set)),
    };
    Program {
        name,
        text,
        seconds: 30,
        expected,
        modules: set,
    }
}

/// A program whose answer is known.
pub(super) fn innocent(chance: &mut Chance) -> Program {
    let (one, two) = (chance.below(1 << 31), chance.below(1 << 31));
    let (name, text, expected) = match chance.below(8) {
        0 => (
            "a product",
            format!("print({one} * {two})"),
            Expected::Exactly(0, format!("{}\n", u128::from(one) * u128::from(two))),
        ),
        1 => {
            // No more than a result has room for.
            let count = one % 500;
            let lines: String = (0..count)
                .map(|line| format!("{} é\n", line * two))
                .collect();
            (
                "many lines",
                format!("for line in range({count}): print(line * {two}, 'é')"),
                Expected::Exactly(0, lines),
            )
        }
        2 => {
            let code = i64::try_from(one % 256).unwrap_or(0);
            (
                "an exit code",
                format!("import sys; print('out'); sys.exit({code})"),
                Expected::Exactly(code, "out\n".to_owned()),
            )
        }
        3 => (
            "an exception",
            "1 / 0".to_owned(),
            Expected::Says(1, "ZeroDivisionError"),
        ),
        4 => (
            "a fresh place",
            format!(
                "import os\nprint('soak' in os.listdir('/tmp'))\nopen('/tmp/soak', 'w').write('{one}')\n\
                 print(open('/tmp/soak').read())"
            ),
            Expected::Exactly(0, format!("False\n{one}\n")),
        ),
        5 => (
            "a child",
            format!(
                "import subprocess; print(subprocess.check_output(['echo', '{two}'], text=True), end='')"
            ),
            Expected::Exactly(0, format!("{two}\n")),
        ),
        6 => (
            "threads",
            format!(
                "import threading\nsums = []\nthreads = [threading.Thread(target=lambda n=n: sums.append(n * {one})) \
                 for n in range(8)]\n[t.start() for t in threads]; [t.join() for t in threads]\nprint(sum(sums))"
            ),
            Expected::Exactly(0, format!("{}\n", u128::from(one) * 28)),
        ),
        _ => (
            "a pause",
            format!(
                "import time; time.sleep({}); print({one})",
                f64::from(u32::try_from(two % 1200).unwrap_or(0)) / 1000.0
            ),
            Expected::Exactly(0, format!("{one}\n")),
        ),
    };
    Program {
        name,
        text,
        seconds: 30,
        expected,
        modules: &[],
    }
}

fn hostile(chance: &mut Chance, programs: &[Hostile]) -> Program {
    let found = chance.of(programs).copied();
    let (name, seconds, text, endings) = found.unwrap_or(("nothing", 5, "pass", &["exited"]));
    Program {
        name,
        text: text.to_owned(),
        seconds,
        expected: Expected::Ends(endings),
        modules: &[],
    }
}

/// By name: seconds, text, and how it may end.
type Hostile = (&'static str, u64, &'static str, &'static [&'static str]);

/// Endings of a program that was driven into a limit.
const LIMITED: &[&str] = &["exited", "timed_out", "signaled", "killed", "out_of_memory"];

const HOSTILE: &[Hostile] = &[
    (
        "a fork bomb",
        2,
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        LIMITED,
    ),
    (
        "a hoard of memory",
        10,
        "hoard = []\nwhile True: hoard.append(bytearray(1 << 22))",
        &["out_of_memory", "killed", "exited"],
    ),
    (
        "a hoard of files",
        10,
        "import os\nfor place in ('/tmp', '/dev/shm'):\n    try:\n        with open(place + '/hoard', 'wb') as file:\n            \
         while True: file.write(bytes(1 << 20))\n    except OSError as error: print(error.errno)",
        LIMITED,
    ),
    (
        "a flood",
        10,
        "while True: print('x' * 4000)",
        &["output_limit", "timed_out"],
    ),
    (
        "a flood on both",
        3,
        "import os\nwhile True: os.write(1, bytes(65536)); os.write(2, bytes(65536))",
        &["output_limit", "timed_out"],
    ),
    (
        "a daemon",
        5,
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True: time.sleep(1000)\n    os._exit(0)\nprint('left')",
        &["exited"],
    ),
    (
        "closed outputs",
        5,
        "import os\nfor fd in range(64):\n    try: os.close(fd)\n    except OSError: pass",
        &["exited", "signaled"],
    ),
    (
        "a signal to itself",
        5,
        "import os, random\nos.kill(os.getpid(), random.choice([1, 2, 3, 6, 9, 11, 15, 24, 31]))\nos._exit(3)",
        &["signaled", "exited", "killed", "out_of_memory"],
    ),
    (
        "a signal to all",
        5,
        "import os, signal\nfor n in (15, 9):\n    os.kill(-1, n)",
        &["signaled", "killed", "exited"],
    ),
    (
        "a shot at process 1",
        5,
        "import os\nfor n in range(1, 32):\n    try: os.kill(1, n)\n    except OSError: pass\nprint('missed')",
        &["exited"],
    ),
    (
        "ears closed",
        1,
        "import signal\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
        &["timed_out"],
    ),
    (
        "a stop of itself",
        1,
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        &["timed_out", "exited"],
    ),
    (
        "forged frames",
        5,
        "import os\nfor fd in range(3, 64):\n    for _ in range(8):\n        try: os.write(fd, os.urandom(512))\n        except OSError: break",
        &["exited", "signaled"],
    ),
    (
        "frames at process 1",
        5,
        "import os\nfor fd in range(64):\n    try:\n        with open(f'/proc/1/fd/{fd}', 'wb', 0) as file: file.write(bytes(64))\n    except OSError: pass\nprint('none')",
        &["exited"],
    ),
    (
        "threads without end",
        3,
        "import threading, time\nwhile True:\n    try: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n    except RuntimeError: break\nimport os; os._exit(0)",
        LIMITED,
    ),
    (
        "odd ends",
        5,
        "import os, random\nrandom.choice([os.abort, lambda: os._exit(255), lambda: os.execv('/bin/false', ['false']), lambda: exit(1 << 70)])()",
        &["signaled", "exited"],
    ),
    (
        "names without end",
        3,
        "import os\nfor n in range(1 << 30):\n    try: os.mkdir(f'/tmp/{n}')\n    except OSError: break",
        LIMITED,
    ),
    (
        "descriptors without end",
        5,
        "import os\nwhile True: os.dup(0)",
        &["exited"],
    ),
];

/// Against the way out: `soak.test` is [`HOST`].
const HOSTILE_OUTWARD: &[Hostile] = &[
    (
        "a private address",
        10,
        "import sys, urllib.error, urllib.request\ntry: urllib.request.urlopen('http://169.254.169.254/', timeout=8)\n\
         except urllib.error.HTTPError as error:\n    if error.code == 403: sys.exit()\nimport os; os.kill(os.getpid(), 9)",
        &["exited"],
    ),
    (
        "a page without end",
        3,
        "import urllib.request\nfor _ in range(9):\n    with urllib.request.urlopen('http://soak.test/endless') as page:\n        \
         while page.read(65536): pass",
        &["timed_out", "exited"],
    ),
    (
        "a page that nobody reads",
        2,
        "import time, urllib.request\npage = urllib.request.urlopen('http://soak.test/endless')\ntime.sleep(60)",
        &["timed_out"],
    ),
    (
        "connections without end",
        4,
        "import os, socket\nhost, port = os.environ['http_proxy'].split('//')[1].split(':')\nhoard = []\nwhile True:\n    \
         try:\n        one = socket.create_connection((host, int(port)), 2)\n        \
         one.sendall(b'CONNECT soak.test:80 HTTP/1.1\\r\\n\\r\\n')\n        hoard.append(one)\n    \
         except OSError: break\nos._exit(0)",
        LIMITED,
    ),
    (
        "words that are no request",
        4,
        "import os, socket\nhost, port = os.environ['http_proxy'].split('//')[1].split(':')\nfor _ in range(40):\n    \
         try:\n        with socket.create_connection((host, int(port)), 2) as one: one.sendall(os.urandom(4096))\n    \
         except OSError: pass",
        LIMITED,
    ),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_answer_is_objected_to() {
        let mut chance = Chance::new(1);
        let program = loop {
            let program = innocent(&mut chance);
            if program.name == "an exit code" {
                break program;
            }
        };
        let Expected::Exactly(code, _) = program.expected else {
            panic!("it has one");
        };
        let answer = |code: i64, stdout: &str, ending: &str| {
            let told = json!({ "ending": ending, "exit_code": code, "stdout": stdout });
            program.objection(&told).is_some()
        };
        assert!(!answer(code, "out\n", "exited"));
        assert!(answer(code + 1, "out\n", "exited"));
        assert!(answer(code, "out", "exited"));
        assert!(answer(code, "out\n", "cancelled"));
    }
}
