//! Ingestion of Application Insights, under `/application-insights`:
//! `POST /v2/track` and `/v2.1/track` (the Breeze protocol, as the
//! Application Insights SDKs speak it): an array of envelopes, gzip or plain,
//! answered with how many were received and accepted.

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::encoding::lock;

/// Items that are remembered; older ones are dropped.
const CAPACITY: usize = 10_000;
/// Longest batch, unpacked, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The telemetry that came, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Telemetry(Mutex<VecDeque<Value>>);

impl Telemetry {
    pub(crate) fn items(&self) -> Vec<Value> {
        lock(&self.0).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    fn take(&self, items: Vec<Value>) {
        let mut kept = lock(&self.0);
        for item in items {
            if kept.len() == CAPACITY {
                kept.pop_front();
            }
            kept.push_back(item);
        }
    }
}

/// The routes, without their prefix.
pub(crate) fn router(telemetry: Arc<Telemetry>) -> Router {
    Router::new()
        .route("/v2/track", post(track))
        .route("/v2.1/track", post(track))
        .with_state(telemetry)
}

async fn track(
    State(telemetry): State<Arc<Telemetry>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let packed = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding == "gzip");
    let Some(items) = unpack(&body, packed) else {
        let fault = json!({"itemsReceived": 0, "itemsAccepted": 0, "errors": [
            {"index": 0, "statusCode": 400, "message": "Invalid JSON"},
        ]});
        return (StatusCode::BAD_REQUEST, Json(fault)).into_response();
    };
    let count = items.len();
    let sound = items.iter().all(|item| {
        ["name", "time", "iKey", "data"]
            .iter()
            .all(|member| item.get(member).is_some())
    });
    if !sound {
        return StatusCode::BAD_REQUEST.into_response();
    }
    telemetry.take(items);
    Json(json!({"itemsReceived": count, "itemsAccepted": count, "errors": []})).into_response()
}

/// The envelopes of a batch: a JSON array of objects.
fn unpack(body: &[u8], packed: bool) -> Option<Vec<Value>> {
    if !packed {
        return serde_json::from_slice(body).ok();
    }
    let mut plain = Vec::new();
    GzDecoder::new(body)
        .take(LONGEST)
        .read_to_end(&mut plain)
        .ok()?;
    serde_json::from_slice(&plain).ok()
}
