//! What Application Insights is told, and that nobody waits for it.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::rig::{Handler, Rig, through_host};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// The rig's settings with storage of its own, telemetry, and quick batches
/// (the SDK's own variables).
fn settings(rig: &Rig, endpoint: &str, delay: &str) -> Vec<(String, String)> {
    let mut settings = rig.handler.environment().to_vec();
    settings.retain(|(name, _)| !matches!(name.as_str(), "ENTRADA_STORAGE" | "ENTRADA_BASE_URL"));
    let file = rig.certificate().with_file_name("telemetry.redb");
    let connection = format!(
        "InstrumentationKey=00000000-0000-4000-8000-000000000001;IngestionEndpoint={endpoint}"
    );
    for (name, value) in [
        ("ENTRADA_STORAGE", format!("file:{}", file.display())),
        ("APPLICATIONINSIGHTS_CONNECTION_STRING", connection),
        ("OTEL_BSP_SCHEDULE_DELAY", delay.to_owned()),
        ("OTEL_BLRP_SCHEDULE_DELAY", delay.to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500".to_owned()),
    ] {
        settings.push((name.to_owned(), value));
    }
    settings
}

fn ingestion(rig: &Rig) -> String {
    format!("{}application-insights/", rig.stand_ins.https_url())
}

async fn received(rig: &Rig) -> Vec<Value> {
    let url = format!("{}stand-in/telemetry", rig.stand_ins.url());
    rig.http
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

/// The items of a kind that belong to the trace.
fn of_trace<'a>(items: &'a [Value], kind: &str) -> Vec<&'a Value> {
    items
        .iter()
        .filter(|item| {
            item["name"] == format!("Microsoft.ApplicationInsights.{kind}")
                && item["tags"]["ai.operation.id"] == TRACE
        })
        .collect()
}

async fn call(rig: &Rig, handler: &Handler, tool: &str, arguments: Value) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": tool, "arguments": arguments,
    }});
    let answer = rig
        .http
        .post(handler.url("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
        // The host says that it does not sample.
        .header("traceparent", format!("00-{TRACE}-{PARENT}-00"))
        .bearer_auth(rig.token("all"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let correlation = answer.headers()["x-correlation-id"].to_str().unwrap();
    assert_eq!(correlation.replace('-', ""), TRACE);
}

/// What came, once both calls and the metrics are there.
async fn both_calls(rig: &Rig) -> Vec<Value> {
    let mut items = Vec::new();
    for _ in 0..100 {
        items = received(rig).await;
        let metric = |name: &str| {
            items
                .iter()
                .any(|item| item["data"]["baseData"]["metrics"][0]["name"] == name)
        };
        if of_trace(&items, "Request").len() == 2
            && metric("http.server.request.duration")
            && metric("entrada.tool.calls")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    items
}

/// The trace that Microsoft Graph was told is the caller's.
async fn graph_was_told(rig: &Rig) {
    let asked: Value = {
        let url = format!(
            "{}stand-in/requests?path=/graph/v1.0/me",
            rig.stand_ins.url()
        );
        rig.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let header = asked[0]["headers"]["traceparent"].as_str().unwrap();
    assert!(
        header.starts_with(&format!("00-{TRACE}-")) && header.ends_with("-01"),
        "{header}"
    );
    assert!(!header.contains(PARENT), "each span is a parent of its own");
}

#[tokio::test]
async fn request_tool_and_upstream_share_the_callers_trace_and_hold_no_secret() {
    if through_host() {
        // The SDK's variables and the storage are this process's own.
        return;
    }
    let rig = Rig::start().await;
    let handler = Handler::start(settings(&rig, &ingestion(&rig), "200")).await;
    call(&rig, &handler, "graph_me", json!({})).await;
    let secret = json!({"data": {"note": "a very private note"}});
    call(&rig, &handler, "save_record", secret).await;
    rig.http.get(handler.url("/nowhere")).send().await.unwrap();
    let items = both_calls(&rig).await;
    let requests = of_trace(&items, "Request");
    assert_eq!(requests.len(), 2, "{items:?}");
    for request in requests {
        assert_eq!(request["tags"]["ai.operation.parentId"], PARENT);
        assert_eq!(request["tags"]["ai.operation.name"], "POST /mcp");
        assert_eq!(request["data"]["baseData"]["responseCode"], "200");
        assert_eq!(request["tags"]["ai.cloud.role"], "entrada");
    }
    let dependencies: Vec<_> = of_trace(&items, "RemoteDependency")
        .into_iter()
        .map(|item| {
            item["data"]["baseData"]["name"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    for name in [
        "graph_me",
        "save_record",
        "Microsoft Entra ID",
        "Microsoft Graph",
    ] {
        assert!(
            dependencies.iter().any(|known| known == name),
            "{dependencies:?}"
        );
    }
    graph_was_told(&rig).await;
    assert!(
        items
            .iter()
            .any(|item| item["name"] == "Microsoft.ApplicationInsights.Message")
    );
    let text = serde_json::to_string(&items).unwrap();
    for secret in ["eyJ", "Bearer", "private note", "stand-in-client-secret"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// A server that can be asked to end.
async fn spawn(rig: &Rig, settings: &[(String, String)]) -> (Child, String) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let child = Command::new(env!("CARGO_BIN_EXE_entrada"))
        .env_clear()
        .envs(settings.iter().cloned())
        .env("ENTRADA_PORT", port.to_string())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url = format!("http://localhost:{port}");
    for _ in 0..400 {
        let answer = rig.http.get(format!("{url}/api/health")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    (child, url)
}

/// Asks the process to end, which it does soon.
async fn end(mut child: Child) {
    let id = child.id().unwrap().to_string();
    let asking = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(asking.unwrap().success());
    tokio::time::timeout(Duration::from_secs(8), child.wait())
        .await
        .expect("it ends")
        .unwrap();
}

#[tokio::test]
async fn what_waits_is_sent_when_the_process_is_asked_to_end() {
    let rig = Rig::start().await;
    let settings = settings(&rig, &ingestion(&rig), "60000");
    let (child, url) = spawn(&rig, &settings).await;
    rig.http
        .get(format!("{url}/auth/info"))
        .send()
        .await
        .unwrap();
    end(child).await;
    let items = received(&rig).await;
    let named = items
        .iter()
        .any(|item| item["tags"]["ai.operation.name"] == "GET /auth/info");
    assert!(named, "{items:?}");
}

#[tokio::test]
async fn ingestion_that_is_away_keeps_nobody_waiting() {
    let rig = Rig::start().await;
    let settings = settings(&rig, "https://localhost:9/", "100");
    let (child, url) = spawn(&rig, &settings).await;
    // More than every queue holds.
    let asking = async {
        for _ in 0..3_000 {
            let request = rig.http.get(format!("{url}/auth/info"));
            assert!(request.send().await.unwrap().status().is_success());
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asking)
        .await
        .expect("nobody waits");
    end(child).await;
}
