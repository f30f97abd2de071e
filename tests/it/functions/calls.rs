//! Calls of tools through functions of their own: who may, and what comes of
//! it.

use serde_json::{Value, json};

use super::{bearer, call, complaint, post, trigger, wrapped};
use crate::rig::Rig;

#[tokio::test]
async fn a_tool_answers_whoever_may_call_it_and_is_unknown_to_others() {
    let rig = Rig::start().await;
    let reader = bearer(&rig.token("reader"));
    let weather = call(&rig, "get_weather", json!({"city": "Lisbon"}), &reader).await;
    assert_eq!(weather["isError"], false, "{weather}");
    assert_eq!(weather["structuredContent"]["city"], "Lisbon");
    let text = weather["content"][0]["text"].as_str().unwrap();
    let text: Value = serde_json::from_str(text).unwrap();
    assert_eq!(text, weather["structuredContent"]);
    assert!(weather.get("resultType").is_none());

    let storm = json!({"city": "Lisbon", "condition": "storm"});
    let refused = call(&rig, "set_weather_alert", storm.clone(), &reader).await;
    assert!(complaint(&refused).starts_with("Unknown tool: set_weather_alert."));
    let writer = bearer(&rig.token("writer"));
    let made = call(&rig, "set_weather_alert", storm, &writer).await;
    assert!(made["structuredContent"]["alert_id"].is_string(), "{made}");
    let stats = call(&rig, "admin_weather_stats", json!({}), &writer).await;
    assert!(complaint(&stats).starts_with("Unknown tool"));
}

#[tokio::test]
async fn the_function_decides_and_not_the_name_in_the_payload() {
    let rig = Rig::start().await;
    let headers = json!({"authorization": bearer(&rig.token("reader"))});
    let arguments = json!({"city": "Porto", "condition": "storm"});
    // A client names a tool that it may call; the host called another one.
    let disguised = trigger("get_weather", &arguments, &headers).to_string();
    let refused = post(&rig, "set_weather_alert", wrapped(&disguised)).await;
    assert!(complaint(&refused).starts_with("Unknown tool: set_weather_alert."));
    // The extension passes names on as they were written.
    for name in ["GET_WEATHER", "set_weather_alert", ""] {
        let call = trigger(name, &json!({"city": "Porto"}), &headers).to_string();
        let weather = post(&rig, "get_weather", wrapped(&call)).await;
        assert_eq!(weather["structuredContent"]["city"], "Porto", "{name}");
    }
}

#[tokio::test]
async fn arguments_are_checked_in_full() {
    let rig = Rig::start().await;
    let reader = bearer(&rig.token("reader"));
    for arguments in [
        json!({}),
        json!({"city": 5}),
        json!({"city": ""}),
        json!({"city": "x".repeat(101)}),
        json!({"city": "Lisbon", "more": 1}),
    ] {
        let answer = call(&rig, "get_weather", arguments.clone(), &reader).await;
        assert!(
            complaint(&answer).starts_with("Invalid arguments: "),
            "{arguments}"
        );
    }
    let days = json!({"city": "Lisbon", "days": 6});
    let answer = call(&rig, "get_weather_forecast", days, &reader).await;
    assert!(complaint(&answer).contains("days"));
}

#[tokio::test]
async fn calls_count_against_the_callers_limit() {
    let rig = Rig::with(&[("ENTRADA_REQUESTS_PER_MINUTE", "2")]).await;
    let reader = bearer(&rig.token("reader"));
    let mut limited = None;
    for _ in 0..12 {
        let answer = call(&rig, "whoami", json!({}), &reader).await;
        if answer["isError"] == true {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("a call too many");
    assert!(complaint(&limited).starts_with("Too many requests. Try again in"));
    // Others are not held up.
    let writer = bearer(&rig.token("writer"));
    let answer = call(&rig, "whoami", json!({}), &writer).await;
    assert_eq!(answer["isError"], false, "{answer}");
}

#[tokio::test]
async fn calls_are_in_the_audit_log() {
    let rig = Rig::start().await;
    let storm = json!({"city": "Lisbon", "condition": "storm"});
    let writer = bearer(&rig.token("writer"));
    call(&rig, "set_weather_alert", storm.clone(), &writer).await;
    let reader = bearer(&rig.token("reader"));
    call(&rig, "set_weather_alert", storm, &reader).await;
    let admin = bearer(&rig.token("admin"));
    let query = json!({"tool": "set_weather_alert"});
    let log = call(&rig, "admin_audit_query", query, &admin).await;
    let entries = log["structuredContent"]["entries"].as_array().unwrap();
    let outcomes: Vec<_> = entries
        .iter()
        .map(|entry| entry["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["refused", "succeeded"], "{log}");
}
