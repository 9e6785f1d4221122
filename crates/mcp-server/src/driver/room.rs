//! Makes room for what waits for clients: a message takes its bytes from the budget of all connections until it is
//! written. One that may be left out is, when there is no room; an answer becomes an error that says so.

use mcp_protocol::jsonrpc::{ErrorCode, ErrorObject, Outgoing, OutgoingFrame, RequestId};
use serde_json::json;

use crate::budget::{Budget, Charge};

/// A message as text, and the room that it takes.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) json: String,
    pub(super) charge: Charge,
    pub(super) is_answer: bool,
    /// The code, if it is one error (and not a batch).
    pub(super) error: Option<ErrorCode>,
}

/// Fits a message in; none if it may be left out and there is no room.
pub(super) fn fit(frame: OutgoingFrame, droppable: bool, budget: &Budget) -> Option<Fitted> {
    let answered = Answered::by(&frame);
    let (is_answer, error) = kind(&frame);
    let json = frame.into_json();
    if let Some(charge) = budget.take(json.len()) {
        return Some(Fitted {
            json,
            charge,
            is_answer,
            error,
        });
    }
    match answered {
        _ if droppable => None,
        // A question, an error, an acknowledgement: small, few, and waited for.
        Answered::Nothing => Some(Fitted {
            charge: budget.force(json.len()),
            json,
            is_answer,
            error,
        }),
        answered => Some(apology(&answered, json.len(), budget)),
    }
}

/// The requests whose results are in a frame.
#[derive(Debug)]
enum Answered {
    Nothing,
    One(RequestId),
    Several(Vec<RequestId>),
}

impl Answered {
    fn by(frame: &OutgoingFrame) -> Self {
        match frame {
            OutgoingFrame::Single(Outgoing::Result { id, .. }) => Self::One(id.clone()),
            OutgoingFrame::Batch(messages) => {
                let ids = messages.iter().filter_map(|message| match message {
                    Outgoing::Result { id, .. } => Some(id.clone()),
                    Outgoing::Error { id, .. } => id.clone(),
                    _ => None,
                });
                Self::Several(ids.collect())
            }
            _ => Self::Nothing,
        }
    }
}

fn kind(frame: &OutgoingFrame) -> (bool, Option<ErrorCode>) {
    match frame {
        OutgoingFrame::Single(Outgoing::Error { error, .. }) => (true, Some(error.code)),
        OutgoingFrame::Single(message) => (message.is_response(), None),
        _ => (true, None),
    }
}

/// What takes the place of an answer for which there is no room.
fn apology(answered: &Answered, bytes: usize, budget: &Budget) -> Fitted {
    let most = budget.most();
    tracing::warn!(bytes, most, "an answer was let go for want of room");
    let error = if bytes > most {
        let why = format!("the answer has {bytes} bytes, more than the {most} that may wait");
        ErrorObject::internal(why).with_data(json!({ "limit": most }))
    } else {
        let why = format!(
            "the answer was let go: with its {bytes} bytes, more than {most} would wait for clients to read them"
        );
        ErrorObject::busy(why, most)
    };
    let apologise = |id: &RequestId| Outgoing::Error {
        id: Some(id.clone()),
        error: error.clone(),
    };
    let frame = match answered {
        Answered::One(id) => OutgoingFrame::Single(apologise(id)),
        Answered::Several(ids) => OutgoingFrame::Batch(ids.iter().map(apologise).collect()),
        Answered::Nothing => OutgoingFrame::Batch(Vec::new()),
    };
    let (is_answer, error) = kind(&frame);
    let json = frame.into_json();
    Fitted {
        charge: budget.force(json.len()),
        json,
        is_answer,
        error,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::Map;

    use super::*;

    fn result(id: i64, bytes: usize) -> Outgoing {
        let result = Map::from_iter([("text".to_owned(), json!("x".repeat(bytes)))]);
        Outgoing::Result {
            id: id.into(),
            result,
        }
    }

    fn check(frame: OutgoingFrame, droppable: bool, used: usize, expected: &Expect) {
        let budget = Budget::new(1000);
        let _others = budget.take(used).unwrap();
        let fitted = fit(frame, droppable, &budget);
        let shown = fitted.as_ref().map_or_else(
            || "left out".to_owned(),
            |fitted| {
                assert_eq!(fitted.charge.bytes(), fitted.json.len());
                format!("{} {}", fitted.is_answer, fitted.json)
            },
        );
        expected.assert_eq(&shown);
        drop(fitted);
        assert_eq!(budget.used(), used, "all is given back");
    }

    #[test]
    fn what_finds_no_room_is_left_out_or_answered_for() {
        let told = || {
            OutgoingFrame::Single(Outgoing::Notification {
                method: "n",
                params: Map::new(),
            })
        };
        check(
            told(),
            true,
            0,
            &expect![[r#"false {"jsonrpc":"2.0","method":"n"}"#]],
        );
        check(told(), true, 1000, &expect!["left out"]);
        check(
            told(),
            false,
            1000,
            &expect![[r#"false {"jsonrpc":"2.0","method":"n"}"#]],
        );
        check(
            OutgoingFrame::Single(result(1, 1)),
            false,
            900,
            &expect![[r#"true {"id":1,"jsonrpc":"2.0","result":{"text":"x"}}"#]],
        );
        check(
            OutgoingFrame::Single(result(1, 100)),
            false,
            900,
            &expect![[
                r#"true {"error":{"code":-32603,"data":{"limit":1000,"reason":"busy","retryAfterSeconds":5,"retryable":true},"message":"the answer was let go: with its 145 bytes, more than 1000 would wait for clients to read them"},"id":1,"jsonrpc":"2.0"}"#
            ]],
        );
        check(
            OutgoingFrame::Single(result(1, 2000)),
            false,
            0,
            &expect![[
                r#"true {"error":{"code":-32603,"data":{"limit":1000},"message":"the answer has 2045 bytes, more than the 1000 that may wait"},"id":1,"jsonrpc":"2.0"}"#
            ]],
        );
        check(
            OutgoingFrame::Batch(vec![result(1, 1000), result(2, 0)]),
            false,
            0,
            &expect![[
                r#"true [{"error":{"code":-32603,"data":{"limit":1000},"message":"the answer has 1093 bytes, more than the 1000 that may wait"},"id":1,"jsonrpc":"2.0"},{"error":{"code":-32603,"data":{"limit":1000},"message":"the answer has 1093 bytes, more than the 1000 that may wait"},"id":2,"jsonrpc":"2.0"}]"#
            ]],
        );
    }
}
