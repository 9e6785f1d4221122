//! Log messages for clients and their levels. Which of them are sent is the engine's business: a session sets its level
//! with `logging/setLevel`, a stateless request names it in its envelope.

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::jsonrpc::ErrorObject;

/// The method of the notification.
pub const METHOD: &str = "notifications/message";

/// How grave a log message is. Graver levels compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogLevel {
    /// For those who search a fault.
    Debug,
    /// What happens normally.
    Info,
    /// Normal, but worth a look.
    Notice,
    /// Something may go wrong.
    Warning,
    /// Something went wrong.
    Error,
    /// A part does not work.
    Critical,
    /// Somebody must act now.
    Alert,
    /// Nothing works.
    Emergency,
}

impl LogLevel {
    const ALL: [(&'static str, Self); 8] = [
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("notice", Self::Notice),
        ("warning", Self::Warning),
        ("error", Self::Error),
        ("critical", Self::Critical),
        ("alert", Self::Alert),
        ("emergency", Self::Emergency),
    ];

    /// Reads the exact wire name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, level)| level)
    }

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(_, level)| *level == self)
            .map_or("info", |(name, _)| name)
    }

    /// Reads the parameters of `logging/setLevel`.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` when `level` is missing or no known level.
    pub fn decode(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let params = Fields::new(params, "params");
        Self::parse(params.text("level")?)
            .ok_or_else(|| params.wrong("level", "must be a known log level"))
    }
}

/// One message. Nothing secret or personal belongs in it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogMessage {
    /// How grave it is.
    pub level: LogLevel,
    /// Which part of the server speaks.
    pub logger: Option<String>,
    /// What it says: any JSON.
    pub data: Value,
}

impl LogMessage {
    /// A message of no part in particular.
    pub fn new(level: LogLevel, data: impl Into<Value>) -> Self {
        Self {
            level,
            logger: None,
            data: data.into(),
        }
    }

    /// Says which part speaks.
    #[must_use]
    pub fn with_logger(mut self, logger: impl Into<String>) -> Self {
        self.logger = Some(logger.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_graver_compares_greater() {
        for pair in LogLevel::ALL.windows(2) {
            assert!(pair[0].1 < pair[1].1);
        }
        for (name, level) in LogLevel::ALL {
            assert_eq!(LogLevel::parse(name), Some(level));
            assert_eq!(level.as_str(), name);
        }
        assert_eq!(LogLevel::parse("loud"), None);
    }
}
