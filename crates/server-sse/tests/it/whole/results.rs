//! What results link to, read over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::server::{Server, answer, turn};

/// All bytes on standard output, and what a terminal would take for orders on standard error.
const CODE: &str = "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 3)\nsys.stderr.write('\\x1b[2J\\u202e')";

#[tokio::test]
async fn bytes_that_are_no_text_are_read_as_they_were_printed() {
    let what = "bytes_that_are_no_text_are_read_as_they_were_printed";
    let Some(turn) = turn(what).await else { return };
    let server = Server::start(&turn.engine, &[]).await;
    let session = server.open_session().await;
    let ask = async |method: &str, params: Value| {
        let request = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let response = server.session_post(Some(&session), &request).send().await;
        answer(response.unwrap()).await
    };
    let params = json!({ "name": "execute-python", "arguments": { "code": CODE } });
    let called = ask("tools/call", params).await;
    let linked = |name: &str| {
        let content = called["result"]["content"].as_array().unwrap();
        let link = content.iter().find(|block| block["name"] == name);
        link.unwrap_or_else(|| panic!("no {name} in: {called}"))["uri"].clone()
    };
    let (stdout, stderr) = (linked("stdout.txt"), linked("stderr.txt"));
    let read = ask("resources/read", json!({ "uri": stdout })).await;
    let blob = read["result"]["contents"][0]["blob"].as_str();
    let bytes = BASE64
        .decode(blob.unwrap_or_else(|| panic!("{read}")))
        .unwrap();
    assert_eq!(bytes, (0..=255).collect::<Vec<u8>>().repeat(3));
    let read = ask("resources/read", json!({ "uri": stderr })).await;
    assert_eq!(
        read["result"]["contents"][0]["text"], "\u{1b}[2J\u{202e}",
        "{read}"
    );

    // A session ends, and what its calls left is there for the same caller: by another session, or without one.
    let another = server.open_session().await;
    let params = json!({ "uri": stdout });
    let request =
        json!({ "jsonrpc": "2.0", "id": 8, "method": "resources/read", "params": params });
    let response = server.session_post(Some(&another), &request).send().await;
    let read = answer(response.unwrap()).await;
    assert_eq!(read["result"]["contents"][0]["uri"], stdout, "{read}");
    let absent = stdout.as_str().unwrap().replace("stdout", "stdin");
    let read = ask("resources/read", json!({ "uri": absent })).await;
    assert_eq!(read["error"]["code"], -32002, "{read}");
    assert!(server.stop().await);
}
