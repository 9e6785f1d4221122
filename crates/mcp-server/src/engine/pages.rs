//! Pages that a client was asked to have its user open: a call that needs one first, and the word that the user is done
//! there. The page itself, and who opens it, are the application's.

use std::collections::VecDeque;
use std::time::Instant;

use mcp_protocol::Revision;
use mcp_protocol::input::{self, InputRequest, PageDone, UrlRequest};
use mcp_protocol::jsonrpc::{ErrorObject, Outgoing};
use mcp_protocol::wire::ToWire as _;

use super::outcomes::failed;
use super::{Caller, Engine, ExchangeId, Output, Question};
use crate::{MAX_PAGES, MAX_QUESTIONS};

/// The pages that the client of one session knows of, by their ids; the newest [`MAX_PAGES`] of them.
#[derive(Debug, Default)]
pub(super) struct Pages {
    known: VecDeque<String>,
}

impl Pages {
    /// Remembers a page, so that its end can be told.
    pub(super) fn add(&mut self, id: &str) {
        self.known.retain(|known| known != id);
        if self.known.len() >= MAX_PAGES {
            self.known.pop_front();
        }
        self.known.push_back(id.to_owned());
    }

    /// Whether the client knows the page; forgets it.
    fn take(&mut self, id: &str) -> bool {
        let before = self.known.len();
        self.known.retain(|known| known != id);
        self.known.len() < before
    }
}

impl Engine {
    /// 2025-11-25, elicitation, "completion notifications": only to the client that was asked.
    pub(super) fn page_done(&mut self, id: &str, out: &mut Vec<Output>) {
        let Some(session) = &mut self.session else {
            return;
        };
        if session.pages.take(id) {
            let method = input::PAGE_DONE;
            let params = PageDone::new(id).to_wire(session.revision);
            let message = Outgoing::Notification { method, params };
            out.push(Output::notify(ExchangeId::NONE, message));
        }
    }

    /// Remembers a page that a session's client is asked to open; only 2025-11-25 has a word for its end.
    pub(super) fn page_asked(&mut self, page: &UrlRequest) {
        let session = self.session.as_mut();
        if let Some(session) = session.filter(|of| of.revision == Revision::V2025_11_25) {
            session.pages.add(&page.id);
        }
    }

    /// What is answered to a call that cannot be made before the user has been to some pages: an error of its own in
    /// 2025-11-25, the pages as a question in 2026-07-28, and before both what is told to a client that cannot be asked.
    pub(super) fn needs_pages(
        &mut self,
        now: Instant,
        caller: Caller,
        question: Question,
    ) -> Outgoing {
        let requests = &question.requests;
        if requests.is_empty() || requests.len() > MAX_QUESTIONS {
            let error = ErrorObject::internal("a tool asked for no page, or for too many at once");
            return failed(caller, error);
        }
        let refused = |one: &&InputRequest| !one.is_possible(&caller.capabilities, caller.revision);
        if let Some(impossible) = requests.values().find(refused) {
            let required = impossible.required();
            return self.incapable(caller, &required);
        }
        if caller.revision.is_modern() {
            return self.needs_input(now, &caller, requests, question.rounds);
        }
        let pages = question.requests.into_values();
        let pages: Vec<UrlRequest> = pages
            .filter_map(|request| match request {
                InputRequest::Url(page) => Some(page),
                _ => None,
            })
            .collect();
        for page in &pages {
            self.page_asked(page);
        }
        failed(caller, ErrorObject::url_elicitation_required(&pages))
    }
}
