//! Lists and their pages. A cursor is a position that this server has authenticated, for one list and one principal.

use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::prompts::ListPromptsResult;
use mcp_protocol::tools::{self, ListToolsResult};
use mcp_protocol::wire::{Cache, ToWire};
use serde_json::{Map, Value};
use std::time::Duration;

use super::methods::{Answer, Answered};
use super::{Caller, Engine};

/// How long a client may keep a list of tools or prompts: it changes with the server's settings only, which a restart
/// may do.
const LIST_TTL: Duration = Duration::from_secs(5 * 60);

impl Engine {
    pub(super) fn list_tools(&self, caller: &Caller, params: &Map<String, Value>) -> Answered {
        let (page, next) = self.page("tools", &self.registry.tools(), params)?;
        let list = ListToolsResult::new(page).with_next_cursor(next);
        Ok(self.list(caller, &list))
    }

    pub(super) fn list_prompts(&self, caller: &Caller, params: &Map<String, Value>) -> Answered {
        let (page, next) = self.page("prompts", &self.registry.prompts(), params)?;
        Ok(self.list(caller, &ListPromptsResult::new(page, next)))
    }

    fn list(&self, caller: &Caller, list: &dyn ToWire) -> Answer {
        let cache = Cache::public(LIST_TTL);
        let body = list.to_wire(caller.revision);
        Answer::Now(self.complete(body, caller.revision, Some(cache)))
    }

    fn page<T: Clone>(
        &self,
        list: &str,
        items: &[&T],
        params: &Map<String, Value>,
    ) -> Result<(Vec<T>, Option<String>), ErrorObject> {
        let from = match self.position(list, params)? {
            None => 0,
            Some(position) => position.parse().map_err(|_| bad_cursor())?,
        };
        let rest = items.get(from..).ok_or_else(bad_cursor)?;
        let size = self.limits.page.max(1);
        let page: Vec<T> = rest.iter().take(size).map(|item| (*item).clone()).collect();
        let next = (rest.len() > size).then(|| self.cursor(list, &(from + size).to_string()));
        Ok((page, next))
    }

    /// The position that the cursor of a list request stands for.
    pub(super) fn position(
        &self,
        list: &str,
        params: &Map<String, Value>,
    ) -> Result<Option<String>, ErrorObject> {
        let Some(cursor) = tools::cursor(params)? else {
            return Ok(None);
        };
        let position = self.registry.seal().open(&self.list_purpose(list), cursor);
        let position = position.and_then(|bytes| String::from_utf8(bytes).ok());
        position.map(Some).ok_or_else(bad_cursor)
    }

    /// The cursor that stands for a position.
    pub(super) fn cursor(&self, list: &str, position: &str) -> String {
        let purpose = self.list_purpose(list);
        self.registry.seal().close(&purpose, position.as_bytes())
    }

    fn list_purpose(&self, list: &str) -> String {
        format!("cursor {list} {}", self.principal)
    }
}

fn bad_cursor() -> ErrorObject {
    ErrorObject::invalid_params("`params.cursor` is not a cursor of this list")
}
