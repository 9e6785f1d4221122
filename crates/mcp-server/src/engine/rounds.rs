//! The rounds of one call in 2026-07-28: the question goes out as the call's result, and the client repeats the request
//! with the answers. What was learnt so far travels through the client, authenticated and bound to the request.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_protocol::input::{InputRequest, Retry};
use mcp_protocol::jsonrpc::{ErrorObject, Outgoing};
use mcp_protocol::wire;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Caller, Engine};
use crate::MAX_STATE_BYTES;
use crate::context::Rounds;

/// The state of a call between its rounds. A wire form of its own.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// Until when it is good, in seconds of the calendar.
    until: u64,
    /// The answers so far.
    answers: BTreeMap<String, Value>,
    /// What the handler has kept.
    kept: Option<Value>,
}

/// What a request is, whichever round it is: the same for every repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest([u8; 32]);

/// What differs between the rounds of one request.
const OF_A_ROUND: [&str; 3] = ["_meta", "inputResponses", "requestState"];

impl Digest {
    /// 2026-07-28, multi-round-trip requests: state should be bound to the request it belongs to.
    pub(super) fn of(method: &str, params: &Map<String, Value>) -> Self {
        // Made for every call, whether it asks or not, so nothing is copied for it.
        let mut hash = Sha256::new();
        hash.update(method.as_bytes());
        hash.update([0]);
        for (name, value) in params {
            if OF_A_ROUND.contains(&name.as_str()) {
                continue;
            }
            // Neither a name nor a value can be mistaken for two: both are whole JSON texts. Writing to a hash cannot
            // fail.
            let _ = serde_json::to_writer(Feed(&mut hash), name);
            let _ = serde_json::to_writer(Feed(&mut hash), value);
        }
        Self(hash.finalize().into())
    }
}

/// A hash as something to write to.
struct Feed<'a>(&'a mut Sha256);

impl io::Write for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Engine {
    /// What the client brings back, checked.
    pub(super) fn resume(
        &self,
        now: Instant,
        digest: &Digest,
        params: &Map<String, Value>,
    ) -> Result<Rounds, ErrorObject> {
        let retry = Retry::decode(params)?;
        let mut given = retry.responses;
        let Some(token) = retry.state else {
            return Ok(Rounds {
                given,
                ..Rounds::default()
            });
        };
        let refused =
            || ErrorObject::invalid_params("`params.requestState` is not a state of this request");
        let payload = self.registry.seal().open(&self.purpose(digest), &token);
        let payload = payload.ok_or_else(refused)?;
        let state: State = serde_json::from_slice(&payload).map_err(|_| refused())?;
        if state.until < self.registry.unix_seconds(now) {
            return Err(ErrorObject::invalid_params(
                "`params.requestState` is too old: make the request again from its start",
            ));
        }
        // What was answered and authenticated stays as it is.
        given.extend(state.answers);
        Ok(Rounds {
            given,
            used: BTreeMap::new(),
            kept: state.kept,
        })
    }

    /// The result that asks for more; an error where none may be asked for.
    pub(super) fn needs_input(
        &self,
        now: Instant,
        caller: &Caller,
        requests: &BTreeMap<String, InputRequest>,
        rounds: Rounds,
    ) -> Outgoing {
        let id = caller.id.clone();
        match self.state(now, caller, rounds) {
            Ok(state) => Outgoing::Result {
                id,
                result: wire::input_required(
                    requests,
                    state,
                    caller.revision,
                    self.registry.info(),
                ),
            },
            Err(error) => Outgoing::Error {
                id: Some(id),
                error,
            },
        }
    }

    /// What the client is to bring back, if there is anything.
    fn state(
        &self,
        now: Instant,
        caller: &Caller,
        rounds: Rounds,
    ) -> Result<Option<String>, ErrorObject> {
        let Some(digest) = &caller.digest else {
            return Err(ErrorObject::internal("this request cannot ask for input"));
        };
        if rounds.used.is_empty() && rounds.kept.is_none() {
            return Ok(None);
        }
        let until = self.registry.unix_seconds(now);
        let state = State {
            until: until.saturating_add(self.limits.state_ttl.as_secs()),
            answers: rounds.used,
            kept: rounds.kept,
        };
        let payload = serde_json::to_vec(&state)
            .map_err(|_| ErrorObject::internal("the state could not be written"))?;
        if payload.len() > MAX_STATE_BYTES {
            return Err(ErrorObject::invalid_params(format!(
                "the answers so far are larger than {MAX_STATE_BYTES} bytes together, which is the most this server keeps"
            )));
        }
        let token = self.registry.seal().close(&self.purpose(digest), &payload);
        Ok(Some(token))
    }

    fn purpose(&self, digest: &Digest) -> String {
        let digest = URL_SAFE_NO_PAD.encode(digest.0);
        format!("state {digest} {}", self.principal)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(method: &str, params: &Value) -> Digest {
        Digest::of(method, params.as_object().unwrap())
    }

    #[test]
    fn a_request_is_the_same_in_all_its_rounds_and_no_other() {
        let first = of("tools/call", &json!({"name": "a", "arguments": {"n": 1}}));
        let later = json!({"name": "a", "arguments": {"n": 1}, "_meta": {"x": 1},
            "inputResponses": {"q": {}}, "requestState": "s"});
        assert_eq!(of("tools/call", &later), first);
        for (method, other) in [
            ("prompts/get", json!({"name": "a", "arguments": {"n": 1}})),
            ("tools/call", json!({"name": "b", "arguments": {"n": 1}})),
            ("tools/call", json!({"name": "a", "arguments": {"n": 2}})),
            (
                "tools/call",
                json!({"name": "a", "arguments": {"n": 1}, "more": 1}),
            ),
            ("tools/call", json!({"name": "a\"arguments\"{\"n\":1}"})),
        ] {
            assert_ne!(of(method, &other), first, "{method} {other}");
        }
    }
}
