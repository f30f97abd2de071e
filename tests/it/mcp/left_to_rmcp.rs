//! What is left to rmcp is done in a task of its own, and is all the same what
//! is answered where it arrived: a part of its request.

use std::time::Duration;

use entrada_stand_ins::directory::persona;
use serde_json::{Value, json};

use super::going_away::messages;
use crate::rig::{Person, Rig, Watched, until};

/// Both ways of a call, each in a trace of its caller's: answered where it
/// arrived, and left to rmcp.
fn ways() -> [(Value, &'static str); 2] {
    [
        (json!({}), "0af7651916cd43dd8448eb211c80319c"),
        (
            json!({"progressToken": "mine"}),
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
    ]
}

fn traceparent(trace: &str) -> String {
    format!("00-{trace}-b7ad6b7169203331-01")
}

/// The correlation id and the answer of a call that goes one of the ways.
async fn call(
    rig: &Rig,
    who: &str,
    (meta, trace): &(Value, &str),
    tool: &str,
    arguments: Value,
) -> (String, Value) {
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let response = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(rig.token(who))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .header("traceparent", traceparent(trace))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let correlation = response.headers()["x-correlation-id"].to_str().unwrap();
    let correlation = correlation.to_owned();
    assert_eq!(correlation.replace('-', ""), *trace);
    let text = response.text().await.unwrap();
    let last = messages(&text).pop();
    let answer = last.unwrap_or_else(|| serde_json::from_str(&text).unwrap());
    (correlation, answer)
}

/// What the log holds of what was done under a correlation id in somebody's
/// name, once these methods are among it.
async fn entered(rig: &Rig, user: &str, correlation: &str, methods: &[&str]) {
    let user = persona(user).unwrap().object_id;
    let of_user = json!({"user": user});
    let way = &ways()[0];
    until(&format!("{methods:?} under {correlation}"), async || {
        let (_, answer) = call(rig, "admin", way, "admin_audit_query", of_user.clone()).await;
        let entries = answer["result"]["structuredContent"]["entries"].clone();
        let entries = entries.as_array().unwrap();
        let under_it = |method: &str| {
            entries
                .iter()
                .any(|entry| entry["method"] == method && entry["correlation_id"] == correlation)
        };
        methods.iter().all(|method| under_it(method))
    })
    .await;
}

/// The last request to a path of the stand-ins.
async fn last_asked(rig: &Rig, path: &str) -> Value {
    let url = format!("{}stand-in/requests?path={path}", rig.stand_ins.url());
    let (_, asked) = rig.ask(rig.http.get(url)).await;
    asked.as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn a_tool_that_panics_is_answered() {
    let mut watched = None;
    let rig = Rig::inside(&[], |tables| {
        let tables = Watched::new(tables);
        watched = Some(tables.clone());
        tables
    })
    .await;
    watched.unwrap().break_tables(&["entradarecords"]);
    for way in ways() {
        let record = json!({"record_id": "a", "data": {"n": 1}});
        let calling = call(&rig, "all", &way, "save_record", record);
        let answered = tokio::time::timeout(Duration::from_mins(1), calling);
        let (_, answer) = answered.await.expect("an answer");
        assert_eq!(answer["id"], 1, "{answer}");
        assert_eq!(answer["error"]["code"], -32603, "{answer}");
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.starts_with("Something went wrong on our side."));
        assert!(!said.contains("broken"), "{said}");
    }
}

#[tokio::test]
async fn what_a_tool_does_is_entered_under_the_correlation_id_of_its_call() {
    let rig = Rig::start().await;
    // Who was cut off cannot sign in again within that second.
    for (way, who) in ways().into_iter().zip(["reader", "writer"]) {
        Person::new(&rig, who).tokens().await;
        let whom = json!({"user": persona(who).unwrap().object_id});
        let (correlation, answer) = call(&rig, "admin", &way, "admin_revoke_grants", whom).await;
        let report = &answer["result"]["structuredContent"];
        assert_eq!(report["grants_ended"], 1, "{answer}");
        entered(&rig, who, &correlation, &["grant.ended"]).await;
    }
}

#[tokio::test]
async fn what_a_tool_asks_of_others_is_asked_in_the_trace_of_its_caller() {
    let rig = Rig::start().await;
    for way in ways() {
        let (_, answer) = call(&rig, "writer", &way, "graph_me", json!({})).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        let asked = last_asked(&rig, "/graph/v1.0/me").await;
        assert_eq!(asked["headers"]["traceparent"], traceparent(way.1));
    }
}

#[tokio::test]
async fn an_agent_is_asked_under_the_correlation_id_and_in_the_trace_of_the_call() {
    let rig = Rig::start().await;
    for way in ways() {
        let question = json!({"agent": "assistant", "message": "Who am I?"});
        let (correlation, answer) = call(&rig, "writer", &way, "ask_agent", question).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        let both = ["tools/call", "chat.turn"];
        entered(&rig, "writer", &correlation, &both).await;
        let asked = last_asked(&rig, "/responses").await;
        let metadata = &asked["body"]["metadata"];
        assert_eq!(metadata["entrada_correlation_id"], correlation, "{asked}");
        assert_eq!(asked["headers"]["traceparent"], traceparent(way.1));
    }
}
