//! The calls in flight: bounded, found by request id for a cancel and by call id for everything else.

use std::collections::HashMap;
use std::time::Instant;

use mcp_protocol::jsonrpc::{ErrorObject, RequestId};
use mcp_protocol::progress::{Progress, ProgressToken};

use super::progress::{Meter, Rate, Spacing};
use super::{CallId, Caller, ExchangeId};
use crate::ServerLimits;
use crate::context::Report;

/// The table of calls. A cancelled call keeps its place until its future is dropped, so that cancelling does not get
/// around the bound.
#[derive(Debug)]
pub(super) struct Calls {
    running: HashMap<CallId, Call>,
    /// The calls that can still be cancelled.
    by_request: HashMap<RequestId, CallId>,
    next: u64,
    capacity: usize,
    rate: Rate,
    log_rate: Rate,
}

#[derive(Debug)]
struct Call {
    /// `None` once it is cancelled.
    caller: Option<Caller>,
    meter: Option<Meter>,
    logs: Spacing,
}

impl Calls {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        Self {
            running: HashMap::new(),
            by_request: HashMap::new(),
            next: 0,
            capacity: limits.calls_per_connection,
            rate: Rate {
                burst: limits.progress_burst,
                interval: limits.progress_interval,
            },
            log_rate: Rate {
                burst: limits.log_burst,
                interval: limits.log_interval,
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// How often progress may be sent.
    pub(super) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes a place for a call.
    pub(super) fn start(
        &mut self,
        now: Instant,
        caller: Caller,
        token: Option<ProgressToken>,
    ) -> Result<CallId, ErrorObject> {
        if self.by_request.contains_key(&caller.id) {
            return Err(ErrorObject::invalid_request(format!(
                "a request with the id {} is still in flight",
                caller.id
            )));
        }
        if self.running.len() >= self.capacity {
            let why = format!(
                "busy: this connection has {} calls in flight, which is the most it may have",
                self.capacity
            );
            return Err(ErrorObject::busy(why, self.capacity));
        }
        self.next += 1;
        let call = CallId(self.next);
        self.by_request.insert(caller.id.clone(), call);
        let meter = token.map(|token| Meter::new(now, token));
        self.running.insert(
            call,
            Call {
                caller: Some(caller),
                meter,
                logs: Spacing::new(now),
            },
        );
        Ok(call)
    }

    /// Gives up a call by the id of its request; none if it has ended or never was.
    pub(super) fn cancel(&mut self, id: &RequestId) -> Option<(CallId, ExchangeId)> {
        let call = self.by_request.remove(id)?;
        let caller = self.running.get_mut(&call)?.give_up()?;
        Some((call, caller.exchange))
    }

    /// Gives up all calls, in the order in which they were started; says who waits for their answers.
    pub(super) fn give_up_all(&mut self) -> Vec<(CallId, Caller)> {
        self.by_request.clear();
        let mut given_up: Vec<_> = self
            .running
            .iter_mut()
            .filter_map(|(call, entry)| Some((*call, entry.give_up()?)))
            .collect();
        given_up.sort_unstable_by_key(|(call, _)| *call);
        given_up
    }

    /// Frees the place of a call; says who waits for its answer, if anybody does.
    pub(super) fn finish(&mut self, call: CallId) -> Option<Caller> {
        let caller = self.running.remove(&call)?.caller?;
        self.by_request.remove(&caller.id);
        Some(caller)
    }

    pub(super) fn caller(&self, call: CallId) -> Option<&Caller> {
        self.running.get(&call)?.caller.as_ref()
    }

    /// Takes in how far a call is; gives back what may be sent now.
    pub(super) fn progress(
        &mut self,
        now: Instant,
        call: CallId,
        report: Report,
    ) -> Option<Progress> {
        self.running
            .get_mut(&call)?
            .meter
            .as_mut()?
            .offer(now, self.rate, report)
    }

    /// Whether a call may log once more now.
    pub(super) fn may_log(&mut self, now: Instant, call: CallId) -> bool {
        let rate = self.log_rate;
        self.running
            .get_mut(&call)
            .is_some_and(|call| call.logs.admits(now, rate))
    }

    /// Whether a request of this id is in flight.
    pub(super) fn is_known(&self, id: &RequestId) -> bool {
        self.by_request.contains_key(id)
    }

    /// The progress that was held back and may be sent now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(CallId, Progress)> {
        let rate = self.rate;
        let mut due: Vec<_> = self
            .running
            .iter_mut()
            .filter_map(|(call, entry)| Some((*call, entry.meter.as_mut()?.due(now, rate)?)))
            .collect();
        due.sort_unstable_by_key(|(call, _)| *call);
        due
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let wakes = self
            .running
            .values()
            .filter_map(|call| call.meter.as_ref()?.wake_at(self.rate));
        wakes.min()
    }
}

impl Call {
    fn give_up(&mut self) -> Option<Caller> {
        self.meter = None;
        self.caller.take()
    }
}
