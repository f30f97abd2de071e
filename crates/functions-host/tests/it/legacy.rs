//! Recorded requests to the door of server-sent events.

use entrada_functions_host::Host;

use crate::http::Connection;
use crate::recorded::{Case, message, recorded_functions};

/// Opens a stream as recorded, and gives it with the name that its first event
/// has for it.
pub(crate) async fn open(host: &Host, case: &Case) -> (Connection, String) {
    let mut stream = Connection::open(host).await;
    stream.send(case.written()).await;
    let (status, headers) = stream.head().await;
    assert_eq!(status, case.status, "{}", case.note);
    case.check_headers(&headers);
    let first = stream.chunk().await;
    let (_, state) = first.split_once("azmcpcs=").expect("a name");
    let state = state.split(['&', '\n']).next().unwrap().to_owned();
    let expected = case.event.as_ref().unwrap().replace("$STATE", &state);
    assert_eq!(first, expected, "{}", case.note);
    (stream, state)
}

/// A message without ids of clients and instances.
fn anonymous(text: &str) -> String {
    let text = text.replace("\\u0027", "'");
    let words = text
        .split('\'')
        .map(|word| if word.len() == 16 { "an id" } else { word });
    words.collect::<Vec<_>>().join("'")
}

#[tokio::test]
async fn clients_get_what_the_real_extension_answered_over_sse() {
    let host = recorded_functions().start().await;
    let mut stream: Option<Connection> = None;
    let mut state = String::new();
    let mut replayed = 0;
    for line in include_str!("../fixtures/extension_sse.jsonl").lines() {
        replayed += 1;
        let mut case = Case::read(line, &[("$STATE", &state)]);
        if case.line.starts_with("GET ") && case.event.is_some() {
            let (opened, name) = open(&host, &Case::read(line, &[])).await;
            if state.is_empty() {
                (stream, state) = (Some(opened), name);
            }
            continue;
        }
        if case.note == "POST after the stream was closed" {
            stream = None;
            is_closed(&host, &case).await;
        }
        let mut answer = case.ask(&host).await;
        answer.body = anonymous(&answer.text()).into_bytes();
        case.answer = anonymous(&case.answer);
        case.check(&answer);
        if let Some(event) = &case.event {
            let said = stream.as_mut().unwrap().chunk().await;
            assert_eq!(message(&said), message(event), "{}", case.note);
        }
    }
    assert_eq!(replayed, 22);
}

/// Waits until the host has noticed that a stream's client is gone.
async fn is_closed(host: &Host, case: &Case) {
    for _ in 0..200 {
        if case.ask(host).await.status == case.status {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
}
