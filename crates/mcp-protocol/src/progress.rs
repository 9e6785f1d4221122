//! `notifications/progress`: how far a request is. How often it is sent is the engine's business.

use serde_json::Value;

use crate::jsonrpc::Scalar;

/// The method of the notification.
pub const METHOD: &str = "notifications/progress";

/// What a client chose to recognise the progress of one request by; echoed with its type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProgressToken(Scalar);

impl ProgressToken {
    pub(crate) fn from_value(value: &Value) -> Result<Self, &'static str> {
        Scalar::from_value(value).map(Self)
    }

    /// The token as it stood in the request.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

/// The parameters of the notification.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Which request it is about.
    pub token: ProgressToken,
    /// Grows with each notification of a request; without a total it merely counts them.
    pub progress: u64,
    /// Where it will end, where that is known.
    pub total: Option<u64>,
    /// What happens, for people. Not in 2024-11-05.
    pub message: Option<String>,
}

impl Progress {
    /// The `progress`-th notification of a request.
    #[must_use]
    pub const fn new(token: ProgressToken, progress: u64, message: Option<String>) -> Self {
        Self {
            token,
            progress,
            total: None,
            message,
        }
    }

    /// Adds where it will end.
    #[must_use]
    pub const fn with_total(mut self, total: Option<u64>) -> Self {
        self.total = total;
        self
    }
}
