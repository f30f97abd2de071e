//! `GET /mcp/tools`: the caller's tool list as plain JSON, for people with
//! curl.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use rmcp::model::Tool as ToolDefinition;
use serde::Serialize;

use super::{McpServer, Registry};
use crate::context::CorrelationId;
use crate::error::ApiError;
use crate::identity::Principal;

#[derive(Serialize)]
struct Listing {
    count: usize,
    tools: Vec<ToolDefinition>,
}

/// Answers with the tools that the caller may call, as `tools/list` does, and
/// is entered into the audit log like it.
///
/// # Errors
/// 503 when the log takes no entry.
pub async fn list_as_json(
    Extension(caller): Extension<Principal>,
    Extension(correlation): Extension<CorrelationId>,
    State(registry): State<Arc<Registry>>,
    State(server): State<McpServer>,
) -> Result<Response, ApiError> {
    let tools = registry.visible(&caller);
    let is_empty = registry.are_public(&tools);
    let entered = server.enter_list(&caller, Some(correlation), is_empty);
    entered.await?;
    let listing = Listing {
        count: tools.len(),
        tools,
    };
    Ok((
        [(CACHE_CONTROL, HeaderValue::from_static("private, no-store"))],
        Json(listing),
    )
        .into_response())
}
