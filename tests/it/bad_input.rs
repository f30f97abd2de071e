//! Bad input gets the documented error, never a panic or a hang.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::rig::Rig;

fn assert_documented(error: &Value, code: &str) {
    assert_eq!(error["code"], code, "{error}");
    assert!(error["detail"].as_str().is_some_and(|text| text.len() > 10));
    assert!(
        error["timestamp"]
            .as_str()
            .is_some_and(|text| text.ends_with('Z'))
    );
    assert!(
        error["correlation_id"]
            .as_str()
            .is_some_and(|text| text.len() == 36)
    );
}

#[tokio::test]
async fn bodies_that_are_not_what_was_asked_for() {
    let rig = Rig::start().await;
    let url = rig.url("/auth/exchange");
    let json_type = ("content-type", "application/json");
    for (body, status, code) in [
        ("{", 400, "MALFORMED_JSON"),
        ("", 400, "MALFORMED_JSON"),
        ("[]", 422, "INVALID_BODY"),
        (r#"{"auth_code": 7}"#, 422, "INVALID_BODY"),
        (r#"{"auth_code": "x", "extra": 1}"#, 422, "INVALID_BODY"),
        (r#"{"auth_code": "x"}"#, 400, "INVALID_GRANT"),
    ] {
        let request = rig
            .http
            .post(&url)
            .header(json_type.0, json_type.1)
            .body(body);
        let (found, error) = rig.ask(request).await;
        assert_eq!(found, status, "{body}");
        assert_documented(&error, code);
    }
    let (status, error) = rig.ask(rig.http.post(&url).body("x=1")).await;
    assert_eq!(status, 415);
    assert_documented(&error, "UNSUPPORTED_MEDIA_TYPE");
}

/// Status and text of the answer to a body that the server need not read to
/// its end. It may close the connection then while the rest is still sent: for
/// other clients a broken connection, although the answer has come.
pub(crate) async fn answer_to_large(
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let (address, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let length = body.len();
    let mut head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n"
    );
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let _ = connection.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.to_owned())
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_too_large() {
    let rig = Rig::start().await;
    let bearer = format!("Bearer {}", rig.token("reader"));
    let large = json!({"auth_code": "x".repeat(10 * 1024 * 1024)}).to_string();
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    for path in ["/auth/exchange", "/auth/refresh", "/mcp", "/api/chat"] {
        let (status, _) = answer_to_large(&rig.url(path), &headers, &large).await;
        assert_eq!(status, 413, "{path}");
    }
    let (status, _) = rig.ask(rig.http.get(rig.url("/"))).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn logout_reads_no_more_than_other_routes() {
    let rig = Rig::start().await;
    let large = json!({"refresh_token": "x".repeat(100 * 1024)});
    let request = rig.http.post(rig.url("/auth/logout")).json(&large);
    let (status, error) = rig.ask(request).await;
    assert_eq!(status, 413);
    assert_documented(&error, "PAYLOAD_TOO_LARGE");
}

/// Clients send headers and body in two writes, and do not repeat a request on
/// a connection that they believe in.
#[tokio::test]
async fn a_refusal_before_the_body_arrived_keeps_the_connection() {
    let rig = Rig::start().await;
    let url = rig.url("/mcp");
    let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
    let mut connection = BufReader::new(TcpStream::connect(address).await.unwrap());
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for _ in 0..3 {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nauthorization: Bearer none\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        connection.write_all(body.as_bytes()).await.unwrap();
        let mut length = 0;
        let mut status = None;
        loop {
            let mut line = String::new();
            assert_ne!(connection.read_line(&mut line).await.unwrap(), 0, "closed");
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once([':', ' ']).unwrap();
            match name.to_ascii_lowercase().as_str() {
                "http/1.1" => status = value.get(..3).map(str::to_owned),
                "content-length" => length = value.trim().parse().unwrap(),
                "connection" => panic!("{line}"),
                _ => {}
            }
        }
        assert_eq!(status.as_deref(), Some("401"));
        let mut answer = vec![0; length];
        connection.read_exact(&mut answer).await.unwrap();
    }
}

#[tokio::test]
async fn unknown_routes_and_methods() {
    let rig = Rig::start().await;
    for path in [
        "/nothing",
        "/api/nothing",
        "/auth",
        "/mcp/",
        "/.well-known/nothing",
    ] {
        let (status, error) = rig.ask(rig.http.get(rig.url(path))).await;
        assert_eq!(status, 404, "{path}");
        assert_documented(&error, "NOT_FOUND");
    }
    for (method, path) in [
        ("PUT", "/auth/exchange"),
        ("DELETE", "/api/health"),
        ("POST", "/auth/login"),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let (status, error) = rig.ask(rig.http.request(method, rig.url(path))).await;
        assert_eq!(status, 405, "{path}");
        assert_documented(&error, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn login_refuses_what_it_does_not_know() {
    let rig = Rig::start().await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let front_end = "http://localhost:5173/signed-in";
    for (query, code) in [
        (
            "?redirect_uri=https://evil.example/".to_owned(),
            "INVALID_REQUEST",
        ),
        (
            format!("?redirect_uri={front_end}/&state=s&code_challenge={challenge}"),
            "INVALID_REQUEST",
        ),
        (
            format!("?redirect_uri={front_end}&code_challenge={challenge}"),
            "INVALID_REQUEST",
        ),
        (
            format!("?redirect_uri={front_end}&state=s"),
            "INVALID_REQUEST",
        ),
        (
            format!(
                "?redirect_uri={front_end}&state=s&code_challenge={challenge}&code_challenge_method=plain"
            ),
            "INVALID_REQUEST",
        ),
        ("?prompt=none".to_owned(), "INVALID_REQUEST"),
        (
            "?scope=https://graph.microsoft.com/Mail.Read".to_owned(),
            "INVALID_SCOPE",
        ),
        ("?unknown=1".to_owned(), "INVALID_QUERY"),
    ] {
        let (status, error) = rig
            .ask(rig.http.get(rig.url(&format!("/auth/login{query}"))))
            .await;
        assert_eq!(status, 400, "{query}");
        assert_documented(&error, code);
    }
}
