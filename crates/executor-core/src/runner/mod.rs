//! Holds the runner: the Python program that is process 1 of every sandbox.
//!
//! It lives as text: a backend starts `python3 -I -c BOOT`, and the stream hands [`SOURCE`] to it. Nothing of it
//! has to be in the image, so any image with CPython 3.9 or newer serves. What it says is not trusted
//! any more than the program beside it; [`crate::stream`] checks every frame.

/// What process 1 is started with, as the argument of `python3 -I -c`.
///
/// It reads one length-prefixed text from its standard input and executes it. A further argument
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
    include_str!("child.py"),
    include_str!("surroundings.py"),
    include_str!("supervise.py"),
);

/// The command of process 1, for the image's interpreter `python`.
pub(crate) fn command(python: &str) -> Vec<String> {
    [python, "-I", "-c", BOOT].map(str::to_owned).to_vec()
}
