//! `execute-python`: one call is one run, told while it goes on and answered when it has ended.

use async_trait::async_trait;
use executor_core::gateway::NetworkPolicy;
use executor_core::{Event, Execution, Executor, ExecutorSettings, Outcome};
use mcp_protocol::tools::{self, CallToolResult};
use mcp_server::{CallContext, Tool, ToolError};
use serde_json::{Map, Value};

use crate::facts::{Facts, Reach};
use crate::ticker::Ticker;
use crate::{arguments, description, failure, render};

/// The tool `execute-python`: runs a program in a fresh sandbox and returns what it printed.
///
/// A program that fails, a wrong argument and a failure of ours are all results with `is_error`, each with the way out;
/// a failure of ours shows a reference id under which the log has the whole story. Dropping the future of a call
/// cancels the run: the program is killed and its sandbox destroyed.
#[derive(Debug)]
pub struct ExecutePython {
    executor: Executor,
    facts: Facts,
}

impl ExecutePython {
    /// The tool on this executor; its description and schema tell the executor's limits.
    #[must_use]
    pub fn new(executor: Executor) -> Self {
        let facts = facts(executor.settings());
        Self { executor, facts }
    }
}

#[async_trait]
impl Tool for ExecutePython {
    fn definition(&self) -> tools::Tool {
        description::definition(&self.facts)
    }

    async fn call(
        &self,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallToolResult, ToolError> {
        let request = match arguments::decode(&arguments, &self.facts) {
            Ok(request) => request,
            Err(mistakes) => return Ok(CallToolResult::error(mistakes)),
        };
        // The text of the program now lives in the request alone.
        drop(arguments);
        let execution = match self.executor.execute(request) {
            Ok(execution) => execution,
            Err(error) => return Ok(failure::result(&error)),
        };
        match follow(execution, &context).await {
            Some(outcome) => Ok(render::result(&outcome, &self.facts)),
            None => Err(ToolError::new("the run ended without an outcome")),
        }
    }
}

/// Tells the run's events as progress until its outcome is there.
async fn follow(mut execution: Execution, context: &CallContext) -> Option<Outcome> {
    let mut ticker = Ticker::default();
    while let Some(event) = execution.next().await {
        match event {
            Event::Ended(outcome) => return Some(*outcome),
            event => {
                if let Some(message) = ticker.message(&event) {
                    context.progress(message);
                }
            }
        }
    }
    None
}

fn facts(settings: &ExecutorSettings) -> Facts {
    Facts {
        timeout: settings.timeout,
        max_timeout: settings.max_timeout,
        memory: settings.limits.memory,
        reach: match &settings.network {
            NetworkPolicy::None => Reach::Nothing,
            NetworkPolicy::Public => Reach::Public,
            NetworkPolicy::Allow(rules) => Reach::Names(names(rules)),
            other => Reach::Policy(other.to_string()),
        },
    }
}

/// The first rules of an allow-list: a description is no place for hundreds.
fn names(rules: &[executor_core::gateway::AllowRule]) -> String {
    let mut names: Vec<String> = rules
        .iter()
        .take(SHOWN_RULES)
        .map(ToString::to_string)
        .collect();
    if rules.len() > SHOWN_RULES {
        names.push(format!("and {} more", rules.len() - SHOWN_RULES));
    }
    names.join(", ")
}

const SHOWN_RULES: usize = 12;
