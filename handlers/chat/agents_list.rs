//! `GET /api/agents`: the agents that the caller may use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Agent, Chat, ChatCaller};

/// The agents that the caller may use.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Agents {
    agents: Vec<Agent>,
    count: usize,
}

/// Lists agents that can be used, in the order of the catalogue.
pub async fn list_agents(
    ChatCaller(caller): ChatCaller,
    State(chat): State<Arc<Chat>>,
) -> Json<Agents> {
    let agents: Vec<Agent> = chat
        .catalogue
        .offered()
        .await
        .into_iter()
        .filter(|agent| chat.policy.allows_agent(&caller, &agent.id))
        .collect();
    let count = agents.len();
    Json(Agents { agents, count })
}
