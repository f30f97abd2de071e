use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HOST};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use uuid::Uuid;

use super::Entra;
use super::error::{EntraError, Trace};
use crate::serve::Arrival;

/// One request as the endpoints see it: where the client believes to be, and
/// the identifiers that an error carries.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// Host and port that the client used.
    pub(crate) host: String,
    /// Scheme and host that the client used.
    pub(crate) origin: String,
    pub(crate) trace: Trace,
}

impl FromRequestParts<Arc<Entra>> for Exchange {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        entra: &Arc<Entra>,
    ) -> Result<Self, Self::Rejection> {
        let header = |name: &str| parts.headers.get(name)?.to_str().ok();
        let host = header(HOST.as_str()).unwrap_or("localhost").to_owned();
        let scheme = parts
            .extensions
            .get::<Arrival>()
            .map_or("http", |arrival| arrival.scheme());
        // MSAL sends the id that it logs; Entra answers with the same.
        let correlation_id = header("client-request-id")
            .and_then(|id| Uuid::try_parse(id).ok())
            .unwrap_or_else(|| entra.random.uuid_v4());
        Ok(Self {
            origin: format!("{scheme}://{host}"),
            host,
            trace: Trace {
                request_id: entra.random.uuid_v4(),
                correlation_id,
                time: entra.clock.now(),
            },
        })
    }
}

/// A public document, or why there is none. Browsers may read it from any
/// page, as they may at Entra.
pub(crate) fn answer_error(exchange: &Exchange, answer: Result<Value, EntraError>) -> Response {
    let body = match answer {
        Ok(document) => Json(document).into_response(),
        Err(error) => (error.status(), Json(error.body(&exchange.trace))).into_response(),
    };
    ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], body).into_response()
}
