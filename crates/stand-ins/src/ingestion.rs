//! Ingestion of Application Insights, under `/application-insights`:
//! `POST /v2/track` and `/v2.1/track` (the Breeze protocol, as the
//! Application Insights SDKs speak it): an array of envelopes, gzip or plain,
//! answered with how many were received and accepted.
//!
//! Once local authentication is off (Microsoft Learn, "Microsoft Entra
//! authentication for Application Insights"), only the managed identity's token
//! for `https://monitor.azure.com` is taken, and only at `/v2.1/track`, which is
//! where Microsoft's own SDKs send it; the status of refusals is documented,
//! their text is inferred.

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::directory::{self, MANAGED_IDENTITY_OBJECT_ID, MONITOR_RESOURCE_ID};
use crate::encoding::lock;
use crate::entra::Entra;

/// Items that are remembered; older ones are dropped.
const CAPACITY: usize = 10_000;
/// Longest batch, unpacked, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The telemetry that came, oldest first.
#[derive(Debug)]
pub(crate) struct Telemetry {
    entra: Arc<Entra>,
    items: Mutex<VecDeque<Value>>,
    /// Whether a token is asked for.
    authenticated: AtomicBool,
}

impl Telemetry {
    pub(crate) fn new(entra: Arc<Entra>) -> Self {
        Self {
            entra,
            items: Mutex::default(),
            authenticated: AtomicBool::new(false),
        }
    }

    pub(crate) fn items(&self) -> Vec<Value> {
        lock(&self.items).iter().cloned().collect()
    }

    pub(crate) fn reset(&self) {
        lock(&self.items).clear();
        self.authenticate(false);
    }

    pub(crate) fn authenticate(&self, authenticated: bool) {
        self.authenticated.store(authenticated, Ordering::Relaxed);
    }

    /// Lets a batch in, or says why not.
    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        if !self.authenticated.load(Ordering::Relaxed) {
            return Ok(());
        }
        let refused = |message| Err((StatusCode::UNAUTHORIZED, message));
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let (Some(token), true) = (token, path.ends_with("/v2.1/track")) else {
            return refused("Authentication required");
        };
        let resource = directory::application(MONITOR_RESOURCE_ID);
        let verified = resource.map(|resource| self.entra.verify_access_token(token, resource));
        match verified {
            Some(Ok(verified)) if verified.object_id == MANAGED_IDENTITY_OBJECT_ID => Ok(()),
            Some(Ok(_)) => Err((
                StatusCode::FORBIDDEN,
                "Monitoring Metrics Publisher is missing",
            )),
            _ => refused("The token is not valid for this resource"),
        }
    }

    fn take(&self, items: Vec<Value>) {
        let mut kept = lock(&self.items);
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
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err((status, message)) = telemetry.admit(uri.path(), &headers) {
        let fault = json!({"itemsReceived": 0, "itemsAccepted": 0, "errors": [
            {"index": 0, "statusCode": status.as_u16(), "message": message},
        ]});
        return (status, Json(fault)).into_response();
    }
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
