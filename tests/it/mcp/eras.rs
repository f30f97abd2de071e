//! Both eras of the protocol, by hand: with `initialize`, and without.

use serde_json::{Value, json};

use super::{call, modern};
use crate::rig::Rig;

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// The newest version that still has `initialize`.
const NEWEST_INITIALIZED: &str = "2025-11-25";

#[tokio::test]
async fn a_server_is_discovered_without_a_handshake() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    let discover = modern(&rig, &reader, ("server/discover", json!({})), json!({}));
    let (status, answer) = rig.ask(discover).await;
    assert_eq!(status, 200, "{answer}");
    let found = &answer["result"];
    for version in ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"] {
        let versions = found["supportedVersions"].as_array().unwrap();
        assert!(versions.contains(&version.into()), "{found}");
    }
    // Neither prompts nor resources, and no change that would be told.
    assert_eq!(found["capabilities"], json!({"tools": {}}));
    assert_eq!(
        found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "entrada"
    );
    assert!(found["instructions"].as_str().unwrap().contains("whoami"));
    let list = modern(&rig, &reader, ("tools/list", json!({})), json!({}));
    let (status, answer) = rig.ask(list).await;
    assert_eq!(status, 200);
    assert_eq!(answer["result"]["cacheScope"], "private");
    assert_eq!(answer["result"]["resultType"], "complete");
}

#[tokio::test]
async fn each_request_says_what_it_needs_in_its_metadata() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    let with_meta = |meta: Value, version: &str| {
        let body =
            json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": meta}});
        rig.http
            .post(rig.url("/mcp"))
            .bearer_auth(&reader)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-method", "tools/list")
            .header("mcp-protocol-version", version)
            .json(&body)
    };
    let missing = with_meta(json!({VERSION: "2026-07-28"}), "2026-07-28");
    let (status, answer) = rig.ask(missing).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32602)));
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    let unknown = with_meta(
        json!({VERSION: "2099-01-01", capabilities: {}}),
        "2099-01-01",
    );
    let (status, answer) = rig.ask(unknown).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32022)));
    assert_eq!(answer["error"]["data"]["requested"], "2099-01-01");
    let supported = answer["error"]["data"]["supported"].as_array().unwrap();
    assert!(supported.contains(&"2026-07-28".into()));
    let other = with_meta(
        json!({VERSION: "2026-07-28", capabilities: {}}),
        "2025-11-25",
    );
    let (status, answer) = rig.ask(other).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32020)));
    assert_eq!(answer["id"], 7);
}

#[tokio::test]
async fn headers_must_say_what_the_body_says() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    let whoami = || json!({"name": "whoami", "arguments": {}});
    let with = |name: &'static str, value: &'static str| {
        let mut request = modern(&rig, &reader, ("tools/call", whoami()), json!({}))
            .build()
            .unwrap();
        if value.is_empty() {
            request.headers_mut().remove(name);
        } else {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        reqwest::RequestBuilder::from_parts(rig.http.clone(), request)
    };
    for (name, value) in [
        ("mcp-name", "health_check"),
        ("mcp-name", ""),
        ("mcp-method", "tools/list"),
        ("mcp-method", ""),
        ("mcp-protocol-version", ""),
    ] {
        let (status, answer) = rig.ask(with(name, value)).await;
        assert_eq!(status, 400, "{name} {value}: {answer}");
        assert_eq!(answer["error"]["code"], -32020, "{name} {value}: {answer}");
    }
    let (status, answer) = rig.ask(with("x-nothing", "special")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"]["isError"], false, "{answer}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "subscriptions/listen",
        "completion/complete",
        "tasks/get",
        "no/such/method",
    ] {
        let params = json!({
            "name": "x", "uri": "x", "level": "info", "taskId": "x", "notifications": {},
            "ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "x", "value": "x"},
        });
        let (status, answer) = rig
            .ask(modern(&rig, &reader, (method, params), json!({})))
            .await;
        assert_eq!(status, 404, "{method}: {answer}");
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
        assert_eq!(answer["id"], 1, "{method}: {answer}");
    }
    for request in [
        rig.http.get(rig.url("/mcp")),
        rig.http.delete(rig.url("/mcp")),
    ] {
        let request = request
            .bearer_auth(&reader)
            .header("accept", "text/event-stream");
        assert_eq!(request.send().await.unwrap().status(), 405);
    }
}

#[tokio::test]
async fn each_version_with_a_handshake_is_spoken() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    let initialize = async |version: &str| {
        let params = json!({
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        let request = rig
            .http
            .post(rig.url("/mcp"))
            .bearer_auth(&reader)
            .header("accept", "application/json, text/event-stream")
            .json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("mcp-session-id"));
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["result"]["serverInfo"]["name"], "entrada");
        assert_eq!(answer["result"]["capabilities"], json!({"tools": {}}));
        answer["result"]["protocolVersion"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for version in ["2025-11-25", "2025-06-18", "2025-03-26"] {
        assert_eq!(initialize(version).await, version);
        let with_version = |method: &str, mut body: Value| {
            body["jsonrpc"] = "2.0".into();
            body["method"] = method.into();
            rig.http
                .post(rig.url("/mcp"))
                .bearer_auth(&reader)
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", version)
                .json(&body)
        };
        let (status, _) = rig
            .ask(with_version("notifications/initialized", json!({})))
            .await;
        assert_eq!(status, 202, "{version}");
        let (status, answer) = rig.ask(with_version("ping", json!({"id": 2}))).await;
        assert_eq!((status, &answer["result"]), (200, &json!({})), "{version}");
        let (status, answer) = rig.ask(with_version("tools/list", json!({"id": 3}))).await;
        assert_eq!(status, 200, "{version}");
        assert!(answer["result"]["tools"].is_array(), "{version}: {answer}");
        // Members of later versions are left out.
        assert!(answer["result"].get("resultType").is_none(), "{version}");
        let whoami = json!({"id": 4, "params": {"name": "whoami"}});
        let (_, answer) = rig.ask(with_version("tools/call", whoami)).await;
        assert_eq!(answer["result"]["isError"], false, "{version}: {answer}");
    }
    assert_eq!(initialize("2099-01-01").await, NEWEST_INITIALIZED);
    assert_eq!(initialize("2026-07-28").await, NEWEST_INITIALIZED);
}

#[tokio::test]
async fn a_version_that_nobody_knows_is_refused_in_the_header_too() {
    let rig = Rig::start().await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let request = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(rig.token("reader"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "1999-12-31")
        .json(&body);
    assert_eq!(rig.ask(request).await.0, 400);
    // Without the header it is a client of 2025-03-26.
    let (status, _) = call(&rig, &rig.token("reader"), "tools/list", json!({})).await;
    assert_eq!(status, 200);
}
