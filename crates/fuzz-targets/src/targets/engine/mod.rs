//! An engine in conversation: whatever is said and whatever its calls do meanwhile, each request has at most one answer,
//! notifications have none, everything that is sent is a message, every exchange ends once, and its tables stay bounded.

mod ledger;
mod script;
mod server;

use std::time::{Duration, Instant};

use mcp_protocol::jsonrpc::decode;
use mcp_server::engine::{Channel, ExchangeId, Input};

use crate::target::{Breach, Tally};
use ledger::Ledger;
use script::Order;

pub(super) use script::{ORDERS, seeds};

/// Plays a conversation to its end.
pub(super) fn run(input: &[u8]) -> Result<Tally, Breach> {
    let mut lines = input
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .peekable();
    let channel = match lines.peek().map(|line| script::read(line)) {
        Some(Some((Order::Channel, 1))) => Channel::Session,
        Some(Some((Order::Channel, 2))) => Channel::Exchange,
        _ => Channel::Pipe,
    };
    let mut play = Play {
        engine: server::shared().engine(channel),
        now: Instant::now(),
        ledger: Ledger::new(),
        received: 0,
        tickets: 0,
        tally: Tally::default(),
    };
    for line in lines {
        match script::read(line) {
            Some((order, number)) => play.obey(order, number)?,
            None => play.receive(line)?,
        }
    }
    play.end()?;
    Ok(play.tally)
}

struct Play {
    engine: mcp_server::engine::Engine,
    now: Instant,
    ledger: Ledger,
    received: u64,
    tickets: u64,
    tally: Tally,
}

impl Play {
    fn receive(&mut self, line: &[u8]) -> Result<(), Breach> {
        self.received += 1;
        let exchange = ExchangeId(self.received);
        let frame = decode(line);
        self.ledger.receive(exchange, &frame);
        let readable = frame.is_ok();
        let refused = self.step(Input::Received { exchange, frame })?;
        self.tally.count(readable && !refused);
        Ok(())
    }

    /// Takes in one event; says whether anything was answered with an error.
    fn step(&mut self, input: Input) -> Result<bool, Breach> {
        let mut refused = false;
        for output in self.engine.step(self.now, input) {
            refused |= self.ledger.note(output)?;
        }
        // There are no tasks here, so nobody's is found.
        for exchange in self.ledger.take_watches() {
            let tasks = Vec::new();
            refused |= self.step(Input::Watched { exchange, tasks })?;
        }
        self.ledger.check_load(&self.engine)?;
        Ok(refused)
    }

    fn obey(&mut self, order: Order, number: u64) -> Result<(), Breach> {
        let call = self.ledger.nth_call(number);
        let input = match (order, call) {
            (Order::Later, _) => {
                self.now += Duration::from_millis(number.saturating_mul(50));
                return Ok(());
            }
            (Order::Wake, _) => Input::Wake,
            (Order::Change, _) => Input::Changed(server::change(number)),
            (Order::AllChanged, _) => Input::ChangedUnknown,
            (Order::EndSubscriptions, _) => Input::EndSubscriptions,
            (Order::Close, _) => {
                self.ledger.close();
                self.ledger.excuse();
                Input::Closed
            }
            (Order::Finish | Order::Fail | Order::Incapable, Some(call)) => {
                self.ledger.finish(call);
                let outcome = server::outcome(order, number);
                Input::Finished { call, outcome }
            }
            (Order::Progress | Order::Log | Order::Release, Some(call)) => {
                let told = server::told(order, number);
                Input::Told { call, told }
            }
            (Order::Ask, Some(call)) => {
                self.tickets += 1;
                let ticket = mcp_server::engine::Ticket(self.tickets);
                self.ledger.ask(call, ticket);
                Input::Ask {
                    call,
                    ticket,
                    request: server::question(number),
                }
            }
            (Order::Channel, _) | (_, None) => return Ok(()),
        };
        self.step(input).map(drop)
    }

    /// Everything comes to its end: the calls return, the peer goes, and nothing is left.
    fn end(&mut self) -> Result<(), Breach> {
        while let Some(call) = self.ledger.nth_call(0) {
            self.ledger.finish(call);
            let outcome = server::outcome(Order::Finish, 0);
            self.step(Input::Finished { call, outcome })?;
        }
        self.step(Input::EndSubscriptions)?;
        self.ledger.close();
        self.step(Input::Closed)?;
        self.ledger.check_end(&self.engine)
    }
}
