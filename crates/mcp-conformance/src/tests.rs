//! The documented texts of the fixtures: the suite lets some calls pass that only failed to find their tool.

use mcp_server::MemoryClient;
use serde_json::{Value, json};

use crate::server::server;

async fn legacy() -> MemoryClient {
    let mut client = server().in_memory();
    client.initialize("2025-11-25").await.unwrap();
    client
}

/// The parameters of a stateless request of a client that can do everything.
fn modern(mut params: Value) -> Value {
    let capabilities = json!({"elicitation": {}, "sampling": {}, "roots": {}});
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    params
}

#[tokio::test]
async fn tools_say_what_is_documented() {
    let mut client = legacy().await;
    for (tool, pointer, expected) in [
        (
            "test_simple_text",
            "/content/0/text",
            "This is a simple text response for testing.",
        ),
        ("test_image_content", "/content/0/mimeType", "image/png"),
        ("test_audio_content", "/content/0/mimeType", "audio/wav"),
        (
            "test_embedded_resource",
            "/content/0/resource/text",
            "This is an embedded resource content.",
        ),
        (
            "test_multiple_content_types",
            "/content/2/resource/text",
            r#"{"test":"data","value":123}"#,
        ),
        (
            "test_error_handling",
            "/content/0/text",
            "This tool intentionally returns an error for testing",
        ),
        (
            "test_tool_with_logging",
            "/content/0/text",
            "Tool with logging executed successfully",
        ),
    ] {
        let response = client
            .request("tools/call", &json!({"name": tool}))
            .await
            .unwrap();
        let found = response["result"].pointer(pointer);
        assert_eq!(found, Some(&expected.into()), "{tool}: {response}");
        let fails = tool == "test_error_handling";
        assert_eq!(response["result"]["isError"], fails, "{tool}");
    }
}

#[tokio::test]
async fn resources_and_prompts_say_what_is_documented() {
    let mut client = legacy().await;
    for (uri, member, expected) in [
        (
            "test://static-text",
            "text",
            "This is the content of the static text resource.",
        ),
        ("test://static-binary", "mimeType", "image/png"),
        (
            "test://template/123/data",
            "text",
            r#"{"data":"Data for ID: 123","id":"123","templateTest":true}"#,
        ),
    ] {
        let response = client
            .request("resources/read", &json!({"uri": uri}))
            .await
            .unwrap();
        assert_eq!(response["result"]["contents"][0][member], expected, "{uri}");
    }
    let missing = json!({"uri": "test://template//data"});
    let response = client.request("resources/read", &missing).await.unwrap();
    assert_eq!(response["error"]["code"], -32002);
    let filled = json!({"name": "test_prompt_with_arguments",
        "arguments": {"arg1": "hello", "arg2": "world"}});
    let response = client.request("prompts/get", &filled).await.unwrap();
    assert_eq!(
        response["result"]["messages"][0]["content"]["text"],
        "Prompt with arguments: arg1='hello', arg2='world'"
    );
}

#[tokio::test]
async fn one_function_asks_in_both_eras() {
    // Until 2025-11-25 the server sends a request, and the call waits.
    let mut client = server().in_memory();
    let opening = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "c", "version": "1"}});
    client.request("initialize", &opening).await.unwrap();
    let call = json!({"jsonrpc": "2.0", "id": "c", "method": "tools/call",
        "params": {"name": "test_input_required_result_elicitation"}});
    client.send(&call).await.unwrap();
    let asked = client.receive().await.unwrap();
    assert_eq!(asked["method"], "elicitation/create");
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"],
        "result": {"action": "accept", "content": {"name": "Ada"}}});
    client.send(&answer).await.unwrap();
    let answered = client.receive().await.unwrap();
    assert_eq!(answered["result"]["content"][0]["text"], "Hello, Ada!");

    // Since, the result asks, and the client comes again.
    let name = json!({"name": "test_input_required_result_elicitation"});
    let asked = client
        .request("tools/call", &modern(name.clone()))
        .await
        .unwrap();
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert_eq!(
        asked["result"]["inputRequests"]["user_name"]["method"],
        "elicitation/create"
    );
    let mut again = name;
    again["inputResponses"] =
        json!({"user_name": {"action": "accept", "content": {"name": "Ada"}}});
    let answered = client.request("tools/call", &modern(again)).await.unwrap();
    assert_eq!(answered["result"]["content"][0]["text"], "Hello, Ada!");
}
