//! Which received frames still wait for answers. A batch is answered at once, when its last answer is there.

use std::collections::HashMap;

use mcp_protocol::jsonrpc::{Outgoing, OutgoingFrame};

use super::{ExchangeId, Output};

/// The open exchanges. There are no more of them than calls in flight, besides the one that is being read.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    open: HashMap<ExchangeId, Open>,
}

#[derive(Debug)]
struct Open {
    /// Whether all its messages have been read.
    sealed: bool,
    /// How many answers are still to come.
    waiting: usize,
    /// The answers of a batch.
    collected: Option<Vec<Outgoing>>,
}

impl Exchanges {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn open(&mut self, exchange: ExchangeId) {
        self.open.insert(
            exchange,
            Open {
                sealed: false,
                waiting: 0,
                collected: None,
            },
        );
    }

    pub(super) fn open_batch(&mut self, exchange: ExchangeId) {
        let collected = Some(Vec::new());
        self.open.insert(
            exchange,
            Open {
                sealed: false,
                waiting: 0,
                collected,
            },
        );
    }

    /// Promises one answer.
    pub(super) fn expect_answer(&mut self, exchange: ExchangeId) {
        if let Some(open) = self.open.get_mut(&exchange) {
            open.waiting += 1;
        }
    }

    /// Keeps one promise.
    pub(super) fn answer(
        &mut self,
        exchange: ExchangeId,
        message: Outgoing,
        out: &mut Vec<Output>,
    ) {
        let Some(open) = self.open.get_mut(&exchange) else {
            return;
        };
        open.waiting = open.waiting.saturating_sub(1);
        match &mut open.collected {
            Some(collected) => collected.push(message),
            None => out.push(Output::answer(exchange, OutgoingFrame::Single(message))),
        }
        self.end_if_complete(exchange, out);
    }

    /// Takes one promise back: its request was cancelled.
    pub(super) fn unanswered(&mut self, exchange: ExchangeId, out: &mut Vec<Output>) {
        if let Some(open) = self.open.get_mut(&exchange) {
            open.waiting = open.waiting.saturating_sub(1);
        }
        self.end_if_complete(exchange, out);
    }

    /// Says that no further answers will be promised.
    pub(super) fn seal(&mut self, exchange: ExchangeId, out: &mut Vec<Output>) {
        if let Some(open) = self.open.get_mut(&exchange) {
            open.sealed = true;
        }
        self.end_if_complete(exchange, out);
    }

    pub(super) fn is_batch(&self, exchange: ExchangeId) -> bool {
        self.open
            .get(&exchange)
            .is_some_and(|open| open.collected.is_some())
    }

    fn end_if_complete(&mut self, exchange: ExchangeId, out: &mut Vec<Output>) {
        let complete = |open: &Open| open.sealed && open.waiting == 0;
        if !self.open.get(&exchange).is_some_and(complete) {
            return;
        }
        let answers = self.open.remove(&exchange).and_then(|open| open.collected);
        if let Some(answers) = answers.filter(|answers| !answers.is_empty()) {
            out.push(Output::answer(exchange, OutgoingFrame::Batch(answers)));
        }
        out.push(Output::Done { exchange });
    }
}
