//! What the exit status of our programs means: a public table that scripts may rely on.

use std::process::ExitCode;

/// How a program of ours ended.
///
/// `run` passes the exit code of the user's program on (128 + n for signal n), so there a number
/// of this table may also be the program's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// 0: all went well, or a signal asked for the end and the end was orderly.
    Success,
    /// 1: something failed that has no number of its own.
    Failure,
    /// 2: wrong arguments or settings; nothing was started.
    Usage,
    /// 3: the container engine cannot be reached, or does not let us, or the image is missing.
    EngineUnavailable,
    /// 4: the engine answers, and cannot keep something that a sandbox promises.
    PromiseBroken,
    /// 5: the address to listen on cannot be had.
    CannotListen,
    /// 124: the program of `run` took longer than its time limit.
    TimedOut,
    /// 125: the program of `run` could not be run, or not to its end, for a reason that is not its
    /// own.
    NotRun,
    /// 137 or any other: what the program of `run` ended with.
    Program(u8),
    /// 130 or 143: a second signal ended the server before it had tidied up.
    Interrupted(u8),
}

impl Exit {
    /// The rows of the table: number and meaning.
    pub const TABLE: [(u8, &'static str); 9] = [
        (
            0,
            "all went well; also after an orderly end by SIGTERM, SIGINT or end of input",
        ),
        (1, "something failed that has no number of its own"),
        (2, "wrong arguments or settings; nothing was started"),
        (
            3,
            "the container engine cannot be reached or used, or the image is missing",
        ),
        (
            4,
            "the engine cannot keep something that a sandbox promises",
        ),
        (5, "the address to listen on cannot be had"),
        (124, "`run`: the program took longer than its time limit"),
        (
            125,
            "`run`: the program could not be run, or not to its end, for a reason not its own",
        ),
        (
            130,
            "a second signal ended the server before it had tidied up (143 for SIGTERM)",
        ),
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::EngineUnavailable => 3,
            Self::PromiseBroken => 4,
            Self::CannotListen => 5,
            Self::TimedOut => 124,
            Self::NotRun => 125,
            Self::Program(code) | Self::Interrupted(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_number_once() {
        let ends = [
            Exit::Success,
            Exit::Failure,
            Exit::Usage,
            Exit::EngineUnavailable,
            Exit::PromiseBroken,
            Exit::CannotListen,
            Exit::TimedOut,
            Exit::NotRun,
            Exit::Interrupted(130),
        ];
        assert_eq!(ends.map(Exit::code), Exit::TABLE.map(|(code, _)| code));
    }
}
