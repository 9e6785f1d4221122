//! The tools. The suite lets some calls pass that only failed to find their tool, so each is called here, and its whole
//! content compared; a tool that no line of the table calls is a failure too.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::peer::{Era, Peer};

/// Where a fixture is called.
const BOTH: &[Era] = &[Era::Session, Era::Stateless];
const SESSION: &[Era] = &[Era::Session];
const STATELESS: &[Era] = &[Era::Stateless];

/// A picture of one red point, in base64.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVQI12P4z8AAAAMBAQAY3Y2wAAAAAElFTkSuQmCC";
/// The header of a sound.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// A tool, its arguments, where it is called, and what it answers.
struct Line(&'static str, Value, &'static [Era], Answer);

enum Answer {
    Text(&'static str),
    Content(Value),
    /// A result that says that the tool failed.
    Fails(&'static str),
    /// No result at all.
    Breaks(&'static str),
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn table() -> Vec<Line> {
    use Answer::{Breaks, Content, Fails, Text};
    let none = || json!({});
    let picture = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    vec![
        Line(
            "test_simple_text",
            none(),
            BOTH,
            Text("This is a simple text response for testing."),
        ),
        Line(
            "test_image_content",
            none(),
            BOTH,
            Content(json!([picture])),
        ),
        Line(
            "test_audio_content",
            none(),
            BOTH,
            Content(json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}])),
        ),
        Line(
            "test_embedded_resource",
            none(),
            BOTH,
            Content(json!([{"type": "resource", "resource": {
                "uri": "test://embedded-resource", "mimeType": "text/plain",
                "text": "This is an embedded resource content."}}])),
        ),
        Line(
            "test_multiple_content_types",
            none(),
            BOTH,
            Content(json!([
                {"type": "text", "text": "Multiple content types test:"},
                picture,
                {"type": "resource", "resource": {
                    "uri": "test://mixed-content-resource", "mimeType": "application/json",
                    "text": r#"{"test":"data","value":123}"#}},
            ])),
        ),
        Line(
            "test_error_handling",
            none(),
            BOTH,
            Fails("This tool intentionally returns an error for testing"),
        ),
        Line(
            "json_schema_2020_12_tool",
            json!({"name": "Ada", "phone": "1"}),
            BOTH,
            Text("JSON Schema 2020-12 tool called with: Ada"),
        ),
        Line(
            "test_custom_headers",
            json!({"region": "north"}),
            BOTH,
            Text("region: north"),
        ),
        Line(
            "test_tool_with_progress",
            none(),
            BOTH,
            Text("Tool with progress executed successfully"),
        ),
        Line(
            "test_tool_with_logging",
            none(),
            BOTH,
            Text("Tool with logging executed successfully"),
        ),
        Line(
            "test_logging_tool",
            none(),
            BOTH,
            Text("Tool with logging executed successfully"),
        ),
        Line(
            "test_reconnection",
            none(),
            BOTH,
            Text("Reconnection test completed successfully"),
        ),
        Line("test_trigger_tool_change", none(), BOTH, Text("announced")),
        Line(
            "test_trigger_prompt_change",
            none(),
            BOTH,
            Text("announced"),
        ),
        Line(
            "test_sampling",
            json!({"prompt": "The capital of France?"}),
            BOTH,
            Text("LLM response: Paris"),
        ),
        Line(
            "test_elicitation",
            json!({"message": "Who are you?"}),
            BOTH,
            Text(
                r#"User response: action=accept, content={"email":"ada@example.com","username":"ada"}"#,
            ),
        ),
        Line(
            "test_elicitation_sep1034_defaults",
            none(),
            BOTH,
            Text(r#"Elicitation completed: action=accept, content={"name":"Ada"}"#),
        ),
        Line(
            "test_elicitation_sep1330_enums",
            none(),
            BOTH,
            Text(r#"Elicitation completed: action=accept, content={"untitledSingle":"option1"}"#),
        ),
        Line(
            "test_streaming_elicitation",
            none(),
            BOTH,
            Text(r#"action=accept, content={"ok":true}"#),
        ),
        Line("test_missing_capability", none(), BOTH, Text("Paris")),
        Line(
            "test_input_required_result_elicitation",
            none(),
            BOTH,
            Text("Hello, Ada!"),
        ),
        Line(
            "test_input_required_result_sampling",
            none(),
            BOTH,
            Text("Paris"),
        ),
        Line(
            "test_input_required_result_list_roots",
            none(),
            BOTH,
            Text("Roots: file:///home/ada"),
        ),
        Line(
            "test_input_required_result_request_state",
            none(),
            BOTH,
            Text("state-ok"),
        ),
        Line(
            "test_input_required_result_tampered_state",
            none(),
            BOTH,
            Text("state-ok"),
        ),
        Line(
            "test_input_required_result_multiple_inputs",
            none(),
            BOTH,
            Text("3 answers"),
        ),
        Line(
            "test_input_required_result_multi_round",
            none(),
            BOTH,
            Text("Ada likes blue"),
        ),
        Line(
            "test_input_required_result_capabilities",
            none(),
            BOTH,
            Text("3 answers"),
        ),
        Line("greet", json!({"name": "Ada"}), BOTH, Text("Hello, Ada!")),
        Line(
            "slow_compute",
            json!({"seconds": 1, "label": "pi"}),
            BOTH,
            Text("computed pi"),
        ),
        Line(
            "failing_job",
            none(),
            STATELESS,
            Fails("this job always fails"),
        ),
        Line(
            "failing_job",
            none(),
            SESSION,
            Fails("this needs a capability that the client did not declare: `extensions`"),
        ),
        Line(
            "protocol_error_job",
            none(),
            BOTH,
            Breaks("this job always breaks"),
        ),
        Line(
            "confirm_delete",
            json!({"filename": "a.txt"}),
            BOTH,
            Text("a.txt: accept"),
        ),
        Line("multi_input", none(), BOTH, Text("2 answers")),
        Line("test_tool_with_task", none(), BOTH, Text("Hello, Ada!")),
    ]
}

async fn every_tool_says_what_is_documented(era: Era) {
    let mut peer = Peer::start(era).await;
    let listed = peer.request("tools/list", json!({})).await.unwrap();
    let listed = listed["tools"].as_array().unwrap().iter();
    let mut uncalled: BTreeSet<&str> = listed.map(|tool| tool["name"].as_str().unwrap()).collect();
    for Line(tool, arguments, eras, answer) in table() {
        if !eras.contains(&era) {
            continue;
        }
        uncalled.remove(tool);
        let call = json!({"name": tool, "arguments": arguments});
        let outcome = peer.request("tools/call", call).await;
        let (content, is_error) = match answer {
            Answer::Breaks(message) => {
                assert_eq!(outcome.unwrap_err()["message"], message, "{era:?} {tool}");
                continue;
            }
            Answer::Text(text) => (json!([{"type": "text", "text": text}]), false),
            Answer::Content(content) => (content, false),
            Answer::Fails(text) => (json!([{"type": "text", "text": text}]), true),
        };
        let result = outcome.unwrap_or_else(|error| panic!("{era:?} {tool}: {error}"));
        assert_eq!(result["content"], content, "{era:?} {tool}");
        assert_eq!(result["isError"], is_error, "{era:?} {tool}: {result}");
    }
    assert!(
        uncalled.is_empty(),
        "{era:?}: nothing is known of {uncalled:?}"
    );
}

#[tokio::test]
async fn every_tool_says_what_is_documented_in_a_session() {
    every_tool_says_what_is_documented(Era::Session).await;
}

#[tokio::test]
async fn every_tool_says_what_is_documented_without_one() {
    every_tool_says_what_is_documented(Era::Stateless).await;
}

#[tokio::test]
async fn without_arguments_at_all_is_without_arguments() {
    for era in BOTH {
        let mut peer = Peer::start(*era).await;
        let call = json!({"name": "test_simple_text"});
        let result = peer.request("tools/call", call).await.unwrap();
        assert_eq!(
            result["content"][0]["text"],
            "This is a simple text response for testing."
        );
    }
}

#[tokio::test]
async fn what_is_told_on_the_way_is_documented() {
    for era in BOTH {
        let mut peer = Peer::start(*era).await;
        let call = json!({"name": "test_tool_with_progress"});
        peer.request("tools/call", call).await.unwrap();
        let told: Vec<_> = peer.notes.iter().map(|note| &note["params"]).collect();
        let numbers: Vec<_> = told
            .iter()
            .map(|params| (params["progress"].as_u64(), params["total"].as_u64()))
            .collect();
        let of_hundred = |done| (Some(done), Some(100));
        assert_eq!(numbers, [of_hundred(0), of_hundred(50), of_hundred(100)]);
        let token = &told[0]["progressToken"];
        assert!(
            token.is_u64() && told.iter().all(|params| params["progressToken"] == *token),
            "{told:?}"
        );

        let call = json!({"name": "test_tool_with_logging"});
        peer.request("tools/call", call).await.unwrap();
        let logged: Vec<_> = peer
            .notes
            .iter()
            .map(|note| (&note["params"]["level"], &note["params"]["data"]))
            .collect();
        let info = json!("info");
        let texts = [
            "Tool execution started",
            "Tool processing data",
            "Tool execution completed",
        ]
        .map(Value::from);
        let expected: Vec<_> = texts.iter().map(|text| (&info, text)).collect();
        assert_eq!(logged, expected, "{era:?}");
    }
}
