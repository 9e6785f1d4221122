//! How a sandbox looks from inside: its users, its places, its environment.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The user that installs modules, so that the program cannot change what it was given.
pub(super) const INSTALLER_UID: u32 = 10_001;

/// The user of one more program; process 1 is another one (uid 0, three capabilities).
///
/// Each program has its own: the kernel counts inotify instances, timers, message queues, locked
/// memory, descriptors in flight and pipes by user over the whole machine, so that programs of one
/// user could leave nothing of these to one another. Two servers on a machine begin at random, and
/// no number comes again before all have been.
pub(super) fn program_uid() -> u32 {
    static TURN: LazyLock<AtomicU32> =
        // Without randomness this process's own number is the next best.
        LazyLock::new(|| {
            AtomicU32::new(getrandom::u32().unwrap_or_else(|_| std::process::id()))
        });
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    PROGRAM_UIDS.start + turn % (PROGRAM_UIDS.end - PROGRAM_UIDS.start)
}

/// Numbers that a rootless engine has too (its users end at 65,535), and that no distribution gives
/// to its own services.
const PROGRAM_UIDS: Range<u32> = 20_000..60_000;

/// Where the modules of a run lie inside its sandbox.
pub(super) const MODULES_DIR: &str = "/modules";

/// The home of every user in a sandbox.
pub(super) const HOME: &str = "/tmp";

/// Where a program starts. It may write below `/tmp` and nowhere else.
pub(super) const WORK_DIR: &str = "/tmp/work";

/// What every program finds in its environment, besides the proxy's and the certificates'
/// variables that the runner adds. Nothing of the host's environment is among it.
pub(super) fn environment() -> BTreeMap<String, String> {
    [
        ("HOME", HOME),
        ("LANG", "C.UTF-8"),
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("TMPDIR", "/tmp"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// Names that the program takes over from the image's own environment, where it sets them.
pub(super) fn image_environment() -> Vec<String> {
    vec!["PLAYWRIGHT_BROWSERS_PATH".to_owned()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_programs_are_one_user() {
        let users: BTreeSet<u32> = (0..1000).map(|_| program_uid()).collect();
        assert_eq!(users.len(), 1000);
        let others = users.iter().filter(|user| !PROGRAM_UIDS.contains(user));
        assert_eq!(others.count(), 0);
    }
}
