//! What is kept of a task that has ended: its result, if it is not too large.

use std::io;

use mcp_protocol::jsonrpc::ErrorObject;
use serde_json::{Map, Value, json};

/// What came of a task.
pub(super) type Outcome = Result<Map<String, Value>, ErrorObject>;

/// The outcome to keep: an error that says so takes the place of a result of more than `limit` bytes of JSON.
pub(super) fn bounded(outcome: Outcome, limit: usize) -> Outcome {
    let result = outcome?;
    let mut size = Size(0);
    // Counting does not fail, and a map of JSON is JSON.
    let _ = serde_json::to_writer(&mut size, &result);
    if size.0 <= limit {
        return Ok(result);
    }
    let why = format!(
        "the result has {} bytes; a task keeps at most {limit}",
        size.0
    );
    Err(ErrorObject::internal(why).with_data(json!({ "limit": limit })))
}

/// Counts what is written.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_kept_up_to_its_limit() {
        let result = Map::from_iter([("a".to_owned(), json!("1234"))]);
        assert_eq!(bounded(Ok(result.clone()), 12), Ok(result.clone()));
        let error = bounded(Ok(result), 11).unwrap_err();
        assert_eq!(
            error.message,
            "the result has 12 bytes; a task keeps at most 11"
        );
        let error = ErrorObject::internal("a long story");
        assert_eq!(bounded(Err(error.clone()), 0), Err(error));
    }
}
