//! Runs a handler as a task, which ends with its handler, with a cancel, or with the server.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use mcp_protocol::Revision;
use mcp_protocol::jsonrpc::ErrorObject;
use mcp_protocol::lifecycle::Implementation;
use mcp_protocol::wire::{self, ToWire as _};
use serde_json::{Map, Value};

use super::calls::{Handling, report, report_panic};
use crate::ToolError;
use crate::engine::Product;
use crate::failure::Kind;
use crate::server::Shared;
use crate::tasks::Detachment;

/// The one revision that has tasks of this kind.
const REVISION: Revision = Revision::V2026_07_28;

pub(super) fn run(shared: &Arc<Shared>, handling: Handling, detachment: Arc<Detachment>) {
    let Some(task) = detachment.task().map(Arc::clone) else {
        return;
    };
    let stop = shared.stop.clone();
    let registry = Arc::clone(&shared.registry);
    shared.tasks.spawn(async move {
        detachment.adopt();
        tokio::select! {
            // A panic ends here, as it does at the boundary of a call.
            ended = AssertUnwindSafe(handling).catch_unwind() => task.finish(match ended {
                Ok(result) => outcome_of(result, registry.info()),
                Err(payload) => Err(report_panic(payload.as_ref())),
            }),
            () = task.cancelled() => {}
            () = stop.cancelled() => {}
        }
    });
}

/// A tool that failed has a result all the same; an error means that we failed. The result is the one that the call
/// would have been answered with, to its last member.
fn outcome_of(
    result: Result<Product, ToolError>,
    server: &Implementation,
) -> Result<Map<String, Value>, ErrorObject> {
    match result {
        Ok(Product::Called(result)) => {
            let result = result.to_wire(REVISION);
            Ok(wire::complete(result, REVISION, server, None))
        }
        Ok(_) => Err(ErrorObject::internal("only calls of tools become tasks")),
        Err(error) => Err(match error.kind() {
            Kind::Refused(error) => error.clone(),
            Kind::Incapable(required) => ErrorObject::missing_capability(required),
            Kind::Internal | Kind::Input(_) | Kind::Pages(_) => report(&error),
        }),
    }
}
