//! Cursors of lists: only what this server has given out, for that list, opens a page.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use mcp_protocol::jsonrpc::{Frame, Incoming, Outgoing, OutgoingFrame, Request, RequestId};
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::engine::{Channel, Engine, ExchangeId, Input, Output};
use mcp_server::{CallContext, Server, ServerLimits, Tool, ToolError, async_trait};
use serde_json::{Map, Value, json};

use super::{built, corpus};
use crate::target::{Breach, Tally, hold};

/// What tokens are made of.
pub(super) const WORDS: &[&[u8]] = &[b"A", b"_", b"-", b"=", b"+", b"/", b"AAAA", b"1", b"0"];

/// The key is fixed, so that an input means the same in every run.
pub(super) const KEY: [u8; 32] = *b"a key that is not secret at all.";

const LISTS: [&str; 2] = ["tools/list", "prompts/list"];

#[derive(Debug)]
struct Named(&'static str);

#[async_trait]
impl Tool for Named {
    fn definition(&self) -> tools::Tool {
        tools::Tool::new(
            self.0,
            Map::from_iter([("type".to_owned(), json!("object"))]),
        )
    }

    async fn call(
        &self,
        _: Map<String, Value>,
        _: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::default())
    }
}

/// A server whose list of tools has several pages.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut limits = ServerLimits::default();
        limits.page = 1;
        let names = ["a", "b", "c", "d"];
        let builder = Server::builder(Implementation::new("cursors", "1")).limits(limits);
        let builder = names
            .into_iter()
            .fold(builder, |builder, name| builder.tool(Arc::new(Named(name))));
        built(builder.seal_key(&KEY))
    })
}

/// Every cursor that the server gives out.
fn genuine() -> &'static [String] {
    static GENUINE: OnceLock<Vec<String>> = OnceLock::new();
    GENUINE.get_or_init(|| {
        let mut found: Vec<String> = Vec::new();
        while let Some(next) =
            page(found.last().map(String::as_str), "tools/list").and_then(Page::next)
        {
            found.push(next);
        }
        found
    })
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    genuine()
        .iter()
        .map(|cursor| cursor.clone().into_bytes())
        .collect()
}

/// A cursor is taken if, and only if, it is one of those; and by its own list alone.
pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    let cursor = String::from_utf8_lossy(input);
    let is_genuine = genuine().iter().any(|known| *known == cursor);
    let mut taken = false;
    for list in LISTS {
        let answer = page(Some(&cursor), list)
            .ok_or_else(|| Breach("a list without an answer".to_owned()))?;
        match answer.0 {
            Ok(_) => taken = true,
            Err(code) => hold(code == -32602 || code == -32601, || {
                format!("refused by {code}")
            })?,
        }
    }
    hold(taken == is_genuine, || {
        format!("`{cursor}` is genuine: {is_genuine}, taken: {taken}")
    })?;
    Ok(Tally::one(taken))
}

/// A page, or the code of its refusal.
struct Page(Result<Map<String, Value>, i64>);

impl Page {
    fn next(self) -> Option<String> {
        self.0.ok()?.get("nextCursor")?.as_str().map(str::to_owned)
    }
}

fn page(cursor: Option<&str>, list: &str) -> Option<Page> {
    let mut params = Map::from_iter([("_meta".to_owned(), corpus::meta())]);
    params.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor.into())));
    let request = Request::new(RequestId::from(1), list, params);
    let mut engine: Engine = server().engine(Channel::Exchange);
    let input = Input::Received {
        exchange: ExchangeId(1),
        frame: Ok(Frame::Single(Incoming::Request(request))),
    };
    let outputs = engine.step(Instant::now(), input);
    outputs.into_iter().find_map(|output| match output {
        Output::Send {
            frame: OutgoingFrame::Single(Outgoing::Result { result, .. }),
            ..
        } => Some(Page(Ok(result))),
        Output::Send {
            frame: OutgoingFrame::Single(Outgoing::Error { error, .. }),
            ..
        } => Some(Page(Err(i64::from(error.code.get())))),
        _ => None,
    })
}
