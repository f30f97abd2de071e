//! `get_authentication_info`: how to sign in, for anybody.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Services;
use crate::auth::info::Info;
use crate::mcp::{PublicTool, ToolError};

/// Says how to sign in.
pub(super) struct GetAuthenticationInfo {
    info: Arc<Info>,
}

impl GetAuthenticationInfo {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            info: services.info.clone(),
        }
    }
}

/// It takes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct AuthenticationInfo {
    /// What to do, in words.
    instructions: &'static str,
    #[serde(flatten)]
    info: Info,
}

impl PublicTool for GetAuthenticationInfo {
    const NAME: &'static str = "get_authentication_info";
    const TITLE: &'static str = "How to sign in";
    const DESCRIPTION: &'static str = "How to sign in to this server: addresses, tenant, client \
         id and scopes. Answers without a token; every other tool needs one.";
    type Arguments = Arguments;
    type Output = AuthenticationInfo;

    fn example() -> Value {
        json!({})
    }

    async fn call(&self, _arguments: Arguments) -> Result<AuthenticationInfo, ToolError> {
        Ok(AuthenticationInfo {
            instructions: "MCP clients sign in by themselves: they follow the \
                `WWW-Authenticate` header of a 401 to `protected_resource_metadata`. People \
                open `login_url` in a browser. A client that has a token of Microsoft Entra ID \
                for `entra_scope` sends that one.",
            info: Info::clone(&self.info),
        })
    }
}
