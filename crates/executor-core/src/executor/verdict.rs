//! How a run ended, by the evidence and nothing else: what process 1 reported, what the backend says where it did not,
//! and what we did ourselves. The table of its tests is the whole truth.

use crate::backend::SandboxStatus;
use crate::limits::{ByteSize, WallTime};
use crate::outcome::{Ending, SandboxDeath, SandboxLoss};
use crate::stream::{Cause, Exit};

pub(super) const SIGKILL: i32 = 9;

/// What a shell, and an engine, makes of a process that SIGKILL ended.
const KILLED: i64 = 128 + 9;

/// What process 1 ends with when its stream has ended, and with nothing else.
const LEFT_ALONE: i64 = 0;

/// What was heard of the program's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Process 1 waited for the program and reported, with the number of processes that the memory limit killed
    /// where it can count them.
    Report(Cause, Exit, Option<u64>),
    /// Nothing until the time was up, and a grace.
    Silence,
    /// The stream ended, broke or fell silent before a report.
    Cut,
}

/// What the backend said when it was asked, which is only done without a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It did not answer.
    None,
    Running,
    Paused,
    Removed,
    /// Process 1 ended, with this status where it is known, and perhaps after the memory limit struck somewhere.
    Ended {
        status: Option<i64>,
        out_of_memory: bool,
    },
}

impl From<SandboxStatus> for Word {
    fn from(status: SandboxStatus) -> Self {
        match status {
            SandboxStatus { there: false, .. } => Self::Removed,
            SandboxStatus { paused: true, .. } => Self::Paused,
            SandboxStatus { running: true, .. } => Self::Running,
            SandboxStatus {
                exit_status: status,
                out_of_memory,
                ..
            } => Self::Ended {
                status,
                out_of_memory,
            },
        }
    }
}

/// The limits that were in force, for endings name the one that was hit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) timeout: WallTime,
    pub(super) printed: ByteSize,
    pub(super) memory: ByteSize,
    /// Whether the backend enforces the memory limit; if not, it cannot be what killed.
    pub(super) memory_is_limited: bool,
}

/// The ending. Only a report of process 1 gives one that speaks of the program; a success above all.
pub(super) fn judge(heard: Heard, word: Word, bounds: &Bounds) -> Ending {
    match heard {
        Heard::Report(cause, exit, oom_kills) => reported(cause, exit, oom_kills, bounds),
        // Our own clock ended it, whatever it was doing; unless it could not do anything.
        Heard::Silence => match word {
            Word::None | Word::Running => Ending::TimedOut(bounds.timeout),
            Word::Paused | Word::Removed | Word::Ended { .. } => unreported(word, bounds),
        },
        Heard::Cut => unreported(word, bounds),
    }
}

fn reported(cause: Cause, exit: Exit, oom_kills: Option<u64>, bounds: &Bounds) -> Ending {
    match (cause, exit) {
        (Cause::Deadline, _) => Ending::TimedOut(bounds.timeout),
        (Cause::OutputLimit, _) => Ending::OutputLimit(bounds.printed),
        // The kernel's out-of-memory killer sends the same signal as anybody else; only its counter tells them apart.
        (Cause::Exited, Exit::Signal(SIGKILL)) => match oom_kills {
            Some(1..) => Ending::OutOfMemory(bounds.memory),
            None if bounds.memory_is_limited => Ending::Killed(bounds.memory),
            Some(0) | None => Ending::Signaled(SIGKILL),
        },
        (Cause::Exited, Exit::Signal(signal)) => Ending::Signaled(signal),
        (Cause::Exited, Exit::Code(code)) => Ending::Exited(code),
    }
}

fn unreported(word: Word, bounds: &Bounds) -> Ending {
    let (status, out_of_memory) = match word {
        Word::None => return Ending::SandboxLost(SandboxLoss::BackendGone),
        Word::Running => return Ending::SandboxLost(SandboxLoss::StreamCut),
        Word::Paused => return Ending::SandboxLost(SandboxLoss::Paused),
        Word::Removed => return Ending::SandboxDied(SandboxDeath::Removed),
        Word::Ended {
            status,
            out_of_memory,
        } => (status, out_of_memory),
    };
    match (status, out_of_memory) {
        // It is the end of its stream that it ended on, so the stream was cut first.
        (Some(LEFT_ALONE), _) => Ending::SandboxLost(SandboxLoss::StreamCut),
        // The limit may have struck another process before, and does not make process 1 end with a status of its own.
        (Some(KILLED) | None, true) => {
            Ending::SandboxDied(SandboxDeath::OutOfMemory(bounds.memory))
        }
        (Some(KILLED), false) => Ending::SandboxDied(SandboxDeath::Killed),
        (status, _) => Ending::SandboxDied(SandboxDeath::Ended(status)),
    }
}

#[cfg(test)]
mod tests;
