//! What was recorded from the real extension, and how answers are compared
//! with it.

use entrada_functions_host::Host;
use serde_json::{Value, json};

use crate::http::{Answer, Connection, written};
use crate::package::Package;

/// Headers of requests where a recording names none.
pub(crate) const USUAL: [(&str, &str); 2] = [
    ("Accept", "application/json, text/event-stream"),
    ("Content-Type", "application/json"),
];

/// Headers of answers where a recording names none: those of a stream.
const OF_A_STREAM: [(&str, &str); 5] = [
    ("Connection", "keep-alive"),
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache,no-store"),
    ("Content-Encoding", "identity"),
    ("Transfer-Encoding", "chunked"),
];

/// Where a tool that gives back what it was told has the headers.
pub(crate) const HEADERS: &str = "/transport/properties/headers";

/// The functions that were declared to the real extension, and what they
/// answered.
pub(crate) fn recorded_functions() -> Package {
    let mut package = Package::new();
    for line in include_str!("../fixtures/functions.jsonl").lines() {
        let function: Value = serde_json::from_str(&line.replace("$BIG", &big())).unwrap();
        let name = function["function"].as_str().unwrap();
        package = package
            .function(name, &function["bindings"])
            .answer(name, function["answer"].clone());
    }
    package
}

fn big() -> String {
    "x".repeat(256 * 1024)
}

/// A recorded request and its answer.
pub(crate) struct Case {
    pub(crate) note: String,
    pub(crate) line: String,
    headers: Vec<(String, Vec<u8>)>,
    body: String,
    pub(crate) status: u16,
    answer_headers: Vec<(String, String)>,
    pub(crate) answer: String,
    /// What came on a stream, or began it.
    pub(crate) event: Option<String>,
}

impl Case {
    /// Reads a line of a fixture, names in it replaced.
    pub(crate) fn read(line: &str, names: &[(&str, &str)]) -> Self {
        let mut line = line.replace("$BIG", &big());
        for (name, value) in names {
            line = line.replace(name, value);
        }
        let case: Value = serde_json::from_str(&line).unwrap();
        let (request, answer) = (&case["request"], &case["answer"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            note: text(&case["note"]),
            line: text(&request[0]),
            headers: pairs(&request[1], &USUAL)
                .into_iter()
                .map(|(name, value)| (name, as_sent(&value)))
                .collect(),
            body: text(&request[2]),
            status: u16::try_from(answer[0].as_u64().unwrap()).unwrap(),
            answer_headers: pairs(&answer[1], &OF_A_STREAM),
            answer: text(&answer[2]),
            event: case["event"].as_str().map(str::to_owned),
        }
    }

    /// The request as it is sent.
    pub(crate) fn written(&self) -> Vec<u8> {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        written(&self.line, &headers, self.body.as_bytes())
    }

    pub(crate) async fn ask(&self, host: &Host) -> Answer {
        let mut connection = Connection::open(host).await;
        connection.send(self.written()).await;
        connection.answer(false).await
    }

    /// Status, headers and JSON of an answer are those that were recorded.
    pub(crate) fn check(&self, answer: &Answer) {
        let (note, text) = (&self.note, answer.text());
        assert_eq!(answer.status, self.status, "{note}: {text}");
        assert_eq!(message(&text), message(&self.answer), "{note}");
        assert_eq!(
            order(&text).is_sorted(),
            order(&self.answer).is_sorted(),
            "{note}"
        );
        self.check_headers(&answer.headers);
    }

    pub(crate) fn check_headers(&self, headers: &[(String, String)]) {
        for name in [
            "Connection",
            "Content-Type",
            "Cache-Control",
            "Content-Encoding",
            "Transfer-Encoding",
            "Mcp-Session-Id",
        ] {
            let of = |headers: &[(String, String)]| {
                let header = headers
                    .iter()
                    .find(|(other, _)| other.eq_ignore_ascii_case(name));
                header.map(|(_, value)| {
                    if name == "Mcp-Session-Id" {
                        "an id".to_owned()
                    } else {
                        value.clone()
                    }
                })
            };
            assert_eq!(
                of(headers),
                of(&self.answer_headers),
                "{}: {name}",
                self.note
            );
        }
    }
}

fn pairs(recorded: &Value, usual: &[(&str, &str)]) -> Vec<(String, String)> {
    match recorded.as_array() {
        None => usual
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        Some(pairs) => pairs
            .iter()
            .map(|pair| {
                let text = |index: usize| pair[index].as_str().unwrap().to_owned();
                (text(0), text(1))
            })
            .collect(),
    }
}

/// Recordings show each byte of a header as one character.
fn as_sent(value: &str) -> Vec<u8> {
    value
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("a byte"))
        .collect()
}

/// The JSON in an answer: of its one event, or its whole body.
pub(crate) fn message(body: &str) -> Value {
    let Some(data) = body.strip_prefix("event: message\ndata: ") else {
        return serde_json::from_str(body).unwrap_or(json!(body));
    };
    let line = data.strip_suffix("\n\n").expect("one event");
    assert!(!line.contains('\n') && line.is_ascii(), "{line}");
    let mut message: Value = serde_json::from_str(line).unwrap();
    for list in ["tools", "resources", "prompts"] {
        let list = message.pointer_mut(&format!("/result/{list}"));
        if let Some(list) = list.and_then(Value::as_array_mut) {
            // The host registers functions in the order of their names.
            list.sort_by_key(|entry| entry["name"].to_string());
        }
    }
    // A text in which a tool gives back what it was told.
    if let Some(text) = message.pointer_mut("/result/content/0/text")
        && let Ok(mut call) = serde_json::from_str::<Value>(text.as_str().unwrap_or_default())
        && let Some(headers) = call.pointer_mut(HEADERS)
    {
        forget_connection(headers);
        *text = call;
    }
    message
}

/// Removes what differs between a recording and a test.
pub(crate) fn forget_connection(headers: &mut Value) {
    let headers = headers.as_object_mut().unwrap();
    headers.remove("Host");
    headers.remove("Content-Length");
}

/// Members in the order in which they are written.
fn order(body: &str) -> Vec<usize> {
    ["\"id\":", "\"jsonrpc\":"]
        .iter()
        .filter_map(|member| body.rfind(member))
        .collect()
}
