use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::encoding::{lock, sha256};

/// Requests that are remembered; older ones are dropped.
const CAPACITY: usize = 1000;

/// Largest request body that is read, in bytes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Names of form fields, query parameters and JSON members whose values are
/// secrets.
const SECRETS: &[&str] = &[
    "access_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "context",
    "id_token",
    "id_token_hint",
    "password",
    "refresh_token",
    "value",
];

/// A request that a stand-in received, in the answer of
/// `GET /stand-in/requests`. Where a secret was, there is `sha256:` and the
/// first 16 hexadecimal digits of its SHA-256.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// `POST`.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query parameters.
    pub query: BTreeMap<String, String>,
    /// Headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Form fields as an object, or JSON; `null` for anything else.
    pub body: Value,
}

/// The requests received, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    received: Mutex<VecDeque<RecordedRequest>>,
}

impl RequestLog {
    fn push(&self, request: RecordedRequest) {
        let mut received = lock(&self.received);
        if received.len() == CAPACITY {
            received.pop_front();
        }
        received.push_back(request);
    }

    /// The requests whose path contains `part`.
    pub(crate) fn matching(&self, part: &str) -> Vec<RecordedRequest> {
        lock(&self.received)
            .iter()
            .filter(|request| request.path.contains(part))
            .cloned()
            .collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.received).clear();
    }
}

/// Middleware: remembers the request, then passes it on unchanged.
pub(crate) async fn record(
    State(log): State<Arc<RequestLog>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    log.push(RecordedRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: fields(parts.uri.query().unwrap_or_default().as_bytes()),
        headers: headers(&parts.headers),
        body: body_of(&parts.headers, &bytes),
    });
    next.run(Request::from_parts(parts, Body::from(bytes)))
        .await
}

fn fields(encoded: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(encoded)
        .map(|(name, value)| {
            let value = if SECRETS.contains(&name.as_ref()) {
                fingerprint(&value)
            } else {
                value.into_owned()
            };
            (name.into_owned(), value)
        })
        .collect()
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let shown = if name == AUTHORIZATION {
                let (scheme, secret) = text.split_once(' ').unwrap_or(("", &text));
                format!("{scheme} {}", fingerprint(secret))
            } else if name == COOKIE {
                fingerprint(&text)
            } else {
                text.into_owned()
            };
            (name.to_string(), shown)
        })
        .collect()
}

fn body_of(headers: &HeaderMap, bytes: &[u8]) -> Value {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let fields = fields(bytes).into_iter();
        Value::Object(
            fields
                .map(|(name, value)| (name, Value::String(value)))
                .collect(),
        )
    } else if kind.starts_with("application/json") {
        redacted(serde_json::from_slice(bytes).unwrap_or_default())
    } else {
        Value::Null
    }
}

fn redacted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(redacted).collect()),
        Value::Object(members) => {
            let hide = |(name, value): (String, Value)| match value {
                Value::String(text) if SECRETS.contains(&name.as_str()) => {
                    (name, Value::String(fingerprint(&text)))
                }
                other => (name, redacted(other)),
            };
            Value::Object(members.into_iter().map(hide).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// What stands in the log for a secret: enough to tell whether two are the
/// same.
fn fingerprint(secret: &str) -> String {
    let hash = sha256(secret.as_bytes());
    let digits = hash.iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_replaced_by_a_fingerprint_wherever_they_are() {
        let form = fields(b"client_id=a&client_secret=hunter2");
        assert_eq!(form["client_id"], "a");
        assert!(form["client_secret"].starts_with("sha256:"));
        assert!(!form["client_secret"].contains("hunter2"));

        let body = redacted(json!({"a": [{"refresh_token": "hunter2"}], "code": 7}));
        assert!(!body.to_string().contains("hunter2"));
        assert_eq!(body["code"], 7);

        let mut map = HeaderMap::new();
        map.insert(AUTHORIZATION, "Bearer hunter2".parse().unwrap());
        assert!(headers(&map)["authorization"].starts_with("Bearer sha256:"));
    }

    #[test]
    fn the_log_is_bounded_and_forgets_the_oldest() {
        let log = RequestLog::default();
        for index in 0..=CAPACITY {
            log.push(RecordedRequest {
                method: "GET".to_owned(),
                path: format!("/{index}"),
                query: BTreeMap::new(),
                headers: BTreeMap::new(),
                body: Value::Null,
            });
        }
        let kept = log.matching("");
        assert_eq!(kept.len(), CAPACITY);
        assert_eq!(kept[0].path, "/1");
    }
}
