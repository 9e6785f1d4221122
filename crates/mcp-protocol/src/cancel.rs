//! `notifications/cancelled`: the wish that a request be stopped.

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::jsonrpc::{ErrorObject, RequestId};

/// The method of the notification.
pub const METHOD: &str = "notifications/cancelled";

/// The parameters of the notification.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cancelled {
    /// Which request.
    pub request_id: RequestId,
    /// Why, for the log.
    pub reason: Option<String>,
}

impl Cancelled {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// `INVALID_PARAMS` when no request is named; such a notification is to be ignored.
    pub fn decode(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let fields = Fields::new(params, "params");
        let id = fields
            .get("requestId")
            .ok_or_else(|| fields.missing("requestId"))?;
        Ok(Self {
            request_id: RequestId::from_value(id).map_err(|why| fields.wrong("requestId", why))?,
            reason: fields
                .optional_text("reason")
                .ok()
                .flatten()
                .map(str::to_owned),
        })
    }
}
