//! Every post that was recorded from the real MCP extension: what the handler
//! answers, with names and tokens of its own put in.
//!
//! `handler_posts.jsonl` holds the trigger's texts and the other members of
//! `Data`; the functions of the recordings stand for ours.

use serde_json::{Value, json};

use super::{complaint, post};
use crate::rig::Rig;

const POSTS: &str = include_str!("handler_posts.jsonl");

/// The body of the post, as the host makes it of a trigger's text.
fn body(case: &Value, trigger: &str) -> String {
    let mut data = case["data"].as_object().cloned().unwrap_or_default();
    data.insert(
        "context".to_owned(),
        Value::from(trigger).to_string().into(),
    );
    json!({"Data": data, "Metadata": {"context": Value::from(trigger).to_string()}}).to_string()
}

/// The trigger's text with `token` in place of what was sent, or added. The
/// text is changed as text: numbers stay as they were written.
fn with_token(trigger: &str, token: &str) -> String {
    let read: Value = serde_json::from_str(trigger).unwrap();
    let sent = read.pointer("/transport/properties/headers/Authorization");
    match sent.and_then(Value::as_str) {
        Some(sent) => trigger.replace(sent, &format!("Bearer {token}")),
        None => trigger.replace(
            r#""headers":{"#,
            &format!(r#""headers":{{"AUTHORIZATION":"Bearer {token}","#),
        ),
    }
}

#[tokio::test]
async fn every_recorded_post_is_answered_as_the_token_and_the_arguments_deserve() {
    let rig = Rig::start().await;
    let token = rig.token("reader");
    let (mut calls, mut refused) = (0, 0);
    for line in POSTS.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let trigger = case["trigger"].as_str().unwrap();
        let read: Value = serde_json::from_str(trigger).unwrap();
        // Tokens of the recordings are nobody's.
        let answer = post(&rig, "whoami", body(&case, trigger)).await;
        let text = complaint(&answer);
        assert!(text.contains("Not let in"), "{trigger}: {text}");
        let sent = read.pointer("/transport/properties/headers/Authorization");
        assert_eq!(
            text.contains("no access token was sent"),
            sent.is_none(),
            "{text}"
        );

        let answer = post(&rig, "whoami", body(&case, &with_token(trigger, &token))).await;
        let nothing = read["arguments"]
            .as_object()
            .is_none_or(serde_json::Map::is_empty);
        if nothing {
            assert_eq!(answer["isError"], false, "{trigger}: {answer}");
            assert!(answer["structuredContent"]["roles"].is_array(), "{answer}");
            calls += 1;
        } else {
            let text = complaint(&answer);
            assert!(text.starts_with("Invalid arguments"), "{trigger}: {text}");
            refused += 1;
        }
    }
    assert_eq!(calls + refused, 66);
    assert!(calls > 20 && refused > 10, "{calls} {refused}");
}
