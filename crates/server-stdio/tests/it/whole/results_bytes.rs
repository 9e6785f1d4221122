//! Output that a text cannot show as it is: what is linked to has every byte of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::client::{Answer, Client, turn};

/// The bytes of a linked output.
async fn read(client: &mut Client, answer: &Answer, name: &str) -> Vec<u8> {
    let link = answer.content().iter().find(|block| block["name"] == name);
    let link = link.unwrap_or_else(|| panic!("no {name} in: {answer:?}"));
    let id = client
        .request("resources/read", json!({ "uri": link["uri"] }))
        .await;
    let read = client.answer(id).await;
    let contents = &read["result"]["contents"][0];
    match contents["blob"].as_str() {
        Some(blob) => BASE64.decode(blob).unwrap(),
        None => contents["text"].as_str().unwrap().as_bytes().to_vec(),
    }
}

#[tokio::test]
async fn every_byte_that_was_printed_can_be_read() {
    let Some(turn) = turn("every_byte_that_was_printed_can_be_read").await else {
        return;
    };
    let mut client = Client::start(&turn.engine, &[]).await;
    let code = "import sys
sys.stdout.buffer.write(bytes(range(256)))
sys.stderr.write('\\x1b[31mred\\u202e\\r\\n')";
    let answer = client.run(code).await;
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(read(&mut client, &answer, "stdout.txt").await, all);
    let stderr = "\u{1b}[31mred\u{202e}\r\n".as_bytes();
    assert_eq!(read(&mut client, &answer, "stderr.txt").await, stderr);
    assert_eq!(answer.field("invalid_utf8"), &json!(true));
    let text = answer.text();
    assert!(
        text.contains(r"\x00\x01") && text.contains(r"\x80"),
        "{text}"
    );

    // What is shown as it is needs no link.
    let answer = client.run("print('plain é\\t日本')").await;
    assert_eq!(answer.content().len(), 1, "{answer:?}");
    client.close().await;
}
