//! What Application Insights is told, and that nobody waits for it.

use std::process::Stdio;
use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::functions::{bearer, trigger, wrapped};
use crate::rig::{Handler, Rig, becomes_healthy, free_port, until};

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

/// What somebody asks for that is not there.
const NOWHERE: &str = "a-very-private-path";

/// Asks for it, and waits until that is known without its path.
async fn nowhere(rig: &Rig, handler: &Handler) {
    let url = handler.url(&format!("/{NOWHERE}"));
    let answer = rig.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    until("the request is told of", async || {
        let is_it = |item: &Value| item["tags"]["ai.operation.name"] == "GET other";
        received(rig).await.iter().any(is_it)
    })
    .await;
}

/// What came, once both calls, the metrics and the log are there.
async fn both_calls(rig: &Rig) -> Vec<Value> {
    let mut items = Vec::new();
    until("both calls are told of", async || {
        items = received(rig).await;
        let metric = |name: &str| {
            items
                .iter()
                .any(|item| item["data"]["baseData"]["metrics"][0]["name"] == name)
        };
        of_trace(&items, "Request").len() == 2
            && metric("http.server.request.duration")
            && metric("entrada.tool.calls")
            && items.iter().any(is_event)
    })
    .await;
    items
}

/// Whether it is of the log.
fn is_event(item: &Value) -> bool {
    item["name"] == "Microsoft.ApplicationInsights.Message"
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
    let rig = Rig::start().await;
    let handler = Handler::start(settings(&rig, &ingestion(&rig), "200")).await;
    call(&rig, &handler, "graph_me", json!({})).await;
    let secret = json!({"data": {"note": "a very private note"}});
    call(&rig, &handler, "save_record", secret).await;
    nowhere(&rig, &handler).await;
    let items = both_calls(&rig).await;
    for request in of_trace(&items, "Request") {
        assert_eq!(request["tags"]["ai.operation.parentId"], PARENT);
        assert_eq!(request["tags"]["ai.operation.name"], "POST /mcp");
        assert_eq!(request["data"]["baseData"]["responseCode"], "200");
        assert_eq!(request["tags"]["ai.cloud.role"], "entrada");
        assert_eq!(request["sampleRate"], 100.0, "in percent");
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
    let text = serde_json::to_string(&items).unwrap();
    let secrets = [
        "eyJ",
        "Bearer",
        "private note",
        "stand-in-client-secret",
        NOWHERE,
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// As the Functions host calls a tool's function: .NET adds the trace of the
/// host's own invocation, which it does not sample.
#[tokio::test]
async fn a_wrapped_call_shares_the_hosts_trace() {
    let rig = Rig::start().await;
    let handler = Handler::start(settings(&rig, &ingestion(&rig), "200")).await;
    let headers = json!({"Authorization": bearer(&rig.token("all"))});
    let body = wrapped(&trigger("graph_me", &json!({}), &headers).to_string());
    let request = rig
        .http
        .post(handler.wrapped_url("graph_me"))
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "Azure-Functions-Host/4.1050.0.0")
        .header("x-azure-functions-invocationid", "1")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-00"));
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = answer.text().await.unwrap();
    assert!(answer.contains("all@contoso.example"), "{answer}");
    graph_was_told(&rig).await;
    let mut items = Vec::new();
    until("the call is told of", async || {
        items = received(&rig).await;
        !of_trace(&items, "Request").is_empty()
    })
    .await;
    let requests = of_trace(&items, "Request");
    let [request] = requests.as_slice() else {
        panic!("{items:?}");
    };
    assert_eq!(request["tags"]["ai.operation.parentId"], PARENT);
    assert_eq!(request["tags"]["ai.operation.name"], "POST /graph_me");
    let dependencies = of_trace(&items, "RemoteDependency");
    for name in ["graph_me", "Microsoft Entra ID", "Microsoft Graph"] {
        let is_it = |item: &&Value| item["data"]["baseData"]["name"] == name;
        assert!(dependencies.iter().any(is_it), "{name}: {dependencies:?}");
    }
}

/// The rig's settings with telemetry that is sent as the managed identity.
fn authenticated(rig: &Rig) -> Vec<(String, String)> {
    use entrada_stand_ins::directory::{IDENTITY_HEADER, MANAGED_IDENTITY_CLIENT_ID};
    let mut settings = settings(rig, &ingestion(rig), "200");
    let client_id = MANAGED_IDENTITY_CLIENT_ID.to_string();
    for (name, value) in [
        (
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
            format!("Authorization=AAD;ClientId={client_id}"),
        ),
        ("ENTRADA_IDENTITY_CLIENT_ID", client_id),
        ("IDENTITY_ENDPOINT", rig.stand_ins.identity_endpoint()),
        ("IDENTITY_HEADER", IDENTITY_HEADER.to_owned()),
    ] {
        settings.push((name.to_owned(), value));
    }
    settings
}

/// Ingestion takes nothing without the managed identity's token from now on.
async fn ask_for_tokens(rig: &Rig) {
    let url = format!("{}stand-in/telemetry", rig.stand_ins.url());
    let asked = rig.http.post(url).json(&json!({"authenticated": true}));
    assert!(asked.send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn ingestion_that_asks_for_tokens_gets_the_managed_identitys() {
    let rig = Rig::start().await;
    ask_for_tokens(&rig).await;
    let handler = Handler::start(authenticated(&rig)).await;
    call(&rig, &handler, "graph_me", json!({})).await;
    call(&rig, &handler, "whoami", json!({})).await;
    both_calls(&rig).await;
    let log = handler.log();
    assert!(!log.contains("telemetry cannot be sent") && !log.contains("eyJ"));
    let url = format!("{}stand-in/requests?path=/msi/token", rig.stand_ins.url());
    let (_, asked) = rig.ask(rig.http.get(url)).await;
    let asked = asked.to_string();
    assert!(asked.contains("monitor.azure.com"), "{asked}");
}

#[tokio::test]
async fn telemetry_without_the_token_is_refused_and_the_log_says_so_once() {
    let rig = Rig::start().await;
    ask_for_tokens(&rig).await;
    let handler = Handler::start(settings(&rig, &ingestion(&rig), "200")).await;
    call(&rig, &handler, "whoami", json!({})).await;
    handler.logs("telemetry cannot be sent").await;
    call(&rig, &handler, "whoami", json!({})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let log = handler.log();
    assert_eq!(log.matches("telemetry cannot be sent").count(), 1);
    assert!(log.contains("\"reason\":\"401\""), "{log}");
    assert!(received(&rig).await.is_empty());
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_until_there_is_one() {
    let rig = Rig::start().await;
    ask_for_tokens(&rig).await;
    let url = format!("{}stand-in/faults", rig.stand_ins.url());
    let fault = json!({"route": "/msi/token", "status": 400, "times": 3});
    let set = rig.http.post(url).json(&fault).send().await.unwrap();
    assert!(set.status().is_success());
    let handler = Handler::start(authenticated(&rig)).await;
    call(&rig, &handler, "whoami", json!({})).await;
    handler.logs("there is no token for ingestion").await;
    handler.logs("telemetry can be sent again").await;
    call(&rig, &handler, "whoami", json!({})).await;
    let url = format!(
        "{}stand-in/requests?path=/application-insights/",
        rig.stand_ins.url()
    );
    let (_, batches) = rig.ask(rig.http.get(url)).await;
    for batch in batches.as_array().unwrap() {
        let has_token = batch["headers"]["authorization"].is_string();
        let path = batch["path"].as_str().unwrap();
        assert!(has_token && path.ends_with("/v2.1/track"), "{path}");
    }
    assert!(!received(&rig).await.is_empty());
}

/// A server that can be asked to end.
async fn spawn(settings: &[(String, String)]) -> (Child, String) {
    let port = free_port();
    let child = Command::new(env!("CARGO_BIN_EXE_entrada"))
        .env_clear()
        .envs(settings.iter().cloned())
        .env("ENTRADA_PORT", port.to_string())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url = format!("http://localhost:{port}");
    assert!(becomes_healthy(&url).await);
    (child, url)
}

/// Asks the process to end by a signal, which it does soon, and never as if
/// it had done its work: the Functions host starts nothing in its place then.
/// How long it took.
async fn end(mut child: Child, signal: &str, code: i32) -> Duration {
    let clock = SystemClock::new();
    let id = child.id().unwrap().to_string();
    let asking = Command::new("kill").args([signal, &id]).status().await;
    assert!(asking.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_mins(1), child.wait()).await;
    let status = ended.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(code));
    clock.monotonic()
}

/// As long as the last batches may take.
const FAREWELL: Duration = Duration::from_secs(3);

#[tokio::test]
async fn what_waits_is_sent_when_the_process_is_asked_to_end() {
    let rig = Rig::start().await;
    let settings = settings(&rig, &ingestion(&rig), "60000");
    for attempt in 1.. {
        let (child, url) = spawn(&settings).await;
        let request = rig.http.get(format!("{url}/auth/info"));
        request.send().await.unwrap();
        let took = end(child, "-TERM", 143).await;
        let items = received(&rig).await;
        let is_it = |item: &Value| item["tags"]["ai.operation.name"] == "GET /auth/info";
        if items.iter().any(is_it) {
            return;
        }
        // On a machine that stood still meanwhile the time was not enough.
        assert!(took >= FAREWELL && attempt < 3, "{took:?}: {items:?}");
    }
}

/// More events than the queues hold, whose batches take as long as a connection
/// may: whoever waited for a place would wait for minutes, and so would an end
/// that waited until all of them are sent.
#[tokio::test]
async fn ingestion_that_is_away_keeps_nobody_waiting() {
    let rig = Rig::start().await;
    // Nobody ever speaks there.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("https://{}/", silent.local_addr().unwrap());
    let mut settings = settings(&rig, &endpoint, "100");
    for (name, value) in [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "128"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "128"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "4"),
    ] {
        settings.push((name.to_owned(), value.to_owned()));
    }
    let (child, url) = spawn(&settings).await;
    // Five seconds for each four of those that find no place: eight minutes.
    let asking = async {
        for _ in 0..500 {
            let request = rig.http.get(format!("{url}/auth/info"));
            assert!(request.send().await.unwrap().status().is_success());
        }
    };
    tokio::time::timeout(Duration::from_mins(4), asking)
        .await
        .expect("nobody waits");
    end(child, "-INT", 130).await;
}
