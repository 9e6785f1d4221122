//! Holds the runner: the Python program that is process 1 of every sandbox.
//!
//! It lives as text: a backend starts `python3 -I -c BOOT`, and the stream hands [`SOURCE`] to it. Nothing of it
//! has to be in the image, so any image with CPython 3.9 or newer serves. What it says is not trusted
//! any more than the program beside it; [`crate::stream`] checks every frame.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::stream::Trusted;

/// What process 1 is started with, as the argument of `python3 -I -c`.
///
/// It reads one length-prefixed text from its standard input and executes it, or one such piece of code, which begins with
/// the number that an interpreter puts before its own. A further argument
/// `unconfined` tells the runner that it is not process 1 of a sandbox: it then kills only its own
/// descendants, and changes the user only if `switch-uids` is given too.
const BOOT: &str = include_str!("boot.py");

/// The runner itself, sent as the first thing over the stream.
pub(crate) const SOURCE: &str = concat!(
    include_str!("frames.py"),
    include_str!("proxy.py"),
    include_str!("names.py"),
    include_str!("program.py"),
    include_str!("leave.py"),
    include_str!("ahead.py"),
    // What Playwright's driver is given, as text.
    "AHEAD_OF_DRIVER = r'''",
    include_str!("browser.js"),
    "'''\n",
    include_str!("browser.py"),
    include_str!("child.py"),
    include_str!("collect.py"),
    include_str!("value.py"),
    include_str!("announced.py"),
    include_str!("displays.py"),
    // The program's half of displays, as text: most programs never need it.
    "SHOW = r'''",
    include_str!("show/forms.py"),
    include_str!("show/text.py"),
    include_str!("show/pictures.py"),
    include_str!("show/smaller.py"),
    include_str!("show/figures.py"),
    include_str!("show/tables.py"),
    include_str!("show/saved.py"),
    include_str!("show/watching.py"),
    "'''\n",
    include_str!("trust.py"),
    include_str!("surroundings.py"),
    include_str!("order.py"),
    include_str!("../environments/check.py"),
    include_str!("sets.py"),
    include_str!("supervise.py"),
    include_str!("rehearsal.py"),
    include_str!("main.py"),
);

/// The runner as sandboxes get it: text for the first one, and for all others what the interpreter there has made of it;
/// and what else one sandbox makes for all.
///
/// To compile the text takes more than a third of the processor time until the runner waits. Only an interpreter of the
/// same kind can do with another's code, so a sandbox that does not come up with it is a reason to
/// [`forget`](Self::forget) it. The code is trusted as the image is, whose interpreter runs the text too.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    compiled: Mutex<Option<Bytes>>,
    trusted: Mutex<Option<Trusted>>,
}

impl Runner {
    /// What is to be sent.
    pub(crate) fn code(&self) -> Bytes {
        self.compiled()
            .clone()
            .unwrap_or(Bytes::from_static(SOURCE.as_bytes()))
    }

    /// Takes what a sandbox has compiled, unless another was faster.
    pub(crate) fn learn(&self, compiled: Bytes) {
        self.compiled().get_or_insert(compiled);
    }

    /// What a sandbox has made of the certificates. To make it takes as much processor time as starting Python.
    pub(crate) fn trusted(&self) -> Option<Trusted> {
        lock(&self.trusted).clone()
    }

    /// Takes what a sandbox has made of the certificates, unless another was faster.
    pub(crate) fn learn_trusted(&self, trusted: Trusted) {
        lock(&self.trusted).get_or_insert(trusted);
    }

    /// Goes back to the text, and to what every sandbox does for itself. Whether there was anything to forget.
    pub(crate) fn forget(&self) -> bool {
        lock(&self.trusted).take();
        self.compiled().take().is_some()
    }

    fn compiled(&self) -> MutexGuard<'_, Option<Bytes>> {
        lock(&self.compiled)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The command of process 1, for the image's interpreter `python`.
pub(crate) fn command(python: &str) -> Vec<String> {
    [python, "-I", "-c", BOOT].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use expect_test::{Expect, expect};

    /// What the runner counts in a made-up control group of these files.
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &Expect) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let counted = usage(root.path());
        expected.assert_eq(&counted);
    }

    fn usage(root: &Path) -> String {
        let script = concat!(
            "import os, sys, json, struct, signal, select\n",
            include_str!("surroundings.py"),
            include_str!("order.py"),
            "\nprint(json.dumps(Counters(True, sys.argv[1]).read()))\n",
        );
        let output = Command::new("python3")
            .args(["-I", "-c", script])
            .arg(root)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// What is said of a Playwright whose transport's module is this.
    #[track_caller]
    fn check_playwright(transport: &str, expected: &Expect) {
        let script = format!(
            "import signal, types\nSTEPS = {{}}\n{}\ntransport = types.ModuleType('transport')\n\
             exec({transport:?}, vars(transport))\ntry:\n    print(check_transport(transport))\n\
             except Exception as error:\n    print('%s: %s' % (type(error).__name__, error))",
            include_str!("browser.py")
        );
        let output = Command::new("python3")
            .args(["-I", "-c", &script])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        expected.assert_eq(String::from_utf8(output.stdout).unwrap().trim());
    }

    #[test]
    fn a_playwright_that_is_built_otherwise_is_left_alone() {
        let known = "class PipeTransport:
    def connect(self): self._stopped_future, self._proc, self._output = 1, _get_stderr_fileno(), 1
    def run(self): self._stopped, self._proc, self._stopped_future
    def request_stop(self): self._output, self._stopped
    def wait_until_stopped(self): self._stopped_future
    def send(self): self._output
def get_driver_env(): pass
def compute_driver_executable(): pass
def _get_stderr_fileno(): pass
";
        check_playwright(known, &expect!["None"]);
        check_playwright(
            &known.replace("self._proc, self._output", "self._process, self._output"),
            &expect!["LookupError: this Playwright starts its driver in another way: connect"],
        );
        check_playwright(
            &known.replace("self._output, self._stopped", "self._output"),
            &expect!["LookupError: this Playwright starts its driver in another way: request_stop"],
        );
        check_playwright(
            &known.replace("def get_driver_env", "def driver_environment"),
            &expect!["AttributeError: module 'transport' has no attribute 'get_driver_env'"],
        );
    }

    #[test]
    fn program_and_driver_agree_on_what_means_nothing_to_a_browser() {
        let names = |text: &str, before: &str, behind: &str| {
            let list = text.split_once(before).unwrap().1;
            list.split_once(behind).unwrap().0.replace('"', "'")
        };
        let theirs = names(include_str!("browser.js"), "INDIFFERENT = [", "]");
        let ours = names(include_str!("browser.py"), "INDIFFERENT = (", ")");
        assert_eq!(theirs, ours);
    }

    #[test]
    fn counters_are_read_from_control_groups_of_both_versions() {
        // As a kernel of today writes it; other counts begin with the same word.
        let events = "low 0\nhigh 7\nmax 12\noom 4\noom_kill 3\noom_group_kill 1\n";
        check(
            &[("memory.events", events), ("memory.peak", "4096\n")],
            &expect![[r#"{"peak": 4096, "oom": 3}"#]],
        );
        // Before Linux 5.19 there is no peak.
        check(
            &[("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n")],
            &expect![[r#"{"peak": null, "oom": 0}"#]],
        );
        check(
            &[
                (
                    "memory/memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
                ),
                ("memory/memory.max_usage_in_bytes", "8192\n"),
            ],
            &expect![[r#"{"peak": 8192, "oom": 2}"#]],
        );
        // Before Linux 4.13 nobody counted.
        check(
            &[(
                "memory/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\n",
            )],
            &expect![[r#"{"peak": null, "oom": null}"#]],
        );
        // As in gVisor.
        check(&[], &expect![[r#"{"peak": null, "oom": null}"#]]);
        check(
            &[
                ("memory.events", "oom_kill many\n"),
                ("memory.peak", "max\n"),
            ],
            &expect![[r#"{"peak": null, "oom": null}"#]],
        );
    }
}
