//! Tools that ask their client for something, in both eras from one function each.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_protocol::input::{InputAnswer, InputRequest};
use mcp_protocol::tools::CallToolResult;
use mcp_server::{CallContext, Tool, ToolError};
use serde_json::{Value, json};

use crate::content::said;
use crate::fixture::{Arguments, Outcome, plain, text, with_schema};
use crate::schemas;

/// All of them.
pub(crate) fn tools() -> Vec<Arc<dyn Tool>> {
    [direct(), rounds()].concat()
}

/// Those of the revisions in which a server sends requests.
fn direct() -> Vec<Arc<dyn Tool>> {
    vec![
        with_schema(
            "test_sampling",
            "Asks the client's model",
            &json!({"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}),
            |arguments: Arguments, context: CallContext| async move {
                let request = InputRequest::sample(text(&arguments, "prompt"), 100);
                let answer = context.ask("answer", request).await?;
                said(format!("LLM response: {}", sampled(&answer)))
            },
        ),
        with_schema(
            "test_elicitation",
            "Asks the user",
            &json!({"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}),
            |arguments: Arguments, context: CallContext| async move {
                let request = InputRequest::form(text(&arguments, "message"), schemas::user());
                let answer = context.ask("answer", request).await?;
                said(format!("User response: {}", elicited(&answer)))
            },
        ),
        plain(
            "test_elicitation_sep1034_defaults",
            "Asks the user, with defaults",
            |_, context: CallContext| async move {
                let request = InputRequest::form("Please review", schemas::defaults());
                let answer = context.ask("answer", request).await?;
                said(format!("Elicitation completed: {}", elicited(&answer)))
            },
        ),
        plain(
            "test_elicitation_sep1330_enums",
            "Asks the user to choose",
            |_, context: CallContext| async move {
                let request = InputRequest::form("Please choose", schemas::choices());
                let answer = context.ask("answer", request).await?;
                said(format!("Elicitation completed: {}", elicited(&answer)))
            },
        ),
        plain(
            "test_streaming_elicitation",
            "Tells something, then asks the user",
            |_, context: CallContext| async move {
                context.progress("about to ask");
                let request =
                    InputRequest::form("Please confirm", schemas::one_field("ok", "boolean"));
                let answer = context.ask("confirm", request).await?;
                said(elicited(&answer))
            },
        ),
        plain(
            "test_missing_capability",
            "Needs a client that can sample",
            |_, context: CallContext| async move {
                let request = InputRequest::sample("Are you there?", 10);
                let answer = context.ask("answer", request).await?;
                said(sampled(&answer))
            },
        ),
    ]
}

/// Those of the revision in which a result asks.
fn rounds() -> Vec<Arc<dyn Tool>> {
    vec![
        plain(
            "test_input_required_result_elicitation",
            "Asks for a name",
            |_, context: CallContext| async move {
                let answer = context.ask("user_name", name()).await?;
                said(format!("Hello, {}!", field(&answer, "name")))
            },
        ),
        plain(
            "test_input_required_result_sampling",
            "Asks the client's model",
            |_, context: CallContext| async move {
                let request = InputRequest::sample("What is the capital of France?", 100);
                let answer = context.ask("capital_question", request).await?;
                said(sampled(&answer))
            },
        ),
        plain(
            "test_input_required_result_list_roots",
            "Asks for the client's roots",
            |_, context: CallContext| async move {
                let answer = context.ask("client_roots", InputRequest::Roots).await?;
                said(format!("Roots: {}", roots(&answer)))
            },
        ),
        plain(
            "test_input_required_result_request_state",
            "Keeps something",
            stateful,
        ),
        plain(
            "test_input_required_result_tampered_state",
            "Keeps something",
            stateful,
        ),
        plain(
            "test_input_required_result_multiple_inputs",
            "Asks for several things at once",
            |_, context: CallContext| async move {
                context.keep(json!("all at once"));
                let answers = context
                    .ask_all(BTreeMap::from([
                        ("user_name".to_owned(), name()),
                        (
                            "greeting".to_owned(),
                            InputRequest::sample("Generate a greeting", 50),
                        ),
                        ("client_roots".to_owned(), InputRequest::Roots),
                    ]))
                    .await?;
                said(format!("{} answers", answers.len()))
            },
        ),
        plain(
            "test_input_required_result_multi_round",
            "Asks twice",
            |_, context: CallContext| async move {
                context.keep(json!(1));
                let request = InputRequest::form(
                    "Step 1: What is your name?",
                    schemas::one_field("name", "string"),
                );
                let name = context.ask("step1", request).await?;
                context.keep(json!(2));
                let request = InputRequest::form(
                    "Step 2: What is your favorite color?",
                    schemas::one_field("color", "string"),
                );
                let color = context.ask("step2", request).await?;
                said(format!(
                    "{} likes {}",
                    field(&name, "name"),
                    field(&color, "color")
                ))
            },
        ),
        plain(
            "test_input_required_result_capabilities",
            "Asks for what the client can answer",
            |_, context: CallContext| async move {
                let all = [
                    ("user_name", name()),
                    ("greeting", InputRequest::sample("Generate a greeting", 50)),
                    ("client_roots", InputRequest::Roots),
                ];
                let possible = all
                    .into_iter()
                    .filter(|(_, request)| context.can_ask(request))
                    .map(|(key, request)| (key.to_owned(), request))
                    .collect();
                let answers = context.ask_all(possible).await?;
                said(format!("{} answers", answers.len()))
            },
        ),
    ]
}

/// Asks for a confirmation, and looks whether what it kept has come back.
async fn stateful(_: Arguments, context: CallContext) -> Outcome {
    let kept = context.kept();
    context.keep(json!("kept"));
    let request = InputRequest::form("Please confirm", schemas::one_field("ok", "boolean"));
    context.ask("confirm", request).await?;
    if kept == Some(json!("kept")) || !context.revision().is_modern() {
        said("state-ok")
    } else {
        Ok::<_, ToolError>(CallToolResult::error("the state was lost"))
    }
}

fn name() -> InputRequest {
    InputRequest::form("What is your name?", schemas::one_field("name", "string"))
}

fn elicited(answer: &InputAnswer) -> String {
    answer.as_elicited().map_or_else(String::new, |answer| {
        format!(
            "action={}, content={}",
            answer.action.as_str(),
            Value::Object(answer.content.clone())
        )
    })
}

fn field(answer: &InputAnswer, name: &str) -> String {
    let content = answer.as_elicited().map(|answer| &answer.content);
    content.map_or_else(String::new, |content| text(content, name))
}

fn sampled(answer: &InputAnswer) -> String {
    let sampled = answer.as_sampled();
    sampled.map_or_else(String::new, |sampled| sampled.text.clone())
}

fn roots(answer: &InputAnswer) -> String {
    let roots = answer.as_roots().unwrap_or_default();
    let uris: Vec<&str> = roots.iter().map(|root| root.uri.as_str()).collect();
    uris.join(", ")
}
