use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Bench, at_endpoint, kinds, text_of};
use crate::TokenRequest;

#[tokio::test]
async fn the_assistant_says_whose_token_it_was_called_with() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("assistant", "responses");
    for persona in ["reader", "writer"] {
        let body = json!({"input": "good day", "stream": true});
        let (events, broke) = bench.stream(persona, &endpoint, body).await;
        assert!(!broke);
        let known = crate::directory::persona(persona).unwrap();
        assert_eq!(
            text_of(&events),
            format!(
                "Turn 1: {} ({}, {} of {}) said: good day",
                known.display_name, known.user_principal_name, known.object_id, known.tenant
            )
        );
        let numbers = events
            .iter()
            .map(|event| event["sequence_number"].as_u64().unwrap());
        assert!(numbers.eq(0..events.len() as u64));
        assert_eq!(events[0]["type"], "response.created");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.completed");
        assert!(last["response"]["agent_session_id"].is_string());
        let repeated = &last["response"]["output"][0]["content"][0]["text"];
        assert_eq!(repeated.as_str().unwrap(), text_of(&events));
    }
}

#[tokio::test]
async fn the_researcher_calls_a_tool() {
    let bench = Bench::start().await;
    let body = json!({"input": "bugs", "stream": true});
    let (events, _) = bench
        .stream("reader", &at_endpoint("researcher", "responses"), body)
        .await;
    let kinds = kinds(&events);
    for kind in [
        "response.mcp_list_tools.completed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.done",
        "response.mcp_call.completed",
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    assert_eq!(text_of(&events), "I found 3 issues about: bugs");
}

#[tokio::test]
async fn consent_is_asked_for_until_it_is_given_by_that_person() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("consenter", "responses");
    let body = json!({"input": "go", "stream": true});
    let (events, _) = bench.stream("reader", &endpoint, body.clone()).await;
    let asked: Vec<_> = kinds(&events);
    assert!(asked.contains(&"response.oauth_consent_requested"));
    let request = &events.last().unwrap()["response"]["output"][0];
    assert_eq!(request["type"], "oauth_consent_request");
    let link = request["consent_link"].as_str().unwrap();
    assert!(link.starts_with("https://localhost:"));

    // The page on the plain port is the same.
    let (_, state) = link.split_once("data=").unwrap();
    let page = format!("{}foundry/login", bench.stand_ins.url());
    let ask = bench.http.get(format!("{page}?data={state}")).send().await;
    assert!(ask.unwrap().text().await.unwrap().contains(state));
    let give = || bench.http.post(&page).form(&[("data", state)]).send();
    assert_eq!(give().await.unwrap().status(), 200);
    assert_eq!(give().await.unwrap().status(), 404, "a link serves once");

    let again = json!({"input": "go", "stream": true,
        "previous_response_id": events[0]["response"]["id"]});
    let (events, _) = bench.stream("reader", &endpoint, again).await;
    assert_eq!(text_of(&events), "With your consent, go.");
    let (events, _) = bench.stream("writer", &endpoint, body.clone()).await;
    assert_eq!(text_of(&events), "", "another person is asked");

    bench
        .control("consents/reader", json!({"granted": false}))
        .await;
    let (events, _) = bench.stream("reader", &endpoint, body).await;
    assert_eq!(text_of(&events), "");
}

#[tokio::test]
async fn consent_comes_in_the_shape_that_was_set() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("consenter", "responses");
    for (shape, expected) in [
        ("added", "response.output_item.added"),
        ("done", "response.output_item.done"),
        ("event", "response.oauth_consent_requested"),
        ("output", "response.completed"),
    ] {
        let behaviour = json!({"consent_shape": shape, "consent_link": "http://x.example/"});
        bench.control("behaviour", behaviour).await;
        let body = json!({"input": "go", "stream": true});
        let (events, _) = bench.stream("reader", &endpoint, body).await;
        let carriers: Vec<_> = events
            .iter()
            .filter(|event| event.to_string().contains("http://x.example/"))
            .cloned()
            .collect();
        assert_eq!(kinds(&carriers), [expected]);
    }
}

#[tokio::test]
async fn the_approver_follows_the_answer() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("approver", "responses");
    for (approve, said) in [
        (true, "Done, as you approved."),
        (false, "Then I leave it alone."),
    ] {
        let body = json!({"input": "issue 7", "stream": true});
        let (events, _) = bench.stream("reader", &endpoint, body).await;
        let response = &events.last().unwrap()["response"];
        let request = &response["output"][0];
        assert_eq!(request["type"], "mcp_approval_request");
        assert_eq!(request["arguments"], r#"{"issue":"issue 7"}"#);
        let answer = |id: &Value| {
            json!({"stream": true, "previous_response_id": response["id"], "input": [
                {"type": "mcp_approval_response", "approval_request_id": id, "approve": approve}]})
        };
        let (events, _) = bench
            .stream("reader", &endpoint, answer(&request["id"]))
            .await;
        assert_eq!(text_of(&events), said);
        let unknown = bench
            .post("reader", &endpoint, answer(&json!("mcpr_x")))
            .await;
        assert_eq!(unknown.0, 400);
    }
}

#[tokio::test]
async fn a_broken_stream_can_be_resumed_where_it_broke() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("breaker", "responses");
    let body = json!({"input": "one two three", "stream": true, "background": true});
    let (mut events, broke) = bench.stream("reader", &endpoint, body).await;
    assert!(broke);
    let pieces = kinds(&events)
        .iter()
        .filter(|kind| kind.ends_with("text.delta"))
        .count();
    assert_eq!(pieces, 3);
    let id = events[0]["response"]["id"].as_str().unwrap().to_owned();
    let path = at_endpoint("breaker", &format!("responses/{id}"));
    let last = &events.last().unwrap()["sequence_number"];
    let resumed = format!("{path}&stream=true&starting_after={last}");
    let (rest, broke) = bench
        .events("reader", Method::GET, &resumed, Value::Null)
        .await;
    assert!(!broke);
    events.extend(rest);
    let whole = format!("{path}&stream=true");
    let (whole, _) = bench
        .events("reader", Method::GET, &whole, Value::Null)
        .await;
    assert_eq!(events, whole);
    assert!(text_of(&events).ends_with("said: one two three"));
    assert_eq!(
        bench
            .get("reader", &format!("{path}&starting_after=1"))
            .await
            .0,
        400
    );
    let odd = format!("{path}&stream=true&starting_after=x");
    assert_eq!(bench.get("reader", &odd).await.0, 400);
}

#[tokio::test]
async fn a_response_that_is_not_made_in_the_background_ends_with_its_connection() {
    let bench = Bench::start().await;
    bench
        .control("behaviour", json!({"slow_pause_ms": 60_000}))
        .await;
    let token = bench.mint(TokenRequest::for_persona("reader"));
    let endpoint = at_endpoint("slow", "responses");
    let body = json!({"input": "count", "stream": true});
    let mut answer = bench.send(Method::POST, &endpoint, &token, body).await;
    let first = answer.chunk().await.unwrap().unwrap();
    let first = std::str::from_utf8(&first).unwrap();
    let data = first.lines().find_map(|line| line.strip_prefix("data: "));
    let created: Value = serde_json::from_str(data.unwrap()).unwrap();
    let id = created["response"]["id"].as_str().unwrap();
    let path = at_endpoint("slow", &format!("responses/{id}"));
    for (method, path) in [
        (Method::GET, format!("{path}&stream=true")),
        (
            Method::POST,
            at_endpoint("slow", &format!("responses/{id}/cancel")),
        ),
    ] {
        let (status, refused) = bench.call("reader", method, &path, Value::Null).await;
        assert_eq!(status, 400, "{refused}");
    }
    assert_eq!(bench.get("reader", &path).await.1["status"], "in_progress");
    drop(answer);
    for _ in 0..500 {
        if bench.get("reader", &path).await.1["status"] == "cancelled" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it goes on without its connection");
}

#[tokio::test]
async fn a_running_response_can_be_joined_and_cancelled() {
    let bench = Bench::start().await;
    bench
        .control("behaviour", json!({"slow_pause_ms": 60_000}))
        .await;
    let endpoint = at_endpoint("slow", "responses");
    let body = json!({"input": "count", "background": true});
    let (_, response) = bench.post("reader", &endpoint, body).await;
    assert_eq!(response["status"], "in_progress");
    let path = format!("responses/{}", response["id"].as_str().unwrap());
    let follow = format!("{}&stream=true", at_endpoint("slow", &path));
    let stream = bench.events("reader", Method::GET, &follow, Value::Null);
    let cancel = at_endpoint("slow", &format!("{path}/cancel"));
    let cancel = bench.post("reader", &cancel, Value::Null);
    let ((events, broke), (status, cancelled)) = tokio::join!(stream, cancel);
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    assert!(!broke);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["status"], "cancelled");
}

#[tokio::test]
async fn the_slow_one_counts_and_the_failing_one_fails() {
    let bench = Bench::start().await;
    bench
        .control("behaviour", json!({"slow_pause_ms": 1, "slow_words": 3}))
        .await;
    let body = json!({"input": "go", "stream": true});
    let (slow, failing) = (
        at_endpoint("slow", "responses"),
        at_endpoint("failing", "responses"),
    );
    let (events, _) = bench.stream("reader", &slow, body.clone()).await;
    assert_eq!(text_of(&events), "1 2 3 ");
    let whole = json!({"input": "go"});
    let (_, whole) = bench.post("reader", &slow, whole).await;
    assert_eq!(whole["status"], "completed");
    assert_eq!(whole["output"][0]["content"][0]["text"], "1 2 3 ");
    let (events, _) = bench.stream("reader", &failing, body).await;
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["error"]["code"], "server_error");
}

#[tokio::test]
async fn the_huge_one_says_as_much_as_it_was_told() {
    let bench = Bench::start().await;
    bench
        .control("behaviour", json!({"huge_bytes": 100_001}))
        .await;
    let body = json!({"input": "go", "stream": true});
    let (events, _) = bench
        .stream("reader", &at_endpoint("huge", "responses"), body)
        .await;
    assert_eq!(text_of(&events).len(), 100_001);
}
