//! What can go wrong on a stream, one variant a cause.

use std::time::Duration;

/// Why a link is over, or refuses what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StreamError {
    /// The runner's side ended, without or after its last word.
    #[error("the stream ended")]
    Closed,
    /// The runner did not say `Ready` in time.
    #[error("the runner was not ready within {} ms", .0.as_millis())]
    NotReady(Duration),
    /// Nothing was heard for so long, pings included.
    #[error("the runner was silent for {} s", .0.as_secs())]
    Silent(Duration),
    /// Reading failed.
    #[error("the stream could not be read: {0}")]
    Read(std::io::ErrorKind),
    /// The runner could not start what it was told to.
    #[error("the runner could not start the program: {0}")]
    NotStarted(String),
    /// A command was given while another one runs, or after the program.
    #[error("the runner does not wait for a command")]
    NotIdle,
    /// The command does not fit a frame.
    #[error("the command takes {length} bytes of {limit}")]
    CommandTooLong {
        /// Its size as JSON.
        length: usize,
        /// The most that a frame carries.
        limit: usize,
    },

    /// A kind that nobody defined.
    #[error("unknown kind of frame `{0:#04x}`")]
    UnknownKind(u8),
    /// A kind that only the other side may send.
    #[error("frame `{0}` came from the wrong side")]
    WrongDirection(&'static str),
    /// A kind that has its time, and this was not it.
    #[error("frame `{0}` came out of order")]
    OutOfOrder(&'static str),
    /// A length outside the kind's bounds.
    #[error("frame `{kind}` claims a length of {length}")]
    BadLength {
        /// The frame's kind.
        kind: &'static str,
        /// What its header says.
        length: u32,
    },
    /// More data than there was credit for.
    #[error("channel `{0}` sent more than its credit")]
    OverCredit(u32),
    /// A grant of nothing, or beyond the window.
    #[error("channel `{0}` granted an impossible credit")]
    BadCredit(u32),
    /// A channel that was never opened, or is over.
    #[error("channel `{0}` is not open")]
    UnknownChannel(u32),
    /// A number below one that was used before, or reserved.
    #[error("channel `{0}` cannot be opened: the number is used or reserved")]
    BadChannel(u32),
    /// More connections at once than allowed.
    #[error("more than {0} connections at once")]
    TooManyChannels(usize),
    /// A pong for no ping.
    #[error("a pong answers no ping")]
    StrayPong,
    /// A control frame that is not the JSON it should be.
    #[error("frame `{kind}` is malformed: {reason}")]
    BadJson {
        /// The frame's kind.
        kind: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// A number or text outside its range.
    #[error("field `{0}` is out of range")]
    OutOfRange(&'static str),
}

impl StreamError {
    /// Whether the runner broke the rules, which an honest one never does.
    pub(crate) const fn is_hostile(&self) -> bool {
        match self {
            Self::Closed
            | Self::NotReady(_)
            | Self::Silent(_)
            | Self::Read(_)
            | Self::NotStarted(_)
            | Self::NotIdle
            | Self::CommandTooLong { .. } => false,
            Self::UnknownKind(_)
            | Self::WrongDirection(_)
            | Self::OutOfOrder(_)
            | Self::BadLength { .. }
            | Self::OverCredit(_)
            | Self::BadCredit(_)
            | Self::UnknownChannel(_)
            | Self::BadChannel(_)
            | Self::TooManyChannels(_)
            | Self::StrayPong
            | Self::BadJson { .. }
            | Self::OutOfRange(_) => true,
        }
    }
}
