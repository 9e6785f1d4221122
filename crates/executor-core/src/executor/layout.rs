//! How a sandbox looks from inside: its users, its places, its environment.

use std::collections::BTreeMap;

/// The user that installs modules, so that the program cannot change what it was given.
pub(super) const INSTALLER_UID: u32 = 10_001;

/// The user that programs run as; process 1 is another one (uid 0, three capabilities).
pub(super) const PROGRAM_UID: u32 = 10_002;

/// Where the modules of a run lie inside its sandbox.
pub(super) const MODULES_DIR: &str = "/modules";

/// Where a program starts. It may write below `/tmp` and nowhere else.
pub(super) const WORK_DIR: &str = "/tmp/work";

/// What every program finds in its environment, besides the proxy's and the certificates'
/// variables that the runner adds. Nothing of the host's environment is among it.
pub(super) fn environment() -> BTreeMap<String, String> {
    [
        ("HOME", "/tmp"),
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
