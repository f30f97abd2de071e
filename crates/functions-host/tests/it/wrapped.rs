use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::ManualClock;
use entrada_functions_host::{Host, InvocationError};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::lifecycle::{gone, process};
use crate::package::{Package, last_seen};

fn header<'a>(seen: &'a Value, name: &str) -> Option<&'a str> {
    let headers = seen["headers"].as_array().unwrap();
    headers
        .iter()
        .find(|header| header[0] == name)
        .and_then(|header| header[1].as_str())
}

fn sweeping() -> Package {
    Package::new().timer("sweep").answer(
        "sweep",
        json!({"body": {"Outputs": {}, "Logs": ["swept 3 rows"], "ReturnValue": 3}}),
    )
}

#[tokio::test]
async fn a_timer_arrives_as_a_wrapped_call() {
    let host = sweeping().start().await;
    let result = host.invoke_timer("SWEEP").await.unwrap();
    assert_eq!(result.logs, ["swept 3 rows"]);
    assert_eq!(result.return_value.unwrap().get(), "3");
    let seen = last_seen(&host).await;
    assert_eq!(
        (seen["method"].as_str(), seen["path"].as_str()),
        (Some("POST"), Some("/sweep"))
    );
    assert_eq!(
        header(&seen, "content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(header(&seen, "transfer-encoding"), Some("chunked"));
    assert!(
        header(&seen, "user-agent")
            .unwrap()
            .starts_with("Azure-Functions-Host/")
    );
    assert!(header(&seen, "x-azure-functions-invocationid").is_some());
    for absent in [
        "x-ms-invocation-id",
        "x-forwarded-for",
        "x-forwarded-host",
        "traceparent",
    ] {
        assert_eq!(header(&seen, absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_timer_is_told_when_it_ran_last() {
    let package = sweeping();
    let clock = Arc::new(ManualClock::at(
        datetime!(2026-11-21 06:53:43.039_006_7 UTC),
    ));
    let mut options = package.options();
    options.clock = Arc::clone(&clock) as _;
    let host = package.start_with(options).await;
    let run = async || {
        host.invoke_timer("sweep").await.unwrap();
        let seen = last_seen(&host).await;
        serde_json::from_str::<Value>(seen["body"].as_str().unwrap()).unwrap()
    };
    let status = |last: &str, next: &str| json!({"Last": last, "Next": next, "LastUpdated": last});

    let mut first = run().await;
    let sys = first["Metadata"]["sys"].as_object_mut().unwrap();
    assert_eq!(sys.remove("RandGuid").unwrap().as_str().unwrap().len(), 36);
    let expected = json!({
        "Data": {"timer": {
            "Schedule": {"AdjustForDST": true},
            "ScheduleStatus": status("0001-01-01T00:00:00", "2026-11-21T06:53:43+00:00"),
            "IsPastDue": false,
        }},
        "Metadata": {"sys": {"MethodName": "sweep", "UtcNow": "2026-11-21T06:53:43.0390067Z"}},
    });
    assert_eq!(first, expected);
    clock.advance(Duration::from_mins(5));
    assert_eq!(
        run().await["Data"]["timer"]["ScheduleStatus"],
        status(
            "2026-11-21T06:53:43.0390067+00:00",
            "2026-11-21T06:58:43+00:00"
        )
    );
}

#[tokio::test]
async fn answers_that_the_host_cannot_use_are_failures() {
    let package = Package::new()
        .timer("empty")
        .timer("fails")
        .timer("moved")
        .timer("text")
        .timer("list")
        .answer("empty", json!({"body": ""}))
        .answer("fails", json!({"status": 500, "body": {}}))
        .answer("moved", json!({"status": 302, "body": {}}))
        .answer("text", json!({"content_type": "text/plain", "body": "{}"}))
        .answer("list", json!({"body": "[]"}));
    let host = package.start().await;
    let outcome = async |name: &str| host.invoke_timer(name).await.unwrap_err();
    assert!(matches!(outcome("empty").await, InvocationError::Hangs));
    assert!(matches!(outcome("fails").await, InvocationError::Status(status) if status == 500));
    assert!(matches!(outcome("moved").await, InvocationError::Status(status) if status == 302));
    assert!(matches!(outcome("text").await, InvocationError::Invalid(_)));
    assert!(matches!(outcome("list").await, InvocationError::Invalid(_)));
    assert!(matches!(
        outcome("other").await,
        InvocationError::NoSuchFunction(_)
    ));
}

#[tokio::test]
async fn a_tools_function_can_be_called_past_the_extension() {
    let host = Package::new()
        .tool("search")
        .answer("search", json!({"echo": "payload"}))
        .start()
        .await;
    let arguments = json!({"q": "rust"});
    let result = host
        .invoke_tool(
            "search",
            arguments.as_object(),
            &[("Authorization", "Bearer t")],
        )
        .await
        .unwrap();
    let call: String = serde_json::from_str(result.return_value.unwrap().get()).unwrap();
    let call: Value = serde_json::from_str(&call).unwrap();
    assert_eq!(
        call,
        json!({
            "name": "search",
            "arguments": {"q": "rust"},
            "transport": {
                "name": "http-streamable",
                "properties": {"headers": {"Authorization": "Bearer t"}},
            },
        })
    );
    assert!(matches!(
        host.invoke_timer("search").await,
        Err(InvocationError::NoSuchFunction(_))
    ));
}

#[tokio::test]
async fn a_function_that_takes_too_long_costs_the_handler_its_process() {
    let host = Package::new()
        .host("/functionTimeout", json!("00:00:01"))
        .timer("sse")
        .timer("sweep")
        .answer(
            "sweep",
            json!({"body": {"Outputs": {}, "Logs": [], "ReturnValue": 3}}),
        )
        .start()
        .await;
    // As often as the host bears failures no more: these are none.
    for _ in 0..3 {
        let before = process(&host).await;
        // `/sse` of the handler streams on and on.
        let error = host.invoke_timer("sse").await.unwrap_err().to_string();
        assert!(error.contains("exceeded by function 'sse'"), "{error}");
        gone(&before).await;
        sweeps(&host).await;
    }
}

/// The timer runs. On a machine that stands still it may take too long, which
/// costs one more handler.
async fn sweeps(host: &Host) {
    for _ in 0..5 {
        match host.invoke_timer("sweep").await {
            Ok(result) => return assert_eq!(result.return_value.unwrap().get(), "3"),
            Err(error) => assert!(error.to_string().contains("exceeded by function 'sweep'")),
        }
    }
    panic!("it takes too long each time");
}
