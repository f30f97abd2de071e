use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::encoding::lock;

/// Faults that can be waiting at once.
const CAPACITY: usize = 64;

/// Longest delay, in milliseconds.
const LONGEST_DELAY: u64 = 120_000;

/// A way in which the next requests to a route fail, the body of
/// `POST /stand-in/faults`. With neither `status`, `malformed` nor
/// `disconnect` a request is only delayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Part of the path: `/oauth2/v2.0/token`, `/discovery/`, `/foundry/`.
    pub route: String,
    /// How many requests; 1 by default.
    #[serde(default = "once")]
    pub times: u32,
    /// Status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Body of the answer with that status, sent as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// `Retry-After` of the answer, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Milliseconds to wait first, at most 120,000. In real time, whatever
    /// clock the stand-ins run on: it is the peer's patience that is tried.
    #[serde(default)]
    pub delay_ms: u64,
    /// Answer 200 with a JSON document that breaks off.
    #[serde(default)]
    pub malformed: bool,
    /// Close the connection in the middle of the answer.
    #[serde(default)]
    pub disconnect: bool,
}

const fn once() -> u32 {
    1
}

/// A fault is not one that can be produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FaultRefused {
    #[error("status must be between 200 and 599")]
    Status,
    #[error("delay_ms must be at most 120000")]
    Delay,
    #[error("too many faults are waiting")]
    TooMany,
}

/// The faults that wait for a request.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Mutex<Vec<Fault>>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> Result<(), FaultRefused> {
        if fault
            .status
            .is_some_and(|status| !(200..600).contains(&status))
        {
            return Err(FaultRefused::Status);
        }
        if fault.delay_ms > LONGEST_DELAY {
            return Err(FaultRefused::Delay);
        }
        let mut waiting = lock(&self.waiting);
        if waiting.len() == CAPACITY {
            return Err(FaultRefused::TooMany);
        }
        waiting.push(fault);
        Ok(())
    }

    /// The oldest fault for this path, used up by one.
    fn take(&self, path: &str) -> Option<Fault> {
        let mut waiting = lock(&self.waiting);
        waiting.retain(|fault| fault.times > 0);
        let fault = waiting
            .iter_mut()
            .find(|fault| path.contains(&fault.route))?;
        fault.times -= 1;
        Some(fault.clone())
    }

    pub(crate) fn clear(&self) {
        lock(&self.waiting).clear();
    }
}

/// Middleware: lets a request fail when a fault waits for it.
pub(crate) async fn apply(
    State(faults): State<Arc<Faults>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(fault) = faults.take(request.uri().path()) else {
        return next.run(request).await;
    };
    if fault.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    if fault.disconnect {
        return broken_off();
    }
    if fault.malformed {
        return ([(CONTENT_TYPE, "application/json")], "{\"access_token\":\"").into_response();
    }
    match fault.status.map(StatusCode::from_u16) {
        Some(Ok(status)) => failure(status, &fault),
        _ => next.run(request).await,
    }
}

fn failure(status: StatusCode, fault: &Fault) -> Response {
    let mut response = match &fault.body {
        Some(body) => (status, axum::Json(body)).into_response(),
        None => status.into_response(),
    };
    if let Some(seconds) = fault.retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An answer that promises more than it sends.
fn broken_off() -> Response {
    let parts = [
        Ok(axum::body::Bytes::from_static(b"{")),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ];
    let mut response = Body::from_stream(futures::stream::iter(parts)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("1000"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(route: &str, times: u32) -> Fault {
        serde_json::from_value(serde_json::json!({
            "route": route, "times": times, "status": 503
        }))
        .unwrap()
    }

    #[test]
    fn a_fault_waits_for_its_route_and_is_used_up() {
        let faults = Faults::default();
        faults.add(fault("/token", 2)).unwrap();
        assert_eq!(faults.take("/common/keys"), None);
        assert!(faults.take("/x/token").is_some());
        assert!(faults.take("/x/token").is_some());
        assert_eq!(faults.take("/x/token"), None);
    }

    #[test]
    fn impossible_faults_are_refused() {
        let faults = Faults::default();
        let refused = faults.add(Fault {
            status: Some(100),
            ..fault("/", 1)
        });
        assert_eq!(refused, Err(FaultRefused::Status));
        let refused = faults.add(Fault {
            delay_ms: 120_001,
            ..fault("/", 1)
        });
        assert_eq!(refused, Err(FaultRefused::Delay));
        for _ in 0..CAPACITY {
            faults.add(fault("/", 1)).unwrap();
        }
        assert_eq!(faults.add(fault("/", 1)), Err(FaultRefused::TooMany));
    }
}
