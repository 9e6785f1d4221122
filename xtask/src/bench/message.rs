//! What the clients of the measurements say, and what they take for an answer. The same for every server.

use std::io::Write as _;

use serde_json::{Value, json};

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// 2025-11-25: a handshake opens a session.
    Session,
    /// 2026-07-28: every message describes itself.
    Stateless,
}

impl Era {
    /// The name of its revision.
    pub(super) const fn revision(self) -> &'static str {
        match self {
            Self::Session => "2025-11-25",
            Self::Stateless => "2026-07-28",
        }
    }
}

/// What `echo` is told: letters of two alphabets, quotes and a line break, which all must come back.
const TEXT: &str = "The quick brown fox says “grüß dich”, \"twice\",\nand 0123456789 😀";

/// A request, but for its id.
#[derive(Debug)]
pub(super) struct Call {
    /// The method.
    pub(super) method: &'static str,
    /// What the method is about, where a header must say so.
    pub(super) name: Option<&'static str>,
    before: String,
    after: String,
    expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    /// Any result that is an object.
    Result,
    /// The text that was sent, as the one content.
    Text,
    /// A program that exited well, and printed this if it is said.
    Printed(Option<String>),
    /// The notification that says that the stream is open.
    Acknowledgement,
}

impl Call {
    /// What a client says first: `initialize`, or `server/discover`.
    pub(super) fn opening(era: Era) -> Self {
        match era {
            Era::Session => {
                let params = json!({
                    "protocolVersion": era.revision(),
                    "capabilities": {},
                    "clientInfo": { "name": "bench", "version": "1.0.0" },
                });
                Self::new(era, "initialize", None, params, Expected::Result)
            }
            Era::Stateless => Self::new(era, "server/discover", None, json!({}), Expected::Result),
        }
    }

    /// `ping`, which only sessions have.
    pub(super) fn ping() -> Self {
        Self::new(Era::Session, "ping", None, json!({}), Expected::Result)
    }

    /// A call of the tool.
    pub(super) fn echo(era: Era) -> Self {
        let params = json!({ "name": "echo", "arguments": { "text": TEXT } });
        Self::new(era, "tools/call", Some("echo"), params, Expected::Text)
    }

    /// Runs a program, with modules if there are any; it must print just this, if it is said.
    pub(super) fn run(program: &str, modules: &[&str], prints: Option<&str>) -> Self {
        let mut arguments = json!({ "code": program });
        if let (false, Some(arguments)) = (modules.is_empty(), arguments.as_object_mut()) {
            arguments.insert("modules".to_owned(), json!(modules));
        }
        let tool = "execute-python";
        let params = json!({ "name": tool, "arguments": arguments });
        let expected = Expected::Printed(prints.map(str::to_owned));
        Self::new(Era::Session, "tools/call", Some(tool), params, expected)
    }

    /// Opens a stream of changes, which only the stateless era has.
    pub(super) fn listen() -> Self {
        let params = json!({ "notifications": { "toolsListChanged": true } });
        let expected = Expected::Acknowledgement;
        Self::new(
            Era::Stateless,
            "subscriptions/listen",
            None,
            params,
            expected,
        )
    }

    fn new(
        era: Era,
        method: &'static str,
        name: Option<&'static str>,
        mut params: Value,
        expected: Expected,
    ) -> Self {
        if let (Era::Stateless, Some(params)) = (era, params.as_object_mut()) {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": era.revision(),
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1.0.0" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            params.insert("_meta".to_owned(), meta);
        }
        Self {
            method,
            name,
            before: r#"{"jsonrpc":"2.0","id":"#.to_owned(),
            after: format!(r#","method":"{method}","params":{params}}}"#),
            expected,
        }
    }

    /// Appends the request with an id, without a line break.
    pub(super) fn write(&self, id: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before.as_bytes());
        // Writing to memory cannot fail.
        let _ = write!(out, "{id}");
        out.extend_from_slice(self.after.as_bytes());
    }

    /// Whether a message is the right answer to the request with this id.
    pub(super) fn is_answered_by(&self, id: u64, message: &Value) -> bool {
        if self.expected == Expected::Acknowledgement {
            return text(message, "/method") == Some("notifications/subscriptions/acknowledged")
                && message.pointer("/params/notifications/toolsListChanged") == Some(&json!(true));
        }
        let answered = message.get("id").and_then(Value::as_u64) == Some(id)
            && message.get("result").is_some_and(Value::is_object);
        match &self.expected {
            Expected::Printed(prints) => {
                answered
                    && text(message, "/result/structuredContent/ending") == Some("exited")
                    && message.pointer("/result/structuredContent/exit_code") == Some(&json!(0))
                    && prints.as_deref().is_none_or(|prints| {
                        text(message, "/result/structuredContent/stdout") == Some(prints)
                    })
            }
            Expected::Text => {
                answered
                    && text(message, "/result/content/0/text") == Some(TEXT)
                    && message.pointer("/result/isError") != Some(&json!(true))
            }
            Expected::Result | Expected::Acknowledgement => answered,
        }
    }
}

/// What a client says after the handshake.
pub(super) const INITIALIZED: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// Counts answers that were not the right ones, and keeps the first.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    /// How many.
    pub(super) count: usize,
    /// The first, cut to a line.
    pub(super) first: Option<String>,
}

impl Wrong {
    /// Notes one.
    pub(super) fn note(&mut self, answer: &[u8]) {
        self.count += 1;
        self.first.get_or_insert_with(|| {
            let text = String::from_utf8_lossy(answer);
            text.chars().take(200).collect()
        });
    }
}

fn text<'m>(message: &'m Value, pointer: &str) -> Option<&'m str> {
    message.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_answer_is_one() {
        let check = |call: &Call, message: Value, right: bool| {
            assert_eq!(call.is_answered_by(7, &message), right, "{message}");
        };
        let ping = Call::ping();
        check(
            &ping,
            json!({"jsonrpc": "2.0", "id": 7, "result": {}}),
            true,
        );
        check(&ping, json!({"id": 8, "result": {}}), false);
        check(&ping, json!({"id": 7, "error": {"code": 1}}), false);
        let echo = Call::echo(Era::Session);
        let said = |text: &str, failed: bool| {
            let content = json!([{"type": "text", "text": text}]);
            json!({"id": 7, "result": {"content": content, "isError": failed}})
        };
        check(&echo, said(TEXT, false), true);
        check(&echo, said(TEXT, true), false);
        check(&echo, said("something else", false), false);
        check(&echo, json!({"id": 7, "result": {}}), false);
        let run = Call::run("print(2+2)", &[], Some("4\n"));
        let ran = |printed: &str, code: u32| {
            let structured = json!({"ending": "exited", "exit_code": code, "stdout": printed});
            json!({"id": 7, "result": {"content": [], "structuredContent": structured}})
        };
        check(&run, ran("4\n", 0), true);
        check(&run, ran("5\n", 0), false);
        check(&run, ran("4\n", 1), false);
        check(&run, json!({"id": 7, "result": {"content": []}}), false);
        let listen = Call::listen();
        check(&listen, json!({"id": 7, "result": {}}), false);
    }

    #[test]
    fn a_request_is_json_that_describes_itself_where_it_must() {
        for (call, envelope) in [
            (Call::ping(), false),
            (Call::echo(Era::Stateless), true),
            (Call::opening(Era::Stateless), true),
        ] {
            let mut bytes = Vec::new();
            call.write(7, &mut bytes);
            let message: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(message["id"], 7);
            assert_eq!(message["method"], call.method);
            assert_eq!(message["params"].get("_meta").is_some(), envelope);
        }
    }
}
