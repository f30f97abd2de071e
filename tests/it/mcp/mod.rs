//! `/mcp` by hand: roles decide what is listed and what may be called.

mod eras;
mod going_away;
mod left_to_rmcp;
mod messages;
mod rounds;
mod typescript;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::rig::Rig;

/// A request of MCP 2026-07-28, from a client that declares `capabilities`.
pub(crate) fn modern(
    rig: &Rig,
    token: &str,
    call: (&str, Value),
    capabilities: Value,
) -> RequestBuilder {
    let (method, mut params) = call;
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let request = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .json(&body);
    match body["params"]["name"].as_str() {
        Some(name) => request.header("mcp-name", name),
        None => request,
    }
}

/// A JSON-RPC request as an `initialize` client sends it.
async fn call(rig: &Rig, token: &str, method: &str, params: Value) -> (u16, Value) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let request = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&body);
    rig.ask(request).await
}

async fn names(rig: &Rig, token: &str) -> Vec<String> {
    let (status, answer) = call(rig, token, "tools/list", json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let tools = answer["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

/// What every caller sees.
const PUBLIC: &str = "get_authentication_info";
const READ: [&str; 6] = [
    "get_weather",
    "get_weather_forecast",
    "graph_me",
    "health_check",
    "secure_query_data",
    "whoami",
];
const WRITE: [&str; 3] = ["ask_agent", "save_record", "set_weather_alert"];
const DELETE: [&str; 2] = ["delete_record", "delete_weather_alert"];

#[tokio::test]
async fn each_persona_sees_exactly_the_tools_of_its_roles() {
    let rig = Rig::start().await;
    let with = |more: &[&str]| {
        let mut names: Vec<_> = READ
            .iter()
            .chain(more)
            .chain([&PUBLIC])
            .map(ToString::to_string)
            .collect();
        names.sort();
        names
    };
    for (persona, expected) in [
        ("reader", with(&[])),
        ("writer", with(&WRITE)),
        ("deleter", with(&DELETE)),
        ("all", with(&[&WRITE[..], &DELETE].concat())),
        (
            "admin",
            vec![
                "admin_audit_query".to_owned(),
                "admin_revoke_grants".to_owned(),
                "admin_system_status".to_owned(),
                "admin_weather_stats".to_owned(),
                PUBLIC.to_owned(),
            ],
        ),
        ("norole", vec![PUBLIC.to_owned()]),
    ] {
        assert_eq!(
            names(&rig, &rig.token(persona)).await,
            expected,
            "{persona}"
        );
    }
}

#[tokio::test]
async fn what_is_hidden_answers_as_what_does_not_exist() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    let arguments = json!({"city": "Lisbon", "condition": "storm"});
    let mut answers = Vec::new();
    for name in ["set_weather_alert", "no_such_tool_ever", "Get_Weather"] {
        let params = json!({"name": name, "arguments": arguments});
        let (status, answer) = call(&rig, &reader, "tools/call", params).await;
        assert_eq!(answer["error"]["code"], -32602);
        answers.push((status, answer.to_string().replace(name, "NAME")));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn an_alert_outlives_the_process_and_stays_in_its_tenant() {
    let mut rig = Rig::with(&[("ENTRADA_TENANTS", "fab21ca0-0000-4000-8000-000000000002")]).await;
    let writer = rig.token("writer");
    let params = json!({"name": "set_weather_alert", "arguments": {"city": "Lisbon", "condition": "storm", "threshold": 90.5}});
    let (_, answer) = call(&rig, &writer, "tools/call", params).await;
    let id = answer["result"]["structuredContent"]["alert_id"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.restart().await;
    let ask = json!({"name": "get_weather", "arguments": {"city": "lisbon"}});
    let (_, answer) = call(&rig, &rig.token("reader"), "tools/call", ask.clone()).await;
    let alerts = &answer["result"]["structuredContent"]["alerts"];
    assert_eq!(alerts[0]["alert_id"], id.as_str());
    assert_eq!(alerts[0]["threshold"], 90.5);
    let (_, answer) = call(&rig, &rig.token("guest"), "tools/call", ask).await;
    assert_eq!(answer["result"]["structuredContent"]["alerts"], json!([]));
    let params = json!({"name": "delete_weather_alert", "arguments": {"alert_id": id}});
    let (_, answer) = call(&rig, &rig.token("deleter"), "tools/call", params.clone()).await;
    assert_eq!(
        answer["result"]["structuredContent"]["alert_id"],
        id.as_str()
    );
    let (_, answer) = call(&rig, &rig.token("deleter"), "tools/call", params).await;
    assert_eq!(answer["result"]["isError"], true);
}

#[tokio::test]
async fn arguments_are_checked_in_full_and_every_problem_is_named() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    for (arguments, problem) in [
        (json!({}), "city"),
        (json!({"city": ""}), "city"),
        (json!({"city": "x".repeat(101)}), "city"),
        (json!({"city": 7}), "city"),
        (json!({"city": "Lisbon", "days": 6}), "days"),
        (json!({"city": "Lisbon", "days": 0}), "days"),
        (json!({"city": "Lisbon", "days": 2.5}), "days"),
        (
            json!({"city": "Lisbon", "tenant_id": "x"}),
            "additional properties",
        ),
    ] {
        let params = json!({"name": "get_weather_forecast", "arguments": arguments});
        let (status, answer) = call(&rig, &reader, "tools/call", params).await;
        assert_eq!(status, 200);
        assert_eq!(answer["result"]["isError"], true, "{arguments}: {answer}");
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.to_lowercase().contains(problem), "{text}");
    }
}

#[tokio::test]
async fn methods_that_are_not_offered_say_so() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    for method in [
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "no/such/method",
    ] {
        let (_, answer) = call(&rig, &reader, method, json!({})).await;
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
    }
}

#[tokio::test]
async fn foreign_origins_and_names_are_refused() {
    let rig = Rig::with(&[("ENTRADA_CORS_ORIGINS", "https://app.example")]).await;
    let reader = rig.token("reader");
    let ask = async |name: &str, value: &str| {
        let request = rig.http.get(rig.url("/mcp/tools")).bearer_auth(&reader);
        request
            .header(name, value)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(ask("origin", "https://app.example").await, 200);
    assert_eq!(ask("origin", &rig.handler.base).await, 200);
    assert_eq!(ask("origin", "https://evil.example").await, 403);
    assert_eq!(ask("origin", "null").await, 403);
    assert_eq!(ask("host", "evil.example").await, 403);
}

/// A front door may pass the name of the site on in place of the public one.
#[tokio::test]
async fn a_server_behind_a_front_door_with_an_https_name_answers() {
    let base = "https://entrada.example";
    let rig = Rig::with(&[("ENTRADA_BASE_URL", base)]).await;
    let reader = rig.token("reader");
    let ask = async |origin: &str| {
        let request = rig.http.get(rig.url("/mcp/tools")).bearer_auth(&reader);
        let named = request
            .header("host", "site.azurewebsites.example")
            .header("origin", origin);
        named.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(base).await, 200);
    assert_eq!(ask("https://site.azurewebsites.example").await, 403);
}

#[tokio::test]
async fn the_webhook_door_serves_the_same_tools_outside_a_functions_host() {
    if crate::rig::through_host() {
        return;
    }
    let rig = Rig::start().await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let request = rig
        .http
        .post(rig.url("/runtime/webhooks/mcp"))
        .bearer_auth(rig.token("reader"))
        .header("accept", "application/json, text/event-stream")
        .json(&body);
    let (status, answer) = rig.ask(request).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer["result"]["tools"].as_array().unwrap().len(),
        READ.len() + 1
    );
}

#[tokio::test]
async fn the_log_says_why_a_list_is_empty_however_it_was_asked_for() {
    for plain in [false, true] {
        let rig = Rig::start().await;
        let token = rig.token("norole");
        if plain {
            let (status, list) = rig.get("/mcp/tools", &token).await;
            assert_eq!((status, &list["count"]), (200, &json!(1)));
        } else {
            assert_eq!(names(&rig, &token).await, [PUBLIC]);
        }
        rig.handler.logs("no role of the caller sees a tool").await;
    }
}
