//! `graph_me`: the caller's profile, from Microsoft Graph.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;
use super::remedy::tool_error;
use crate::downstream::Remedies;
use crate::graph::{Graph, GraphError, Profile, SCOPE};
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;

/// The caller's profile in Microsoft Graph, read on the caller's behalf.
pub(super) struct GraphMe {
    graph: Arc<Graph>,
    remedies: Remedies,
}

impl GraphMe {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            graph: services.graph.clone(),
            remedies: services.remedies.clone(),
        }
    }
}

/// It takes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {}

impl Tool for GraphMe {
    const NAME: &'static str = "graph_me";
    const TITLE: &'static str = "My profile";
    const DESCRIPTION: &'static str = "Your own profile in Microsoft Graph: name, e-mail \
         address, job, office and language. Read as you, not by this server in its own name.";
    const CLASS: ToolClass = ToolClass::Read;
    const EFFECTS: Effects = Effects {
        open_world: true,
        ..Effects::READS
    };
    type Arguments = Arguments;
    type Output = Profile;

    fn example() -> Value {
        json!({})
    }

    async fn call(&self, caller: &Principal, _arguments: Arguments) -> Result<Profile, ToolError> {
        match self.graph.me(caller).await {
            Ok(profile) => Ok(profile),
            Err(GraphError::Token(error)) => {
                let error = self.remedies.answer(caller, SCOPE, &error).await;
                Err(tool_error(&error))
            }
            Err(error @ GraphError::Unauthorized) => Err(ToolError::unavailable(
                "Microsoft Graph does not take your token. Sign in again.",
                error,
            )),
            Err(error @ GraphError::Forbidden) => Err(ToolError::unavailable(
                "Microsoft Graph refused: the permission User.Read is missing. Ask an \
                 administrator to grant it to this application.",
                error,
            )),
            Err(error @ GraphError::Unavailable(_)) => Err(ToolError::unavailable(
                "Microsoft Graph does not answer right now. Try again shortly.",
                error,
            )),
        }
    }
}
