//! The one tool that answers without a token, and the door that stays shut
//! for everything else.

use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{call, request};
use crate::rig::Rig;

const NAME: &str = "get_authentication_info";

/// A request of the 2026-07-28 protocol with these headers and this body.
fn modern(rig: &Rig, method: &str, name: Option<&str>, body: &Value) -> reqwest::RequestBuilder {
    let mut request = rig
        .http
        .post(rig.url("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    if let Some(name) = name {
        request = request.header("mcp-name", name);
    }
    request.json(body)
}

fn modern_body(method: &str, name: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {
        "name": name, "arguments": {},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }})
}

#[tokio::test]
async fn it_says_how_to_sign_in_without_a_token_and_with_any() {
    let rig = Rig::start().await;
    let (status, anonymous) = rig.ask(request(&rig, NAME, &json!({}))).await;
    assert_eq!(status, 200, "{anonymous}");
    let info = &anonymous["result"]["structuredContent"];
    let base = &rig.handler.base;
    assert_eq!(info["login_url"], format!("{base}/auth/login"));
    assert!(info["instructions"].is_string());
    let (_, public) = rig.ask(rig.http.get(rig.url("/auth/info"))).await;
    assert_eq!(info["scopes"], public["scopes"]);
    for persona in ["reader", "norole"] {
        assert_eq!(
            call(&rig, &rig.token(persona), NAME, json!({})).await,
            *info
        );
    }
    let body = modern_body("tools/call", NAME);
    let (status, answer) = rig.ask(modern(&rig, "tools/call", Some(NAME), &body)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"]["structuredContent"], *info);
    let (_, answer) = rig.ask(request(&rig, NAME, &json!({"x": 1}))).await;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
}

#[tokio::test]
async fn a_bad_token_is_refused_and_not_taken_for_none() {
    let rig = Rig::start().await;
    let expired = rig.mint(&entrada_stand_ins::TokenRequest {
        expires_in: Some(-600),
        ..entrada_stand_ins::TokenRequest::for_persona("reader")
    });
    for value in [
        "Bearer nonsense",
        "Bearer",
        "Basic abc",
        &format!("Bearer {expired}"),
    ] {
        let request = request(&rig, NAME, &json!({})).header("authorization", value);
        let (status, error) = rig.ask(request).await;
        assert_eq!(status, 401, "{value}: {error}");
        assert_eq!(error["code"], "TOKEN_INVALID", "{value}");
    }
}

#[tokio::test]
async fn everything_else_without_a_token_is_challenged() {
    let rig = Rig::start().await;
    let post = |body: String| {
        rig.http
            .post(rig.url("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(body)
    };
    let by_method = |method: &str, name: &str| {
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": name}}).to_string()
    };
    let call = by_method("tools/call", NAME);
    let params = r#""params":{"name":"get_authentication_info"}"#;
    let requests = [
        post(by_method("tools/call", "whoami")),
        post(by_method("tools/call", "no_such_tool")),
        post(by_method("tools/call", "GET_AUTHENTICATION_INFO")),
        post(by_method("tools/list", NAME)),
        post(by_method("initialize", NAME)),
        post(format!("[{call}]")),
        post(format!("{call}{call}")),
        post(String::new()),
        post("{".to_owned()),
        // A member twice: who reads which?
        post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"whoami"}},{params}}}"#)),
        post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"tools/list",{params}}}"#)),
        post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","name":"get_authentication_info"}}"#.to_owned()),
        rig.http.get(rig.url("/mcp/tools")),
        rig.http.get(rig.url("/mcp")).header("mcp-method", "tools/call").header("mcp-name", NAME),
        // Headers and body that name two things.
        modern(&rig, "tools/call", Some(NAME), &modern_body("tools/call", "whoami")),
        modern(&rig, "tools/call", Some("whoami"), &modern_body("tools/call", NAME)),
        modern(&rig, "tools/list", None, &modern_body("tools/call", NAME)),
        modern(&rig, "tools/call", Some(NAME), &modern_body("tools/list", NAME)),
        modern(&rig, "tools/call", Some(NAME), &modern_body("tools/call", NAME)).header("mcp-name", "whoami"),
    ];
    for (index, request) in requests.into_iter().enumerate() {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "request {index}");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.starts_with("Bearer scope=\"mcp\", resource_metadata="),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn a_large_body_without_a_token_is_refused_and_the_client_is_told() {
    let rig = Rig::start().await;
    let mut body = modern_body("tools/call", NAME);
    body["params"]["padding"] = "x".repeat(8 * 1024 * 1024).into();
    for attempt in 1.. {
        let clock = SystemClock::new();
        match modern(&rig, "tools/call", Some(NAME), &body).send().await {
            Ok(answer) => return assert_eq!(answer.status(), 401),
            // The server waits for the rest of a body for five seconds.
            Err(error) => {
                let was_late = clock.monotonic() >= Duration::from_secs(4);
                assert!(was_late && attempt < 3, "{error}");
            }
        }
    }
}
