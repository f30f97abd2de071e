use reqwest::Method;
use serde_json::{Value, json};

use super::{Bench, at_endpoint, code, text_of, to};

const RESPONSES: &str = "openai/v1/responses";

/// A request for the assistant with more members.
fn with(more: &Value) -> Value {
    let mut body = to("assistant", "hi");
    body["stream"] = json!(false);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn parameters_that_the_api_does_not_take_are_refused_by_name() {
    let bench = Bench::with_users(&["reader"]).await;
    let pairs: serde_json::Map<_, _> = (0..17).map(|n| (n.to_string(), json!(""))).collect();
    let item = |item: Value| json!({"input": [item]});
    for (more, expected, param) in [
        (json!({"agent": {}}), "unknown_parameter", "agent"),
        (json!({"stream": "yes"}), "invalid_type", "stream"),
        (json!({"input": []}), "missing_required_parameter", "input"),
        (
            item(json!({"role": "user", "content": "x", "token": "y"})),
            "unknown_parameter",
            "input[0].token",
        ),
        (
            item(json!({"type": "mystery"})),
            "invalid_value",
            "input[0].type",
        ),
        (
            item(json!({"role": "root", "content": "x"})),
            "invalid_value",
            "input[0].role",
        ),
        (
            item(json!({"type": "mcp_approval_response", "approval_request_id": "x"})),
            "invalid_value",
            "input[0].approve",
        ),
        (json!({"metadata": {"a": 1}}), "invalid_value", "metadata"),
        (json!({"metadata": pairs}), "invalid_value", "metadata"),
        (
            json!({"metadata": {"a": "x".repeat(513)}}),
            "invalid_value",
            "metadata",
        ),
        (json!({"model": "local-model"}), "invalid_payload", "model"),
        (
            json!({"conversation": "a", "previous_response_id": "b"}),
            "mutually_exclusive_parameters",
            "previous_response_id",
        ),
    ] {
        let (status, answer) = bench.post("reader", RESPONSES, with(&more)).await;
        let seen = (status, code(&answer), answer["error"]["param"].as_str());
        assert_eq!(seen, (400, expected, Some(param)));
    }
}

#[tokio::test]
async fn what_a_request_names_must_exist() {
    let bench = Bench::with_users(&["reader"]).await;
    let version = json!({"agent_reference":
        {"type": "agent_reference", "name": "assistant", "version": "9"}});
    for (body, status) in [
        (with(&json!({})), 200),
        (with(&json!({"conversation": "conv_x"})), 404),
        (with(&json!({"previous_response_id": "resp_x"})), 400),
        (with(&version), 404),
        (to("nobody", "hi"), 404),
        (json!({"input": "hi"}), 400),
        (json!({"input": "hi", "model": "unknown"}), 404),
        (json!({"input": "hi", "model": "local-model"}), 200),
    ] {
        let answer = bench.post("reader", RESPONSES, body.clone()).await;
        assert_eq!(answer.0, status, "{body}");
    }
    let endpoint = at_endpoint("assistant", "responses");
    let answer = bench.post("reader", &endpoint, with(&json!({}))).await;
    assert_eq!(answer.0, 400, "an agent reference at an agent's endpoint");
    let unknown = at_endpoint("nobody", "responses");
    let answer = bench.post("reader", &unknown, json!({"input": "hi"})).await;
    assert_eq!(answer.0, 404);
}

#[tokio::test]
async fn a_conversation_remembers_and_is_not_fenced_on_the_project_route() {
    let bench = Bench::with_users(&["reader", "writer"]).await;
    let metadata = json!({"metadata": {"a": "b"}});
    let (_, made) = bench
        .post("reader", "openai/v1/conversations", metadata)
        .await;
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("conv_"));
    for turn in 1..=2 {
        let mut body = to("assistant", "hi");
        body["conversation"] = json!(id);
        let (events, _) = bench.stream("reader", "openai/v1/responses", body).await;
        assert!(text_of(&events).starts_with(&format!("Turn {turn}:")));
    }
    let path = format!("openai/v1/conversations/{id}");
    let (status, seen) = bench.get("writer", &path).await;
    assert_eq!((status, &seen["metadata"]["a"]), (200, &json!("b")));
    let (_, items) = bench
        .get("writer", &format!("{path}/items?order=asc"))
        .await;
    assert_eq!(items["data"].as_array().unwrap().len(), 4);
    assert_eq!(items["data"][0]["content"][0]["text"], "hi");
    assert_eq!(items["data"][1]["role"], "assistant");
    let added = json!({"items": [{"role": "user", "content": "more"}]});
    let answer = bench.post("reader", &format!("{path}/items"), added).await;
    assert_eq!(answer.0, 200);
    let many = vec![json!({"role": "user", "content": "x"}); 21];
    let answer = bench
        .post("reader", &format!("{path}/items"), json!({"items": many}))
        .await;
    assert_eq!(answer.0, 400);
    let gone = bench
        .call("reader", Method::DELETE, &path, Value::Null)
        .await;
    assert_eq!(gone.1["deleted"], true);
    assert_eq!(bench.get("reader", &path).await.0, 404);
}

#[tokio::test]
async fn what_is_deleted_or_not_stored_is_not_found() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("assistant", "responses");
    let (_, kept) = bench
        .post("reader", &endpoint, json!({"input": "hi"}))
        .await;
    let path = |response: &Value, more: &str| {
        let id = response["id"].as_str().unwrap();
        at_endpoint("assistant", &format!("responses/{id}{more}"))
    };
    let (_, items) = bench.get("reader", &path(&kept, "/input_items")).await;
    let part = json!({"type": "input_text", "text": "hi"});
    assert_eq!(items["data"][0]["content"], json!([part]));
    let (_, read) = bench.get("reader", &path(&kept, "")).await;
    assert_eq!(read, kept);
    let deleted = bench
        .call("reader", Method::DELETE, &path(&kept, ""), Value::Null)
        .await;
    assert_eq!(deleted.1["deleted"], true);
    assert_eq!(bench.get("reader", &path(&kept, "")).await.0, 404);
    let body = json!({"input": "hi", "store": false});
    let (_, passing) = bench.post("reader", &endpoint, body).await;
    assert_eq!(bench.get("reader", &path(&passing, "")).await.0, 404);
}

#[tokio::test]
async fn agents_are_listed_in_pages_and_read_by_name() {
    let bench = Bench::with_users(&["reader"]).await;
    let (_, all) = bench.get("reader", "agents?api-version=v1&order=asc").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 8);
    assert_eq!(all["has_more"], false);
    let (_, page) = bench
        .get(
            "reader",
            "agents?api-version=v1&order=asc&limit=2&after=assistant",
        )
        .await;
    assert_eq!(page["first_id"], "breaker");
    assert_eq!(page["last_id"], "consenter");
    assert_eq!(page["has_more"], true);
    let (_, none) = bench
        .get("reader", "agents?api-version=v1&kind=voice")
        .await;
    assert_eq!(none["data"], json!([]));
    let (_, one) = bench.get("reader", "agents/slow?api-version=v1").await;
    assert_eq!(one["versions"]["latest"]["id"], "slow:1");
    let missing = bench.get("reader", "agents/nobody?api-version=v1").await;
    assert_eq!(missing.0, 404);
}
