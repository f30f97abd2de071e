//! `GET /api/openapi.json`.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::schemas::Schemas;
use super::{account_operations, chat_operations, open_operations, sign_in_operations};

/// What the document says of itself.
const ABOUT: &str = "Sign in with Microsoft Entra ID and talk to agents. Every answer carries \
    `x-correlation-id`; errors have the form of `ErrorBody`, whose `code` is for programs. Get a \
    token at `/auth/login` and `/auth/exchange`, or bring one of Microsoft Entra ID for this \
    application. MCP clients use `/mcp`, which describes itself.";

/// Made when it is first asked for.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(build().to_string()));

/// The document, for anybody.
pub async fn document() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, DOCUMENT.clone()).into_response()
}

/// Every operation of `/api` and `/auth`.
pub(super) fn operations() -> Vec<Operation> {
    [
        sign_in_operations::all(),
        account_operations::all(),
        chat_operations::all(),
        open_operations::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn build() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations() {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Value::Object(item) = item {
            let description = operation.to_json(&mut schemas);
            item.insert(operation.method.to_owned(), description);
        }
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Entrada",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "sign-in", "description": "Tokens for front ends."},
            {"name": "account", "description": "The caller's own profile and sign-ins."},
            {"name": "chat", "description": "Agents, sessions, turns."},
            {"name": "operations", "description": "Health and documentation."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.named(),
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access token of `/auth/exchange`, or one of Microsoft Entra ID \
                                for this application.",
            }},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_types_cannot_say_of_agents_and_health_is_said() {
        let document = build();
        let told = |path: &str, method: &str, status: &str, what: &str| {
            let answer = &document["paths"][path][method]["responses"][status];
            assert!(
                answer.to_string().contains(what),
                "{method} {path} {status}: {answer}"
            );
        };
        told("/api/agents/{id}", "get", "409", "AGENT_UNAVAILABLE");
        told("/api/sessions", "post", "409", "AGENT_UNAVAILABLE");
        told("/api/chat", "post", "409", "AGENT_UNAVAILABLE");
        told("/api/chat", "post", "401", "claims");
        told("/api/chat", "post", "403", "step_up_url");
        told("/api/chat", "post", "404", "CHAT_NOT_CONFIGURED");
        told("/api/health", "get", "200", "text/event-stream");
    }
}
