use entrada_functions_host::Host;
use serde_json::{Value, json};

use crate::http::{Connection, direct, get, request};
use crate::lifecycle::{exit, gone, process};
use crate::package::{Package, last_seen, seen};

/// Names of headers whose values differ from run to run.
const IDS: [&str; 4] = [
    "x-azure-functions-invocationid",
    "x-azure-functions-hostversion",
    "x-ms-invocation-id",
    "host",
];

fn comparable(headers: &Value, traceparent_was_sent: bool) -> Vec<(String, String)> {
    let mut comparable: Vec<_> = headers
        .as_array()
        .unwrap()
        .iter()
        .map(|header| {
            let name = header[0].as_str().unwrap().to_lowercase();
            let value = header[1].as_str().unwrap();
            let made_up = name == "traceparent" && !traceparent_was_sent;
            let value = if IDS.contains(&name.as_str()) || made_up {
                String::new()
            } else {
                value.to_owned()
            };
            (name, value)
        })
        .collect();
    comparable.sort();
    comparable
}

#[tokio::test]
async fn the_handler_sees_what_the_real_forwarder_sends() {
    let host = Package::new().web().start().await;
    let recorded = include_str!("../fixtures/forwarder.jsonl");
    let mut checked = 0;
    for line in recorded.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let sent = case["sent"][1].as_array().unwrap();
        let headers: Vec<_> = sent
            .iter()
            .map(|header| (header[0].as_str().unwrap(), header[1].as_str().unwrap()))
            .collect();
        let traceparent_was_sent = headers.iter().any(|(name, _)| *name == "traceparent");
        let body = case["sent"][2].as_str().unwrap();
        request(&host, case["sent"][0].as_str().unwrap(), &headers, body).await;

        let seen = last_seen(&host).await;
        let line = format!(
            "{} {}",
            seen["method"].as_str().unwrap(),
            seen["path"].as_str().unwrap()
        );
        assert_eq!(line, case["seen"][0].as_str().unwrap());
        assert_eq!(
            comparable(&seen["headers"], traceparent_was_sent),
            comparable(&case["seen"][1], traceparent_was_sent),
            "{line}"
        );
        assert_eq!(seen["body"], case["seen"][2], "{line}");
        let value = |name: &str| {
            let headers = seen["headers"].as_array().unwrap();
            let header = headers.iter().find(|header| header[0] == name);
            header.map(|header| header[1].as_str().unwrap().to_owned())
        };
        assert_eq!(
            value("host").unwrap(),
            format!("127.0.0.1:{}", host.handler_port())
        );
        assert_eq!(
            value("x-ms-invocation-id"),
            value("x-azure-functions-invocationid")
        );
        assert_ne!(value("x-ms-invocation-id").unwrap(), "forged");
        if !traceparent_was_sent {
            assert!(value("traceparent").unwrap().ends_with("-00"));
        }
        checked += 1;
    }
    assert_eq!(checked, 6);
}

#[tokio::test]
async fn events_arrive_one_by_one_as_they_are_written() {
    let host = Package::new().web().start().await;
    let mut client = Connection::open(&host).await;
    client.send("GET /sse HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (status, _) = client.head().await;
    assert_eq!(status, 200);
    assert_eq!(client.chunk().await, "data: 0\n\n");
    for number in 1..4 {
        direct(&host, "POST", "/control/release").await;
        assert_eq!(client.chunk().await, format!("data: {number}\n\n"));
    }
    direct(&host, "POST", "/control/end").await;
    assert_eq!(client.chunk().await, "");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_handlers_stream() {
    let host = Package::new().web().start().await;
    let mut client = Connection::open(&host).await;
    client.send("GET /sse HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.head().await;
    assert_eq!(client.chunk().await, "data: 0\n\n");
    drop(client);
    // Answers only when the stream was dropped.
    assert_eq!(direct(&host, "GET", "/control/dropped").await.status, 200);
}

#[tokio::test]
async fn a_request_body_streams_while_its_answer_does() {
    let host = Package::new().web().start().await;
    let mut client = Connection::open(&host).await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .await;
    client.head().await;
    assert_eq!(client.chunk().await, "one");
    client.send("3\r\ntwo\r\n").await;
    assert_eq!(client.chunk().await, "two");
    client.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, "");
}

#[tokio::test]
async fn answers_pass_untouched() {
    let host = Package::new().web().start().await;
    let redirect = get(&host, "/redirect").await;
    assert_eq!(redirect.status, 302);
    assert_eq!(redirect.header("location"), Some("/elsewhere?a=b"));
    let unauthorized = get(&host, "/unauthorized").await;
    assert_eq!(unauthorized.status, 401);
    assert_eq!(
        unauthorized.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
    let cookies = get(&host, "/cookies").await;
    let set: Vec<_> = cookies
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(set, ["__Host-a=1; Path=/; Secure", "b=2; HttpOnly"]);
    let plain = get(&host, "/any/path%20here?x=%20y").await;
    assert_eq!(plain.header("server"), Some("recording-handler"));
    assert_eq!(plain.header("date"), Some("Sat, 21 Nov 2026 06:55:08 GMT"));
    assert_eq!(plain.header("content-length"), Some("8"));
    assert_eq!(plain.text(), "recorded");
    assert_eq!(last_seen(&host).await["path"], "/any/path%20here?x=%20y");
    let head = request(&host, "HEAD /a", &[], "").await;
    assert_eq!(head.header("content-length"), Some("8"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_it_is_sent() {
    let package = Package::new().web();
    let options = package
        .options()
        .setting("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "1000");
    let host = package.start_with(options).await;
    let declared = request(&host, "POST /a", &[], [b'x'; 1001]).await;
    assert_eq!(declared.status, 413);
    assert!(seen(&host).await.iter().all(|seen| seen["path"] != "/a"));
    let chunked = [("Transfer-Encoding", "chunked")];
    assert_eq!(
        request(&host, "POST /a", &chunked, [b'x'; 1001])
            .await
            .status,
        413
    );
    assert_eq!(
        request(&host, "POST /a", &chunked, [b'x'; 1000])
            .await
            .status,
        200
    );
    assert_eq!(
        request(&host, "POST /a", &[], [b'x'; 1000]).await.status,
        200
    );
}

#[tokio::test]
async fn a_large_body_reaches_the_handler() {
    let host = Package::new().web().start().await;
    let answer = request(&host, "POST /a", &[], vec![b'x'; 8_000_000]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(last_seen(&host).await["body"], "8000000");
}

#[tokio::test]
async fn header_values_that_are_not_utf8_are_refused() {
    let host = Package::new().web().start().await;
    let mut client = Connection::open(&host).await;
    client
        .send(b"GET /a HTTP/1.1\r\nHost: a\r\nX-Latin: caf\xe9\r\n\r\n")
        .await;
    assert_eq!(client.answer(false).await.status, 400);
}

#[tokio::test]
async fn a_handler_that_has_left_is_a_bad_gateway() {
    let host = Package::new().web().start().await;
    // A handler that exits with 0 is not started again.
    exit(&host, 0).await;
    for body in ["", "with a body"] {
        let answer = request(&host, "POST /a", &[], body).await;
        assert_eq!(answer.status, 502);
        assert!(answer.body.is_empty());
    }
}

/// A request that needs no time. On a machine that stands still it may take
/// too long all the same, which costs one more handler, or the next handler
/// does.
async fn quick(host: &Host) {
    for _ in 0..5 {
        let answer = get(host, "/quick").await;
        if answer.status == 200 {
            return assert_eq!(answer.text(), "recorded");
        }
        assert!(matches!(answer.status, 500 | 502), "{}", answer.status);
    }
    panic!("it takes too long each time");
}

#[tokio::test]
async fn a_request_that_takes_too_long_costs_the_handler_its_process() {
    let host = Package::new()
        .web()
        .host("/functionTimeout", json!("00:00:01"))
        .answer("slow", json!({"hold": true, "body": "late"}))
        .start()
        .await;
    let before = process(&host).await;
    assert_eq!(get(&host, "/slow").await.status, 500);
    gone(&before).await;
    quick(&host).await;
}

/// The function has not ended before its answer has.
#[tokio::test]
async fn a_stream_that_takes_too_long_breaks_with_the_handlers_process() {
    let host = Package::new()
        .web()
        .host("/functionTimeout", json!("00:00:05"))
        .start()
        .await;
    let before = process(&host).await;
    let mut stream = Connection::open(&host).await;
    stream.send("GET /sse HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(stream.head().await.0, 200);
    assert_eq!(stream.chunk().await, "data: 0\n\n");
    stream.closed().await;
    gone(&before).await;

    quick(&host).await;
    let before = process(&host).await;
    // Who has ended in time is forgotten.
    tokio::time::sleep(std::time::Duration::from_millis(5_500)).await;
    assert_eq!(process(&host).await, before);
}
