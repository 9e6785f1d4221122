//! How a fixture asks: the same function in both eras, message by message. What all of them answer is in `tests/it`.

use serde_json::{Value, json};

use crate::server::server;

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
async fn one_function_asks_in_both_eras() {
    // Until 2025-11-25 the server sends a request, and the call waits.
    let mut client = server().unwrap().in_memory();
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
