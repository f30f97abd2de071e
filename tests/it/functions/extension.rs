//! `/runtime/webhooks/mcp`: on Functions the MCP extension's door, elsewhere
//! ours. Third-party clients call through both.

use std::process::Stdio;

use entrada_functions_host::{FunctionSummary, TriggerSummary};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::rig::{Rig, clients, script, through_host};

const DOOR: &str = "/runtime/webhooks/mcp";

/// How many tools the package declares.
fn declared(rig: &Rig) -> usize {
    let host = rig.handler.host().expect("a host");
    let is_tool =
        |function: &&FunctionSummary| matches!(function.trigger, TriggerSummary::McpTool { .. });
    host.functions().iter().filter(is_tool).count()
}

/// A persona's tools at `/mcp`.
async fn tools_of(rig: &Rig, persona: &str) -> Vec<Value> {
    let request = rig.http.get(rig.url("/mcp/tools"));
    let request = request.bearer_auth(rig.token(persona));
    let (_, answer) = rig.ask(request).await;
    answer["tools"].as_array().unwrap().clone()
}

/// Runs a client's script, which must pass every check.
async fn passes(rig: &Rig, mut command: Command) {
    let (door, listed) = if through_host() {
        ("extension", declared(rig))
    } else {
        ("handler", tools_of(rig, "reader").await.len())
    };
    command
        .args([rig.url(DOOR).as_str(), door, &listed.to_string()])
        .args([rig.token("reader"), rig.token("writer")])
        .env(
            "ENTRADA_TEST_NODE_MODULES",
            clients().join("node/node_modules"),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = command.output().await;
    let output = output.expect("`cargo xtask test` installs the clients");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.trim_end().ends_with(" passed, 0 failed"), "{text}");
}

#[tokio::test]
async fn the_python_sdk_calls_tools_through_this_door() {
    let rig = Rig::start().await;
    let mut command = Command::new(clients().join("python/bin/python"));
    command.arg(script("mcp/webhook.py"));
    passes(&rig, command).await;
}

#[tokio::test]
async fn the_typescript_sdk_calls_tools_through_this_door() {
    let rig = Rig::start().await;
    let mut command = Command::new(clients().join("node/node_modules/.bin/node"));
    command.arg(script("mcp/webhook.mjs"));
    passes(&rig, command).await;
}

/// A JSON-RPC request to the door; what the one event or the body says.
async fn ask(rig: &Rig, token: Option<&str>, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut request = rig
        .http
        .post(rig.url(DOOR))
        .header("accept", "application/json, text/event-stream")
        .json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let text = request.send().await.unwrap().text().await.unwrap();
    let data = text.strip_prefix("event: message\ndata: ").unwrap_or(&text);
    serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn the_extension_lists_every_tool_with_the_schemas_of_mcp() {
    if !through_host() {
        return;
    }
    let rig = Rig::start().await;
    let listed = ask(&rig, None, "tools/list", json!({})).await;
    let listed = listed["result"]["tools"].as_array().unwrap().clone();
    assert_eq!(listed.len(), declared(&rig));
    let mut own = tools_of(&rig, "all").await;
    own.extend(tools_of(&rig, "admin").await);
    own.dedup_by_key(|tool| tool["name"].to_string());
    assert!(own.len() >= listed.len());
    for tool in own {
        let same = listed.iter().find(|other| other["name"] == tool["name"]);
        let same = same.unwrap_or_else(|| panic!("{} is not listed", tool["name"]));
        assert_eq!(same["description"], tool["description"]);
        assert_eq!(same["outputSchema"], tool["outputSchema"]);
        assert_eq!(
            same["inputSchema"]["properties"],
            tool["inputSchema"]["properties"]
        );
        assert_eq!(same["inputSchema"]["additionalProperties"], false);
    }
}

#[tokio::test]
async fn large_and_odd_arguments_come_through_as_they_were_sent() {
    let rig = Rig::start().await;
    let writer = rig.token("writer");
    let odd = format!("\"\\\n\u{1}é\u{1F600}<>&+'{}", "x".repeat(20_000));
    let data = json!({"text": odd, "date": "2026-01-02T03:04:05Z", "number": 1.5e300});
    let save = json!({"name": "save_record", "arguments": {"data": data}});
    let saved = ask(&rig, Some(&writer), "tools/call", save).await;
    assert_eq!(saved["result"]["isError"], false, "{saved}");
    let query = json!({"name": "secure_query_data", "arguments": {}});
    let found = ask(&rig, Some(&writer), "tools/call", query).await;
    let records = &found["result"]["structuredContent"]["records"];
    assert_eq!(records[0]["data"], data, "{found}");
}
