//! Whatever the Functions host sends to a tool's function, it gets an answer
//! that it can read; whoever imitates it finds nothing.

use entrada::functions::declarations;
use serde_json::{Value, json};

use super::{bearer, call, complaint, post, send, trigger, wrapped};
use crate::rig::{Rig, Watched};

/// Every tool's function, with an example of its arguments.
fn tools() -> Vec<(String, Value)> {
    let mut tools = Vec::new();
    for declaration in declarations().unwrap() {
        let trigger = &declaration.function["bindings"][0];
        if trigger["type"] == "mcpToolTrigger" {
            let schema: Value =
                serde_json::from_str(trigger["inputSchema"].as_str().unwrap()).unwrap();
            tools.push((declaration.name, schema["examples"][0].clone()));
        }
    }
    assert!(tools.len() > 15, "{}", tools.len());
    tools
}

/// `post` and its like check of every answer that it is a result in JSON, with
/// a text in it.
#[tokio::test]
async fn every_call_gets_a_result() {
    let rig = Rig::start().await;
    let everybody = ["all", "admin", "norole", "guest"].map(|persona| bearer(&rig.token(persona)));
    let mut succeeded = 0;
    for (tool, example) in tools() {
        for authorization in &everybody {
            let answer = call(&rig, &tool, example.clone(), authorization).await;
            succeeded += usize::from(answer["isError"] == false);
        }
        let odd = json!({"surely": {"not": ["an", "argument"]}});
        let answer = call(&rig, &tool, odd, &everybody[0]).await;
        assert_eq!(answer["isError"], true, "{tool}: {answer}");
        let anonymous = trigger(&tool, &example, &json!({})).to_string();
        let answer = post(&rig, &tool, wrapped(&anonymous)).await;
        let is_public = tool == "get_authentication_info";
        assert_eq!(answer["isError"], !is_public, "{tool}: {answer}");
    }
    // Tools that need something that does not exist do not.
    assert!(succeeded > 15, "{succeeded}");
}

#[tokio::test]
async fn what_cannot_be_read_gets_a_result_too() {
    let rig = Rig::start().await;
    let json = Some("application/json; charset=utf-8");
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let context = format!(r#"{{"Data":{{"context":{deep}}}}}"#);
    let unreadable: [&[u8]; 9] = [
        b"",
        b"null",
        b"{",
        b"[]",
        b"\"2026-01-02T03:04:05Z\"",
        b"\xff\xfe{}",
        b"{\"Data\":{\"context\":\"\\\"2026-01-02\\\"\"},\"Metadata\":{}}",
        deep.as_bytes(),
        context.as_bytes(),
    ];
    let large = bytes::Bytes::from(vec![b' '; (16 << 20) + 1]);
    for (tool, example) in tools() {
        for body in unreadable {
            let answer = send(&rig, &tool, json, body.to_vec()).await;
            let text = complaint(&answer);
            assert!(text.contains("the Functions host"), "{tool}: {text}");
        }
        let answer = send(&rig, &tool, json, large.clone()).await;
        let text = complaint(&answer);
        assert!(text.starts_with("The call is too large"), "{tool}: {text}");
        // The host says what it sends; what counts is what it is.
        let anonymous = wrapped(&trigger(&tool, &example, &json!({})).to_string());
        let as_json = send(&rig, &tool, json, anonymous.clone()).await;
        for content_type in [None, Some("text/plain"), Some("not a media type")] {
            let answer = send(&rig, &tool, content_type, anonymous.clone()).await;
            assert_eq!(answer["isError"], as_json["isError"], "{tool}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_tool_that_panics_gives_a_result() {
    let mut watched = None;
    let rig = Rig::inside(&[], |tables| {
        let tables = Watched::new(tables);
        watched = Some(tables.clone());
        tables
    })
    .await;
    watched.unwrap().break_tables(&BROKEN);
    let callers = ["all", "admin"].map(|persona| bearer(&rig.token(persona)));
    let mut panicked = Vec::new();
    for (tool, example) in tools() {
        for authorization in &callers {
            let answer = call(&rig, &tool, example.clone(), authorization).await;
            let said = answer["content"][0]["text"].as_str().unwrap();
            if said.starts_with("Something went wrong on our side.") {
                assert_eq!(answer["isError"], true, "{answer}");
                panicked.push(tool.clone());
            }
        }
    }
    panicked.dedup();
    for tool in ["save_record", "set_weather_alert", "secure_query_data"] {
        assert!(panicked.iter().any(|other| other == tool), "{panicked:?}");
    }
}

/// What tools keep for their tenants.
const BROKEN: [&str; 2] = ["entradarecords", "entradaalerts"];

/// The host calls by POST alone, and marks what it passes on for others.
#[tokio::test]
async fn whoever_is_not_the_host_finds_nothing() {
    let rig = Rig::start().await;
    let (_, nothing) = rig.ask(rig.http.post(rig.url("/no-such-route"))).await;
    let headers = json!({"authorization": bearer(&rig.token("all"))});
    for (tool, example) in tools() {
        let url = rig.handler.wrapped_url(&tool);
        let body = wrapped(&trigger(&tool, &example, &headers).to_string());
        let mut requests: Vec<_> = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]
            .into_iter()
            .map(|method| (method, rig.http.request(method.parse().unwrap(), &url)))
            .collect();
        for name in [
            "x-ms-invocation-id",
            "x-forwarded-host",
            "x-forwarded-for",
            "x-forwarded-proto",
            "forwarded",
        ] {
            // Empty, too: that somebody sent it is what counts.
            for value in ["x", ""] {
                let forged = rig.http.post(&url).header(name, value);
                requests.push((name, forged.body(body.clone())));
            }
        }
        for (what, request) in requests {
            let (status, error) = rig.ask(request).await;
            assert_eq!(status, 404, "{tool} {what}");
            if what != "HEAD" {
                assert_eq!(error["detail"], nothing["detail"], "{tool} {what}");
            }
        }
    }
}
