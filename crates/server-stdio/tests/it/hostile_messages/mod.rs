//! What hostile or clumsy clients say, to the real binary. Each test names the rows of the attack catalogue that it is
//! for (C01 and so on); a message of an attack is followed by an honest one, which must be answered as ever.

mod calls;
mod cancels;
mod shapes;
mod sizes;

use serde_json::{Value, json};

use crate::program::{Program, Running, stderr, stdout};

/// A running server, a session with it, and all that it has said.
struct Peer {
    server: Running,
    last: u32,
}

impl Peer {
    /// A server without an engine, in a session of this revision.
    fn open(revision: &str) -> Self {
        let mut peer = Self::silent();
        let params = json!({"protocolVersion": revision, "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}});
        let answer = peer.ask("initialize", &params);
        assert_eq!(answer["result"]["protocolVersion"], revision, "{answer}");
        peer
    }

    /// A server without an engine, to which nothing has been said.
    fn silent() -> Self {
        Self {
            server: Program::without_engine(&[]).start(),
            last: 1_000_000,
        }
    }

    fn say(&mut self, line: &str) {
        self.server.send(line);
    }

    /// Sends bytes as they are.
    fn say_bytes(&mut self, bytes: &[u8]) {
        use std::io::Write as _;
        let stdin = self.server.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
    }

    /// The next message.
    fn hear(&self) -> Value {
        let line = self.server.line();
        let message: Value = serde_json::from_str(&line).expect(&line);
        assert!(
            message.is_array() || message["jsonrpc"] == "2.0",
            "no message: {line:.300}"
        );
        message
    }

    /// Asks an honest question and gives the next message, which must be its answer: nothing else was owed.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.say(&request.to_string());
        let answer = self.hear();
        assert_eq!(
            answer["id"], id,
            "an answer that nobody waits for: {answer:.300}"
        );
        answer
    }

    fn is_well(&mut self) {
        assert_eq!(self.ask("ping", &json!({}))["result"], json!({}));
    }

    /// Says a line that must be refused by one error, and then that all is well.
    fn refused(&mut self, line: &[u8], code: i64) -> Value {
        self.say_bytes(line);
        self.say_bytes(b"\n");
        let answer = self.hear();
        let shown = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        assert_eq!(answer["error"]["code"], code, "{shown}: {answer:.300}");
        let text = answer["error"]["message"].as_str().unwrap();
        assert!(text.len() < 2000, "{} bytes for {shown}", text.len());
        self.is_well();
        answer
    }

    /// Says a line to which nothing is said.
    fn ignored(&mut self, line: &[u8]) {
        self.say_bytes(line);
        self.say_bytes(b"\n");
        self.is_well();
    }

    /// Calls the tool, and gives the text of its result and whether it is an error.
    fn call(&mut self, arguments: &Value) -> (String, bool) {
        let params = json!({"name": "execute-python", "arguments": arguments});
        let answer = self.ask("tools/call", &params);
        let text = answer["result"]["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("no result: {answer:.500}"));
        (text.to_owned(), answer["result"]["isError"] == true)
    }

    /// Closes the input, and gives the log; the server must end well.
    fn close(mut self) -> String {
        drop(self.server.stdin.take());
        let output = self.server.finish();
        assert_eq!(output.status.code(), Some(0), "{:.2000}", stderr(&output));
        for line in stdout(&output).lines() {
            let message: Value = serde_json::from_str(line).expect(line);
            assert!(
                message.is_array() || message["jsonrpc"] == "2.0",
                "{line:.300}"
            );
        }
        stderr(&output)
    }
}
