//! Resources, prompts and proposals, compared to the letter in both eras.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::peer::{Era, Peer};

const ERAS: [Era; 2] = [Era::Session, Era::Stateless];

/// A picture of one red point, in base64.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVQI12P4z8AAAAMBAQAY3Y2wAAAAAElFTkSuQmCC";

/// What a list has under a member, as a set.
fn listed<'a>(list: &'a Value, of: &str, member: &str) -> BTreeSet<&'a str> {
    let items = list[of].as_array().unwrap().iter();
    items.map(|item| item[member].as_str().unwrap()).collect()
}

#[tokio::test]
async fn resources_are_as_documented() {
    let contents = [
        (
            "test://static-text",
            json!({"mimeType": "text/plain",
                "text": "This is the content of the static text resource."}),
        ),
        (
            "test://static-binary",
            json!({"mimeType": "image/png", "blob": PNG}),
        ),
        (
            "test://watched-resource",
            json!({"mimeType": "text/plain", "text": "Watched"}),
        ),
        (
            "test://template/123/data",
            json!({"mimeType": "application/json",
                "text": r#"{"data":"Data for ID: 123","id":"123","templateTest":true}"#}),
        ),
    ];
    for era in ERAS {
        let mut peer = Peer::start(era).await;
        let list = peer.request("resources/list", json!({})).await.unwrap();
        let mut unread = listed(&list, "resources", "uri");
        for (uri, expected) in &contents {
            let mut expected = expected.clone();
            expected["uri"] = (*uri).into();
            let read = peer.request("resources/read", json!({"uri": uri})).await;
            assert_eq!(read.unwrap()["contents"], json!([expected]), "{era:?}");
            unread.remove(uri);
        }
        assert!(unread.is_empty(), "nothing is known of {unread:?}");
        let templates = peer.request("resources/templates/list", json!({})).await;
        assert_eq!(
            listed(&templates.unwrap(), "resourceTemplates", "uriTemplate"),
            BTreeSet::from(["test://template/{id}/data"])
        );
        for missing in ["test://template//data", "test://nowhere"] {
            let read = peer.request("resources/read", json!({"uri": missing}));
            let code = match era {
                Era::Session => -32002,
                Era::Stateless => -32602,
            };
            let error = read.await.unwrap_err();
            assert_eq!(error["code"], code, "{era:?} {missing}");
            assert_eq!(error["data"]["uri"], missing);
        }
    }
}

#[tokio::test]
async fn prompts_are_as_documented() {
    let text = |text: &str| json!({"role": "user", "content": {"type": "text", "text": text}});
    let prompts = [
        (
            "test_simple_prompt",
            json!({}),
            json!([text("This is a simple prompt for testing.")]),
        ),
        (
            "test_prompt_with_arguments",
            json!({"arg1": "hello", "arg2": "world"}),
            json!([text("Prompt with arguments: arg1='hello', arg2='world'")]),
        ),
        (
            "test_prompt_with_embedded_resource",
            json!({"resourceUri": "test://example"}),
            json!([
                {"role": "user", "content": {"type": "resource", "resource": {
                    "uri": "test://example", "mimeType": "text/plain",
                    "text": "Embedded resource content for testing."}}},
                text("Please process the embedded resource above."),
            ]),
        ),
        (
            "test_prompt_with_image",
            json!({}),
            json!([
                {"role": "user", "content": {"type": "image", "data": PNG, "mimeType": "image/png"}},
                text("Please analyze the image above."),
            ]),
        ),
        (
            "test_input_required_result_prompt",
            json!({}),
            json!([text("Context: poetry")]),
        ),
    ];
    for era in ERAS {
        let mut peer = Peer::start(era).await;
        let list = peer.request("prompts/list", json!({})).await.unwrap();
        let mut unread = listed(&list, "prompts", "name");
        for (name, arguments, messages) in &prompts {
            let wanted = json!({"name": name, "arguments": arguments});
            let filled = peer.request("prompts/get", wanted).await;
            assert_eq!(filled.unwrap()["messages"], *messages, "{era:?} {name}");
            unread.remove(name);
        }
        assert!(unread.is_empty(), "nothing is known of {unread:?}");
    }
}

#[tokio::test]
async fn proposals_are_as_documented() {
    for era in ERAS {
        let mut peer = Peer::start(era).await;
        for (typed, values) in [("par", json!(["paris", "park", "party"])), ("x", json!([]))] {
            let wanted = json!({
                "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
                "argument": {"name": "arg1", "value": typed},
            });
            let proposed = peer.request("completion/complete", wanted).await.unwrap();
            assert_eq!(proposed["completion"]["values"], values, "{era:?}");
        }
    }
}
